"""Newton's matrix of a slab as a band, whose columns are ordered by place, unknown and instant.

    column (i, k, l) ↦ (π(k) m + i) s + l,    row (e, n, l) ↦ ρ(e, n) s + l

π is the order of the splines along the line; where u repeats it goes from both sides of the seam
inward, 0, K-1, 1, K-2, …, so that neighbours across the seam stay close. ρ is the order of all
points by place. With m unknowns, s instants and degree p the half bandwidth is about m s p / 2, and
twice that where u repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kanpde.marching.lines.space import Line
from kanpde.marching.lines.statement import Array

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """The derivatives (n, s, w, s) of the rows of one formula, number `formula`, at n points and s
    instants by the coefficients of one unknown, for the w splines that are not zero there.
    """

    formula: int
    unknown: int
    values: Array


@dataclass(frozen=True)
class Band:
    """Where the entries of Newton's matrix stand: the place in the order of each point of each
    formula, and of each spline (K,), for so many unknowns and instants; `columns` are the numbers
    (n, w) of the splines that are not zero at its points.
    """

    points: tuple[Integers, ...]
    splines: Integers
    columns: tuple[Integers, ...]
    unknowns: int
    stages: int

    @classmethod
    def of(
        cls, line: Line, positions: Sequence[Array], columns: Sequence[Integers], stages: int
    ) -> Band:
        """From the positions of the points of each formula, in rising order, and the numbers of the
        splines that are not zero there.
        """
        count = sum(len(position) for position in positions)
        numbers = np.arange(line.size)
        if line.periodic:  # every formula is met at all knots
            formulas = len(positions)
            knots = _folded(line.size)
            points = tuple(knots * formulas + number for number in range(formulas))
            splines = np.roll(knots, (line.degree + 1) // 2)
            return cls(points, splines, tuple(columns), formulas, stages)
        order = np.empty(count, dtype=np.int64)
        order[np.argsort(np.concatenate(list(positions)), kind="stable")] = np.arange(count)
        ends = np.cumsum([len(position) for position in positions])[:-1]
        points = tuple(np.split(order, ends))
        return cls(points, numbers, tuple(columns), count // line.size, stages)

    def factored(self, blocks: Sequence[Block]) -> Factors | None:
        """The factors of the matrix of these blocks; None where it is singular or not finite."""
        s, size = self.stages, self.unknowns * len(self.splines) * self.stages
        apart = [self._apart(block) for block in blocks]
        below = (max(int(d.max()) for d in apart) + 1) * s - 1
        above = (max(-int(d.min()) for d in apart) + 1) * s - 1
        by_row = np.zeros(size)
        for block in blocks:
            rows = self._rows(block)
            largest = np.abs(block.values).max(axis=(2, 3))
            by_row[rows] = np.maximum(by_row[rows], largest)
        if not np.isfinite(by_row).all() or not by_row.all():
            return None
        depth = 2 * below + above + 1
        band = np.zeros(depth * size)
        for block in blocks:
            rows = self._rows(block)
            columns = self.splines[self.columns[block.formula]] * self.unknowns + block.unknown
            at_column = (columns[:, :, None] * s + np.arange(s)) * (depth - 1)
            at = (rows + below + above)[:, :, None, None] + at_column[:, None]
            band[at] = block.values / by_row[rows][:, :, None, None]
        return Factors.of(
            band.reshape((depth, size), order="F"), (below, above), by_row, self._order
        )

    @property
    def _order(self) -> tuple[Integers, Integers]:
        """The numbers of rows and columns in the order of the band."""
        inner = np.arange(self.stages)
        rows = np.concatenate(self.points)[:, None] * self.stages + inner
        unknowns = np.arange(self.unknowns)[:, None]
        columns = (self.splines * self.unknowns + unknowns)[:, :, None] * self.stages + inner
        return rows.ravel(), columns.ravel()

    def _rows(self, block: Block) -> Integers:
        """The rows (n, s) of a block in the band."""
        points = self.points[block.formula]
        return np.asarray(points[:, None] * self.stages + np.arange(self.stages))

    def _apart(self, block: Block) -> Integers:
        """How far points stand behind their splines, in groups of s rows and columns."""
        columns = self.splines[self.columns[block.formula]] * self.unknowns + block.unknown
        return np.asarray(self.points[block.formula][:, None] - columns)


def _folded(size: int) -> Integers:
    """The places of 0, 1, …, K-1 in the order 0, K-1, 1, K-2, …"""
    order = np.empty(size, dtype=np.int64)
    numbers = np.arange(size)
    first = numbers < (size + 1) // 2
    order[first] = 2 * numbers[first]
    order[~first] = 2 * (size - 1 - numbers[~first]) + 1
    return order


@dataclass(frozen=True)
class Factors:
    """A band whose rows were divided by their largest numbers, factored; `order` are the places of
    its rows and columns. The size of columns does not matter: pivots are chosen within them.
    """

    factors: Array
    pivots: Integers
    widths: tuple[int, int]
    by_row: Array
    order: tuple[Integers, Integers]

    @classmethod
    def of(
        cls,
        table: Array,
        widths: tuple[int, int],
        by_row: Array,
        order: tuple[Integers, Integers],
    ) -> Factors | None:
        """None for one that is singular."""
        from scipy.linalg import lapack  # loaded where it is used: a start needs none of it

        factors, pivots, info = lapack.dgbtrf(table, *widths, overwrite_ab=1)
        return cls(factors, pivots, widths, by_row, order) if info == 0 else None

    def solve(self, right: Array) -> Array | None:
        """The solution, None where a number is not finite."""
        from scipy.linalg import lapack  # loaded where it is used: a start needs none of it

        if not np.isfinite(right).all():
            return None
        rows, columns = self.order
        ordered = np.empty(len(right))
        ordered[rows] = right
        solved, _ = lapack.dgbtrs(self.factors, *self.widths, ordered / self.by_row, self.pivots)
        solution = solved[columns]
        return np.asarray(solution) if np.isfinite(solution).all() else None
