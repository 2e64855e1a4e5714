"""The weak form of a scalar second-order equation, worked out from its formula.

    F(x, u, ∂u) = m u_t + Σ a_ij(x, u) ∂_ij u + g(x, u, ∇u) = 0

is, with the flux q_i = Σ_j a_ij ∂_j u and s = g - Σ_ij (D_i a_ij) ∂_j u (D_i is the total
derivative),

    ∫ m u_t v - q·∇v + s v dx + ∮ q·n v ds = 0    for every test function v.

A condition G = β(x, n, u)·∇u + h(x, n, u) = 0 gives the boundary term where β = μ A n, A = (a_ij):
there q·n = -h/μ. For A = k I these are Neumann's and Robin's conditions, written with dn(u). A
condition without derivatives is Dirichlet's. Lengths and u are dimensionless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kanpde.errors import ConfigError
from kanpde.expressions import (
    Derivative,
    Node,
    add,
    differentiate,
    divide,
    jets,
    linear_parts,
    multiply,
    negate,
    number,
    partial,
    substitute,
)
from kanpde.numerics.jets import unit
from kanpde.problem.conditions import Condition
from kanpde.problem.problem import Problem

ZERO, HALF = number(0.0), number(0.5)


@dataclass(frozen=True)
class Given:
    """Dirichlet's condition u = value(x) on a part."""

    part: str
    value: Node


@dataclass(frozen=True)
class Flux:
    """β·∇u + h = 0 on a part: β (d nodes), h and ∂h/∂u."""

    part: str
    slopes: tuple[Node, ...]
    rest: Node
    rate: Node


@dataclass(frozen=True)
class Mean:
    """The average of weight·u + rest over the domain is 0."""

    weight: Node
    rest: Node


@dataclass(frozen=True)
class WeakForm:
    """What assembly integrates: jets (u, ∂_1 u, …), A, the fluxes and s, their derivatives by these
    jets, and m (or None).
    """

    jets: tuple[Derivative, ...]
    matrix: tuple[tuple[Node, ...], ...]
    densities: tuple[Node, ...]
    slopes: tuple[tuple[Node, ...], ...]
    mass: Node | None
    conditions: tuple[Given | Flux | Mean, ...]
    periodic: tuple[tuple[str, str, tuple[float, ...]], ...]
    linear: bool


def weak_form(problem: Problem) -> WeakForm:
    """The weak form of a problem; ConfigError says what of it is not of this kind."""
    d = problem.domain.dimension - (problem.config.time is not None)
    n = problem.domain.dimension
    if problem.regions:
        raise _refused(problem, f"its domain has the regions {', '.join(problem.regions)}")
    if len(problem.unknowns) != 1 or len(problem.equations) != 1:
        raise _refused(
            problem,
            f"it has {len(problem.unknowns)} unknowns and {len(problem.equations)} equations, not"
            f" one",
        )
    first = tuple(Derivative(0, unit(i, n, 1)) for i in range(d))
    value = Derivative(0, (0,) * n)
    known = (value, *first)
    matrix, mass, rest = _parts(problem, problem.equations[0], d, known)
    flux = tuple(
        add(*(multiply(a, jet) for a, jet in zip(row, first, strict=True))) for row in matrix
    )
    moved = [multiply(differentiate(matrix[i][j], i), first[j]) for i in range(d) for j in range(d)]
    densities = (add(rest, negate(add(*moved))), *(negate(q) for q in flux))
    slopes = tuple(tuple(partial(density, jet) for jet in known) for density in densities)
    found = [_condition(problem, condition, value, first) for condition in problem.conditions]
    conditions = tuple(condition for condition in found if condition is not None)
    pairs = tuple(
        (c.part, c.other, c.shift[:d]) for c in problem.conditions if c.part and c.other and c.shift
    )
    _check_parts(problem, conditions, pairs)
    return WeakForm(
        known,
        matrix,
        densities,
        slopes,
        mass,
        conditions,
        tuple(dict.fromkeys(pairs)),
        problem.is_linear,
    )


def _parts(
    problem: Problem, equation: Node, d: int, known: Sequence[Derivative]
) -> tuple[tuple[tuple[Node, ...], ...], Node | None, Node]:
    """A, m and g of an equation."""
    matrix: list[list[Node]] = [[ZERO] * d for _ in range(d)]
    mass, gone = None, []
    for jet in sorted(jets(equation), key=lambda jet: jet.index):
        if jet in known:
            continue
        slope = partial(equation, jet)
        space, in_time = jet.index[:d], sum(jet.index[d:])
        if in_time == 1 and not any(space) and not jets(slope):
            mass = slope
        elif in_time or sum(space) != 2:
            raise _refused(
                problem,
                f"its equation has the derivative {jet.index}, not u_t once and others to second"
                f" order",
            )
        elif any(inner.order for inner in jets(slope)):
            raise _refused(
                problem, "the factor of a second derivative depends on derivatives of the unknown"
            )
        else:
            i, j = (k for k in range(d) for _ in range(space[k]))
            shared = slope if i == j else multiply(HALF, slope)
            matrix[i][j] = matrix[j][i] = shared
        gone.append(jet)
    if (mass is None) != (problem.config.time is None) or all(
        a == ZERO for row in matrix for a in row
    ):
        raise _refused(
            problem, "its equation is neither elliptic nor u_t with an elliptic right-hand side"
        )
    return tuple(map(tuple, matrix)), mass, substitute(equation, dict.fromkeys(gone, ZERO))


def _condition(
    problem: Problem, condition: Condition, value: Derivative, first: Sequence[Derivative]
) -> Given | Flux | Mean | None:
    node, part = condition.node, condition.part
    if condition.kind == "periodic":
        return None
    if not jets(node) <= {value, *first}:
        raise _refused(
            problem,
            f"the condition '{condition.name}' has derivatives other than the first ones in space",
        )
    if condition.kind in ("equation", "natural") and part is not None and jets(node) & set(first):
        slopes = tuple(partial(node, jet) for jet in first)
        rest = substitute(node, dict.fromkeys(first, ZERO))
        if any(jet.order for slope in slopes for jet in jets(slope)):
            raise _refused(problem, f"the condition on '{part}' is not linear in the derivatives")
        return Flux(part, slopes, rest, partial(rest, value))
    try:
        found, rest = linear_parts(node)
    except ValueError as error:
        raise _refused(problem, f"the condition '{condition.name}' is not linear in u") from error
    if condition.kind == "mean" and set(found) == {value} and problem.config.time is None:
        return Mean(found[value], rest)
    if condition.kind != "equation" or part is None or set(found) != {value}:
        raise _refused(
            problem,
            f"it has a condition of kind '{condition.kind}' with derivatives, or at a point",
        )
    return Given(part, negate(divide(rest, found[value])))


def _check_parts(
    problem: Problem,
    conditions: Sequence[Given | Flux | Mean],
    pairs: Sequence[tuple[str, str, tuple[float, ...]]],
) -> None:
    held = [condition.part for condition in conditions if not isinstance(condition, Mean)]
    held += [part for pair in dict.fromkeys(pairs) for part in pair[:2]]
    for part in problem.domain.parts:
        wanted = 0 if part == "final" and problem.config.time else 1
        if held.count(part) != wanted:
            raise _refused(
                problem, f"the part '{part}' has {held.count(part)} conditions, not {wanted}"
            )


def _refused(problem: Problem, reason: str) -> ConfigError:
    return ConfigError(
        f"problem '{problem.name}': no reference by finite elements: {reason}; they need one"
        f" unknown, second order, and one"
        " Dirichlet, Neumann or Robin condition on every part"
    )
