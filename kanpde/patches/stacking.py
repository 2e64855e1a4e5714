"""The block of two blocks by QR that leaves alone what is triangular in them.

Every block says what it says by an upper triangle. Where its traces stand in the order in which the
tree eliminates them, those that two blocks have in common come first in both,

    R₁ R₁'  ·          R₁, R₂ (k, k) on the traces that go,   R₁', R₂' beside them,
    R₂  ·  R₂'         S₁, S₂ on the outer faces of either half:
    ·  S₁   ·          their rows, in the order of the columns that they begin with,
    ·   ·   S₂         are one upper triangle S

QR of R₁ on R₂ turns what is beside them; the k rows that are left of it go under S. With k traces in
common and 3 k others on each half that is 100 k³ operations, and 555 k³ as a full matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kanpde.domains.mesh import Indices
from kanpde.numerics.quadrature import Array
from kanpde.optimizers.linear_algebra import on_triangle
from kanpde.patches.blocks import SUM, Block, FaceKey, Widths, numbers
from kanpde.patches.leaves import triangle
from kanpde.patches.order import Tree

Order = Mapping[FaceKey, int]
"""The place of every face among all in the order in which they are eliminated."""


def order_of(tree: Tree, leaves: Sequence[Sequence[FaceKey]]) -> Order:
    """In which order a tree eliminates the faces of its leaves."""
    gone: list[FaceKey] = []

    def outer(group: Tree) -> dict[FaceKey, None]:
        if isinstance(group, int):
            return dict.fromkeys(leaves[group])
        first, second = outer(group[0]), outer(group[1])
        common = [key for key in first if key in second]
        gone.extend(common)
        left = {**first, **second}
        for key in common:
            del left[key]
        return left

    gone.extend(outer(tree))
    return {key: place for place, key in enumerate(gone)}


def ordered(block: Block, order: Order) -> Block:
    """What a block says, by a triangle on its faces in order; how its inner traces follow is left
    out where that changes anything.
    """
    width = sum(count for _, count in block.faces)
    places = [order[key] for key, _ in block.faces]
    if places == sorted(places) and len(block.matrix) == width:
        return block
    faces = tuple(sorted(block.faces, key=lambda pair: order[pair[0]]))
    at = _columns(block.faces)
    columns = np.concatenate([at[key] for key, _ in faces])
    height = len(block.matrix)
    rows = np.zeros((max(height, width), width + 1), order="F")
    rows[:height, :-1], rows[:height, -1] = block.matrix[:, columns], block.right
    r = triangle(rows)
    empty = np.zeros((0, width + 1))
    return Block(block.number, faces, r[:width, :-1], r[:width, -1], (), empty)


def _columns(faces: Widths) -> dict[FaceKey, Indices]:
    """The columns of every face."""
    ends = np.cumsum([0, *(count for _, count in faces)])
    return {
        key: np.arange(end - count, end) for (key, count), end in zip(faces, ends[1:], strict=True)
    }


def has_sums(block: Block) -> bool:
    """Whether sums over all patches are among the traces of a block."""
    return any(key[0] == SUM for key, _ in block.faces)


def stacked(first: Block, second: Block, order: Order) -> Block:
    """The block of two without sums: the traces that both have are gone."""
    first, second = ordered(first, order), ordered(second, order)
    of_second = {key for key, _ in second.faces}
    inner = tuple(pair for pair in first.faces if pair[0] in of_second)
    outer = (*first.faces[len(inner) :], *second.faces[len(inner) :])
    outer = tuple(sorted(outer, key=lambda pair: order[pair[0]]))
    k, width = (sum(count for _, count in faces) for faces in (inner, outer))
    at = _columns(outer)
    rows: Array = np.zeros((width + 1, width + 1), order="F")
    beside: list[Array] = []
    for block in (first, second):
        places = [at[key] for key, _ in block.faces[len(inner) :]]
        columns = np.concatenate([*places, [width]]).astype(np.int64)
        rows[np.ix_(columns[:-1], columns)] = _with_right(block, slice(k, None), k)
        turned = np.zeros((k, width + 1), order="F")
        turned[:, columns] = _with_right(block, slice(0, k), k)
        beside.append(turned)
    head = np.zeros((0, width + 1))
    if k:
        # copies, since they are overwritten
        upper, lower = (np.array(half.matrix[:k, :k], order="F") for half in (first, second))
        pentagon = on_triangle(upper, lower, is_triangle=True)
        top, below = pentagon.turned(beside[0], beside[1])
        head = np.concatenate([pentagon.triangle, top], axis=1)
        rows = on_triangle(rows, below).triangle
    return Block(next(numbers), outer, rows[:-1, :-1], rows[:-1, -1], inner, head)


def _with_right(block: Block, some: slice, first: int) -> Array:
    """Some rows of a block from a column on, with their right side."""
    return np.concatenate([block.matrix[some, first:], block.right[some, None]], axis=1)
