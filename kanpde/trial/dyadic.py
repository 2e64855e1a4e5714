"""Dyadic boxes in d coordinates, and which of many disjoint ones holds a point.

    box (ℓ, i):  i_a 2^{-ℓ_a} ≤ x_a < (i_a + 1) 2^{-ℓ_a},   a = 1 … d,   x in first cells

Every axis has a level of its own. Points are integers x 2^DEPTH, of which the index on a level is
the leading part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

DEPTH = 36
"""Binary digits behind the point of the coordinates of points: finer than any box."""


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
