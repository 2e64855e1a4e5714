"""Where the first lines of cells in the plane stand.

They are even, but
- every line stands where the boundary runs along it (the inner sides of an L), and
- a line stands where a formula has a kink or a jump (`problem.kinks`), and
- where a curve of the boundary would touch a dyadic line (a round hole whose middle and radius are
  round numbers, the tip of a notch) they are moved: a cell that is all but cut in two by a hole is
  split for ever. A line along another piece of the boundary gives way to such a tip.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from kanpde.domains import Domain
from kanpde.domains.plane.bends import Bend
from kanpde.domains.plane.curves import Arc, Curve, Segment
from kanpde.numerics.quadrature import Array

NEAR = 1e-6
"""Positions nearer than this share of the domain's side are one."""

CLOSEST = 0.3
"""Lines along the boundary are not nearer to each other than this share of a first cell."""

THIN = 0.02
"""The same in space, where a cell that a plane cuts costs more than a thin one."""

TOUCHING = 0.02
"""How near, in cells of any of the first `LEVELS` levels, a curve may come to a line beside it."""

NONE = np.empty(0)

LEVELS = 8
BEFORE, AFTER = np.array([0.999]), np.array([0.001])
"""Shares of curves beside the point where one ends and the next begins."""

SHIFTS = tuple(((k * 0.618034) % 1.0 - 0.5) * 0.5 for k in range(1, 24))
"""Moves of the lines between two ends, in first cells, that are tried."""


def first_lines(
    domain: Domain,
    curves: tuple[Curve, ...],
    axis: int,
    even: float,
    kinks: Array = NONE,
    sided: bool = True,
) -> Array:
    """The positions (n + 1,) of the first lines along an axis, about `even` apart, and at all
    `kinks`; where the boundary runs along them unless they are not `sided`.
    """
    low, high = float(domain.lower[axis]), float(domain.upper[axis])
    close = max(NEAR * (high - low), 0.0)
    tips = np.array(_tips(curves, axis))
    along = sorted(_straight(curves, axis, even))
    straight = [place for place in along if _apart(place, tips, close)] if sided else []
    fixed = kept(low, high, straight, CLOSEST * even, kinks)
    places = [*_turning(curves, axis), *tips.tolist(), *([] if sided else along)]
    touching = [place for place in places if _apart(place, np.array(fixed), close)]
    lines = [np.array([low])]
    for start, end in pairwise(fixed):
        between = np.array([place for place in touching if start < place < end])
        lines.append(_divided(start, end, max(1, round((end - start) / even)), between)[1:])
    return np.concatenate(lines)


def between_planes(
    ends: tuple[float, float], planes: Sequence[float], turning: Sequence[float], even: float
) -> Array:
    """The positions of the first lines along an axis of a body in space, about `even` apart.

    Args:
        ends: where the body begins and ends.
        planes: where flat surfaces stand across the axis; each has a line.
        turning: where round ones touch a plane.
        even: the size of the first cells.
    """
    low, high = ends
    fixed = [low]
    for position in sorted(planes):
        if position - fixed[-1] > THIN * even and high - position > THIN * even:
            fixed.append(position)
    fixed.append(high)
    places = [place for place in turning if np.abs(np.array(fixed) - place).min() > NEAR * even]
    lines = [np.array([low])]
    for start, end in pairwise(fixed):
        between = np.array([place for place in places if start < place < end])
        count = max(1, round((end - start) / even))
        lines.append(_divided(start, end, count, between)[1:])
    return np.concatenate(lines)


def kept(
    low: float, high: float, places: Sequence[float], apart: float, kinks: Array
) -> list[float]:
    """Both ends, all kinks, and of other places in rising order those at least so far `apart`
    from these and from each other.
    """
    fixed = [low, *kinks.tolist(), high]
    for place in places:
        if min(abs(place - np.array(fixed))) > apart:
            fixed.append(place)
    return sorted(fixed)


def even_between(fixed: Sequence[float], even: float) -> Array:
    """Lines at some places, and about `even` apart in between."""
    lines = [np.array(fixed[:1])]
    for start, end in pairwise(fixed):
        count = max(1, round((end - start) / even))
        lines.append(np.linspace(start, end, count + 1)[1:])
    return np.concatenate(lines)


