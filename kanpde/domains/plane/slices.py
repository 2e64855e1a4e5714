"""Rules inside a plane region by vertical slices.

    ∫_Ω f = Σ_slabs ∫_{x_0}^{x_1} Σ_cells ∫_{y_−(x)}^{y_+(x)} f dy dx

The abscissae of all corners, intersections and vertical tangents cut Ω into slabs. Inside a slab no
two curves meet, so in their order from below each pair of them bounds a cell y_− < y < y_+. Where a
circle bounds a cell, y_± may have a square root at an end of the slab; x = m − h cos θ removes it,
so that Gauss–Legendre in θ and y converges spectrally. The weights are scaled to the sum |Ω|, known
from Green's theorem.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np

from kanpde.domains.plane.curves import Curve, Segment
from kanpde.numerics import quadrature as rules
from kanpde.numerics.quadrature import Array, Layout

FEWEST_GAUSS = 6
FEWEST_CHEBYSHEV = 3
"""Nodes per direction in every cell, however small."""


@final
@dataclass(frozen=True, eq=False)
class Slab:
    """x_0 < x < x_1 with the curves that cross it, from below: curve 2j and curve 2j + 1 bound cell
    j.
    """

    x0: float
    x1: float
    curves: tuple[Curve, ...]

    @property
    def width(self) -> float:
        """x_1 − x_0."""
        return self.x1 - self.x0

    @property
    def round(self) -> bool:
        """Whether an arc or a bend bounds a cell."""
        return any(not isinstance(curve, Segment) for curve in self.curves)

    def fewest_across(self, fewest: int) -> int:
        """The least number of nodes in x: twice as many where a root is to be resolved."""
        return 2 * fewest if self.round else fewest

    def heights(self, x: Array) -> Array:
        """The ordinates (curves, N) at abscissae (N,), from below."""
        return np.stack([curve.height(x) for curve in self.curves])


def slabs(boundary: tuple[Curve, ...], join: float) -> tuple[Slab, ...]:
    """The slabs of a region with the given boundary; abscissae nearer than `join` to each other are
    one.
    """
    curves = [piece for curve in boundary for piece in curve.monotone()]
    ends = np.array([np.sort(curve.at(np.array([0.0, 1.0]))[:, 0]) for curve in curves])
    values = np.sort(ends.ravel())
    first = np.concatenate([[True], np.diff(values) > join])
    level = np.cumsum(first) - 1
    cuts = values[first]
    spans = level[np.searchsorted(values, ends)]
    filled = []
    for k, (x0, x1) in enumerate(pairwise(cuts)):
        active = [curves[i] for i in np.flatnonzero((spans[:, 0] <= k) & (spans[:, 1] > k))]
        if active:
            middle = np.array([(x0 + x1) / 2])
            active.sort(key=lambda curve: float(curve.height(middle)[0]))
            filled.append(Slab(float(x0), float(x1), tuple(active)))
    return tuple(filled)


def gauss_rule(filled: tuple[Slab, ...], count: int) -> rules.Rule:
    """About `count` Gauss points (N, 2), weights (N,) not yet scaled; at least 6 × 6 in a cell, 12
    × 6 by an arc.
    """

    def across(slab: Slab, n: int) -> rules.Rule:
        u, w = rules.gauss(n)
        if not slab.round:
            return u, w
        return np.sin(np.pi * u / 2) ** 2, w * np.pi / 2 * np.sin(np.pi * u)

    density = _density(filled, count, FEWEST_GAUSS)
    return _rule(filled, density, fewest=FEWEST_GAUSS, across=across, along=rules.gauss)


def chebyshev_rule(filled: tuple[Slab, ...], count: int, layout: Layout) -> rules.Rule:
    """About `count` points (N, 2), Chebyshev nodes in x on every slab and in y on every cell; not
    yet scaled.
    """

    def nodes(n: int) -> rules.Rule:
        return rules.chebyshev(n, layout.shift())

    density = _density(filled, count, FEWEST_CHEBYSHEV)
    return _rule(
        filled,
        density,
        fewest=FEWEST_CHEBYSHEV,
        across=lambda slab, n: nodes(n),
        along=nodes,
    )


def _rule(
    filled: tuple[Slab, ...],
    density: float,
    fewest: int,
    across: Callable[[Slab, int], rules.Rule],
    along: Callable[[int], rules.Rule],
) -> rules.Rule:
    """Points (N, 2) and weights (N,): the rule `across` in x on every slab, `along` in y on every
    cell.
    """
    points, weights = [], []
    for slab in filled:
        u, wu = across(slab, _nodes(slab.width, density, slab.fewest_across(fewest)))
        x = slab.x0 + u * slab.width
        y = slab.heights(x)
        for low, high in zip(y[::2], y[1::2], strict=True):
            v, wv = along(_nodes(float(np.mean(high - low)), density, fewest))
            rise = np.maximum(high - low, 0.0)[:, None]
            grid = np.stack(np.broadcast_arrays(x[:, None], low[:, None] + v * rise), axis=-1)
            points.append(grid.reshape(-1, 2))
            weights.append((slab.width * wu[:, None] * wv * rise).ravel())
    w = np.concatenate(weights)
    return np.concatenate(points)[w > 0], w[w > 0]


def _nodes(length: float, density: float, fewest: int) -> int:
    """The number of nodes on a length."""
    return max(fewest, round(length * density))


def _density(filled: tuple[Slab, ...], count: int, fewest: int) -> float:
    """The number of nodes per length that gives about `count` points, by bisection; 0 when the
    fewest are too many.
    """
    sizes, least = [], []
    for slab in filled:
        y = slab.heights(np.linspace(slab.x0, slab.x1, 9)[1:-1])
        for rise in np.mean(y[1::2] - y[::2], axis=1):
            sizes.append((slab.width, rise))
            least.append((slab.fewest_across(fewest), fewest))
    sides, floors = np.array(sizes), np.array(least)
    low, high = 0.0, count / float(np.max(sides))
    for _ in range(40):
        middle = (low + high) / 2
        total = np.sum(np.prod(np.maximum(floors, np.round(sides * middle)), axis=1))
        low, high = (middle, high) if total <= count else (low, middle)
    return low
