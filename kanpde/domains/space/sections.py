"""The horizontal slices of a body in space: where they change their kind, their curves, and the
faces between them.

Corners where three surfaces meet are found by bisection, all other changes are known in closed form
(bodies.py). A horizontal face is what the slices just above and just below it do not have in
common.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import final

import numpy as np

from kanpde.domains.plane.boundary import EmptyRegion
from kanpde.domains.plane.curves import Arc, Curve
from kanpde.domains.plane.planar import Planar
from kanpde.domains.plane.regions import Region
from kanpde.domains.space.bodies import BallBody, Body, Prism, combined, critical_heights
from kanpde.errors import ConfigError
from kanpde.numerics import quadrature as rules
from kanpde.numerics.quadrature import Array, PointSet

SAMPLES = 12
"""Heights between known changes of kind at which the kind of the slice is computed; a kind that
appears only between two of them is missed.
"""
JOIN = 1e-9
"""Heights nearer to each other than this share of the size are the same height, and points nearer
to a face lie on it.
"""


@dataclass(frozen=True, eq=False)
class Flat:
    """A horizontal face at height `z`: a plane region, the outward normal up (+1) or down (−1)."""

    part: str
    region: Planar
    z: float
    normal: float

    def lifted(self, points: PointSet) -> PointSet:
        """Points of the plane (N, 2) as points of the face."""
        x = np.pad(points.x, ((0, 0), (0, 1)), constant_values=self.z)
        return PointSet(x, points.w, np.tile([0.0, 0.0, self.normal], (len(x), 1)))


@final
@dataclass(frozen=True, eq=False)
class Sections:
    """The slices of `body`, whose parts have `names`; `size` is the length that tolerances refer
    to, `span` the heights that contain the body.

    `panels` are the intervals of heights inside which slices keep their kind, none where the body
    is empty; `flats` are the horizontal faces. Raises ConfigError when a slice touches itself.
    """

    body: Body
    names: tuple[str, ...]
    size: float
    span: tuple[float, float]
    # slices by their height, of those that are used again
    _stored: dict[float, Planar] = field(init=False, default_factory=dict, repr=False)

    def _section(self, z: float) -> Planar | None:
        return self._plane(self.body.slice(z, True), z)

    def _plane(self, region: Region | None, z: float) -> Planar | None:
        try:
            return None if region is None else Planar(region, self.names)
        except EmptyRegion:
            return None
        except ConfigError as error:
            raise ConfigError(f"{error} (in the slice z = {z:.6g})") from error

    def at(self, z: float, *, keep: bool = False) -> Planar:
        """The slice at a height inside a panel; `keep` stores it for heights that are used
        again.
        """
        section = self._stored.get(z) or self._section(z)
        assert section is not None
        if keep:
            self._stored[z] = section
        return section

    def _kind(self, z: float) -> tuple[str, ...]:
        section = self._section(z)
        return () if section is None else tuple(curve.part for curve in section.curves)

    @cached_property
    def panels(self) -> tuple[tuple[float, float], ...]:
        """Intervals of heights between changes of kind, without those where the body is not."""
        low, high = self.span
        critical = [z for z in critical_heights(self.body, JOIN * self.size) if low < z < high]
        heights = sorted({low, high, *critical})
        cuts = heights[:1]
        for before, height in pairwise(heights):
            if height - before > JOIN * self.size:
                cuts.append(height)
        intervals: list[tuple[float, float]] = []
        for a, b in pairwise(cuts):
            intervals += pairwise([a, *self._changes(a, b), b])
        return tuple(panel for panel in intervals if self._kind(sum(panel) / 2))

    def _changes(self, low: float, high: float) -> list[float]:
        """The heights between two others where the kind of the slices changes."""
        s, _ = graded(SAMPLES)
        samples = [(z, self._kind(z)) for z in (low + (high - low) * s).tolist()]
        changes = []
        for (z0, kind), (z1, next_kind) in pairwise(samples):
            if kind != next_kind:
                changes.append(self._change(z0, z1, kind))
        return changes

    def _change(self, low: float, high: float, kind: tuple[str, ...]) -> float:
        """The height between two others above which slices are no longer of a kind."""
        while high - low > 1e-13 * self.size:
            middle = (low + high) / 2
            if not low < middle < high:
                break
            low, high = (middle, high) if self._kind(middle) == kind else (low, middle)
        return (low + high) / 2

    @cached_property
    def flats(self) -> tuple[Flat, ...]:
        """The horizontal faces; what caps of several prisms have in common belongs to the first."""
        prisms = [primitive for primitive in self.body.primitives() if isinstance(primitive, Prism)]
        faces = []
        for k, prism in enumerate(prisms):
            for z, part in zip(prism.ends, prism.caps, strict=True):
                above, below = self.body.slice(z, True), self.body.slice(z, False)
                earlier = [other.base for other in prisms[:k] if z in other.ends]
                for inner, outer, normal in ((below, above, 1.0), (above, below, -1.0)):
                    face = combined(
                        "intersection", prism.base, combined("difference", inner, outer)
                    )
                    plane = self._plane(combined("difference", face, *earlier), z)
                    if plane is not None:
                        faces.append(Flat(part, plane, z, normal))
        return tuple(faces)

    def heights(
        self, count: Callable[[float], int], rule: Callable[[int], rules.Rule]
    ) -> list[tuple[float, float]]:
        """Heights and weights inside all panels; `count` gives the number in a panel by its
        height.
        """
        nodes: list[tuple[float, float]] = []
        for a, b in self.panels:
            s, w = rule(count(b - a))
            nodes += zip((a + (b - a) * s).tolist(), ((b - a) * w).tolist(), strict=True)
        return nodes

    def _ball(self, curve: Curve) -> BallBody | None:
        """The ball whose sphere a curve of a slice lies on."""
        for primitive in self.body.primitives():
            if isinstance(primitive, BallBody) and primitive.domain.part_name == curve.part:
                return primitive
        return None

    def stretch(self, curve: Curve) -> float:
        """dA / (ds dz) on a curve of a slice."""
        ball = self._ball(curve)
        if ball is None or not isinstance(curve, Arc):
            return 1.0
        return ball.domain.radius / curve.radius

    def normal(self, curve: Curve, s: Array, x: Array) -> Array:
        """Outward normals (N, 3) at points x (N, 3) of the shares s of a curve."""
        ball = self._ball(curve)
        if ball is None or not isinstance(curve, Arc):
            return np.pad(curve.normal(s), ((0, 0), (0, 1)))
        normal = np.sign(curve.sweep) * (x - ball.domain.center)
        return np.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True))


def graded(count: int) -> rules.Rule:
    """Gauss nodes s as sin²(πs/2), dense at both ends, with their weights."""
    s, w = rules.gauss(count)
    return np.sin(np.pi * s / 2) ** 2, w * np.pi / 2 * np.sin(np.pi * s)
