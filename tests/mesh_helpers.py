"""Small meshes that several test files share, as raw files say them and as shapes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from kanpde.config.problem.meshes import MeshContent, MeshShape
from kanpde.domains.meshes.check import checked
from kanpde.domains.meshes.files import RawMesh

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


def raw_mesh(
    points: Sequence[Sequence[float]] | Array,
    blocks: Sequence[tuple[str, object]],
    groups: Sequence[tuple[str, int, object]] = (),
) -> RawMesh:
    """What a file would say; arrays of indices may be lists."""
    return RawMesh(
        np.array(points, dtype=float),
        tuple((kind, np.array(block, dtype=np.int64)) for kind, block in blocks),
        tuple((name, block, np.array(members, dtype=np.int64)) for name, block, members in groups),
    )


def grid_mesh(
    counts: Sequence[int], side: float, without: Mapping[tuple[int, ...], str]
) -> RawMesh:
    """Simplices on a grid of cubes of length `side`, the facets of cubes left out named; the sides
    named as those of a box.
    """
    d = len(counts)
    corners = np.array(list(product(*(range(n + 1) for n in counts))))
    number = {tuple(corner): k for k, corner in enumerate(corners.tolist())}
    simplices = []
    for cube in product(*(range(n) for n in counts)):
        if cube in without:
            continue
        for order in permutations(range(d)):
            corner, chain = list(cube), [number[cube]]
            for axis in order:
                corner[axis] += 1
                chain.append(number[tuple(corner)])
            simplices.append(chain)
    cells = np.array(simplices)
    facets = np.sort(np.concatenate([np.delete(cells, i, axis=1) for i in range(d + 1)]), axis=1)
    unique, seen = np.unique(facets, axis=0, return_counts=True)
    rim = unique[seen == 1]
    names = [_side(corners[facet], counts, without) for facet in rim]
    groups = [
        (name, 1, [k for k, part in enumerate(names) if part == name])
        for name in dict.fromkeys(names)
    ]
    kinds = ("triangle", "line") if d == 2 else ("tetra", "triangle")
    return raw_mesh(
        corners * side,
        [(kinds[0], cells), (kinds[1], rim)],
        [*groups, ("body", 0, range(len(cells)))],
    )


def _side(
    corners: NDArray[np.int64], counts: Sequence[int], without: Mapping[tuple[int, ...], str]
) -> str:
    sides = ("left", "right", "bottom", "top", "back", "front")
    for axis, count in enumerate(counts):
        for end, value in ((0, 0), (1, count)):
            if (corners[:, axis] == value).all():
                return sides[2 * axis + end]
    centre = corners.mean(axis=0)
    return min(
        without.items(), key=lambda item: float(np.abs(np.array(item[0]) + 0.5 - centre).sum())
    )[1]


def mesh_shape(raw: RawMesh, boundary: tuple[str, ...] | None = None) -> MeshShape:
    """The shape of a mesh without a file."""
    mesh = checked(raw, boundary)
    masks = np.array(list(mesh.regions.values()), dtype=bool).reshape(-1, len(mesh.cells))
    arrays = io.BytesIO()
    np.savez(
        arrays,
        points=mesh.points,
        cells=mesh.cells,
        facets=mesh.facets,
        labels=mesh.labels,
        regions=masks,
        through=mesh.through,
    )
    content = MeshContent(
        "0" * 64,
        ".msh",
        mesh.points.shape[1],
        mesh.parts,
        tuple(mesh.regions),
        b"",
        arrays.getvalue(),
    )
    return MeshShape("small.msh", boundary, content)


PLATE = grid_mesh((9, 4), 0.2, {(2, 1): "hole1", (6, 2): "hole2"})
CAVITY = grid_mesh((3, 3, 3), 1 / 3, {(1, 1, 1): "cavity"})
