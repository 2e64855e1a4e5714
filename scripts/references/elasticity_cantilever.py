"""Compute the reference of `elasticity_cantilever` by finite elements (scikit-fem) on meshes graded
to the corners of the clamp.

    python -m scripts elasticity_cantilever [--levels N]

    ∫ λ div u div v + 2μ ε(u):ε(v) = ∫_right t·v,   u = 0 on the left,   ε = ½(∇u + ∇uᵀ)

with all data from the problem's own file. The cells that touch a corner of the clamp are halved N
times (40), so that the cell size falls with the distance to it and r^a costs no accuracy (Schwab,
p- and hp-Finite Element Methods, 1998, ch. 4). Elements of degree 2, 3 and 4 on three meshes each;
the change from the second finest to the finest of degree 4 and from degree 3 to 4 on the finest
mesh, whichever is larger, is the error that is stored with the values.
"""

from __future__ import annotations

import argparse

import numpy as np
import skfem as fem
from skfem.helpers import ddot, div, sym_grad

from kanpde.api.solving import configure
from scripts.common import store_reference as stored
from scripts.common.fem_elliptic import Array, solved
from scripts.common.fem_meshes import sample

NAME = "elasticity_cantilever"
DEGREES = {"P2": fem.ElementTriP2, "P3": fem.ElementTriP3, "P4": fem.ElementTriP4}
CELLS = (4, 8, 16)
"""Cells across the beam before the grading."""


def graded(lower: Array, upper: Array, cells: int, levels: int) -> fem.MeshTri:
    """A mesh of the beam whose cells at the two left corners are halved `levels` times."""
    along = round(cells * (upper[0] - lower[0]) / (upper[1] - lower[1]))
    mesh = fem.MeshTri.init_tensor(
        *(np.linspace(a, b, n + 1) for a, b, n in zip(lower, upper, (along, cells), strict=True))
    )
    for _ in range(levels):
        corners = [
            np.argmin(np.hypot(mesh.p[0] - lower[0], mesh.p[1] - y)) for y in (lower[1], upper[1])
        ]
        mesh = mesh.refined(np.flatnonzero(np.isin(mesh.t, corners).any(axis=0)))
    return mesh


def points(lower: Array, upper: Array) -> tuple[Array, Array]:
    """Gauss-Legendre points (N, 2) and weights (N,) on panels that shrink towards the clamp and its
    corners.
    """
    s, w = np.polynomial.legendre.leggauss(8)
    near = np.array([0, 1 / 64, 1 / 16, 1 / 4])
    ends = (
        np.append(near, [0.5, 1]) * (upper[0] - lower[0]),
        np.array([0, 1 / 16, 1 / 4, 3 / 4, 15 / 16, 1]),
    )
    axes = [
        low + (e[:-1, None] + np.diff(e)[:, None] * (1 + s) / 2).ravel()
        for e, low in zip(ends, lower, strict=True)
    ]
    weights = [(np.diff(e)[:, None] * w / 2).ravel() for e in ends]
    grid = np.meshgrid(*axes, indexing="ij")
    return np.stack([axis.ravel() for axis in grid], axis=1), np.outer(*weights).ravel()


def displacement(
    mesh: fem.MeshTri, element: type[fem.Element], parameters: dict[str, float], x: Array
) -> Array:
    """The displacement (N, 2) at points x (N, 2)."""
    young, poisson, load = (parameters[key] for key in ("young", "poisson", "load"))
    lame, mu = young * poisson / ((1 + poisson) * (1 - 2 * poisson)), young / (2 + 2 * poisson)
    vector = fem.ElementVector(element())
    basis = fem.Basis(mesh, vector, intorder=2 * element.maxdeg)
    stiffness = fem.BilinearForm(
        lambda u, v, w: lame * div(u) * div(v) + 2 * mu * ddot(sym_grad(u), sym_grad(v))
    )
    end = mesh.facets_satisfying(lambda p: p[0] == mesh.p[0].max())
    side = fem.FacetBasis(mesh, vector, facets=end, intorder=2 * element.maxdeg)
    force = fem.LinearForm(lambda v, w: -6 * load * w.x[1] * (1 - w.x[1]) * v[1]).assemble(side)
    clamp = basis.get_dofs(mesh.facets_satisfying(lambda p: p[0] == mesh.p[0].min())).flatten()
    u = solved(stiffness.assemble(basis), force, np.zeros(basis.N), clamp)
    single = fem.Basis(mesh, element(), intorder=2)
    parts = basis.split(u)
    displacements = np.stack([sample(single, part, x.T) for part, _ in parts], axis=1)
    print(
        f"  {len(DEGREES)} {element.__name__} {mesh.nelements} cells, {basis.N} dofs, tip"
        f" {displacements[-1]}",
        flush=True,
    )
    return displacements


def change(u: Array, v: Array, w: Array) -> float:
    """The largest relative L2 difference of an unknown."""
    return float(np.sqrt(w @ (u - v) ** 2 / (w @ v**2)).max())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--levels", type=int, default=40)
    levels = parser.parse_args().levels
    problem = configure(NAME).problem
    lower, upper = np.array(problem.domain.lower), np.array(problem.domain.upper)
    x, w = points(lower, upper)
    displacements: dict[tuple[str, int], Array] = {}
    for cells in CELLS:
        mesh = graded(lower, upper, cells, levels)
        for name, element in DEGREES.items():
            displacements[name, cells] = displacement(mesh, element, dict(problem.parameters), x)
            coarser = [(degree, cells) for degree in DEGREES if degree < name]
            for other in [(name, cells // 2), *coarser]:
                if other in displacements:
                    changed = change(displacements[other], displacements[name, cells], w)
                    print(f"    change from {other}: {changed:.1e}", flush=True)
    best = displacements["P4", CELLS[-1]]
    coarser, lower_degree = displacements["P4", CELLS[-2]], displacements["P3", CELLS[-1]]
    error = max(change(coarser, best, w), change(lower_degree, best, w))
    stored.store(NAME, x=x, w=w, values=best, error=error)
