"""Cells over a box in any number of coordinates: whole ones, or boxes where its faces cut them.

    distance to an edge:  (δ_1² + δ_2²)^{1/2}  of the two smallest distances δ to faces of two axes

A corner is where two faces with conditions meet; a face without one, as the end of time, has none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

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
from kanpde.patches.first_lines import even_between


def _standing(lines: Array, kinks: Array) -> Array:
    """Even lines, or about as many that stand at kinks."""
    if not len(kinks):
        return lines
    return even_between([lines[0], *kinks, lines[-1]], float(lines[1] - lines[0]))


class BoxCover(Cover):
    """Cells over a box, space and time included.

    Args:
        domain: a box; its parts are the lower and the upper face of one axis after the other.
        cells: first cells along its longest side, and along time.
        constrained: the parts with conditions.
        space: how many of the coordinates are space.
        periodic: the axes along which opposite faces are one.
        lines: first lines along every axis, by default even ones over the domain.
        kinks: places along every axis where lines stand besides.
    """

    def __init__(
        self,
        domain: Domain,
        cells: int,
        constrained: Collection[str],
        space: int,
        periodic: Collection[int] = (),
        lines: Sequence[Array] | None = None,
        kinks: Sequence[Array] | None = None,
    ) -> None:
        extent = domain.upper - domain.lower
        if lines is not None:
            extent = np.array([float(np.ptp(along)) for along in lines])
        along = np.full(len(extent), float(cells))
        along[:space] = np.round(cells * extent[:space] / extent[:space].max())
        if lines is None:
            counts = np.maximum(1, along.astype(int))
            ends = zip(domain.lower, domain.upper, counts, strict=True)
            lines = [np.linspace(low, high, n + 1) for low, high, n in ends]
            if kinks is not None:
                lines = [_standing(*pair) for pair in zip(lines, kinks, strict=True)]
        super().__init__(domain, lines, periodic)
        self.constrained = frozenset(constrained)
        # where planes on which a coefficient jumps meet each other or the boundary
        self.tips: Array = np.empty((0, self.dimension))
        # lengths are measured in the longest side of space, times in the length of time
        self._units = np.concatenate([np.full(space, extent[:space].max()), extent[space:]])

    def inside(self, cell: Cell) -> Inside | None:
        """The common part of the cell and the box."""
        low, high = self.box(cell)
        lower, upper = np.maximum(low, self.domain.lower), np.minimum(high, self.domain.upper)
        slack = self.tolerance(cell)
        lower = np.where(lower < low + slack, low, lower)
        upper = np.where(upper > high - slack, high, upper)
        if (upper - lower <= slack).any():
            return None
        whole = bool((lower == low).all() and (upper == high).all())
        # a thin box is as good as any other and joins none
        return Inside(cell, lower, upper, whole)

    def sides(self, cell: Cell) -> Array:
        """Those of the part inside."""
        low, high = self._part(cell)
        return high - low

    def _part(self, cell: Cell) -> tuple[Array, Array]:
        """The lower and upper corner (d,) of the part of a cell inside the box."""
        part = self.inside(cell)
        assert part is not None
        return part.lower, part.upper

    def openings(self, cells: tuple[Cell, Cell], axis: int) -> tuple[Opening, ...]:
        """The common side, as far as it is inside the box."""
        side = common_side(cells, axis)
        others = [k for k in range(self.dimension) if k != axis]
        parts = [self._part(cell) for cell in cells]
        low = np.max([lower[others] for lower, _ in parts], axis=0)
        high = np.min([upper[others] for _, upper in parts], axis=0)
        key = (axis, plane_number(cells[0], axis), side, 0)
        at = self.box(cells[0])[1][axis]
        meets = parts[0][1][axis] == at and (high > low).all()
        return (Opening(key, low, high),) if meets else ()

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
        closest, sides = shares.min(axis=0), self.size(cell) / self._units
        # the size of a cell across an edge counts: along it the solution is smooth
        away = [
            geometric(sides[[a, b]]) + float(np.hypot(closest[a], closest[b]))
            for a, b in combinations(range(self.dimension), 2)
        ]
        if len(self.tips):
            gaps = np.maximum(np.maximum(low - self.tips, self.tips - high), 0.0) / self._units
            away.append(geometric(sides) + float(np.linalg.norm(gaps, axis=1).min()))
        return float(min([1.0, *away]) * longest)

    def interior(self, cell: Cell, nodes: int) -> tuple[Array, Array]:
        """Tensor Gauss points."""
        low, high = self._part(cell)
        z, w = cube(nodes, self.dimension)
        half = (high - low) / 2
        return (low + high) / 2 + z * half, w * float(np.prod(half))

    def boundary(self, cell: Cell, nodes: int) -> list[tuple[str, Points]]:
        """Tensor Gauss points of the faces of the box."""
        low, high = self._part(cell)
        half, slack = (high - low) / 2, self.tolerance(cell)
        z, w = cube(nodes, self.dimension - 1)
        pieces = []
        for number, part in enumerate(self.domain.parts):
            axis, end = divmod(number, 2)
            face = float((self.domain.lower, self.domain.upper)[end][axis])
            if abs((low, high)[end][axis] - face) > slack:
                continue
            others = [k for k in range(self.dimension) if k != axis]
            x = np.empty((len(z), self.dimension))
            x[:, others] = ((low + high) / 2)[others] + z * half[others]
            x[:, axis] = face
            normal = np.zeros_like(x)
            normal[:, axis] = (-1.0, 1.0)[end]
            pieces.append((part, Points(x, w * float(np.prod(half[others])), normal)))
        return pieces
