"""The checks of a mesh before it is a domain: its simplices fit together, its groups bound it.

Checked in this order: numbers, kinds of cells, the plane z = 0, single cells (repeated vertices, no
measure), pairs of cells (copies, facets of more than two, two on one side), vertices (two at one
place, one on a facet of others, one inside a cell), the boundary (it must not touch itself),
groups. Messages begin with a verb, the caller names the file. Cells and vertices are numbered from
0 in the order of the file, cells over all blocks of their kind. Cells of negative orientation are
turned, quads split along the diagonal that leaves two proper triangles, other cells as in
elements.py, vertices without a cell dropped. Disconnected pieces are allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kanpde.domains.mesh import KIND_OF_DIMENSION, Indices, signed_measures
from kanpde.domains.meshes.blocks import (
    MOST_CELLS,
    bent_blocks,
    simplex_blocks,
    surfaces,
    through_nodes,
)
from kanpde.domains.meshes.elements import PIECES, Middles, ends_first, kind_of
from kanpde.domains.meshes.files import RawMesh
from kanpde.domains.meshes.groups import (
    Groups,
    Renamed,
    boundary_labels,
    cell_regions,
    listed,
)
from kanpde.errors import ConfigError
from kanpde.numerics.point_location import Locator
from kanpde.numerics.quadrature import Array

FARTHEST = 1e12
"""Largest magnitude of a coordinate."""
THINNEST = 1e-10
"""Least measure of a cell, as a share of (its longest edge)^d."""
JOIN = 1e-9
"""Vertices nearer than this share of the size of the mesh are at one place."""


@dataclass(frozen=True, eq=False)
class CheckedMesh:
    """Points (V, d), positively oriented cells (C, d + 1), boundary facets (F, d) with the number
    of their part, regions.

    The opposite vertex of every facet is left to the domain; `labels` (F,) index `parts`; a region
    is a mask (C,); `fields` (V,) are numbers at the points. In the plane `through` (F, 2) are the
    nodes on bent facets, NaN on straight ones. `notes` say what was made of the file, one sentence
    each.
    """

    points: Array
    cells: Indices
    facets: Indices
    labels: Indices
    parts: tuple[str, ...]
    regions: Mapping[str, NDArray[np.bool_]]
    fields: Mapping[str, Array]
    through: Array
    notes: tuple[str, ...] = ()


def checked(
    raw: RawMesh, boundary: tuple[str, ...] | None = None, renamed: Renamed | None = None
) -> CheckedMesh:
    """The mesh of a file, fit to be a domain; with `boundary`, only those facet groups are parts,
    and `renamed` are groups by the names that a problem has for them.

    Raises ConfigError: the first defect, with its cell or vertex.
    """
    points = _points(raw)
    dimension = _dimension(raw)
    points = _flat(points, raw, dimension)
    ordered = (
        (kind, ends_first(points, block) if kind == "line3" else block)
        for kind, block in raw.blocks
    )
    raw = replace(raw, blocks=tuple(ordered))
    blocks = simplex_blocks(raw, points, dimension)
    # later checks rely on earlier ones: facets only mean something for cells that are proper
    _check_single(points, blocks.cells)
    cells = _oriented(points, blocks.cells)
    facets = _facets(points, cells)
    middles = Middles.of(raw.blocks)
    notes: tuple[str, ...] = ()
    if dimension == 3:
        blocks, notes = bent_blocks(replace(blocks, cells=cells), points, facets, middles)
        if len(blocks.cells) > len(cells):
            cells = _oriented(points, blocks.cells)
            facets = _facets(points, cells)
    _check_places(points, cells, facets)
    _check_rim(points, facets)
    groups = Groups.of(raw, blocks, renamed or {}).with_points(raw.point_sets, facets)
    if boundary is None:
        groups, left_out = groups.apart(renamed or {})
        notes += tuple(
            f"the facets of the group {name!r} belong to other groups, so it is no part"
            for name in left_out
        )
    labels, parts = boundary_labels(groups, facets, cells, boundary)
    if boundary is None and not groups.facets:
        labels, parts = surfaces(points, facets)
    used, renumbered = np.unique(cells, return_inverse=True)
    return CheckedMesh(
        points=points[used],
        cells=renumbered.reshape(cells.shape),
        facets=np.searchsorted(used, facets),
        labels=labels,
        parts=parts,
        regions=cell_regions(groups, len(cells)),
        fields={name: values[used] for name, values in raw.fields.items()},
        through=through_nodes(points, facets, middles),
        notes=notes,
    )


def _at(points: Array, vertex: int) -> str:
    place = ", ".join(f"{value:.6g}" for value in points[vertex])
    return f"vertex {vertex} at ({place})"


def _named(cells: Indices, cell: int) -> str:
    kind = KIND_OF_DIMENSION[cells.shape[1] - 1]
    return f"{kind} {cell} (vertices {listed(cells[cell])})"


def _points(raw: RawMesh) -> Array:
    points = np.asarray(raw.points)
    if points.ndim != 2 or not len(points) or points.shape[-1] not in (2, 3):
        raise ConfigError(
            f"needs vertices with 2 or 3 coordinates, found an array of shape {points.shape}; save"
            f" it again"
        )
    wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(wrong):
        raise ConfigError(
            f"has coordinates that are not finite, the first in {_at(points, int(wrong[0]))};"
            f" repair it"
        )
    far = np.flatnonzero((np.abs(points) > FARTHEST).any(axis=1))
    if len(far):
        raise ConfigError(
            f"has coordinates beyond {FARTHEST:g}, the first in {_at(points, int(far[0]))}; scale"
            f" it"
        )
    return points


def _dimension(raw: RawMesh) -> int:
    """The highest dimension of cells, 2 or 3; blocks of cells are well formed."""
    pieces = {2: 0, 3: 0}
    for kind, block in raw.blocks:
        known = kind_of(kind)
        if not block.size:
            continue
        wrong = np.flatnonzero(((block < 0) | (block >= len(raw.points))).any(axis=1))
        if len(wrong):
            cell = int(wrong[0])
            raise ConfigError(
                f"has a {kind} {cell} with the vertices {block[cell].tolist()}, but only 0 to"
                f" {len(raw.points) - 1} exist; save it again"
            )
        if known.dimension >= 2:
            pieces[known.dimension] += len(block) * PIECES.get(known.straight, 1)
    if not pieces[2] + pieces[3]:
        raise ConfigError(
            "has no triangles, quads or cells in space, so nothing to solve on; mesh the surface"
            " or the volume"
        )
    dimension = 3 if pieces[3] else 2
    if pieces[dimension] > MOST_CELLS:
        raise ConfigError(
            f"has {pieces[dimension]} cells, more than {MOST_CELLS}; save a coarser mesh (the"
            f" solution refines itself)"
        )
    return dimension


def _flat(points: Array, raw: RawMesh, dimension: int) -> Array:
    """Points (V, d); a planar mesh must lie in z = 0 and a solid one must have z."""
    if points.shape[1] == 2 and dimension == 3:
        raise ConfigError("has cells in space but only two coordinates; save the third")
    if points.shape[1] == 3 and dimension == 2:
        flat = [block.ravel() for kind, block in raw.blocks if kind_of(kind).dimension == 2]
        used = np.unique(np.concatenate(flat))
        size = float(np.abs(points[used]).max())
        off = used[np.abs(points[used, 2]) > 1e-10 * size]
        if len(off):
            raise ConfigError(
                "has triangles and no cells in space, so it must lie in the plane z = 0, found"
                f" {_at(points, int(off[0]))}; project it, or mesh the volume"
            )
        return points[:, :2].copy()
    return points


def _check_single(points: Array, cells: Indices) -> None:
    ordered = np.sort(cells, axis=1)
    repeated = np.flatnonzero((np.diff(ordered, axis=1) == 0).any(axis=1))
    if len(repeated):
        raise ConfigError(
            f"has a cell with a repeated vertex: {_named(cells, int(repeated[0]))}; remove it"
        )
    corners = points[cells]
    longest = np.linalg.norm(corners[:, :, None] - corners[:, None], axis=-1).max(axis=(1, 2))
    thinnest = THINNEST * longest ** (cells.shape[1] - 1)
    flat = np.flatnonzero(np.abs(signed_measures(points, cells)) <= thinnest)
    if len(flat):
        raise ConfigError(
            f"has a degenerate cell without measure: {_named(cells, int(flat[0]))}; remove it or"
            f" mesh again"
        )
    _, index, counts = np.unique(ordered, axis=0, return_index=True, return_counts=True)
    twice = np.flatnonzero(counts > 1)
    if len(twice):
        raise ConfigError(
            f"has a cell that stands twice: {_named(cells, int(index[twice[0]]))}; remove the copy"
        )


def _oriented(points: Array, cells: Indices) -> Indices:
    turned = cells.copy()
    negative = signed_measures(points, cells) < 0
    turned[negative, 0], turned[negative, 1] = cells[negative, 1], cells[negative, 0]
    return turned


def _facets(points: Array, cells: Indices) -> Indices:
    """The boundary facets (F, d), sorted; every other facet has one cell on each side."""
    k = cells.shape[1]
    sides = np.concatenate([np.delete(cells, i, axis=1) for i in range(k)])
    owner = np.tile(np.arange(len(cells)), k)
    unique, inverse, counts = np.unique(
        np.sort(sides, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    inverse = inverse.ravel()
    many = np.flatnonzero(counts > 2)
    if len(many):
        overlapping = owner[inverse == many[0]]
        raise ConfigError(
            f"has a facet (vertices {listed(unique[many[0]])}) of {len(overlapping)} cells"
            f" ({listed(np.sort(overlapping)[:4])}), which overlap; a facet has one or two"
        )
    side = np.sign(_side(points, cells, sides, owner))
    total = np.bincount(inverse, weights=side, minlength=len(unique))
    folded = np.flatnonzero((counts == 2) & (total != 0))
    if len(folded):
        first, second = np.sort(owner[inverse == folded[0]])
        raise ConfigError(
            f"has two cells on one side of their common facet, {_named(cells, int(first))} and"
            f" {_named(cells, int(second))}: they overlap; mesh again"
        )
    return np.asarray(unique[counts == 1])


def _side(points: Array, cells: Indices, facets: Indices, owner: Indices) -> Array:
    """On which side of its facet, with sorted vertices, a cell lies: the signed measure of facet
    and opposite vertex.
    """
    ordered = np.sort(facets, axis=1)
    opposite = cells[owner].sum(axis=1) - facets.sum(axis=1)
    return signed_measures(points, np.concatenate([ordered, opposite[:, None]], axis=1))


def _check_places(points: Array, cells: Indices, facets: Indices) -> None:
    """No two vertices at one place, none on a facet or inside a cell of others."""
    from scipy.spatial import cKDTree

    used = np.unique(cells)
    size = float(np.ptp(points[used], axis=0).max())
    near = cKDTree(points[used]).query_pairs(JOIN * size, output_type="ndarray")
    if len(near):
        first, second = sorted(int(used[i]) for i in near[0])
        raise ConfigError(
            f"has two vertices at one place, {_at(points, first)} and vertex {second}; merge them"
        )
    locator = Locator(points, cells)
    point, cell, depth = locator.pairs(points[used], JOIN * size)
    foreign = np.flatnonzero((cells[cell] != used[point][:, None]).all(axis=1))
    if len(foreign):
        deep = foreign[depth[foreign] > JOIN * size]
        defect = int((deep if len(deep) else foreign)[0])
        vertex, where = _at(points, int(used[point[defect]])), _named(cells, int(cell[defect]))
        if len(deep):
            raise ConfigError(
                f"has overlapping cells: {vertex} lies inside the {where}; mesh again"
            )
        raise ConfigError(
            f"is not conforming: {vertex} hangs on a facet of the {where}, which does not use it;"
            f" mesh again"
        )
    centres = points[cells].mean(axis=1)
    point, cell, depth = locator.pairs(centres, -JOIN * size)
    overlapping = np.flatnonzero(point != cell)
    if len(overlapping):
        first_cell, second_cell = (
            _named(cells, int(point[overlapping[0]])),
            _named(cells, int(cell[overlapping[0]])),
        )
        raise ConfigError(
            f"has overlapping cells: the {first_cell} and the {second_cell}; mesh again"
        )


def _check_rim(points: Array, facets: Indices) -> None:
    """The boundary is a manifold: two edges meet at a vertex in the plane, two triangles at an edge
    in space.
    """
    d = facets.shape[1]
    ridges = facets.reshape(-1, 1)
    if d == 3:
        ridges = np.concatenate([np.delete(facets, i, axis=1) for i in range(d)])
    unique, counts = np.unique(ridges, axis=0, return_counts=True)
    wrong = np.flatnonzero(counts != 2)
    if len(wrong):
        raise ConfigError(
            f"touches itself in a single point or edge, at"
            f" {_at(points, int(unique[wrong[0]][0]))}; separate or join the pieces"
        )
