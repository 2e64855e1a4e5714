"""The space-time cylinder Ω × [t_0, t_1]; its last coordinate is the time t.

parts: every part of ∂Ω × [t_0, t_1] with normal (n, 0), `initial` Ω × {t_0} with −e_t, `final` Ω × {t_1} with +e_t
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from kanpde import quadrature as rules
from kanpde.domains.base import Domain, frozen_array
from kanpde.domains.mesh import Mesh, extrude
from kanpde.errors import ConfigError
from kanpde.quadrature import MOST_GAUSS_COORDINATES, Array, Layout, PointSet

INITIAL, FINAL = "initial", "final"


@final
@dataclass(frozen=True, eq=False)
class SpaceTime(Domain):
    """The product of the domain `space` (d − 1 coordinates) and the time interval [`start`, `end`].

    Raises ConfigError unless start < end.
    """

    space: Domain
    start: float
    end: float
    lower: Array = field(init=False)
    upper: Array = field(init=False)
    parts: tuple[str, ...] = field(init=False)
    vanished: tuple[str, ...] = field(init=False)
    measure: float = field(init=False)
    box: bool = field(init=False)

    def __post_init__(self) -> None:
        if not self.end - self.start > 1e-12 * max(abs(self.start), abs(self.end)):
            raise ConfigError(
                f"time: the end must exceed the start, found [{self.start}, {self.end}]; give the interval a length"
            )
        object.__setattr__(self, "lower", frozen_array([*self.space.lower, self.start]))
        object.__setattr__(self, "upper", frozen_array([*self.space.upper, self.end]))
        object.__setattr__(self, "parts", (*self.space.parts, INITIAL, FINAL))
        object.__setattr__(self, "vanished", self.space.vanished)
        object.__setattr__(self, "measure", self.space.measure * (self.end - self.start))
        object.__setattr__(self, "box", self.space.box)

    def contains(self, x: Array, tolerance: float = 1e-12) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of the points `x` (N, d) lies in the closed cylinder; (N,)."""
        slack = tolerance * max(self.end - self.start, abs(self.start), abs(self.end))
        in_time = (x[:, -1] >= self.start - slack) & (x[:, -1] <= self.end + slack)
        return np.asarray(in_time & self.space.contains(x[:, :-1], tolerance))

    def _chebyshev(self, count: int, layout: Layout) -> PointSet:
        times = rules.chebyshev(rules.per_axis(count, self.dimension), layout.shift())
        return self._product(self.space._chebyshev(_share(count, times), layout), times)

    def _quadrature(self, count: int) -> PointSet:
        if self.dimension > MOST_GAUSS_COORDINATES:
            x = self._scattered(count, _fixed_sobol())
            return PointSet(x, np.full(len(x), self.measure / len(x)))
        times = rules.gauss(rules.per_axis(count, self.dimension))
        return self._product(self.space._quadrature(_share(count, times)), times)

    def _chart(self, name: str, u: Array) -> tuple[Array, Array]:
        x, normal = self.space._chart(name, u[:, :-1])
        times = self.start + u[:, -1:] * (self.end - self.start)
        return np.concatenate([x, times], axis=1), np.concatenate([normal, np.zeros_like(times)], axis=1)

    def _part_scattered(self, name: str, count: int, layout: Layout) -> PointSet:
        if name not in (INITIAL, FINAL):
            return super()._part_scattered(name, count, layout)
        x = self.space._scattered(count, layout)
        return self._at(name, PointSet(x, np.full(len(x), self.space.measure / len(x))))

    def _part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        if name in (INITIAL, FINAL):
            return self._at(name, self.space._chebyshev(count, layout))
        times = rules.chebyshev(rules.per_axis(count, self.dimension - 1), layout.shift())
        return self._product(self.space._part_chebyshev(name, _share(count, times), layout), times)

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        if name in (INITIAL, FINAL):
            return self._at(name, self.space._quadrature(count))
        if self.dimension - 1 > MOST_GAUSS_COORDINATES:
            return self._part_scattered(name, count, _fixed_sobol())
        times = rules.gauss(rules.per_axis(count, self.dimension - 1))
        return self._product(self.space._part_quadrature(name, _share(count, times)), times)

    def _part_measure(self, name: str) -> float:
        if name in (INITIAL, FINAL):
            return self.space.measure
        return self.space._part_measure(name) * (self.end - self.start)

    def common_points(self, a: str, b: str) -> Array:
        """Sides meet sides at all times, and the initial and the final state at one."""
        times = {INITIAL: [self.start], FINAL: [self.end]}
        sides = [part for part in (a, b) if part not in times]
        if not sides:
            return np.zeros((0, self.dimension))
        if len(sides) == 2:
            x, t = self.space.common_points(a, b), np.linspace(self.start, self.end, 5)
        else:
            x, t = self.space.part_quadrature(sides[0], 16).x, np.array(times[a if b in sides else b])
        return np.concatenate([np.repeat(x, len(t), axis=0), np.tile(t, len(x))[:, None]], axis=1)

    def _periodic_shift(self, a: str, b: str) -> Array | None:
        if {a, b} == {INITIAL, FINAL}:
            length = self.end - self.start
            return np.array([0.0] * self.space.dimension + [length if b == FINAL else -length])
        if {a, b} & {INITIAL, FINAL}:
            return None
        shift = self.space._periodic_shift(a, b)
        return None if shift is None else np.append(shift, 0.0)

    def _mesh(self, resolution: int) -> Mesh:
        return extrude(self.space._mesh(resolution), np.linspace(self.start, self.end, resolution + 1))

    def _product(self, points: PointSet, times: rules.Rule) -> PointSet:
        """Points of space (M, d − 1) times a rule on [0, 1] (T,): M·T points, normals padded with 0."""
        nodes, weights = self.start + times[0] * (self.end - self.start), times[1] * (self.end - self.start)
        x = np.concatenate(
            [np.repeat(points.x, len(nodes), axis=0), np.tile(nodes, len(points))[:, None]],
            axis=1,
        )
        normal = points.normal
        if normal is not None:
            normal = np.repeat(np.pad(normal, ((0, 0), (0, 1))), len(nodes), axis=0)
        return PointSet(x, np.outer(points.w, weights).ravel(), normal)

    def _at(self, name: str, points: PointSet) -> PointSet:
        """Points of space (M, d − 1) placed at the first or the last instant."""
        time, sign = (self.start, -1.0) if name == INITIAL else (self.end, 1.0)
        x = np.pad(points.x, ((0, 0), (0, 1)), constant_values=time)
        normal = np.zeros_like(x)
        normal[:, -1] = sign
        return PointSet(x, points.w, normal)


def _share(count: int, times: rules.Rule) -> int:
    """The number of points of space that leaves about `count` points in space-time."""
    return max(1, round(count / len(times[0])))


def _fixed_sobol() -> Layout:
    """A Sobol sequence with a fixed scrambling, for quadrature where a product rule explodes."""
    return Layout("sobol", np.random.default_rng(0), 0.0)
