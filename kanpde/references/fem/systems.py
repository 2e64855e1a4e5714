"""The weak form of a linear system of second order, worked out from its formulas.

    F_a = Σ C^ab_ij ∂_ij u_b + Σ b^ab_j ∂_j u_b + Σ c^ab u_b + f^a = 0,    a = 1 … m,

with C_ij = A_ij + A_ji shared equally and the flux q^a_i = Σ A^ab_ij ∂_j u_b, is

    ∫ -q^a·∇v + (Σ (b_j - ∂_i A_ij) ∂_j u_b + c u_b + f) v dx + ∮ q^a·n v ds = 0.

Another share of C between A_ij and A_ji changes q·n by derivatives along the boundary alone. So the
conditions G = β·∇u + γ u + g = 0 of a part, tractions as an example, give q·n up to such a term:
with R for which n·A - R β has no normal derivative,

    q·n = (n·A - R β)·∇u - R (γ u + g).

Conditions without derivatives hold for one unknown each. Equation a is tested with unknown a.
"""

from __future__ import annotations

from dataclasses import dataclass

from kanpde.errors import ConfigError
from kanpde.expressions import (
    Derivative,
    Node,
    add,
    differentiate,
    divide,
    linear_parts,
    multiply,
    negate,
    number,
)
from kanpde.numerics.jets import unit
from kanpde.problem.conditions import BoundaryCondition, Condition
from kanpde.problem.problem import Problem

ZERO: Node = number(0.0)
HALF: Node = number(0.5)
Row = tuple[Node, ...]
Blocks = tuple[tuple[tuple[Row, ...], ...], ...]
"""A[a][b][i][j]."""


@dataclass(frozen=True)
class Flux:
    """One condition with derivatives: slopes[b][j]·∂_j u_b + values[b] u_b + constant = 0."""

    slopes: tuple[Row, ...]
    values: Row
    constant: Node


@dataclass(frozen=True)
class Side:
    """The conditions of one part: what is given of some unknowns, by their number, and fluxes."""

    given: dict[int, Node]
    fluxes: tuple[Flux, ...]


@dataclass(frozen=True)
class SystemForm:
    """The weak form: A[a][b][i][j], the factors of ∂_j u_b [a][b][j] and of u_b [a][b], f[a], and
    the conditions by part.
    """

    matrix: Blocks
    slopes: tuple[tuple[Row, ...], ...]
    values: tuple[Row, ...]
    constants: Row
    sides: dict[str, Side]

    @property
    def unknowns(self) -> int:
        """m."""
        return len(self.constants)


def system_form(problem: Problem) -> SystemForm:
    """The weak form of a problem; ConfigError says what of it is not of this kind."""
    m, d = len(problem.unknowns), problem.domain.dimension
    if problem.config.time is not None or problem.regions:
        raise _refused(problem, "it depends on time or has regions")
    if len(problem.equations) != m:
        raise _refused(problem, f"it has {m} unknowns and {len(problem.equations)} equations")
    rows = [_equation(problem, node, m, d) for node in problem.equations]
    for a, (matrix, *_) in enumerate(rows):
        if all(matrix[a][i][i] == ZERO for i in range(d)):
            name = problem.unknowns[a]
            raise _refused(problem, f"equation {a + 1} has no second derivative of '{name}'")
    return SystemForm(
        matrix=tuple(row[0] for row in rows),
        slopes=tuple(row[1] for row in rows),
        values=tuple(row[2] for row in rows),
        constants=tuple(row[3] for row in rows),
        sides={part: _side(problem, part, m, d) for part in problem.domain.parts},
    )


_Equation = tuple[tuple[tuple[Row, ...], ...], tuple[Row, ...], Row, Node]


def _equation(problem: Problem, node: Node, m: int, d: int) -> _Equation:
    """A[b][i][j], factors of slopes [b][j] and of values [b], and f of one equation."""
    factors, constant = _linear(problem, node, "an equation")
    matrix = [[[ZERO] * d for _ in range(d)] for _ in range(m)]
    slopes, values = [[ZERO] * d for _ in range(m)], [ZERO] * m
    for jet, factor in factors.items():
        if sum(jet.index) > 2:
            raise _refused(problem, f"an equation has the derivative {jet.index}")
        axes = [axis for axis, count in enumerate(jet.index) for _ in range(count)]
        if not axes:
            values[jet.unknown] = factor
        elif len(axes) == 1:
            slopes[jet.unknown][axes[0]] = add(slopes[jet.unknown][axes[0]], factor)
        else:
            i, j = axes
            shared = factor if i == j else multiply(HALF, factor)
            matrix[jet.unknown][i][j] = matrix[jet.unknown][j][i] = shared
    for b in range(m):
        for j in range(d):
            moved = [negate(differentiate(matrix[b][i][j], i)) for i in range(d)]
            slopes[b][j] = add(slopes[b][j], *moved)
    blocks = tuple(tuple(map(tuple, block)) for block in matrix)
    return blocks, tuple(map(tuple, slopes)), tuple(values), constant


def _side(problem: Problem, part: str, m: int, d: int) -> Side:
    conditions = [c for c in problem.conditions if part in c.parts]
    if len(conditions) != m:
        raise _refused(problem, f"the part '{part}' has {len(conditions)} conditions, not {m}")
    given: dict[int, Node] = {}
    fluxes = []
    for condition in conditions:
        flux = _flux(problem, condition, m, d)
        if any(slope != ZERO for row in flux.slopes for slope in row):
            fluxes.append(flux)
            continue
        known = [b for b in range(m) if flux.values[b] != ZERO]
        if len(known) != 1 or known[0] in given:
            raise _refused(problem, f"the condition '{condition.name}' is not one of one unknown")
        given[known[0]] = negate(divide(flux.constant, flux.values[known[0]]))
    return Side(given, tuple(fluxes))


def _flux(problem: Problem, condition: Condition, m: int, d: int) -> Flux:
    if not isinstance(condition, BoundaryCondition):
        raise _refused(problem, f"it has a condition of kind '{condition.kind}'")
    factors, constant = _linear(problem, condition.node, f"the condition '{condition.name}'")
    if any(sum(jet.index) > 1 for jet in factors):
        raise _refused(problem, f"the condition '{condition.name}' has second derivatives")
    slopes = tuple(
        tuple(factors.get(Derivative(b, unit(j, d, 1)), ZERO) for j in range(d)) for b in range(m)
    )
    values = tuple(factors.get(Derivative(b, (0,) * d), ZERO) for b in range(m))
    return Flux(slopes, values, constant)


def _linear(problem: Problem, node: Node, what: str) -> tuple[dict[Derivative, Node], Node]:
    try:
        return linear_parts(node)
    except ValueError as error:
        raise _refused(problem, f"{what} is not linear") from error


def _refused(problem: Problem, reason: str) -> ConfigError:
    return ConfigError(
        f"problem '{problem.name}': no reference by finite elements: {reason}; systems and meshes"
        " need linear steady equations of second order, and as many conditions on every part as"
        " there are unknowns, each on one value or on fluxes"
    )
