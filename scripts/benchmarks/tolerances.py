"""The error that `tolerance=` leads to on every problem with a known error: docs/tolerances.md.

    python -m scripts tolerances [--tolerances 1e-4,1e-8] [--seconds S] [--write] [name ...]

Each problem is solved with each tolerance, seed 0. The error is relative L2 on held-out points, the
largest over the unknowns; the estimate is what the program says of itself without reading `exact`
or `reference`. The page keeps the rows of other runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import kanpde
from kanpde.api.solving import available, configure
from kanpde.errors import KanpdeError
from kanpde.progress import StopReason
from scripts.common import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tolerances.md"
COLUMNS = ("problem", "tolerance", "error", "estimate", "error / estimate", "chosen", "s", "end")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tolerances", default="1e-4,1e-8")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    for name in arguments.names or known():
        for tolerance in arguments.tolerances.split(","):
            cells = row(name, float(tolerance), arguments.seconds)
            print(cells, flush=True)
            if arguments.write:
                write(cells)


def known() -> list[str]:
    """The shipped problems whose error can be measured."""
    return [name for name, _ in available() if has_error(name)]


def has_error(name: str) -> bool:
    problem = configure(name).problem
    return bool(problem.exact) or problem.reference is not None


def row(name: str, tolerance: float, seconds: float) -> list[str]:
    """The cells of one solve."""
    try:
        solution = kanpde.solve(name, tolerance=tolerance, seconds=seconds)
    except KanpdeError as failure:
        return [f"`{name}`", f"{tolerance:.0e}", "", "", "", str(failure), "", "refused"]
    error = max(value for value in solution.relative_l2.values() if value is not None)
    estimate = solution.result.estimate
    trial = solution.trial
    slabs = f" on {len(trial.slab_ends)} slabs" if trial.slab_ends else ""
    shape = f"{solution.result.trial['shape']}{slabs}"
    estimate_cells = (
        ("unknown", "") if estimate is None else (f"{estimate:.1e}", f"{error / estimate:.2g}")
    )
    end = "met" if solution.stop_reason is StopReason.TOLERANCE else "not met"
    return [
        f"`{name}`",
        f"{tolerance:.0e}",
        f"{error:.1e}",
        *estimate_cells,
        shape,
        f"{solution.seconds:.1f}",
        end,
    ]


def write(cells: list[str]) -> None:
    """Put a row into the page."""
    rows = tables.read(PAGE, COLUMNS, keys=2)
    rows[cells[0], cells[1]] = dict(zip(COLUMNS, cells, strict=True))
    tables.write(PAGE, COLUMNS, [rows[key] for key in sorted(rows)], keys=2)
    ratios = [float(row["error / estimate"]) for row in rows.values() if row["error / estimate"]]
    text, _ = PAGE.read_text(encoding="utf-8").split("\nWorst error / estimate")
    PAGE.write_text(
        f"{text}\nWorst error / estimate: {max(ratios):.2g} over {len(ratios)} solves.\n",
        encoding="utf-8",
    )
