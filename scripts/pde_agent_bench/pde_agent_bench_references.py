"""The suite's steady cases in the plane that have no solution, beside finite elements of NGSolve.

    python -m scripts pde_agent_bench_references FOLDER [--only NAME ...] [--order 10] [--layers 8]

FOLDER is what `pde_agent_bench --all --keep FOLDER` left. Every case is solved on triangles and
quadrilaterals of two orders, refined towards all corners (and sides, where a flow leaves); their
difference is the error of the reference. Errors are relative, in L2 at random points, the largest
over the unknowns, a pressure up to a constant where no condition fixes it. `pip install ngsolve`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.pde_agent_bench import solutions
from scripts.pde_agent_bench.case import Case
from scripts.pde_agent_bench.convert import convert
from scripts.pde_agent_bench.pde_agent_bench import DATA, POINTS, SEED

Array = NDArray[np.float64]
FUNCTIONS = ("sin", "cos", "exp", "sqrt")
RATIO, SIZE, NEWTON, BONUS = 0.15, 0.12, 12, 10
"""Of sides of neighbouring layers, the largest element, the most steps of Newton, and how far rules
go beyond the degree of the elements.
"""


def main() -> None:
    """A line for each case that has a run in the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[])
    parser.add_argument("--order", type=int, default=10)
    parser.add_argument("--layers", type=int, default=8)
    options = parser.parse_args()
    print("| case | estimate | error | of the reference |\n|---|---|---|---|")
    for line in options.data.read_text(encoding="utf-8").splitlines():
        case = convert(json.loads(line))
        is_wanted = not options.only or case.name in options.only
        if case.solution or case.times or len(case.place.lower) > 2 or not is_wanted:
            continue
        file = options.folder / case.name / "result.json"
        if file.is_file():
            said = json.loads(file.read_text(encoding="utf-8"))
            print(_row(case, options.folder, said, options.order, options.layers), flush=True)


def _row(case: Case, folder: Path, said: dict[str, Any], order: int, layers: int) -> str:
    import kanpde

    points = case.points(POINTS, SEED)
    rough, fine = (solved(case, points, degree, layers) for degree in (order - 2, order))
    values = np.asarray(kanpde.load(folder / case.name)(points, outside="allow"), dtype=float)
    estimates = list((said.get("estimate") or {}).values())
    largest = "" if None in estimates else f"{max(estimates):.1e}"
    floats = any("mean" in condition for condition in case.problem["conditions"])
    errors = f"{distance(values, fine, floats):.1e} | {distance(rough, fine, floats):.1e}"
    return f"| `{case.name}` | {largest} | {errors} |"


def distance(u: Array, right: Array, floats: bool) -> float:
    """The largest relative L2 difference of columns; the last one may float by a constant."""
    gap = u.reshape(right.shape) - right
    if floats:
        gap[:, -1] -= gap[:, -1].mean()
    known = np.isfinite(gap).all(axis=1)
    gap, right = gap[known], right[known]
    if floats:
        right = np.column_stack([right[:, :-1], right[:, -1] - right[:, -1].mean()])
    size = np.linalg.norm(right, axis=0)
    scale = np.where(size > 1e-9 * size.max(), size, size.max())
    return float((np.linalg.norm(gap, axis=0) / scale).max())


def solved(case: Case, points: Array, order: int, layers: int) -> Array:
    """Values (N, m) of the unknowns at points (N, 2)."""
    import ngsolve as ng

    mesh = ng.Mesh(_geometry(case.problem["domain"], case.kind).GenerateMesh(maxh=SIZE))
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


# Domains ----------------------------------------------------------------------------------------


def _geometry(node: dict[str, Any], kind: str) -> Any:
    from netgen.occ import OCCGeometry

    face = _face(node)
    for vertex in face.vertices:
        vertex.hpref = 1
    if kind == "convection_diffusion":
        for edge in face.edges:
            edge.hpref = 1
    return OCCGeometry(face, dim=2)


def _face(node: dict[str, Any]) -> Any:
    from netgen.occ import Circle, MoveTo, Pnt

    (shape, what), *_ = node.items()
    if shape in ("difference", "union"):
        face = _face(what[0])
        for other in what[1:]:
            face = face - _face(other) if shape == "difference" else face + _face(other)
        return face
    if shape == "disk":
        face = Circle(Pnt(*what["center"], 0), what["radius"]).Face()
    elif shape == "rectangle":
        (a, b), (c, d) = what["lower"], what["upper"]
        face = MoveTo(a, b).Rectangle(c - a, d - b).Face()
        named = {(1, b): "bottom", (1, d): "top", (0, a): "left", (0, c): "right"}
        for edge in face.edges:
            for (axis, value), name in named.items():
                if all(abs(v.p[axis] - value) < 1e-9 for v in edge.vertices):
                    edge.name = name
    else:
        first, *others = what["vertices"]
        outline = MoveTo(*first)
        for vertex in others:
            outline = outline.LineTo(*vertex)
        face = outline.Close().Face()
    return face


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


if __name__ == "__main__":
    main()
