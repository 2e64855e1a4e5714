"""Curved quadrilaterals (intervals on a line) that fill a domain exactly, graded towards its
corners.

Triangles of `Domain.mesh` are halved towards the corners, then every one is split into three
quadrilaterals by its centroid and the middles of its sides. A side on a curve γ(s) is blended into
its cell (Gordon & Hall, Int. J. Numer. Methods Eng. 7, 1973): F(ξ, η) = bilinear + (1 - η) (γ(s(ξ))
- chord(ξ)) for the side η = 0, so the geometry has no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import skfem
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from kanpde.domains import Box, Disk, Domain, Planar
from kanpde.domains.plane.curves import TURN, Arc, Curve, Segment
from kanpde.errors import ConfigError, NumericalError

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SHARPEST = 1e-6
"""Turns of the boundary below this angle are no corners."""


@dataclass(frozen=True)
class Side:
    """A side of a cell on the boundary: local number (0: η = 0, 3: ξ = 0; on a line the end), curve
    and the shares at its ends.
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
    def _bent(self) -> tuple[tuple[Indices, int, Arc, Array, Array], ...]:
        """Curved sides by local number and curve: cells, number, curve, shares at both ends."""
        groups: dict[tuple[int, int], list[Side]] = {}
        for side in self.sides:
            if isinstance(side.curve, Arc):
                groups.setdefault((side.local, id(side.curve)), []).append(side)
        return tuple(
            (
                np.array([s.cell for s in group]),
                group[0].local,
                group[0].curve,
                np.array([s.first for s in group]),
                np.array([s.last for s in group]),
            )
            for group in groups.values()
            if isinstance(group[0].curve, Arc)
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
        for bent, local, curve, first, last in self._bent:
            where[bent] = np.arange(len(bent))
            rows = np.flatnonzero(where[cells] >= 0)
            if len(rows):
                which = where[cells[rows]]
                _bend(x, slope, xi, rows, local, curve, first[which], last[which])
            where[bent] = -1
        return x, slope

    def locate(self, points: Array, near: int = 24) -> tuple[Indices, Array]:
        """The cell (N,) of every point (N, d) and ξ (d, N); NumericalError when a point is in no
        cell near it.
        """
        count = self.mesh.t.shape[1]
        middle = self.place(np.full((self.dimension, 1), 0.5), np.arange(count))[0][..., 0].T
        tree = cKDTree(middle)
        cells, found = (
            np.zeros(len(points), dtype=np.int64),
            np.full((self.dimension, len(points)), np.nan),
        )
        left, worst = np.arange(len(points)), np.full(len(points), np.inf)
        while len(left):
            k = min(near, count)
            tried = np.asarray(tree.query(points[left], list(range(1, k + 1)))[1], dtype=np.int64)
            xi = self._inverse(np.repeat(points[left], k, axis=0), tried.ravel()).reshape(
                self.dimension, len(left), k
            )
            outside = np.abs(xi - 0.5).max(axis=0) - 0.5
            outside[~np.isfinite(outside)] = np.inf
            best = outside.argmin(axis=1)
            rows = np.arange(len(left))
            cells[left], found[:, left], worst[left] = (
                tried[rows, best],
                xi[:, rows, best],
                outside[rows, best],
            )
            left = np.flatnonzero(worst > 1e-8)
            if len(left) and k == count:
                raise NumericalError(
                    f"reference: the point {points[left[0]].tolist()} lies in no cell of the mesh;"
                    f" refine the mesh"
                )
            near *= 8
        return cells, found

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
        xi[
            :,
            np.abs(points - self.place(xi, cells)[0][..., 0].T).max(axis=1)
            > 1e-9 * np.ptp(self.mesh.p),
        ] = np.inf
        return np.asarray(xi[..., 0])


def _bend(
    x: Array,
    slope: Array,
    xi: Array,
    rows: Indices,
    local: int,
    curve: Arc,
    first: Array,
    last: Array,
) -> None:
    """Add the difference of an arc and its chord to x and dx/dξ of some rows (cells)."""
    along, across = (0, 1) if local == 0 else (1, 0)
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
    triangles = skfem.MeshTri(
        np.ascontiguousarray(mesh.points.T), np.ascontiguousarray(mesh.cells[0][1].T)
    )
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
    ends = (Side(0, 0, domain.parts[0]), Side(len(x) - 2, 1, domain.parts[1]))
    return Cells(mesh, ends)


def _curves(domain: Domain) -> tuple[Curve, ...]:
    """The boundary with the domain on the left."""
    match domain:
        case Planar():
            return domain.curves
        case Disk():
            return (Arc(domain.center, domain.radius, 0.0, TURN, domain.part_name),)
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


Edge = tuple[int, int, int, int, int, float, float]
"""Triangle, local side, its vertices a and b, curve, shares at a and b."""


def _edges(mesh: Any, curves: Sequence[Curve]) -> list[Edge]:
    """The sides of triangles on the boundary, each with its curve; a is followed by b in the
    triangle.
    """
    found: list[Edge] = []
    size = float(np.ptp(mesh.p))
    for facet in mesh.boundary_facets():
        cell = int(mesh.f2t[0, facet])
        local = int(np.flatnonzero(mesh.t2f[:, cell] == facet)[0])
        a, b = (int(v) for v in mesh.facets[:, facet])
        found.append((cell, local, *_on_curve(mesh.p.T, a, b, curves, size)))
    return found


def _on_curve(
    p: Array, a: int, b: int, curves: Sequence[Curve], size: float
) -> tuple[int, int, int, float, float]:
    """The curve through two neighbouring points and their shares, in the order of the vertices
    given.
    """
    best: tuple[float, int, float, float] = (np.inf, -1, 0.0, 0.0)
    for k, curve in enumerate(curves):
        first, last = curve.locate(p[[a, b]])
        if curve.closed:
            first = first % 1.0
            last = first + (last - first + 0.5) % 1.0 - 0.5
        elif max(abs(first - 0.5), abs(last - 0.5)) > 0.5 + 1e-7:
            continue
        off = float(np.abs(curve.at(np.array([first, last])) - p[[a, b]]).max())
        chord = float(np.linalg.norm(p[a] - p[b]))
        off += max(0.0, abs(last - first) * curve.length - 1.5 * chord)
        if off < best[0]:
            best = (off, k, float(first), float(last))
    if best[0] > 1e-8 * size:
        raise NumericalError(
            f"reference: the boundary of the mesh leaves that of the domain at {p[a].tolist()}"
        )
    return a, b, best[1], best[2], best[3]


def _corners(mesh: Any, curves: Sequence[Curve]) -> Indices:
    """Vertices where the boundary turns or its part changes."""
    ends: dict[int, list[tuple[Array, str]]] = {}
    for _, _, a, b, k, first, last in _edges(mesh, curves):
        for vertex, share in ((a, first), (b, last)):
            ends.setdefault(vertex, []).append(
                (curves[k].normal(np.array([share]))[0], curves[k].part)
            )
    turned = [
        vertex
        for vertex, met in ends.items()
        if any(
            part != met[0][1] or np.abs(normal - met[0][0]).max() > SHARPEST for normal, part in met
        )
    ]
    return np.array(turned, dtype=np.int64)


def _snapped(coarse: Any, fine: Any, curves: Sequence[Curve]) -> Any:
    """The refined mesh with the middles of boundary sides moved onto their curves."""
    bent = [edge for edge in _edges(coarse, curves) if isinstance(curves[edge[4]], Arc)]
    if not bent:
        return fine
    chords = np.array([(coarse.p[:, a] + coarse.p[:, b]) / 2 for _, _, a, b, *_ in bent])
    middles = np.array([curves[k].at(np.array([(s + t) / 2]))[0] for *_, k, s, t in bent])
    found = cKDTree(chords).query(fine.p.T)
    distance, which = np.asarray(found[0]), np.asarray(found[1])
    moved = fine.p.copy()
    hit = distance < 1e-10 * np.ptp(fine.p)
    moved[:, hit] = middles[which[hit]].T
    return skfem.MeshTri(moved, fine.t)


def _quads(mesh: Any, curves: Sequence[Curve]) -> Cells:
    """Three quadrilaterals per triangle: (vertex, middle of the next side, centroid, middle of the
    side before).
    """
    corners = mesh.p[:, mesh.t]
    turned = (
        np.linalg.det(
            np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]]).transpose(
                2, 0, 1
            )
        )
        < 0
    )
    t = mesh.t.copy()
    t[1:, turned] = t[:0:-1, turned]
    middle = mesh.p[:, mesh.facets].mean(axis=1)
    edges = {}
    for cell, local, a, b, k, first, last in _edges(mesh, curves):
        facet = mesh.t2f[local, cell]
        middle[:, facet] = curves[k].at(np.array([(first + last) / 2]))[0]
        edges[frozenset((a, b))] = (k, {a: first, b: last})
    number = {frozenset(map(int, pair)): i for i, pair in enumerate(mesh.facets.T)}
    v, f, n = mesh.p.shape[1], mesh.facets.shape[1], t.shape[1]
    points = np.concatenate([mesh.p, middle, mesh.p[:, mesh.t].mean(axis=1)], axis=1)
    quads, sides = np.empty((4, 3 * n), dtype=np.int64), []
    for cell in range(n):
        for k in range(3):
            here, after, before = (int(t[(k + shift) % 3, cell]) for shift in (0, 1, 2))
            one, other = frozenset((here, after)), frozenset((here, before))
            index = 3 * cell + k
            quads[:, index] = here, v + number[one], v + f + cell, v + number[other]
            for local, pair in ((0, one), (3, other)):
                if pair in edges:
                    c, shares = edges[pair]
                    sides.append(
                        Side(
                            index,
                            local,
                            curves[c].part,
                            curves[c],
                            shares[here],
                            sum(shares.values()) / 2,
                        )
                    )
    return Cells(skfem.MeshQuad(points, quads), tuple(sides))
