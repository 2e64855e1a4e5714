"""Errors with adaptive points and weights, beside those of one least-squares solve: the table of
docs/adaptive.md.

    python -m scripts adaptive [--seeds N] [--write] [name ...]

--write puts the rows of the named problems (all by default) into the page as they come and keeps
the others.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kanpde.api.solving import configure, solve
from kanpde.config import Config
from scripts.common import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adaptive.md"
COLUMNS = ("problem", "schedule", "relative L2, each seed", "points", "CPU s")

ADAM: dict[str, Any] = {"optimizer": "adam", "steps": 500, "learning_rate": 5e-3}
LBFGS: dict[str, Any] = {"optimizer": "lbfgs", "steps": 200}
KEPT = {**LBFGS, "weights": "keep"}
RAD = {"points": {"method": "rad", "every": 50}}
RAR = {"points": {"method": "rar", "every": 50, "add": 20}}
WAYS: dict[str, list[dict[str, Any]]] = {
    "Adam + L-BFGS": [ADAM, LBFGS],
    "the same, `rad` points": [{**ADAM, **RAD}, {**LBFGS, **RAD}],
    "the same, `rar` points": [{**ADAM, **RAR}, LBFGS],
    "the same, `attention` weights": [{**ADAM, "weights": "attention"}, KEPT],
    "the same, `gradient_norm` weights": [{**ADAM, "weights": "gradient_norm"}, KEPT],
    "the same, `ntk` weights": [{**ADAM, "weights": {"method": "ntk", "every": 200}}, KEPT],
}
CAUSAL = {
    "the same, `causal` weights": [{**ADAM, "weights": {"method": "causal", "epsilon": 10}}, LBFGS]
}
MLP: dict[str, Any] = {
    "trial": {"kind": "mlp", "width": [20, 20]},
    "sampler": {"interior": 400, "boundary": 120, "kind": "sobol"},
    "weights": {"conditions": 100.0},
}
SOLVE: dict[str, Any] = {"optimizer": "least_squares"}
UNTOLD: dict[str, Any] = {
    "trial": {"width": [20], "degree": [5, 11], "intervals": [2, 24], "centers": "none"},
    "sampler": {"interior": 1200, "boundary": 400},
}
"""A KAN without the centre of the peak, on few points."""

MORE = [SOLVE, {"adapt_points": {"method": "rar", "add": 600}}, SOLVE]
EVEN = {**UNTOLD, "sampler": {"interior": 1800, "boundary": 400}}
ENGINE: dict[str, dict[str, dict[str, Any]]] = {
    "poisson_peak": {
        "least squares, KAN [20] without `centers`": {**UNTOLD, "schedule": [SOLVE]},
        "the same with `adapt_points`, 600 points more": {**UNTOLD, "schedule": MORE},
        "the same with 600 even points more": {**EVEN, "schedule": [SOLVE]},
        "least squares, recommended settings": {},
    },
    "burgers": {"least squares, recommended settings (time slabs)": {}},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    rows = tables.read(PAGE, COLUMNS, keys=2)
    for problem in arguments.names or ENGINE:
        ways = WAYS if problem == "poisson_peak" else {**WAYS, **CAUSAL}
        configs = {name: trained(problem, schedule) for name, schedule in ways.items()}
        configs |= {name: solved(problem, keys) for name, keys in ENGINE[problem].items()}
        for name, config in configs.items():
            rows[f"`{problem}`", name] = row(problem, name, config, arguments.seeds)
            if arguments.write:
                tables.write(PAGE, COLUMNS, list(rows.values()), keys=2)


def trained(problem: str, schedule: list[dict[str, Any]]) -> Config:
    """A small MLP on the whole domain at once, by a schedule."""
    stages = configure("heat_1d", **MLP, schedule=schedule).schedule
    return replace(configure(problem, **MLP), slabs=1, schedule=stages)


def solved(problem: str, keys: Mapping[str, Any]) -> Config:
    """The recommended settings but for some keys."""
    config = configure(problem, **{key: value for key, value in keys.items() if key != "slabs"})
    return replace(config, slabs=keys.get("slabs", config.slabs))


def row(problem: str, name: str, config: Config, seeds: int) -> dict[str, str]:
    """Solve for each seed; a row of the table."""
    errors, spent, points = [], [], 0
    for seed in range(seeds):
        began = time.process_time()
        solution = solve(replace(config, seed=seed))
        spent.append(time.process_time() - began)
        errors.append(solution.relative_l2["u"] or math.nan)
        points = sum(solution.result.points.values())
    listed = ", ".join(f"{error:.1e}" for error in errors)
    cells = (f"`{problem}`", name, listed, str(points), f"{statistics.median(spent):.1f}")
    print(" | ".join(cells), flush=True)
    return dict(zip(COLUMNS, cells, strict=True))
