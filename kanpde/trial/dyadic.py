"""Dyadic boxes in d coordinates, and which of many disjoint ones holds a point.

    box (ℓ, i):  i_a 2^{-ℓ_a} ≤ x_a < (i_a + 1) 2^{-ℓ_a},   a = 1 … d,   x in first cells

Every axis has a level of its own. Points are integers x 2^DEPTH, of which the index on a level is
the leading part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

DEPTH = 36
"""Binary digits behind the point of the coordinates of points: finer than any box."""


class Lattice:
    """First lines along every axis, and the dyadic positions between them.

        x(k + s) = l_k + s (l_{k+1} - l_k),   0 ≤ s ≤ 1

    Args:
        lines: increasing positions (n + 1,) of the first lines along each of d axes.
    """

    def __init__(self, lines: Sequence[Array]) -> None:
        self.lines = tuple(np.asarray(along, dtype=np.float64) for along in lines)

    @classmethod
    def from_table(cls, table: Array) -> Lattice:
        """From rows (d, n) that are filled up with NaN."""
        return cls([row[~np.isnan(row)] for row in table])

    @property
    def table(self) -> Array:
        """The lines as rows (d, n) that are filled up with NaN."""
        table = np.full((len(self.lines), max(map(len, self.lines))), np.nan)
        for row, along in zip(table, self.lines, strict=True):
            row[: len(along)] = along
        return table

    @property
    def counts(self) -> tuple[int, ...]:
        """First cells along every axis."""
        return tuple(len(along) - 1 for along in self.lines)

    def position(self, axis: int, levels: Indices, indices: Indices) -> Array:
        """Where the lines (N,) of some levels and indices are."""
        along = self.lines[axis]
        cell = np.minimum(indices >> levels, len(along) - 2)
        share = (indices - (cell << levels)) * 0.5**levels
        inner = along[cell] + share * (along[cell + 1] - along[cell])
        return np.asarray(np.where(share == 1.0, along[cell + 1], inner))

    def units(self, x: Array) -> Array:
        """Points (N, d) in first cells; beyond the last lines the first cells go on."""
        units = np.empty_like(x)
        for axis, along in enumerate(self.lines):
            cell = np.clip(np.searchsorted(along, x[:, axis], side="right") - 1, 0, len(along) - 2)
            width = along[cell + 1] - along[cell]
            units[:, axis] = cell + (x[:, axis] - along[cell]) / width
        return units


class DyadicIndex:
    """Boxes by their levels and indices, both (C, d); those with equal levels are searched at once.

    Args:
        levels: levels (C, d) of the boxes.
        indices: indices (C, d); boxes must not overlap.
    """

    def __init__(self, levels: Indices, indices: Indices) -> None:
        self._groups = []
        shapes, group = np.unique(levels, axis=0, return_inverse=True)
        for number, shape in enumerate(shapes):
            members = np.flatnonzero(group.ravel() == number)
            self._groups.append(_Group(shape, indices[members], members))

    def find(self, points: Indices) -> Indices:
        """The number (N,) of the box of each point (N, d) in units of 2^-DEPTH, -1 where there is
        none.
        """
        numbers = np.full(len(points), -1, dtype=np.int64)
        missing = np.arange(len(points))
        for group in self._groups:
            numbers[missing] = group.find(points[missing])
            missing = missing[numbers[missing] < 0]
        return numbers


class _Group:
    """Boxes of equal levels (d,), sorted by a key made of the ranks of their indices."""

    def __init__(self, levels: Indices, indices: Indices, members: Indices) -> None:
        self._shift = DEPTH - levels
        self._axes = [np.unique(column) for column in indices.T]
        keys = self._keys(indices)[0]
        order = np.argsort(keys)
        self._sorted, self._members = keys[order], members[order]

    def _keys(self, indices: Indices) -> tuple[Indices, NDArray[np.bool_]]:
        """One number for every index (N, d), and whether each of its parts occurs."""
        keys = np.zeros(len(indices), dtype=np.int64)
        occurs = np.ones(len(indices), dtype=np.bool_)
        for axis, column in zip(self._axes, indices.T, strict=True):
            rank = np.minimum(np.searchsorted(axis, column), len(axis) - 1)
            occurs &= axis[rank] == column
            keys = keys * len(axis) + rank
        return keys, occurs

    def find(self, points: Indices) -> Indices:
        """As `DyadicIndex.find`."""
        keys, occurs = self._keys(points >> self._shift)
        place = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        occurs &= self._sorted[place] == keys
        return np.where(occurs, self._members[place], -1)
