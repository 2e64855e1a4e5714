"""Cells over a domain made of regions: one patch for each region in a cell.

Regions share the cells, so that patches on both sides of an interface are graded alike, and each has
a cover of its own: of a cell the part inside the region, with the interface as a piece of its
boundary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kanpde.domains import Composite
from kanpde.domains.outline import outline
from kanpde.numerics.quadrature import Array
from kanpde.patches.boxes import BoxCover
from kanpde.patches.cells import Cell, Cover, Inside, Opening, Points
from kanpde.patches.first_lines import CLOSEST, even_between, first_lines, kept
from kanpde.patches.plane import PlaneCover


class RegionsCover(Cover):
    """Cells over regions; what is asked of the parts of cells is asked of the `members`."""

    def __init__(self, domain: Composite, members: tuple[Cover, ...]) -> None:
        super().__init__(domain, members[0].lines)
        self.members = members
        for number, member in enumerate(members):
            member.region = number

    def _inside(self, cell: Cell) -> list[tuple[Cover, Inside]]:
        parts = [(member, member.inside(cell)) for member in self.members]
        return [(member, part) for member, part in parts if part is not None]

    def inside(self, cell: Cell) -> Inside | None:
        """What all regions have of a cell, and of how many pieces the most divided one consists."""
        parts = [part for _, part in self._inside(cell)]
        if not parts:
            return None
        lower = np.min([part.lower for part in parts], axis=0)
        upper = np.max([part.upper for part in parts], axis=0)
        pieces = max(part.pieces for part in parts)
        share = sum(part.share for part in parts)
        return Inside(cell, lower, upper, False, share, pieces)

    def openings(self, cells: tuple[Cell, Cell], axis: int) -> tuple[Opening, ...]:
        """Those of all regions."""
        pieces: list[Opening] = []
        for member in self.members:
            if all(member.inside(cell) is not None for cell in cells):
                pieces += member.openings(cells, axis)
        return tuple(pieces)

    def depth(self, cell: Cell) -> float:
        """The least of all regions."""
        return min(member.depth(cell) for member, _ in self._inside(cell))

    def is_at_tip(self, cell: Cell) -> bool:
        """Whether this holds for all regions of which the cell has more than one piece."""
        divided = [member for member, part in self._inside(cell) if part.pieces > 1]
        return all(member.is_at_tip(cell) for member in divided)

    def interior(self, cell: Cell, nodes: int) -> tuple[Array, Array]:
        """The points of all regions."""
        rules = [member.interior(cell, nodes) for member, _ in self._inside(cell)]
        x, w = zip(*rules, strict=True)
        return np.concatenate(x), np.concatenate(w)

    def boundary(self, cell: Cell, nodes: int) -> list[tuple[str, Points]]:
        """The pieces of all regions."""
        return [piece for member, _ in self._inside(cell) for piece in member.boundary(cell, nodes)]


def regions_cover(
    domain: Composite, cells: int, space: int, kinks: Sequence[Array]
) -> RegionsCover:
    """The cells over regions: boxes in any number of coordinates, or plane shapes.

    Args:
        domain: the regions.
        cells: first cells along the longest side.
        space: how many of the coordinates are space.
        kinks: places along every axis where lines stand besides.
    """
    if all(region.box for region in domain.members) and (space != 2 or domain.dimension != 2):
        lines = [
            _lines(domain, axis, cells, space, kinks[axis]) for axis in range(domain.dimension)
        ]
        boxes = [
            BoxCover(region, cells, region.parts, space, lines=lines) for region in domain.members
        ]
        return RegionsCover(domain, tuple(boxes))
    curves = tuple(curve for region in domain.members for curve in outline(region))
    even = float((domain.upper - domain.lower).max()) / cells
    first = [first_lines(domain, curves, axis, even, kinks[axis]) for axis in (0, 1)]
    planes = [PlaneCover(region, cells, lines=first) for region in domain.members]
    corners = np.concatenate([plane.corners for plane in planes])
    for plane in planes:
        plane.corners = corners  # where two regions meet the boundary, the third may be straight
    return RegionsCover(domain, tuple(planes))


def _lines(domain: Composite, axis: int, cells: int, space: int, kinks: Array) -> Array:
    """First lines along an axis at the faces of boxes, as far as these are not close to each other,
    with even ones in between.
    """
    extent = domain.upper - domain.lower
    longest = extent[:space].max() if axis < space else extent[axis]
    even = float(longest) / cells
    faces = {float(end[axis]) for region in domain.members for end in (region.lower, region.upper)}
    low, high = float(domain.lower[axis]), float(domain.upper[axis])
    return even_between(kept(low, high, sorted(faces), CLOSEST * even, kinks), even)
