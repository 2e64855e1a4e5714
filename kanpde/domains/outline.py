"""The boundary of any plane domain as oriented segments and arcs, the domain on their left.

    ∂Ω = ∪ curves,    every curve of one part, outward unit normal on its right

A box and a mesh give segments (edges of a mesh that go straight on are one), a disk one full
circle, and a planar region the curves that it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from kanpde.domains.base import Domain, frozen_array
from kanpde.domains.box import Box
from kanpde.domains.mesh import Indices
from kanpde.domains.meshed import MeshDomain
from kanpde.domains.plane.curves import TURN, Arc, Curve, Segment
from kanpde.domains.plane.disk import Disk
from kanpde.domains.plane.planar import Planar
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array

ENDS = np.array([0.0, 1.0])

SMOOTH = 1e-6
"""Sine of the turn below which two curves go on smoothly."""

STRAIGHT = 1e-9
"""Sine of the turn below which two edges of a mesh are one segment."""


def outline(domain: Domain) -> tuple[Curve, ...]:
    """The curves of the boundary of a plane domain.

    Args:
        domain: a box, disk, planar region or mesh in two coordinates.

    Returns:
        Segments and arcs in the units of the coordinates, the domain on their left.

    Raises:
        ConfigError: the domain is of another kind.
    """
    curves = _OUTLINES.get(type(domain))
    if curves is None or domain.dimension != 2:
        raise ConfigError(
            f"domain: its boundary must be made of plane curves, found a {type(domain).__name__} in"
            f" {domain.dimension} coordinates; use a shape or a mesh in the plane"
        )
    return curves(domain)


def corners(curves: tuple[Curve, ...]) -> Array:
    """The points (N, 2) where the boundary turns or one part ends and another begins."""
    turns = []
    starts = np.array([curve.at(ENDS)[0] for curve in curves])
    for curve in curves:
        if curve.closed:
            continue
        end, normal = curve.at(ENDS)[1], curve.normal(ENDS)[1]
        next_ = int(np.linalg.norm(starts - end, axis=1).argmin())
        turned = abs(_cross(normal, curves[next_].normal(ENDS)[0])) > SMOOTH
        if turned or curves[next_].part != curve.part:
            turns.append(end)
    return np.array(turns).reshape(-1, 2)


def _cross(a: Array, b: Array) -> float:
    return float(a[0] * b[1] - a[1] * b[0])


def _of_box(domain: Domain) -> tuple[Curve, ...]:
    left, right, bottom, top = domain.parts
    (x0, y0), (x1, y1) = domain.lower, domain.upper
    corners = frozen_array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    ends = np.roll(corners, -1, axis=0)
    names = (bottom, right, top, left)
    return tuple(Segment(a, b, part) for a, b, part in zip(corners, ends, names, strict=True))


def _of_disk(domain: Domain) -> tuple[Curve, ...]:
    assert isinstance(domain, Disk)
    return (Arc(domain.center, domain.radius, 0.0, TURN, domain.part_name),)


def _of_planar(domain: Domain) -> tuple[Curve, ...]:
    assert isinstance(domain, Planar)
    return domain.curves


def _of_mesh(domain: Domain) -> tuple[Curve, ...]:
    assert isinstance(domain, MeshDomain)
    curves: list[Curve] = []
    for edges, labels in domain.boundary_loops():
        curves += _segments(domain, edges, labels)
    return tuple(curves)


def _segments(domain: MeshDomain, edges: Indices, labels: Indices) -> list[Segment]:
    """One closed loop of edges as few segments."""
    a, b = domain.points[edges[:, 0]], domain.points[edges[:, 1]]
    along = (b - a) / np.linalg.norm(b - a, axis=1, keepdims=True)
    before = np.roll(along, 1, axis=0)
    sine = np.abs(before[:, 0] * along[:, 1] - before[:, 1] * along[:, 0])
    turned = (sine > STRAIGHT) | (np.sum(before * along, axis=1) < 0)
    starts = np.flatnonzero(turned | (labels != np.roll(labels, 1)))
    ends = np.roll(starts, -1) - 1
    return [
        Segment(frozen_array(a[i]), frozen_array(b[j]), domain.parts[labels[i]])
        for i, j in zip(starts, ends, strict=True)
    ]


_OUTLINES: Mapping[type[Domain], Callable[[Domain], tuple[Curve, ...]]] = {
    Box: _of_box,
    Disk: _of_disk,
    Planar: _of_planar,
    MeshDomain: _of_mesh,
}
