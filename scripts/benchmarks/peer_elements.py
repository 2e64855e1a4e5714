"""The four problems of `peers` by finite elements of NGSolve and of scikit-fem.

-k Δu = f with u = g on Dirichlet sides, k u_n + u = 1 on a Robin side, u_n = 0 elsewhere
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Values = Callable[[Array], Array]
"""Values (N,) at points (N, d)."""

MARKED = 0.1
"""Elements whose estimate is above this share of the largest are refined."""


def ngsolve_mesh(name: str, size: float, graded: bool) -> Any:
    """The domain of a problem, its re-entrant and mixed corners marked for refinement."""
    from netgen.csg import unit_cube
    from netgen.geom2d import SplineGeometry
    from ngsolve import Mesh

    if name == "cube":
        return Mesh(unit_cube.GenerateMesh(maxh=size))
    geometry = SplineGeometry()
    grade = {"hpref": 1} if graded else {}
    corners = {
        "plate": ([(0, 0), (2, 0), (2, 1), (0, 1)], ["free", "dirichlet", "robin", "dirichlet"]),
        "lshape": (
            [(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)],
            ["dirichlet"] * 6,
        ),
        "franke": ([(0, 0), (1, 0), (1, 1), (0, 1)], ["dirichlet"] * 4),
    }
    places, parts = corners[name]
    points = [geometry.AppendPoint(*place, **grade) for place in places]
    for k, part in enumerate(parts):
        geometry.Append(["line", points[k], points[(k + 1) % len(points)]], bc=part)
    if name == "plate":
        geometry.AddCircle((0.5, 0.5), 0.2, leftdomain=0, rightdomain=1, bc="free")
    return Mesh(geometry.GenerateMesh(maxh=size))


def ngsolve_data(name: str) -> tuple[Any, Any, float]:
    """The source, the Dirichlet values and k."""
    from ngsolve import CF, exp, pi, sin, x, y, z

    if name == "plate":
        return 10 * exp(-x * x - y * y), CF(0.0), 2.0
    if name == "lshape":
        return CF(1.0), CF(0.0), 1.0
    if name == "cube":
        u = exp(x) * sin(pi * y) * sin(pi * z)
        return (2 * pi**2 - 1) * u, u, 1.0
    u = 0.75 * exp(-((9 * x - 2) ** 2 + (9 * y - 2) ** 2) / 4)
    u += 0.75 * exp(-((9 * x + 1) ** 2) / 49 - (9 * y + 1) / 10)
    u += 0.5 * exp(-((9 * x - 7) ** 2 + (9 * y - 3) ** 2) / 4)
    u += -0.2 * exp(-((9 * x - 4) ** 2) - (9 * y - 7) ** 2)
    return -(u.Diff(x).Diff(x) + u.Diff(y).Diff(y)), u, 1.0


def _solved(mesh: Any, name: str, order: int) -> Any:
    from ngsolve import H1, BilinearForm, GridFunction, LinearForm, ds, dx, grad

    source, given, k = ngsolve_data(name)
    dirichlet = ".*" if name == "cube" else "dirichlet"
    space = H1(mesh, order=order, dirichlet=dirichlet)
    u, v = space.TnT()
    form = BilinearForm(space, symmetric=True, condense=True)
    form += k * grad(u) * grad(v) * dx
    load = LinearForm(source * v * dx(bonus_intorder=12))
    if name == "plate":
        form += u * v * ds("robin")
        load += v * ds("robin")
    solution = GridFunction(space)
    solution.Set(given, definedon=mesh.Boundaries(dirichlet), bonus_intorder=12)
    form.Assemble()
    load.Assemble()
    vector = solution.vec
    load.vec.data += form.harmonic_extension_trans * load.vec
    rest = load.vec.CreateVector()
    rest.data = load.vec - form.mat * vector  # the matrix of what is left without inner unknowns
    vector.data += form.mat.Inverse(space.FreeDofs(True), inverse="sparsecholesky") * rest
    vector.data += form.harmonic_extension * vector
    vector.data += form.inner_solve * load.vec
    return solution


def _at(mesh: Any, solution: Any) -> Values:
    def values(x: Array) -> Array:
        return np.array([solution(mesh(*point)) for point in x.tolist()])

    return values


def ngsolve_hp(name: str) -> Iterator[tuple[float, int, Values]]:
    """CPU seconds, unknowns and the solution: order p with p layers of elements at the corners, a
    factor 0.125 thinner each.
    """
    for order in (2, 4, 6, 8, 10, 12) if name != "cube" else (2, 3, 4, 5, 6, 8):
        began = time.process_time()
        graded = name in ("plate", "lshape")
        mesh = ngsolve_mesh(name, 0.2 if name == "franke" else 0.4, graded)
        if graded:
            mesh.RefineHP(order, factor=0.125)
        mesh.Curve(order)
        solution = _solved(mesh, name, order)
        yield time.process_time() - began, solution.space.ndof, _at(mesh, solution)


def ngsolve_adaptive(name: str, seconds: float) -> Iterator[tuple[float, int, Values]]:
    """The same of quadratic elements, refined where a recovered flux differs most."""
    from ngsolve import VOL, GridFunction, HDiv, Integrate, grad

    began = time.process_time()
    mesh = ngsolve_mesh(name, 0.4, False)
    while True:
        mesh.Curve(2)
        solution = _solved(mesh, name, 2)
        taken = time.process_time() - began
        yield taken, solution.space.ndof, _at(mesh, solution)
        if taken > seconds:
            return
        flux = GridFunction(HDiv(mesh, order=2))
        flux.Set(grad(solution))
        gap = flux - grad(solution)
        squares = Integrate(gap * gap, mesh, VOL, element_wise=True)
        marks = [square > MARKED * max(squares) for square in squares]
        for element in mesh.Elements():
            mesh.SetRefinementFlag(element, bool(marks[element.nr]))
        mesh.Refine()


def skfem_uniform(name: str, degree: int, seconds: float) -> Iterator[tuple[float, int, Values]]:
    """The same of scikit-fem on uniform meshes; nothing for elements that it does not have."""
    import skfem as fem
    from skfem.helpers import dot, grad

    from scripts.benchmarks.peer_problems import PROBLEMS

    if name == "plate" or (name == "cube" and degree > 2):
        return  # no curved mesh without a mesher, no P4 tetrahedra
    problem = PROBLEMS[name]
    elements = {2: fem.ElementTriP2(), 4: fem.ElementTriP4()}
    element = fem.ElementTetP2() if name == "cube" else elements[degree]
    total, step = 0.0, 1
    while total < seconds:
        began = time.process_time()
        if name == "cube":
            mesh = fem.MeshTet().refined(step)
        elif name == "lshape":
            mesh = fem.MeshTri.init_lshaped().refined(step)
        else:
            mesh = fem.MeshTri().refined(step)
        basis = fem.Basis(mesh, element, intorder=2 * degree + 2)
        stiffness = fem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis)

        def source(v: Any, w: Any) -> Any:
            at = np.asarray(w.x)
            flat = problem.source(at.reshape(len(at), -1).T)
            return flat.reshape(at.shape[1:]) * v

        load = fem.LinearForm(source).assemble(basis)
        edge = basis.get_dofs()
        given = basis.zeros()
        given[edge.all()] = problem.given(basis.doflocs[:, edge.all()].T)
        u = fem.solve(*fem.condense(stiffness, load, x=given, D=edge))
        taken = time.process_time() - began
        yield taken, len(u), lambda x, basis=basis, u=u: basis.probes(_turned(name, x).T) @ u
        total, step = 4 * taken, step + 1


def _turned(name: str, x: Array) -> Array:
    """Points in the L-shape of scikit-fem, whose missing square is the upper right one."""
    return x * np.array([1.0, -1.0]) if name == "lshape" else x
