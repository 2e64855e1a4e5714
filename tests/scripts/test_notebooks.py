"""Notebooks are kept with what their cells show, and run again without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.docs.notebooks import FOLDER, run

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(path: Path) -> list[dict[str, Any]]:
    """The code cells of a notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_as_it_ran(path: Path) -> None:
    code = cells(path)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        compile("".join(cell["source"]), path.name, "exec")
    assert sum(bool(cell["outputs"]) for cell in code) == len(code)
    assert "/tmp" not in path.read_text(encoding="utf-8")


def test_cells_run_one_after_the_other_and_show_their_last_value() -> None:
    code = {"cell_type": "code", "execution_count": None, "outputs": [], "metadata": {}}
    words = {"cell_type": "markdown", "source": ["words"]}
    first = {**code, "source": ["a = 2\n", "print(a)"]}
    done = run({"cells": [first, words, {**code, "source": ["a**3"]}]})["cells"]
    assert done[0]["outputs"][0]["text"] == ["2\n"]
    assert done[1] == words
    assert done[2]["outputs"][0]["data"]["text/plain"] == ["8"]
    with pytest.raises(ZeroDivisionError):
        run({"cells": [{**code, "source": ["1 / 0"]}]})


def test_the_quick_notebook_runs() -> None:
    path = FOLDER / "derivatives.ipynb"
    outputs = run(json.loads(path.read_text(encoding="utf-8")))["cells"][-1]["outputs"]
    assert outputs[0]["text"][0].startswith("turns at t = 3.95937839")
