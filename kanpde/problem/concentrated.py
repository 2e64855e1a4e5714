"""What derivatives of jumps in formulas are concentrated on.

    F = ∂_i G_i(χ, u, ∂u),   χ = edge(0, a) jumps where a = 0:   F = … + D δ(a),   ∫ D dχ = [G_i] ∂_i a

The derivative of `where(a > 0, p, q)` is taken piecewise by the solve; what it leaves out is D, the
coefficient of edge(1, a) when the equation is read once more with its jumps as functions (`Scope`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from kanpde.expressions import (
    Call,
    Coordinate,
    Derivative,
    Node,
    Number,
    differentiate,
    is_zero,
    jets,
    partial,
    substitute,
)
from kanpde.expressions.comparisons import EDGE
from kanpde.expressions.parse import parse_equation
from kanpde.expressions.simplify import ONE, ZERO, choose
from kanpde.expressions.tree import postorder
from kanpde.numerics.quadrature import Array, gauss
from kanpde.problem.findings import numbers
from kanpde.problem.formulas import Formulas
from kanpde.problem.manufactured import sources
from kanpde.problem.problem import Problem

WORDS = re.compile(r"\b(where|sign|heaviside)\b")
"""Words that jump."""

NODES, PANELS = 8, 24
"""Gauss points on each of the panels of χ, which halve towards both ends: powers of what jumps are
rational in χ, with poles near an end.
"""

Jet = tuple[int, tuple[int, ...]]


@dataclass(frozen=True)
class Edge:
    """D of one equation where `test` changes its sign; `slopes` are those by the jets of unknowns,
    `constant` is the rest, None where D is not affine; `strength` is D as a formula, None where it
    holds a test itself.
    """

    equation: int
    test: Node
    slopes: Mapping[Jet, Node]
    constant: Node | None
    strength: Node | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is concentrated, as in k Δu."""
        return not self.slopes and self.constant is not None and is_zero(self.constant)

    @property
    def plain(self) -> Node:
        """The test as it is evaluated."""
        return plain(self.test)

    @property
    def plain_strengths(self) -> tuple[Node, ...]:
        """D as it is evaluated on either side, 1 where it is not known."""
        if self.constant is None:
            return (ONE,)
        return tuple(map(plain, (*self.slopes.values(), self.constant)))

    def changes(self, x: Array, step: Array | float) -> NDArray[np.bool_]:
        """Whether the test has different signs a `step` before and behind points (N, d), (N,)."""
        before, behind = (numbers((self.plain,), x + sign * step)[0] for sign in (-1.0, 1.0))
        return np.asarray(before * behind < 0)

    def strengths(self, x: Array) -> tuple[dict[Jet, Array], Array]:
        """∫ D dχ / |∇a|, the jump of n·G, at points (N, d): by jet, and of the rest."""
        gradient = [differentiate(self.plain, axis) for axis in range(x.shape[1])]
        slope = np.linalg.norm(numbers(tuple(gradient), x), axis=0)
        assert self.constant is not None
        nodes = (*self.slopes.values(), self.constant)
        totals = np.zeros((len(nodes), len(x)))
        z, w = _shares()
        # χ is one more coordinate
        jumping = tuple(_replaced(node, {self.test: Coordinate(x.shape[1])}) for node in nodes)
        every = np.concatenate([np.repeat(x, len(z), axis=0), np.tile(z, len(x))[:, None]], axis=1)
        values = np.array(numbers(jumping, every)).reshape(len(nodes), len(x), len(z))
        totals = values @ w / slope
        return dict(zip(self.slopes, totals[:-1], strict=True)), totals[-1]


@cache
def _shares() -> tuple[Array, Array]:
    """Values (K,) of χ on [0, 1] with weights (K,)."""
    z, w = gauss(NODES)
    ends = np.concatenate([[0.0], 0.5 ** np.arange(PANELS, 0, -1)])
    widths = np.diff(ends)[:, None]
    low, weights = (ends[:-1, None] + widths * z).ravel(), (widths * w).ravel()
    return np.concatenate([low, 1 - low[::-1]]), np.concatenate([weights, weights[::-1]])


def edges_of(problem: Problem) -> tuple[Edge, ...]:
    """What every equation of a problem on one shape has concentrated on surfaces."""
    config = problem.config
    texts = [*config.equations, *config.definitions.values()]
    if problem.regions or not any(WORDS.search(text) for text in texts):
        return ()
    if sources(config.definitions):
        return ()
    scope = replace(Formulas.of_one(config).scope, edges=True, where="problem.equations")
    edges: list[Edge] = []
    for number, text in enumerate(config.equations):
        edges += _edges(number, parse_equation(text, scope))
    return tuple(edges)


def _edges(number: int, node: Node) -> list[Edge]:
    """Those of one equation."""
    every = [p for p in postorder((node,)) if isinstance(p, Call) and p.name == EDGE]
    edges = []
    for test in dict.fromkeys(part.args[1] for part in every):
        # as if it were one more unknown
        delta = Derivative(-1, ())
        of_test: set[Node] = {part for part in every if part.args[1] == test and _level(part)}
        plain = substitute(node, dict.fromkeys(of_test, delta))
        edges.append(_edge(number, test, partial(plain, delta), of_test))
    return sorted(edges, key=lambda edge: edge.test.digest)


def _edge(number: int, test: Node, strength: Node, of_test: set[Node]) -> Edge:
    slopes = {
        (jet.unknown, jet.index): partial(strength, jet)
        for jet in jets(strength)
        if jet.unknown >= 0
    }
    curved = any(_level(part) > 1 for part in of_test)
    mixed = any(_level(part) for part in postorder((strength,)))
    unknown = any(jets(slope) for slope in slopes.values())
    repeated = curved or mixed or any(jet.unknown < 0 for jet in jets(strength))
    if repeated or unknown:
        return Edge(number, test, {}, None, None if repeated else strength)
    zeros: dict[Node, Node] = {Derivative(o, index): Number(0.0) for o, index in slopes}
    return Edge(number, test, slopes, substitute(strength, zeros), strength)


def _level(node: Node) -> int:
    """k of edge(k, a), 0 for anything else."""
    if isinstance(node, Call) and node.name == EDGE and isinstance(node.args[0], Number):
        return int(node.args[0].value)
    return 0


def _replaced(node: Node, shares: Mapping[Node, Node]) -> Node:
    """The node with every edge(0, a) as the share of its test, or where(a > 0, 1, 0)."""
    values: dict[Node, Node] = {}
    for part in postorder((node,)):
        if isinstance(part, Call) and part.name == EDGE:
            test = part.args[1]
            values[part] = shares.get(test) or choose(plain(test), ONE, ZERO)
    return substitute(node, values) if values else node


def plain(node: Node) -> Node:
    """A test without edges in it."""
    return _replaced(node, {})
