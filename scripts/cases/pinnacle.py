"""Problems of PINNacle by this program, and what PINNacle's own reference files are worth:
docs/how_good.md.

    python -m scripts pinnacle FOLDER [--seconds 250] [--write]

FOLDER is `ref` of a checkout of PINNacle (arXiv 2306.08827). Each problem is a file of tests/cases,
solved at default settings and compared with an answer that comes neither from this program nor from
PINNacle; then the values of PINNacle's file, at its own points, with the solution. --write puts the
rows into the page.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

import numpy as np

from kanpde import api
from scripts.cases.answers import answers
from scripts.cases.cases import judged
from scripts.common import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how_good.md"
COLUMNS = ("PINNacle's case", "case", "error", "estimate", "exit", "s", "error of PINNacle's file")
# PINNacle's case: the case here, the file, the columns of the file that are coordinates of space.
FILES = {
    "Burgers1d-C": ("burgers_default", "burgers1d.dat", 1),
    "Poisson2d-C": ("poisson_four_holes", "poisson1_cg_data.dat", 2),
    "Poisson2d-CG": ("poisson_holes_boltzmann", "poisson_boltzmann2d.dat", 2),
    "Heat2d-MS": ("heat2d_multiscale", "heat_multiscale_lesspoints.dat", 2),
}
_TIME = re.compile(r"@ t=(\S+)")


def published(file: Path, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, d) and values (N,) of a file of COMSOL: one column of values, or one per time."""
    text = file.read_text(encoding="utf-8")
    heads = [line for line in text.splitlines() if line.startswith("%")]
    times = [float(time) for time in _TIME.findall(heads[-1])]
    table = np.loadtxt(file, comments="%", ndmin=2)
    places, values = table[:, :dimension], table[:, dimension:]
    if not times:
        return places, values[:, 0]
    layers = [np.column_stack([places, np.full(len(places), time)]) for time in times]
    return np.concatenate(layers), values.T.ravel()


def difference(folder: Path, points: np.ndarray, values: np.ndarray) -> float:
    """‖file − u‖ / ‖u‖ over the points that lie in the domain of a run's solution u."""
    solution = api.load(folder)
    inside = solution.problem.domain.contains(points)
    field = solution(points[inside])[:, 0]
    return float(np.linalg.norm(values[inside] - field) / np.linalg.norm(field))


def main() -> None:
    """Solve, compare, print and, where asked for, write the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="`ref` of a checkout of PINNacle")
    parser.add_argument("--seconds", type=float, default=250.0, help="limit of each solve")
    parser.add_argument("--write", action="store_true", help="put the rows into the page")
    options = parser.parse_args()
    rows = []
    for name, (case, file, dimension) in FILES.items():
        with tempfile.TemporaryDirectory(prefix="pinnacle-") as scratch:
            run = Path(scratch) / case
            row = judged(answers()[case], run, options.seconds)
            far = difference(run, *published(options.folder / file, dimension))
        _, _, _, error, estimate, code, seconds = row.cells
        cells = (name, f"`{case}`", error, estimate, code, seconds, f"{far:.1e}")
        print(" | ".join(cells), flush=True)
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
    if options.write:
        tables.write(PAGE, COLUMNS, rows)


if __name__ == "__main__":
    main()
