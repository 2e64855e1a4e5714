"""Curved quadrilaterals (intervals on a line) that fill a domain exactly, graded towards its
corners.

Triangles of `Domain.mesh` are halved towards the corners, then every one is split into three
quadrilaterals by its centroid and the middles of its sides. A side on a curve γ(s) is blended into
its cell (Gordon & Hall, Int. J. Numer. Methods Eng. 7, 1973): F(ξ, η) = bilinear + (1 - η) (γ(s(ξ))
- chord(ξ)) for the side η = 0, so the geometry has no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import skfem
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from kanpde.domains import Box, Disk, Domain, Planar
from kanpde.domains.plane.bends import Bend
from kanpde.domains.plane.curves import TURN, Arc, Curve, Segment
from kanpde.errors import ConfigError, NumericalError

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SHARPEST = 1e-6
"""Turns of the boundary below this angle are no corners."""


@dataclass(frozen=True)
class Side:
    """A side of a cell on the boundary.

    Attributes:
        cell: its number.
        local: which side: 0 is η = 0, 3 is ξ = 0; on a line the end, 0 or 1.
        part: the part of the boundary.
        curve: what the side lies on, None on a line.
        first, last: shares of the curve's length at the ends of the side.
    """

    cell: int
    local: int
    part: str
    curve: Curve | None = None
    first: float = 0.0
    last: float = 1.0


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of a mesh of scikit-fem with their curved sides; coordinates ξ (d, …) in [0, 1]^d."""

    mesh: Any
    sides: tuple[Side, ...]

    @property
    def dimension(self) -> int:
        """1 or 2."""
        return int(self.mesh.p.shape[0])

    @cached_property
    def _arcs(self) -> tuple[_OnArc, ...]:
        """The curved sides, by local number and curve."""
        groups: dict[tuple[int, int], list[Side]] = {}
        curves: dict[int, Arc | Bend] = {}
        for side in self.sides:
            if side.curve is not None and not isinstance(side.curve, Segment):
                groups.setdefault((side.local, id(side.curve)), []).append(side)
                curves[id(side.curve)] = side.curve
        return tuple(
            _OnArc.of(group, local, curves[curve]) for (local, curve), group in groups.items()
        )

    def place(self, xi: Array, cells: Indices) -> tuple[Array, Array]:
        """x (d, E, Q) and dx/dξ (d, d, E, Q) at ξ (d, Q) or (d, E, Q) of some cells (E,)."""
        if xi.ndim == 2:
            xi = np.broadcast_to(xi[:, None], (len(xi), len(cells), xi.shape[1]))
        corners = self.mesh.p[:, self.mesh.t[:, cells]][..., None]
        if self.dimension == 1:
            a, b = corners[:, 0], corners[:, 1]
            return a + (b - a) * xi, np.broadcast_to((b - a)[:, None], (1, *xi.shape)).copy()
        s, t = xi
        p0, p1, p2, p3 = (corners[:, k] for k in range(4))
        x = (1 - s) * (1 - t) * p0 + s * (1 - t) * p1 + s * t * p2 + (1 - s) * t * p3
        slope = np.stack(
            [(1 - t) * (p1 - p0) + t * (p2 - p3), (1 - s) * (p3 - p0) + s * (p2 - p1)], axis=1
        )
        where = np.full(self.mesh.t.shape[1], -1)
        for sides in self._arcs:
            where[sides.cells] = np.arange(len(sides.cells))
            rows = np.flatnonzero(where[cells] >= 0)
            if len(rows):
                _bend(x, slope, xi, rows=rows, sides=sides.chosen(where[cells[rows]]))
            where[sides.cells] = -1
        return x, slope

    def locate(self, points: Array, near: int = 24) -> tuple[Indices, Array]:
        """The cell (N,) of every point (N, d) and ξ (d, N); NumericalError when a point is in no
        cell near it.
        """
        count = self.mesh.t.shape[1]
        middle, _ = self.place(np.full((self.dimension, 1), 0.5), np.arange(count))
        tree = cKDTree(middle[..., 0].T)
        cells = np.zeros(len(points), dtype=np.int64)
        coordinates = np.full((self.dimension, len(points)), np.nan)
        worst = np.full(len(points), np.inf)
        remaining = np.arange(len(points))
        # The cells with the nearest middles are tried, eight times as many in every round.
        while len(remaining):
            k = min(near, count)
            _, nearest = tree.query(points[remaining], list(range(1, k + 1)))
            tried = np.asarray(nearest, dtype=np.int64)
            xi = self._inverse(np.repeat(points[remaining], k, axis=0), tried.ravel())
            xi = xi.reshape(self.dimension, len(remaining), k)
            outside = np.abs(xi - 0.5).max(axis=0) - 0.5
            outside[~np.isfinite(outside)] = np.inf
            best = outside.argmin(axis=1)
            rows = np.arange(len(remaining))
            cells[remaining] = tried[rows, best]
            coordinates[:, remaining] = xi[:, rows, best]
            worst[remaining] = outside[rows, best]
            remaining = np.flatnonzero(worst > 1e-8)
            if len(remaining) and k == count:
                raise NumericalError(
                    f"reference: the point {points[remaining[0]].tolist()} lies in no cell of the"
                    " mesh; refine the mesh"
                )
            near *= 8
        return cells, coordinates

    def _inverse(self, points: Array, cells: Indices) -> Array:
        """ξ (d, N) with x(ξ) = points (N, d) by Newton's iteration, not necessarily in [0, 1]^d."""
        xi = np.full((self.dimension, len(points), 1), 0.5)
        for _ in range(12):
            x, slope = self.place(xi, cells)
            jacobian = np.moveaxis(slope[..., 0], -1, 0)
            with np.errstate(all="ignore"):
                det = np.linalg.det(jacobian)
                jacobian[det == 0] = np.eye(self.dimension)
                step = np.linalg.solve(jacobian, (points - x[..., 0].T)[..., None])[..., 0]
                xi = np.clip(xi + step.T[..., None], -1.0, 2.0)
        x, _ = self.place(xi, cells)
        missed = np.abs(points - x[..., 0].T).max(axis=1) > 1e-9 * np.ptp(self.mesh.p)
        xi[:, missed] = np.inf
        return np.asarray(xi[..., 0])


