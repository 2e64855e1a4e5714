"""Starts, short runs, validation, polish on finer and finer grids: the search for a small network that fits given samples.

A share of the samples is held back for validation and decides everything: which start is polished, which grid is kept, when the
`target` is reached. Test samples never enter.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from regression import Net, rmse, train
from regression_grids import reframed
from regression_starts import kan_starts
from torch import Tensor

from kanpde.networks.kan import KAN
from kanpde.networks.mlp import build_mlp

HELD = 0.15
"""Share of the samples for validation."""

PROBES, BEYOND = 4000, 0.5
"""Uniform points without values, and how far beyond the range of y, in units of it, a network may go there."""


@dataclass(frozen=True)
class Recipe:
    """Degree of the splines, intervals of one polish after the other, starts, steps of each kind.

    `kept[n]` of the starts are polished on the ladder without its first n grids: a good start may not fit on the coarsest one.
    There are so many `rounds` of starts at most; one that reaches the target is the last.
    """

    degree: int = 5
    ladder: tuple[int, ...] = (5, 10, 20, 40)
    starts: int = 8
    kept: tuple[int, ...] = (2, 4)
    short: int = 25
    polish: int = 150
    some: int = 600
    mix: float = 0.0
    rounds: int = 3

    def polishes(self, starts: Sequence[KAN]) -> Iterator[tuple[int, KAN]]:
        """How many grids a polish leaves out, and its start."""
        for skipped, kept in enumerate(self.kept):
            yield from ((skipped, start) for start in starts[:kept])


@dataclass(frozen=True)
class Samples:
    """Training and validation samples; y has mean 0 and deviation 1."""

    x: Tensor
    y: Tensor
    x_held: Tensor
    y_held: Tensor

    @classmethod
    def split(cls, x: Tensor, y: Tensor) -> Samples:
        """The first HELD of them for validation."""
        held = int(HELD * len(x))
        return cls(x[held:], y[held:], x[:held], y[:held])

    def error(self, net: Net) -> float:
        """Validation RMSE; infinite where it is not a number, or where the network has a peak between the samples."""
        found = rmse(net, self.x_held, self.y_held)
        low, high = self.y.min(), self.y.max()
        anywhere = 2 * torch.rand(PROBES, self.x.shape[1], generator=torch.Generator().manual_seed(0)) - 1
        with torch.no_grad():
            beyond = (net(anywhere) - (low + high) / 2).abs().max() / (high - low) - 0.5
        return found if math.isfinite(found) and beyond < BEYOND else math.inf


def best_kan(shape: Sequence[int], samples: Samples, recipe: Recipe, seed: int, target: float) -> tuple[float, KAN]:
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
    """The starts after a short run each, the best first; one that is close to the target is the last."""
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
    """Validation errors and networks on every grid of every polish; one is left where `lowest` on its grid is far below it."""
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


def best_mlp(shapes: Sequence[Sequence[int]], samples: Samples, recipe: Recipe, seed: int) -> tuple[float, Net]:
    """The same for MLPs with tanh: two starts of each shape, the best one polished for as many steps as a KAN on three grids."""
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
