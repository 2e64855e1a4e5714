"""Which cells of a mesh hold a point.

Every cell is entered into the bins that its bounding box meets, on a grid whose bins are just
larger than the box: a grid for each power of two of the size, so that graded meshes need no large
bins. A point asks one bin per grid. A point lies in a cell when no facet of it is nearer to the
outside than `slack`: λ_i h_i ≥ −slack, h_i the height over facet i.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

FINEST = 18
"""Bins along the longest side of the finest grid, as a power of two."""

CHUNK = 200_000
"""Points that are located at once."""


@dataclass(frozen=True, eq=False)
class _Level:
    bins: int
    keys: Indices
    cells: Indices


class Locator:
    """Finds the cells (C, d + 1) over points (V, d) that hold a point; cells have positive
    measure.
    """

    def __init__(self, points: Array, cells: Indices) -> None:
        corners = points[cells]
        self._low = points.min(axis=0)
        self._size = float((points.max(axis=0) - self._low).max()) * (1 + 1e-9)
        self._origin = corners[:, 0]
        self._inverse = np.linalg.inv(np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2))
        slopes = np.concatenate([-self._inverse.sum(axis=1, keepdims=True), self._inverse], axis=1)
        self._slopes = slopes
        self._height = 1.0 / np.linalg.norm(slopes, axis=2)
        self._levels = self._entered(corners.min(axis=1), corners.max(axis=1))

    def _entered(self, low: Array, high: Array) -> list[_Level]:
        margin = 1e-6 * self._size
        extent = (high - low).max(axis=1) + 2 * margin
        level = np.clip(np.floor(np.log2(self._size / extent)), 0, FINEST).astype(int)
        levels = []
        for power in np.unique(level):
            members = np.flatnonzero(level == power)
            bins = int(2**power)
            first = self._bin(low[members] - margin, bins)
            last = self._bin(high[members] + margin, bins)
            keys, cells = [], []
            for corner in product((0, 1), repeat=low.shape[1]):
                keys.append(self._key(np.where(corner, last, first), bins))
                cells.append(members)
            pairs = np.unique(
                np.stack([np.concatenate(keys), np.concatenate(cells)], axis=1), axis=0
            )
            levels.append(_Level(bins, pairs[:, 0].copy(), pairs[:, 1].copy()))
        return levels

    def _bin(self, x: Array, bins: int) -> Indices:
        index: Indices = np.clip(np.floor((x - self._low) / self._size * bins), 0, bins - 1).astype(
            np.int64
        )
        return index

    @staticmethod
    def _key(index: Indices, bins: int) -> Indices:
        key: Indices = index[:, 0]
        for axis in range(1, index.shape[1]):
            key = key * bins + index[:, axis]
        return key

    def pairs(self, x: Array, slack: float) -> tuple[Indices, Indices, Array]:
        """All pairs (P,) of a point and a cell that holds it or is nearer than `slack`, with the
        signed depth (P,).
        """
        chunks = [
            self._pairs(x[start : start + CHUNK], slack, start) for start in range(0, len(x), CHUNK)
        ]
        point, cell, depth = (np.concatenate(column) for column in zip(*chunks, strict=True))
        return point, cell, depth

    def shares(self, x: Array, slack: float) -> tuple[Indices, Array, Array]:
        """The cell (N,) that holds each point best, −1 where none is nearer than `slack`,
        barycentric coordinates, their slopes.

        Coordinates are (N, d + 1), not negative, with the sum 1, and slopes (N, d + 1, d).
        """
        point, cell, depth = self.pairs(x, slack)
        order = np.lexsort((-cell, depth, point))
        last = np.append(point[order][1:] != point[order][:-1], True)[: len(order)]
        best = np.full(len(x), -1, dtype=np.int64)
        best[point[order][last]] = cell[order][last]
        inner = np.einsum("pij,pj->pi", self._inverse[best], x - self._origin[best])
        shares = np.clip(
            np.concatenate([1.0 - inner.sum(axis=1, keepdims=True), inner], axis=1), 0.0, None
        )
        return best, shares / shares.sum(axis=1, keepdims=True), self._slopes[best]

    def _pairs(self, x: Array, slack: float, start: int) -> tuple[Indices, Indices, Array]:
        points, cells = [], []
        for level in self._levels:
            key = self._key(self._bin(x, level.bins), level.bins)
            begin, end = (
                np.searchsorted(level.keys, key, "left"),
                np.searchsorted(level.keys, key, "right"),
            )
            count = end - begin
            who = np.repeat(np.arange(len(x)), count)
            within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            points.append(who)
            cells.append(level.cells[np.repeat(begin, count) + within])
        point, cell = np.concatenate(points), np.concatenate(cells)
        shares = np.einsum("pij,pj->pi", self._inverse[cell], x[point] - self._origin[cell])
        shares = np.concatenate([1.0 - shares.sum(axis=1, keepdims=True), shares], axis=1)
        depth = (shares * self._height[cell]).min(axis=1)
        inside = depth >= -slack
        return point[inside] + start, cell[inside], depth[inside]

    def holds(self, x: Array, slack: float) -> NDArray[np.bool_]:
        """Whether each of the points (N, d) lies in a cell or nearer to one than `slack`; (N,)."""
        inside = np.zeros(len(x), dtype=bool)
        if len(x):
            inside[self.pairs(x, slack)[0]] = True
        return inside