@dataclass(frozen=True, eq=False)
class _OnArc:
    """Sides (K,) with one local number on one arc, and its shares (K,) at their ends."""

    cells: Indices
    local: int
    arc: Arc | Bend
    first: Array
    last: Array

    @classmethod
    def of(cls, sides: Sequence[Side], local: int, arc: Arc | Bend) -> _OnArc:
        cells = np.array([side.cell for side in sides])
        first = np.array([side.first for side in sides])
        last = np.array([side.last for side in sides])
        return cls(cells, local, arc, first=first, last=last)

    def chosen(self, which: Indices) -> _OnArc:
        """Some of the sides, by their place among these."""
        return replace(
            self, cells=self.cells[which], first=self.first[which], last=self.last[which]
        )


def _bend(x: Array, slope: Array, xi: Array, rows: Indices, sides: _OnArc) -> None:
    """Add the difference of an arc and its chord to x and dx/dξ of some rows, those of `sides`."""
    curve, first, last = sides.arc, sides.first, sides.last
    along, across = (0, 1) if sides.local == 0 else (1, 0)
    s, fade = xi[along][rows], 1 - xi[across][rows]
    share = first[:, None] + s * (last - first)[:, None]
    shape = share.shape
    flat = share.ravel()
    normal = curve.normal(flat).T.reshape(2, *shape)
    tangent = curve.length * (last - first)[:, None] * np.stack([-normal[1], normal[0]])
    a, b = curve.at(first).T[..., None], curve.at(last).T[..., None]
    gap = curve.at(flat).T.reshape(2, *shape) - a - s * (b - a)
    x[:, rows] += fade * gap
    slope[:, along, rows] += fade * (tangent - (b - a))
    slope[:, across, rows] -= gap


