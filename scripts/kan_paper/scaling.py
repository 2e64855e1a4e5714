"""Scaling laws of docs/paper.md: test RMSE of the KAN paper's toy functions against the intervals G
of every edge, G = 3 … 1000.

    python -m scripts scaling [--write] [--step] [name ...]

One network per function and degree p: the search of `kanpde.fit` finds it at G = 3, then the grids
are extended one after the other and the network is trained on (`after=`). Sobol samples: 20 G, at
least 4000 and four for each parameter; tests: 5000, uniform. The slope is fitted to log RMSE over
the grids between the first below 0.01 of the function's deviation and 100 times rounding, 2.2e-14
of it. --write puts rows, the picture and scaling.json into docs.
"""

from __future__ import annotations

import argparse
import time

import torch

from kanpde.ansatz.regression_starts import random_kan
from scripts.kan_paper.scaling_fits import TOYS, ladder, points
from scripts.kan_paper.scaling_page import write

DEGREES = (3, 5)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--step", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.step:
        print({g: f"{1e3 * seconds:.2f} ms" for g, seconds in step_seconds((10, 1000)).items()})
        return
    for name in arguments.names or TOYS:
        for degree in DEGREES:
            figures = ladder(name, degree)
            print(name, degree, figures, flush=True)
            if arguments.write:
                write(name, degree, TOYS[name][0], figures)


def step_seconds(
    grids: tuple[int, ...], count: int = 10_000, repeats: int = 40
) -> dict[int, float]:
    """Smallest seconds of objective and gradient of [2, 1, 1], p = 3, the grids interleaved."""
    x = points(2, count, 0)
    y = TOYS["exp(sin πx + y²)"][2](x)
    nets = {
        g: random_kan((2, 1, 1), (3, 3), g, "smooth", x, torch.Generator().manual_seed(0))
        for g in grids
    }
    best = dict.fromkeys(grids, float("inf"))
    for _ in range(repeats):
        for g, net in nets.items():
            start = time.process_time()
            (net(x)[:, 0] - y).square().mean().backward()
            best[g] = min(best[g], time.process_time() - start)
    return best
