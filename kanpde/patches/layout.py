"""From cells to patches and the faces that couple them.

A patch is a cell or, where the inside share of one is below `SLIVER`, several joined cells. A face
is a piece of a common side of two cells of different patches; where cells of different size meet,
it is the side of the smaller one. Neighbours differ by one level at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import DEEPEST, Cell, Quadtree, Side

SLIVER = 0.3
"""A cell with a smaller share inside joins a neighbour; dropping it would bound the accuracy."""

THINNEST = 1e-7
"""Pieces of a side shorter than this share of it couple nothing."""


@dataclass(frozen=True)
class Face:
    """The straight piece low ≤ x_run ≤ high of a side, with normal along `axis` at x_axis = `at`.

    `size` is that of the smaller of its two cells, `key` tells it from all others.
    """

    key: tuple[Side, int]
    axis: int
    at: float
    low: float
    high: float
    size: float

    def points(self, nodes: Array) -> Array:
        """Points (N, 2) at positions in [-1, 1]."""
        x = np.empty((len(nodes), 2))
        x[:, self.axis] = self.at
        x[:, 1 - self.axis] = (self.low + self.high) / 2 + (self.high - self.low) / 2 * nodes
        return x


@dataclass(frozen=True)
class Patch:
    """Cells that share one polynomial per unknown of total degree `degree` in the scaled
    coordinates of the box lower … upper; `faces` with the degree of the traces on each.
    """

    cells: tuple[Cell, ...]
    degree: int
    lower: Array
    upper: Array
    size: float
    depth: float
    faces: tuple[tuple[Face, int], ...]

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for patches with equal rows."""
        return self.cells, self.degree, tuple((face.key, d, face.size) for face, d in self.faces)


