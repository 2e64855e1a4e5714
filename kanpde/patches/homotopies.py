"""From an easy problem to the one that is asked:

    F_s(u) = s F(u) + (1 - s) E(u),   0 ≤ s ≤ 1

| path | E(u) | its solution |
|---|---|---|
| load | F(u) - F(v) | the constant v |
| nonlinear terms | F(v) + F'(v)(u - v) | of a linear problem |
| operator | -Δu_o (`principal`) of every equation, F(v) + F'(v)(u - v) of conditions | of Laplace's equation |

Source: Allgower & Georg, Introduction to Numerical Continuation Methods (SIAM, 2003), chapter 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kanpde.expressions import (
    Derivative,
    Node,
    add,
    jets,
    multiply,
    negate,
    number,
    partial,
    substitute,
)
from kanpde.problem.problem import Problem

SECOND = 2


@dataclass(frozen=True)
class Homotopy:
    """`easy` gives E for every formula F of a problem; `word` says what changes with s."""

    word: str
    easy: Mapping[Node, Node]

    def at(self, share: float) -> Callable[[Node], Node]:
        """F_s of a formula F."""

        def mixed(node: Node) -> Node:
            if share == 1.0:
                return node
            return add(
                multiply(number(share), node), multiply(number(1.0 - share), self.easy[node])
            )

        return mixed


def whole(node: Node) -> Node:
    """F itself."""
    return node


def _nodes(problem: Problem) -> list[Node]:
    return [*problem.equations, *(condition.node for condition in problem.conditions)]


def _at(node: Node, value: float) -> Node:
    """F(v) for the constant v."""
    values: dict[Node, Node] = {jet: number(value if jet.order == 0 else 0.0) for jet in jets(node)}
    return substitute(node, values)


def _linear(node: Node, value: float) -> Node:
    """F(v) + F'(v)(u - v)."""
    terms = [_at(node, value)]
    for jet in jets(node):
        slope = _at(partial(node, jet), value)
        away = add(jet, number(-value)) if jet.order == 0 else jet
        terms.append(multiply(slope, away))
    return add(*terms)


def load(problem: Problem, value: float) -> Homotopy:
    """What F says of the constant v grows from nothing; FormulaError where it has no value."""
    nodes = _nodes(problem)
    easy = {node: add(node, negate(_at(node, value))) for node in nodes}
    return Homotopy("a load that grows", easy)


def nonlinear_terms(problem: Problem, value: float) -> Homotopy:
    """From the linearisation at the constant v; FormulaError where it has no value."""
    return Homotopy(
        "nonlinear terms that grow", {node: _linear(node, value) for node in _nodes(problem)}
    )


def operator(problem: Problem, value: float) -> Homotopy:
    """From the simplest equation of the same order; FormulaError where a condition has no value at the constant v."""
    easy = {condition.node: _linear(condition.node, value) for condition in problem.conditions}
    for unknown, node in enumerate(problem.equations):
        easy[node] = principal(problem, unknown)
    return Homotopy("an operator that changes", easy)


def principal(problem: Problem, unknown: int) -> Node:
    """-Σ ∂_a² u_o over the axes with derivatives of second order, ∂_a u_o over those with first
    ones alone: Laplace's operator, or that of the heat equation.
    """
    orders = np.zeros(problem.domain.dimension, dtype=np.int64)
    for node in problem.equations:
        for jet in jets(node):
            if jet.unknown == unknown:
                orders = np.maximum(orders, jet.index)
    terms = []
    for axis, times in enumerate(orders.tolist()):
        index = [0] * len(orders)
        index[axis] = times
        jet = Derivative(unknown, tuple(index))
        terms += [negate(jet) if times == SECOND else jet] if times else []
    return add(*terms)
