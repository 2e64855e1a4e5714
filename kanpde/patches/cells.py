"""Dyadic cells over a domain, with a level of their own along every axis.

    cell (ℓ, i):  lower_a + h_a 2^{-ℓ_a} i_a ≤ x_a ≤ lower_a + h_a 2^{-ℓ_a} (i_a + 1)

Of a domain four questions are asked, and no mesher: which part of a cell is inside, which pieces of
its boundary lie in a cell, which pieces of a common side of two cells lie inside, and how far is a
cell from the nearest corner. `boxes` answers them for boxes in any number of coordinates, `plane`
for plane domains.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from kanpde.domains import Domain
from kanpde.domains.base import length_scale
from kanpde.numerics.local_functions import POLYNOMIALS
from kanpde.numerics.quadrature import Array
from kanpde.patches.cuts import CutSide
from kanpde.trial.dyadic import Lattice

JOIN = 1e-9
"""Points nearer than this share of a cell's size are one."""

ROUNDING = 1e-15
"""The same share of the domain's size, for cells that are tiny beside it."""

DEEPEST = 26
"""Most halvings of a first cell along an axis: beyond, points of a cell are told apart by few
digits.
"""


class Cell(NamedTuple):
    """Levels and indices (d,)."""

    levels: tuple[int, ...]
    indices: tuple[int, ...]

    def halved(self, axes: Iterable[int]) -> list[Cell]:
        """The 2^k parts of a cell that is cut in half along k axes."""
        axes = set(axes)
        levels = tuple(level + (axis in axes) for axis, level in enumerate(self.levels))
        choices = []
        for axis, index in enumerate(self.indices):
            choices.append((2 * index, 2 * index + 1) if axis in axes else (index,))
        return [Cell(levels, indices) for indices in product(*choices)]

    def parent(self) -> Cell | None:
        """The cell of half the level along the axes of the highest level; None for a first cell."""
        highest = max(self.levels)
        if highest == 0:
            return None
        deep = [level == highest for level in self.levels]
        return Cell(
            tuple(level - cut for level, cut in zip(self.levels, deep, strict=True)),
            tuple(index >> cut for index, cut in zip(self.indices, deep, strict=True)),
        )


@dataclass(frozen=True)
class Inside:
    """The bounding box of the part of a cell inside the domain, whether it is the `whole` cell, its
    share of the cell, and the number of its connected components (`pieces`).
    """

    cell: Cell
    lower: Array
    upper: Array
    whole: bool
    share: float = 1.0
    pieces: int = 1


@dataclass(frozen=True)
class Points:
    """Points (N, d), weights (N,), and on the boundary the outward normals (N, d)."""

    x: Array
    w: Array
    normal: Array | None = None


@dataclass(frozen=True)
class Opening:
    """A piece low … high (d - 1,) of the common side of two cells, or the part `cut` of it; `key`
    tells it from all others.
    """

    key: tuple[object, ...]
    low: Array
    high: Array
    cut: CutSide | None = None


