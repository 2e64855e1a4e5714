"""The boundary of a plane region as oriented curves with the region on their left.

1. Every curve of every disk and polygon is cut where it meets the curves of the others (closed
forms). 2. A piece belongs to the boundary of the result when, a little beside it, one side lies
inside and one outside. 3. Pieces that lie on each other count once, for the operand named first. 4.
The pieces must chain up to closed loops: at every end exactly one piece arrives and one leaves.

Lengths below are shares of the size of the region.
"""

from __future__ import annotations

import numpy as np

from kanpde.domains.base import length_scale
from kanpde.domains.plane.crossings import Pool, meeting_points
from kanpde.domains.plane.curves import Curve, split
from kanpde.domains.plane.regions import Region
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array

SNAP = 1e-10
"""Curves nearer to touching than this touch in one point."""
JOIN = 1e-9
"""Points nearer to each other than this are the same point."""
PROBE = 1e-8
"""How far from a piece its two sides are examined."""


class EmptyRegion(ConfigError):
    """A combination of shapes that leaves nothing."""


def boundary(region: Region) -> tuple[Curve, ...]:
    """The pieces of the boundary of `region`, the region on their left, in the order of its
    operands.

    Raises EmptyRegion when it is empty, and ConfigError when its boundary touches itself.
    """
    primitives = region.primitives()
    size = _size(primitives)
    pieces: list[Curve] = []
    pool = Pool.of(primitives)
    for owner, curves in enumerate(primitives):
        other_curves = pool.without(owner)
        for curve in curves:
            pieces += split(curve, meeting_points(curve, other_curves, SNAP * size), JOIN * size)
    bounding = _without_copies(_oriented(region, pieces, PROBE * size), JOIN * size)
    if not bounding:
        raise EmptyRegion(
            "combined shape: must have an interior, found an empty set; move or resize the shapes"
        )
    _require_loops(bounding, JOIN * size)
    return tuple(bounding)


def bounds(curves: tuple[Curve, ...] | list[Curve]) -> tuple[Array, Array]:
    """The lower and upper corner (2,) of the bounding box of curves."""
    points = np.concatenate([curve.at(curve.extremes()) for curve in curves])
    return points.min(axis=0), points.max(axis=0)


def _size(primitives: tuple[tuple[Curve, ...], ...]) -> float:
    return length_scale(*bounds([curve for curves in primitives for curve in curves]))


def _oriented(region: Region, pieces: list[Curve], probe: float) -> list[Curve]:
    """The pieces with the region on exactly one side, turned so that it is the left one."""
    half = np.array([0.5])
    middle = np.concatenate([piece.at(half) for piece in pieces])
    normal = np.concatenate([piece.normal(half) for piece in pieces])
    inside_left = region.level(middle - probe * normal) < 0
    inside_right = region.level(middle + probe * normal) < 0
    return [
        piece if on_left else piece.reversed()
        for piece, on_left, on_right in zip(pieces, inside_left, inside_right, strict=True)
        if on_left != on_right
    ]


def _without_copies(pieces: list[Curve], join: float) -> list[Curve]:
    """The pieces without those whose middle lies on the middle of an earlier one."""
    from scipy.spatial import cKDTree

    if not pieces:
        return pieces
    middle = np.concatenate([piece.at(np.array([0.5])) for piece in pieces])
    copies = {later for _, later in cKDTree(middle).query_pairs(join)}
    return [piece for i, piece in enumerate(pieces) if i not in copies]


def _require_loops(pieces: list[Curve], join: float) -> None:
    from scipy.spatial import cKDTree

    starts = np.concatenate([piece.at(np.array([0.0])) for piece in pieces])
    ends = np.concatenate([piece.at(np.array([1.0])) for piece in pieces])
    leaving = cKDTree(starts).query_ball_point(ends, 2 * join, return_length=True)
    arriving = cKDTree(ends).query_ball_point(ends, 2 * join, return_length=True)
    for end, out, into in zip(ends, leaving, arriving, strict=True):
        if out != 1 or into != 1:
            x, y = np.round(end / join) * join + 0.0  # + 0.0 turns −0 into 0
            raise ConfigError(
                "combined shape: its boundary must not touch itself, found shapes that touch (or"
                f" almost touch) at ({x:.6g}, {y:.6g}); move or resize them so that they cross or"
                " stay apart"
            )
