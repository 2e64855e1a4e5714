"""The one door to the programs here: `python -m scripts NAME [arguments]`; without a name, a list.

A program is a file of a subfolder with a function `main()`. Its name is that of the file, the list
shows the first sentence of its docstring, and `python -m scripts NAME --help` all of it. Neither
imports the program.
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent
HELP = {"-h", "--help"}


class Program(NamedTuple):
    """A program: its module, its folder and its docstring."""

    module: str
    folder: str
    text: str

    @property
    def sentence(self) -> str:
        """The first sentence of the docstring."""
        paragraph = self.text.partition("\n\n")[0]
        return " ".join(paragraph.split()).partition(". ")[0].rstrip(".:")


def programs() -> dict[str, Program]:
    """All programs by their names; nothing is imported."""
    known = {}
    for path in sorted(FOLDER.glob("*/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            folder = path.parent.name
            text = ast.get_docstring(tree) or ""
            known[path.stem] = Program(f"scripts.{folder}.{path.stem}", folder, text)
    return known


def main() -> None:
    """Run the program that the command line names, with the words behind its name as its own."""
    known = programs()
    if len(sys.argv) < 2 or sys.argv[1] in HELP:
        print("python -m scripts NAME [arguments]\n")
        for name, program in known.items():
            print(f"  {program.folder + '/':12s} {name:24s} {program.sentence}")
        return
    name = sys.argv[1].removesuffix(".py").rpartition("/")[2]
    if name not in known:
        sys.exit(f"no program {name!r}; `python -m scripts` lists them")
    if HELP & {*sys.argv[2:]}:
        print(known[name].text)  # at once: the program itself would import torch first
        return
    sys.argv = [f"python -m scripts {name}", *sys.argv[2:]]
    import_module(known[name].module).main()


if __name__ == "__main__":
    main()
