"""From a PDE to a verified formula: docs/formulas.md, a row per shipped problem that has an `exact`
solution (never read).

    python -m scripts formulas [--write] [--runs FOLDER] [name ...]

For every problem what `kanpde solve problem=NAME --out RUN && kanpde formula RUN` does; with --runs
the runs are kept in FOLDER/NAME and used again. Rows of other problems stay. Seconds are processor
seconds of `kanpde formula`, solve not included.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import kanpde
from kanpde.api.solving import available, configure
from kanpde.errors import KanpdeError
from scripts.common import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formulas.md"
COLUMNS = ("problem", "formula found", "as", "verdict", "s")
LONGEST = 240


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--runs", type=Path)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    every = [name for name, _ in available() if configure(name).problem.exact is not None]
    with tempfile.TemporaryDirectory() as folder:
        runs = arguments.runs or Path(folder)
        for name in arguments.names or every:
            cells = row(name, runs / name)
            print(cells, flush=True)
            if arguments.write:
                rows = tables.read(PAGE, COLUMNS)
                rows[cells["problem"],] = cells
                keys = [(f"`{known}`",) for known in every]
                tables.write(PAGE, COLUMNS, [rows[key] for key in keys if key in rows])


def row(name: str, folder: Path, tree: dict[str, Any] | None = None) -> dict[str, str]:
    """The cells of one problem, of the shipped one of this name where no `tree` states it."""
    solved = (folder / "result.json").is_file()
    solution = (
        kanpde.load(folder) if solved else kanpde.solve(tree or name, out=folder, overwrite=True)
    )
    before = spent()
    try:
        formula = kanpde.formula(solution)
        texts = [f"`{unknown} = {shortened(text)}`" for unknown, text in formula.text.items()]
        how = ", ".join(dict.fromkeys(formula.how.values()))
        result = ("; ".join(texts), how, verdict(formula))
    except KanpdeError as error:
        result = ("", "", f"not sought: {error}")
    cells = (f"`{name}`", *result, f"{spent() - before:.1f}")
    return dict(zip(COLUMNS, cells, strict=True))


def verdict(formula: kanpde.Formula) -> str:
    """The verdict, with how many of the equations and conditions hold exactly where not all do, and
    what was not checked.
    """
    exactly = sum(check.verdict.value == "verified exactly" for check in formula.checks)
    text = formula.sentence
    if 0 < exactly < len(formula.checks):
        text += f" ({exactly} of {len(formula.checks)} exactly)"
    if formula.unchecked and formula.checks:
        text += f"; not checked: {', '.join(formula.unchecked)}"
    return text


def shortened(text: str) -> str:
    """At most LONGEST characters, which a table can show; `kanpde formula` prints all of them."""
    text = text.replace("|", "∣")
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def spent() -> float:
    """Processor seconds of this process and of those it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