class Cover(ABC):
    """Cells over a domain, the first ones `cells` along its longest side. Where the domain is made
    of regions, `members` are their covers with the same cells, each with its number `region`. Its
    coordinates may be `skew` times those of a problem as it is stated (see `problem.skewed`).

    Args:
        domain: what is covered.
        lines: positions of the first lines along every axis, from one end to the other.
        periodic: the axes along which opposite sides are one; they have at least two first cells.
    """

    def __init__(
        self, domain: Domain, lines: Sequence[Array], periodic: Collection[int] = ()
    ) -> None:
        self.domain = domain
        self.lines = tuple(
            _halved(along) if axis in periodic and len(along) < 3 else along
            for axis, along in enumerate(lines)
        )
        self.members: tuple[Cover, ...] = ()
        self.region: int | None = None
        self.skew: Array | None = None
        self.functions = POLYNOMIALS
        self.lattice = Lattice(self.lines)
        self.periods = {axis: self.counts[axis] for axis in periodic}
        self._boxes: dict[Cell, tuple[Array, Array]] = {}
        self.extent = np.array([float(np.ptp(along)) for along in self.lines])
        lower, upper = (np.array([along[end] for along in self.lines]) for end in (0, -1))
        self.scale = length_scale(lower, upper)

    @property
    def counts(self) -> tuple[int, ...]:
        """First cells along every axis, (d,)."""
        return self.lattice.counts

    @property
    def dimension(self) -> int:
        """d."""
        return len(self.counts)

    @property
    def length(self) -> float:
        """The longest side of the domain."""
        return float(self.extent.max())

    def stated(self, x: Array) -> Array:
        """Points (d,) or (N, d) in the coordinates of the problem as it is stated."""
        return x if self.skew is None else np.asarray(np.linalg.solve(self.skew, x.T).T)

    def stated_sizes(self, sizes: Array) -> Array:
        """The sides (d,) of the box around a cell in those coordinates."""
        return sizes if self.skew is None else np.asarray(np.abs(np.linalg.inv(self.skew)) @ sizes)

    def start(self) -> list[Cell]:
        """The first cells that meet the domain."""
        levels = (0,) * self.dimension
        every = [Cell(levels, indices) for indices in product(*map(range, self.counts))]
        return [cell for cell in every if self.inside(cell) is not None]

    def sides(self, cell: Cell) -> Array:
        """The sides (d,) by which the part of a cell inside the domain is measured."""
        return self.size(cell)

    def size(self, cell: Cell) -> Array:
        """The sides (d,) of a cell."""
        low, high = self.box(cell)
        return high - low

    def box(self, cell: Cell) -> tuple[Array, Array]:
        """The lower and upper corner (d,) of a cell."""
        if cell not in self._boxes:
            ends = [self.along(cell, axis, axis) for axis in range(self.dimension)]
            low, high = np.array(ends).T
            self._boxes[cell] = low, high
        return self._boxes[cell]

    def along(self, side: Cell, place: int, axis: int) -> tuple[float, float]:
        """Where a cell, or a side of one, whose `place`-th axis is `axis`, begins and ends along
        it.
        """
        level = np.array([side.levels[place]] * 2)
        index = side.indices[place]
        low, high = self.lattice.position(axis, level, np.array([index, index + 1])).tolist()
        return low, high

    def children(self, cell: Cell, axes: Iterable[int]) -> list[Cell]:
        """Those parts of a cell cut in half along some axes that meet the domain."""
        return [half for half in cell.halved(axes) if self.inside(half) is not None]

    def tolerance(self, cell: Cell) -> float:
        """Points of a cell that are nearer to each other are one."""
        return max(JOIN * float(self.size(cell).min()), ROUNDING * self.scale)

    @abstractmethod
    def inside(self, cell: Cell) -> Inside | None:
        """The part of a cell inside the domain, None if there is none."""

    @abstractmethod
    def openings(self, cells: tuple[Cell, Cell], axis: int) -> tuple[Opening, ...]:
        """The pieces inside the domain of the common side, with normal along `axis`, of a cell and
        the next one along it.
        """

    @abstractmethod
    def depth(self, cell: Cell) -> float:
        """How far a cell is from the nearest corner of the domain, but at least its size, at most
        the domain's.
        """

    def is_at_tip(self, cell: Cell) -> bool:
        """Whether the parts of a cell on both sides of the tip of a hole may share functions."""
        return False

    @abstractmethod
    def interior(self, cell: Cell, nodes: int) -> tuple[Array, Array]:
        """Quadrature points (N, d) and weights of the part of a cell inside the domain, about
        `nodes` along every axis.
        """

    def integrated(self, cell: Cell, nodes: int) -> tuple[Array, Array]:
        """As `interior`, where the sum counts more than the number of points."""
        return self.interior(cell, nodes)

    @abstractmethod
    def boundary(self, cell: Cell, nodes: int) -> list[tuple[str, Points]]:
        """The pieces of the boundary in a cell with their parts, about `nodes` points along a whole
        side.
        """


def _halved(lines: Array) -> Array:
    """Two lines with one in the middle."""
    return np.array([lines[0], (lines[0] + lines[-1]) / 2, lines[-1]])


def common_side(cells: tuple[Cell, Cell], axis: int) -> Cell:
    """The common side of a cell and the next one along `axis`: a cell of the other coordinates, on
    every axis that of the finer one.
    """
    levels, indices = [], []
    for other, (level, level_next) in enumerate(zip(cells[0].levels, cells[1].levels, strict=True)):
        if other != axis:
            finer = cells[level_next > level]
            levels.append(finer.levels[other])
            indices.append(finer.indices[other])
    return Cell(tuple(levels), tuple(indices))


def plane_number(cell: Cell, axis: int) -> int:
    """The place of the upper side of a cell in units of 2^-DEEPEST first cells."""
    return (cell.indices[axis] + 1) << (DEEPEST + 1 - cell.levels[axis])


def geometric(sizes: Array) -> float:
    """The geometric mean."""
    return float(np.prod(sizes) ** (1 / len(sizes)))
