"""Powers of the distance to a vertex of a plane domain, and functions of the angle there.

    max g - min g over {|x - c| < s} ~ s^a    for s = w, w/8, w/64, or 8 w, w, w/8

A layer or a peak of width w is linear or quadratic within it; what a vertex c makes, r^a with
sin(a φ), has no width, and a search by boxes tells one that only says how small they became. Cells
are graded to every vertex without it.
"""

from __future__ import annotations

import math

import numpy as np

from kanpde.domains.outline import corners, outline
from kanpde.errors import ConfigError
from kanpde.expressions import Node
from kanpde.numerics.quadrature import Array
from kanpde.problem.findings import numbers
from kanpde.problem.formula_places import Place

PLANE = 2

NEAR = 3.0
"""A feature is at a vertex that is nearer than so many of its widths."""

SCALE, ANGLES, RADII = 8.0, 96, (1.0, 0.7, 0.4)
"""What scales differ by, and the points of a disc: so many angles with these radii."""

TINY = 1e-4
"""Widths below it are looked at from larger ones on: points at a vertex are inside to rounding."""

EVEN, SMOOTH = 0.05, 0.05
"""How much exponents of one power differ at most, and how near that of a smooth function is to 1 or 2."""


def is_power(node: Node, place: Place, at: Array, width: float) -> bool:
    """Whether what a function does near a point within a relative `width` is a power at a vertex."""
    vertex = _vertex(place, at, width)
    if vertex is None:
        return False
    largest = width * SCALE if width < TINY else width
    ranges = [_range(node, place, vertex, largest / SCALE**step) for step in range(3)]
    if not all(math.isfinite(each) and each > 0 for each in ranges):
        return False
    wide, narrow = (
        math.log(ranges[step] / ranges[step + 1]) / math.log(SCALE) for step in range(2)
    )
    return abs(wide - narrow) < EVEN and min(abs(narrow - 1), abs(narrow - 2)) > SMOOTH


def _vertex(place: Place, at: Array, width: float) -> Array | None:
    """The vertex that a point is at, relative to the sides of the domain."""
    if place.domain.dimension != PLANE or place.curve is not None or not place.sides.all():
        return None
    try:
        vertices = corners(outline(place.domain))
    except ConfigError:
        return None
    away = np.linalg.norm((vertices - at) / place.sides, axis=1)
    near = len(away) and away.min() < NEAR * width
    return np.asarray(vertices[away.argmin()]) if near else None


def _range(node: Node, place: Place, vertex: Array, size: float) -> float:
    """How much a function changes within a distance of a vertex, infinite where it is not known."""
    angles = 2 * np.pi * (np.arange(ANGLES) + 0.5) / ANGLES
    disc = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    x = vertex + size * place.sides * np.concatenate([radius * disc for radius in RADII])
    x = x[place.contains(x)]
    if not len(x):
        return math.inf
    (values,) = numbers((node,), x)
    return float(np.ptp(values)) if np.isfinite(values).all() else math.inf
