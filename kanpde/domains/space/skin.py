"""The surface of a body in space: whether points lie inside, to which part points of it belong, and
where its edges are.

    x inside:  φ(x) ≤ 0,   |φ| at most the distance to the surface (bodies.py)

A surface is made of spheres, of the walls of upright prisms and of their caps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Protocol, final

import numpy as np

from kanpde.domains.base import Domain, frozen_array, length_scale
from kanpde.domains.box import Box
from kanpde.domains.mesh import Indices
from kanpde.domains.outline import corners, outline
from kanpde.domains.plane.curves import Arc, Curve, Segment
from kanpde.domains.plane.disk import Disk
from kanpde.domains.plane.planar import Planar
from kanpde.domains.plane.regions import DiskRegion, Region
from kanpde.domains.space.ball import Ball
from kanpde.domains.space.bodies import BallBody, Body, Prism
from kanpde.domains.space.cylinder import Extrusion
from kanpde.domains.space.solid import Solid
from kanpde.numerics.outlines import crosses_ray
from kanpde.numerics.quadrature import Array

SAME = 1e-9
"""Surfaces nearer than this share of the size are one, and the first of them names the part."""

ROUNDING = 1e-12
"""Points outside by this share of the size are inside: two bodies that touch are one."""

CURVED, STRAIGHT = 33, 2
"""Points on an arc and on a segment between which edges are straight."""

AROUND, BESIDE, REENTRANT = 32, 1e-4, 0.56
"""Points around an edge, how far from it, and the share of them inside that makes it re-entrant."""

SLANTED = 1e-9
"""Component of a normal along a line below which the line does not cross the surface."""


class Surface(Protocol):
    """One smooth surface with the name of its `part`."""

    @property
    def part(self) -> str:
        """Its name."""

    def near(self, x: Array) -> tuple[Array, Array]:
        """The distance (N,) of points (N, 3), and unit normals (N, 3) of either sign."""


@final
@dataclass(frozen=True, eq=False)
class Sphere:
    """The surface of a ball."""

    ball: Ball

    @property
    def part(self) -> str:
        """Its one part."""
        return self.ball.part_name

    def near(self, x: Array) -> tuple[Array, Array]:
        """The radial distance and direction."""
        away = x - self.ball.center
        radius = np.linalg.norm(away, axis=1)
        normal = away / np.maximum(radius, SAME * self.ball.radius)[:, None]
        return np.abs(radius - self.ball.radius), normal


@final
@dataclass(frozen=True, eq=False)
class Wall:
    """The upright surface over a curve between two heights."""

    curve: Curve
    ends: tuple[float, float]

    @property
    def part(self) -> str:
        """That of the curve."""
        return self.curve.part

    def near(self, x: Array) -> tuple[Array, Array]:
        """The horizontal distance, or how far above or below a point is."""
        share = np.clip(self.curve.locate(x[:, :2]), 0.0, 1.0)
        across = np.linalg.norm(x[:, :2] - self.curve.at(share), axis=1)
        beyond = np.maximum(self.ends[0] - x[:, 2], x[:, 2] - self.ends[1])
        normal = np.pad(self.curve.normal(share), ((0, 0), (0, 1)))
        return across + np.maximum(beyond, 0.0), normal


@final
@dataclass(frozen=True, eq=False)
class Cap:
    """The plane region at one end of a prism."""

    base: Region | OutlineRegion
    height: float
    part: str

    def near(self, x: Array) -> tuple[Array, Array]:
        """The distance along the axis, or to the region."""
        normal = np.tile([0.0, 0.0, 1.0], (len(x), 1))
        beside = np.maximum(self.base.level(x[:, :2]), 0.0)
        return np.abs(x[:, 2] - self.height) + beside, normal


@final
@dataclass(frozen=True, eq=False)
class OutlineRegion:
    """The inside of closed polygons, those of a plane mesh with its holes."""

    segments: tuple[Curve, ...]

    def level(self, x: Array) -> Array:
        """Minus the distance to the outline inside, plus outside; (N,)."""
        distance, inside = np.full(len(x), np.inf), np.zeros(len(x), dtype=bool)
        for segment in self.segments:
            assert isinstance(segment, Segment)
            share = np.clip(segment.locate(x), 0.0, 1.0)
            distance = np.minimum(distance, np.linalg.norm(x - segment.at(share), axis=1))
            inside ^= crosses_ray(segment.a, segment.b, x)
        return np.where(inside, -distance, distance)

    def primitives(self) -> tuple[tuple[Curve, ...], ...]:
        """All segments at once."""
        return (self.segments,)


@final
@dataclass(frozen=True, eq=False)
class Skin:
    """The surface of `body`; `edges` (E, 2, 3) are short straight pieces of its edges, `size` the
    length that tolerances refer to.
    """

    body: Body
    edges: Array
    size: float

    def inside(self, x: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether points (N, 3) lie in the body."""
        return np.asarray(self.body.level(x) <= ROUNDING * self.size)

    @cached_property
    def surfaces(self) -> tuple[Surface, ...]:
        """All surfaces, those of the first body first."""
        return tuple(chain.from_iterable(map(_surfaces, self.body.primitives())))

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The names of all parts."""
        return tuple(dict.fromkeys(surface.part for surface in self.surfaces))

    def at(self, x: Array, axis: int, outward: Array) -> tuple[Indices, Array]:
        """The numbers of the parts (N,) to which points (N, 3) of the surface belong, and outward
        unit normals (N, 3), where lines along an axis leave the body upwards (`outward` = 1) or
        downwards (-1).
        """
        nearest = np.full(len(x), np.inf)
        part, normals = np.zeros(len(x), dtype=np.int64), np.zeros_like(x)
        for surface in self.surfaces:
            distance, normal = surface.near(x)
            crossed = np.abs(normal[:, axis]) > SLANTED
            nearer = crossed & (distance < nearest - SAME * self.size)
            nearest = np.where(nearer, distance, nearest)
            part[nearer] = self.parts.index(surface.part)
            normals[nearer] = normal[nearer]
        return part, normals * np.sign(normals[:, axis] * outward)[:, None]

    @cached_property
    def notches(self) -> Array:
        """The re-entrant edges that run along an axis, (E, 2, 3)."""
        sides = np.abs(self.edges[:, 1] - self.edges[:, 0])
        length = sides.max(axis=1, initial=0.0)
        straight = (sides.sum(axis=1) - length <= SAME * self.size) & (length > SAME * self.size)
        edges, axis = self.edges[straight], sides[straight].argmax(axis=1)
        angle = 2 * np.pi * (np.arange(AROUND) + 0.37) / AROUND
        inside = np.zeros(len(edges))
        for sine, cosine in zip(np.sin(angle), np.cos(angle), strict=True):
            x = edges.mean(axis=1)
            rows = np.arange(len(edges))
            x[rows, (axis + 1) % 3] += BESIDE * self.size * cosine
            x[rows, (axis + 2) % 3] += BESIDE * self.size * sine
            inside += self.inside(x)
        return np.asarray(edges[inside > REENTRANT * AROUND])

    def planes(self, axis: int) -> list[float]:
        """Where flat surfaces stand across an axis."""
        places = []
        for surface in self.surfaces:
            if isinstance(surface, Cap) and axis == 2:
                places.append(surface.height)
            if isinstance(surface, Wall) and isinstance(surface.curve, Segment) and axis < 2:
                a, b = surface.curve.a, surface.curve.b
                if a[axis] == b[axis]:
                    places.append(float(a[axis]))
        return places

    def turning(self, axis: int) -> list[float]:
        """Where a surface would touch a plane across an axis: ends of bodies and poles of arcs and
        spheres.
        """
        places = []
        for primitive in self.body.primitives():
            if isinstance(primitive, BallBody):
                center, radius = float(primitive.domain.center[axis]), primitive.domain.radius
                places += [center - radius, center + radius]
            elif axis < 2:
                for curves in primitive.base.primitives():
                    ends = np.concatenate([curve.at(curve.extremes()) for curve in curves])
                    places += [float(ends[:, axis].min()), float(ends[:, axis].max())]
                    arcs = [curve for curve in curves if isinstance(curve, Arc)]
                    places += [float(place) for arc in arcs for place in _poles(arc, axis)]
        return places

    @cached_property
    def rounds(self) -> list[tuple[Array, float]]:
        """Middle (3,) and radius of what is curved, arcs with nan as their height."""
        curved = []
        for surface in self.surfaces:
            if isinstance(surface, Sphere):
                curved.append((surface.ball.center, surface.ball.radius))
            if isinstance(surface, Wall) and isinstance(surface.curve, Arc):
                middle = np.array([*surface.curve.center, np.nan])
                curved.append((middle, surface.curve.radius))
        return curved


def _poles(arc: Arc, axis: int) -> Array:
    return arc.at(arc.extremes()[1:-1])[:, axis]


def _surfaces(primitive: BallBody | Prism) -> Iterator[Surface]:
    if isinstance(primitive, BallBody):
        yield Sphere(primitive.domain)
        return
    for curve in chain.from_iterable(primitive.base.primitives()):
        yield Wall(curve, primitive.ends)
    for height, part in zip(primitive.ends, primitive.caps, strict=True):
        yield Cap(primitive.base, height, part)


def skin_of(domain: Domain) -> Skin | None:
    """The surface of a body in space, None where the domain is another one."""
    if isinstance(domain, Solid):
        body, edges = domain.body, domain.edges()
    elif isinstance(domain, Ball):
        body, edges = BallBody(domain), np.zeros((0, 2, 3))
    elif isinstance(domain, Extrusion):
        base = _base(domain.space)
        if base is None:
            return None
        body = Prism(domain, base, domain.start, domain.end, domain.caps)
        edges = _extruded(domain)
    else:
        return None
    return Skin(body, edges, length_scale(domain.lower, domain.upper))


def _base(plane: Domain) -> Region | None:
    """The region of a plane domain."""
    if isinstance(plane, Planar):
        return plane.region
    if isinstance(plane, Disk):
        return DiskRegion(plane.center, plane.radius, plane.part_name)
    if isinstance(plane, Box):
        return OutlineRegion(outline(plane))  # type: ignore[return-value]
    curves = outline(plane)
    straight = all(isinstance(curve, Segment) for curve in curves)
    return OutlineRegion(curves) if straight else None  # type: ignore[return-value]


def _extruded(domain: Extrusion) -> Array:
    """The edges of an extrusion: those around its caps, and upright ones."""
    curves = outline(domain.space)
    pieces = []
    for height in (domain.start, domain.end):
        pieces += [_raised(curve, height) for curve in curves]
    for corner in corners(curves):
        upright = np.array([[*corner, domain.start], [*corner, domain.end]])
        pieces.append(upright[None])
    return frozen_array(np.concatenate(pieces))


def _raised(curve: Curve, height: float) -> Array:
    """Straight pieces (E, 2, 3) of a plane curve at a height."""
    count = STRAIGHT if isinstance(curve, Segment) else CURVED
    x = np.pad(curve.at(np.linspace(0.0, 1.0, count)), ((0, 0), (0, 1)), constant_values=height)
    return np.stack([x[:-1], x[1:]], axis=1)
