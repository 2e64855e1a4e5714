"""The suite's steady cases in the plane that have no solution, beside finite elements of NGSolve.

    python -m scripts pde_agent_bench_references FOLDER [--only NAME ...] [--order 10] [--layers 8]

FOLDER is what `pde_agent_bench --all --keep FOLDER` left. Every case is solved on triangles and
quadrilaterals of two orders, refined towards all corners (and sides, where a flow leaves); their
difference is the error of the reference. Errors are relative, in L2 at random points, the largest
over the unknowns, a pressure up to a constant where no condition fixes it. `pip install ngsolve`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.pde_agent_bench.case import Case
from scripts.pde_agent_bench.convert import convert
from scripts.pde_agent_bench.elements import solved
from scripts.pde_agent_bench.pde_agent_bench import DATA, POINTS, SEED

Array = NDArray[np.float64]


def main() -> None:
    """A line for each case that has a run in the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[])
    parser.add_argument("--order", type=int, default=10)
    parser.add_argument("--layers", type=int, default=8)
    options = parser.parse_args()
    print("| case | estimate | error | of the reference |\n|---|---|---|---|")
    for line in options.data.read_text(encoding="utf-8").splitlines():
        case = convert(json.loads(line))
        is_wanted = not options.only or case.name in options.only
        if case.solution or case.times or len(case.place.lower) > 2 or not is_wanted:
            continue
        file = options.folder / case.name / "result.json"
        if file.is_file():
            result = json.loads(file.read_text(encoding="utf-8"))
            print(_row(case, options.folder, result, options.order, options.layers), flush=True)


def _row(case: Case, folder: Path, result: dict[str, Any], order: int, layers: int) -> str:
    import kanpde

    points = case.points(POINTS, SEED)
    rough, fine = (solved(case, points, degree, layers) for degree in (order - 2, order))
    values = np.asarray(kanpde.load(folder / case.name)(points, outside="allow"), dtype=float)
    estimates = list((result.get("estimate") or {}).values())
    largest = "" if None in estimates else f"{max(estimates):.1e}"
    floats = any("mean" in condition for condition in case.problem["conditions"])
    errors = f"{distance(values, fine, floats):.1e} | {distance(rough, fine, floats):.1e}"
    return f"| `{case.name}` | {largest} | {errors} |"


def distance(u: Array, right: Array, floats: bool) -> float:
    """The largest relative L2 difference of columns; the last one may float by a constant."""
    gap = u.reshape(right.shape) - right
    if floats:
        gap[:, -1] -= gap[:, -1].mean()
    known = np.isfinite(gap).all(axis=1)
    gap, right = gap[known], right[known]
    if floats:
        right = np.column_stack([right[:, :-1], right[:, -1] - right[:, -1].mean()])
    size = np.linalg.norm(right, axis=0)
    scale = np.where(size > 1e-9 * size.max(), size, size.max())
    return float((np.linalg.norm(gap, axis=0) / scale).max())


if __name__ == "__main__":
    main()
