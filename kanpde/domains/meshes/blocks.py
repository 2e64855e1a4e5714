"""Blocks of cells of a mesh file as simplices, with the numbers by which groups find them.

A mesh in the plane keeps its bent boundary edges, as nodes that circular arcs lead through. In
space, where any boundary edge is bent, tetrahedra of second order become eight with flat sides
whose corners are all nodes; other cells become those of their corners, and a note says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kanpde.domains.mesh import Indices, signed_measures
from kanpde.domains.meshes.elements import Middles, cut_at_middles, edges_of, kind_of, simplices
from kanpde.domains.meshes.files import RawMesh
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array

MOST_CELLS = 200_000
"""Simplices of a mesh."""

MOST_LOOPS = 200
"""Pieces of a boundary without groups that get names of their own."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Simplices `cells` (C, d + 1); by the number of a block of the file the simplices (n, K) of
    its cells, or the facets (n, K, d) that its cells are.
    """

    cells: Indices
    numbers: Mapping[int, Indices]
    facets: Mapping[int, Indices]


def simplex_blocks(raw: RawMesh, points: Array, dimension: int) -> Blocks:
    """The simplices of a file over points (V, d), bent edges aside; ConfigError for a quad without
    a proper diagonal.
    """
    cells: list[Indices] = []
    numbers: dict[int, Indices] = {}
    facets: dict[int, Indices] = {}
    count = 0
    for number, (name, block) in enumerate(raw.blocks):
        kind = kind_of(name)
        if not len(block):
            continue
        corners = block[:, : kind.corners]
        if kind.dimension == dimension - 1:
            facets[number] = simplices(kind.straight, corners)
        if kind.dimension != dimension:
            continue
        in_plane = kind.straight == "quad"
        pieces = _split(points, corners) if in_plane else simplices(kind.straight, corners)
        numbers[number] = count + np.arange(pieces.shape[0] * pieces.shape[1]).reshape(
            pieces.shape[:2]
        )
        cells.append(pieces.reshape(-1, dimension + 1))
        count += len(cells[-1])
    return Blocks(np.concatenate(cells).astype(np.int64), numbers, facets)


def _split(points: Array, quads: Indices) -> Indices:
    """Two triangles (Q, 2, 3) per quad in the plane, along a diagonal on both sides of which the
    orientation is the same.
    """
    first, second = quads[:, [0, 1, 2, 0, 2, 3]], quads[:, [0, 1, 3, 1, 2, 3]]
    areas = [
        signed_measures(points, pair.reshape(-1, 3)).reshape(-1, 2) for pair in (first, second)
    ]
    # where both diagonals give two proper triangles, the one with the larger smallest area is taken
    proper = [np.prod(np.sign(area), axis=1) > 0 for area in areas]
    worst = [np.abs(area).min(axis=1) for area in areas]
    bad = np.flatnonzero(~proper[0] & ~proper[1])
    if len(bad):
        vertices = ", ".join(map(str, quads[bad[0]].tolist()))
        raise ConfigError(
            f"has a quad {int(bad[0])} (vertices {vertices}) that crosses itself or has no area;"
            " reorder its vertices"
        )
    take_first = proper[0] & (~proper[1] | (worst[0] >= worst[1]))
    return np.where(take_first[:, None], first, second).reshape(-1, 2, 3)


def bent_blocks(
    blocks: Blocks, points: Array, facets: Indices, middles: Middles
) -> tuple[Blocks, tuple[str, ...]]:
    """Blocks in space whose bent boundary is taken as flat pieces, and what is to be said of it.

    Args:
        blocks: tetrahedra between corners.
        points: (V, 3).
        facets: the boundary (F, 3) of the tetrahedra.
        middles: the nodes on edges of cells of second order.

    Returns:
        The same blocks and nothing where no boundary edge is bent; else tetrahedra cut into eight
        where all have nodes on their edges, or those of the corners.
    """
    edges = edges_of(facets)
    bent = middles.bent(points, edges)
    if (bent < 0).all():
        return blocks, ()
    ends = points[edges[bent >= 0]].mean(axis=1)
    off = float(np.linalg.norm(points[bent[bent >= 0]] - ends, axis=1).max())
    cut = cut_at_middles(blocks.cells, middles) if 8 * len(blocks.cells) <= MOST_CELLS else None
    quarters = {k: _quarters(block, middles) for k, block in blocks.facets.items()}
    if cut is None or any(block is None for block in quarters.values()):
        return blocks, (
            f"the mesh has bent sides, whose nodes lie up to {off:.3g} off the straight edges; they"
            f" are taken as flat between their corners; refine the mesh there, or save tetrahedra"
            f" of second order",
        )
    eighths = {
        k: (8 * own[:, :, None] + np.arange(8)).reshape(len(own), -1)
        for k, own in blocks.numbers.items()
    }
    whole = {k: block for k, block in quarters.items() if block is not None}
    return Blocks(cut.reshape(-1, 4), eighths, whole), (
        f"the mesh has bent sides, whose nodes lie up to {off:.3g} off the straight edges; each is"
        f" taken as four flat ones with corners at all its nodes, about {off / 4:.2g} off",
    )


def _quarters(block: Indices, middles: Middles) -> Indices | None:
    """The triangles (n, 4 K, 3) of facets (n, K, 3) cut at their middles."""
    cut = cut_at_middles(block.reshape(-1, 3), middles)
    return None if cut is None else cut.reshape(len(block), -1, 3)


def through_nodes(points: Array, facets: Indices, middles: Middles) -> Array:
    """The places (F, d) of the nodes on bent edges of a boundary in the plane, else NaN; in space
    NaN throughout. ConfigError for an edge bent by more than half a circle.
    """
    through = np.full((len(facets), points.shape[1]), np.nan)
    if points.shape[1] == 3 or not len(middles.edges):
        return through
    nodes = middles.bent(points, facets)
    bent = np.flatnonzero(nodes >= 0)
    a, b, node = points[facets[bent, 0]], points[facets[bent, 1]], points[nodes[bent]]
    # by Thales the angle at the node is a right one on half a circle
    sharp = np.flatnonzero(np.sum((a - node) * (b - node), axis=1) >= 0)
    if len(sharp):
        first, second = facets[bent[sharp[0]]].tolist()
        raise ConfigError(
            f"has an edge (vertices {first}, {second}) bent by more than half a circle, or a node"
            f" on it that belongs elsewhere; refine the mesh there"
        )
    through[bent] = node
    return through


def surfaces(points: Array, facets: Indices) -> tuple[Indices, tuple[str, ...]]:
    """The connected pieces of a boundary (F, d) without groups: the number of the piece of every
    facet, and their names: `boundary` where there is one, else outer, hole1, hole2, …

    A hole is a piece that lies within the box around another; pieces of one kind are numbered by
    their lower corners.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    used, local = np.unique(facets, return_inverse=True)
    local = local.reshape(facets.shape)
    a, b = local[:, :-1].ravel(), local[:, 1:].ravel()
    graph = coo_matrix((np.ones(len(a)), (a, b)), shape=(len(used), len(used)))
    count, piece = connected_components(graph, directed=False)
    if count == 1 or count > MOST_LOOPS:
        return np.zeros(len(facets), dtype=np.int64), ("boundary",)
    places = [points[used[piece == k]] for k in range(count)]
    low = np.array([place.min(axis=0) for place in places])
    high = np.array([place.max(axis=0) for place in places])
    within = np.all((low[:, None] > low) & (high[:, None] < high), axis=2)
    inside = np.asarray(within.any(axis=1))
    order = sorted(range(count), key=lambda k: (bool(inside[k]), *low[k].tolist()))
    outside = int(count - inside.sum())
    names = ["outer"] if outside == 1 else [f"outer{k + 1}" for k in range(outside)]
    names += [f"hole{k + 1}" for k in range(count - outside)]
    rank = np.argsort(order)
    return rank[piece[local[:, 0]]].astype(np.int64), tuple(names)
