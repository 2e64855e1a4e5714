"""Linear systems on meshes of triangles: polynomials of degree 4, refined uniformly and towards
corners.

A state is (k, n): the triangles of the problem's own mesh, or of one of its straight-sided domain,
are halved k times everywhere and then n times around every corner of the boundary and every place
where one part ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import skfem
import torch
from numpy.typing import NDArray
from scipy.sparse import bmat, csc_matrix, csr_matrix
from scipy.sparse.linalg import splu

from kanpde.domains import Box, Domain, MeshDomain, Planar
from kanpde.domains.plane.curves import Segment
from kanpde.errors import ConfigError, NumericalError
from kanpde.expressions import Node
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.point_location import Locator
from kanpde.problem.problem import Problem
from kanpde.references.fem.systems import ZERO, Side, SystemForm, system_form

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
State = tuple[int, ...]

RESOLUTION, POINTS, LAYERS = 6, 3000, 4
"""Triangles along the longest side of the coarsest mesh, points, halvings towards corners at a time."""

FLAT, SHARP = 1e-6, 0.5
"""Sine of the turn of the boundary at a corner, and at one that has two rings of triangles halved;
around the weaker ones, as of a polygon around a hole, one ring suffices.
"""

SLACK = 1e-9
"""How far outside all triangles a point may lie."""

CONORMAL = 1e-8
"""What a flux may miss of a normal derivative, relative to its size."""


@dataclass
class Triangles:
    """Values at quadrature points: a `Method` of `references.compute`.

    Attributes:
        form: the weak form.
        x: points (N, 2).
        w: their weights (N,).
        base: the coarsest mesh.
        edges: straight pieces (F, 2, 2) of the boundary.
        labels: the part of each, (F,).
    """

    form: SystemForm
    x: Array
    w: Array
    base: Any
    edges: Array
    labels: tuple[str, ...]
    _meshes: dict[int, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, problem: Problem) -> Triangles:
        """The method for a problem; ConfigError when it is none for it."""
        form, domain = system_form(problem), problem.domain
        edges, labels = _boundary(domain)
        points = domain.quadrature(POINTS)
        return cls(form, points.x, points.w, _triangles(domain), edges, labels)

    @property
    def start(self) -> State:
        """The coarsest state."""
        return (0, 0)

    def finer(self, state: State) -> tuple[State, ...]:
        """Halved everywhere, and around corners."""
        k, n = state
        return ((k + 1, n), (k, n + LAYERS))

    def describe(self, state: State) -> str:
        """A state in words."""
        return f"triangles halved {state[0]} times, {state[1]} times more at corners, degree 4"

    def values(self, state: State) -> Array:
        """u at the points, one unknown after the other, (m·N,)."""
        mesh = self._mesh(state)
        basis = skfem.Basis(mesh, skfem.ElementTriP4())
        blocks = self._assembled(mesh, basis)
        return np.concatenate(
            [self._sampled(basis, u) for u in np.split(blocks, self.form.unknowns)]
        )

    def _sampled(self, basis: Any, u: Array) -> Array:
        """u (N,) at the points, of coefficients."""
        mesh = basis.mesh
        locator = Locator(mesh.p.T.copy(), mesh.t.T.copy())
        cells = locator.shares(self.x, SLACK)[0]
        if (cells < 0).any():
            missed = self.x[cells < 0][0].tolist()
            raise NumericalError(f"reference: the point {missed} lies in no triangle; move it")
        at = basis.mapping.invF(self.x.T[:, :, None].copy(), tind=cells)
        total = np.zeros(len(self.x))
        for k in range(basis.Nbfun):
            shape = basis.elem.gbasis(basis.mapping, at, k, tind=cells)[0]
            total += np.asarray(shape)[:, 0] * u[basis.element_dofs[k, cells]]
        return total

    def _mesh(self, state: State) -> Any:
        k, n = state
        mesh = self._meshes.setdefault(k, self.base.refined(k)) if k else self.base
        for _ in range(n):
            weak, sharp = self._corners(mesh)
            ring = np.isin(mesh.t, sharp).any(0)
            rings = np.isin(mesh.t, mesh.t[:, ring]).any(0) | np.isin(mesh.t, weak).any(0)
            if rings.any():
                mesh = mesh.refined(np.flatnonzero(rings))
        return mesh

    def _parts(self, mesh: Any) -> tuple[Indices, NDArray[np.str_]]:
        """The facets of the boundary and the part of each."""
        facets = mesh.boundary_facets()
        middles = mesh.p[:, mesh.facets[:, facets]].mean(1).T
        first, along = self.edges[:, 0], self.edges[:, 1] - self.edges[:, 0]
        nearest = np.empty(len(middles), dtype=np.int64)
        for chunk in np.array_split(np.arange(len(middles)), 1 + len(middles) // 500):
            gap = middles[chunk, None] - first
            share = np.clip((gap * along).sum(-1) / (along**2).sum(-1), 0, 1)
            nearest[chunk] = np.linalg.norm(gap - share[..., None] * along, axis=-1).argmin(1)
        return facets, np.array(self.labels)[nearest]

    def _corners(self, mesh: Any) -> tuple[Indices, Indices]:
        """Vertices where the boundary turns weakly, and where it turns sharply or one part ends."""
        facets, parts = self._parts(mesh)
        ends = mesh.facets[:, facets]
        numbers = np.unique(parts, return_inverse=True)[1]
        direction = mesh.p[:, ends[1]] - mesh.p[:, ends[0]]
        direction = direction / np.linalg.norm(direction, axis=0)
        order = np.argsort(ends.ravel(), kind="stable")
        vertex, facet = ends.ravel()[order], np.tile(np.arange(len(facets)), 2)[order]
        pairs = np.flatnonzero(vertex[1:] == vertex[:-1])
        one, two = facet[pairs], facet[pairs + 1]
        cross = direction[0, one] * direction[1, two] - direction[1, one] * direction[0, two]
        sharp = (np.abs(cross) >= SHARP) | (numbers[one] != numbers[two])
        weak = ~sharp & (np.abs(cross) > FLAT)
        at = vertex[pairs]
        return at[weak], at[sharp]

    def _assembled(self, mesh: Any, basis: Any) -> Array:
        """The coefficients of all unknowns, one after the other."""
        m, form = self.form.unknowns, self.form
        facets, parts = self._parts(mesh)
        rows = [[_volume(form, basis, a, b) for b in range(m)] for a in range(m)]
        loads = [_load(basis, form.constants[a]) for a in range(m)]
        known, values = [], np.zeros(m * basis.N)
        for part, side in form.sides.items():
            on_part = skfem.FacetBasis(mesh, basis.elem, facets=facets[parts == part])
            for a, added in _fluxes(form, side, on_part):
                for b in range(m):
                    rows[a][b] = rows[a][b] + added[b]
                loads[a] = loads[a] + added[m]
            for b, node in side.given.items():
                dofs = basis.get_dofs(facets[parts == part]).all()
                values[b * basis.N + dofs] = _nodes([node], basis.doflocs[:, dofs])[0]
                known.append(b * basis.N + dofs)
        matrix, load = csr_matrix(bmat(rows)), -np.concatenate(loads)
        fixed = np.unique(np.concatenate(known)) if known else np.zeros(0, dtype=np.int64)
        free = np.setdiff1d(np.arange(len(values)), fixed)
        right = (load - matrix @ values)[free]
        try:
            values[free] = splu(csc_matrix(matrix[free][:, free])).solve(right)
        except RuntimeError as singular:
            raise NumericalError(f"reference: the equations are singular ({singular})") from None
        return values


def _boundary(domain: Domain) -> tuple[Array, tuple[str, ...]]:
    """Straight pieces (F, 2, 2) of the boundary and the part of each."""
    match domain:
        case MeshDomain() if domain.dimension == 2:
            labels = tuple(domain.parts[label] for label in domain.labels)
            return domain.points[domain.facets], labels
        case Box() if domain.dimension == 2:
            (x0, y0), (x1, y1) = domain.lower, domain.upper
            a, b, c, d = (x0, y0), (x1, y0), (x1, y1), (x0, y1)
            return np.array([[a, d], [b, c], [a, b], [d, c]]), domain.parts
        case Planar() if all(isinstance(curve, Segment) for curve in domain.curves):
            ends = [curve.at(np.array([0.0, 1.0])) for curve in domain.curves]
            return np.array(ends), tuple(curve.part for curve in domain.curves)
    raise ConfigError(
        f"reference: finite elements for systems need straight sides in the plane, found"
        f" {type(domain).__name__} in {domain.dimension} coordinates; kanpde mesh makes a mesh of it"
    )


def _triangles(domain: Domain) -> Any:
    """The coarsest triangles: those of a mesh itself, or of a domain."""
    if isinstance(domain, MeshDomain):
        points, cells = domain.points, domain.cells
    else:
        mesh = domain.mesh(RESOLUTION)
        points, ((_, cells), *_) = mesh.points, mesh.cells
    return skfem.MeshTri(np.ascontiguousarray(points.T), np.ascontiguousarray(cells.T))


def _nodes(nodes: Sequence[Node], x: Array, normal: Array | None = None) -> Array:
    """Values (K, …) of formulas at x (2, …)."""
    flat = torch.from_numpy(np.ascontiguousarray(x.reshape(2, -1).T))
    outward = None
    if normal is not None:
        outward = torch.from_numpy(np.ascontiguousarray(normal.reshape(2, -1).T))
    values = np.stack([value.numpy() for value in evaluate(nodes, flat, outward)])
    return values.reshape(len(nodes), *x.shape[1:])


def _blocks(u: Any, v: Any, w: Any) -> Any:
    """-A_ij ∂_j u ∂_i v + b_j ∂_j u v + c u v."""
    flux = np.einsum("ij...,j...->i...", np.asarray(w["A"]), np.asarray(u.grad))
    slope = np.einsum("j...,j...->...", np.asarray(w["b"]), np.asarray(u.grad))
    inner = np.einsum("i...,i...->...", flux, np.asarray(v.grad))
    return -inner + (slope + np.asarray(w["c"]) * np.asarray(u)) * np.asarray(v)


def _density(v: Any, w: Any) -> Any:
    """f v."""
    return np.asarray(w["f"]) * np.asarray(v)


_BILINEAR, _LINEAR = skfem.BilinearForm(_blocks), skfem.LinearForm(_density)


def _volume(form: SystemForm, basis: Any, a: int, b: int) -> csr_matrix:
    """The block of equation a and unknown b."""
    nodes = [node for row in form.matrix[a][b] for node in row]
    nodes += [*form.slopes[a][b], form.values[a][b]]
    if all(node == ZERO for node in nodes):
        return csr_matrix((basis.N, basis.N))
    x = np.asarray(basis.global_coordinates())
    values = _nodes(nodes, x)
    matrix = values[:4].reshape(2, 2, *x.shape[1:])
    return csr_matrix(_BILINEAR.assemble(basis, A=matrix, b=values[4:6], c=values[6]))


def _load(basis: Any, node: Node) -> Array:
    x = np.asarray(basis.global_coordinates())
    return np.asarray(_LINEAR.assemble(basis, f=_nodes([node], x)[0]))


def _fluxes(form: SystemForm, side: Side, basis: Any) -> list[tuple[int, list[Any]]]:
    """For every equation whose unknown is not given on a part: the m blocks and the load of
    ∮ q·n v ds.
    """
    m, free = form.unknowns, [a for a in range(form.unknowns) if a not in side.given]
    if not free:
        return []
    x, n = np.asarray(basis.global_coordinates()), np.asarray(basis.normals)
    shape = x.shape[1:]
    nodes = [
        form.matrix[a][b][i][j] for a in free for b in range(m) for i in (0, 1) for j in (0, 1)
    ]
    matrix = _nodes(nodes, x).reshape(len(free), m, 2, 2, *shape)
    conormal = np.einsum("iEQ,abijEQ->abjEQ", n, matrix)
    slopes = [node for flux in side.fluxes for row in flux.slopes for node in row]
    beta = _nodes(slopes, x, n).reshape(len(side.fluxes), m, 2, *shape)
    rest = [node for flux in side.fluxes for node in (*flux.values, flux.constant)]
    gamma = _nodes(rest, x, n).reshape(len(side.fluxes), m + 1, *shape)
    wanted = np.einsum("abjEQ,jEQ->EQab", conormal, n)
    present = np.einsum("kbjEQ,jEQ->EQkb", beta, n)
    factor = wanted @ np.linalg.pinv(present)
    missed = np.abs(wanted - factor @ present).max()
    if missed > CONORMAL * np.abs(wanted).max():
        raise ConfigError(
            "reference: the conditions of a part with derivatives must be fluxes of its equations,"
            f" found a normal derivative that they leave open by {missed:.1e}; no reference by"
            " finite elements"
        )
    along = conormal - np.einsum("EQak,kbjEQ->abjEQ", factor, beta)
    given = -np.einsum("EQak,kbEQ->abEQ", factor, gamma)
    nothing, added = np.zeros((2, 2, *shape)), []
    for row, a in enumerate(free):
        blocks = [
            csr_matrix(_BILINEAR.assemble(basis, A=nothing, b=along[row, b], c=given[row, b]))
            for b in range(m)
        ]
        added.append((a, [*blocks, np.asarray(_LINEAR.assemble(basis, f=given[row, m]))]))
    return added
