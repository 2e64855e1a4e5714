"""The cells of a quadtree, and the part of each that lies inside the domain.

    cell (ℓ, i, j):  lower + h 2^{-ℓ} (i, j) ≤ x ≤ lower + h 2^{-ℓ} (i + 1, j + 1)

Three questions are asked of a domain, and no mesher: is a point inside, which pieces of its
boundary lie in a cell, and which pieces of a cell's side lie inside. A cell that the boundary cuts
is integrated in vertical slices (`kanpde.domains.plane.slices`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from kanpde.domains import Domain
from kanpde.domains.base import length_scale
from kanpde.domains.mesh import Indices
from kanpde.domains.outline import corners, outline
from kanpde.domains.plane.crossings import Pool, meeting_points
from kanpde.domains.plane.curves import Curve, Segment, split
from kanpde.domains.plane.slices import Slab, slabs
from kanpde.numerics.quadrature import Array

Cell = tuple[int, int, int]
Side = tuple[int, int, int, int]
"""Level, axis of the normal, number of the grid line, number along the line."""

JOIN = 1e-9
"""Points nearer than this share of a cell's size are one."""

ROUNDING = 1e-15
"""The same share of the domain's size, for cells that are tiny beside it."""

DEEPEST = 26
"""Most halvings of a first cell: beyond, points of a cell are told apart by few digits."""


@dataclass(frozen=True)
class Inside:
    """The part of a cell inside the domain: pieces `rim` of the boundary, and unless it is `whole`
    the slices (`slabs`) that it consists of. `pieces` counts its connected components.
    """

    cell: Cell
    lower: Array
    upper: Array
    whole: bool
    rim: tuple[Curve, ...] = ()
    slabs: tuple[Slab, ...] = ()
    share: float = 1.0
    pieces: int = 1


