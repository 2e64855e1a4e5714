"""The domain that a mesh of triangles or tetrahedra covers.

    ∫_Ω f dx = Σ_e |e| Σ_q w_q f(Σ_i λ_qi v_i(e))

The domain is the polygon or polyhedron of the mesh: where the mesh approximates a curved boundary,
the solution is that on the mesh's straight facets, with their normals. The cells carry no unknowns;
they say where the domain is.

- Sequences and `grid` are laid out by measure: the first coordinate of the unit cube runs through
the cells along a
  Z-curve, the others (and what is left of the first) place a point inside its cell. A `grid` is a
  lattice: equal steps along the curve, golden steps across.
- `chebyshev` is a Sobol layout whose density grows towards the boundary like (distance)^(−1/2), as
Chebyshev nodes do,
  on cells refined until there are as many as points. On parts in the plane it takes Chebyshev nodes
  along every smooth piece (a corner is a turn of 30° or more); closed smooth loops have equal
  steps; parts in space are sampled by measure.
- `gauss` and the quadratures take the same rule in every cell, so their counts grow with the mesh:
at least 3^d points
  per cell (degree 5) while those are at most 100 000, then 2^d, then 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

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
"""Quadrature points that three nodes per axis and cell may take, whatever was asked for."""

MOST_CELLS = 500_000
"""Cells of a mesh refined for sampling or for export."""

FEWEST_ON_PIECE = 2
GOLDEN = (0.6180339887498949, 0.7548776662466927, 0.5698402909980532)
"""Steps of a lattice across one and two coordinates: the golden ratio and the powers of the plastic
number.
"""


@dataclass(frozen=True, eq=False)
class _Surface:
    """The facets of one part in order, their measures and outward normals; in the plane, its smooth
    pieces.
    """

    facets: Indices
    sizes: Array
    normals: Array
    runs: tuple[tuple[slice, bool], ...]


@final
@dataclass(frozen=True, eq=False)
class MeshDomain(Domain):
    """The union of simplices `cells` (C, d + 1) over `points` (V, d), d = 2 or 3, each positively
    oriented.

    `facets` (F, d) are all boundary facets, `labels` (F,) the number of the part of each in
    `parts`; `regions` are masks (C,) of named sets of cells. What `kanpde.meshcheck` accepts is a
    domain; only shapes and orientation are checked here. Raises ConfigError when they are wrong.
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
                f"mesh domain: needs points (V, 2 or 3), cells (C, d + 1), facets (F, d) and"
                f" labels (F,), found"
                f" {self.points.shape}, {self.cells.shape}, {self.facets.shape} and"
                f" {self.labels.shape}; reshape them"
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
        found = []
        for loop in self._loops:
            corners = self.points[self._edges[loop, 0]]
            circle = None if chains.encloses(corners) else chains.fitted_circle(corners)
            if circle is not None:
                found.append(circle)
        return tuple(found)

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

    def _scattered(self, count: int, layout: Layout) -> Array:
        cells, sizes = self._ordered
        return _placed(self.points, cells, sizes, _unit(count, self.dimension, layout))[0]

    def _chebyshev(self, count: int, layout: Layout) -> PointSet:
        points, cells = self._refined(lambda points, cells: len(cells) >= count)
        cells = cells[simplices.in_morton_order(points[cells].mean(axis=1))]
        sizes = simplices.measures(points, cells)
        density = 1.0 / np.sqrt(
            self._depth(points[cells].mean(axis=1), count) + sizes ** (1 / self.dimension)
        )
        u = rules.cube(count, self.dimension, Layout("sobol", layout.rng, layout.jitter))[0]
        x, which = _placed(points, cells, sizes * density, u)
        w = 1.0 / density[which]
        return PointSet(x, w * (self.measure / w.sum()))

    def _depth(self, x: Array, count: int) -> Array:
        """About how far points (N, d) lie from the boundary, (N,)."""
        from scipy.spatial import cKDTree

        on_facet = max(
            1,
            round(
                (4 * count ** (1 - 1 / self.dimension) / len(self.facets))
                ** (1 / (self.dimension - 1))
            ),
        )
        shares, _ = simplices.gauss(min(on_facet, simplices.MOST_NODES), self.dimension - 1)
        rim = np.einsum("qi,fid->fqd", shares, self.points[self.facets]).reshape(-1, self.dimension)
        return np.asarray(cKDTree(rim).query(x)[0])

    def _quadrature(self, count: int) -> PointSet:
        nodes = _nodes(count, len(self.cells), self.dimension)
        return _gauss(self.points, self.cells, self._measures, nodes)

    def _refined(self, enough: Callable[[Array, Indices], bool]) -> tuple[Array, Indices]:
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
        normal = self._normals
        forward = normal[:, 0] * edge[:, 1] - normal[:, 1] * edge[:, 0] > 0
        return np.where(forward[:, None], self.facets, self.facets[:, ::-1])

    @cached_property
    def _normals(self) -> Array:
        """Outward unit normals (F, d)."""
        d = self.dimension
        every = np.sort(
            np.concatenate([np.delete(self.cells, i, axis=1) for i in range(d + 1)]), axis=1
        )
        opposite = np.concatenate([self.cells[:, i] for i in range(d + 1)])
        both = np.concatenate([np.sort(self.facets, axis=1), every])
        _, index = np.unique(both, axis=0, return_inverse=True)
        index = index.ravel()
        owner = np.empty(int(index.max()) + 1, dtype=np.int64)
        owner[index[len(self.facets) :]] = opposite
        corners = self.points[self.facets]
        edges = corners[:, 1:] - corners[:, :1]
        across = (
            np.cross(edges[:, 0], edges[:, 1])
            if d == 3
            else edges[:, 0, ::-1] * np.array([1.0, -1.0])
        )
        across = across / np.linalg.norm(across, axis=1, keepdims=True)
        inward = (
            np.sum(across * (self.points[owner[index[: len(self.facets)]]] - corners[:, 0]), axis=1)
            > 0
        )
        return np.asarray(np.where(inward[:, None], -across, across))

    @cached_property
    def _loops(self) -> list[Indices]:
        return chains.loops(self._edges) if self.dimension == 2 else []

    @cached_property
    def _surfaces(self) -> dict[str, _Surface]:
        sizes = simplices.measures(self.points, self.facets)
        found = {}
        pieces = [
            piece
            for loop in self._loops
            for piece in chains.pieces(loop, self.labels, self._normals)
        ]
        for number, name in enumerate(self.parts):
            if self.dimension == 2:
                own = [piece for piece in pieces if self.labels[piece.edges[0]] == number]
                order = np.concatenate([piece.edges for piece in own])
                ends = np.cumsum([0] + [len(piece.edges) for piece in own])
                runs = tuple(
                    (slice(ends[i], ends[i + 1]), piece.closed) for i, piece in enumerate(own)
                )
            else:
                members = np.flatnonzero(self.labels == number)
                order = members[
                    simplices.in_morton_order(self.points[self.facets[members]].mean(axis=1))
                ]
                runs = ()
            found[name] = _Surface(self._edges[order], sizes[order], self._normals[order], runs)
        return found

    def _chart(self, name: str, u: Array) -> tuple[Array, Array]:
        surface = self._surfaces[name]
        x, which = _placed(self.points, surface.facets, surface.sizes, u)
        return x, surface.normals[which]

    def _part_scattered(self, name: str, count: int, layout: Layout) -> PointSet:
        return self._charted(
            name, (_unit(count, self.dimension - 1, layout), np.full(count, 1.0 / count))
        )

    def _part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        if self.dimension == 3:
            return self._part_scattered(name, count, Layout("sobol", layout.rng, layout.jitter))
        surface = self._surfaces[name]
        x, w, normal = [], [], []
        for run, closed in surface.runs:
            length = float(surface.sizes[run].sum())
            n = max(FEWEST_ON_PIECE, round(count * length / self._part_measure(name)))
            s, weights = (
                rules.periodic(n, layout.turn()) if closed else rules.chebyshev(n, layout.shift())
            )
            places, which = _placed(
                self.points, surface.facets[run], surface.sizes[run], s[:, None]
            )
            x.append(places)
            w.append(weights * length)
            normal.append(surface.normals[run][which])
        return PointSet(np.concatenate(x), np.concatenate(w), np.concatenate(normal))

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        surface = self._surfaces[name]
        nodes = _nodes(count, len(surface.facets), self.dimension - 1)
        rule = _gauss(self.points, surface.facets, surface.sizes, nodes)
        return PointSet(
            rule.x, rule.w, np.repeat(surface.normals, len(rule) // len(surface.facets), axis=0)
        )

    def _part_measure(self, name: str) -> float:
        return float(self._surfaces[name].sizes.sum())

    def _periodic_shift(self, a: str, b: str) -> Array | None:
        """The translation between parts whose facets match one to one with opposite normals, else
        None.
        """
        from scipy.spatial import cKDTree

        one, two = self._surfaces[a], self._surfaces[b]
        if a == b or len(one.facets) != len(two.facets):
            return None
        here, there = (self.points[surface.facets].mean(axis=1) for surface in (one, two))
        shift = np.average(there, axis=0, weights=two.sizes) - np.average(
            here, axis=0, weights=one.sizes
        )
        distance, match = (np.asarray(found) for found in cKDTree(there).query(here + shift))
        size = length_scale(self.lower, self.upper)
        same = (
            distance.max() <= 1e-9 * size
            and np.abs(one.sizes - two.sizes[match]).max() <= 1e-9 * one.sizes.max()
        )
        if not same or np.abs(one.normals + two.normals[match]).max() > 1e-6:
            return None
        return np.asarray(shift)


def _unit(count: int, k: int, layout: Layout) -> Array:
    """A layout of `count` points in the unit cube (N, k) whose first coordinates are equally
    spread.
    """
    if layout.kind in rules.SEQUENCES:
        return rules.cube(count, k, layout)[0]
    i = np.arange(count)
    across = np.outer(i, GOLDEN[:1] if k == 2 else GOLDEN[1:]) + 0.5
    u = np.column_stack([(i + 0.5) / count, across])[:, :k]
    moved = layout.rng.uniform(-0.5, 0.5, (count, k)) * layout.jitter
    u[:, 0] += moved[:, 0] / count
    return np.asarray(
        np.column_stack([u[:, :1], np.mod(u[:, 1:] + moved[:, 1:] * count ** (-1 / k), 1.0)])
    )


def _placed(points: Array, cells: Indices, sizes: Array, u: Array) -> tuple[Array, Indices]:
    """Points (N, d) at positions `u` (N, k) of the cells laid one after the other by size; and the
    cell of each.
    """
    ends = np.cumsum(sizes)
    along = u[:, 0] * ends[-1]
    which = np.minimum(np.searchsorted(ends, along, side="right"), len(cells) - 1)
    inside = np.clip(1.0 - (ends[which] - along) / sizes[which], 0.0, 1.0)
    shares = simplices.barycentric(np.column_stack([inside, u[:, 1:]]))
    return np.einsum("ni,nid->nd", shares, points[cells[which]]), which


def _nodes(count: int, cells: int, k: int) -> int:
    """Gauss nodes per axis and cell for about `count` points: three, while those are few enough."""
    asked = round(float(count / cells) ** (1 / k))
    least = next((n for n in (3, 2) if cells * n**k <= MOST_GAUSS), 1)
    return int(min(max(asked, least), simplices.MOST_NODES))


def _gauss(points: Array, cells: Indices, sizes: Array, nodes: int) -> PointSet:
    shares, w = simplices.gauss(nodes, cells.shape[1] - 1)
    x = np.einsum("qi,cid->cqd", shares, points[cells]).reshape(-1, points.shape[1])
    return PointSet(x, np.outer(sizes, w).ravel())
