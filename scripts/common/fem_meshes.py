"""Uniform simplex meshes of a box or of the unit disk for scikit-fem, and the values of a
finite-element function on them.

The disk is the exact image of the square |ξ|₁ ≤ 1: meshes and coordinates ξ are those of the
square.
"""

from __future__ import annotations

import numpy as np
import skfem as fem
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from kanpde.problem.problem import Problem

Array = NDArray[np.float64]


def to_disk(xi: Array) -> tuple[Array, Array]:
    """x and dx/dξ of x = ξ (1 + q⁴ (q/s - 1)) with q = |ξ|₁, s = |ξ|₂, smooth in each quadrant of
    the square q ≤ 1.
    """
    q, s = np.abs(xi).sum(0), np.maximum(np.sqrt((xi**2).sum(0)), 1e-300)
    g = 1 + q**4 * (q / s - 1)
    slope = (5 * q**4 / s - 4 * q**3) * np.sign(xi) - q**5 / s**3 * xi
    return xi * g, np.eye(2).reshape(2, 2, *[1] * q.ndim) * g + xi[:, None] * slope[None]


def from_disk(x: Array) -> Array:
    """The inverse of `to_disk` at points (2, N), by Newton along each ray."""
    radius = np.linalg.norm(x, axis=0)
    along = x / radius
    c = np.abs(along).sum(0)
    s = radius / c
    for _ in range(30):
        s = s - (s * (1 + (s * c) ** 4 * (c - 1)) - radius) / (1 + 5 * (s * c) ** 4 * (c - 1))
    return np.asarray(s * along)


def round_domain(problem: Problem) -> bool:
    """Whether the domain is the unit disk; anything but that and boxes is refused by their
    measure.
    """
    sides = float(np.prod(problem.domain.upper - problem.domain.lower))
    if abs(problem.domain.measure - np.pi) < 1e-12 and np.allclose(problem.domain.upper, 1):
        return True
    if abs(problem.domain.measure - sides) > 1e-12 * sides:
        raise ValueError(f"'{problem.name}': only boxes and the unit disk have meshes here")
    return False


def mesh_of(problem: Problem, step: int) -> fem.Mesh:
    """Uniform meshes: √2 times as fine from step to step on a box, 2 times on the disk."""
    lower, upper = problem.domain.lower, problem.domain.upper
    if round_domain(problem):
        corners = np.array([[0.0, 1, 0, -1, 0], [0, 0, 1, 0, -1]])
        triangles = np.array([[0, 0, 0, 0], [1, 2, 3, 4], [2, 3, 4, 1]])
        return fem.MeshTri(corners, triangles).refined(step + 2)
    lines = [
        np.linspace(a, b, 1 + round(4 * 2 ** (step / 2))) for a, b in zip(lower, upper, strict=True)
    ]
    return (fem.MeshTri if len(lower) == 2 else fem.MeshTet).init_tensor(*lines)


def sides(mesh: fem.Mesh, lower: Array, upper: Array, axis: int) -> NDArray[np.int64]:
    """The facets on the two sides of a box that are normal to an axis."""
    middle = mesh.p[axis, mesh.facets].mean(0)
    return np.flatnonzero(np.minimum(abs(middle - lower[axis]), abs(middle - upper[axis])) < 1e-12)


def sample(basis: fem.Basis, u: Array, x: Array) -> Array:
    """The function with coefficients u at points x (d, N): in that of the nearest cells inside
    which the point lies deepest.
    """
    mesh, d = basis.mesh, len(x)
    nearest = list(range(1, 1 + min(24, mesh.nelements)))
    near = np.asarray(cKDTree(mesh.p[:, mesh.t].mean(1).T).query(x.T, nearest)[1])
    repeated = np.repeat(x, near.shape[1], axis=1)[..., None]
    local = basis.mapping.invF(repeated, tind=near.ravel())[..., 0]
    inside = np.minimum(local.min(0), 1 - local.sum(0)).reshape(near.shape)
    best = inside.argmax(1)
    if inside.max(1).min() < -1e-9:
        raise ValueError("a point lies in none of the cells near it")
    cells = near[np.arange(len(best)), best]
    places = local.reshape(d, *near.shape)[:, np.arange(len(best)), best][..., None]
    shapes = [
        basis.elem.gbasis(basis.mapping, places, k, tind=cells)[0] for k in range(basis.Nbfun)
    ]
    return np.asarray(
        sum(u[basis.element_dofs[k, cells]] * np.asarray(s)[:, 0] for k, s in enumerate(shapes))
    )
