"""Bodies in space as solids of gmsh's OpenCASCADE kernel, and the boundary parts that their
surfaces belong to.

`gmsh` is the module that generate.py loads. A surface is recognised by its mesh: all its vertices
lie on the sphere, cap or wall of a part, to a tolerance.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

from kanpde.domains.plane.curves import Arc, Segment
from kanpde.domains.plane.regions import Combination, DiskRegion, PolygonRegion, Region
from kanpde.domains.space.bodies import BallBody, Body, CombinedBody, Primitive, Prism
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array

_Tags = list[tuple[int, int]]
NEAR = 1e-7
"""How far from a face its vertices may lie, as a share of the size."""


def add_body(gmsh: Any, body: Body) -> _Tags:
    """The solids of a body; the kernel's own exceptions pass through."""
    occ = gmsh.model.occ
    match body:
        case BallBody(domain=ball):
            return [(3, occ.addSphere(*ball.center.tolist(), ball.radius))]
        case Prism():
            raised = occ.extrude(
                _add_region(occ, body.base, body.lower), 0.0, 0.0, body.upper - body.lower
            )
            return [tag for tag in raised if tag[0] == 3]
        case CombinedBody():
            return _combined(
                occ, body.operation, [add_body(gmsh, operand) for operand in body.operands]
            )


def _add_region(occ: Any, region: Region, z: float) -> _Tags:
    match region:
        case DiskRegion():
            return [(2, occ.addDisk(*region.center.tolist(), z, region.radius, region.radius))]
        case PolygonRegion():
            points = [occ.addPoint(x, y, z) for x, y in region.vertices.tolist()]
            lines = [
                occ.addLine(a, b) for a, b in zip(points, [*points[1:], points[0]], strict=True)
            ]
            return [(2, occ.addPlaneSurface([occ.addCurveLoop(lines)]))]
        case Combination():
            return _combined(
                occ,
                region.operation,
                [_add_region(occ, operand, z) for operand in region.operands],
            )
        case _:
            raise ConfigError("mesh: a mesh with bent edges is no shape to mesh; take its file")


def _combined(occ: Any, operation: str, operands: list[_Tags]) -> _Tags:
    steps = {"union": occ.fuse, "intersection": occ.intersect, "difference": occ.cut}
    combined = operands[0]
    for operand in operands[1:]:
        combined, _ = steps[operation](combined, operand)
    return combined


def surfaces_of_parts(
    gmsh: Any, body: Body, parts: tuple[str, ...], size: float
) -> dict[str, list[int]]:
    """The surfaces of every part of a meshed body; of parts that share a surface the first has
    it.
    """
    surfaces: dict[str, list[int]] = {part: [] for part in parts}
    for _, tag in gmsh.model.getEntities(2):
        _, coordinates, _ = gmsh.model.mesh.getNodes(2, tag, includeBoundary=True)
        x = np.asarray(coordinates, dtype=np.float64).reshape(-1, 3)
        part = _part_of(body, x, parts, NEAR * size)
        if part is not None:
            surfaces[part].append(tag)
    return {part: tags for part, tags in surfaces.items() if tags}


def _part_of(body: Body, x: Array, parts: tuple[str, ...], tolerance: float) -> str | None:
    """The first of the parts of a body that all points (N, 3) lie on, None where there is none."""
    for primitive in body.primitives():
        for part, distance in _distances(primitive, x):
            if part in parts and distance.max() < tolerance:
                return part
    return None


def _distances(primitive: Primitive, x: Array) -> list[tuple[str, Array]]:
    """How far points (N, 3) lie from the sphere, or from the caps and walls, of a primitive."""
    off = np.abs(primitive.level(x))
    if isinstance(primitive, BallBody):
        return [(primitive.domain.part_name, off)]
    distances = [
        (cap, np.maximum(off, np.abs(x[:, 2] - end)))
        for cap, end in zip(primitive.caps, primitive.ends, strict=True)
    ]
    for curve in chain.from_iterable(primitive.base.primitives()):
        if isinstance(curve, Segment):
            distance = np.abs((x[:, :2] - curve.a) @ curve.normal(np.zeros(1))[0])
        else:
            assert isinstance(curve, Arc)  # an extrusion has no bends
            distance = np.abs(np.linalg.norm(x[:, :2] - curve.center, axis=1) - curve.radius)
        distances.append((curve.part, np.maximum(off, distance)))
    return distances
