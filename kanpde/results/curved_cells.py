"""A mesh of cells of a high degree for viewers that draw them (Lagrange cells of VTK), and where
their nodes lie.

Where the patches of a solution are boxes that fill the domain, its cells are these boxes, split so
that a cell of degree n has as many nodes along an axis as the patch has functions: the field of the
file is then the solution itself, but for rounding where n is the degree of the patch. Elsewhere in
the plane they are the triangles of the ordinary mesh, so many times larger; every cell has nodes of
its own.

Source: the numbering of nodes of vtkHigherOrderQuadrilateral, -Triangle and, for files before
version 2.1 (those of meshio), -Hexahedron.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from kanpde.domains import Domain, Mesh
from kanpde.errors import ConfigError
from kanpde.results.series import RESOLUTION
from kanpde.trial.patchwork import Patchwork
from kanpde.trial.piecewise import AnyTrial

Array = NDArray[np.float64]

HIGHEST = 10
"""Degree of a cell that VTK draws."""

MOST_NODES = 2_000_000
_QUADS, _TRIANGLES = "VTK_LAGRANGE_QUADRILATERAL", "VTK_LAGRANGE_TRIANGLE"
_KINDS = {2: _QUADS, 3: "VTK_LAGRANGE_HEXAHEDRON"}


def curved_mesh(domain: Domain, trial: AnyTrial, degree: int, resolution: int | None) -> Mesh:
    """A mesh of cells of a degree from 2 to 10; ConfigError where there is none."""
    if not 2 <= degree <= HIGHEST:
        raise ConfigError(f"degree of cells must be from 2 to {HIGHEST}, found {degree}")
    boxes = _boxes(domain, trial, degree)
    if boxes is not None:
        return _tensors(*boxes, degree)
    if domain.dimension != 2:
        raise ConfigError(
            f"cells of degree {degree} need a solution on patches that are boxes, or a domain in"
            f" the plane; leave the degree out for a mesh of degree 1"
        )
    longest = resolution or RESOLUTION[2]
    return _triangles(domain.mesh(max(4, -(-longest // degree))), degree)


def _boxes(domain: Domain, trial: AnyTrial, degree: int) -> tuple[Array, Array] | None:
    """Lower and upper corners (C, d) of cells that fill the domain; None without such patches."""
    if not isinstance(trial, Patchwork) or domain.dimension not in _KINDS:
        return None
    tiles = trial.tiles
    lower, upper = tiles.lower, tiles.upper
    filled = float(np.prod(upper - lower, axis=1).sum())
    inside = all(bool(domain.contains(corner).all()) for corner in (lower, upper))
    if len(tiles.cells) != len(lower) or not inside or abs(filled / domain.measure - 1) > 1e-9:
        return None
    starts, ends = [], []
    for low, high, own in zip(lower, upper, tiles.degrees.tolist(), strict=True):
        pieces = -(-own // degree)
        for place in product(range(pieces), repeat=domain.dimension):
            at = np.array(place) / pieces
            starts.append(low + at * (high - low))
            ends.append(low + (at + 1 / pieces) * (high - low))
    return np.array(starts), np.array(ends)


def _tensors(lower: Array, upper: Array, degree: int) -> Mesh:
    """Quadrilaterals or hexahedra over boxes (C, d)."""
    count, dimension = lower.shape
    nodes = _box_nodes(degree, dimension) / degree
    _require_few(count * len(nodes))
    points = lower[:, None] + nodes * (upper - lower)[:, None]
    cells = np.arange(count * len(nodes)).reshape(count, len(nodes))
    return Mesh(points.reshape(-1, dimension), ((_KINDS[dimension], cells),))


def _triangles(mesh: Mesh, degree: int) -> Mesh:
    weights = np.array(_triangle_nodes(degree)) / degree
    corners = np.concatenate([cells for _, cells in mesh.cells])
    _require_few(len(corners) * len(weights))
    points = np.einsum("nk,ckd->cnd", weights, mesh.points[corners])
    cells = np.arange(len(corners) * len(weights)).reshape(len(corners), len(weights))
    regions = None
    if mesh.regions is not None:
        regions = np.repeat(mesh.regions[corners[:, 0]], len(weights))
    return Mesh(points.reshape(-1, 2), ((_TRIANGLES, cells),), regions)


def _require_few(nodes: int) -> None:
    if nodes > MOST_NODES:
        raise ConfigError(
            f"cells of this degree would have {nodes} nodes, more than {MOST_NODES}; give a lower"
            f" degree or resolution"
        )


# Where VTK has the nodes of a cell
# --------------------------------------------------------------------------------------------------


def _triangle_nodes(degree: int) -> list[tuple[int, int, int]]:
    """Weights of the corners in parts of the degree: corners, edges, and a triangle within."""
    if degree == 0:
        return [(0, 0, 0)]
    n, inner = degree, range(1, degree)
    nodes = [(n, 0, 0), (0, n, 0), (0, 0, n)]
    nodes += [(n - a, a, 0) for a in inner] + [(0, n - a, a) for a in inner]
    nodes += [(a, 0, n - a) for a in inner]
    if degree >= 3:
        nodes += [(i + 1, j + 1, k + 1) for i, j, k in _triangle_nodes(degree - 3)]
    return nodes


def _box_nodes(degree: int, dimension: int) -> Array:
    """Indices (n, d) of the nodes: corners, edges, faces, inside."""
    n, inner = degree, range(1, degree)
    around = [(0, 0), (n, 0), (n, n), (0, n)]
    edges = [(a, 0) for a in inner] + [(n, a) for a in inner]
    edges += [(a, n) for a in inner] + [(0, a) for a in inner]
    within = [(i, j) for j in inner for i in inner]
    if dimension == 2:
        return np.array([*around, *edges, *within])
    nodes = [(i, j, k) for k in (0, n) for i, j in around]
    nodes += [(i, j, k) for k in (0, n) for i, j in edges]
    nodes += [(i, j, k) for i, j in ((0, 0), (n, 0), (0, n), (n, n)) for k in inner]
    nodes += [(i, j, k) for i in (0, n) for j, k in within]
    nodes += [(i, j, k) for j in (0, n) for i, k in within]
    nodes += [(i, j, k) for k in (0, n) for i, j in within]
    return np.array(nodes + [(i, j, k) for k in inner for i, j in within])
