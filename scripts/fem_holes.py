"""Finite-element reference for the plate with four holes, independent of `kanpde`.

    -Δu = 0 in [-1, 1]² without four discs of radius r = 0.2 centred at (±0.6, ±0.6);
    u = 1 on the square, u = 0 on the circles.

The eight symmetries of the square leave the half quadrant {0 ≤ x ≤ y ≤ 1} outside the disc about c = (0.6, 0.6), with
natural conditions on its straight inner sides. Rays from c map it exactly onto the rectangle (s, t) in [0, 1] x [0, 2]:

    x(s, t) = (1 - s) (c + r e(t)) + s b(t),   e = (b - c)/|b - c|,   b(t) on the side y = 1 for t ≤ 1, on x = 0 beyond,

so the geometry has no error. With J = dx/d(s, t) the weak form is ∫ (J⁻ᵀ∇u)·(J⁻ᵀ∇v) det J ds dt = 0, on a tensor mesh
of hierarchical quadrilaterals of degree p (`ElementQuadP`); one of its lines is t = 1, where b turns the corner (0, 1).
The solution is analytic up to the corners, so the error falls exponentially in p. Lengths and u are dimensionless.
Problem: Hao et al., PINNacle (2023), Poisson2d-C, scaled by 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skfem import Basis, BilinearForm, ElementQuadP, FacetBasis, MeshQuad, condense, solve
from skfem.helpers import dot, grad

Array = NDArray[np.float64]
CENTRE, RADIUS = np.array([0.6, 0.6]), 0.2


def outer(t: Array) -> tuple[Array, Array]:
    """b(t) and db/dt, both (2, ...): (1, 1) → (0, 1) → (0, 0) for t from 0 to 2; the corner is on the second side."""
    on_side = t < 1
    b = np.stack([np.where(on_side, 1 - t, 0.0), np.where(on_side, 1.0, 2 - t)])
    return b, np.stack([np.where(on_side, -1.0, 0.0), np.where(on_side, 0.0, -1.0)])


def ray_map(s: Array, t: Array) -> tuple[Array, Array]:
    """x(s, t) as (2, ...) and its Jacobian J[i, j] = dx_i/d(s, t)_j as (2, 2, ...)."""
    b, db = outer(t)
    ray = b - CENTRE.reshape(2, *[1] * t.ndim)
    length = np.sqrt(np.sum(ray**2, axis=0))
    e = ray / length
    de = (db - e * np.sum(e * db, axis=0)) / length
    circle = b - ray + RADIUS * e
    return (1 - s) * circle + s * b, np.stack([b - circle, (1 - s) * RADIUS * de + s * db], axis=1)


def inverse_map(points: Array) -> Array:
    """(s, t) of points (N, 2) anywhere in the closed domain, as (2, N): fold by symmetry, then follow the ray."""
    x = np.sort(np.abs(points), axis=1)
    ray = x - CENTRE
    with np.errstate(divide="ignore", invalid="ignore"):
        top = ray[:, 1] >= -ray[:, 0] * (0.4 / 0.6)
        stretch = np.where(top, 0.4 / ray[:, 1], -0.6 / ray[:, 0])
    b = CENTRE + stretch[:, None] * ray
    distance, length = np.linalg.norm(ray, axis=1), np.linalg.norm(b - CENTRE, axis=1)
    return np.stack([(distance - RADIUS) / (length - RADIUS), np.where(top, 1 - b[:, 0], 2 - b[:, 1])])


@dataclass(frozen=True)
class Reference:
    """A finite-element function on the plate; call it with points (N, 2), get values (N,)."""

    basis: Basis
    coefficients: Array

    def __call__(self, points: Array) -> Array:
        """u at points (N, 2) of the closed domain (dimensionless)."""
        st = np.clip(inverse_map(points), 0.0, [[1.0], [2.0]])
        return np.asarray(self.basis.probes(st) @ self.coefficients)


@BilinearForm
def stiffness(u, v, w):  # type: ignore[no-untyped-def]
    """(J⁻ᵀ∇u)·(J⁻ᵀ∇v) det J, with J⁻ᵀ∇u = (J11 u_s - J10 u_t, J00 u_t - J01 u_s) / det J."""
    j = ray_map(*w.x)[1]
    det = j[0, 0] * j[1, 1] - j[0, 1] * j[1, 0]

    def physical(g: Array) -> Array:
        return np.stack([j[1, 1] * g[0] - j[1, 0] * g[1], j[0, 0] * g[1] - j[0, 1] * g[0]])

    return dot(physical(grad(u)), physical(grad(v))) / det


def solve_plate(cells: int, degree: int, value: Callable[[Array], Array] | None = None) -> Reference:
    """The plate on `cells` x 2·`cells` elements of `degree`.

    With `value`, a harmonic function (2, ...) → (...) of x, it is prescribed on all four sides of the half quadrant.
    """
    mesh = MeshQuad.init_tensor(np.linspace(0, 1, cells + 1), np.linspace(0, 2, 2 * cells + 1))
    if value is None:
        facets = mesh.facets_satisfying(lambda st: (st[0] == 0) | ((st[0] == 1) & (st[1] < 1)))
    else:
        facets = mesh.boundary_facets()
    basis = Basis(mesh, ElementQuadP(degree), intorder=2 * degree + 6)
    boundary = FacetBasis(mesh, basis.elem, facets=facets, intorder=2 * degree + 6)
    given = boundary.project(lambda st: np.round(st[0]) if value is None else value(ray_map(*st)[0]))
    system = condense(stiffness.assemble(basis), x=given, D=basis.get_dofs(facets))
    return Reference(basis, np.asarray(solve(*system)))


def quadrature(count: int = 24) -> tuple[Array, Array]:
    """Gauss points (N, 2) of the half quadrant and their weights (N,), Σw = (1 - 0.04π)/2."""
    node, weight = np.polynomial.legendre.leggauss(count)
    node, weight = (node + 1) / 2, weight / 2
    s, t = np.meshgrid(node, np.concatenate([node, node + 1]), indexing="ij")
    x, j = ray_map(s, t)
    w = np.outer(weight, np.tile(weight, 2)) * np.abs(j[0, 0] * j[1, 1] - j[0, 1] * j[1, 0])
    return x.reshape(2, -1).T, w.ravel()


def relative_l2(u: Array, v: Array, w: Array) -> float:
    """‖u - v‖ / ‖v‖ with weights w, all (N,)."""
    return float(np.sqrt(np.sum(w * (u - v) ** 2) / np.sum(w * v**2)))
