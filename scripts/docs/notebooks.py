"""Runs the notebooks of docs/notebooks without a notebook server, every cell after the one before.

python -m scripts notebooks [name ...]           # runs them; a cell that fails ends the program
python -m scripts notebooks --write [name ...]   # and keeps what the cells show
"""

from __future__ import annotations

import ast
import base64
import io
import json
import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "notebooks"


def run(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook with the outputs of its cells; an exception of a cell is raised."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            cells.append(cell)
            continue
        count += 1
        outputs = _outputs("".join(cell["source"]), names, count)
        cells.append({**cell, "execution_count": count, "outputs": outputs})
    return {**notebook, "cells": cells}


def _outputs(source: str, names: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """What one cell prints, and the value of its last line where that is an expression."""
    tree = ast.parse(source)
    last = tree.body[-1] if tree.body else None
    body = tree.body[:-1] if isinstance(last, ast.Expr) else tree.body
    printed, value = io.StringIO(), None
    with redirect_stdout(printed):
        exec(compile(ast.Module(body, []), "<cell>", "exec"), names)  # noqa: S102
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)  # noqa: S307
    outputs: list[dict[str, Any]] = []
    if text := printed.getvalue():
        lines = text.splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": lines})
    if value is not None:
        shown = {"data": _data(value), "execution_count": count, "metadata": {}}
        outputs.append({"output_type": "execute_result", **shown})
    return outputs


def _data(value: Any) -> dict[str, Any]:
    """A value as a notebook shows it."""
    data: dict[str, Any] = {"text/plain": repr(value).splitlines(keepends=True)}
    if isinstance(value, bytes):
        return {"text/plain": ["<PNG>"], "image/png": base64.b64encode(value).decode()}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = value._repr_html_().splitlines(keepends=True)
    return data


def main() -> None:
    """Run the notebooks that are named, or all."""
    words = sys.argv[1:]
    wanted = [word for word in words if word != "--write"]
    here = os.getcwd()
    for path in sorted(FOLDER.glob("*.ipynb")):
        if wanted and path.stem not in wanted:
            continue
        notebook = json.loads(path.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                done = run(notebook)
            finally:
                os.chdir(here)
        if "--write" in words:
            text = json.dumps(done, indent=1, ensure_ascii=False) + "\n"
            path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path.stem}: {sum(cell['cell_type'] == 'code' for cell in done['cells'])} cells")
