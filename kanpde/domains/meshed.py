"""The domain that a mesh of triangles or tetrahedra covers.

    ∫_Ω f dx = Σ_e |e| Σ_q w_q f(Σ_i λ_qi v_i(e))

The domain is the polygon or polyhedron of the mesh: where the mesh approximates a curved boundary,
the solution is that on the mesh's straight facets, with their normals. The cells carry no unknowns;
they say where the domain is.

- Sequences and `grid` are laid out by measure: the first coordinate of the unit cube runs through
  the cells along a Z-curve, its remainder within the cell and the other coordinates place the point
  there. A `grid` is a lattice: equal steps along the curve, golden steps across.
- `chebyshev` is a Sobol layout whose density grows towards the boundary like (distance)^(−1/2), as
  Chebyshev nodes do, on cells refined until there are as many as points. On parts in the plane it
  takes Chebyshev nodes along every smooth piece (a corner is a turn of 30° or more); closed smooth
  loops have equal steps; parts in space are sampled by measure.
- `gauss` and the quadratures take the same rule in every cell, so their counts grow with the mesh:
  at least 3^d points per cell (degree 5) while those are at most 100 000, then 2^d, then 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from kanpde.domains import simplices
from kanpde.domains.base import Domain, frozen_array, length_scale
from kanpde.domains.mesh import Indices, Mesh, signed_measures, simplex_mesh
from kanpde.domains.plane import chains
from kanpde.errors import ConfigError
from kanpde.numerics import quadrature as rules
from kanpde.numerics.point_location import Locator
from kanpde.numerics.quadrature import Array, Layout, PointSet

MOST_GAUSS = 100_000
"""Most quadrature points for which every cell has at least three nodes per axis, whatever number
is requested.
"""

MOST_CELLS = 500_000
"""Cells of a mesh refined for sampling or for export."""

FEWEST_ON_PIECE = 2
"""Chebyshev nodes on every smooth piece of a boundary part, however short."""

GOLDEN = (0.6180339887498949, 0.7548776662466927, 0.5698402909980532)
"""Steps of a lattice across one and two coordinates: the golden ratio and the powers of the plastic
number.
"""


@dataclass(frozen=True, eq=False)
class _Surface:
    """The facets (F, d) of one part in order, their measures (F,) and outward normals (F, d); in
    the plane `runs`, its smooth pieces.
    """

    facets: Indices
    sizes: Array
    normals: Array
    runs: tuple[_Run, ...]


class _Run(NamedTuple):
    """Consecutive facets without a corner, and whether they close to a loop."""

    facets: slice
    closed: bool


@final
@dataclass(frozen=True, eq=False)
class MeshDomain(Domain):
    """The union of simplices `cells` (C, d + 1) over `points` (V, d), d = 2 or 3, each positively
    oriented.

    `facets` (F, d) are all boundary facets, `labels` (F,) the number of the part of each in
    `parts`; `regions` are masks (C,) of named sets of cells. `kanpde.domains.meshes.check` has
    checked that the cells fit together; only shapes and orientation are checked here. Raises
    ConfigError when they are wrong.
    """

    points: Array
    cells: Indices
    facets: Indices
    labels: Indices
    parts: tuple[str, ...]
    regions: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    lower: Array = field(init=False)
    upper: Array = field(init=False)
    measure: float = field(init=False)
    box: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", frozen_array(self.points))
        d = self.points.shape[1]
        shaped = (
            self.cells.ndim == self.facets.ndim == 2
            and self.cells.shape[1] == d + 1 == self.facets.shape[1] + 1
        )
        if d not in (2, 3) or not shaped or self.labels.shape != (len(self.facets),):
            raise ConfigError(
                "mesh domain: needs points (V, 2 or 3), cells (C, d + 1), facets (F, d) and"
                f" labels (F,), found {self.points.shape}, {self.cells.shape},"
                f" {self.facets.shape} and {self.labels.shape}; reshape them"
            )
        if not (signed_measures(self.points, self.cells) > 0).all():
            raise ConfigError(
                "mesh domain: every cell must be positively oriented, found others; turn them"
            )
        object.__setattr__(self, "lower", frozen_array(self.points.min(axis=0)))
        object.__setattr__(self, "upper", frozen_array(self.points.max(axis=0)))
        object.__setattr__(self, "measure", float(self._measures.sum()))

    def contains(
        self, x: Array, tolerance: float = 1e-12
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of the points `x` (N, d) lies in a cell, widened by `tolerance` × the size
        of the mesh; (N,).
        """
        return self._locator.holds(
            np.asarray(x, dtype=np.float64), tolerance * length_scale(self.lower, self.upper)
        )

    def round_holes(self) -> tuple[tuple[Array, float], ...]:
        """Centre (2,) of every plane hole whose vertices lie on a circle to 2 % of its radius, and
        the distance of its edges.
        """
        circles = []
        for loop in self._loops:
            corners = self.points[self._edges[loop, 0]]
            circle = None if chains.encloses(corners) else chains.fitted_circle(corners)
            if circle is not None:
                circles.append(circle)
        return tuple(circles)

    def boundary_loops(self) -> list[tuple[Indices, Indices]]:
        """The closed loops of the boundary of a plane mesh, the domain on their left: directed
        edges (E, 2) as numbers of points, and the number of the part of each, (E,).
        """
        return [(self._edges[loop], self.labels[loop]) for loop in self._loops]

    # Cells
    # ----------------------------------------------------------------------------------------------

    @cached_property
    def _measures(self) -> Array:
        return simplices.measures(self.points, self.cells)

    @cached_property
    def _locator(self) -> Locator:
        return Locator(self.points, self.cells)

    @cached_property
    def _ordered(self) -> tuple[Indices, Array]:
        """Cells along a Z-curve, and their measures."""
        order = simplices.in_morton_order(self.points[self.cells].mean(axis=1))
        return self.cells[order], self._measures[order]

    def scattered(self, count: int, layout: Layout) -> Array:
        """Points (N, d) spread over the cells by measure."""
        cells, sizes = self._ordered
        return _placed(self.points, cells, sizes, _unit(count, self.dimension, layout))[0]

    def chebyshev(self, count: int, layout: Layout) -> PointSet:
        """A Sobol layout with the density (distance from the boundary)^(−1/2)."""
        points, cells = self._refined(lambda points, cells: len(cells) >= count)
        cells = cells[simplices.in_morton_order(points[cells].mean(axis=1))]
        sizes = simplices.measures(points, cells)
        # the size of the cell keeps the density finite at the boundary
        depth = self._depth(points[cells].mean(axis=1), count)
        density = 1.0 / np.sqrt(depth + sizes ** (1 / self.dimension))
        u = rules.cube(count, self.dimension, Layout("sobol", layout.rng, layout.jitter))[0]
        x, owners = _placed(points, cells, sizes * density, u)
        w = 1.0 / density[owners]
        return PointSet(x, w * (self.measure / w.sum()))

    def _depth(self, x: Array, count: int) -> Array:
        """About how far points (N, d) lie from the boundary, (N,)."""
        from scipy.spatial import cKDTree

        k = self.dimension - 1
        rim_points = 4 * count ** (1 - 1 / self.dimension)
        on_facet = max(1, round((rim_points / len(self.facets)) ** (1 / k)))
        shares, _ = simplices.gauss(min(on_facet, simplices.MOST_NODES), k)
        rim = np.einsum("qi,fid->fqd", shares, self.points[self.facets]).reshape(-1, self.dimension)
        return np.asarray(cKDTree(rim).query(x)[0])

    def _quadrature(self, count: int) -> PointSet:
        nodes = _nodes(count, len(self.cells), self.dimension)
        return _gauss(self.points, self.cells, self._measures, nodes)

    def _refined(self, enough: Callable[[Array, Indices], bool]) -> tuple[Array, Indices]:
        """Points (V', d) and cells (C', d + 1), refined until they are `enough` or too many."""
        points, cells = self.points, self.cells
        while not enough(points, cells) and len(cells) << self.dimension <= MOST_CELLS:
            points, cells = simplices.refine(points, cells)
        return points, cells

    def _mesh(self, resolution: int) -> Mesh:
        longest = 4.0 * float(np.max(self.upper - self.lower)) / resolution
        return simplex_mesh(
            *self._refined(lambda points, cells: simplices.longest_edge(points, cells) <= longest)
        )

    # Boundary
    # ----------------------------------------------------------------------------------------------

    @cached_property
    def _edges(self) -> Indices:
        """The facets (F, d), in the plane directed so that the domain lies on their left."""
        if self.dimension == 3:
            return self.facets
        edge = self.points[self.facets[:, 1]] - self.points[self.facets[:, 0]]
        normal = self.facet_normals
        forward = normal[:, 0] * edge[:, 1] - normal[:, 1] * edge[:, 0] > 0
        return np.where(forward[:, None], self.facets, self.facets[:, ::-1])

    @cached_property
    def facet_normals(self) -> Array:
        """Outward unit normals (F, d)."""
        d = self.dimension
        sides = np.sort(
            np.concatenate([np.delete(self.cells, i, axis=1) for i in range(d + 1)]), axis=1
        )
        opposite = np.concatenate([self.cells[:, i] for i in range(d + 1)])
        # a facet of the boundary is the side of exactly one cell, found by its sorted vertices
        facets_and_sides = np.concatenate([np.sort(self.facets, axis=1), sides])
        _, index = np.unique(facets_and_sides, axis=0, return_inverse=True)
        index = index.ravel()
        owner = np.empty(int(index.max()) + 1, dtype=np.int64)
        owner[index[len(self.facets) :]] = opposite
        corners = self.points[self.facets]
        edges = corners[:, 1:] - corners[:, :1]
        if d == 3:
            across = np.cross(edges[:, 0], edges[:, 1])
        else:
            along = edges[:, 0]
            across = np.stack([along[:, 1], -along[:, 0]], axis=1)
        across = across / np.linalg.norm(across, axis=1, keepdims=True)
        to_opposite = self.points[owner[index[: len(self.facets)]]] - corners[:, 0]
        inward = np.sum(across * to_opposite, axis=1) > 0
        return np.asarray(np.where(inward[:, None], -across, across))

    @cached_property
    def _loops(self) -> list[Indices]:
        return chains.loops(self._edges) if self.dimension == 2 else []

    @cached_property
    def _surfaces(self) -> dict[str, _Surface]:
        sizes = simplices.measures(self.points, self.facets)
        pieces: list[chains.Piece] = []
        for loop in self._loops:
            pieces += chains.pieces(loop, self.labels, self.facet_normals)
        surfaces = {}
        for number, name in enumerate(self.parts):
            runs: list[_Run] = []
            if self.dimension == 2:
                of_part = [piece for piece in pieces if self.labels[piece.edges[0]] == number]
                order = np.concatenate([piece.edges for piece in of_part])
                ends = np.cumsum([0] + [len(piece.edges) for piece in of_part])
                for i, piece in enumerate(of_part):
                    runs.append(_Run(slice(ends[i], ends[i + 1]), piece.closed))
            else:
                members = np.flatnonzero(self.labels == number)
                centres = self.points[self.facets[members]].mean(axis=1)
                order = members[simplices.in_morton_order(centres)]
            surfaces[name] = _Surface(
                self._edges[order], sizes[order], self.facet_normals[order], tuple(runs)
            )
        return surfaces

    def chart(self, name: str, u: Array) -> tuple[Array, Array]:
        """The first coordinate runs through the facets, the others place the point inside one."""
        surface = self._surfaces[name]
        x, owners = _placed(self.points, surface.facets, surface.sizes, u)
        return x, surface.normals[owners]

    def part_scattered(self, name: str, count: int, layout: Layout) -> PointSet:
        """Points spread over the part by measure."""
        u = _unit(count, self.dimension - 1, layout)
        return self._charted(name, (u, np.full(count, 1.0 / count)))

    def part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        """In the plane Chebyshev nodes on every smooth piece, in space a Sobol layout."""
        if self.dimension == 3:
            return self.part_scattered(name, count, Layout("sobol", layout.rng, layout.jitter))
        surface = self._surfaces[name]
        x, w, normal = [], [], []
        for run, closed in surface.runs:
            length = float(surface.sizes[run].sum())
            n = max(FEWEST_ON_PIECE, round(count * length / self._part_measure(name)))
            if closed:
                s, weights = rules.periodic(n, layout.turn())
            else:
                s, weights = rules.chebyshev(n, layout.shift())
            facets, sizes = surface.facets[run], surface.sizes[run]
            points, owners = _placed(self.points, facets, sizes, s[:, None])
            x.append(points)
            w.append(weights * length)
            normal.append(surface.normals[run][owners])
        return PointSet(np.concatenate(x), np.concatenate(w), np.concatenate(normal))

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        surface = self._surfaces[name]
        nodes = _nodes(count, len(surface.facets), self.dimension - 1)
        rule = _gauss(self.points, surface.facets, surface.sizes, nodes)
        per_facet = len(rule) // len(surface.facets)
        return PointSet(rule.x, rule.w, np.repeat(surface.normals, per_facet, axis=0))

    def _part_measure(self, name: str) -> float:
        return float(self._surfaces[name].sizes.sum())

    def translation(self, a: str, b: str) -> Array | None:
        """The translation between parts whose facets match one to one with opposite normals, else
        None.
        """
        from scipy.spatial import cKDTree

        first, second = self._surfaces[a], self._surfaces[b]
        if a == b:
            return None
        if self.dimension == 2 and (shift := self._between_straight(a, b)) is not None:
            return shift
        if len(first.facets) != len(second.facets):
            return None
        first_centres = self.points[first.facets].mean(axis=1)
        second_centres = self.points[second.facets].mean(axis=1)
        first_centre = np.average(first_centres, axis=0, weights=first.sizes)
        shift = np.average(second_centres, axis=0, weights=second.sizes) - first_centre
        distance, match = map(np.asarray, cKDTree(second_centres).query(first_centres + shift))
        size = length_scale(self.lower, self.upper)
        matches = (
            distance.max() <= 1e-9 * size
            and np.abs(first.sizes - second.sizes[match]).max() <= 1e-9 * first.sizes.max()
            and np.abs(first.normals + second.normals[match]).max() <= 1e-6
        )
        return np.asarray(shift) if matches else None

    def _between_straight(self, a: str, b: str) -> Array | None:
        """The translation between two parts of a plane mesh that are one straight segment each,
        however they are cut into edges.
        """
        ends = []
        for surface in (self._surfaces[a], self._surfaces[b]):
            points = self.points[surface.facets].reshape(-1, 2)
            normal = surface.normals[0]
            along = points @ np.array([-normal[1], normal[0]])
            gap = abs(float(np.ptp(along)) - float(surface.sizes.sum()))
            if np.abs(surface.normals - normal).max() > 1e-6 or gap > 1e-9 * np.ptp(along):
                return None
            # walked with the domain on the left the first end has the least coordinate
            ends.append(points[[along.argmin(), along.argmax()]])
        starts = ends[1][1] - ends[0][0], ends[1][0] - ends[0][1]
        size = length_scale(self.lower, self.upper)
        opposite = np.abs(self._surfaces[a].normals[0] + self._surfaces[b].normals[0]).max() <= 1e-6
        same = np.abs(starts[0] - starts[1]).max() <= 1e-9 * size
        return np.asarray((starts[0] + starts[1]) / 2) if opposite and same else None


