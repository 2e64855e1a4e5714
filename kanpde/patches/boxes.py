"""Cells over a box in any number of coordinates: all of them are whole.

    distance to an edge:  (δ_1² + δ_2²)^{1/2}  of the two smallest distances δ to faces of two axes

A corner is where two faces with conditions meet; a face without one, as the end of time, has none.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from kanpde.domains import Domain
from kanpde.numerics.polynomials import cube
from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import (
    Cell,
    Cover,
    Inside,
    Opening,
    Points,
    common_side,
    geometric,
    plane_number,
)


class BoxCover(Cover):
    """Cells over a box, space and time included.

    Args:
        domain: a box; its parts are the lower and the upper face of one axis after the other.
        cells: first cells along its longest side, and along time.
        constrained: the parts with conditions.
    """

    def __init__(
        self, domain: Domain, cells: int, constrained: Collection[str], space: int
    ) -> None:
        extent = domain.upper - domain.lower
        along = np.full(len(extent), float(cells))
        along[:space] = np.round(cells * extent[:space] / extent[:space].max())
        counts = np.maximum(1, along.astype(int))
        ends = zip(domain.lower, domain.upper, counts, strict=True)
        super().__init__(domain, [np.linspace(low, high, n + 1) for low, high, n in ends])
        self.constrained = frozenset(constrained)
        # lengths are measured in the longest side of space, times in the length of time
        self._units = np.concatenate([np.full(space, extent[:space].max()), extent[space:]])

    def inside(self, cell: Cell) -> Inside | None:
        """The whole cell."""
        return Inside(cell, *self.box(cell), whole=True)

    def openings(self, cells: tuple[Cell, Cell], axis: int) -> tuple[Opening, ...]:
        """The whole common side."""
        side = common_side(cells, axis)
        others = [k for k in range(self.dimension) if k != axis]
        ends = [self.along(side, place, other) for place, other in enumerate(others)]
        low, high = np.array(ends).reshape(-1, 2).T
        key = (axis, plane_number(cells[0], axis), side, 0)
        return (Opening(key, low, high),)

    def depth(self, cell: Cell) -> float:
        """The distance to the nearest edge, times in units of lengths."""
        low, high = self.box(cell)
        longest = self._units.max()
        shares = np.full((2, self.dimension), np.inf)
        for number, part in enumerate(self.domain.parts):
            if part in self.constrained:
                axis, end = divmod(number, 2)
                gap = self.domain.upper - high if end else low - self.domain.lower
                shares[end, axis] = max(gap[axis], 0.0) / self._units[axis]
        nearest = np.sort(shares.min(axis=0))[:2]
        if len(nearest) < 2 or not np.isfinite(nearest).all():
            return float(longest)
        size = geometric(self.size(cell) / self._units)
        return float(min(1.0, size + np.hypot(*nearest)) * longest)

    def interior(self, cell: Cell, nodes: int) -> tuple[Array, Array]:
        """Tensor Gauss points."""
        low, high = self.box(cell)
        z, w = cube(nodes, self.dimension)
        half = (high - low) / 2
        return (low + high) / 2 + z * half, w * float(np.prod(half))

    def boundary(self, cell: Cell, nodes: int) -> list[tuple[str, Points]]:
        """Tensor Gauss points of the faces of the box."""
        low, high = self.box(cell)
        half = (high - low) / 2
        z, w = cube(nodes, self.dimension - 1)
        pieces = []
        for number, part in enumerate(self.domain.parts):
            axis, end = divmod(number, 2)
            last = (self.counts[axis] << cell.levels[axis]) - 1
            if cell.indices[axis] != (last if end else 0):
                continue
            others = [k for k in range(self.dimension) if k != axis]
            x = np.empty((len(z), self.dimension))
            x[:, others] = ((low + high) / 2)[others] + z * half[others]
            x[:, axis] = (self.domain.lower, self.domain.upper)[end][axis]
            normal = np.zeros_like(x)
            normal[:, axis] = (-1.0, 1.0)[end]
            pieces.append((part, Points(x, w * float(np.prod(half[others])), normal)))
        return pieces
