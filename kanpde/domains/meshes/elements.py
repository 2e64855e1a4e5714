"""The kinds of cells that mesh files hold, and the simplices that they are made of.

A cell with flat corners v_i is cut into cones over its sides: the tip is its vertex of least
number, a side of four vertices is cut along the diagonal through the least of its own. Neighbours
so cut a common side the same way, whatever their kinds.

    hexahedron → 6 tetrahedra,   wedge → 3,   pyramid → 2,   quadrilateral side → 2 triangles

Cells of second order have a node on every edge. Where it lies in the middle, the cell is the one of
its corners; `middles` are the nodes of all edges, for those who use bent ones. Tetrahedra with
bent sides are cut into eight at their middles, and their sides into four.

Source: Dompierre, Labbé, Vallet & Camarero, How to subdivide pyramids, prisms and hexahedra into
tetrahedra, 1999.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from kanpde.domains.mesh import Indices
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array

BENT = 1e-5
"""How far off the straight edge its node lies, as a share of the edge, where the edge is bent; files
of six digits are off by 1e-6.
"""

_TRIANGLE, _QUAD = ((0, 1), (1, 2), (2, 0)), ((0, 1), (1, 2), (2, 3), (3, 0))
_TETRA = ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3))
_WEDGE = (*_TRIANGLE, (3, 4), (4, 5), (5, 3), (0, 3), (1, 4), (2, 5))
_HEXAHEDRON = (*_QUAD, (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
_PYRAMID = (*_QUAD, (0, 4), (1, 4), (2, 4), (3, 4))


@dataclass(frozen=True)
class Kind:
    """The corners of a cell, its dimension, and the edges whose nodes follow the corners."""

    corners: int
    dimension: int
    straight: str
    edges: tuple[tuple[int, int], ...] = ()


KINDS: Mapping[str, Kind] = {
    "vertex": Kind(1, 0, "vertex"),
    "line": Kind(2, 1, "line"),
    "line3": Kind(2, 1, "line", ((0, 1),)),
    "triangle": Kind(3, 2, "triangle"),
    "triangle6": Kind(3, 2, "triangle", _TRIANGLE),
    "triangle7": Kind(3, 2, "triangle", _TRIANGLE),
    "quad": Kind(4, 2, "quad"),
    "quad8": Kind(4, 2, "quad", _QUAD),
    "quad9": Kind(4, 2, "quad", _QUAD),
    "tetra": Kind(4, 3, "tetra"),
    "tetra10": Kind(4, 3, "tetra", _TETRA),
    "wedge": Kind(6, 3, "wedge"),
    "wedge15": Kind(6, 3, "wedge", _WEDGE),
    "wedge18": Kind(6, 3, "wedge", _WEDGE),
    "pyramid": Kind(5, 3, "pyramid"),
    "pyramid13": Kind(5, 3, "pyramid", _PYRAMID),
    "pyramid14": Kind(5, 3, "pyramid", _PYRAMID),
    "hexahedron": Kind(8, 3, "hexahedron"),
    "hexahedron20": Kind(8, 3, "hexahedron", _HEXAHEDRON),
    "hexahedron27": Kind(8, 3, "hexahedron", _HEXAHEDRON),
}
"""What is read, by meshio's names."""

_SIDES: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "quad": ((0, 1, 2, 3),),
    "wedge": ((0, 1, 2), (3, 4, 5), (0, 1, 4, 3), (1, 2, 5, 4), (2, 0, 3, 5)),
    "pyramid": ((0, 1, 2, 3), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)),
    "hexahedron": (
        (0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7),
    ),
}  # fmt: skip

PIECES = {"wedge": 3, "pyramid": 2, "hexahedron": 6, "tetra": 1}
"""Tetrahedra of a cell in space."""

_EIGHTH = (
    (0, 4, 6, 7), (4, 1, 5, 8), (6, 5, 2, 9), (7, 8, 9, 3), (4, 5, 6, 8), (4, 6, 7, 8), (6, 5, 9, 8), (6, 9, 7, 8),
)  # fmt: skip
"""Tetrahedra of one with six middles: four corners, and the octahedron between them cut along the
diagonal from the middle of (0, 2) to that of (1, 3).
"""
_QUARTER = ((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5))


def kind_of(name: str) -> Kind:
    """What is known of a kind of cell; ConfigError with the reason where it is not read."""
    if name in KINDS:
        return KINDS[name]
    straight = name.rstrip("0123456789")
    if straight in {kind.straight for kind in KINDS.values()}:
        raise ConfigError(
            f"has cells of kind {name!r}, of third or higher order, which are not read; save cells"
            f" of first or second order"
        )
    raise ConfigError(
        f"has cells of kind {name!r}, which are not read; save triangles, quads, tetrahedra,"
        f" hexahedra, wedges or pyramids"
    )