def _unit(count: int, k: int, layout: Layout) -> Array:
    """A layout of `count` points in the unit cube (N, k) whose first coordinates are equally
    spread.
    """
    if layout.kind in rules.SEQUENCES:
        return rules.cube(count, k, layout)[0]
    i = np.arange(count)
    across = np.outer(i, GOLDEN[:1] if k == 2 else GOLDEN[1:]) + 0.5
    u = np.column_stack([(i + 0.5) / count, across])[:, :k].copy()
    offsets = layout.rng.uniform(-0.5, 0.5, (count, k)) * layout.jitter
    u[:, 0] += offsets[:, 0] / count
    u[:, 1:] = np.mod(u[:, 1:] + offsets[:, 1:] * count ** (-1 / k), 1.0)
    return u


def _placed(points: Array, cells: Indices, sizes: Array, u: Array) -> tuple[Array, Indices]:
    """Points (N, d) at positions `u` (N, k) of the cells laid one after the other by size, and the
    number (N,) of the cell of each.
    """
    ends = np.cumsum(sizes)
    along = u[:, 0] * ends[-1]
    owners = np.minimum(np.searchsorted(ends, along, side="right"), len(cells) - 1)
    inside = np.clip(1.0 - (ends[owners] - along) / sizes[owners], 0.0, 1.0)
    shares = simplices.barycentric(np.column_stack([inside, u[:, 1:]]))
    return np.einsum("ni,nid->nd", shares, points[cells[owners]]), owners


def _nodes(count: int, cells: int, k: int) -> int:
    """Gauss nodes per axis and cell for about `count` points: three, while those are few enough."""
    requested = round(float(count / cells) ** (1 / k))
    least = next((n for n in (3, 2) if cells * n**k <= MOST_GAUSS), 1)
    return int(min(max(requested, least), simplices.MOST_NODES))


def _gauss(points: Array, cells: Indices, sizes: Array, nodes: int) -> PointSet:
    """Gauss points of simplices (C, k + 1) with measures (C,), `nodes` per axis and cell."""
    shares, w = simplices.gauss(nodes, cells.shape[1] - 1)
    x = np.einsum("qi,cid->cqd", shares, points[cells]).reshape(-1, points.shape[1])
    return PointSet(x, np.outer(sizes, w).ravel())
