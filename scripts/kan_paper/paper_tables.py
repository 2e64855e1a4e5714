"""The tables of docs/paper.md: test errors on the KAN paper's special functions and Feynman
formulas, KAN and MLP by `kanpde.fit`.

    python -m scripts paper_tables [--columns kan,mlp] [--seeds 3,4,5] [--write] [name ...]

Each seed has other samples (2000, a scrambled Sobol sequence with arcsine density in every
coordinate, 15 % of them held back for validation), other starts and 4000 other test points, uniform
and independent. Errors are RMSE in the units of the function. The goal of a row is a tenth of the
better of the paper's two errors; the search stops when the validation error is half of that.
Seconds are those of one core for a whole fit with all its starts. The MLP has one or two hidden
layers of tanh, whichever validates better, within 5 % of the KAN's parameters: two starts of each,
the better one polished by the same optimizer. The gain is the better of the paper's errors over our
worst. Without --seeds a row keeps the seeds that the page says. Rows that took the page the fewest
seconds come first. --write puts each row into docs/paper.md when it is made and keeps the others,
and the columns that were not asked for.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from scripts.common import tables
from scripts.kan_paper import paper_fits
from scripts.kan_paper.paper_rows import feynman, special_functions

PAGE = Path(__file__).resolve().parents[2] / "docs" / "paper.md"
ROWS = {"formula": feynman(), "special function": special_functions()}
CELLS = (
    "paper's KAN", "shape there", "paper's MLP", "our KAN", "parameters", "median", "worst", "seeds", "s", "gain", "our MLP",
    "MLP median", "MLP seeds",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--columns", default="kan,mlp")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pages = {key: tables.read(PAGE, (key, *CELLS)) for key in ROWS}
    known = [
        (key, row, pages[key].get((f"`{row.name}`",), {})) for key in ROWS for row in ROWS[key]
    ]
    for key, row, cells in sorted(known, key=lambda entry: float(entry[2].get("s", "inf"))):
        if arguments.names and row.name not in arguments.names:
            continue
        cells = {key: f"`{row.name}`", **cells}
        seeds = arguments.seeds or [int(seed) for seed in cells.get("seeds", "6 7 8").split()]
        if "kan" in arguments.columns:
            cells |= paper_fits.kan(row, seeds)
        if "mlp" in arguments.columns:
            cells |= paper_fits.mlp(row, int(cells["parameters"]), seeds)
        sys.stdout.write(" | ".join(cells.values()) + "\n")
        sys.stdout.flush()
        if arguments.write:
            write(key, cells)


def write(key: str, cells: dict[str, str]) -> None:
    """Put a row into its table on the page; other rows and the text stay."""
    columns = (key, *CELLS)
    rows = {names[0]: line for names, line in tables.read(PAGE, columns).items()}
    rows[cells[key]] = cells
    order = [f"`{row.name}`" for row in ROWS[key]]
    tables.write(PAGE, columns, [rows[name] for name in order if name in rows])
