"""Finite elements of NGSolve for the suite's cases in the plane: formulas and equations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.pde_agent_bench import solutions
from scripts.pde_agent_bench.case import Case
from scripts.pde_agent_bench.geometry import geometry

Array = NDArray[np.float64]
FUNCTIONS = ("sin", "cos", "exp", "sqrt")
RATIO, SIZE, NEWTON, BONUS = 0.15, 0.12, 12, 10
"""Of sides of neighbouring layers, the largest element, the most steps of Newton, and how far rules
go beyond the degree of the elements.
"""


def solved(case: Case, points: Array, order: int, layers: int) -> Array:
    """Values (N, m) of the unknowns at points (N, 2)."""
    import ngsolve as ng

    mesh = ng.Mesh(geometry(case.problem["domain"], case.kind).GenerateMesh(maxh=SIZE))
    mesh.RefineHP(layers, RATIO)
    mesh.Curve(order)
    solver = {
        "linear_elasticity": _elasticity,
        "stokes": _flow,
        "navier_stokes": _flow,
        "biharmonic": _biharmonic,
    }.get(case.kind, _scalar)
    at = mesh(points[:, 0], points[:, 1])
    return np.column_stack([np.ravel(u(at)) for u in solver(case, mesh, order)])


# Formulas ---------------------------------------------------------------------------------------


def _formula(text: object) -> Any:
    """A formula of x and y as NGSolve's."""
    import ngsolve as ng
    import sympy

    names = [solutions.SYMBOLS[name] for name in ("x", "y")]
    modules = [{name: getattr(ng, name) for name in FUNCTIONS}, "math"]
    return ng.CF(sympy.lambdify(names, solutions.formula(text), modules)(ng.x, ng.y))


def _source(case: Case, count: int) -> list[Any]:
    return [_formula(case.problem["definitions"][f"f{k + 1}"]) for k in range(count)]


def _given(case: Case, mesh: Any) -> dict[str, dict[str, Any]]:
    """Values by part of every unknown that has some there, on all sides where parts have no names
    of their own.
    """
    names = case.problem["unknowns"]
    given: dict[str, dict[str, Any]] = {}
    for condition in case.problem["conditions"]:
        if "part" not in condition:
            continue
        parts = condition["part"]
        parts = [parts] if isinstance(parts, str) else parts
        known = {}
        for equation in condition["equation"]:
            left, _, right = equation.partition(" = ")
            if left in names:
                known[left] = _formula(right)
        for part in parts:
            if known:
                given[part if part in mesh.GetBoundaries() else ".*"] = known
    return given


def _on_sides(case: Case, mesh: Any) -> tuple[str, Callable[[Any, int], None]]:
    """The sides with given values, and what puts these into components of a function."""
    given = _given(case, mesh)

    def put(function: Any, count: int) -> None:
        import ngsolve as ng

        names = case.problem["unknowns"][:count]
        for part, known in given.items():
            values = [known[name] for name in names]
            # a space keeps what other sides were given
            other = ng.GridFunction(function.space)
            other.Set(
                ng.CF(tuple(values)) if count > 1 else values[0], ng.BND, mesh.Boundaries(part)
            )
            dofs = function.space.GetDofs(mesh.Boundaries(part))
            for number, belongs in enumerate(dofs):
                if belongs:
                    function.vec[number] = other.vec[number]

    return "|".join(given), put


# Equations --------------------------------------------------------------------------------------


def _scalar(case: Case, mesh: Any, order: int) -> list[Any]:
    import ngsolve as ng
    from ngsolve import grad

    sides, put = _on_sides(case, mesh)
    space = ng.H1(mesh, order=order, dirichlet=sides)
    u, v = space.TnT()
    numbers = case.problem.get("parameters") or {}
    if case.kind == "helmholtz":
        form = grad(u) * grad(v) - numbers["k"] ** 2 * u * v
    elif case.kind == "convection_diffusion":
        flow = ng.CF((numbers["beta1"], numbers["beta2"]))
        form = numbers["epsilon"] * grad(u) * grad(v) + flow * grad(u) * v
    else:
        form = _formula(case.problem["definitions"]["kappa"]) * grad(u) * grad(v)
    return [_linear(space, form, _source(case, 1)[0] * v, put, 1)]


