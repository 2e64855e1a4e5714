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

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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
    order,
    partial,
    substitute,
)
from kanpde.numerics.jets import unit
from kanpde.problem.conditions import (
    BoundaryCondition,
    Condition,
    MeanCondition,
    NaturalCondition,
    PeriodicCondition,
)
from kanpde.problem.problem import Problem

ZERO, HALF = number(0.0), number(0.5)


@dataclass(frozen=True)
class Given:
    """Dirichlet's condition: u = value(x) on a part."""

    part: str
    value: Node


@dataclass(frozen=True)
class Flux:
    """β·∇u + h = 0 on a part: slopes β (d nodes), value h and rate ∂h/∂u."""

    part: str
    slopes: tuple[Node, ...]
    value: Node
    rate: Node


@dataclass(frozen=True)
class Mean:
    """The average of weight·u + constant over the domain is 0."""

    weight: Node
    constant: Node


@dataclass(frozen=True)
class WeakForm:
    """What assembly integrates.

    Attributes:
        jets: u, ∂_1 u, …, ∂_d u.
        matrix: A, (d, d).
        densities: s and -q, d + 1 formulas: what multiplies v and ∇v.
        slopes: the derivatives of the densities by the jets, (d + 1, d + 1).
        mass: m, None where the equation has no u_t.
        conditions: those on parts and on the mean.
        periodic: the pairs of parts with the translation from the first to the second.
        linear: whether Newton's method ends after one step.
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
    (equation,) = problem.equations
    coefficients = _coefficients(problem, equation, d, known)
    matrix = coefficients.matrix
    densities = _densities(coefficients, first)
    slopes = tuple(tuple(partial(density, jet) for jet in known) for density in densities)
    read = [_condition(problem, condition, value, first) for condition in problem.conditions]
    conditions = tuple(condition for condition in read if condition is not None)
    pairs = tuple(
        (c.part, c.opposite, c.shift[:d])
        for c in problem.conditions
        if isinstance(c, PeriodicCondition)
    )
    _check_parts(problem, conditions, pairs)
    return WeakForm(
        jets=known,
        matrix=matrix,
        densities=densities,
        slopes=slopes,
        mass=coefficients.mass,
        conditions=conditions,
        periodic=tuple(dict.fromkeys(pairs)),
        linear=problem.is_linear,
    )


class _Coefficients(NamedTuple):
    """A, m and g of an equation."""

    matrix: tuple[tuple[Node, ...], ...]
    mass: Node | None
    remainder: Node


def _densities(coefficients: _Coefficients, first: Sequence[Derivative]) -> tuple[Node, ...]:
    """s, -q_1, …, -q_d: what the weak form multiplies by v and by its slopes."""
    fluxes, moved = [], []
    for i, row in enumerate(coefficients.matrix):
        terms = [multiply(a, jet) for a, jet in zip(row, first, strict=True)]
        fluxes.append(negate(add(*terms)))
        moved += [multiply(differentiate(a, i), jet) for a, jet in zip(row, first, strict=True)]
    return (add(coefficients.remainder, negate(add(*moved))), *fluxes)


def _coefficients(
    problem: Problem, equation: Node, d: int, known: Sequence[Derivative]
) -> _Coefficients:
    matrix: list[list[Node]] = [[ZERO] * d for _ in range(d)]
    mass, removed = None, []
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
            axes = [k for k in range(d) if space[k]]
            i, j = axes[0], axes[-1]
            matrix[i][j] = matrix[j][i] = slope if i == j else multiply(HALF, slope)
        removed.append(jet)
    elliptic = any(a != ZERO for a in itertools.chain.from_iterable(matrix))
    if (mass is None) != (problem.config.time is None) or not elliptic:
        raise _refused(
            problem, "its equation is neither elliptic nor u_t with an elliptic right-hand side"
        )
    remainder = substitute(equation, dict.fromkeys(removed, ZERO))
    return _Coefficients(tuple(map(tuple, matrix)), mass, remainder)


def _condition(
    problem: Problem, condition: Condition, value: Derivative, first: Sequence[Derivative]
) -> Given | Flux | Mean | None:
    node, part = condition.node, condition.part
    if isinstance(condition, PeriodicCondition):
        return None
    if not jets(node) <= {value, *first}:
        raise _refused(
            problem,
            f"the condition '{condition.name}' has derivatives other than the first ones in space",
        )
    on_part = isinstance(condition, BoundaryCondition | NaturalCondition)
    if on_part and part is not None and jets(node) & set(first):
        slopes = tuple(partial(node, jet) for jet in first)
        if any(order(slope) for slope in slopes):
            raise _refused(problem, f"the condition on '{part}' is not linear in the derivatives")
        at_rest = substitute(node, dict.fromkeys(first, ZERO))
        return Flux(part, slopes, at_rest, partial(at_rest, value))
    try:
        factors, constant = linear_parts(node)
    except ValueError as error:
        raise _refused(problem, f"the condition '{condition.name}' is not linear in u") from error
    if (
        isinstance(condition, MeanCondition)
        and set(factors) == {value}
        and condition.over is None
        and problem.config.time is None
    ):
        return Mean(factors[value], constant)
    if not isinstance(condition, BoundaryCondition) or set(factors) != {value}:
        raise _refused(
            problem,
            f"it has a condition of kind '{condition.kind}' with derivatives, or at a point",
        )
    return Given(condition.part, negate(divide(constant, factors[value])))


def _check_parts(
    problem: Problem,
    conditions: Sequence[Given | Flux | Mean],
    pairs: Sequence[tuple[str, str, tuple[float, ...]]],
) -> None:
    conditioned = [condition.part for condition in conditions if not isinstance(condition, Mean)]
    for first, second, _ in dict.fromkeys(pairs):
        conditioned += [first, second]
    for part in problem.domain.parts:
        wanted = 0 if part == "final" and problem.config.time else 1
        count = conditioned.count(part)
        if count != wanted:
            raise _refused(problem, f"the part '{part}' has {count} conditions, not {wanted}")


def _refused(problem: Problem, reason: str) -> ConfigError:
    return ConfigError(
        f"problem '{problem.name}': no reference by finite elements: {reason}; they need one"
        " unknown, second order, and one Dirichlet, Neumann or Robin condition on every part"
    )
