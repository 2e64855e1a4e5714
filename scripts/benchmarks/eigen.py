"""Eigenproblems: errors of all eigenvalues against known values, and the estimates beside them.

    python -m scripts eigen [--write] [NAME …]

Every problem is solved as a user's file without `trial` is, to the tolerance in the table, which
is for eigenvalues and modes. Errors are the largest of |λ - λ*| / max(|λ*|, 1). What is known of
the two drums is eight or more digits of Driscoll's; where values are left out of `exact` the row
is of the known ones. Seconds are those of the processor for the whole call of `kanpde.solve`.
`--write` puts the rows into docs/eigen.md.

Sources: Driscoll, SIAM Review 39 (1997) 1-17 (drums); Betcke & Trefethen, SIAM Review 47 (2005)
469-491 (L-shape); Orszag, J. Fluid Mech. 50 (1971) 689-703; DLMF §28.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import kanpde
from kanpde.api.solving import configure
from scripts.common import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "eigen.md"
COLUMNS = (
    "problem",
    "modes",
    "tolerance",
    "error of eigenvalues",
    "their estimate",
    "estimate of modes",
    "ended",
    "size",
    "processor seconds",
)

SQUARE = [2.0, 5.0, 5.0, 8.0, 10.0, 10.0]
PI_SQUARED = 9.869604401089358
LSHAPE = [9.63972384402194, 15.1972519264543, 2 * PI_SQUARED, 29.5214811141520, 31.9126359571203]
DRUMS = [
    *(2.53794399980, 3.65550971352, 5.17555935622, 6.53755744376, 7.24807786256),
    *(9.20929499840, 10.5969856913, 11.5413953956, 12.3370055014, 13.0536540557),
]
FIRST_DRUM = [[0, 0], [1, 0], [1, 1], [2, 1], [3, 2], [2, 2], [2, 3], [0, 1]]
SECOND_DRUM = [[1, 0], [1, 1], [2, 1], [3, 2], [2, 3], [2, 2], [0, 2], [0, 1]]
MATHIEU = [-5.80004602085, 2.09946044548, 7.44910973953, 16.6482199372, 17.0965816844]


@dataclass(frozen=True)
class Row:
    """A problem as a config tree, and its tolerance."""

    tree: Any
    tolerance: float


def _membrane(domain: dict[str, Any], count: int, exact: list[float]) -> dict[str, Any]:
    """-Δu = λ u with u = 0 on the boundary."""
    return _tree(
        domain=domain,
        equations=["-laplacian(u) = lambda*u"],
        conditions=[{"part": "boundary", "equation": "u = 0"}],
        eigen={"count": count, "exact": exact},
    )


def _tree(**keys: Any) -> dict[str, Any]:
    problem = {"name": "eigen", "unknowns": ["u"]} | keys
    return {"problem": problem, "output": {"vtu": False, "plots": False}}


def _polygon(vertices: list[list[int]]) -> dict[str, Any]:
    return {"polygon": {"vertices": vertices}}


def rows() -> dict[str, Row]:
    """All problems by name."""
    square = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
    wide = {"rectangle": {"lower": [-8, -8], "upper": [8, 8]}}
    corner = [[0, 0], [1, 0], [1, 1], [-1, 1], [-1, -1], [0, -1]]
    oscillator = _membrane(wide, 10, [1, 2, 2, 3, 3, 3, 4, 4, 4, 4])
    oscillator["problem"]["equations"] = ["-laplacian(u)/2 + (x**2 + y**2)/2*u = lambda*u"]
    mathieu = _tree(
        domain={"interval": [0, 3.141592653589793]},
        equations=["-dxx(u) + 10*cos(2*x)*u = lambda*u"],
        conditions=[{"periodic": ["left", "right"]}],
        eigen={"count": 5, "near": -6, "exact": MATHIEU},
    )
    drums = [4 * value for value in DRUMS]
    form, frequencies = _coupled(10)
    return {
        "square": Row(_membrane(square, 6, [PI_SQUARED * k for k in SQUARE]), 1e-12),
        "disk": Row(configure("membrane_disk", tolerance=1e-12).as_tree(), 1e-12),
        "L-shape": Row(_membrane(_polygon(corner), 10, LSHAPE), 1e-8),
        "first drum": Row(_membrane(_polygon(FIRST_DRUM), 10, drums), 1e-8),
        "second drum": Row(_membrane(_polygon(SECOND_DRUM), 10, drums), 1e-8),
        "harmonic oscillator": Row(oscillator, 1e-10),
        "Mathieu, q = 5": Row(mathieu, 1e-10),
        "Orr-Sommerfeld, R = 10 000": Row(configure("orr_sommerfeld").as_tree(), 1e-8),
        "cube, d = 10": Row(_many("0", 10, (0, 1), 10 * PI_SQUARED), 1e-6),
        "oscillator, d = 20": Row(_many("sum(i, x[i]**2)", 20, (-6, 6), 20.0), 1e-6),
        "coupled oscillators, d = 10": Row(_many(form, 10, (-6, 6), frequencies), 1e-6),
    }


def _many(potential: str, d: int, sides: tuple[float, float], exact: float) -> dict[str, Any]:
    """-Δu + V u = λ u in a box of d coordinates with u = 0 on its faces."""
    box = {"box": {"lower": sides[0], "upper": sides[1], "dimensions": d}}
    tree = _membrane(box, 1, [exact])
    tree["problem"]["equations"] = [f"-laplacian(u) + ({potential})*u = lambda*u"]
    return tree


def _coupled(d: int) -> tuple[str, float]:
    """A quadratic form in which every pair of coordinates has a term, and the sum of the roots of
    its eigenvalues.
    """
    mixed = np.random.default_rng(3).standard_normal((d, d))
    form = np.eye(d) + 0.3 * mixed @ mixed.T / d
    terms = [
        f"{(1 if i == j else 2) * form[i, j]:.17g}*x{i + 1}*x{j + 1}"
        for i in range(d)
        for j in range(i, d)
    ]
    return " + ".join(terms).replace("+ -", "- "), float(np.sqrt(np.linalg.eigvalsh(form)).sum())


def _measured(name: str, row: Row) -> dict[str, str]:
    began = time.process_time()
    solution = kanpde.solve(row.tree, tolerance=row.tolerance, seconds=600)
    seconds = time.process_time() - began
    values = solution.result.eigenvalues
    print(json.dumps([[entry["value"], entry["imaginary"]] for entry in values]))
    errors = [
        entry["error"] / max(abs(complex(*entry["exact"])), 1.0)
        for entry in values
        if "error" in entry
    ]
    cells = (
        name,
        str(len(values)),
        f"{row.tolerance:.0e}",
        f"{max(errors):.1e}",
        f"{max(entry['estimate'] for entry in values):.1e}",
        f"{max(entry['mode_estimate'] for entry in values):.1e}",
        solution.stop_reason.name.lower(),
        _size(solution.result.trial),
        f"{seconds:.1f}",
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _size(trial: dict[str, Any]) -> str:
    if "patches" in trial:
        return f"{trial['patches']} patches"
    return f"degree {max(trial['degree'])}, ranks up to {max(trial['ranks'])}"


def main() -> None:
    """Print the rows, and write them if asked."""
    known = rows()
    parser = argparse.ArgumentParser(prog="python -m scripts eigen", description=__doc__)
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
