"""From a PDE to a formula on problems that the search was not made for: the second table of
docs/formulas.md.

    python -m scripts formulas_unseen [--write] [--runs FOLDER] [name ...]

The problems below were written down before the first of them was run. `definitions` hold the
solution, which the search does not read; every problem of as many coordinates has the same trial
(of fourth order with degree 8). Seconds are processor seconds of `kanpde formula`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from scripts.common import tables
from scripts.formulas import formulas

PAGE = formulas.PAGE
COLUMNS = ("unseen problem", "solution", "formula found", "as", "verdict", "s")
SQUARE: dict[str, Any] = {"rectangle": {"lower": [-1, -1], "upper": [1, 1]}}
DISK: dict[str, Any] = {"disk": {"center": [0, 0], "radius": 1}}
LINE: dict[str, Any] = {"interval": {"lower": -1, "upper": 1}}
CUBE: dict[str, Any] = {"box": {"lower": [-1, -1, -1], "upper": [1, 1, 1]}}
RING: dict[str, Any] = {
    "difference": [DISK, {"disk": {"center": [0, 0], "radius": 0.5, "name": "hole"}}]
}
POISSON = "laplacian(u) = laplacian(solution)"
SIDES = ["left", "right", "bottom", "top"]
WAVE = ["initial", ["u = solution", "dt(u) = dt(solution)"]]
WALLS = [["initial", "u = solution"], [["left", "right"], "u = solution"]]
TRIALS: dict[int, dict[str, Any]] = {
    1: {"kind": "kan", "width": [1], "degree": 5, "intervals": 48},
    2: {"kind": "kan", "width": [26], "degree": [4, 17], "intervals": [1, 1], "ends": "clamped"},
    3: {"kind": "kan", "width": [120], "degree": [4, 11], "intervals": [1, 1], "ends": "clamped"},
}

# name: (domain, equation or equations, conditions as [parts, equations] or Dirichlet on all of
# SIDES, solution or solutions)
PROBLEMS: dict[str, tuple[dict[str, Any], Any, Any, Any]] = {
    "poisson_sum": (SQUARE, POISSON, None, "x*exp(-y) + y**2"),
    "heat_ridge": (
        SQUARE, "dt(u) = laplacian(u)/5", [["initial", "u = solution"], [SIDES, "u = solution"]],
        "cos(2*x + y)*exp(-t)",
    ),
    "advection_front": (LINE, "dt(u) + 2*dx(u) = 0", WALLS, "tanh((x - 2*t)/3)"),
    "poisson_log": (SQUARE, POISSON, None, "log(1 + x**2 + y**2)"),
    "laplace_quadratic": (DISK, "laplacian(u) = 0", [["circle", "u = solution"]], "x**2 - y**2 + x*y"),
    "laplace_growing": (SQUARE, "laplacian(u) = 0", None, "sin(x)*cosh(y)"),
    "poisson_reciprocal": (SQUARE, POISSON, None, "1/(x + y + 4)"),
    "poisson_gaussian": (SQUARE, POISSON, None, "exp(-x**2 - 2*y**2)"),
    "helmholtz_drum": (DISK, "laplacian(u) + 9*u = 0", [["circle", "u = 1"]], None),
    "poisson_root": (SQUARE, POISSON, None, "y*sqrt(1 + x**2)"),
    "wave_two": (
        LINE, "dtt(u) = 4*dxx(u)", [WAVE, [["left", "right"], "u = solution"]], "1/(1 + (x - 2*t)**2) + sin(x + 2*t)",
    ),
    "liouville": (SQUARE, "laplacian(u) + exp(u) = 0", None, "log(8/(1 + x**2 + y**2)**2)"),
    "diffusion_product": (SQUARE, "div((2 + x)*grad(u)) = div((2 + x)*grad(solution))", None, "exp(x*y)"),
    "burgers_front": (
        LINE, "dt(u) + u*dx(u) = dxx(u)/4", WALLS, "1 - tanh(2*(x - t))",
    ),
    "heat_kernel": (
        LINE, "dt(u) = dxx(u)", WALLS,
        "exp(-x**2/(4*(t + 1)))/sqrt(t + 1)",
    ),
    "cauchy_riemann": (
        SQUARE, ["dx(u) - dy(v) = 0", "dy(u) + dx(v) = 0"], [[SIDES, ["u = solution", "v = other"]]],
        ("(x + 3)/((x + 3)**2 + y**2)", "-y/((x + 3)**2 + y**2)"),
    ),
    "poisson_cubic": (
        CUBE, POISSON, [[[*SIDES, "back", "front"], "u = solution"]], "x*y*z + sin(x + 2*y - z)",
    ),
    "oscillator": (LINE, "dxx(u) + 4*dx(u) + 13*u = 6*exp(-2*x)*cos(3*x)", WALLS[1:], "x*exp(-2*x)*sin(3*x)"),
    "laplace_angle": (SQUARE, "laplacian(u) = 0", None, "atan(x/(y + 3))"),
    "biharmonic_ring": (
        RING, "laplacian(laplacian(u)) = 0", [[["circle", "hole"], ["u = solution", "dn(u) = dn(solution)"]]],
        "(x**2 + y**2)*log(x**2 + y**2)",
    ),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--runs", type=Path)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = arguments.runs or Path(folder)
        for name in arguments.names or PROBLEMS:
            formula_cells = formulas.row(name, runs / name, tree(name))
            cells = {
                COLUMNS[0]: formula_cells["problem"],
                "solution": solution(name),
                **formula_cells,
            }
            print(cells, flush=True)
            if arguments.write:
                rows = tables.read(PAGE, COLUMNS)
                rows[cells[COLUMNS[0]],] = cells
                keys = [(f"`{known}`",) for known in PROBLEMS]
                tables.write(PAGE, COLUMNS, [rows[key] for key in keys if key in rows])


def tree(name: str) -> dict[str, Any]:
    """The config of a problem."""
    domain, equations, conditions, known = PROBLEMS[name]
    names = dict(zip(("solution", "other"), texts(known), strict=False))
    text = str(equations)
    timed = "dt" in text
    dimension = {"interval": 1, "box": 3}.get(next(iter(domain)), 2) + timed
    stated: dict[str, Any] = {
        "name": name,
        "unknowns": ["u", "v"] if "v" in text.replace("div", "") else ["u"],
        "domain": domain,
        "definitions": names,
        "equations": [equations] if isinstance(equations, str) else equations,
        "conditions": [
            {"part": part, "equation": equation}
            for part, equation in conditions or [[SIDES, "u = solution"]]
        ],
    }
    if timed:
        stated["time"] = {"interval": [0, 1]}
    trial = TRIALS[dimension] | ({"degree": [8, 17]} if "laplacian(laplacian" in text else {})
    return {"problem": stated, "trial": trial, "output": {"vtu": False, "plots": False}}


def texts(known: Any) -> tuple[str, ...]:
    """The solutions of a problem."""
    if known is None:
        return ()
    return (known,) if isinstance(known, str) else known


def solution(name: str) -> str:
    """The solution as the table shows it."""
    return "; ".join(f"`{text}`" for text in texts(PROBLEMS[name][3])) or "J0(3r)/J0(3)"
