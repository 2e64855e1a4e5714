"""Triangles inside a plane region: Delaunay on boundary points and a triangular lattice of interior
points.

An edge between neighbouring boundary points that the triangulation does not hold is halved until it
does; then every triangle lies on one side of the polygon of boundary points, and those whose
centroid lies outside are dropped. Gaps so thin that 12 rounds of halving do not resolve them are
meshed as they come.

Source: Ruppert, Journal of Algorithms 18 (1995) 548–585 (splitting of missing segments).
"""

from __future__ import annotations

import numpy as np

from kanpde.domains.mesh import Indices, Mesh, simplex_mesh
from kanpde.domains.plane.curves import TURN, Curve, Segment
from kanpde.numerics.outlines import crosses_ray
from kanpde.numerics.quadrature import Array

CHORDS_PER_TURN = 24
MOST_ROUNDS = 12
"""Rounds of halving missing chords."""

CLEARANCE = 0.7
"""Distance of interior points from the boundary, in spacings."""


def triangulate(boundary: tuple[Curve, ...], size: float, join: float) -> Mesh:
    """The mesh of the region with the given boundary by triangles of about `size`; ends nearer than
    `join` are one.
    """
    from scipy.spatial import Delaunay

    shares = [_shares(curve, size) for curve in boundary]
    inner = np.zeros((0, 2))
    for _ in range(MOST_ROUNDS):
        points, chords = _chords(boundary, shares, join)
        if not len(inner):
            inner = _lattice(points, chords, size)
        vertices = np.concatenate([points, inner])
        # centred, because Delaunay's own tolerances are absolute
        cells = Delaunay(vertices - points.mean(axis=0)).simplices.astype(np.int64)
        missing = _missing(chords, cells, len(vertices))
        if not missing.any():
            break
        shares = _halved(shares, missing)
    inside = _inside(vertices[cells].mean(axis=1), points, chords)
    return simplex_mesh(vertices, cells[inside], thinnest=1e-10)


def outline(
    boundary: tuple[Curve, ...], size: float, join: float
) -> tuple[Array, Indices, Indices]:
    """The boundary as chords of at most `size`: points (V, 2), directed chords (E, 2) and the
    number of the curve of each.
    """
    shares = [_shares(curve, size) for curve in boundary]
    points, chords = _chords(boundary, shares, join)
    return points, chords, np.repeat(np.arange(len(boundary)), [len(s) - 1 for s in shares])


def _shares(curve: Curve, size: float) -> Array:
    """The shares of the arc length where a curve is first sampled: chords of at most `size`, 24 on
    a full circle.
    """
    chords = curve.length / size
    if not isinstance(curve, Segment):
        chords = max(chords, CHORDS_PER_TURN * curve.turn / TURN)
    return np.linspace(0.0, 1.0, max(1, int(np.ceil(chords))) + 1)


def _chords(boundary: tuple[Curve, ...], shares: list[Array], join: float) -> tuple[Array, Indices]:
    """The boundary points (V, 2), common ends joined, and the chords between neighbours (E, 2),
    curve after curve.
    """
    from scipy.spatial import cKDTree

    points = np.concatenate([curve.at(s) for curve, s in zip(boundary, shares, strict=True)])
    first = np.arange(len(points))
    for i, j in sorted(cKDTree(points).query_pairs(2 * join)):
        first[j] = min(first[i], first[j])
    used, renumbered = np.unique(first, return_inverse=True)
    last = np.cumsum([len(s) for s in shares]) - 1
    start = np.delete(np.arange(len(points)), last)
    chords = np.stack([renumbered[start], renumbered[start + 1]], axis=1)
    return points[used], chords.astype(np.int64)


def _lattice(points: Array, chords: Indices, size: float) -> Array:
    """Points (M, 2) of a lattice of equilateral triangles inside the chords, well away from the
    boundary points.
    """
    from scipy.spatial import cKDTree

    lower, upper = points.min(axis=0), points.max(axis=0)
    rows = np.arange(lower[1], upper[1], size * np.sqrt(0.75))
    columns = np.arange(lower[0], upper[0] + size, size)
    x = columns[None, :] - 0.5 * size * (np.arange(len(rows)) % 2)[:, None]
    lattice = np.stack([x.ravel(), np.repeat(rows, len(columns))], axis=1)
    lattice = lattice[cKDTree(points).query(lattice)[0] > CLEARANCE * size]
    return lattice[_inside(lattice, points, chords)]


def _missing(
    chords: Indices, cells: Indices, count: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of the chords (E, 2) are no edge of the triangles (C, 3) over `count` vertices;
    (E,).
    """
    edges = np.sort(np.concatenate([cells[:, [0, 1]], cells[:, [1, 2]], cells[:, [2, 0]]]), axis=1)
    required = np.sort(chords, axis=1)
    return np.asarray(~np.isin(required @ [count, 1], edges @ [count, 1]))


def _halved(
    shares: list[Array], missing: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> list[Array]:
    """The shares with one more in the middle of every missing chord."""
    flags = np.split(missing, np.cumsum([len(s) - 1 for s in shares])[:-1])
    return [
        np.sort(np.concatenate([s, ((s[:-1] + s[1:]) / 2)[flag]]))
        for s, flag in zip(shares, flags, strict=True)
    ]


def _inside(x: Array, points: Array, chords: Indices) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether each of the points `x` (N, 2) lies inside the closed polygons of chords (E, 2);
    (N,).
    """
    inside = np.zeros(len(x), dtype=bool)
    for a, b in points[chords]:
        inside ^= crosses_ray(a, b, x)
    return inside
