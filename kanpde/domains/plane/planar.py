"""Polygons and unions, differences and intersections of disks, rectangles and polygons in two
coordinates.

    |Ω| = ½ ∮_∂Ω (x − o)·n ds

The boundary is a set of segments and arcs in closed form (boundary.py), the interior is cut into
vertical slices (slices.py), and the mesh is a Delaunay triangulation (triangulation.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

import numpy as np

from kanpde.domains.base import Domain, frozen_array, length_scale
from kanpde.domains.mesh import Mesh
from kanpde.domains.plane import slices
from kanpde.domains.plane.boundary import JOIN, boundary, bounds
from kanpde.domains.plane.chosen_parts import Test, cut
from kanpde.domains.plane.curves import Curve, Segment
from kanpde.domains.plane.regions import Region
from kanpde.domains.plane.triangulation import triangulate
from kanpde.numerics import quadrature as rules
from kanpde.numerics.quadrature import Array, Layout, PointSet

FEWEST_ON_PIECE = 2
FEWEST_GAUSS_ON_PIECE = 6
"""Nodes on every piece of a boundary part, however short: of Chebyshev and of Gauss rules."""

FLAT = 1.5
"""A region whose longest side is longer than so many times the root of its area is flat."""


@final
@dataclass(frozen=True, eq=False)
class Planar(Domain):
    """The plane region `region`; `names` are all its part names in the order of `parts`, to which
    those of `tests` are added: see `chosen_parts`.

    `curves` are the pieces of the boundary with the region on their left.
    `parts` are the parts of the operands that bound the region, `vanished` those that do not.
    Raises ConfigError when the region is empty or its boundary touches itself.
    """

    region: Region
    names: tuple[str, ...]
    tests: Mapping[str, Test] = field(default_factory=dict)
    curves: tuple[Curve, ...] = field(init=False)
    vanished: tuple[str, ...] = field(init=False)
    lower: Array = field(init=False)
    upper: Array = field(init=False)
    parts: tuple[str, ...] = field(init=False)
    measure: float = field(init=False)
    box: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        curves = boundary(self.region)
        if self.tests:
            curves = cut(curves, self.tests)
        lower, upper = bounds(curves)
        present = {curve.part for curve in curves}
        names = (*self.names, *self.tests)
        parts = tuple(name for name in names if name in present)
        vanished = tuple(name for name in names if name not in present)
        measure = sum(curve.moment((lower + upper) / 2) for curve in curves)
        object.__setattr__(self, "curves", curves)
        object.__setattr__(self, "lower", frozen_array(lower))
        object.__setattr__(self, "upper", frozen_array(upper))
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "vanished", vanished)
        object.__setattr__(self, "measure", measure)

    def contains(
        self, x: Array, tolerance: float = 1e-12
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of the points `x` (N, 2) lies in the closed region, widened by `tolerance` ×
        its size; (N,).
        """
        return np.asarray(self.region.level(x) <= tolerance * length_scale(self.lower, self.upper))

    @cached_property
    def _slabs(self) -> tuple[slices.Slab, ...]:
        return slices.slabs(self.curves, JOIN * length_scale(self.lower, self.upper))

    def chebyshev(self, count: int, layout: Layout) -> PointSet:
        """Chebyshev nodes in x on every slab of slices and in y on every cell."""
        return self._scaled(slices.chebyshev_rule(self._slabs, count, layout))

    def _quadrature(self, count: int) -> PointSet:
        return self._scaled(slices.gauss_rule(self._slabs, count))

    def _scaled(self, rule: rules.Rule) -> PointSet:
        x, w = rule
        return PointSet(x, w * (self.measure / w.sum()))

    def chart(self, name: str, u: Array) -> tuple[Array, Array]:
        """Positions along all pieces of the part, one after the other."""
        pieces = self.pieces(name)
        ends = np.cumsum([piece.length for piece in pieces])
        along = u[:, 0] * ends[-1]
        owners = np.minimum(np.searchsorted(ends, along, side="right"), len(pieces) - 1)
        x, normal = np.empty((len(u), 2)), np.empty((len(u), 2))
        for i, piece in enumerate(pieces):
            on_piece = owners == i
            s = 1.0 - (ends[i] - along[on_piece]) / piece.length
            x[on_piece], normal[on_piece] = piece.at(s), piece.normal(s)
        return x, normal

    def part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        """Chebyshev nodes on every piece of the part, equally spaced points on full circles."""

        def rule(n: int, closed: bool) -> rules.Rule:
            return (
                rules.periodic(n, layout.turn()) if closed else rules.chebyshev(n, layout.shift())
            )

        return self._along(name, count, FEWEST_ON_PIECE, rule)

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        def rule(n: int, closed: bool) -> rules.Rule:
            return rules.periodic(n) if closed else rules.gauss(n)

        return self._along(name, count, FEWEST_GAUSS_ON_PIECE, rule)

    def _along(
        self, name: str, count: int, fewest: int, rule: Callable[[int, bool], rules.Rule]
    ) -> PointSet:
        """A rule on every piece of a part, with nodes in proportion to its length but at least
        `fewest`.
        """
        density = count / self._part_measure(name)
        x, w, normal = [], [], []
        for piece in self.pieces(name):
            s, weights = rule(max(fewest, round(piece.length * density)), piece.closed)
            x.append(piece.at(s))
            w.append(weights * piece.length)
            normal.append(piece.normal(s))
        return PointSet(np.concatenate(x), np.concatenate(w), np.concatenate(normal))

    def _part_measure(self, name: str) -> float:
        return sum(piece.length for piece in self.pieces(name))

    def pieces(self, name: str) -> list[Curve]:
        """The curves of a part, in their order along the boundary."""
        return [curve for curve in self.curves if curve.part == name]

    def common_points(self, a: str, b: str) -> Array:
        """The ends of curves that both parts have."""
        ends_a, ends_b = self._ends(a), self._ends(b)
        distance = np.linalg.norm(ends_a[:, None] - ends_b, axis=2).min(axis=1)
        near = distance < 2 * JOIN * length_scale(self.lower, self.upper)
        return np.asarray(ends_a[near], dtype=np.float64)

    def _ends(self, name: str) -> Array:
        """The ends (2P, 2) of the pieces of a part."""
        return np.concatenate([piece.at(np.array([0.0, 1.0])) for piece in self.pieces(name)])

    def translation(self, a: str, b: str) -> Array | None:
        """The translation between two straight parts of one length with opposite normals, None for
        any others.
        """
        first, second = self.pieces(a), self.pieces(b)
        if a == b or len(first) != 1 or len(second) != 1:
            return None
        if not isinstance(first[0], Segment) or not isinstance(second[0], Segment):
            return None
        # the domain is on the left of both, so that they are walked in opposite directions
        shifts = second[0].b - first[0].a, second[0].a - first[0].b
        size = length_scale(self.lower, self.upper)
        if np.abs(shifts[0] - shifts[1]).max() > JOIN * size:
            return None
        return np.asarray((shifts[0] + shifts[1]) / 2, dtype=np.float64)

    def _mesh(self, resolution: int) -> Mesh:
        longest = float(np.max(self.upper - self.lower))
        # in a flat region most triangles would have all corners on the rim, where fields are zero
        size = min(longest, FLAT * float(np.sqrt(self.measure))) / resolution
        return triangulate(self.curves, size, JOIN * length_scale(self.lower, self.upper))
