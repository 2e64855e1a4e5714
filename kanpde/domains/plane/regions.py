"""Plane regions as level functions: φ < 0 inside, φ > 0 outside, |φ| at most the distance to the
boundary.

    disk: |x − c| − R,   polygon: ± distance to its edges,   A ∪ B: min(φ_A, φ_B),   A ∩ B: max(φ_A, φ_B),
    A \\ B: max(φ_A, −φ_B),   an outline: ± distance to its curves,   sides of curves: min of max ± q

Source: Ricci, The Computer Journal 16 (1973) 157–160.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import final

import numpy as np

from kanpde.config.problem.polygons import polygon_flaw
from kanpde.domains.plane.bends import Bend
from kanpde.domains.plane.curves import TURN, Arc, Curve, Segment
from kanpde.domains.plane.disk import require_radius
from kanpde.errors import ConfigError
from kanpde.numerics.outlines import crosses_ray
from kanpde.numerics.quadrature import Array

OPERATIONS = ("union", "difference", "intersection")

TOUCHING = 1e-13
"""Ends of curves nearer to each other than this share of the coordinates are one point."""


@final
@dataclass(frozen=True, eq=False)
class DiskRegion:
    """|x − center| < radius; its circle is the boundary part `part`."""

    center: Array
    radius: float
    part: str

    def __post_init__(self) -> None:
        require_radius("disk", self.center, 2, self.radius)

    def level(self, x: Array) -> Array:
        """The level function (N,) at points (N, 2)."""
        return np.asarray(np.linalg.norm(x - self.center, axis=1) - self.radius, dtype=np.float64)

    def primitives(self) -> tuple[tuple[Curve, ...], ...]:
        """One tuple of boundary curves per disk or polygon, in the order of the operands."""
        circle = Arc(self.center, self.radius, start=0.0, sweep=TURN, part=self.part)
        return ((circle,),)


@final
@dataclass(frozen=True, eq=False)
class PolygonRegion:
    """The simple polygon through `vertices` (V, 2); edge i from vertex i to i + 1 is the boundary
    part `parts[i]`.

    Raises ConfigError for fewer than 3 vertices, a missing name, or a polygon that meets itself.
    """

    vertices: Array
    parts: tuple[str, ...]

    def __post_init__(self) -> None:
        if (
            len(self.vertices) < 3
            or self.vertices.shape[1:] != (2,)
            or len(self.parts) != len(self.vertices)
        ):
            raise ConfigError(
                "polygon: needs 3 or more [x, y] vertices and a name per edge, found"
                f" {len(self.vertices)} and {len(self.parts)} names; list them all"
            )
        flaw = polygon_flaw([(float(x), float(y)) for x, y in self.vertices])
        if flaw:
            raise ConfigError(f"polygon: {flaw}")

    @cached_property
    def edges(self) -> tuple[Segment, ...]:
        """The V edges as given."""
        ends = np.roll(self.vertices, -1, axis=0)
        return tuple(
            Segment(a, b, part) for a, b, part in zip(self.vertices, ends, self.parts, strict=True)
        )

    def level(self, x: Array) -> Array:
        """The level function (N,) at points (N, 2); inside when a ray to the right crosses an odd
        number of edges.
        """
        distance, inside = np.full(len(x), np.inf), np.zeros(len(x), dtype=bool)
        for edge in self.edges:
            share = np.clip(edge.locate(x), 0.0, 1.0)
            distance = np.minimum(distance, np.linalg.norm(x - edge.at(share), axis=1))
            inside ^= crosses_ray(edge.a, edge.b, x)
        return np.where(inside, -distance, distance)

    def primitives(self) -> tuple[tuple[Curve, ...], ...]:
        """One tuple of boundary curves per disk or polygon, in the order of the operands."""
        return (self.edges,)


@final
@dataclass(frozen=True, eq=False)
class Combination:
    """The union or intersection of regions, or the first without the others; ConfigError for other
    operations.
    """

    operation: str
    operands: tuple[Region, ...]

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS or not self.operands:
            raise ConfigError(
                f"combined shape: must be one of {', '.join(OPERATIONS)} of at least one shape,"
                f" found {self.operation!r} of {len(self.operands)}; choose one"
            )

    def level(self, x: Array) -> Array:
        """The level function (N,) at points (N, 2)."""
        return combined_level(self.operation, [operand.level(x) for operand in self.operands])

    def primitives(self) -> tuple[tuple[Curve, ...], ...]:
        """One tuple of boundary curves per disk or polygon, in the order of the operands."""
        return tuple(curves for operand in self.operands for curves in operand.primitives())


@final
@dataclass(frozen=True, eq=False)
class OutlinedRegion:
    """What closed loops of segments, arcs and bends enclose, `curves` in any order, holes included;
    none may cross another.
    """

    curves: tuple[Curve, ...]

    @cached_property
    def _short(self) -> tuple[Curve, ...]:
        """The curves, arcs cut to quarters of a circle at most."""
        return tuple(piece for curve in self.curves for piece in _quarters(curve))

    @cached_property
    def _ends(self) -> Array:
        """The ends (M, 2, 2) of the short curves. Where two follow each other they have the same
        numbers: a ray between two ends that differ by rounding would meet one of the two, or both.
        """
        ends = np.concatenate([curve.at(np.array([0.0, 1.0])) for curve in self._short])
        near = TOUCHING * np.abs(ends).max()
        for k, end in enumerate(ends):
            ends[k] = ends[np.argmax(np.abs(ends - end).max(axis=1) <= near)]
        return ends.reshape(-1, 2, 2)

    def level(self, x: Array) -> Array:
        """The level function (N,) at points (N, 2). A point is inside the chords and outside the
        caps on them, or the other way round, an odd number of times.
        """
        distance, inside = np.full(len(x), np.inf), np.zeros(len(x), dtype=bool)
        for curve, (a, b) in zip(self._short, self._ends, strict=True):
            distance = np.minimum(distance, _distance(curve, x))
            inside ^= crosses_ray(a, b, x)
            if isinstance(curve, Arc):
                beyond = (b[0] - a[0]) * (x[:, 1] - a[1]) - (b[1] - a[1]) * (x[:, 0] - a[0])
                in_disk = np.linalg.norm(x - curve.center, axis=1) < curve.radius
                inside ^= in_disk & (beyond * curve.sweep < 0)
            elif isinstance(curve, Bend):
                inside ^= curve.in_cap(x)
        return np.where(inside, -distance, distance)

    def primitives(self) -> tuple[tuple[Curve, ...], ...]:
        """All curves as those of one shape."""
        return (self.curves,)


@final
@dataclass(frozen=True, eq=False)
class SidesRegion:
    """What of a region lies on given sides of K curves q = 0, with |∇q| = 1 there; `rim` is its
    boundary.

    Attributes:
        whole: the region.
        levels: q of every curve, from points (N, 2) to (N,).
        below: sets of sides (S, K), whether q < 0; what lies on any of them belongs to it.
        rim: the curves of the boundary, with names of their own.
    """

    whole: Region
    levels: tuple[Callable[[Array], Array], ...]
    below: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
    rim: tuple[Curve, ...]

    def level(self, x: Array) -> Array:
        """The level function (N,) at points (N, 2)."""
        q = np.array([level(x) for level in self.levels]).T
        of_sides = np.where(self.below, 1.0, -1.0) * q[:, None]
        within = of_sides.max(axis=2).min(axis=1)
        return np.asarray(np.maximum(self.whole.level(x), within))

    def primitives(self) -> tuple[tuple[Curve, ...], ...]:
        """All curves as those of one shape."""
        return (self.rim,)


def _distance(curve: Curve, x: Array) -> Array:
    """How far points (N, 2) are from a curve at most; exact near a bend."""
    if isinstance(curve, Bend):
        return curve.distance(x)
    nearest = curve.at(np.clip(curve.locate(x), 0.0, 1.0))
    return np.asarray(np.linalg.norm(x - nearest, axis=1))


def _quarters(curve: Curve) -> list[Curve]:
    """A curve, or the equal pieces of an arc that turn by a right angle at most."""
    if not isinstance(curve, Arc):
        return [curve]
    count = int(np.ceil(abs(curve.sweep) / (TURN / 4) - 1e-9))
    ends = np.linspace(0.0, 1.0, max(count, 1) + 1)
    return [curve.cut(p, q) for p, q in pairwise(ends)]


Region = DiskRegion | PolygonRegion | OutlinedRegion | SidesRegion | Combination


def combined_level(operation: str, levels: Sequence[Array]) -> Array:
    """The level function (N,) of a union, intersection or difference (the first without the others)
    from those of the operands.
    """
    level = levels[0]
    for other in levels[1:]:
        if operation == "union":
            level = np.minimum(level, other)
        elif operation == "difference":
            level = np.maximum(level, -other)
        else:
            level = np.maximum(level, other)
    return level
