"""Bodies in space made of boxes, balls and extrusions, by their horizontal slices S(z) in closed
form.

    ∫_Ω f dx = ∫ ∫_S(z) f dx dy dz,    walls: dA = ds dz,    spheres: dA = R dφ dz (Archimedes)

Between heights where slices change their kind (sections.py) integrals over S(z) are smooth but for
square roots at the ends, which z = z_0 + h sin²(πs/2) removes: Gauss–Legendre in s converges
spectrally. With 24 nodes per panel volumes and areas of bodies of moderate shape are exact to about
1e-12 of their size; tests ask for 1e-9.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from typing import final

import numpy as np

from kanpde.domains.base import MOST_CANDIDATES, Domain, frozen_array, length_scale
from kanpde.domains.mesh import Mesh
from kanpde.domains.outline import corners
from kanpde.domains.plane.boundary import EmptyRegion
from kanpde.domains.plane.curves import Segment
from kanpde.domains.plane.cutgrid import cut_grid
from kanpde.domains.plane.planar import Planar
from kanpde.domains.space.bodies import BallBody, Body, Prism, box_around
from kanpde.domains.space.sections import JOIN, Flat, Sections, graded
from kanpde.errors import ConfigError
from kanpde.numerics import quadrature as rules
from kanpde.numerics.quadrature import Array, Layout, PointSet

NODES = 24
"""Heights per panel by which volumes and areas are computed."""
PROBE = 1e-7
"""How far from a face its two sides are examined, as a share of the size."""
WHOLE = 1e-9
"""A sphere of which less than this share is missing counts as whole."""
HEIGHTS, ALONG_ARC = 16, 33
"""Heights per panel, and points of an arc, between which edges are straight."""
FEWEST, FEWEST_GAUSS = 4, 14
"""Heights per panel, and points on a curve of a slice: of Chebyshev and of Gauss rules."""


@final
@dataclass(frozen=True, eq=False)
class Solid(Domain):
    """The body `body`; `names` are all its part names in the order of `parts`.

    Raises ConfigError when the body is empty or a slice of it touches itself.
    """

    body: Body
    names: tuple[str, ...]
    vanished: tuple[str, ...] = field(init=False)
    lower: Array = field(init=False)
    upper: Array = field(init=False)
    parts: tuple[str, ...] = field(init=False)
    measure: float = field(init=False)
    box: bool = field(init=False, default=False)
    _areas: dict[str, float] = field(init=False, default_factory=dict, repr=False)
    _sections: Sections = field(init=False, repr=False)

    def __post_init__(self) -> None:
        lower, upper = box_around(self.body)
        span = float(lower[2]), float(upper[2])
        sections = Sections(self.body, self.names, length_scale(lower, upper), span)
        if not ((upper > lower).all() and sections.panels):
            raise EmptyRegion(
                "combined shape: must have an interior, found an empty set; move or resize the"
                " shapes"
            )
        object.__setattr__(self, "_sections", sections)
        object.__setattr__(self, "lower", frozen_array([*lower[:2], sections.panels[0][0]]))
        object.__setattr__(self, "upper", frozen_array([*upper[:2], sections.panels[-1][1]]))
        object.__setattr__(self, "measure", self._measure())
        parts = tuple(name for name in self.names if name in self._areas)
        vanished = tuple(name for name in self.names if name not in self._areas)
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "vanished", vanished)

    def _measure(self) -> float:
        """The volume; on the way the areas of all parts are added up in `_areas`."""
        areas: dict[str, float] = defaultdict(float)
        for flat in self._sections.flats:
            areas[flat.part] += flat.region.measure
        volume = 0.0
        for z, w in self._sections.heights(lambda height: NODES, graded):
            section = self._sections.at(z)
            volume += w * section.measure
            for curve in section.curves:
                areas[curve.part] += w * curve.length * self._sections.stretch(curve)
        self._areas.update(areas)
        return volume

    def contains(
        self, x: Array, tolerance: float = 1e-12
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of the points `x` (N, 3) lies in the closed body, widened by `tolerance` ×
        its size; (N,).
        """
        return np.asarray(self.body.level(x) <= tolerance * self._sections.size)

    def chebyshev(self, count: int, layout: Layout) -> PointSet:
        """Chebyshev nodes in z on every panel, the Chebyshev points of the slices there."""

        def rule(n: int) -> rules.Rule:
            return rules.chebyshev(n, layout.shift())

        return self._stacked(count, FEWEST, rule, lambda section, n: section.chebyshev(n, layout))

    def _quadrature(self, count: int) -> PointSet:
        return self._stacked(count, FEWEST_GAUSS, graded, lambda section, n: section.quadrature(n))

    def _stacked(
        self,
        count: int,
        fewest: int,
        rule: Callable[[int], rules.Rule],
        fill: Callable[[Planar, int], PointSet],
    ) -> PointSet:
        """Points of slices at the heights of a rule, of all slices by their share of the volume."""
        density = rules.per_axis(count, 3) / float(self.upper[2] - self.lower[2])
        heights = self._sections.heights(lambda height: max(fewest, round(density * height)), rule)
        x, w = [], []
        for z, weight in heights:
            section = self._sections.at(z)
            sample = fill(section, max(1, round(count * weight * section.measure / self.measure)))
            x.append(np.pad(sample.x, ((0, 0), (0, 1)), constant_values=z))
            w.append(sample.w * weight)
        weights = np.concatenate(w)
        return PointSet(np.concatenate(x), weights * (self.measure / weights.sum()))

    def chart(self, name: str, u: Array) -> tuple[Array, Array]:
        """Raises ConfigError: faces are cut by others, so there is no map that keeps areas."""
        raise ConfigError(
            f"sampler.kind: part {name!r} of a combined body has no map from a square; use"
            " 'chebyshev' or 'gauss'"
        )

    def part_scattered(self, name: str, count: int, layout: Layout) -> PointSet:
        """Points of the whole face of the ball or prism that lie on the boundary of the body."""
        return self.lifted_part(name, count, layout, lambda domain: domain)

    def lifted_part(
        self, name: str, count: int, layout: Layout, lift: Callable[[Domain], Domain]
    ) -> PointSet:
        """Points of a part of a product of this body, from those of the whole face of the ball or
        prism.

        `lift` makes the same product of the ball or prism; its coordinates follow x, y, z.
        """
        owner, domain = self._owner(name)
        whole = lift(domain)
        share = self._part_measure(name) / domain.part_measure(name)
        measure = whole.part_measure(name) * share
        candidates = count / share
        while candidates <= MOST_CANDIDATES or candidates <= count:
            sample = whole.part_scattered(name, max(1, round(candidates)), layout)
            assert sample.normal is not None
            side = self._side(sample.x[:, :3], sample.normal[:, :3], owner)
            on_boundary = side != 0
            if on_boundary.sum() >= min(count, 1 + count // 2):
                x, normal = (
                    sample.x[on_boundary],
                    sample.normal[on_boundary] * side[on_boundary, None],
                )
                return PointSet(x, np.full(len(x), measure / len(x)), normal)
            candidates *= 2
        raise ConfigError(
            f"sampler.kind: {layout.kind!r} picks points from the whole face {name!r}, of which"
            f" the domain has only {share:.1e} parts; use 'chebyshev' or 'gauss'"
        )

    def _owner(self, name: str) -> tuple[int, Domain]:
        """The number of the ball or prism that has a part, and its domain."""
        for number, primitive in enumerate(self.body.primitives()):
            if name in primitive.domain.parts:
                return number, primitive.domain
        raise KeyError(name)

    def _side(self, x: Array, normal: Array, owner: int) -> Array:
        """+1 where the body lies behind a face of primitive `owner`, −1 where before it, 0 where
        both or none; (N,).
        """
        step = PROBE * self._sections.size * normal
        behind = self.body.level(x - step) < 0
        before = self.body.level(x + step) < 0
        side = behind.astype(np.float64) - before
        # a face that two primitives share belongs to the first of them
        for other in self.body.primitives()[:owner]:
            side[np.abs(other.level(x)) <= JOIN * self._sections.size] = 0.0
        return side

    def part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        """Chebyshev points of horizontal faces, and Chebyshev nodes along the curves of slices. A
        whole sphere has no edge to be dense at: its points are even.
        """
        for k, primitive in enumerate(self.body.primitives()):
            if not isinstance(primitive, BallBody) or name not in primitive.domain.parts:
                continue
            fraction = self._part_measure(name) / primitive.domain.part_measure(name)
            if abs(fraction - 1) < WHOLE:
                sphere = primitive.domain.part_chebyshev(name, count, layout)
                assert sphere.normal is not None
                outward = sphere.normal * self._side(sphere.x, sphere.normal, k)[:, None]
                return replace(sphere, normal=outward)

        def across(n: int) -> rules.Rule:
            return rules.chebyshev(n, layout.shift())

        def along(n: int, closed: bool) -> rules.Rule:
            return rules.periodic(n, layout.turn()) if closed else across(n)

        faces = [
            flat.lifted(flat.region.chebyshev(n, layout)) for flat, n in self._shares(name, count)
        ]
        if faces:
            return _union(faces)
        return self._walls(name, count, fewest=FEWEST, across=across, along=along)

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        def along(n: int, closed: bool) -> rules.Rule:
            return rules.periodic(n) if closed else rules.gauss(n)

        faces = [flat.lifted(flat.region.quadrature(n)) for flat, n in self._shares(name, count)]
        if faces:
            return _union(faces)
        return self._walls(name, count, fewest=FEWEST_GAUSS, across=graded, along=along)

    def _shares(self, name: str, count: int) -> list[tuple[Flat, int]]:
        """The horizontal faces of a part, and how many of `count` points each takes."""
        area = self._part_measure(name)
        return [
            (flat, max(1, round(count * flat.region.measure / area)))
            for flat in self._sections.flats
            if flat.part == name
        ]

    def _walls(
        self,
        name: str,
        count: int,
        *,
        fewest: int,
        across: Callable[[int], rules.Rule],
        along: Callable[[int, bool], rules.Rule],
    ) -> PointSet:
        """Points of walls and spheres: on the curves of slices at the heights of the rule `across`,
        by the rule `along`.
        """
        area = self._part_measure(name)
        density = float(np.sqrt(count / area))
        heights = self._sections.heights(
            lambda height: max(fewest, round(density * height)), across
        )
        sets = []
        for z, weight in heights:
            section = self._sections.at(z)
            for curve in section.pieces(name):
                size = curve.length * self._sections.stretch(curve)
                s, w = along(max(fewest, round(density * curve.length)), curve.closed)
                x = np.pad(curve.at(s), ((0, 0), (0, 1)), constant_values=z)
                sets.append(PointSet(x, w * size * weight, self._sections.normal(curve, s, x)))
        return _union(sets, area)

    def _part_measure(self, name: str) -> float:
        return self._areas[name]

    def common_points(self, a: str, b: str) -> Array:
        """Corners of slices, and of horizontal faces the curves around them."""
        super().common_points(a, b)
        corners = [np.zeros((0, 3))]
        for flat in self._sections.flats:
            for curve in flat.region.curves:
                if {flat.part, curve.part} == {a, b}:
                    x = curve.at(np.linspace(0.0, 1.0, 9))
                    corners.append(np.pad(x, ((0, 0), (0, 1)), constant_values=flat.z))
        for z, _ in self._sections.heights(lambda height: FEWEST, rules.gauss):
            section = self._sections.at(z, keep=True)
            if a != b and {a, b} <= set(section.parts):
                x = section.common_points(a, b)
                corners.append(np.pad(x, ((0, 0), (0, 1)), constant_values=z))
        return np.concatenate(corners)

    def edges(self) -> Array:
        """Short straight pieces (E, 2, 3) of all edges: around horizontal faces, and from slice to
        slice between the corners of slices of one kind.
        """
        pieces = [np.zeros((0, 2, 3))]
        for flat in self._sections.flats:
            for curve in flat.region.curves:
                count = 2 if isinstance(curve, Segment) else ALONG_ARC
                x = curve.at(np.linspace(0.0, 1.0, count))
                x = np.pad(x, ((0, 0), (0, 1)), constant_values=flat.z)
                pieces.append(np.stack([x[:-1], x[1:]], axis=1))
        for a, b in self._sections.panels:
            shares = np.concatenate([[PROBE], graded(HEIGHTS)[0], [1 - PROBE]])
            rings = []
            for z in (a + (b - a) * shares).tolist():
                turns = corners(self._sections.at(z).curves)
                rings.append(np.pad(turns, ((0, 0), (0, 1)), constant_values=z))
            for below, above in pairwise(rings):
                if len(below) == len(above):
                    pieces.append(np.stack([below, above], axis=1))
        return np.concatenate(pieces)

    def translation(self, a: str, b: str) -> Array | None:
        """None: faces of bodies are not matched."""
        return None

    def _mesh(self, resolution: int) -> Mesh:
        """A grid of tetrahedra with planes through all corners of bases and all horizontal faces,
        cut at the boundary.
        """
        planes: list[list[float]] = [[], [], []]
        for prism in self.body.primitives():
            if not isinstance(prism, Prism):
                continue
            planes[2] += prism.ends
            for curve in chain.from_iterable(prism.base.primitives()):
                if isinstance(curve, Segment):
                    planes[0] += [float(curve.a[0]), float(curve.b[0])]
                    planes[1] += [float(curve.a[1]), float(curve.b[1])]
        size = float(np.max(self.upper - self.lower)) / resolution
        axes = []
        for axis, positions in enumerate(planes):
            cuts = np.unique([self.lower[axis], self.upper[axis], *positions])
            cuts = cuts[(cuts >= self.lower[axis]) & (cuts <= self.upper[axis])]
            cuts = cuts[np.concatenate([[True], np.diff(cuts) > size / 4])]
            steps = [
                np.linspace(p, q, max(1, int(np.ceil((q - p) / size))) + 1)[1:]
                for p, q in pairwise(cuts)
            ]
            axes.append(np.concatenate([cuts[:1], *steps]))
        return cut_grid(self.body.level, axes, 1e-12 * self._sections.size)


def _union(sets: list[PointSet], measure: float | None = None) -> PointSet:
    """The union of point sets with normals, its weights scaled to a measure."""
    x = np.concatenate([points.x for points in sets])
    w = np.concatenate([points.w for points in sets])
    normal = np.concatenate([points.normal for points in sets if points.normal is not None])
    return PointSet(x, w if measure is None else w * (measure / w.sum()), normal)
