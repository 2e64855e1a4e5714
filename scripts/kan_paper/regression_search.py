"""Starts, short runs, validation, polish on finer and finer grids: the search for a small network
that fits given samples.

A share of the samples is held back for validation and decides everything: which start is polished,
which grid is kept, when the `target` is reached. Test samples never enter.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Sequence

import torch

from kanpde.trial.networks.kan import KAN
from kanpde.trial.networks.mlp import build_mlp
from scripts.common.least_squares_on_arrays import Net, train
from scripts.kan_paper.regression_data import Recipe, Samples
from scripts.kan_paper.regression_grids import reframed
from scripts.kan_paper.regression_starts import kan_starts


def best_kan(
    shape: Sequence[int], samples: Samples, recipe: Recipe, seed: int, target: float
) -> tuple[float, KAN]:
    """The lowest validation error and its network; the search ends once `target` is reached."""
    best: tuple[float, KAN] | None = None
    lowest = dict.fromkeys(recipe.ladder, math.inf)
    for part in range(recipe.rounds):
        starts = _starts(kan_starts(shape, samples, recipe, seed, part), samples, recipe, target)
        for error, net in _polished(starts, samples, recipe, lowest):
            if best is None or error < best[0]:
                best = error, copy.deepcopy(net)
            if error < target:
                return best
    assert best is not None
    return best


def _starts(nets: Iterable[KAN], samples: Samples, recipe: Recipe, target: float) -> list[KAN]:
    """The starts after a short run each, the best first; one that is close to the target is the
    last.
    """
    found: list[tuple[float, int, KAN]] = []
    for k, net in enumerate(nets):
        if attempt(net, samples, recipe.short, recipe.some):
            found.append((samples.error(net), k, net))
            if found[-1][0] < 3 * target:
                break
    return [net for _, _, net in sorted(found)]


def _polished(
    starts: Sequence[KAN], samples: Samples, recipe: Recipe, lowest: dict[int, float]
) -> Iterator[tuple[float, KAN]]:
    """Validation errors and networks on every grid of every polish; one is left where `lowest` on
    its grid is far below it.
    """
    for skipped, start in recipe.polishes(starts):
        net: KAN | None = start
        for intervals in recipe.ladder[skipped:]:
            net = reframed(net, samples.x, intervals, recipe.mix)
            if net is None or not attempt(net, samples, recipe.polish):
                break
            error = samples.error(net)
            yield error, net
            if error > 3 * lowest[intervals]:
                break
            lowest[intervals] = min(error, lowest[intervals])


def best_mlp(
    shapes: Sequence[Sequence[int]], samples: Samples, recipe: Recipe, seed: int
) -> tuple[float, Net]:
    """The same for MLPs with tanh: two starts of each shape, the best one polished for as many
    steps as a KAN on three grids.
    """
    found: list[tuple[float, int, Net]] = []
    for k, shape in enumerate([*shapes, *shapes]):
        generator = torch.Generator().manual_seed(1000 * seed + k)
        net = build_mlp(shape, "tanh", "features", 2.0, generator)
        if attempt(net, samples, recipe.short, recipe.some):
            found.append((samples.error(net), k, net))
    net = min(found)[2]
    attempt(net, samples, 3 * recipe.polish)
    return samples.error(net), net


def attempt(net: Net, samples: Samples, steps: int, some: int | None = None) -> bool:
    """Train on all samples, or on `some`; False where it ends in numbers that are not finite."""
    try:
        train(net, samples.x[:some], samples.y[:some], steps, 1e-9 if some else 1e-12)
    except ArithmeticError:
        return False
    return True
