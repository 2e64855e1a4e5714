"""Weak forms of an elliptic `kanpde` problem for scikit-fem on the meshes of `fem_meshes`.

With F(x, u, ∂u) = 0 parsed from the problem's file, a Δu + c u + F(x, 0) = 0 is ∫ a ∇u·∇v - c u v =
∫ F(x, 0) v, with u = -G(x, 0) on the boundary for the condition G = 0; a clamped plate Δ²u + F(x,
0) = 0 is ∫ ∇∇u : ∇∇v = -∫ F(x, 0) v. On the disk, the image of a square, the coefficients of the
form vary.
"""

from __future__ import annotations

import numpy as np
import skfem as fem
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu
from skfem.helpers import dd, ddot, dot, grad

from kanpde.expressions import Node, is_zero, linear_parts
from kanpde.expressions.evaluate import evaluate
from kanpde.problem.problem import Problem
from scripts.common.fem_meshes import round_domain, sides, to_disk

Array = NDArray[np.float64]


def values(node: Node, x: Array) -> Array:
    """A formula without unknowns at points x (d, ...)."""
    flat = torch.tensor(x.reshape(len(x), -1).T.copy())
    return np.asarray(evaluate([node], flat)[0].numpy().reshape(x.shape[1:]))


def coefficients(node: Node, d: int) -> tuple[dict[tuple[int, ...], float], Node]:
    """Constant coefficients of the derivatives, by multi-index, and what is left without the
    unknown; else ValueError.
    """
    slopes, remainder = linear_parts(node)
    somewhere = np.random.default_rng(0).uniform(0.1, 0.9, (d, 7))
    values_by_index = {jet.index: values(slope, somewhere) for jet, slope in slopes.items()}
    if any(np.ptp(slope) > 0 for slope in values_by_index.values()):
        raise ValueError("coefficients that vary are not supported")
    return {index: float(slope[0]) for index, slope in values_by_index.items()}, remainder


def elliptic(problem: Problem) -> tuple[float, float, Node, Node]:
    """a, c, F(x, 0) and G(x, 0) of a Δu + c u + F(x, 0) = 0 and one Dirichlet condition; ValueError
    for any other form.
    """
    d = problem.domain.dimension
    (equation,) = problem.equations
    condition, *more = {condition.node for condition in problem.conditions}
    number, source = coefficients(equation, d)
    boundary, boundary_source = coefficients(condition, d)
    c = number.pop((0,) * d, 0.0)
    second = {tuple(row) for row in 2 * np.eye(d, dtype=int)}
    if set(number) != second or len(set(number.values())) > 1 or more or boundary != {(0,) * d: 1}:
        raise ValueError(f"'{problem.name}': not a Δu + c u = f with one Dirichlet condition")
    return next(iter(number.values())), c, source, boundary_source


def second_order(problem: Problem, basis: fem.Basis) -> Array:
    """The coefficients of the solution in a basis of Lagrange elements."""
    a, c, source, boundary_source = elliptic(problem)
    x = np.asarray(basis.global_coordinates())
    metric, det = np.einsum("ij,q->ijq", a * np.eye(len(x)), [1.0])[..., None], np.ones(1)
    ends = basis.get_dofs().flatten()
    places = basis.doflocs[:, ends]
    if round_domain(problem):
        x, jacobian = to_disk(x)
        places = to_disk(places)[0]
        inverse = np.linalg.inv(np.moveaxis(jacobian, (0, 1), (-2, -1)))
        det = 1 / np.linalg.det(inverse)
        metric = np.moveaxis(a * inverse @ np.swapaxes(inverse, -1, -2), (-2, -1), (0, 1)) * det

    def energy(u, v, w):  # type: ignore[no-untyped-def]
        return dot(np.einsum("ij...,j...->i...", metric, grad(u)), grad(v)) - c * det * u * v

    load = fem.LinearForm(lambda v, w: values(source, x) * det * v).assemble(basis)
    u = np.zeros(basis.N)
    u[ends] = -values(boundary_source, places)
    return solved(fem.BilinearForm(energy).assemble(basis), load, u, ends)


def clamped(problem: Problem, basis: fem.Basis) -> Array:
    """The coefficients of the deflection of a clamped plate on a box, Δ²u + F(x, 0) = 0 with u =
    dn(u) = 0.
    """
    (equation,) = problem.equations
    by_index, source = coefficients(equation, 2)
    clamps = all(is_zero(linear_parts(condition.node)[1]) for condition in problem.conditions)
    if by_index != {(4, 0): 1, (2, 2): 2, (0, 4): 1} or not clamps:
        raise ValueError(f"'{problem.name}': not a clamped plate")
    x = np.asarray(basis.global_coordinates())
    load = fem.LinearForm(lambda v, w: -values(source, x) * v).assemble(basis)
    ends = set(basis.get_dofs().flatten())
    lower, upper = problem.domain.lower, problem.domain.upper
    # the curvature along a side's normal is free but at the corners
    for axis, name in enumerate(("u_xx", "u_yy")):
        along = basis.get_dofs(sides(basis.mesh, lower, upper, axis)).all([name])
        across = basis.get_dofs(sides(basis.mesh, lower, upper, 1 - axis)).all([name])
        ends -= set(along) - set(across)
    stiffness = fem.BilinearForm(lambda u, v, w: ddot(dd(u), dd(v))).assemble(basis)
    return solved(stiffness, load, np.zeros(basis.N), np.array(sorted(ends)))


def solved(matrix: csr_matrix, load: Array, u: Array, ends: NDArray[np.int64]) -> Array:
    """The values u at `ends` kept, the others solved for by a sparse LU with one step of
    refinement.
    """
    inner = np.setdiff1d(np.arange(len(u)), ends)
    square = matrix[inner][:, inner].tocsc()
    right = (load - matrix @ u)[inner]
    lu = splu(
        square, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    u = u.copy()
    u[inner] = lu.solve(right)
    u[inner] += lu.solve(right - square @ u[inner])
    return u
