"""Simplex meshes for export and figures, and their extrusion along one more coordinate.

A simplex (v_0 < … < v_k) extruded between two levels splits into the simplices (v_0 … v_i, v'_i …
v'_k), i = 0 … k, with v' the copy on the upper level. Because the vertices are sorted, neighbours
split their common face the same way.

Source: Freudenthal, Annals of Mathematics 43 (1942) 580–582 (Kuhn's triangulation).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array

Indices = NDArray[np.int64]

VERTICES = {"line": 2, "triangle": 3, "tetra": 4}
KIND_OF_DIMENSION = {1: "line", 2: "triangle", 3: "tetra"}

CURVED = ("VTK_LAGRANGE_TRIANGLE", "VTK_LAGRANGE_QUADRILATERAL", "VTK_LAGRANGE_HEXAHEDRON")
"""Cells of any degree, with as many nodes as it asks for, which are made for files alone."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Vertices `points` (V, d) and blocks of `cells`: pairs of a kind (line, triangle, tetra) and
    indices (C, k).

    `regions` (V,) are the numbers of the regions that the vertices belong to, where a domain has
    regions. Cells are positively oriented. Raises ConfigError for an unknown kind or an index
    without a vertex.
    """

    points: Array
    cells: tuple[tuple[str, Indices], ...]
    regions: Indices | None = None

    def __post_init__(self) -> None:
        for kind, cells in self.cells:
            if kind in CURVED:
                continue
            if kind not in VERTICES:
                raise ConfigError(
                    f"mesh: cells must be one of {', '.join(VERTICES)}, found {kind!r}; split them"
                )
            shaped = cells.ndim == 2 and cells.shape[1] == VERTICES[kind] and len(cells) > 0
            if not shaped or cells.min() < 0 or cells.max() >= len(self.points):
                raise ConfigError(
                    f"mesh: {kind} cells need {VERTICES[kind]} indices below {len(self.points)},"
                    f" found shape {cells.shape}; check the indices"
                )


def simplex_mesh(points: Array, cells: Indices, thinnest: float = 0.0) -> Mesh:
    """The mesh of simplices (C, d + 1) over `points` (V, d), positively oriented, without slivers
    and unused vertices.

    A simplex is a sliver when its measure is at most `thinnest` × (its longest edge)^d.
    """
    measure = signed_measures(points, cells)
    turned = np.where((measure < 0)[:, None], cells[:, [1, 0, *range(2, cells.shape[1])]], cells)
    corners = points[cells]
    edges = np.linalg.norm(corners[:, :, None] - corners[:, None, :], axis=-1)
    longest = np.max(edges, axis=(1, 2))
    proper = turned[np.abs(measure) > thinnest * longest ** points.shape[1]]
    used, renumbered = np.unique(proper, return_inverse=True)
    return Mesh(
        points[used],
        ((KIND_OF_DIMENSION[points.shape[1]], renumbered.reshape(proper.shape).astype(np.int64)),),
    )


def signed_measures(points: Array, cells: Indices) -> Array:
    """The length, area or volume (C,) of simplices; negative where the orientation is."""
    edges = points[cells[:, 1:]] - points[cells[:, :1]]
    return np.asarray(np.linalg.det(edges) / factorial(points.shape[1]), dtype=np.float64)


def line_mesh(nodes: Array) -> Mesh:
    """The mesh of an interval between increasing `nodes` (V,)."""
    start = np.arange(len(nodes) - 1)
    return Mesh(nodes[:, None], (("line", np.stack([start, start + 1], axis=1)),))


def extrude(mesh: Mesh, levels: Array) -> Mesh:
    """The simplex mesh in d + 1 coordinates over a mesh in d, with the last coordinate in
    increasing `levels` (L,).
    """
    count, dimension = mesh.points.shape
    base = np.sort(mesh.cells[0][1], axis=1)
    pieces = [
        np.concatenate([base[:, : i + 1], base[:, i:] + count], axis=1)
        for i in range(dimension + 1)
    ]
    one_layer = np.concatenate(pieces)
    cells = np.concatenate([one_layer + layer * count for layer in range(len(levels) - 1)])
    heights = np.repeat(levels, count)[:, None]
    points = np.concatenate([np.tile(mesh.points, (len(levels), 1)), heights], axis=1)
    return simplex_mesh(points, cells)
