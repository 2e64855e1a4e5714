"""Bodies in space made of boxes, balls and extrusions, by their horizontal slices S(z) in closed
form.

    ∫_Ω f dx = ∫ ∫_S(z) f dx dy dz,    walls: dA = ds dz,    spheres: dA = R dφ dz (Archimedes)

Between heights where slices change their kind (sections.py) integrals over S(z) are smooth but for
square roots at the ends, which z = z_0 + h sin²(πs/2) removes: Gauss–Legendre in s converges
spectrally. With 24 nodes per panel volumes and areas of bodies of moderate shape are exact to about
1e-12 of their size; tests ask for 1e-9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import final

import numpy as np

from kanpde.domains.base import MOST_CANDIDATES, Domain, frozen_array, length_scale
from kanpde.domains.mesh import Mesh
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
"""Heights per panel by which volumes and areas are found."""
PROBE = 1e-7
"""How far from a face its two sides are examined, as a share of the size."""
WHOLE = 1e-9
"""Which share of a sphere may be missing where it counts as whole."""
FEWEST, FEWEST_GAUSS = 4, 14
"""Heights per panel, and points on a curve of a slice."""


@final
@dataclass(frozen=True, eq=False)
class Solid(Domain):
    """The body `body`; `names` are all its part names in the order wanted.

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
        volume, areas = 0.0, self._areas
        for flat in sections.flats:
            areas[flat.part] = areas.get(flat.part, 0.0) + flat.region.measure
        for z, w in sections.heights(lambda height: NODES, graded):
            section = sections.at(z)
            volume += w * section.measure
            for curve in section.curves:
                areas[curve.part] = areas.get(
                    curve.part, 0.0
                ) + w * curve.length * sections.stretch(curve)
        object.__setattr__(self, "measure", volume)
        object.__setattr__(self, "parts", tuple(name for name in self.names if name in areas))
        object.__setattr__(
            self, "vanished", tuple(name for name in self.names if name not in areas)
        )

    def contains(
        self, x: Array, tolerance: float = 1e-12
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of the points `x` (N, 3) lies in the closed body, widened by `tolerance` ×
        its size; (N,).
        """
        return np.asarray(self.body.level(x) <= tolerance * self._sections.size)

    def _chebyshev(self, count: int, layout: Layout) -> PointSet:
        def rule(n: int) -> rules.Rule:
            return rules.chebyshev(n, layout.shift())

        return self._stacked(count, FEWEST, rule, lambda section, n: section._chebyshev(n, layout))

    def _quadrature(self, count: int) -> PointSet:
        return self._stacked(count, FEWEST_GAUSS, graded, lambda section, n: section._quadrature(n))

    def _stacked(
        self,
        count: int,
        fewest: int,
        rule: Callable[[int], rules.Rule],
        fill: Callable[[Planar, int], PointSet],
    ) -> PointSet:
        """Points of slices at the heights of a rule, of all slices by their share of the volume."""
        density = rules.per_axis(count, 3) / float(self.upper[2] - self.lower[2])
        x, w = [], []
        for z, weight in self._sections.heights(
            lambda height: max(fewest, round(density * height)), rule
        ):
            section = self._sections.at(z)
            own = fill(section, max(1, round(count * weight * section.measure / self.measure)))
            x.append(np.pad(own.x, ((0, 0), (0, 1)), constant_values=z))
            w.append(own.w * weight)
        weights = np.concatenate(w)
        return PointSet(np.concatenate(x), weights * (self.measure / weights.sum()))

    def _chart(self, name: str, u: Array) -> tuple[Array, Array]:
        raise ConfigError(
            f"sampler.kind: part {name!r} of a combined body has no map from a square; use"
            f" 'chebyshev' or 'gauss'"
        )

    def _part_scattered(self, name: str, count: int, layout: Layout) -> PointSet:
        return self.scattered(name, count, layout, lambda domain: domain)

    def scattered(
        self, name: str, count: int, layout: Layout, lift: Callable[[Domain], Domain]
    ) -> PointSet:
        """Points of the whole face of the ball or prism, of which those on the body's boundary are
        taken.

        `lift` makes a product of such a domain and more coordinates, which then stand behind x, y,
        z.
        """
        owner, one = next(
            (k, one) for k, one in enumerate(self.body.primitives()) if name in one.domain.parts
        )
        whole = lift(one.domain)
        share = self._part_measure(name) / one.domain._part_measure(name)
        measure = whole._part_measure(name) * share
        wanted = count / share
        while wanted <= MOST_CANDIDATES or wanted <= count:
            found = whole._part_scattered(name, max(1, round(wanted)), layout)
            assert found.normal is not None
            side = self._side(found.x[:, :3], found.normal[:, :3], owner)
            kept = side != 0
            if kept.sum() >= min(count, 1 + count // 2):
                x, normal = found.x[kept], found.normal[kept] * side[kept, None]
                return PointSet(x, np.full(len(x), measure / len(x)), normal)
            wanted *= 2
        raise ConfigError(
            f"sampler.kind: {layout.kind!r} picks points from the whole face {name!r}, of which"
            f" the domain has only"
            f" {share:.1e} parts; use 'chebyshev' or 'gauss'"
        )

    def _side(self, x: Array, normal: Array, owner: int) -> Array:
        """+1 where the body lies behind a face of primitive `owner`, −1 where before it, 0 where
        both or none; (N,).
        """
        step = PROBE * self._sections.size * normal
        behind, before = (self.body.level(x + sign * step) < 0 for sign in (-1.0, 1.0))
        side = behind.astype(np.float64) - before
        for other in self.body.primitives()[:owner]:
            side[np.abs(other.level(x)) <= JOIN * self._sections.size] = 0.0
        return side

    def _part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        """A whole sphere has no edge to be dense at: even points resolve as many harmonics as there
        can be.
        """
        for k, one in enumerate(self.body.primitives()):
            whole = name in one.domain.parts and self._part_measure(
                name
            ) / one.domain._part_measure(name)
            if isinstance(one, BallBody) and abs(whole - 1) < WHOLE:
                found = one.domain._part_chebyshev(name, count, layout)
                assert found.normal is not None
                return replace(
                    found, normal=found.normal * self._side(found.x, found.normal, k)[:, None]
                )

        def along(n: int, closed: bool) -> rules.Rule:
            return (
                rules.periodic(n, layout.turn()) if closed else rules.chebyshev(n, layout.shift())
            )

        faces = [
            flat.lifted(flat.region._chebyshev(n, layout)) for flat, n in self._shares(name, count)
        ]
        return self._joined(
            name, count, faces, FEWEST, lambda n: rules.chebyshev(n, layout.shift()), along
        )

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        def along(n: int, closed: bool) -> rules.Rule:
            return rules.periodic(n) if closed else rules.gauss(n)

        faces = [flat.lifted(flat.region._quadrature(n)) for flat, n in self._shares(name, count)]
        return self._joined(name, count, faces, FEWEST_GAUSS, graded, along)

    def _shares(self, name: str, count: int) -> list[tuple[Flat, int]]:
        """The horizontal faces of a part, and how many of `count` points each takes."""
        area = self._part_measure(name)
        return [
            (flat, max(1, round(count * flat.region.measure / area)))
            for flat in self._sections.flats
            if flat.part == name
        ]

    def _joined(
        self,
        name: str,
        count: int,
        faces: list[PointSet],
        fewest: int,
        across: Callable[[int], rules.Rule],
        along: Callable[[int, bool], rules.Rule],
    ) -> PointSet:
        """Points of horizontal faces, and those of walls and spheres on the curves of slices."""
        if faces:
            return _union(faces)
        area = self._part_measure(name)
        density = float(np.sqrt(count / area))
        found = []
        for z, weight in self._sections.heights(
            lambda height: max(fewest, round(density * height)), across
        ):
            section = self._sections.at(z)
            for curve in section._pieces(name):
                size = curve.length * self._sections.stretch(curve)
                s, w = along(max(fewest, round(density * curve.length)), curve.closed)
                x = np.pad(curve.at(s), ((0, 0), (0, 1)), constant_values=z)
                found.append(PointSet(x, w * size * weight, self._sections.normal(curve, s, x)))
        return _union(found, area)

    def _part_measure(self, name: str) -> float:
        return self._areas[name]

    def common_points(self, a: str, b: str) -> Array:
        """Corners of slices, and of horizontal faces the curves around them."""
        super().common_points(a, b)
        found = [np.zeros((0, 3))]
        for flat in self._sections.flats:
            for curve in flat.region.curves:
                if {flat.part, curve.part} == {a, b}:
                    x = curve.at(np.linspace(0.0, 1.0, 9))
                    found.append(np.pad(x, ((0, 0), (0, 1)), constant_values=flat.z))
        for z, _ in self._sections.heights(lambda height: FEWEST, rules.gauss):
            section = self._sections.at(z, keep=True)
            if a != b and {a, b} <= set(section.parts):
                found.append(
                    np.pad(section.common_points(a, b), ((0, 0), (0, 1)), constant_values=z)
                )
        return np.concatenate(found)

    def _periodic_shift(self, a: str, b: str) -> Array | None:
        return None

    def _mesh(self, resolution: int) -> Mesh:
        """A grid of tetrahedra with planes through all corners of bases and all horizontal faces,
        cut at the boundary.
        """
        prisms = [one for one in self.body.primitives() if isinstance(one, Prism)]
        curves = [curve for one in prisms for own in one.base.primitives() for curve in own]
        corners = [
            point for curve in curves if isinstance(curve, Segment) for point in (curve.a, curve.b)
        ]
        size = float(np.max(self.upper - self.lower)) / resolution
        ends = [np.array([0.0, 0.0, end]) for one in prisms for end in one.ends]
        axes = []
        for axis, planes in enumerate([corners, corners, ends]):
            cuts = np.unique(
                [self.lower[axis], self.upper[axis], *(float(point[axis]) for point in planes)]
            )
            cuts = cuts[(cuts >= self.lower[axis]) & (cuts <= self.upper[axis])]
            cuts = cuts[np.concatenate([[True], np.diff(cuts) > size / 4])]
            steps = [
                np.linspace(p, q, max(1, int(np.ceil((q - p) / size))) + 1)[1:]
                for p, q in pairwise(cuts)
            ]
            axes.append(np.concatenate([cuts[:1], *steps]))
        return cut_grid(self.body.level, axes, 1e-12 * self._sections.size)


def _union(found: list[PointSet], measure: float | None = None) -> PointSet:
    """Point sets with normals as one, its weights scaled to a measure."""
    w = np.concatenate([one.w for one in found])
    normal = np.concatenate([one.normal for one in found if one.normal is not None])
    return PointSet(
        np.concatenate([one.x for one in found]),
        w if measure is None else w * (measure / w.sum()),
        normal,
    )
