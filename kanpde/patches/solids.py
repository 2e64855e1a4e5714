"""Cells over a body in space: whole ones, and those that its surface cuts.

Nothing of a body is meshed. A cell asks along lines where it is inside (`cuts`), and which part its
surface belongs to there (`kanpde.domains.space.skin`). First lines stand where flat surfaces are,
so that no cell over bodies made of boxes is cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from kanpde.domains import Domain
from kanpde.domains.space.skin import Skin, skin_of
from kanpde.numerics.polynomials import cube
from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import (
    Cell,
    Cover,
    Inside,
    Opening,
    Points,
    common_side,
    plane_number,
)
from kanpde.patches.cuts import (
    AHEAD,
    CutSide,
    Flags,
    Lines,
    components,
    filled,
    gauss_lines,
    grid,
)
from kanpde.patches.first_lines import NONE, between_planes

GRID = 9
"""Points along every axis of a cell that say whether it is cut."""

MEASURED = 8
"""Nodes along every axis by which parts of cells and of sides are measured."""

THINNEST = 1e-6
"""Parts of a cell or a side below this share of it couple nothing."""

SNAP = 1e-4
"""A part whose box ends this near to that of its cell, as a share of it, ends there."""

SMALL = 0.7
"""A cell is cut in half where something round in it is thinner than this share of it."""

FINEST = 8
"""Cells of higher levels are not cut for the sake of their shape."""

GRADED, MOST_GRADED = 5, 60
"""How often the first cells at a re-entrant edge are cut towards it, as long as they stay so few."""

TURNS = 40
"""Steps by which the point of an edge nearest to a cell is found."""

GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


class Facing(NamedTuple):
    """Lines along `axis` between low … high (2,) cross the surface at the lower side of a cell
    (`place` -1), inside (0), or at the upper side (1).
    """

    axis: int
    place: int
    low: Array
    high: Array


@dataclass(frozen=True)
class SolidInside(Inside):
    """With the axis that the surface in a cell faces, the parts of the sides of a whole one by
    (axis, end), and where lines through another one cross the surface.
    """

    axis: int = 0
    sides: dict[tuple[int, int], str] = field(default_factory=dict)
    faced: tuple[Facing, ...] = ()


class SolidCover(Cover):
    """Cells over a body in space; what is known of a cell is kept.

    Args:
        domain: a combination of boxes, balls and extrusions, or one of these.
        cells: first cells along its longest side.
        kinks: places along every axis where lines stand besides.
    """

    def __init__(self, domain: Domain, cells: int, kinks: Sequence[Array] = (NONE,) * 3) -> None:
        skin = skin_of(domain)
        assert skin is not None
        self.skin: Skin = skin
        even = float((domain.upper - domain.lower).max()) / cells
        lines = []
        for axis in range(domain.dimension):
            ends = float(domain.lower[axis]), float(domain.upper[axis])
            planes = [*skin.planes(axis), *kinks[axis].tolist()]
            lines.append(between_planes(ends, planes, skin.turning(axis), even))
        super().__init__(domain, lines)
        self._inside: dict[Cell, SolidInside | None] = {}
        self._interior: dict[tuple[Cell, int], tuple[Array, Array]] = {}
        self._boundary: dict[tuple[Cell, int], list[tuple[str, Points]]] = {}
        self._openings: dict[tuple[tuple[Cell, Cell], int], tuple[Opening, ...]] = {}

    def start(self) -> list[Cell]:
        """The first cells, cut towards re-entrant edges along the axes across them."""
        leaves = super().start()
        for _ in range(GRADED):
            finer: list[Cell] = []
            for cell in leaves:
                axes = self._across_edges(cell)
                finer += self.children(cell, axes) if axes else [cell]
            if len(finer) > MOST_GRADED:
                break
            leaves = finer
        return leaves

    def _across_edges(self, cell: Cell) -> set[int]:
        """The axes across the re-entrant edges along an axis that a cell has."""
        low, high = self.box(cell)
        slack = self.tolerance(cell)
        ends = np.sort(self.skin.notches, axis=1)
        meets = (ends[:, 0] <= high + slack).all(axis=1) & (ends[:, 1] >= low - slack).all(axis=1)
        # an edge that ends at a cell is not one of its edges
        overlap = np.minimum(ends[:, 1], high) - np.maximum(ends[:, 0], low)
        along = np.ptp(self.skin.notches, axis=1).argmax(axis=1)
        meets &= overlap[np.arange(len(along)), along] > slack
        axes = set(range(self.dimension))
        return set().union(*(axes - {axis} for axis in along[meets].tolist()))

    def inside(self, cell: Cell) -> SolidInside | None:
        """The part of a cell inside the domain, None if there is none."""
        if cell not in self._inside:
            self._inside[cell] = self._cut(cell)
        return self._inside[cell]

    def _cut(self, cell: Cell) -> SolidInside | None:
        low, high = self.box(cell)
        x = low + grid(GRID, self.dimension) * (high - low)
        flags = self.skin.inside(x)
        if not flags.any() and not self._is_coarse(cell):
            return None
        sides = self._sides(low, high) if flags.all() else None
        if sides is None or self._is_coarse(cell):
            return self._measured(cell, flags)
        return SolidInside(cell, low, high, True, sides=sides)

    def _sides(self, low: Array, high: Array) -> dict[tuple[int, int], str] | None:
        """The parts of those sides of a whole cell that lie in the surface, None where one of them
        does with a piece of it alone or belongs to several parts.
        """
        sides = {}
        points = grid(GRID, self.dimension - 1)
        for axis in range(self.dimension):
            others = [k for k in range(self.dimension) if k != axis]
            for end in (0, 1):
                x = np.empty((len(points), self.dimension))
                x[:, others] = low[others] + points * (high - low)[others]
                at = (low, high)[end][axis]
                x[:, axis] = at + (2 * end - 1) * AHEAD * (high - low)[axis]
                beyond = self.skin.inside(x)
                if beyond.all():
                    continue
                x[:, axis] = at
                part, _ = self.skin.at(x, axis, np.full(len(x), 2.0 * end - 1.0))
                if beyond.any() or (part != part[0]).any():
                    return None
                sides[axis, end] = self.skin.parts[part[0]]
        return sides

    def _is_coarse(self, cell: Cell) -> bool:
        """Whether something round in a cell is thinner than a share of it."""
        if max(cell.levels) >= FINEST:
            return False
        low, high = self.box(cell)
        for middle, radius in self.skin.rounds:
            beside = np.maximum(low - middle, middle - high)
            meets = np.nan_to_num(beside, nan=-np.inf).max() < radius
            if meets and 2 * radius < SMALL * float((high - low).max()):
                return True
        return False

    def _measured(self, cell: Cell, flags: Flags) -> SolidInside | None:
        """The part of a cell that is cut."""
        low, high = self.box(cell)
        changes = []
        for axis in range(self.dimension):
            others = [k for k in range(self.dimension) if k != axis]
            across = low[others] + grid(GRID, self.dimension - 1) * (high - low)[others]
            changes.append(Lines.through(self.skin.inside, low, high, axis, across))
        axis = int(np.argmax([lines.belongs().sum() for lines in changes]))
        x, w = filled(self.skin.inside, low, high, axis, MEASURED)
        share = float(w.sum() / np.prod(high - low))
        if share < THINNEST:
            return None
        known = np.concatenate([x, *(lines.x[lines.belongs()] for lines in changes)])
        slack = SNAP * (high - low)
        lower, upper = known.min(axis=0), known.max(axis=0)
        nearly = (low + grid(GRID, self.dimension) * (high - low))[flags]
        if len(nearly):
            lower, upper = (
                np.minimum(lower, nearly.min(axis=0)),
                np.maximum(upper, nearly.max(axis=0)),
            )
        lower = np.where(lower < low + slack, low, lower)
        upper = np.where(upper > high - slack, high, upper)
        pieces = 1
        if max(cell.levels) < FINEST:
            coarse = self._is_coarse(cell)
            pieces = 2 if coarse else max(1, components(flags.reshape((GRID,) * self.dimension)))
        faced = tuple(facing for lines in changes for facing in _facing(lines))
        return SolidInside(cell, lower, upper, False, share, pieces, axis, faced=faced)

    def openings(self, cells: tuple[Cell, Cell], axis: int) -> tuple[Opening, ...]:
        """The part of the common side inside the domain, its boundary left out; one opening even
        where it is in several pieces, which are sides of one polynomial.
        """
        key = cells, axis
        if key not in self._openings:
            self._openings[key] = self._opened(cells, axis)
        return self._openings[key]

    def _opened(self, cells: tuple[Cell, Cell], axis: int) -> tuple[Opening, ...]:
        side = common_side(cells, axis)
        others = [k for k in range(self.dimension) if k != axis]
        ends = [self.along(side, place, other) for place, other in enumerate(others)]
        low, high = np.array(ends).T
        key = (axis, plane_number(cells[0], axis), side, 0)
        at = float(self.box(cells[0])[1][axis])
        step = AHEAD * min(float(self.size(cell)[axis]) for cell in cells)

        def test(y: Array) -> Flags:
            is_open = np.ones(len(y), dtype=bool)
            for sign in (-1.0, 1.0):
                x = np.empty((len(y), self.dimension))
                x[:, others], x[:, axis] = y, at + sign * step
                is_open &= self.skin.inside(x)
            return is_open

        flags = test(low + grid(2 * GRID, self.dimension - 1) * (high - low))
        if flags.all():
            return (Opening(key, low, high),)
        cut = _cut_side(test, low, high)
        return () if cut is None else (Opening(key, cut.low, cut.high, cut),)

    def depth(self, cell: Cell) -> float:
        """The distance to the nearest edge and the size of the cell across it."""
        low, high = self.box(cell)
        if not len(self.skin.edges):
            return self.length
        begin, along = self.skin.edges[:, 0], self.skin.edges[:, 1] - self.skin.edges[:, 0]

        def away(share: Array) -> Array:
            x = begin + share[:, None] * along
            return np.asarray(
                np.linalg.norm(np.maximum(np.maximum(low - x, x - high), 0.0), axis=1)
            )

        # the distance to a box is convex along a segment
        left, right = np.zeros(len(begin)), np.ones(len(begin))
        for _ in range(TURNS):
            a, b = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
            falls = away(a) > away(b)
            left, right = np.where(falls, a, left), np.where(falls, right, b)
        distance = np.min([away(left), away(right), away(0 * left), away(0 * left + 1)], axis=0)
        # the size of a cell across an edge: along it the solution is smooth
        across = 1.0 - (along / np.linalg.norm(along, axis=1, keepdims=True)) ** 2
        size = np.exp(across @ np.log(self.size(cell)) / across.sum(axis=1))
        return min(self.length, float((size + distance).min()))

    def interior(self, cell: Cell, nodes: int) -> tuple[Array, Array]:
        """Tensor Gauss points in a whole cell, Gauss points on lines in a cut one."""
        part = self.inside(cell)
        assert part is not None
        if not part.whole:
            key = cell, nodes
            if key not in self._interior:
                box = part.lower, part.upper
                self._interior[key] = filled(self.skin.inside, *box, part.axis, nodes + 1)
            return self._interior[key]
        z, w = cube(nodes, self.dimension)
        half = (part.upper - part.lower) / 2
        return (part.lower + part.upper) / 2 + z * half, w * float(np.prod(half))

    def boundary(self, cell: Cell, nodes: int) -> list[tuple[str, Points]]:
        """Tensor Gauss points of whole sides, crossings of lines elsewhere."""
        part = self.inside(cell)
        assert part is not None
        if part.whole:
            return [(name, self._side(part, where, nodes)) for where, name in part.sides.items()]
        key = cell, nodes
        if key not in self._boundary:
            pieces = []
            for facing in part.faced:
                pieces += self._crossed(cell, facing, nodes)
            self._boundary[key] = pieces
        return self._boundary[key]

    def _side(self, part: SolidInside, where: tuple[int, int], nodes: int) -> Points:
        """Tensor Gauss points of a side."""
        axis, end = where
        across, w = gauss_lines(part.lower, part.upper, axis, nodes)
        x = np.insert(across, axis, (part.lower, part.upper)[end][axis], axis=1)
        normal = np.zeros_like(x)
        normal[:, axis] = 2.0 * end - 1.0
        return Points(x, w, normal)

    def _crossed(self, cell: Cell, facing: Facing, nodes: int) -> list[tuple[str, Points]]:
        """Points of the surface on lines along an axis, by part."""
        axis = facing.axis
        low, high = self.box(cell)
        box_low, box_high = np.insert(facing.low, axis, 0.0), np.insert(facing.high, axis, 0.0)
        across, w = gauss_lines(box_low, box_high, axis, nodes)
        lines = Lines.through(self.skin.inside, low, high, axis, across)
        mine = lines.belongs() & (lines.ends == facing.place)
        x, weights = lines.x[mine], w[lines.line[mine]]
        number, normal = self.skin.at(x, axis, np.where(lines.enters[mine], -1.0, 1.0))
        weights = weights * np.abs(normal[:, axis])
        pieces = []
        for k in np.unique(number).tolist():
            some = (number == k) & (weights > 0)
            if some.any():
                points = Points(x[some], weights[some], normal[some])
                pieces.append((self.skin.parts[k], points))
        return pieces


def _facing(lines: Lines) -> Iterator[Facing]:
    """Where lines of a grid cross the surface, one step of the grid wider."""
    others = [k for k in range(len(lines.low)) if k != lines.axis]
    low, high = lines.low[others], lines.high[others]
    step = (high - low) / (GRID - 1)
    for place in (-1, 0, 1):
        mine = lines.belongs() & (lines.ends == place)
        if mine.any():
            x = lines.across[lines.line[mine]]
            wide_low = np.maximum(low, x.min(axis=0) - step)
            yield Facing(lines.axis, place, wide_low, np.minimum(high, x.max(axis=0) + step))


def _cut_side(test: object, low: Array, high: Array) -> CutSide | None:
    """The open part of a side that is open in part, None where there is hardly any."""
    parts = []
    for axis in range(len(low)):
        other = 1 - axis
        across = (low[other] + grid(2 * GRID, 1) * (high - low)[other]).reshape(-1, 1)
        parts.append(Lines.through(test, low, high, axis, across))  # type: ignore[arg-type]
    changes = np.concatenate([lines.x for lines in parts])
    corners = low + grid(2 * GRID, len(low)) * (high - low)
    inside = corners[test(corners)]  # type: ignore[operator]
    known = np.concatenate([changes, inside])
    if not len(known):
        return None
    slack = SNAP * (high - low)
    lower, upper = known.min(axis=0), known.max(axis=0)
    lower = np.where(lower < low + slack, low, lower)
    upper = np.where(upper > high - slack, high, upper)
    if (upper - lower <= THINNEST * (high - low)).any():
        return None
    axis = int(np.argmax([len(lines.line) for lines in parts]))
    _, w = filled(test, lower, upper, axis, 2 * MEASURED)  # type: ignore[arg-type]
    measure = float(w.sum())
    if measure < THINNEST * float(np.prod(high - low)):
        return None
    return CutSide(test, lower, upper, axis, measure)  # type: ignore[arg-type]
