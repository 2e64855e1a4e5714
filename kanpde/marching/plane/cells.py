"""The cells of a slab: refined where the ends of expansions are large, coarsened where the start of
the next slab does not need them.

Refined are the worst patches until all others add little. Two halves of a cell become one where the
polynomial on it holds the values at the start of the next slab.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kanpde.marching.plane.rows import PatchPoints, PatchRows
from kanpde.numerics.polynomials import Index, derivatives, exponents, size
from kanpde.patches.cells import Cell, Cover
from kanpde.patches.layout import Patch, balanced
from kanpde.patches.order import places
from kanpde.patches.refinement import STEP, cut, refined

Array = NDArray[np.float64]
Values = Callable[[Array], Array]
"""Values (N, m) at places (N, d)."""

REST = 0.25
"""Refined are the worst patches until the others add this share of the square of what is allowed."""

BEFORE = 0.05
"""Share of the last shell but one that counts: one of both may be nothing by symmetry."""

IDLE = 0.02
"""Share of the square of what is allowed that all coarsened patches together may add."""

LOWEST = (0, 4, 6, 4)
"""Degrees are not lowered below this one, by the number of coordinates: in the plane a patch of degree 4
takes as long as one of degree 6, and what fades spreads to it.
"""

MINOR = 0.01
"""Patches with a smaller share than this of the largest wait where there is a layer: what is left of it
spreads to them.
"""

COARSE = 100.0
"""Where patches add so many times more than they may, a layer is not seen by them at all: the ends of
their expansions tell nothing of what a higher degree does (squares grew tenfold).
"""

HIGHER = 10
"""Two halves of lower degrees become one cell of up to this degree."""

STUBBORN = 0.3
"""A patch whose squares a higher degree leaves above this share has a layer, and is cut."""


def tails(rows: PatchPoints | PatchRows, columns: Array, weights: Array, index: Index) -> float:
    """Σ w ∫ (∂^α of the last shells)² over a patch, for coefficients (n, C) with weights (C,)."""
    degree = rows.patch.degree
    shell = exponents(degree, rows.patch.dimension).sum(axis=1)
    table = rows.table[index]
    total = 0.0
    for number, share in ((degree, 1.0), (degree - 1, BEFORE)):
        mine = shell == number
        at_points = table[:, mine] @ columns[mine]
        total += share * float((rows.inside.w @ at_points**2) @ weights)
    return total


@dataclass
class Refiner:
    """Refines the cells of one slab again and again; `tried` are squares that patches had, by their
    cells and degrees.
    """

    cover: Cover
    tried: dict[tuple[tuple[Cell, ...], int], float] = field(default_factory=dict)

    def finer(
        self,
        degrees: Mapping[Cell, int],
        patches: Sequence[Patch],
        columns: Sequence[Array],
        added: tuple[Array, float],
        has_layer: bool = False,
    ) -> dict[Cell, int]:
        """Cells with the worst patches refined, until the others add little of what is allowed.

        Where a higher degree did not help, the cell is cut and its halves have the degree before.
        Where there is a layer that no cell sees, cells are cut.

        Args:
            degrees: the cells.
            patches: their patches.
            columns: coefficients (n, C) of each, with equal weights.
            added: the squares that the patches add, and how much they may.
            has_layer: whether u is known to have a layer.
        """
        squares, allowed = added
        marked = _marked(squares, allowed)
        if has_layer:
            marked[squares < MINOR * squares.max()] = 0.0
        worst = np.flatnonzero(marked).tolist()
        if has_layer and squares.sum() > COARSE * allowed:
            leaves = dict(degrees)
            for k in worst:
                cut(self.cover, leaves, patches[k], columns[k], patches[k].degree)
            return balanced(self.cover, leaves)
        stubborn = [k for k in worst if self._is_stubborn(patches[k], float(squares[k]))]
        for patch, square in zip(patches, squares, strict=True):
            self.tried[patch.cells, patch.degree] = float(square)
        leaves = dict(degrees)
        for k in stubborn:
            cut(self.cover, leaves, patches[k], columns[k], patches[k].degree - STEP)
            marked[k] = 0.0
        if not marked.any():
            return balanced(self.cover, leaves)
        return refined(self.cover, leaves, patches, columns, marked)

    def _is_stubborn(self, patch: Patch, square: float) -> bool:
        """Whether the last degrees more did not help a patch."""
        before = self.tried.get((patch.cells, patch.degree - STEP))
        return before is not None and square > STUBBORN * before


def _marked(squares: Array, allowed: float) -> Array:
    """Ones for the worst patches, zeros for the others."""
    order = np.argsort(-squares, kind="stable")
    rest = squares.sum() - np.cumsum(squares[order])
    count = int(np.searchsorted(-rest, -REST * allowed)) + 1
    marked = np.zeros(len(squares))
    # equal marks: all of the worst patches are refined, not only those with the bulk of the squares
    marked[order[:count]] = 1.0
    return marked


def coarser(
    cover: Cover, degrees: Mapping[Cell, int], values: Values, allowed: float
) -> dict[Cell, int]:
    """Cells with halves put together, and degrees lowered, where the last shells of `values` then
    add little of the square that is `allowed`.
    """
    leaves = dict(degrees)
    share = IDLE * allowed / len(leaves)
    known: dict[tuple[Cell, int], bool] = {}

    def idle(cell: Cell, degree: int) -> bool:
        if (cell, degree) not in known:
            known[cell, degree] = _rest(cover, cell, degree, values) <= share
        return known[cell, degree]

    waiting = sorted(leaves)
    while waiting:
        cell = waiting.pop()
        for axis in range(cover.dimension):
            parent, halves = _parent(cover, cell, axis)
            if parent is None or not _may_join(cover, parent, halves, leaves):
                continue
            degree = max(leaves[half] for half in halves)
            # a degree more costs less than two patches
            higher = degree + STEP if len(halves) > 1 and degree + STEP <= HIGHER else degree
            enough = next((p for p in (degree, higher) if idle(parent, p)), None)
            if enough is not None:
                for half in halves:
                    del leaves[half]
                leaves[parent] = enough
                waiting.append(parent)
                break
    for cell, degree in leaves.items():
        if degree - STEP >= LOWEST[cover.dimension] and idle(cell, degree - STEP):
            leaves[cell] = degree - STEP
    return balanced(cover, leaves)


def _may_join(
    cover: Cover, parent: Cell, halves: Sequence[Cell], leaves: Mapping[Cell, int]
) -> bool:
    """Whether the halves of a cell are leaves, and the cell is connected and overlaps no others."""
    if not all(half in leaves for half in halves):
        return False
    if len(halves) == 1 and _overlaps(parent, halves[0], leaves):
        return False
    inside = cover.inside(parent)
    return inside is not None and inside.pieces == 1


def _parent(cover: Cover, cell: Cell, axis: int) -> tuple[Cell | None, list[Cell]]:
    """The cell that a cell is half of along an axis, and its halves that meet the domain."""
    if cell.levels[axis] == 0:
        return None, []
    levels, indices = list(cell.levels), list(cell.indices)
    levels[axis] -= 1
    indices[axis] >>= 1
    parent = Cell(tuple(levels), tuple(indices))
    return parent, cover.children(parent, [axis])


def _overlaps(parent: Cell, child: Cell, leaves: Mapping[Cell, int]) -> bool:
    """Whether a cell overlaps other leaves than its child: two may reach into the same part outside
    the domain.
    """
    others = [cell for cell in leaves if cell != child]
    low, high = places([parent, *others])
    inner = np.minimum(high[0], high[1:]) > np.maximum(low[0], low[1:])
    return bool(inner.all(axis=1).any())


def _rest(cover: Cover, cell: Cell, degree: int, values: Values) -> float:
    """What the last shells of values, and what no polynomial of a degree on a cell holds of them,
    add.
    """
    inside = cover.inside(cell)
    assert inside is not None
    x, w = cover.interior(cell, degree + 2)
    at_points, zero = values(x), (0,) * cover.dimension
    table = derivatives(x, inside.lower, inside.upper, degree, [zero])[zero]
    root = np.sqrt(w / w.sum())[:, None]
    small = np.concatenate([table * root, 1e-11 * np.eye(size(degree, cover.dimension))])
    right = np.concatenate([at_points * root, np.zeros((table.shape[1], at_points.shape[1]))])
    coefficients = np.linalg.lstsq(small, right, rcond=None)[0]
    last = exponents(degree, cover.dimension).sum(axis=1) >= degree - 1
    missed = at_points - table @ coefficients
    end = table[:, last] @ coefficients[last]
    return float((w @ (missed**2 + end**2)).sum())
