"""The table of docs/benchmarks.md: error and seconds of the shipped problems at their recommended settings, beside their goals.

    python scripts/benchmarks.py [--seeds N] [--mlp] [--write] [name ...]

Without names every row of GOALS is solved. Seeds jitter the points and turn the directions; errors are relative L2 on held-out
points, the largest over the unknowns, median and worst over the seeds. --mlp adds an MLP of equal parameters under the same
stages and points, one seed. --write replaces the rows of the solved problems in docs/benchmarks.md; else the table is printed.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import kanpde
from kanpde import contenders
from kanpde.api import configure
from kanpde.errors import KanpdeError

GOALS: dict[str, tuple[float, float]] = {
    "poisson_square": (2e-14, 5),
    "poisson_paper": (1e-12, 20),
    "poisson_rotated": (1e-11, 30),
    "poisson_franke": (1e-9, 60),
    "poisson_peak": (1e-9, 60),
    "poisson_multiscale": (1e-12, 60),
    "poisson_5d": (1e-13, 30),
    "poisson_10d": (1e-13, 30),
    "helmholtz": (1e-12, 60),
    "helmholtz_rotated": (1e-11, 60),
    "heat_1d": (1e-13, 20),
    "wave_1d": (1e-11, 120),
    "advection": (1e-10, 120),
    "advection_exp": (1e-10, 120),
    "advection_fast": (1e-9, 120),
    "advection_fast_exp": (1e-9, 120),
    "burgers": (1e-11, 120),
    "burgers_sharp": (1e-8, 300),
    "allen_cahn": (1e-6, 600),
    "kdv": (1e-8, 600),
    "kovasznay": (1e-10, 60),
    "biharmonic": (1e-9, 60),
    "poisson_disk": (1e-10, 60),
    "poisson_cube": (1e-9, 120),
}
"""Relative L2 error and wall seconds that each problem is to reach on two cores."""

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
HEAD = "| problem | goal | trial solution | parameters | median | worst | seeds | median s | MLP, equal parameters |\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--mlp", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    rows = {}
    for name in arguments.names or GOALS:
        rows[name] = row(name, arguments.seeds, arguments.mlp)
        print(rows[name], flush=True)
        if arguments.write:
            write(rows)


def row(name: str, seeds: int, mlp: bool) -> str:
    """One row of the table."""
    goal, limit = GOALS[name]
    solutions = [kanpde.solve(name, seed=seed) for seed in range(seeds)]
    errors = [max(e for e in s.relative_l2.values() if e is not None) for s in solutions]
    trial = solutions[0].result.trial
    shape = f"{trial['kind'].upper()} {trial['shape']}"
    if solutions[0].config.slabs > 1:
        shape += f" on {solutions[0].config.slabs} slabs"
    seconds = statistics.median(s.seconds for s in solutions)
    cells = (
        f"`{name}`",
        f"{goal:.0e} in {limit:g} s",
        shape,
        trial["parameters"],
        f"{statistics.median(errors):.1e}",
        f"{max(errors):.1e}",
        seeds,
        f"{seconds:.1f}",
        rival(name) if mlp else "",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def rival(name: str) -> str:
    """Error and seconds of an MLP of equal parameters."""
    try:
        solution = kanpde.solve(contenders.equal_mlp(configure(name), 0))
    except KanpdeError as error:
        return str(error)
    error = max(e for e in solution.relative_l2.values() if e is not None)
    return f"{error:.1e}, {solution.seconds:.1f} s"


def write(rows: dict[str, str]) -> None:
    """Replace or add rows of the page's table."""
    text = PAGE.read_text(encoding="utf-8")
    before, table = text.split(HEAD)
    lines = table.splitlines()
    end = next((k for k, line in enumerate(lines) if not line.startswith("|")), len(lines))
    kept = {line.split("`")[1]: line for line in lines[1:end]} | rows
    ordered = [kept[name] for name in GOALS if name in kept]
    PAGE.write_text(before + HEAD + "\n".join([lines[0], *ordered, *lines[end:]]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