def fill(domain: Domain, resolution: int, layers: int) -> Cells:
    """Cells of about 1/resolution of the longest side, halved `layers` times towards every corner
    (end of an interval).
    """
    if isinstance(domain, Box) and domain.dimension == 1:
        return _line(domain, resolution, layers)
    curves = _curves(domain)
    mesh = domain.mesh(resolution)
    (_, cells), *_ = mesh.cells
    triangles = skfem.MeshTri(np.ascontiguousarray(mesh.points.T), np.ascontiguousarray(cells.T))
    for _ in range(layers):
        corners = _corners(triangles, curves)
        if not len(corners):
            break
        halved = triangles.refined(np.flatnonzero(np.isin(triangles.t, corners).any(axis=0)))
        triangles = _snapped(triangles, halved, curves)
    return _quads(triangles, curves)


def _line(domain: Box, resolution: int, layers: int) -> Cells:
    nodes = np.linspace(0, 1, resolution + 1)
    inner = nodes[1] * 0.5 ** np.arange(layers, 0, -1)
    nodes = np.concatenate([[0], inner, nodes[1:-1], 1 - inner[::-1], [1]])
    x = domain.lower + (domain.upper - domain.lower) * nodes
    mesh = skfem.MeshLine(x)
    left, right = domain.parts
    return Cells(mesh, (Side(0, 0, left), Side(len(x) - 2, 1, right)))


