"""Formulas of an eigenproblem, taken apart by the eigenvalue.

F(u, λ) = F_0(u) + λ F_1(u),    both linear in the unknowns and without a source
"""

from __future__ import annotations

from dataclasses import replace

from kanpde.config.problem.eigen import LAMBDA
from kanpde.errors import ConfigError
from kanpde.expressions import (
    Constant,
    FormulaError,
    Node,
    constants,
    is_zero,
    linear_parts,
    partial,
    substitute,
)
from kanpde.expressions.simplify import number
from kanpde.problem.conditions import MeanCondition, PointCondition
from kanpde.problem.problem import Problem

EIGENVALUE = Constant(0)
"""What stands for λ in the formulas of an eigenproblem, which has no other constants."""


def at_value(node: Node, value: float) -> Node:
    """F at a value of λ."""
    return substitute(node, {EIGENVALUE: number(value)})


def rate(node: Node) -> Node:
    """F_1, the derivative of F by λ."""
    return partial(node, EIGENVALUE)


def require_pencil(problem: Problem) -> None:
    """ConfigError unless all formulas are linear in the unknowns and in λ, and some hold λ."""
    texts = [f"the equation '{text}'" for text in problem.config.equations]
    texts += [f"the condition '{condition.label}'" for condition in problem.conditions]
    nodes = [*problem.equations, *(condition.node for condition in problem.conditions)]
    for text, node in zip(texts, nodes, strict=True):
        _require_linear(problem.name, text, node)
    if not any(constants(node) for node in nodes):
        raise ConfigError(
            f"problem.eigen: no equation or condition of '{problem.name}' holds '{LAMBDA}'; write"
            f" one such as -laplacian(u) = {LAMBDA}*u, or remove eigen"
        )
    for condition in problem.conditions:
        if isinstance(condition, MeanCondition | PointCondition) and constants(condition.node):
            raise ConfigError(
                f"problem '{problem.name}': the condition '{condition.label}' at a point or on a"
                f" mean holds '{LAMBDA}', which equations and conditions on parts may; remove it"
            )


def _require_linear(name: str, text: str, node: Node) -> None:
    try:
        pieces = [linear_parts(at_value(node, 0.0)), linear_parts(rate(node))]
    except (ValueError, FormulaError):
        raise ConfigError(
            f"problem '{name}': {text} must be linear in the unknowns and in '{LAMBDA}', found"
            f" another formula; write products of one '{LAMBDA}' and unknowns, or remove eigen"
        ) from None
    if any(not is_zero(rest) for _, rest in pieces):
        raise ConfigError(
            f"problem '{name}': {text} has a source, and an eigenproblem has none; write 0 in its"
            f" place, or remove eigen"
        )


def with_value(problem: Problem, value: float) -> Problem:
    """The linear problem at a value of λ."""
    conditions = tuple(
        replace(condition, node=at_value(condition.node, value)) for condition in problem.conditions
    )
    equations = tuple(at_value(node, value) for node in problem.equations)
    return replace(problem, equations=equations, conditions=conditions)
