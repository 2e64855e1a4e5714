"""Cells over a plane domain, and the part of each that lies inside it.

A cell that the boundary cuts is integrated in vertical slices (`kanpde.domains.plane.slices`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kanpde.domains import Domain
from kanpde.domains.mesh import Indices
from kanpde.domains.outline import corners, outline
from kanpde.domains.plane.crossings import Pool, meeting_points
from kanpde.domains.plane.curves import Curve, Segment, split
from kanpde.domains.plane.slices import Slab, slabs
from kanpde.numerics.polynomials import cube, gauss
from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import (
    ROUNDING,
    Cell,
    Cover,
    Inside,
    Opening,
    Points,
    common_side,
    geometric,
    plane_number,
)
from kanpde.patches.first_lines import NONE, first_lines
from kanpde.patches.layout import SLIVER

THINNEST = 1e-7
"""Pieces of a side shorter than this share of it couple nothing."""

THIN = 0.3
"""Parts of regions with a smaller share of a cell are measured by themselves."""

THIN_CUTS, MOST_THIN = 5, 400
"""Cuts of first cells in a domain thinner than they are, and cells at most by them."""

NOTABLE = 0.1
"""Share of the area in thin cells below which they are tips and gaps, where cells grade anyway."""

TIP, NEAR_TIP = 14, 2.0
"""Halvings of a first cell from which on its parts on both sides of a tip share functions, so many
sides from the tip at most. A tip at a dyadic place, and many others (0.2 is one), have cells in two
parts beside them however small the cells are; what is not seen there is of the order of the energy
in them, and refinement cuts them further where that counts.
"""

FEWEST = 3
ROUND = 1.5
"""Nodes on an arc or a bend, beside those on a segment of the same length."""


@dataclass(frozen=True)
class PlaneInside(Inside):
    """With the pieces `rim` of the boundary, and unless it is `whole` the slices (`slabs`) that it
    consists of.
    """

    rim: tuple[Curve, ...] = ()
    slabs: tuple[Slab, ...] = ()


class PlaneCover(Cover):
    """Cells over a plane domain, the first ones `cells` along its longest side; what is known of a
    cell is kept, since it does not depend on the others.
    """

    def __init__(
        self,
        domain: Domain,
        cells: int,
        periodic: Collection[int] = (),
        lines: Sequence[Array] | None = None,
        kinks: Sequence[Array] = (NONE, NONE),
        sided: bool = True,
    ) -> None:
        self.curves = outline(domain)
        even = float((domain.upper - domain.lower).max()) / cells
        if lines is None:
            lines = [
                first_lines(domain, self.curves, axis, even, kinks[axis], sided) for axis in (0, 1)
            ]
        super().__init__(domain, lines, periodic)
        self.corners = corners(self.curves)
        ends = [curve.at(curve.extremes()) for curve in self.curves]
        self._low = np.array([points.min(axis=0) for points in ends])
        self._high = np.array([points.max(axis=0) for points in ends])
        self._near: dict[Cell, Indices] = {}
        self._inside: dict[Cell, PlaneInside | None] = {}
        self._openings: dict[tuple[tuple[Cell, Cell], int], tuple[Opening, ...]] = {}

    def start(self) -> list[Cell]:
        """The first cells; where the domain is thinner than they are, as a thin ring is, they are cut
        until some are thick enough for the others to join.
        """
        leaves = super().start()
        for _ in range(THIN_CUTS):
            thin = self._thin(leaves)
            if not thin:
                break
            finer: list[Cell] = []
            for cell in leaves:
                finer += self.children(cell, (0, 1)) if cell in thin else [cell]
            if len(finer) > MOST_THIN:
                break
            leaves = finer
        return leaves

    def _thin(self, leaves: Sequence[Cell]) -> frozenset[Cell]:
        """The slivers that touch nothing but slivers, if they make up a notable part."""
        low, high = (np.array(ends) for ends in zip(*map(self.box, leaves), strict=True))
        share = np.array([part.share for cell in leaves if (part := self.inside(cell))])
        gaps = np.maximum(low[:, None], low) - np.minimum(high[:, None], high)
        touches = (gaps <= ROUNDING * self.scale).all(axis=2)
        alone = ~(touches & (share >= SLIVER)).any(axis=1)
        area = share * np.prod(high - low, axis=1)
        if area[alone].sum() <= NOTABLE * area.sum():
            return frozenset()
        return frozenset(cell for cell, is_alone in zip(leaves, alone, strict=True) if is_alone)

    def inside(self, cell: Cell) -> PlaneInside | None:
        """The part of a cell inside the domain, None if there is none."""
        if cell not in self._inside:
            self._inside[cell] = self._cut(cell)
        return self._inside[cell]

    def sides(self, cell: Cell) -> Array:
        """Those of the cell, of a thin part of a region its own."""
        part = self.inside(cell)
        if self.region is None or part is None or part.share > THIN:
            return self.size(cell)
        return part.upper - part.lower

    def openings(self, cells: tuple[Cell, Cell], axis: int) -> tuple[Opening, ...]:
        """The pieces of the common side inside the domain, its boundary left out."""
        key = cells, axis
        if key not in self._openings:
            self._openings[key] = self._opened(cells, axis)
        return self._openings[key]

    def _opened(self, cells: tuple[Cell, Cell], axis: int) -> tuple[Opening, ...]:
        side, run = common_side(cells, axis), 1 - axis
        low, high = np.empty(2), np.empty(2)
        low[axis] = high[axis] = self.box(cells[0])[1][axis]
        low[run], high[run] = self.along(side, 0, run)
        h = high[run] - low[run]
        candidates = [self._candidates(cell) for cell in cells]
        pieces = [Segment(low, high, "")]
        if any(map(len, candidates)):  # else no curve is near, and both lie inside with their sides
            tolerance = max(self.tolerance(cell) for cell in cells)
            pieces = self._open(low, high, np.unique(np.concatenate(candidates)), tolerance)
        if cells[1].indices[axis] == 0:
            pieces = self._paired(cells, axis, Segment(low, high, ""))
        openings = []
        for number, piece in enumerate(pieces):
            if piece.b[run] - piece.a[run] > THINNEST * h:
                name = (axis, plane_number(cells[0], axis), side, number)
                openings.append(Opening(name, piece.a[run : run + 1], piece.b[run : run + 1]))
        return tuple(openings)

    def _paired(self, cells: tuple[Cell, Cell], axis: int, side: Segment) -> list[Segment]:
        """The pieces of a side at the end of a periodic axis that lie on the boundary both there
        and at the start of the axis.
        """
        run = 1 - axis
        ends = [
            self._on_side(cell, axis, float(self.box(cell)[1 - end][axis]))
            for end, cell in enumerate(cells)
        ]
        pieces = []
        for first_low, first_high in ends[0]:
            for second_low, second_high in ends[1]:
                low, high = side.a.copy(), side.b.copy()
                low[run] = max(side.a[run], first_low, second_low)
                high[run] = min(side.b[run], first_high, second_high)
                if high[run] > low[run]:
                    pieces.append(Segment(low, high, ""))
        return sorted(pieces, key=lambda piece: float(piece.a[run]))

    def _on_side(self, cell: Cell, axis: int, at: float) -> list[tuple[float, float]]:
        """Where the boundary of the part of a cell runs along its side x_axis = `at`."""
        part = self.inside(cell)
        assert part is not None
        spans = []
        for curve in part.rim:
            ends = curve.at(np.array([0.0, 0.5, 1.0]))
            if np.abs(ends[:, axis] - at).max() <= self.tolerance(cell):
                low, high = np.sort(ends[[0, 2], 1 - axis])
                spans.append((float(low), float(high)))
        return spans

    def depth(self, cell: Cell) -> float:
        """How far a cell is from the nearest corner of the domain, but at least its size, at most
        the domain's.
        """
        low, high = self.box(cell)
        if not len(self.corners):
            return self.length
        away = np.maximum(np.maximum(low - self.corners, self.corners - high), 0.0)
        distance = float(np.linalg.norm(away, axis=1).min())
        return min(self.length, geometric(self.size(cell)) + distance)

    def is_at_tip(self, cell: Cell) -> bool:
        """Whether a small cell is close to a corner of the domain."""
        size = self.size(cell)
        first = size * 2.0 ** np.array(cell.levels)
        near = NEAR_TIP * float(first.max()) / 2**TIP
        return min(cell.levels) >= TIP and self.depth(cell) <= near + geometric(size)

    def interior(self, cell: Cell, nodes: int) -> tuple[Array, Array]:
        """Tensor Gauss points in a whole cell, slices in a cut one."""
        part = self.inside(cell)
        assert part is not None
        if not part.whole:
            return _sliced(part, nodes)
        z, w = cube(nodes, 2)
        half = (part.upper - part.lower) / 2
        return (part.lower + part.upper) / 2 + z * half, w * float(np.prod(half))

    def integrated(self, cell: Cell, nodes: int) -> tuple[Array, Array]:
        """As `interior`, with all nodes in slices of any width: beside a vertical tangent of a
        circle few are not enough however narrow a slice is.
        """
        part = self.inside(cell)
        assert part is not None
        return self.interior(cell, nodes) if part.whole else _sliced(part, nodes, nodes)

    def boundary(self, cell: Cell, nodes: int) -> list[tuple[str, Points]]:
        """Gauss points of the pieces of the boundary."""
        part = self.inside(cell)
        assert part is not None
        reach = float(self.size(cell).max())
        return [(curve.part, _along(curve, nodes, reach)) for curve in part.rim]

    def _candidates(self, cell: Cell) -> Indices:
        """The numbers of the curves whose bounding boxes meet a cell; those of its parent at most."""
        if cell not in self._near:
            parent = cell.parent()
            among: Indices = np.arange(len(self.curves), dtype=np.int64)
            if parent is not None:
                among = self._candidates(parent)
            low, high = self.box(cell)
            slack = self.tolerance(cell)
            meets = (self._low[among] <= high + slack) & (self._high[among] >= low - slack)
            self._near[cell] = among[meets.all(axis=1)]
        return self._near[cell]

    def _open(self, low: Array, high: Array, near: Indices, tolerance: float) -> list[Segment]:
        """The pieces of a side inside the domain."""
        side = Segment(low, high, "")
        crossed = meeting_points(side, Pool.of([[self.curves[k] for k in near]]), tolerance)
        pieces = [piece for piece in split(side, crossed, tolerance) if isinstance(piece, Segment)]
        middle = np.array([(piece.a + piece.b) / 2 for piece in pieces])
        is_open = self.domain.contains(middle, 0.0)
        for k in near:
            share = np.clip(self.curves[k].locate(middle), 0.0, 1.0)
            distance = np.linalg.norm(self.curves[k].at(share) - middle, axis=1)
            is_open &= distance > tolerance
        return [piece for piece, kept in zip(pieces, is_open, strict=True) if kept]

    def _cut(self, cell: Cell) -> PlaneInside | None:
        low, high = self.box(cell)
        near, tolerance = self._candidates(cell), self.tolerance(cell)
        rim, inner = self._rim(low, high, near, tolerance)
        if not inner:
            parent = cell.parent()
            of_parent = None if parent is None else self._inside.get(parent)
            is_inside = of_parent is not None and of_parent.whole
            if not is_inside and not self.domain.contains((low + high)[None] / 2, 0.0)[0]:
                return None
            return PlaneInside(cell, low, high, True, rim=tuple(rim))
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
    ) -> PlaneInside:
        low, high = box
        area, y_low, y_high = 0.0, high[1], low[1]
        for slab in cut:
            y = slab.heights(slab.x0 + slab.width * np.linspace(0.0, 1.0, 9))
            area += slab.width * float(np.mean(y[1::2] - y[::2], axis=1).sum())
            y_low, y_high = min(y_low, float(y.min())), max(y_high, float(y.max()))
        lower = np.array([cut[0].x0, max(y_low, low[1])])
        upper = np.array([cut[-1].x1, min(y_high, high[1])])
        share = area / float(np.prod(high - low))
        pieces = _components(cut, self.tolerance(cell))
        return PlaneInside(cell, lower, upper, False, share, pieces, rim, cut)

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


def _sliced(part: PlaneInside, nodes: int, fewest: int = FEWEST) -> tuple[Array, Array]:
    x, w = [], []
    extent = part.upper - part.lower
    for slab in part.slabs:
        count = max(fewest, int(np.ceil(nodes * slab.width / extent[0])) + 1)
        z, weights = gauss(int(ROUND * count) if slab.round else count)
        across, wx = (z + 1) / 2, weights / 2
        if slab.round:  # a circle may have a vertical tangent at an end of the slab
            wx = wx * np.pi / 2 * np.sin(np.pi * across)
            across = np.sin(np.pi * across / 2) ** 2
        at = slab.x0 + across * slab.width
        y = slab.heights(at)
        for low, high in zip(y[::2], y[1::2], strict=True):
            rise = np.maximum(high - low, 0.0)[:, None]
            count = max(fewest, int(np.ceil(nodes * rise.max() / extent[1])) + 1)
            z, weights = gauss(count)
            grid = np.broadcast_arrays(at[:, None], low[:, None] + (z + 1) / 2 * rise)
            x.append(np.stack(grid, axis=-1).reshape(-1, 2))
            w.append((slab.width * wx[:, None] * weights / 2 * rise).ravel())
    points, weights = np.concatenate(x), np.concatenate(w)
    return points[weights > 0], weights[weights > 0]


def _along(curve: Curve, nodes: int, reach: float) -> Points:
    round_ = 1.0 if isinstance(curve, Segment) else ROUND
    count = max(FEWEST, int(np.ceil(nodes * round_ * curve.length / reach)) + 1)
    z, w = gauss(count)
    s = (z + 1) / 2
    return Points(curve.at(s), w / 2 * curve.length, curve.normal(s))


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
