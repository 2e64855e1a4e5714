"""The boundary of a triangle mesh as closed loops of edges, their smooth pieces, and the circles
that they resemble.

Circle through points p_i: the least squares solution (c, q) of 2 c·p_i + q = |p_i|², radius² = q +
|c|².

Source: Kåsa, IEEE Trans. Instrumentation and Measurement 25 (1976) 8–14.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kanpde.domains.mesh import Indices
from kanpde.numerics.quadrature import Array

SHARPEST = np.cos(np.pi / 6)
"""Edges that turn by more than 30° meet in a corner."""

ROUNDEST = 0.02
"""How far the vertices of a round hole may lie from its circle, as a share of the radius."""

FEWEST_EDGES = 8
"""A hole with fewer vertices is a polygon, however round."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Edges (E,) that follow each other without a corner, all of one part; `closed` when the last
    leads to the first.
    """

    edges: Indices
    closed: bool


def loops(edges: Indices) -> list[Indices]:
    """The closed loops of directed edges (E, 2), each as numbers of edges in order. Exactly one
    edge must start at every vertex.
    """
    leaving = {int(start): number for number, start in enumerate(edges[:, 0])}
    unused = dict.fromkeys(range(len(edges)))
    closed = []
    while unused:
        number = next(iter(unused))
        loop = []
        while number in unused:
            del unused[number]
            loop.append(number)
            number = leaving[int(edges[number, 1])]
        closed.append(np.array(loop, dtype=np.int64))
    return closed


def pieces(loop: Indices, labels: Indices, normals: Array) -> list[Piece]:
    """A loop cut at its corners and where the part (`labels` of all edges) changes."""
    before = np.roll(loop, 1)
    cut = (labels[loop] != labels[before]) | (
        np.sum(normals[loop] * normals[before], axis=1) < SHARPEST
    )
    if not cut.any():
        return [Piece(loop, True)]
    turned = np.roll(loop, -int(np.argmax(cut)))
    starts = np.flatnonzero(np.roll(cut, -int(np.argmax(cut))))
    return [Piece(edges, False) for edges in np.split(turned, starts[1:])]


def circle_through(points: Array) -> tuple[Array, float]:
    """Centre (2,) and radius of the circle nearest to points (N, 2)."""
    middle = points.mean(axis=0)
    centred = points - middle
    matrix = np.column_stack([2 * centred, np.ones(len(centred))])
    (a, b, q), *_ = np.linalg.lstsq(matrix, np.sum(centred**2, axis=1))
    return middle + np.array([a, b]), float(np.sqrt(max(q + a * a + b * b, 0.0)))


def fitted_circle(points: Array) -> tuple[Array, float] | None:
    """Centre (2,) of the circle that the vertices (N, 2) of a polygon lie on, and the least
    distance of its edges; or None.
    """
    if len(points) < FEWEST_EDGES:
        return None
    middle = points.mean(axis=0)
    centred = points - middle
    centre, radius = circle_through(centred)
    deviation = np.abs(np.linalg.norm(centred - centre, axis=1) - radius).max()
    longest = np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1).max()
    if deviation > ROUNDEST * radius or longest > radius:
        return None
    apothem = np.linalg.norm((centred + np.roll(centred, 1, axis=0)) / 2 - centre, axis=1).min()
    return centre + middle, float(apothem)


def encloses(points: Array) -> bool:
    """Whether a closed polygon (N, 2) runs counterclockwise: then the mesh lies inside it,
    otherwise it is a hole.
    """
    following = np.roll(points, -1, axis=0)
    return bool(np.sum(points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0]) > 0)