def _straight(curves: tuple[Curve, ...], axis: int, even: float) -> set[float]:
    """Positions of segments across an axis that are not short beside a first cell."""
    positions = set()
    for curve in curves:
        across = isinstance(curve, Segment) and curve.a[axis] == curve.b[axis]
        if across and curve.length > CLOSEST * even:
            positions.add(float(curve.at(np.zeros(1))[0, axis]))
    return positions


def _turning(curves: tuple[Curve, ...], axis: int) -> list[float]:
    """The least and the largest coordinate of every closed loop of curves."""
    places = []
    for loop in _loops(curves):
        points = np.concatenate([curve.at(curve.extremes()) for curve in loop])[:, axis]
        places += [float(points.min()), float(points.max())]
        arcs = [curve for curve in loop if not isinstance(curve, Segment)]
        places += [float(x) for arc in arcs for x in arc.at(arc.extremes()[1:-1])[:, axis]]
    return places


def _tips(curves: tuple[Curve, ...], axis: int) -> list[float]:
    """The coordinates of points at which the domain lies on both sides of the boundary: where a
    re-entrant corner or arc turns back along an axis.
    """
    places = []
    for loop in _loops(curves):
        for curve, after in zip(loop, [*loop[1:], loop[0]], strict=True):
            normals = np.concatenate([curve.normal(BEFORE), after.normal(AFTER)])
            along = normals[:, 1 - axis]
            if along[0] * along[1] < 0 and np.linalg.det(normals) < 0:
                places.append(float(after.at(np.zeros(1))[0, axis]))
            if isinstance(curve, Arc) and curve.sweep < 0:
                inner = curve.at(curve.extremes()[1:-1])
                turned = np.abs(inner - curve.center)[:, axis] > curve.radius / 2
                places += inner[turned, axis].tolist()
            if isinstance(curve, Bend):
                places += _turned(curve, axis)
    return places


def _turned(bend: Bend, axis: int) -> list[float]:
    """The coordinates at which a bend turns back along an axis, away from the domain."""
    shares = bend.extremes()[1:-1]
    if not len(shares):
        return []
    along = np.abs(bend.normal(shares))[:, axis] > 0.5
    return list(bend.at(shares)[along & (bend.curvature(shares) < 0), axis].tolist())


def _apart(place: float, others: Array, close: float) -> bool:
    """Whether a place is farther from all others."""
    return not len(others) or float(np.abs(place - others).min()) > close


def _loops(curves: tuple[Curve, ...]) -> list[list[Curve]]:
    """The curves of each closed loop."""
    ends = np.array([0.0, 1.0])
    starts = np.array([curve.at(ends)[0] for curve in curves])
    missing, loops = set(range(len(curves))), []
    while missing:
        number = min(missing)
        loop: list[Curve] = []
        while number in missing:
            missing.discard(number)
            loop.append(curves[number])
            end = curves[number].at(ends)[1]
            number = int(np.linalg.norm(starts - end, axis=1).argmin())
        loops.append(loop)
    return loops


def _divided(start: float, end: float, count: int, touching: Array) -> Array:
    """The lines from one end to the other, moved until no curve touches one."""
    lines = np.linspace(start, end, count + 1)
    if _clear(lines, touching) >= TOUCHING:
        return lines
    inner = np.linspace(start, end, max(count, 2) + 1)
    width, tried = inner[1] - inner[0], []
    for shift in SHIFTS:
        moved = inner.copy()
        moved[1:-1] += shift * width
        tried.append((_clear(moved, touching), moved))
        if tried[-1][0] >= TOUCHING:
            break
    return max(tried, key=lambda pair: pair[0])[1]


def _clear(lines: Array, touching: Array) -> float:
    """The least distance of a place to a dyadic line, in cells of its level."""
    if not len(touching):
        return np.inf
    cell = np.clip(np.searchsorted(lines, touching) - 1, 0, len(lines) - 2)
    share = (touching - lines[cell]) / (lines[cell + 1] - lines[cell])
    away = [np.abs(share * 2**level - np.round(share * 2**level)).min() for level in range(LEVELS)]
    return float(min(away))
