"""The boundary of a plane mesh of second order: circular arcs through the three nodes of every bent
edge.

    |x(s) − c| = R,   x(0) = a, x(1) = b, the node in between on it

Where a mesh follows circles its nodes lie on them, so that the arcs are the circles; any other
smooth curve is met to O(h⁴), as by the parabola through the same nodes. Edges that follow each
other on one circle are one arc, on one line one segment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kanpde.domains.base import frozen_array
from kanpde.domains.meshed import MeshDomain
from kanpde.domains.plane.chains import circle_through
from kanpde.domains.plane.chosen_parts import Test
from kanpde.domains.plane.curves import TURN, Arc, Curve, Segment
from kanpde.domains.plane.planar import Planar
from kanpde.domains.plane.regions import OutlinedRegion
from kanpde.numerics.quadrature import Array

ALIKE = 1e-3
"""How far centres and radii of neighbouring arcs of one circle may differ, as shares of the
radius: those of short arcs are known that badly from rounded nodes.
"""

ROUND = 1e-7
"""How far nodes may lie off a circle, as a share of its radius, to count as on it."""

STRAIGHT = 1e-9
"""Sine of the turn below which two edges are one segment."""


def bent_domain(
    straight: MeshDomain, through: Array, tests: Mapping[str, Test] | None = None
) -> Planar:
    """The plane domain whose boundary leads through the nodes of bent edges.

    Args:
        straight: the mesh of the corners.
        through: the places (F, 2) of the nodes on its boundary facets, NaN where one is straight.
        tests: what chooses parts of the boundary, by name.

    Returns:
        A region with the same parts.

    Raises:
        ConfigError: the arcs touch each other.
    """
    places = {
        (int(min(edge)), int(max(edge))): place
        for edge, place in zip(straight.facets, through, strict=True)
    }
    curves: list[Curve] = []
    for edges, labels in straight.boundary_loops():
        loop: list[Curve] = []
        for (a, b), label in zip(edges.tolist(), labels.tolist(), strict=True):
            ends = straight.points[a], straight.points[b]
            loop.append(_edge(*ends, places[min(a, b), max(a, b)], straight.parts[label]))
        curves += _joined(loop)
    return Planar(OutlinedRegion(tuple(curves)), straight.parts, tests or {})


def _edge(a: Array, b: Array, node: Array, part: str) -> Curve:
    """The segment from a to b, or the arc through a node."""
    if np.isnan(node).any():
        return Segment(frozen_array(a), frozen_array(b), part)
    # twice the circumscribed circle's centre, measured from a
    p, q = b - a, node - a
    twice = 2.0 * (p[0] * q[1] - p[1] * q[0])
    pp, qq = p @ p, q @ q
    center = a + np.array([q[1] * pp - p[1] * qq, p[0] * qq - q[0] * pp]) / twice
    # an arc with its node on the left of the chord is walked clockwise
    return _arc(a, b, center, part, clockwise=bool(twice > 0))


def _arc(a: Array, b: Array, center: Array, part: str, *, clockwise: bool) -> Arc:
    """The arc around a centre from a to b."""
    start, end = np.arctan2(*(a - center)[::-1]), np.arctan2(*(b - center)[::-1])
    sweep = float(np.mod(end - start, TURN))
    return Arc(
        center=frozen_array(center),
        radius=float(np.linalg.norm(a - center)),
        start=float(start),
        sweep=sweep - TURN if clockwise else sweep,
        part=part,
    )


def _joined(loop: Sequence[Curve]) -> list[Curve]:
    """The curves of a closed loop, those on one line or circle as one."""
    first = next((k for k in range(len(loop)) if not _alike(loop[k - 1], loop[k])), 0)
    turned = [*loop[first:], *loop[:first]]
    runs: list[list[Curve]] = []
    for curve in turned:
        if runs and _alike(runs[-1][-1], curve):
            runs[-1].append(curve)
        else:
            runs.append([curve])
    return [curve for run in runs for curve in _run(run)]


def _alike(first: Curve, second: Curve) -> bool:
    """Whether two neighbours lie on one line, or about on one circle, of one part."""
    if first.part != second.part:
        return False
    if isinstance(first, Arc) and isinstance(second, Arc):
        apart = float(np.linalg.norm(first.center - second.center))
        far = max(apart, abs(first.radius - second.radius)) > ALIKE * first.radius
        return not far and first.sweep * second.sweep > 0
    if isinstance(first, Segment) and isinstance(second, Segment):
        along, further = first.b - first.a, second.b - second.a
        across = abs(along[0] * further[1] - along[1] * further[0])
        return bool(across <= STRAIGHT * first.length * second.length and along @ further > 0)
    return False


def _run(run: list[Curve]) -> list[Curve]:
    """Neighbours that are alike as one curve, or as they are where their nodes lie on no circle."""
    ends = np.array([0.0, 0.5, 1.0])
    a, b = run[0].at(ends)[0], run[-1].at(ends)[2]
    if len(run) == 1:
        return run
    if isinstance(run[0], Segment):
        return [Segment(frozen_array(a), frozen_array(b), run[0].part)]
    assert isinstance(run[0], Arc)
    clockwise = run[0].sweep < 0
    nodes = np.concatenate([curve.at(ends) for curve in run])
    center, radius = circle_through(nodes)
    if np.abs(np.linalg.norm(nodes - center, axis=1) - radius).max() > ROUND * radius:
        return run
    chord = b - a
    if np.linalg.norm(chord) <= ROUND * radius:
        turn = -TURN if clockwise else TURN
        return [Arc(frozen_array(center), radius, 0.0, turn, run[0].part)]
    # the centre is moved along the radius to be as far from a as from b
    center = center + (((a + b) / 2 - center) @ chord) / (chord @ chord) * chord
    return [_arc(a, b, center, run[0].part, clockwise=clockwise)]
