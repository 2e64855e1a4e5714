"""From a shape of a file to a domain; the module of a shape is loaded when there is one."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from kanpde.config.problem.intervals import IntervalShape, TimeConfig
from kanpde.config.problem.meshes import MeshShape
from kanpde.config.problem.shapes import (
    BallShape,
    BoxShape,
    CombinedShape,
    DiskShape,
    EllipseShape,
    ExtrusionShape,
    PolygonShape,
    RegionsShape,
    Shape,
)
from kanpde.domains.base import Domain, frozen_array
from kanpde.domains.box import Box
from kanpde.domains.composite import Composite
from kanpde.domains.space.cylinder import Extrusion, Ranged, SpaceTime
from kanpde.errors import ConfigError

if TYPE_CHECKING:
    from kanpde.domains.plane.chosen_parts import Test
    from kanpde.domains.plane.planar import Planar
    from kanpde.domains.plane.regions import Region
    from kanpde.domains.space.bodies import Body


def build_domain(
    shape: Shape,
    time: TimeConfig | None = None,
    ranges: Iterable[tuple[float, float]] = (),
    tests: Mapping[str, Test] | None = None,
) -> Domain:
    """The domain of a shape; with `ranges` of parameters times those, and with `time` the
    space-time cylinder over all of it; `tests` choose parts of the boundary of space by name.

    Raises ConfigError when the shape is degenerate, e.g. an empty intersection or sides that touch
    in a point.
    """
    if isinstance(shape, RegionsShape):
        return Composite(
            shape.names, tuple(build_domain(region, time, ranges) for region in shape.shapes)
        )
    space = _with_parts(shape, tests) if tests else _build_space(shape)
    for low, high in ranges:
        space = Ranged(space, low, high)
    return space if time is None else SpaceTime(space, time.lower, time.upper)


def _with_parts(shape: Shape, tests: Mapping[str, Test]) -> Domain:
    """A plane shape or a mesh, parts of whose boundary are chosen by tests."""
    if isinstance(shape, MeshShape):
        return _meshed(shape, tests)
    from kanpde.domains.plane.planar import Planar

    return Planar(_region(shape), shape.parts, tests)


def _build_space(shape: Shape) -> Domain:
    names = shape.parts
    match shape:
        case IntervalShape():
            return Box(frozen_array([shape.lower]), frozen_array([shape.upper]), names)
        case BoxShape():
            return Box(frozen_array(shape.lower), frozen_array(shape.upper), names)
        case DiskShape():
            from kanpde.domains.plane.disk import Disk

            return Disk(frozen_array(shape.center), shape.radius, names[0])
        case BallShape():
            from kanpde.domains.space.ball import Ball

            return Ball(frozen_array(shape.center), shape.radius, names[0])
        case MeshShape():
            return _meshed(shape)
        case ExtrusionShape():
            return Extrusion(
                _build_space(shape.base), shape.lower, shape.upper, (names[-2], names[-1])
            )
        case CombinedShape() if shape.dimension == 3:
            from kanpde.domains.space.solid import Solid

            return Solid(body_of(shape), names)
        case _:
            return planar(shape)


def body_of(shape: Shape) -> Body:
    """The body of a shape in space; boxes and extrusions are prisms."""
    from kanpde.domains.space.ball import Ball
    from kanpde.domains.space.bodies import BallBody, CombinedBody, Prism

    if isinstance(shape, CombinedShape):
        return CombinedBody(shape.operation, tuple(body_of(operand) for operand in shape.operands))
    match shape, _build_space(shape):
        case BallShape(), Ball() as ball:
            return BallBody(ball)
        case BoxShape(lower=(*low, z0), upper=(*high, z1)), Box() as box:
            rectangle = BoxShape((low[0], low[1]), (high[0], high[1]))
            *sides, floor, ceiling = shape.parts
            return Prism(
                domain=box,
                base=_region(rectangle, tuple(sides)),
                lower=z0,
                upper=z1,
                caps=(floor, ceiling),
            )
        case ExtrusionShape(), Extrusion() as extrusion:
            return Prism(
                domain=extrusion,
                base=_region(shape.base),
                lower=shape.lower,
                upper=shape.upper,
                caps=extrusion.caps,
            )
        case _:
            raise ConfigError(
                f"combined shape: takes shapes in space, found {type(shape).__name__}; use boxes,"
                " balls and extrusions"
            )


def planar(shape: Shape) -> Planar:
    """A shape in the plane as a region with a boundary of segments and arcs; ConfigError for any
    other shape.
    """
    from kanpde.domains.plane.planar import Planar

    return Planar(_region(shape), shape.parts)


def _meshed(shape: MeshShape, tests: Mapping[str, Test] | None = None) -> Domain:
    """The domain of a mesh file, from the arrays that its reader wrote: its simplices, or in the
    plane what its bent edges enclose; `tests` choose parts.
    """
    from kanpde.domains.chosen_facets import relabelled
    from kanpde.domains.meshed import MeshDomain

    with np.load(io.BytesIO(shape.content.arrays), allow_pickle=False) as arrays:
        straight = MeshDomain(
            points=arrays["points"],
            cells=arrays["cells"],
            facets=arrays["facets"],
            labels=arrays["labels"],
            parts=shape.content.parts,
            regions=dict(zip(shape.content.regions, arrays["regions"], strict=True)),
        )
        through = arrays.get("through")
    if through is None or np.isnan(through).all():
        return relabelled(straight, tests) if tests else straight
    from kanpde.domains.bent import bent_domain

    return bent_domain(straight, through, tests)


def _region(shape: Shape, names: tuple[str, ...] = ()) -> Region:
    """The plane region of a shape; edges of a rectangle run around it: bottom, right, top, left."""
    from kanpde.domains.plane.bends import ellipse
    from kanpde.domains.plane.regions import (
        Combination,
        DiskRegion,
        OutlinedRegion,
        PolygonRegion,
    )

    names = names or shape.parts
    match shape:
        case CombinedShape():
            return Combination(
                shape.operation, tuple(_region(operand) for operand in shape.operands)
            )
        case DiskShape():
            return DiskRegion(frozen_array(shape.center), shape.radius, names[0])
        case EllipseShape():
            angle = math.radians(shape.angle)
            return OutlinedRegion(ellipse(frozen_array(shape.center), shape.radii, angle, names[0]))
        case PolygonShape():
            return PolygonRegion(frozen_array(shape.vertices), names)
        case BoxShape(lower=(x0, y0), upper=(x1, y1)):
            left_part, right_part, bottom_part, top_part = names
            return PolygonRegion(
                frozen_array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]),
                (bottom_part, right_part, top_part, left_part),
            )
        case _:
            raise ConfigError(
                f"combined shape: takes shapes in the plane, found {type(shape).__name__}; use"
                " disks, ellipses and polygons"
            )
