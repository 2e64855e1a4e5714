"""Chains of products on equations in 5 to 100 coordinates: errors against formulas and series.

    python -m scripts products [--write] [NAME …]

Every problem is solved as a user's file without `trial` is, to the tolerance in the table. Errors
are relative L2 norms at random points that no solve has seen, against the exact solution, for a
source of ones against a series (`heat_of_ones`). For products of waves the points are drawn where
the waves are: in a hundred coordinates the square of a product of sines has nearly all of its
integral at points that are never met by chance. Seconds are those of the processor for the whole
call of `kanpde.solve`, with its measured report. `--write` puts the rows into docs/products.md.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

import kanpde
from kanpde.trial.chain import ProductChain
from scripts.benchmarks.product_cases import Row, rows
from scripts.common import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "products.md"
COLUMNS = (
    "problem",
    "coordinates",
    "tolerance",
    "error",
    "estimate",
    "ended",
    "degree",
    "ranks",
    "parameters",
    "processor seconds",
)
POINTS = 2000


def _measured(name: str, row: Row) -> dict[str, str]:
    began = time.process_time()
    solution = kanpde.solve(row.tree, tolerance=row.tolerance, seconds=600)
    seconds = time.process_time() - began
    trial, estimate = solution.trial, solution.result.estimate
    assert isinstance(trial, ProductChain)
    lower, upper = trial.lower.numpy(), trial.upper.numpy()
    x, weights = row.points(lower, upper)
    exact = row.exact(x) * np.sqrt(weights)
    values = trial.evaluate(torch.tensor(x)).numpy()[:, 0] * np.sqrt(weights)
    error = np.linalg.norm(values - exact)
    estimated = "cannot be told" if estimate is None else f"{estimate:.1e}"
    cells = (
        name,
        str(len(lower)),
        f"{row.tolerance:.0e}",
        f"{error / np.linalg.norm(exact):.1e}",
        estimated,
        solution.stop_reason.name.lower(),
        str(max(trial.degrees)),
        str(max(trial.ranks)),
        str(trial.parameter_count),
        f"{seconds:.1f}",
    )
    return dict(zip(COLUMNS, cells, strict=True))


def main() -> None:
    """Print the rows, and write them if asked."""
    known = rows()
    parser = argparse.ArgumentParser(prog="python -m scripts products", description=__doc__)
    parser.add_argument("names", nargs="*", help="problems, all if none", metavar="NAME")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    table = tables.read(PAGE, COLUMNS)
    for name in options.names or known:
        row = _measured(name, known[name])
        table[(name,)] = row
        print(" | ".join(row.values()), flush=True)
        if options.write:
            tables.write(PAGE, COLUMNS, [table[(k,)] for k in known if (k,) in table])
