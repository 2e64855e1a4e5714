"""Equations min(A, B) = 0: A is of second order (or a flux on a part), B = u - g of order zero.

    min(A, u - g) = 0:   A = 0 where u > g,   u = g where A > 0          (max with u - h likewise)

A must rise with u as -Δu does: then there is one solution, and that of

    A_K = A - K max(g - u, 0) + K max(u - h, 0) = 0

is off by at most its own penetration, max(g - u) and max(u - h): with the largest of these added it
is a solution above, so the error is known (a maximum principle).

Source: Kinderlehrer and Stampacchia, An Introduction to Variational Inequalities (1980), IV.5.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kanpde.config import ProblemConfig
from kanpde.config.problem.formula_trees import parsed, with_values, written
from kanpde.config.problem.inequalities import Complementarity, complementarity
from kanpde.errors import ConfigError
from kanpde.expressions import (
    FormulaError,
    Node,
    Number,
    Scope,
    jets,
    parse_expression,
    partial,
)
from kanpde.problem.formulas import Formulas


@dataclass(frozen=True)
class Obstacle:
    """One equation, or one condition (`on` its parts), with what is beside it.

    `lower` is u - g, which is not below 0, and `upper` u - h, which is not above 0.
    """

    number: int
    on: tuple[str, ...]
    text: Complementarity
    equation: Node
    lower: Node | None
    upper: Node | None

    def penalised(self, strength: float) -> str:
        """A_K = 0."""
        parts = [f"({self.text.equation})"]
        if self.text.lower is not None:
            parts.append(f"- {strength!r}*max(-({self.text.lower}), 0)")
        if self.text.upper is not None:
            parts.append(f"+ {strength!r}*max({self.text.upper}, 0)")
        return " ".join(parts) + " = 0"


def obstacles(config: ProblemConfig) -> tuple[Obstacle, ...]:
    """Those of a problem on one shape; ConfigError where the sign of an equation is the wrong one."""
    texts = [*config.equations, *(each.equation or "" for each in config.conditions)]
    if config.regions or not any(map(complementarity, texts)):
        return ()
    scope = Formulas.of_one(config).scope
    every = []
    for number, text in enumerate(config.equations):
        every.append(_obstacle(number, (), text, scope))
    for number, condition in enumerate(config.conditions):
        if condition.parts and condition.has_normal:
            on_part = replace(scope, normal=True)
            every.append(_obstacle(number, condition.parts, condition.equation or "", on_part))
    return tuple(each for each in every if each is not None)


def _obstacle(number: int, on: tuple[str, ...], text: str, scope: Scope) -> Obstacle | None:
    pair = complementarity(text)
    if pair is None:
        return None
    try:
        pair = _sorted(pair, scope)
        equation = parse_expression(pair.equation, scope)
        lower, upper = (
            None if gap is None else parse_expression(gap, scope)
            for gap in (pair.lower, pair.upper)
        )
    except FormulaError:
        return None
    gaps = [gap for gap in (lower, upper) if gap is not None]
    if not all(map(_is_gap, gaps)) or not max((jet.order for jet in jets(equation)), default=0):
        return None
    if _rises(equation, scope, bool(on)) is False:
        raise ConfigError(
            f"problem.equations: '{text}' has no solution that depends on its"
            f" data, since the equation falls where the unknown rises; change the sign of the"
            f" equation, as in min(-dxx(u) - f, u - g) = 0"
        )
    return Obstacle(number, on, pair, equation, lower, upper)


def _sorted(pair: Complementarity, scope: Scope) -> Complementarity:
    """With what holds derivatives as the equation."""
    if any(jet.order for jet in jets(parse_expression(pair.equation, scope))):
        return pair
    if pair.upper is None and pair.lower is not None:
        return Complementarity(pair.lower, lower=pair.equation)
    if pair.lower is None and pair.upper is not None:
        return Complementarity(pair.upper, upper=pair.equation)
    return pair


def _is_gap(gap: Node) -> bool:
    """Whether a formula is an unknown minus something that holds none."""
    present = list(jets(gap))
    if len(present) != 1 or present[0].order:
        return False
    slope = partial(gap, present[0])
    return isinstance(slope, Number) and slope.value == 1


def _rises(equation: Node, scope: Scope, on_part: bool) -> bool | None:
    """Whether an equation is one of -Δu, u_t - Δu or ∂_n u with this sign; None where that is not
    plain.
    """
    if on_part:
        return None
    signs = set()
    time = len(scope.coordinates) - 1 if scope.time else None
    for jet in jets(equation):
        slope = partial(equation, jet)
        if not isinstance(slope, Number) or not slope.value:
            continue
        if time is not None and jet.index[time] and jet.order == 1:
            signs.add(slope.value > 0)
        elif jet.order == 2 and max(jet.index) == 2:
            signs.add(slope.value < 0)
    return signs.pop() if len(signs) == 1 else None


def pressed_on(equation: str, gap: str, unknown: str, inside: str) -> str:
    """A(u) = A(g) on a set and 0 elsewhere, for one unknown whose definitions hold it nowhere."""
    value = written(with_values(parsed(gap), {unknown: ast.Constant(0.0)}))
    at_obstacle = with_values(parsed(equation), {unknown: parsed(f"-({value})")})
    return f"{equation} = where({inside}, {written(at_obstacle)}, 0)"


def penalised(
    config: ProblemConfig, known: Sequence[Obstacle], strengths: Sequence[float]
) -> ProblemConfig:
    """The problem with equations in place of inequalities, and without what serves errors."""
    equations, conditions = list(config.equations), list(config.conditions)
    for obstacle, strength in zip(known, strengths, strict=True):
        text = obstacle.penalised(strength)
        if obstacle.on:
            conditions[obstacle.number] = replace(conditions[obstacle.number], equation=text)
        else:
            equations[obstacle.number] = text
    return replace(
        config,
        equations=tuple(equations),
        conditions=tuple(conditions),
        exact=None,
        reference=None,
    )