def ends_first(points: Array, lines: Indices) -> Indices:
    """Lines of three nodes (n, 3) with both ends first, as some formats put the middle second: the
    ends are the two that lie farthest apart.
    """
    pairs = ((0, 1), (0, 2), (1, 2))
    apart = [np.linalg.norm(points[lines[:, a]] - points[lines[:, b]], axis=1) for a, b in pairs]
    orders = np.array([[0, 1, 2], [0, 2, 1], [1, 2, 0]])[np.argmax(apart, axis=0)]
    return np.take_along_axis(lines, orders, axis=1)


def simplices(kind: str, cells: Indices) -> Indices:
    """The tetrahedra (C, K, 4) of cells in space of one kind, or the triangles (C, 2, 3) of
    quadrilaterals.

    Args:
        kind: tetra, wedge, pyramid or hexahedron, or quad.
        cells: corners (C, k).
    """
    if kind in ("tetra", "triangle", "line"):
        return cells[:, None, :]
    triangles = np.concatenate([_triangles(cells[:, side]) for side in _SIDES[kind]], axis=1)
    if kind == "quad":
        return triangles
    tips = cells.min(axis=1)
    apart = (triangles != tips[:, None, None]).all(axis=2)
    chosen = triangles[apart].reshape(len(cells), PIECES[kind], 3)
    tip = np.broadcast_to(tips[:, None, None], (*chosen.shape[:2], 1))
    return np.concatenate([chosen, tip], axis=2)


def _triangles(side: Indices) -> Indices:
    """The triangles (C, 1 or 2, 3) of sides (C, 3 or 4), from the vertex of least number."""
    if side.shape[1] == 3:
        return side[:, None, :]
    first = side.argmin(axis=1)[:, None]
    turned = np.take_along_axis(side, (first + np.arange(4)) % 4, axis=1)
    return np.stack([turned[:, [0, 1, 2]], turned[:, [0, 2, 3]]], axis=1)


@dataclass(frozen=True, eq=False)
class Middles:
    """Edges (E, 2) as sorted pairs of corners, and the number (E,) of the node on each."""

    edges: Indices
    nodes: Indices

    @classmethod
    def of(cls, blocks: tuple[tuple[str, Indices], ...]) -> Middles:
        """Those of all cells of second order, each once."""
        edges, nodes = [np.zeros((0, 2), dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for name, cells in blocks:
            kind = kind_of(name)
            for at, (a, b) in enumerate(kind.edges):
                edges.append(np.sort(cells[:, [a, b]], axis=1))
                nodes.append(cells[:, kind.corners + at])
        every, first = np.unique(np.concatenate(edges), axis=0, return_index=True)
        return cls(every, np.concatenate(nodes)[first])

    def at(self, edges: Indices) -> Indices:
        """The nodes (N,) on edges (N, 2) in any order, -1 where there is none."""
        if not len(self.edges):
            return np.full(len(edges), -1, dtype=np.int64)
        count = int(max(self.edges.max(), edges.max(initial=0))) + 1
        keys = self.edges[:, 0] * count + self.edges[:, 1]
        ordered = np.sort(edges, axis=1)
        wanted = ordered[:, 0] * count + ordered[:, 1]
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, self.nodes[place], -1)

    def bent(self, points: Array, edges: Indices) -> Indices:
        """The nodes (N,) on edges (N, 2) that lie off the straight edge, else -1."""
        nodes = self.at(edges)
        a, b, middle = points[edges[:, 0]], points[edges[:, 1]], points[nodes]
        along = b - a
        length = np.linalg.norm(along, axis=1)
        share = np.sum((middle - a) * along, axis=1) / np.maximum(length, 1e-300) ** 2
        off = np.linalg.norm(middle - a - share[:, None] * along, axis=1)
        return np.where((nodes >= 0) & (off > BENT * length), nodes, -1)


def edges_of(facets: Indices) -> Indices:
    """The edges (F·k, 2) of facets (F, 2 or 3)."""
    pairs = list(combinations(range(facets.shape[1]), 2))
    return np.concatenate([facets[:, pair] for pair in pairs])


def cut_at_middles(cells: Indices, middles: Middles) -> Indices | None:
    """Tetrahedra (C, 8, 4) or triangles (C, 4, 3) of those given with their middles as corners;
    None where an edge has none.
    """
    edges, pieces = (_TETRA, _EIGHTH) if cells.shape[1] == 4 else (_TRIANGLE, _QUARTER)
    nodes = np.stack([middles.at(cells[:, pair]) for pair in edges], axis=1)
    if (nodes < 0).any():
        return None
    return np.concatenate([cells, nodes], axis=1)[:, pieces]