def _biharmonic(case: Case, mesh: Any, order: int) -> list[Any]:
    """u and Δu are zero on the sides: two Poisson problems."""
    import ngsolve as ng
    from ngsolve import grad

    space = ng.H1(mesh, order=order, dirichlet=".*")
    u, v = space.TnT()
    put = _on_sides(case, mesh)[1]
    moment = _linear(space, grad(u) * grad(v), _source(case, 1)[0] * v, put, 1)
    return [_linear(space, grad(u) * grad(v), moment * v, put, 1)]


def _elasticity(case: Case, mesh: Any, order: int) -> list[Any]:
    import ngsolve as ng
    from ngsolve import grad

    sides, put = _on_sides(case, mesh)
    space = ng.VectorH1(mesh, order=order, dirichlet=sides)
    u, v = space.TnT()
    numbers = case.problem["parameters"]
    strain, tested = ng.Sym(grad(u)), ng.Sym(grad(v))
    form = 2 * numbers["mu"] * ng.InnerProduct(strain, tested)
    form = form + numbers["lambda"] * ng.div(u) * ng.div(v)
    solution = _linear(space, form, ng.CF(tuple(_source(case, 2))) * v, put, 2)
    return [solution[0], solution[1]]


def _linear(space: Any, form: Any, source: Any, put: Any, count: int) -> Any:
    import ngsolve as ng

    rule = ng.dx(bonus_intorder=BONUS)
    matrix = ng.BilinearForm(form * rule).Assemble().mat
    # NGSolve makes no form of a source that is zero
    none = ng.Parameter(0.0) * (space.TestFunction()[0] if count > 1 else space.TestFunction())
    right = ng.LinearForm((source + none) * rule).Assemble().vec
    solution = ng.GridFunction(space)
    put(solution, count)
    rest = right.CreateVector()
    rest.data = right - matrix * solution.vec
    solution.vec.data += matrix.Inverse(space.FreeDofs(), "umfpack") * rest
    return solution


def _flow(case: Case, mesh: Any, order: int) -> list[Any]:
    """Taylor and Hood; a flow that nothing leaves freely has a pressure of mean zero."""
    import ngsolve as ng
    from ngsolve import div, dx, grad

    sides, put = _on_sides(case, mesh)
    closed = any("mean" in condition for condition in case.problem["conditions"])
    velocity = ng.VectorH1(mesh, order=order, dirichlet=sides)
    spaces = [velocity, ng.H1(mesh, order=order - 1), *([ng.NumberSpace(mesh)] if closed else [])]
    space = ng.FESpace(spaces)
    (u, p, *m), (v, q, *n) = space.TnT()
    form = case.problem["parameters"]["nu"] * ng.InnerProduct(grad(u), grad(v))
    form = form - p * div(v) - q * div(u)
    if closed:
        form = form + m[0] * q + n[0] * p
    form = form - ng.CF(tuple(_source(case, 2))) * v
    solution = ng.GridFunction(space)
    start = ng.GridFunction(velocity)
    put(start, 2)
    solution.components[0].vec.data = start.vec
    convection = ng.InnerProduct(grad(u) * u, v) if case.kind == "navier_stokes" else None
    for whole in (form, *([form + convection] if convection is not None else [])):
        problem = ng.BilinearForm(space)
        problem += whole * dx
        for _ in range(NEWTON):
            rest = solution.vec.CreateVector()
            problem.Apply(solution.vec, rest)
            problem.AssembleLinearization(solution.vec)
            step = rest.CreateVector()
            step.data = problem.mat.Inverse(space.FreeDofs(), "umfpack") * rest
            solution.vec.data -= step
            if step.Norm() <= 1e-12 * max(solution.vec.Norm(), 1e-300):
                break
    flow, pressure = solution.components[:2]
    return [flow[0], flow[1], pressure]