def neighbours(cell: Cell, axis: int, step: int) -> tuple[Cell, Cell, tuple[Cell, Cell]]:
    """The cells of the same, the coarser and the finer level across a side."""
    level, *at = cell
    at[axis] += step
    same = (level, at[0], at[1])
    finer = []
    for k in (0, 1):
        fine = [2 * at[0], 2 * at[1]]
        fine[axis] += step < 0
        fine[1 - axis] += k
        finer.append((level + 1, fine[0], fine[1]))
    return same, (level - 1, at[0] // 2, at[1] // 2), (finer[0], finer[1])


def balanced(tree: Quadtree, degrees: Mapping[Cell, int]) -> dict[Cell, int]:
    """Cells split until neighbours differ by one level at most and the inside part of each is
    connected; the children of a cell have its degree.

    Raises ConfigError where a part stays disconnected.
    """
    leaves = dict(degrees)
    queue = list(leaves)
    while queue:
        cell = queue.pop()
        if cell not in leaves:
            continue
        inside = tree.inside(cell)
        assert inside is not None
        if inside.pieces == 1:
            queue += _split_coarse(tree, leaves, cell)
            continue
        if cell[0] >= DEEPEST:
            middle = ((inside.lower + inside.upper) / 2).tolist()
            raise ConfigError(
                f"trial.patches: the domain near {middle} must be wider than 2^-{DEEPEST} of a"
                f" first cell, found a gap; give more cells or another trial"
            )
        queue += _split(tree, leaves, cell)
    return leaves


def _split(tree: Quadtree, leaves: dict[Cell, int], cell: Cell) -> list[Cell]:
    degree = leaves.pop(cell)
    children = tree.children(cell)
    leaves.update(dict.fromkeys(children, degree))
    return children


def _split_coarse(tree: Quadtree, leaves: dict[Cell, int], cell: Cell) -> list[Cell]:
    """Split the leaves that are two or more levels coarser than their neighbour `cell`."""
    new: list[Cell] = []
    level, i, j = cell
    for axis, step in ((0, -1), (0, 1), (1, -1), (1, 1)):
        at = [i, j]
        at[axis] += step
        for up in range(2, level + 1):
            coarse = (level - up, at[0] >> up, at[1] >> up)
            if coarse in leaves:
                new += _split(tree, leaves, coarse)
                new.append(cell)
    return new


def layout(tree: Quadtree, degrees: Mapping[Cell, int]) -> list[Patch]:
    """The patches of balanced cells in the order of a Z-curve, with their faces."""
    shared = list(_shared(tree, degrees))
    owner = _joined(tree, degrees, shared)
    members: dict[Cell, list[Cell]] = {}
    for cell in degrees:
        members.setdefault(owner[cell], []).append(cell)
    degree = {key: max(degrees[cell] for cell in cells) for key, cells in members.items()}
    faces: dict[Cell, list[tuple[Face, int]]] = {key: [] for key in members}
    for face, cell, neighbour in shared:
        a, b = owner[cell], owner[neighbour]
        if a != b:
            traces = max(degree[a], degree[b])
            faces[a].append((face, traces))
            faces[b].append((face, traces))
    return [
        # the first cell names the patch and places it on the curve
        _patch(
            tree,
            sorted(members[key], key=lambda cell: (cell != key, cell)),
            degree[key],
            faces[key],
        )
        for key in sorted(members, key=_along_curve)
    ]


def _along_curve(cell: Cell) -> tuple[int, ...]:
    """The position of a cell on a Z-curve through all levels."""
    level, i, j = cell
    i, j = i << (DEEPEST + 1 - level), j << (DEEPEST + 1 - level)
    bits = range(max(i.bit_length(), j.bit_length(), DEEPEST + 9) - 1, -1, -1)
    return tuple(2 * (i >> b & 1) + (j >> b & 1) for b in bits)


def _shared(tree: Quadtree, leaves: Mapping[Cell, int]) -> Iterable[tuple[Face, Cell, Cell]]:
    """Every face with its two cells."""
    for cell in leaves:
        level, i, j = cell
        for axis, step in ((0, 1), (1, 1), (0, -1), (1, -1)):
            same, coarser, _ = neighbours(cell, axis, step)
            other = same if step > 0 and same in leaves else coarser
            if other not in leaves:
                continue
            line = (i, j)[axis] + (step > 0)
            side: Side = (level, axis, line, (i, j)[1 - axis])
            size = float(np.sqrt(np.prod(tree.size(level))))
            length = float(tree.size(level)[1 - axis])
            at = float(tree.ends(side)[0][axis])
            for number, (low, high) in enumerate(tree.side(side)):
                if high - low > THINNEST * length:
                    yield Face((side, number), axis, at, low, high, size), cell, other


def _joined(
    tree: Quadtree, leaves: Mapping[Cell, int], shared: Iterable[tuple[Face, Cell, Cell]]
) -> dict[Cell, Cell]:
    """For every cell the cell that its patch is named after: slivers join the neighbour with which
    they have the longest common face, the thinnest first.
    """
    share = {cell: tree.inside(cell).share for cell in leaves}  # type: ignore[union-attr]
    touching: dict[Cell, list[tuple[float, Cell]]] = {}
    for face, cell, neighbour in shared:
        touching.setdefault(cell, []).append((face.high - face.low, neighbour))
        touching.setdefault(neighbour, []).append((face.high - face.low, cell))
    owner = {cell: cell for cell in leaves}
    members = {cell: [cell] for cell in leaves}
    for cell in sorted(leaves, key=lambda leaf: (share[leaf], leaf)):
        if share[cell] >= SLIVER:
            break
        lengths: dict[Cell, float] = {}
        for length, other in touching.get(cell, []):
            if owner[other] != owner[cell]:
                lengths[owner[other]] = lengths.get(owner[other], 0.0) + length
        if not lengths:
            continue
        host, guest = max(lengths, key=lambda key: (lengths[key], key)), owner[cell]
        for moved in members.pop(guest):
            owner[moved] = host
            members[host].append(moved)
    return owner


def _patch(tree: Quadtree, cells: list[Cell], degree: int, faces: list[tuple[Face, int]]) -> Patch:
    parts = [tree.inside(cell) for cell in cells]
    lower = np.min([part.lower for part in parts if part], axis=0)
    upper = np.max([part.upper for part in parts if part], axis=0)
    level = min(cell[0] for cell in cells)
    size = float(np.sqrt(np.prod(tree.size(level))))
    faces.sort(key=lambda pair: pair[0].key)
    depth = min(tree.depth(cell) for cell in cells)
    return Patch(tuple(cells), degree, lower, upper, size, depth, tuple(faces))
