"""Starts, short runs, validation, polish on finer and finer grids: the search for a small network that fits given samples.

A share of the samples is held back for validation and decides everything: which start is polished, which grid is kept, when the
`target` is reached. Test samples never enter.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from regression import Net, rmse, train
from regression_data import first_layer, units
from regression_grids import reframed
from regression_starts import KINDS, deepened, from_data, random_kan
from torch import Tensor

from kanpde.networks.kan import KAN
from kanpde.networks.layer import SplineLayer
from kanpde.networks.mlp import build_mlp

HELD = 0.15
"""Share of the samples for validation."""


@dataclass(frozen=True)
class Recipe:
    """Degree of the splines, intervals of one polish after the other, starts, steps of each kind.

    `kept[n]` of the starts are polished on the ladder without its first n grids: a good start may not fit on the coarsest one.
    """

    degree: int = 5
    ladder: tuple[int, ...] = (5, 10, 20, 40)
    starts: int = 8
    kept: tuple[int, ...] = (2, 4)
    short: int = 25
    polish: int = 150
    some: int = 600
    mix: float = 0.0

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
        """Validation RMSE, infinite where it is not a number."""
        found = rmse(net, self.x_held, self.y_held)
        return found if math.isfinite(found) else math.inf


def kan_starts(shape: Sequence[int], samples: Samples, recipe: Recipe, seed: int) -> Iterator[KAN]:
    """Every other start takes factors of the data, the first one exactly; three of four also units that the data suggest."""
    x, y = samples.x, samples.y
    found = units(x, y) if len(shape) > 3 else None
    for k in range(recipe.starts):
        generator = torch.Generator().manual_seed(1000 * seed + k)
        first: list[SplineLayer] = []
        z = x
        if found is not None and len(found[0]) == shape[1] and k % 4 < 3:
            first = [first_layer(found, x, recipe.degree, recipe.ladder[0])]
            z = first[0](x.T).T.detach()
        rest = shape[len(first) :]
        deep = len(rest) > 3 and k % 4 == 1
        own = [*rest[:-2], 1] if deep else rest
        net = random_kan(own, recipe.degree, recipe.ladder[0], tuple(KINDS)[k % len(KINDS)], z, generator)
        if k % 2 == 0 or deep:
            from_data(net, z, y, generator, k == 0)
        if deep:
            net = _deepened(net, rest[-2], z, y, recipe, generator)
        yield KAN([*first, *net.stack])


def _deepened(net: KAN, width: int, z: Tensor, y: Tensor, recipe: Recipe, generator: torch.Generator) -> KAN:
    """`net` fitted to y, or to (y - min y)² if its value will be the only input of the last layer, and a layer above it."""
    aim = (y - y.min()) ** 2 if width == 1 else y
    with contextlib.suppress(ArithmeticError):
        train(net, z[: recipe.some], (aim - aim.mean())[: recipe.some] / aim.std(), recipe.short, 1e-9)
    return deepened(net, width, z, generator)


def best_kan(shape: Sequence[int], samples: Samples, recipe: Recipe, seed: int, target: float) -> tuple[float, KAN]:
    """The lowest validation error and its network; the search ends once `target` is reached."""
    found: list[tuple[float, int, KAN]] = []
    for k, net in enumerate(kan_starts(shape, samples, recipe, seed)):
        if attempt(net, samples, recipe.short, recipe.some):
            found.append((samples.error(net), k, net))
            if found[-1][0] < 3 * target:
                break
    best: tuple[float, KAN] = (math.inf, found[0][2])
    lowest = dict.fromkeys(recipe.ladder, math.inf)
    for skipped, start in recipe.polishes([net for _, _, net in sorted(found)]):
        net: KAN | None = start
        for intervals in recipe.ladder[skipped:]:
            net = reframed(net, samples.x, intervals, recipe.mix)
            if net is None or not attempt(net, samples, recipe.polish):
                break
            error = samples.error(net)
            best = min(best, (error, copy.deepcopy(net)), key=lambda pair: pair[0])
            if best[0] < target:
                return best
            if error > 3 * lowest[intervals]:
                break
            lowest[intervals] = min(error, lowest[intervals])
    return best


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
