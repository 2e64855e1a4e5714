"""The cylinder Ω × [t_0, t_1] over a domain Ω; its last coordinate is the time t, the height of an
extrusion or a parameter.

parts: every part of ∂Ω × [t_0, t_1] with normal (n, 0), and two caps: Ω × {t_0} with −e_t, Ω ×
{t_1} with +e_t; a parameter has none
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import numpy as np

from kanpde.domains.base import Domain, equally_weighted, frozen_array
from kanpde.domains.mesh import Mesh, extrude
from kanpde.errors import ConfigError
from kanpde.numerics import quadrature as rules
from kanpde.numerics.quadrature import MOST_GAUSS_COORDINATES, Array, Layout, PointSet


@dataclass(frozen=True, eq=False)
class Cylinder(Domain):
    """The product of the domain `space` (d − 1 coordinates) and the interval [`start`, `end`].

    `caps` are the parts at its ends, if any, and `what` names the last coordinate in messages.
    Raises ConfigError unless start < end.
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
                " give the interval a length"
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

    def chebyshev(self, count: int, layout: Layout) -> PointSet:
        """The product of the points of `space` with Chebyshev nodes in time."""
        times = rules.chebyshev(rules.per_axis(count, self.dimension), layout.shift())
        return self._product(self.space.chebyshev(_share(count, times), layout), times)

    def _quadrature(self, count: int) -> PointSet:
        if self.dimension > MOST_GAUSS_COORDINATES:
            return equally_weighted(self.scattered(count, _fixed_sobol()), self.measure)
        times = rules.gauss(rules.per_axis(count, self.dimension))
        return self._product(self.space.quadrature(_share(count, times)), times)

    def chart(self, name: str, u: Array) -> tuple[Array, Array]:
        """The chart of the part of `space`, with the last coordinate of the cube as time."""
        x, normal = self.space.chart(name, u[:, :-1])
        times = self.start + u[:, -1:] * (self.end - self.start)
        return np.concatenate([x, times], axis=1), np.pad(normal, ((0, 0), (0, 1)))

    def part_scattered(self, name: str, count: int, layout: Layout) -> PointSet:
        """Points of a side by its chart where it has one, of a cap those of `space`."""
        from kanpde.domains.space.solid import Solid

        if name in self.caps:
            x = self.space.scattered(count, layout)
            return self.on_cap(name, equally_weighted(x, self.space.measure))
        # caps of `space` and faces of combined bodies have no chart
        if isinstance(self.space, Cylinder) and name in self.space.caps:
            return self._over_cap(self.space, name, count, layout)
        if isinstance(self.space, Solid):
            return self.space.lifted_part(
                name, count, layout, lambda whole: replace(self, space=whole)
            )
        return super().part_scattered(name, count, layout)

    def _over_cap(self, space: Cylinder, name: str, count: int, layout: Layout) -> PointSet:
        """Points of a cap of `space`, which has no chart, times the interval: those of Ω ×
        interval, lifted to the cap.
        """
        x = replace(self, space=space.space).scattered(count, layout)
        cap = space.on_cap(name, equally_weighted(x[:, :-1], self._part_measure(name)))
        assert cap.normal is not None
        lifted = np.concatenate([cap.x, x[:, -1:]], axis=1)
        return PointSet(lifted, cap.w, np.pad(cap.normal, ((0, 0), (0, 1))))

    def part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        """The points of `space` or of its part, times Chebyshev nodes on the sides."""
        if name in self.caps:
            return self.on_cap(name, self.space.chebyshev(count, layout))
        times = rules.chebyshev(rules.per_axis(count, self.dimension - 1), layout.shift())
        return self._product(self.space.part_chebyshev(name, _share(count, times), layout), times)

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        if name in self.caps:
            return self.on_cap(name, self.space.quadrature(count))
        if self.dimension - 1 > MOST_GAUSS_COORDINATES:
            return self.part_scattered(name, count, _fixed_sobol())
        times = rules.gauss(rules.per_axis(count, self.dimension - 1))
        return self._product(self.space.part_quadrature(name, _share(count, times)), times)

    def _part_measure(self, name: str) -> float:
        if name in self.caps:
            return self.space.measure
        return self.space.part_measure(name) * (self.end - self.start)

    def common_points(self, a: str, b: str) -> Array:
        """Sides meet sides all along the interval, and a cap at its own end."""
        ends = dict(zip(self.caps, (self.start, self.end), strict=False))
        sides = [part for part in (a, b) if part not in ends]
        if not sides:
            return np.zeros((0, self.dimension))
        if len(sides) == 2:
            x = self.space.common_points(a, b)
            t = np.linspace(self.start, self.end, 5)
        else:
            cap = a if b in sides else b
            x = self.space.part_quadrature(sides[0], 16).x
            t = np.array([ends[cap]])
        return np.concatenate([np.repeat(x, len(t), axis=0), np.tile(t, len(x))[:, None]], axis=1)

    def translation(self, a: str, b: str) -> Array | None:
        """Between the caps the length of the interval, between sides the translation of `space`."""
        if self.caps and {a, b} == set(self.caps):
            length = self.end - self.start
            step = length if b == self.caps[-1] else -length
            return np.append(np.zeros(self.space.dimension), step)
        if {a, b} & set(self.caps):
            return None
        shift = self.space.translation(a, b)
        return None if shift is None else np.append(shift, 0.0)

    def _mesh(self, resolution: int) -> Mesh:
        return extrude(
            self.space.mesh(resolution), np.linspace(self.start, self.end, resolution + 1)
        )

    def _product(self, points: PointSet, times: rules.Rule) -> PointSet:
        """Points of space (M, d − 1) times a rule on [0, 1] (T,): M·T points, normals padded with
        0.
        """
        u, w = times
        nodes = self.start + u * (self.end - self.start)
        weights = w * (self.end - self.start)
        in_time = np.tile(nodes, len(points))[:, None]
        x = np.concatenate([np.repeat(points.x, len(nodes), axis=0), in_time], axis=1)
        normal = points.normal
        if normal is not None:
            normal = np.repeat(np.pad(normal, ((0, 0), (0, 1))), len(nodes), axis=0)
        return PointSet(x, np.outer(points.w, weights).ravel(), normal)

    def on_cap(self, name: str, points: PointSet) -> PointSet:
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
        across = max(1, int(np.ceil(resolution * sides[:-1].max() / sides.max())))
        up = max(1, int(np.ceil(resolution * sides[-1] / sides.max())))
        return extrude(self.space.mesh(across), np.linspace(self.start, self.end, up + 1))


@final
@dataclass(frozen=True, eq=False)
class Ranged(Cylinder):
    """A domain times the range of one parameter. There are no conditions at the ends of the range,
    so it has no caps. Several parameters are products of products.
    """

    caps: tuple[()] = ()
    what: ClassVar[str] = "range"


def _share(count: int, times: rules.Rule) -> int:
    """The number of points of space that makes about `count` points in space-time."""
    return max(1, round(count / len(times[0])))


def _fixed_sobol() -> Layout:
    """A Sobol sequence with a fixed scrambling, for quadrature where a product rule explodes."""
    return Layout("sobol", np.random.default_rng(0), 0.0)