def _curves(domain: Domain) -> tuple[Curve, ...]:
    """The boundary with the domain on the left."""
    match domain:
        case Planar():
            return domain.curves
        case Disk():
            return (
                Arc(domain.center, domain.radius, start=0.0, sweep=TURN, part=domain.part_name),
            )
        case Box() if domain.dimension == 2:
            (x0, y0), (x1, y1) = domain.lower, domain.upper
            at = [np.array(p) for p in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
            left, right, bottom, top = domain.parts
            names = (bottom, right, top, left)
            return tuple(Segment(at[k], at[(k + 1) % 4], names[k]) for k in range(4))
    raise ConfigError(
        f"reference: finite elements fill intervals and plane domains, found"
        f" {type(domain).__name__} in {domain.dimension}"
        " coordinates; give an exact solution instead"
    )


@dataclass(frozen=True)
class _Edge:
    """A side of a triangle on the boundary.

    Attributes:
        cell: the triangle.
        local: which of its sides.
        a, b: the vertices at its ends.
        curve: the number of the curve it lies on.
        first, last: shares of the curve's length at a and b.
    """

    cell: int
    local: int
    a: int
    b: int
    curve: int
    first: float
    last: float

    def middle(self, curves: Sequence[Curve]) -> Array:
        """The middle (2,) of the edge on its curve."""
        return np.asarray(curves[self.curve].at(np.array([(self.first + self.last) / 2]))[0])


def _edges(mesh: Any, curves: Sequence[Curve]) -> list[_Edge]:
    """The sides of triangles on the boundary, each with its curve."""
    edges: list[_Edge] = []
    size = float(np.ptp(mesh.p))
    for facet in mesh.boundary_facets():
        cell = int(mesh.f2t[0, facet])
        (local,) = np.flatnonzero(mesh.t2f[:, cell] == facet)
        a, b = (int(v) for v in mesh.facets[:, facet])
        curve, first, last = _on_curve(mesh.p.T[[a, b]], curves, size)
        edges.append(
            _Edge(cell=cell, local=int(local), a=a, b=b, curve=curve, first=first, last=last)
        )
    return edges


def _on_curve(ends: Array, curves: Sequence[Curve], size: float) -> tuple[int, float, float]:
    """The number of the curve through two neighbouring points (2, 2), and their shares on it."""
    least, number, shares = np.inf, -1, (0.0, 0.0)
    chord = float(np.linalg.norm(ends[0] - ends[1]))
    for k, curve in enumerate(curves):
        first, last = curve.locate(ends)
        if curve.closed:
            first = first % 1.0
            last = first + (last - first + 0.5) % 1.0 - 0.5
        elif max(abs(first - 0.5), abs(last - 0.5)) > 0.5 + 1e-7:
            continue
        off = float(np.abs(curve.at(np.array([first, last])) - ends).max())
        # Two points of a curve that passes by itself may be far apart along it: an edge is short.
        off += max(0.0, abs(last - first) * curve.length - 1.5 * chord)
        if off < least:
            least, number, shares = off, k, (float(first), float(last))
    if least > 1e-8 * size:
        raise NumericalError(
            f"reference: the boundary of the mesh leaves that of the domain at {ends[0].tolist()}"
        )
    return number, *shares


def _corners(mesh: Any, curves: Sequence[Curve]) -> Indices:
    """Vertices where the boundary turns or its part changes."""
    normals: dict[int, list[Array]] = {}
    parts: dict[int, set[str]] = {}
    for edge in _edges(mesh, curves):
        curve = curves[edge.curve]
        for vertex, share in ((edge.a, edge.first), (edge.b, edge.last)):
            normals.setdefault(vertex, []).append(curve.normal(np.array([share]))[0])
            parts.setdefault(vertex, set()).add(curve.part)
    corners = []
    for vertex, (normal, *further) in normals.items():
        turns = any(np.abs(met - normal).max() > SHARPEST for met in further)
        if turns or len(parts[vertex]) > 1:
            corners.append(vertex)
    return np.array(corners, dtype=np.int64)


def _snapped(coarse: Any, fine: Any, curves: Sequence[Curve]) -> Any:
    """The refined mesh with the middles of boundary sides moved onto their curves."""
    bent = [edge for edge in _edges(coarse, curves) if not isinstance(curves[edge.curve], Segment)]
    if not bent:
        return fine
    chords = np.array([(coarse.p[:, edge.a] + coarse.p[:, edge.b]) / 2 for edge in bent])
    middles = np.array([edge.middle(curves) for edge in bent])
    distance, which = map(np.asarray, cKDTree(chords).query(fine.p.T))
    moved = fine.p.copy()
    halved = distance < 1e-10 * np.ptp(fine.p)
    moved[:, halved] = middles[which[halved]].T
    return skfem.MeshTri(moved, fine.t)


def _quads(mesh: Any, curves: Sequence[Curve]) -> Cells:
    """Three quadrilaterals per triangle: (vertex, middle of the next side, centroid, middle of the
    side before).
    """
    t = _counterclockwise(mesh)
    middle = mesh.p[:, mesh.facets].mean(axis=1)
    edges = {}
    for edge in _edges(mesh, curves):
        middle[:, mesh.t2f[edge.local, edge.cell]] = edge.middle(curves)
        edges[frozenset((edge.a, edge.b))] = edge
    number = {frozenset(map(int, pair)): i for i, pair in enumerate(mesh.facets.T)}
    # Points: the vertices, the middles of the facets, the centroids of the triangles.
    v, f, n = mesh.p.shape[1], mesh.facets.shape[1], t.shape[1]
    points = np.concatenate([mesh.p, middle, mesh.p[:, mesh.t].mean(axis=1)], axis=1)
    quads, sides = np.empty((4, 3 * n), dtype=np.int64), []
    for cell in range(n):
        for k in range(3):
            here, after, before = (int(t[(k + shift) % 3, cell]) for shift in (0, 1, 2))
            following, preceding = frozenset((here, after)), frozenset((here, before))
            index = 3 * cell + k
            quads[:, index] = here, v + number[following], v + f + cell, v + number[preceding]
            for local, pair in ((0, following), (3, preceding)):
                if pair in edges:
                    sides.append(_half(edges[pair], here, cell=index, local=local, curves=curves))
    return Cells(skfem.MeshQuad(points, quads), tuple(sides))


def _counterclockwise(mesh: Any) -> Indices:
    """The vertices (3, n) of the triangles, counterclockwise."""
    a, b, c = np.moveaxis(mesh.p[:, mesh.t], 1, 0)
    turned = np.linalg.det(np.stack([b - a, c - a]).transpose(2, 0, 1)) < 0
    t = mesh.t.copy()
    t[1:, turned] = t[:0:-1, turned]
    return np.asarray(t)


def _half(edge: _Edge, vertex: int, cell: int, local: int, curves: Sequence[Curve]) -> Side:
    """The half of an edge at one of its vertices, as a side of a quadrilateral."""
    curve = curves[edge.curve]
    return Side(
        cell=cell,
        local=local,
        part=curve.part,
        curve=curve,
        first=edge.first if vertex == edge.a else edge.last,
        last=(edge.first + edge.last) / 2,
    )
