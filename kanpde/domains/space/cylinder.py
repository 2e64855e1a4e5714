"""The cylinder Ω × [t_0, t_1] over a domain Ω; its last coordinate is the time t, the height of an
extrusion or a parameter.

parts: every part of ∂Ω × [t_0, t_1] with normal (n, 0), and two caps: Ω × {t_0} with −e_t, Ω ×
{t_1} with +e_t; a parameter has none
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import numpy as np

from kanpde.domains.base import Domain, frozen_array
from kanpde.domains.mesh import Mesh, extrude
from kanpde.errors import ConfigError
from kanpde.numerics import quadrature as rules
from kanpde.numerics.quadrature import MOST_GAUSS_COORDINATES, Array, Layout, PointSet


@dataclass(frozen=True, eq=False)
class Cylinder(Domain):
    """The product of the domain `space` (d − 1 coordinates) and the interval [`start`, `end`].

    `caps` are the parts at its ends, if any. Raises ConfigError unless start < end.
    """

    space: Domain
    start: float
    end: float
    caps: tuple[()] | tuple[str, str]
    what: ClassVar[str]
    lower: Array = field(init=False)
    upper: Array = field(init=False)
    parts: tuple[str, ...] = field(init=False)
    vanished: tuple[str, ...] = field(init=False)
    measure: float = field(init=False)
    box: bool = field(init=False)

    def __post_init__(self) -> None:
        if not self.end - self.start > 1e-12 * max(abs(self.start), abs(self.end)):
            raise ConfigError(
                f"{self.what}: the end must exceed the start, found [{self.start}, {self.end}];"
                f" give the interval a length"
            )
        object.__setattr__(self, "lower", frozen_array([*self.space.lower, self.start]))
        object.__setattr__(self, "upper", frozen_array([*self.space.upper, self.end]))
        object.__setattr__(self, "parts", (*self.space.parts, *self.caps))
        object.__setattr__(self, "vanished", self.space.vanished)
        object.__setattr__(self, "measure", self.space.measure * (self.end - self.start))
        object.__setattr__(self, "box", self._is_box())

    def _is_box(self) -> bool:
        return self.space.box

    def contains(
        self, x: Array, tolerance: float = 1e-12
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
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
        return np.concatenate([x, times], axis=1), np.concatenate(
            [normal, np.zeros_like(times)], axis=1
        )

    def _part_scattered(self, name: str, count: int, layout: Layout) -> PointSet:
        from kanpde.domains.space.solid import Solid

        if isinstance(self.space, Cylinder) and name in self.space.caps:
            return self._over_cap(self.space, name, count, layout)
        if isinstance(self.space, Solid) and name not in self.caps:
            return self.space.scattered(
                name, count, layout, lambda whole: replace(self, space=whole)
            )
        if name not in self.caps:
            return super()._part_scattered(name, count, layout)
        x = self.space._scattered(count, layout)
        return self._at(name, PointSet(x, np.full(len(x), self.space.measure / len(x))))

    def _over_cap(self, space: Cylinder, name: str, count: int, layout: Layout) -> PointSet:
        """Points of a cap of `space`, which has no chart, times the interval: those of Ω ×
        interval, lifted to the cap.
        """
        x = replace(self, space=space.space)._scattered(count, layout)
        cap = space._at(
            name, PointSet(x[:, :-1], np.full(len(x), self._part_measure(name) / len(x)))
        )
        assert cap.normal is not None
        return PointSet(
            np.concatenate([cap.x, x[:, -1:]], axis=1), cap.w, np.pad(cap.normal, ((0, 0), (0, 1)))
        )

    def _part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        if name in self.caps:
            return self._at(name, self.space._chebyshev(count, layout))
        times = rules.chebyshev(rules.per_axis(count, self.dimension - 1), layout.shift())
        return self._product(self.space._part_chebyshev(name, _share(count, times), layout), times)

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        if name in self.caps:
            return self._at(name, self.space._quadrature(count))
        if self.dimension - 1 > MOST_GAUSS_COORDINATES:
            return self._part_scattered(name, count, _fixed_sobol())
        times = rules.gauss(rules.per_axis(count, self.dimension - 1))
        return self._product(self.space._part_quadrature(name, _share(count, times)), times)

    def _part_measure(self, name: str) -> float:
        if name in self.caps:
            return self.space.measure
        return self.space._part_measure(name) * (self.end - self.start)

    def common_points(self, a: str, b: str) -> Array:
        """Sides meet sides all along the interval, and a cap at its own end."""
        times = dict(zip(self.caps, ([self.start], [self.end]), strict=False))
        sides = [part for part in (a, b) if part not in times]
        if not sides:
            return np.zeros((0, self.dimension))
        if len(sides) == 2:
            x, t = self.space.common_points(a, b), np.linspace(self.start, self.end, 5)
        else:
            x, t = (
                self.space.part_quadrature(sides[0], 16).x,
                np.array(times[a if b in sides else b]),
            )
        return np.concatenate([np.repeat(x, len(t), axis=0), np.tile(t, len(x))[:, None]], axis=1)

    def _periodic_shift(self, a: str, b: str) -> Array | None:
        if self.caps and {a, b} == set(self.caps):
            length = self.end - self.start
            return np.array(
                [0.0] * self.space.dimension + [length if b == self.caps[-1] else -length]
            )
        if {a, b} & set(self.caps):
            return None
        shift = self.space._periodic_shift(a, b)
        return None if shift is None else np.append(shift, 0.0)

    def _mesh(self, resolution: int) -> Mesh:
        return extrude(
            self.space._mesh(resolution), np.linspace(self.start, self.end, resolution + 1)
        )

    def _product(self, points: PointSet, times: rules.Rule) -> PointSet:
        """Points of space (M, d − 1) times a rule on [0, 1] (T,): M·T points, normals padded with
        0.
        """
        nodes, weights = (
            self.start + times[0] * (self.end - self.start),
            times[1] * (self.end - self.start),
        )
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
        time, sign = (self.start, -1.0) if name in self.caps[:1] else (self.end, 1.0)
        x = np.pad(points.x, ((0, 0), (0, 1)), constant_values=time)
        normal = np.zeros_like(x)
        normal[:, -1] = sign
        return PointSet(x, points.w, normal)


@final
@dataclass(frozen=True, eq=False)
class SpaceTime(Cylinder):
    """Space and time: the caps are the parts `initial` and `final`."""

    caps: tuple[str, str] = ("initial", "final")
    what: ClassVar[str] = "time"


@final
@dataclass(frozen=True, eq=False)
class Extrusion(Cylinder):
    """A plane domain raised between two heights, the last coordinate z; it counts as no box, also
    over a rectangle.
    """

    caps: tuple[str, str] = ("floor", "ceiling")
    what: ClassVar[str] = "extrusion"

    def _is_box(self) -> bool:
        return False

    def _mesh(self, resolution: int) -> Mesh:
        sides = self.upper - self.lower
        across, up = (
            max(1, int(np.ceil(resolution * side / sides.max())))
            for side in (sides[:-1].max(), sides[-1])
        )
        return extrude(self.space._mesh(across), np.linspace(self.start, self.end, up + 1))


@final
@dataclass(frozen=True, eq=False)
class Ranged(Cylinder):
    """A domain times the range of one parameter; nothing is said at the ends of the range. Several
    are products of products.
    """

    caps: tuple[()] = ()
    what: ClassVar[str] = "range"


def _share(count: int, times: rules.Rule) -> int:
    """The number of points of space that leaves about `count` points in space-time."""
    return max(1, round(count / len(times[0])))


def _fixed_sobol() -> Layout:
    """A Sobol sequence with a fixed scrambling, for quadrature where a product rule explodes."""
    return Layout("sobol", np.random.default_rng(0), 0.0)
