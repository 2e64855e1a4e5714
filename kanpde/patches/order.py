"""In which order the cells of a level are merged: a binary tree over them.

A group of cells fills a dyadic box. The box is cut in half along an axis that no cell of the group
reaches across; of several the one with the fewest cells along the cut, whose faces are what the two
halves have in common. Cells that come from splitting one cell after the other always leave such an
axis. The tree depends on the cells alone, not on the history, so that groups that a refinement
leaves alone stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kanpde.domains.mesh import Indices
from kanpde.patches.cells import Cell
from kanpde.trial.dyadic import DEPTH

Tree = int | tuple["Tree", "Tree"]
"""The number of a cell, or two groups."""

TREES = 8
"""Trees that are kept: a level asks for the same one several times."""


@dataclass(frozen=True)
class _Places:
    """Lower and upper corners (C, d) of cells in units of 2^-DEPTH first cells."""

    low: Indices
    high: Indices


def places(cells: Sequence[Cell]) -> tuple[Indices, Indices]:
    """Lower and upper corners (C, d) of cells in units of 2^-DEPTH first cells."""
    levels = np.array([cell.levels for cell in cells], dtype=np.int64)
    indices = np.array([cell.indices for cell in cells], dtype=np.int64)
    low = indices << (DEPTH - levels)
    return low, low + (np.int64(1) << (DEPTH - levels))


def dissection(cells: Sequence[Cell], counts: Sequence[int]) -> Tree:
    """The tree over cells.

    Args:
        cells: disjoint cells, at least one.
        counts: first cells along every axis, (d,).
    """
    return _dissection(tuple(cells), tuple(counts))


@lru_cache(maxsize=TREES)
def _dissection(cells: tuple[Cell, ...], counts: tuple[int, ...]) -> Tree:
    known = _Places(*places(cells))
    box = np.zeros(len(counts), dtype=np.int64), np.array(counts, dtype=np.int64) << DEPTH
    return _tree(known, np.arange(len(cells), dtype=np.int64), box)


def over_leaves(cells: Sequence[Cell], counts: Sequence[int]) -> Tree:
    """The tree over leaves by a cell of each; those of one cell are merged first."""
    by_cell: dict[Cell, Tree] = {}
    for number, cell in enumerate(cells):
        before = by_cell.get(cell)
        by_cell[cell] = number if before is None else (before, number)
    return _put(dissection(list(by_cell), counts), list(by_cell.values()))


def pairs_of(tree: Tree, leaves: int) -> list[tuple[int, int]]:
    """The numbers of the halves of every group of a tree over so many leaves, a group after its
    halves; groups are numbered in that order, from `leaves` on.
    """
    pairs: list[tuple[int, int]] = []

    def number(group: Tree) -> int:
        if isinstance(group, int):
            return group
        pairs.append((number(group[0]), number(group[1])))
        return leaves + len(pairs) - 1

    number(tree)
    return pairs


def members_of(tree: Tree) -> list[int]:
    """The numbers of a tree from left to right."""
    if isinstance(tree, int):
        return [tree]
    return members_of(tree[0]) + members_of(tree[1])


def mapped(tree: Tree, places: Mapping[int, int]) -> Tree:
    """A tree with other numbers."""
    if isinstance(tree, int):
        return places[tree]
    return mapped(tree[0], places), mapped(tree[1], places)


def _put(tree: Tree, groups: Sequence[Tree]) -> Tree:
    """A tree with each number replaced by a group."""
    if isinstance(tree, int):
        return groups[tree]
    return _put(tree[0], groups), _put(tree[1], groups)


def _tree(known: _Places, members: Indices, box: tuple[Indices, Indices]) -> Tree:
    while len(members) > 1:
        axis, middle = _cut(known, members, box)
        above = known.low[members, axis] >= middle
        lower, upper = members[~above], members[above]
        low, high = box[0].copy(), box[1].copy()
        high[axis] = low[axis] = middle
        halves = (box[0], high), (low, box[1])
        if len(lower) and len(upper):
            return _tree(known, lower, halves[0]), _tree(known, upper, halves[1])
        members, box = (upper, halves[1]) if len(upper) else (lower, halves[0])
    return int(members[0])


def _cut(known: _Places, members: Indices, box: tuple[Indices, Indices]) -> tuple[int, int]:
    """The axis and the place of a cut that goes through no cell."""
    first = (box[1] - box[0]) >> DEPTH
    if first.max() > 1:
        axis = int(first.argmax())
        return axis, int(box[0][axis] + ((first[axis] // 2) << DEPTH))
    middle = (box[0] + box[1]) // 2
    low, high = known.low[members], known.high[members]
    crosses = ((low < middle) & (high > middle)).any(axis=0)
    beside = ((low == middle) | (high == middle)).sum(axis=0)
    axis = int(np.where(crosses, len(members) + 1, beside).argmin())
    return axis, int(middle[axis])
