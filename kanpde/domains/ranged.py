"""The product of a domain and the ranges of parameters, Ω × [a_1, b_1] × …; the parameters are its last coordinates.

The boundary parts are those of Ω, each times all ranges, with normal (n, 0): nothing is said at the ends of a range.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from kanpde import quadrature as rules
from kanpde.domains.base import Domain, frozen_array
from kanpde.domains.mesh import Mesh, extrude
from kanpde.quadrature import MOST_GAUSS_COORDINATES, Array, Layout, PointSet


@final
@dataclass(frozen=True, eq=False)
class Ranged(Domain):
    """`space` times the range [`low`, `high`] of one parameter; several parameters are products of products."""

    space: Domain
    low: float
    high: float
    lower: Array = field(init=False)
    upper: Array = field(init=False)
    parts: tuple[str, ...] = field(init=False)
    vanished: tuple[str, ...] = field(init=False)
    measure: float = field(init=False)
    box: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lower", frozen_array([*self.space.lower, self.low]))
        object.__setattr__(self, "upper", frozen_array([*self.space.upper, self.high]))
        object.__setattr__(self, "parts", self.space.parts)
        object.__setattr__(self, "vanished", self.space.vanished)
        object.__setattr__(self, "measure", self.space.measure * (self.high - self.low))
        object.__setattr__(self, "box", self.space.box)

    def contains(self, x: Array, tolerance: float = 1e-12) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of the points `x` (N, d) lies in the closed product; (N,)."""
        slack = tolerance * max(self.high - self.low, abs(self.low), abs(self.high))
        inside = (x[:, -1] >= self.low - slack) & (x[:, -1] <= self.high + slack)
        return np.asarray(inside & self.space.contains(x[:, :-1], tolerance))

    def _chebyshev(self, count: int, layout: Layout) -> PointSet:
        rule = rules.chebyshev(rules.per_axis(count, self.dimension), layout.shift())
        return self._product(self.space._chebyshev(_share(count, rule), layout), rule)

    def _quadrature(self, count: int) -> PointSet:
        if self.dimension > MOST_GAUSS_COORDINATES:
            x = self._scattered(count, Layout("sobol", np.random.default_rng(0), 0.0))
            return PointSet(x, np.full(len(x), self.measure / len(x)))
        rule = rules.gauss(rules.per_axis(count, self.dimension))
        return self._product(self.space._quadrature(_share(count, rule)), rule)

    def _chart(self, name: str, u: Array) -> tuple[Array, Array]:
        x, normal = self.space._chart(name, u[:, :-1])
        values = self.low + u[:, -1:] * (self.high - self.low)
        return np.concatenate([x, values], axis=1), np.concatenate([normal, np.zeros_like(values)], axis=1)

    def _part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        rule = rules.chebyshev(rules.per_axis(count, self.dimension - 1), layout.shift())
        return self._product(self.space._part_chebyshev(name, _share(count, rule), layout), rule)

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        if self.dimension - 1 > MOST_GAUSS_COORDINATES:
            return self._part_scattered(name, count, Layout("sobol", np.random.default_rng(0), 0.0))
        rule = rules.gauss(rules.per_axis(count, self.dimension - 1))
        return self._product(self.space._part_quadrature(name, _share(count, rule)), rule)

    def _part_measure(self, name: str) -> float:
        return self.space._part_measure(name) * (self.high - self.low)

    def _periodic_shift(self, a: str, b: str) -> Array | None:
        shift = self.space._periodic_shift(a, b)
        return None if shift is None else np.append(shift, 0.0)

    def _mesh(self, resolution: int) -> Mesh:
        return extrude(self.space._mesh(resolution), np.linspace(self.low, self.high, resolution + 1))

    def _product(self, points: PointSet, rule: rules.Rule) -> PointSet:
        """Points of space (M, d − 1) times a rule on [0, 1] (T,): M·T points, normals padded with 0."""
        nodes, weights = self.low + rule[0] * (self.high - self.low), rule[1] * (self.high - self.low)
        x = np.concatenate([np.repeat(points.x, len(nodes), axis=0), np.tile(nodes, len(points))[:, None]], axis=1)
        normal = points.normal
        if normal is not None:
            normal = np.repeat(np.pad(normal, ((0, 0), (0, 1))), len(nodes), axis=0)
        return PointSet(x, np.outer(points.w, weights).ravel(), normal)


def _share(count: int, rule: rules.Rule) -> int:
    """The number of points of space that leaves about `count` points in the product."""
    return max(1, round(count / len(rule[0])))
