"""The one door to the programs here: `python -m scripts NAME [arguments]`; without a name, a list.

A program is a file of a subfolder with a function `main()`; its name is that of the file, and what
it does is the first sentence of its docstring.
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def programs() -> dict[str, tuple[str, str]]:
    """Module and first sentence of every program, by its name; nothing is imported."""
    known = {}
    for path in sorted(FOLDER.glob("*/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            paragraph = (ast.get_docstring(tree) or "").partition("\n\n")[0]
            sentence = " ".join(paragraph.split()).partition(". ")[0].rstrip(".:")
            known[path.stem] = f"scripts.{path.parent.name}.{path.stem}", sentence
    return known


def main() -> None:
    """Run the program that the command line names, with the words behind its name as its own."""
    known = programs()
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print("python -m scripts NAME [arguments]\n")
        for name, (module, sentence) in known.items():
            print(f"  {module.split('.')[1] + '/':12s} {name:24s} {sentence}")
        return
    name = sys.argv[1].removesuffix(".py").rpartition("/")[2]
    if name not in known:
        sys.exit(f"no program {name!r}; `python -m scripts` lists them")
    sys.argv = [f"python -m scripts {name}", *sys.argv[2:]]
    import_module(known[name][0]).main()


if __name__ == "__main__":
    main()