@dataclass
class Quadtree:
    """Cells over a plane domain, the first ones `cells` along its longest side; what is known of a
    cell is kept, since it does not depend on the others.
    """

    domain: Domain
    cells: int
    curves: tuple[Curve, ...] = field(init=False)
    first: Array = field(init=False)
    counts: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.curves = outline(self.domain)
        length = self.domain.upper - self.domain.lower
        even = float(length.max()) / self.cells
        nx, ny = (max(1, round(float(side) / even)) for side in length)
        self.counts = (nx, ny)
        self.first = length / np.array([nx, ny])
        self.scale = length_scale(self.domain.lower, self.domain.upper)
        self._corners = corners(self.curves)
        ends = [curve.at(curve.extremes()) for curve in self.curves]
        self._low = np.array([points.min(axis=0) for points in ends])
        self._high = np.array([points.max(axis=0) for points in ends])
        self._near: dict[Cell, Indices] = {}
        self._inside: dict[Cell, Inside | None] = {}
        self._sides: dict[Side, tuple[tuple[float, float], ...]] = {}

    def start(self) -> list[Cell]:
        """The first cells that meet the domain."""
        nx, ny = self.counts
        every = [(0, i, j) for i in range(nx) for j in range(ny)]
        return [cell for cell in every if self.inside(cell) is not None]

    def size(self, level: int) -> Array:
        """The sides (2,) of a cell."""
        return np.asarray(self.first * 0.5**level)

    def box(self, cell: Cell) -> tuple[Array, Array]:
        """The lower and upper corner (2,) of a cell."""
        level, i, j = cell
        h, at = self.size(level), np.array([i, j])
        return self.domain.lower + at * h, self.domain.lower + (at + 1) * h

    def children(self, cell: Cell) -> list[Cell]:
        """Those quarters of a cell that meet the domain."""
        level, i, j = cell
        quarters = [(level + 1, 2 * i + a, 2 * j + b) for a in (0, 1) for b in (0, 1)]
        return [quarter for quarter in quarters if self.inside(quarter) is not None]

    def inside(self, cell: Cell) -> Inside | None:
        """The part of a cell inside the domain, None if there is none."""
        if cell not in self._inside:
            self._inside[cell] = self._cut(cell)
        return self._inside[cell]

    def side(self, side: Side) -> tuple[tuple[float, float], ...]:
        """The intervals of the running coordinate where a side of a cell lies inside the domain,
        its boundary left out.
        """
        if side not in self._sides:
            level, axis, line, along = side
            cells = [(level, line - 1, along), (level, line, along)]
            if axis == 1:
                cells = [(level, along, line - 1), (level, along, line)]
            near = np.unique(np.concatenate([self._candidates(cell) for cell in cells]))
            low, high = self.ends(side)
            pieces = self._open(low, high, near, self._tolerance(level))
            run = 1 - axis
            self._sides[side] = tuple((float(p.a[run]), float(p.b[run])) for p in pieces)
        return self._sides[side]

    def ends(self, side: Side) -> tuple[Array, Array]:
        """The end points (2,) of a side."""
        level, axis, line, along = side
        h = self.size(level)
        low = np.array([line, along] if axis == 0 else [along, line])
        high = low + (np.array([0, 1]) if axis == 0 else np.array([1, 0]))
        return self.domain.lower + low * h, self.domain.lower + high * h

    def depth(self, cell: Cell) -> float:
        """How far a cell is from the nearest corner of the domain, but at least its size, at most
        the domain's.
        """
        low, high = self.box(cell)
        size, most = (
            float(np.sqrt(np.prod(self.size(cell[0])))),
            float((self.domain.upper - self.domain.lower).max()),
        )
        if not len(self._corners):
            return most
        away = np.maximum(np.maximum(low - self._corners, self._corners - high), 0.0)
        return float(min(most, size + np.linalg.norm(away, axis=1).min()))

    def _tolerance(self, level: int) -> float:
        return max(JOIN * float(self.size(level).min()), ROUNDING * self.scale)

    def _candidates(self, cell: Cell) -> Indices:
        """The numbers of the curves whose bounding boxes meet a cell; those of its parent at most."""
        if cell not in self._near:
            level, i, j = cell
            among: Indices = np.arange(len(self.curves), dtype=np.int64)
            if level > 0:
                among = self._candidates((level - 1, i // 2, j // 2))
            low, high = self.box(cell)
            slack = self._tolerance(level)
            meets = (self._low[among] <= high + slack) & (self._high[among] >= low - slack)
            self._near[cell] = among[meets.all(axis=1)]
        return self._near[cell]

    def _open(self, low: Array, high: Array, near: Indices, tolerance: float) -> list[Segment]:
        """The pieces of a side inside the domain."""
        side = Segment(low, high, "")
        if len(near):
            crossed = meeting_points(side, Pool.of([[self.curves[k] for k in near]]), tolerance)
            pieces = [
                piece for piece in split(side, crossed, tolerance) if isinstance(piece, Segment)
            ]
        else:
            pieces = [side]
        middle = np.array([(piece.a + piece.b) / 2 for piece in pieces])
        is_open = self.domain.contains(middle, 0.0)
        for k in near:
            share = np.clip(self.curves[k].locate(middle), 0.0, 1.0)
            distance = np.linalg.norm(self.curves[k].at(share) - middle, axis=1)
            is_open &= distance > tolerance
        return [piece for piece, kept in zip(pieces, is_open, strict=True) if kept]

    def _cut(self, cell: Cell) -> Inside | None:
        level = cell[0]
        low, high = self.box(cell)
        near, tolerance = self._candidates(cell), self._tolerance(level)
        rim, inner = self._rim(low, high, near, tolerance)
        if not inner:
            if not self.domain.contains((low + high)[None] / 2, 0.0)[0]:
                return None
            return Inside(cell, low, high, True, tuple(rim))
        corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
        bars: list[Segment] = []
        for a, b in ((0, 1), (3, 2)):
            bars += self._open(corners[a], corners[b], near, tolerance)
        curves = (*rim, *bars)
        cut = slabs(curves, tolerance)
        cut = tuple(slab for slab in cut if len(slab.curves) % 2 == 0)
        if not cut:
            return None
        return self._measured(cell, tuple(rim), cut, (low, high))

    def _measured(
        self, cell: Cell, rim: tuple[Curve, ...], cut: tuple[Slab, ...], box: tuple[Array, Array]
    ) -> Inside:
        low, high = box
        area, y_low, y_high = 0.0, high[1], low[1]
        for slab in cut:
            y = slab.heights(slab.x0 + slab.width * np.linspace(0.0, 1.0, 9))
            area += slab.width * float(np.mean(y[1::2] - y[::2], axis=1).sum())
            y_low, y_high = min(y_low, float(y.min())), max(y_high, float(y.max()))
        lower = np.array([cut[0].x0, max(y_low, low[1])])
        upper = np.array([cut[-1].x1, min(y_high, high[1])])
        share = area / float(np.prod(high - low))
        pieces = _components(cut, self._tolerance(cell[0]))
        return Inside(cell, lower, upper, False, rim, cut, share, pieces)

    def _rim(
        self, low: Array, high: Array, near: Indices, tolerance: float
    ) -> tuple[list[Curve], bool]:
        """The pieces of the boundary of a cell's part, and whether any of them runs inside the
        cell.
        """
        corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
        ends = np.roll(corners, -1, axis=0)
        sides = Pool.of([[Segment(a, b, "") for a, b in zip(corners, ends, strict=True)]])
        rim: list[Curve] = []
        inner = False
        for k in near:
            curve = self.curves[k]
            for piece in split(curve, meeting_points(curve, sides, tolerance), tolerance):
                half = np.array([0.5])
                middle = piece.at(half)[0]
                depth = float(np.minimum(middle - low, high - middle).min())
                if depth < -tolerance:
                    continue
                on_side = depth <= tolerance
                # a piece on a side belongs to the cell on its left
                if on_side and piece.normal(half)[0] @ ((low + high) / 2 - middle) > 0:
                    continue
                rim.append(piece)
                inner |= not on_side
        return rim, inner


def _components(cut: tuple[Slab, ...], tolerance: float) -> int:
    """The number of connected components of slices: neighbours meet where their intervals of the
    common abscissa overlap.
    """
    count = [len(slab.curves) // 2 for slab in cut]
    first = np.concatenate([[0], np.cumsum(count)])
    root = list(range(int(first[-1])))

    def find(k: int) -> int:
        while root[k] != k:
            k = root[k]
        return k

    for n, (left, right) in enumerate(pairwise(cut)):
        if right.x0 - left.x1 > tolerance:
            continue
        ours = left.heights(np.array([left.x1]))[:, 0].reshape(-1, 2)
        theirs = right.heights(np.array([right.x0]))[:, 0].reshape(-1, 2)
        low = np.maximum(ours[:, None, 0], theirs[None, :, 0])
        high = np.minimum(ours[:, None, 1], theirs[None, :, 1])
        for i, j in np.argwhere(high - low > tolerance):
            root[find(int(first[n] + i))] = find(int(first[n + 1] + j))
    return sum(find(k) == k for k in range(len(root)))
