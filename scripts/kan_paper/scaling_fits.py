"""The toy functions of scripts/kan_paper/scaling.py and their fits by `kanpde.fit`, from grid to
grid.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy import special
from scipy.stats import qmc
from torch import Tensor

import kanpde
from kanpde.config import ExtendGrid
from kanpde.config.problem.searches import POLISH
from kanpde.results.solution import Solution
from scripts.kan_paper.scaling_page import GRIDS

SEARCH = {"starts": 6, "rounds": 1, "polished": [1], "steps": 25, "rows": 2000, "target": 3e-4}
Function = Callable[[Tensor], Tensor]


def _two_rings(x: Tensor) -> Tensor:
    return torch.exp(torch.sin(torch.pi * x.square().reshape(-1, 2, 2).sum(2)).sum(1) / 2)


def _many(x: Tensor) -> Tensor:
    return torch.exp(torch.sin(torch.pi * x / 2).square().mean(1))


TOYS: dict[str, tuple[tuple[int, ...], int, Function]] = {
    "J0(20x)": ((1, 1), 1000, lambda x: torch.as_tensor(special.j0(20 * x[:, 0].numpy()))),
    "exp(sin πx + y²)": (
        (2, 1, 1),
        1000,
        lambda x: torch.exp(torch.sin(torch.pi * x[:, 0]) + x[:, 1] ** 2),
    ),
    "xy": ((2, 2, 1), 200, lambda x: x.prod(1)),
    "exp(½(sin π(x₁²+x₂²) + sin π(x₃²+x₄²)))": ((4, 2, 1, 1), 500, _two_rings),
    "exp(mean sin²(πx_i/2)), 100 inputs": ((100, 1, 1), 20, _many),
}
"""Shape, largest G, function on [-1, 1]^d."""


def ladder(name: str, degree: int) -> dict[str, tuple[float, int, float]]:
    """Test RMSE over the function's deviation, parameters and seconds by G."""
    shape, largest, function = TOYS[name]
    x_test = torch.as_tensor(2 * np.random.default_rng(1).random((5000, shape[0])) - 1)
    size, mean = torch.std_mean(function(x_test))
    y_test = (function(x_test) - mean) / size
    solution: Solution | None = None
    figures: dict[str, tuple[float, int, float]] = {}
    for intervals in (g for g in GRIDS if g <= largest):
        start = time.process_time()
        edges = sum(a * b for a, b in pairwise(shape))
        count = max(4000, 20 * intervals, 4 * edges * (intervals + degree))
        x = points(shape[0], count, intervals)
        solution = kanpde.fit(
            x.numpy(),
            ((function(x) - mean) / size).numpy(),
            test=(x_test.numpy(), y_test.numpy()),
            domain=_cube(shape[0]),
            **_keys(shape, degree, intervals, solution),
        )
        seconds = time.process_time() - start
        figures[str(intervals)] = (solution.rmse["u"], solution.trial.parameter_count, seconds)
        print("   ", intervals, figures[str(intervals)], flush=True)
    return figures


def _keys(
    shape: tuple[int, ...], degree: int, intervals: int, before: Solution | None
) -> dict[str, Any]:
    """One linear solve without a hidden layer; else a search on the first grid, whose network then
    goes from grid to grid.
    """
    trial: dict[str, Any] = {"width": list(shape[1:-1]), "degree": degree, "intervals": intervals}
    if len(shape) == 2:
        return {"trial": trial, "schedule": [{"optimizer": "least_squares"}]}
    if before is None:
        search, polish = {**SEARCH, "intervals": [intervals]}, POLISH
        if shape[0] > 4:  # the best sum is the one start, and its steps are long
            search, polish = {**search, "starts": 1, "steps": 1}, {**POLISH, "steps": 12}
        return {"trial": trial, "search": search, "schedule": [polish]}
    trial["intervals"] = list(before.config.trial.intervals)
    grids = [stage for stage in before.config.schedule if isinstance(stage, ExtendGrid)]
    if grids:
        trial["intervals"] = grids[-1].intervals
    steps = 60 if shape[0] <= 4 and intervals <= 20 else 12
    stages = [
        {"update_grid": {"mix": 0.0, "room": 0.05}},
        {"extend_grid": intervals},
        {**POLISH, "steps": steps, "tolerance": 0.02},
    ]
    return {"trial": trial, "schedule": stages, "after": before}


def _cube(d: int) -> dict[str, Any]:
    if d == 1:
        return {"interval": {"lower": -1, "upper": 1}}
    shape = "rectangle" if d == 2 else "box"
    return {shape: {"lower": [-1] * d, "upper": [1] * d}}


def points(d: int, count: int, seed: int) -> Tensor:
    """Scrambled Sobol points with arcsine density (N, d), uniform ones for d > 4, where sums would
    lie elsewhere in the test.
    """
    u = qmc.Sobol(d, rng=seed).random_base2(int(np.ceil(np.log2(count))))
    return torch.as_tensor(-np.cos(np.pi * u) if d <= 4 else 2 * u - 1)
