"""Where equations and conditions are enforced: points of the domain and of its named parts, as
tensors.

The seed moves the points (jitter) and nothing else; the same seed gives the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from kanpde.assembly.lengthwise import spread
from kanpde.config import SamplerConfig
from kanpde.domains import Domain
from kanpde.domains.plane.disk import GOLDEN
from kanpde.numerics.quadrature import Array, PointSet


@dataclass(frozen=True)
class Points:
    """x (N, d), weights w (N,) with Σw = measure, outward unit normals (N, d) on boundary parts."""

    x: Tensor
    w: Tensor
    normal: Tensor | None

    @classmethod
    def of(cls, points: PointSet, dtype: torch.dtype) -> Points:
        """The same points as tensors."""
        x, w = torch.tensor(points.x).to(dtype), torch.tensor(points.w).to(dtype)
        return cls(x, w, None if points.normal is None else torch.tensor(points.normal).to(dtype))


@dataclass(frozen=True)
class Collocation:
    """Interior points, the points of every part that carries a condition, and a quadrature for
    averages if one is taken.
    """

    interior: Points
    parts: Mapping[str, Points]
    average: Points | None = None

    @property
    def boundary_count(self) -> int:
        """Number of points on all parts."""
        return sum(len(points.x) for points in self.parts.values())


@dataclass(frozen=True)
class Needs:
    """What a trial solution asks of its points: an even spread of Chebyshev points along the axes
    that are `circles`, and at `least` so many points on some parts, whatever the sampler says.
    """

    circles: tuple[int, ...] = ()
    least: Mapping[str, int] = field(default_factory=dict)
    directions: Sequence[Sequence[float]] = ()


NOTHING = Needs()

MOST_AVERAGED = 2500
"""Quadrature points of an average."""


def collocate(
    domain: Domain,
    parts: Iterable[str],
    sampler: SamplerConfig,
    seed: int,
    dtype: torch.dtype,
    averaged: bool = False,
    needs: Needs = NOTHING,
) -> Collocation:
    """Sample the domain and the named parts; counts are about `sampler.interior` and
    `sampler.boundary`.

    `averaged` asks for a quadrature too: collocation weights are not accurate enough for an
    integral. `needs` are those of the trial solution.
    """
    rng = np.random.default_rng(seed)
    axes = needs.circles if sampler.kind == "chebyshev" else ()

    def placed(points: PointSet) -> PointSet:
        return spread(_even(points, domain, axes), domain, needs.directions)

    interior = placed(domain.interior(sampler.interior, sampler.kind, rng, sampler.jitter))
    counts = {
        part: max(count, needs.least.get(part, 0))
        for part, count in share(domain, tuple(parts), sampler.boundary).items()
    }
    sampled = {
        part: Points.of(placed(domain.part(part, count, sampler.kind, rng, sampler.jitter)), dtype)
        for part, count in counts.items()
    }
    average = (
        Points.of(domain.quadrature(min(sampler.interior, MOST_AVERAGED)), dtype)
        if averaged
        else None
    )
    return Collocation(Points.of(interior, dtype), sampled, average)


def _even(points: PointSet, domain: Domain, axes: Sequence[int]) -> PointSet:
    """Chebyshev points u of each axis as 2 asin(√u)/π: a circle has no ends to be denser at.
    Weights follow, their sum stays.

    Rows are turned against each other along the next axis, as they are on a disk: waves between
    equal columns would go unseen.
    """
    x, w = points.x.copy(), points.w.copy()
    for axis in axes:
        low, length = domain.lower[axis], domain.upper[axis] - domain.lower[axis]
        u = (x[:, axis] - low) / length
        if (np.abs(2 * u - 1) < 1 - 1e-12).all():  # else the part is a side of this axis
            rows, row = np.unique(x[:, (axis + 1) % x.shape[1]], return_inverse=True)
            turn = GOLDEN * row / len(rows) if x.shape[1] > 1 else 0.0
            x[:, axis] = low + length * np.mod(2 * np.arcsin(np.sqrt(u)) / np.pi + turn, 1.0)
            w /= np.sqrt(u * (1 - u))
    return PointSet(x, w * (points.w.sum() / w.sum()), points.normal)


def samples(x: Array, dtype: torch.dtype) -> Collocation:
    """The rows (N, d) of a table as interior points that count the same."""
    inside = torch.tensor(x).to(dtype)
    return Collocation(Points(inside, torch.full_like(inside[:, 0], 1 / len(x)), None), {})


def share(domain: Domain, parts: tuple[str, ...], total: int) -> dict[str, int]:
    """Points per part: half of them evenly over the parts, half by measure, so that no small part
    starves.
    """
    if not parts:
        return {}
    measure = sum(domain.part_measure(part) for part in parts)
    even = 0.5 / len(parts)
    return {
        part: max(1, math.ceil(total * (even + 0.5 * domain.part_measure(part) / measure)))
        for part in parts
    }


def held_out(domain: Domain, parts: Iterable[str], count: int, dtype: torch.dtype) -> Collocation:
    """Quadrature points that training never sees: about `count` inside, √count-like on each
    part, together about MOST_ON_PARTS at most.
    """
    named = list(parts)
    on_parts = round(2 * count ** ((domain.dimension - 1) / domain.dimension))
    most = MOST_ON_PARTS * MANY // max(MANY, domain.dimension)
    on_parts = max(8, min(on_parts, most // max(1, len(named))))
    inside = Points.of(domain.quadrature(count), dtype)
    return Collocation(
        inside,
        {part: Points.of(domain.part_quadrature(part, on_parts), dtype) for part in named},
        inside,
    )


COUNT = {1: 2000, 2: 10_000, 3: 24_000}
"""Held-out points by number of coordinates; 20 000 beyond three."""

MANY = 20
"""Coordinates from which on points have their cost by coordinates too, and are fewer."""

MOST_ON_PARTS = 30_000
"""Held-out points on all parts: a box in a hundred coordinates has two hundred faces."""
