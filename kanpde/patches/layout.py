"""From cells to patches and the faces that couple them.

A patch is a cell or, where the inside share of one is below `SLIVER`, several joined cells. A face
is a piece of the common side of two cells of different patches; where cells of different size meet,
it is along every axis as long as the finer one. Neighbours differ by one level at most along every
axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from types import MappingProxyType

import numpy as np

from kanpde.errors import ConfigError
from kanpde.numerics.local_functions import POLYNOMIALS, LocalFunctions
from kanpde.numerics.polynomials import Index
from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import DEEPEST, Cell, Cover, geometric
from kanpde.patches.cuts import CutSide
from kanpde.patches.order import dissection, members_of, places
from kanpde.trial.dyadic import DEPTH, DyadicIndex

SLIVER = 0.3
"""A cell with a smaller share inside joins a neighbour; dropping it would bound the accuracy."""


@dataclass(frozen=True)
class Face:
    """The flat piece low ≤ x ≤ high (d - 1,) of a side, or the part `cut` of it, with normal along
    `axis` at x_axis = `at`.

    `size` is the extent along the normal of the thinner of its two cells, `key` tells it from all
    others.
    """

    key: tuple[object, ...]
    axis: int
    at: float
    low: Array
    high: Array
    size: float
    cut: CutSide | None = None

    @property
    def along(self) -> list[int]:
        """The axes of the face."""
        return [axis for axis in range(len(self.low) + 1) if axis != self.axis]

    @property
    def measure(self) -> float:
        """Length or area, 1 for a point."""
        if self.cut is not None:
            return self.cut.measure
        return float(np.prod(self.high - self.low))

    def points(self, nodes: Array) -> Array:
        """Points (N, d) at positions (N, d - 1) in [-1, 1]."""
        x = np.empty((len(nodes), len(self.low) + 1))
        x[:, self.axis] = self.at
        x[:, self.along] = (self.low + self.high) / 2 + (self.high - self.low) / 2 * nodes
        return x


@dataclass(frozen=True)
class Patch:
    """Cells that share one sum of `functions` per unknown, by default a polynomial of total degree
    `degree`, in the scaled coordinates of the box lower … upper; `faces` with the degree of the traces on each. `sizes`
    (d,) are those of the largest cell, `depth` the distance to the nearest corner of the domain.
    """

    cells: tuple[Cell, ...]
    degree: int
    lower: Array
    upper: Array
    sizes: Array
    depth: float
    faces: tuple[tuple[Face, int], ...]
    region: int = 0
    functions: LocalFunctions = POLYNOMIALS

    @property
    def dimension(self) -> int:
        """d."""
        return len(self.lower)

    @property
    def count(self) -> int:
        """n, the number of functions."""
        return self.functions.count(self.degree, self.dimension)

    def table(self, x: Array, indices: Iterable[Index]) -> dict[Index, Array]:
        """∂^α of all functions at points x (N, d) for every multi-index α, each (N, n)."""
        return self.functions.table(x, self.lower, self.upper, self.degree, indices)

    @property
    def size(self) -> float:
        """The geometric mean of the sizes."""
        return geometric(self.sizes)

    @cached_property
    def key(self) -> tuple[object, ...]:
        """Equal for patches with equal rows."""
        return (
            self.region,
            self.cells,
            self.degree,
            tuple((face.key, d, face.size) for face, d in self.faces),
        )


def neighbours(
    cells: Sequence[Cell], periods: Mapping[int, int] = MappingProxyType({})
) -> list[tuple[int, int, int]]:
    """Every axis with the numbers of two cells that meet along it, the lower one first; complete
    where neighbours differ by one level at most, and never without a pair that differs by more
    where there is one.

    Args:
        cells: disjoint cells.
        periods: along how many first cells the axes of periodic coordinates return to their start,
            by axis; of two cells across it the one at the end counts as the lower.
    """
    low, high = places(cells)
    index = DyadicIndex(*(np.array(column, dtype=np.int64) for column in zip(*cells, strict=True)))
    dimension, every = low.shape[1], np.arange(len(cells))
    pairs: set[tuple[int, int, int]] = set()
    for axis in range(dimension):
        for quarters in product((1, 3), repeat=dimension - 1):
            at = low.copy()
            across = [k for k in range(dimension) if k != axis]
            at[:, across] += ((high - low)[:, across] >> 2) * np.array(quarters, dtype=np.int64)
            for step in (-1, 1):
                at[:, axis] = high[:, axis] if step > 0 else low[:, axis] - 1
                if axis in periods:
                    at[:, axis] %= periods[axis] << DEPTH
                other = index.find(at)
                meets = other >= 0
                ends = (every, other) if step > 0 else (other, every)
                lower, upper = (end[meets].tolist() for end in ends)
                pairs.update(zip([axis] * len(lower), lower, upper, strict=True))
    return sorted(pairs)


def balanced(cover: Cover, degrees: Mapping[Cell, int]) -> dict[Cell, int]:
    """Cells split until neighbours differ by one level at most along every axis and the inside part
    of each is connected, unless it is at the tip of a hole or notch; the children of a cell have
    its degree.

    Raises ConfigError where a part stays disconnected.
    """
    leaves = dict(degrees)
    while True:
        cut = _disconnected(cover, leaves)
        if not cut:
            cut = _coarse(list(leaves), cover.periods)
        if not cut:
            return leaves
        for cell, axes in cut.items():
            degree = leaves.pop(cell)
            leaves.update(dict.fromkeys(cover.children(cell, axes), degree))


def _disconnected(cover: Cover, leaves: Iterable[Cell]) -> dict[Cell, set[int]]:
    """The cells with parts that do not touch, to be cut along all axes."""
    cut: dict[Cell, set[int]] = {}
    for cell in leaves:
        inside = cover.inside(cell)
        assert inside is not None
        if inside.pieces == 1 or cover.is_at_tip(cell):
            continue
        if max(cell.levels) >= DEEPEST:
            middle = ((inside.lower + inside.upper) / 2).tolist()
            raise ConfigError(
                f"trial.patches: the domain near {middle} must be wider than 2^-{DEEPEST} of a"
                f" first cell, found a gap; give more cells or another trial"
            )
        cut[cell] = set(range(cover.dimension))
    return cut


def _coarse(cells: Sequence[Cell], periods: Mapping[int, int]) -> dict[Cell, set[int]]:
    """The cells that are two or more levels coarser than a neighbour, with the axes where."""
    cut: dict[Cell, set[int]] = {}
    for _, lower, upper in neighbours(cells, periods):
        pair = cells[lower], cells[upper]
        for axis, (a, b) in enumerate(zip(pair[0].levels, pair[1].levels, strict=True)):
            if abs(a - b) > 1:
                cut.setdefault(pair[a > b], set()).add(axis)
    return cut


def layout(cover: Cover, degrees: Mapping[Cell, int]) -> list[Patch]:
    """The patches of balanced cells, with their faces; of regions first those of the first."""
    if cover.members:
        return [patch for member in cover.members for patch in _of_region(member, degrees)]
    shared = list(_shared(cover, list(degrees)))
    owner = _joined(cover, degrees, shared)
    members: dict[Cell, list[Cell]] = {}
    for cell in degrees:
        members.setdefault(owner[cell], []).append(cell)
    degree = {key: max(degrees[cell] for cell in cells) for key, cells in members.items()}
    faces: dict[Cell, list[tuple[Face, int]]] = {key: [] for key in members}
    for face, cell, neighbour in shared:
        a, b = owner[cell], owner[neighbour]
        if a != b:
            traces = max(degree[a], degree[b])
            faces[a].append((face, traces))
            faces[b].append((_beyond(cover, face, neighbour), traces))
    patches = []
    for key in members:
        # the first cell names the patch and places it in the order of elimination
        cells = sorted(members[key], key=lambda cell: (cell != key, cell))
        patches.append(_patch(cover, cells, degree[key], faces[key]))
    tree = dissection([patch.cells[0] for patch in patches], cover.counts)
    return [patches[number] for number in members_of(tree)]


def _of_region(member: Cover, degrees: Mapping[Cell, int]) -> list[Patch]:
    """The patches of one region, which knows nothing of the others."""
    inside = {cell: degree for cell, degree in degrees.items() if member.inside(cell) is not None}
    return layout(member, inside)


def _beyond(cover: Cover, face: Face, upper: Cell) -> Face:
    """The face as the upper of its two cells sees it: across a period at the start of the axis."""
    if not _wraps(face, upper):
        return face
    return replace(face, at=float(cover.box(upper)[0][face.axis]))


def _wraps(face: Face, upper: Cell) -> bool:
    """Whether a face couples the end of a periodic axis with its start."""
    return upper.indices[face.axis] == 0


def _shared(cover: Cover, cells: Sequence[Cell]) -> Iterable[tuple[Face, Cell, Cell]]:
    """Every face with its two cells."""
    for axis, lower, upper in neighbours(cells, cover.periods):
        pair = cells[lower], cells[upper]
        size = min(float(cover.sides(cell)[axis]) for cell in pair)
        at = float(cover.box(pair[0])[1][axis])
        for opening in cover.openings(pair, axis):
            key = opening.key if cover.region is None else (*opening.key, cover.region)
            face = Face(key, axis, at, opening.low, opening.high, size, opening.cut)
            yield face, pair[0], pair[1]


def _joined(
    cover: Cover, leaves: Mapping[Cell, int], shared: Iterable[tuple[Face, Cell, Cell]]
) -> dict[Cell, Cell]:
    """For every cell the cell that its patch is named after: slivers join the neighbour with which
    they have the longest common face, the thinnest first.
    """
    share = {cell: cover.inside(cell).share for cell in leaves}  # type: ignore[union-attr]
    owner = {cell: cell for cell in leaves}
    slivers = [cell for cell in leaves if share[cell] < SLIVER]
    if not slivers:
        return owner
    touching: dict[Cell, list[tuple[float, Cell]]] = {}
    for face, cell, neighbour in shared:
        if _wraps(face, neighbour):
            continue
        touching.setdefault(cell, []).append((face.measure, neighbour))
        touching.setdefault(neighbour, []).append((face.measure, cell))
    members = {cell: [cell] for cell in leaves}
    for cell in sorted(slivers, key=lambda leaf: (share[leaf], leaf)):
        lengths: dict[Cell, float] = {}
        for length, other in touching.get(cell, []):
            # a layer thinner than cells consists of slivers alone, which stay apart
            thickest = max(share[member] for member in members[owner[other]])
            alone = cover.region is not None and thickest < SLIVER
            if owner[other] != owner[cell] and not alone:
                lengths[owner[other]] = lengths.get(owner[other], 0.0) + length
        if not lengths:
            continue
        host, guest = max(lengths, key=lambda key: (lengths[key], key)), owner[cell]
        for moved in members.pop(guest):
            owner[moved] = host
            members[host].append(moved)
    return owner


def _patch(cover: Cover, cells: list[Cell], degree: int, faces: list[tuple[Face, int]]) -> Patch:
    parts = [cover.inside(cell) for cell in cells]
    faces.sort(key=lambda pair: pair[0].key)
    return Patch(
        cells=tuple(cells),
        degree=degree,
        lower=np.min([part.lower for part in parts if part], axis=0),
        upper=np.max([part.upper for part in parts if part], axis=0),
        sizes=np.max([cover.sides(cell) for cell in cells], axis=0),
        depth=min(cover.depth(cell) for cell in cells),
        faces=tuple(faces),
        region=cover.region or 0,
        functions=cover.functions,
    )
