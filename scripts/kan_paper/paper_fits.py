"""One row of the KAN paper's tables, fitted by `kanpde.fit`: samples, the search of a KAN, an MLP of
as many parameters.

    fit(x, y, test=(x', y'), trial={"width": ...}, search={"target": ...}, seed=seed)
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import qmc

import kanpde
from kanpde.config.problem.searches import POLISH
from kanpde.results.solution import Solution
from scripts.kan_paper.paper_rows import Array, Row

SAMPLES, TESTS = 2000, 4000

WIDTHS: dict[str, tuple[int, ...]] = {
    "jacobian_elliptic_sn": (3, 2), "elliptic_incomplete_first": (2, 1), "bessel_first": (3,), "bessel_second": (3,),
    "bessel_modified_first": (4,), "legendre_m0": (4,), "legendre_m1": (4,), "legendre_m2": (5,),
    "spherical_harmonic_m0_n1": (1,), "spherical_harmonic_m0_n2": (1,),
    "I.6.2": (2, 1), "I.6.2b": (2, 3), "I.9.18": (4, 4), "I.29.16": (2, 2, 1), "I.30.3": (6,), "I.30.5": (2, 1),
    "I.37.4": (2, 1), "II.6.15a": (2, 2), "II.11.7": (4,), "II.11.27": (2, 1), "II.36.38": (3,), "III.9.52": (2, 2),
    "III.17.37": (4,),
}  # fmt: skip
"""Hidden widths where they are not (2,). Two have more edges than the paper's: legendre_m0 12 for
6, legendre_m2 15 for 14.
"""

SEARCHES: dict[str, dict[str, Any]] = {
    "legendre_m2": {"polished": [0, 4], "mix": 0.5},
    "bessel_modified_second": {"mix": 0.5, "intervals": [10, 20, 40, 80]},
}
"""Where the search is another one: knots half-way to quantiles, dense near y = -0.95 and where K is
large.
"""

MLP_SEARCH = {"starts": 2, "polished": [1], "rounds": 1, "target": 0.0}
MLP_STEPS = 3
"""Of an MLP the better of two starts is polished as long as a KAN on so many grids, to the end."""


def kan(row: Row, seeds: Sequence[int]) -> dict[str, str]:
    """The cells of the paper and of the KAN; its parameters are those of the seed with the median
    error.
    """
    trial = {"width": list(WIDTHS.get(row.name, (2,)))}
    runs = []
    for seed in seeds:
        start = time.process_time()
        solution = _fit(row, seed, trial, SEARCHES.get(row.name, {}))
        seconds = time.process_time() - start
        runs.append((_error(solution), solution.trial.parameter_count, seconds))
    error, count, _ = sorted(runs)[len(runs) // 2]
    worst = max(runs)[0]
    return {
        "paper's KAN": f"{row.kan:.2e}",
        "shape there": "" if row.shape is None else str(list(row.shape)),
        "paper's MLP": f"{row.mlp:.2e}",
        "our KAN": str([len(row.variables), *trial["width"], 1]),
        "parameters": str(count),
        "median": f"{error:.1e}",
        "worst": f"{worst:.1e}",
        "seeds": " ".join(map(str, seeds)),
        "s": f"{statistics.median(seconds for _, _, seconds in runs):.1f}",
        "gain": f"{min(row.kan, row.mlp) / worst:.3g}",
    }


def mlp(row: Row, count: int, seeds: Sequence[int]) -> dict[str, str]:
    """The cells of an MLP with about `count` parameters; validation chooses its depth."""
    schedule = [{**POLISH, "steps": MLP_STEPS * POLISH["steps"]}]
    runs = []
    for seed in seeds:
        tried = []
        for shape in mlp_shapes(len(row.variables), count):
            trial = {"kind": "mlp", "width": shape[1:-1], "start": "features", "scale": 2.0}
            solution = _fit(row, seed, trial, MLP_SEARCH, schedule=schedule)
            tried.append((solution.result.estimate or 0.0, _error(solution), str(shape)))
        runs.append(min(tried)[1:])
    error, shape_there = sorted(runs)[len(runs) // 2]
    return {
        "our MLP": shape_there,
        "MLP median": f"{error:.1e}",
        "MLP seeds": " ".join(map(str, seeds)),
    }


def _fit(
    row: Row, seed: int, trial: Mapping[str, Any], search: Mapping[str, Any], **keys: Any
) -> Solution:
    """Half of the row's goal is the target of the validation error."""
    x, y, x_test, y_test = samples(row, seed)
    lower, upper = np.array(row.ranges).T.tolist()
    shape = "rectangle" if len(lower) == 2 else "box"
    target = row.goal / 2 / float(y.std())
    return kanpde.fit(
        x,
        y,
        test=(x_test, y_test),
        domain={shape: {"lower": lower, "upper": upper}},
        trial=trial,
        search={"target": target, **search},
        seed=seed,
        **keys,
    )


def _error(solution: Solution) -> float:
    """Root mean square error at the test points, in the units of the function."""
    return solution.rmse["u"]


def samples(row: Row, seed: int, count: int = SAMPLES) -> tuple[Array, Array, Array, Array]:
    """x (N, d) in the row's ranges and y (N,) for training and validation, then for the test."""
    d, (lower, upper) = len(row.variables), np.array(row.ranges).T
    u = qmc.Sobol(d, rng=seed).random(1 << math.ceil(math.log2(count)))[:count]
    u = (1 - np.cos(np.pi * u)) / 2
    v = np.random.default_rng(10_000 + seed).random((TESTS, d))
    x, x_test = (lower + (upper - lower) * part for part in (u, v))
    return x, row.values(u), x_test, row.values(v)


def mlp_shapes(inputs: int, count: int) -> list[list[int]]:
    """The shapes with one and two hidden layers whose parameters are closest to `count`, all within
    5 %.
    """
    shallow = [[inputs, w, 1] for w in range(1, count)]
    deep = [[inputs, w, v, 1] for w in range(2, 60) for v in range(max(2, w - 2), w + 3)]
    nearest = [
        min(shapes, key=lambda shape: abs(_count(shape) - count)) for shapes in (shallow, deep)
    ]
    return [shape for shape in nearest if abs(_count(shape) - count) <= 0.05 * count]


def _count(shape: Sequence[int]) -> int:
    return sum((a + 1) * b for a, b in pairwise(shape))
