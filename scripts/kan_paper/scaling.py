"""Scaling laws of docs/paper.md: test RMSE of the KAN paper's toy functions against the intervals G
of every edge, G = 3 … 1000.

    python -m scripts scaling [--write] [--step] [name ...]

One network per function and degree p: its structure is found by training at G = 3 (starts read off
the data or at random), then grid after grid is extended and trained on. Units of four coordinates
are read off the data. Sobol samples: 20 G, at least 4000 and four for each parameter; tests: 5000,
uniform. The slope is fitted to log RMSE over the grids between the first below 0.01 of the
function's deviation and 100 times rounding, 2.2e-14 of it. --write puts rows, the picture and
scaling.json into docs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from scipy import special
from scipy.stats import qmc
from torch import Tensor

from kanpde.trial.networks.kan import KAN, build_kan
from scripts.common.least_squares_on_arrays import parameters, rmse, train
from scripts.kan_paper.regression_data import first_layer, units
from scripts.kan_paper.regression_grids import reframed, scaled
from scripts.kan_paper.regression_starts import from_data, random_kan
from scripts.kan_paper.scaling_page import GRIDS, write
from scripts.kan_paper.sparse_step import refine

DEGREES = (3, 5)
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--step", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    if arguments.step:
        print({g: f"{1e3 * seconds:.2f} ms" for g, seconds in step_seconds((10, 1000)).items()})
        return
    for name in arguments.names or TOYS:
        for degree in DEGREES:
            found = ladder(name, degree)
            print(name, degree, found, flush=True)
            if arguments.write:
                write(name, degree, TOYS[name][0], found)


def ladder(name: str, degree: int) -> dict[str, tuple[float, int, float]]:
    """Test RMSE over the function's deviation, parameters and seconds by G."""
    shape, largest, function = TOYS[name]
    x_test = torch.as_tensor(2 * np.random.default_rng(1).random((5000, shape[0])) - 1)
    size, mean = torch.std_mean(function(x_test))
    y_test = (function(x_test) - mean) / size
    net: KAN | None = None
    found: dict[str, tuple[float, int, float]] = {}
    for intervals in (g for g in GRIDS if g <= largest):
        start = time.process_time()
        count = max(
            4000, 20 * intervals, 4 * sum(a * b * (intervals + degree) for a, b in pairwise(shape))
        )
        x = points(shape[0], count, intervals)
        y = (function(x) - mean) / size
        if len(shape) == 2:
            net = build_kan(shape, [degree], [intervals], "ridge", False, torch.Generator())
            train(net, x, y, 0, 1e-14)
        elif net is None:
            net = grouped(shape, degree, intervals, x, y)
        else:
            net = reframed(net, x, intervals) or net
        if len(shape) > 2 and shape[0] <= 4 and intervals <= 20:
            train(net, x, y, 60)
        if len(shape) > 2:
            refine(net, x, y, 12)
        found[str(intervals)] = (
            rmse(net, x_test, y_test),
            parameters(net),
            time.process_time() - start,
        )
        print("   ", intervals, found[str(intervals)], flush=True)
    return found


def points(d: int, count: int, seed: int) -> Tensor:
    """Scrambled Sobol points with arcsine density (N, d), uniform ones for d > 4, where sums would
    lie elsewhere in the test.
    """
    u = qmc.Sobol(d, rng=seed).random_base2(int(np.ceil(np.log2(count))))
    return torch.as_tensor(-np.cos(np.pi * u) if d <= 4 else 2 * u - 1)


def grouped(shape: tuple[int, ...], degree: int, intervals: int, x: Tensor, y: Tensor) -> KAN:
    """`structure`, above units that the data suggest where they fill the first layer."""
    found = units(x, y) if shape[0] == 4 else None
    if found is None or len(found[0]) != shape[1]:
        return structure(shape, degree, intervals, x, y)
    pairs = first_layer(found, x, degree, intervals)
    return KAN([pairs, *structure(shape[1:], degree, intervals, pairs(x.T).T.detach(), y).stack])


def structure(shape: tuple[int, ...], degree: int, intervals: int, x: Tensor, y: Tensor) -> KAN:
    """The best of six starts after a short training; the first layer of one, the only one for d >
    4, is the best sum.
    """
    best: list[tuple[float, int, KAN]] = []
    for k in range(6 if shape[0] <= 4 else 1):
        generator = torch.Generator().manual_seed(k)
        net = random_kan(shape, degree, intervals, ("square", "smooth")[k % 2], x, generator)
        if k == 0 and shape[1] == 1:
            alone = build_kan([shape[0], 1], [degree], [intervals], "ridge", False, generator)
            train(alone, x, y, 0)
            scaled(alone.stack[0], x.T)
            net = KAN([alone.stack[0], *net.stack[1:]])
        elif k % 2 == 0:
            from_data(net, x, y, generator, True)
        best.append((train(net, x[:2000], y[:2000], 25 if shape[0] <= 4 else 0, 1e-9), k, net))
        if best[-1][0] < 1e-3:
            break
    return min(best)[2]


def step_seconds(
    grids: tuple[int, ...], count: int = 10_000, repeats: int = 40
) -> dict[int, float]:
    """Smallest seconds of objective and gradient of [2, 1, 1], p = 3, the grids interleaved."""
    x = points(2, count, 0)
    y = TOYS["exp(sin πx + y²)"][2](x)
    nets = {
        g: random_kan((2, 1, 1), 3, g, "smooth", x, torch.Generator().manual_seed(0)) for g in grids
    }
    best = dict.fromkeys(grids, float("inf"))
    for _ in range(repeats):
        for g, net in nets.items():
            start = time.process_time()
            (net(x)[:, 0] - y).square().mean().backward()
            best[g] = min(best[g], time.process_time() - start)
    return best
