"""Comparisons of formulas, and what is chosen by them.

where(a > b, p, q) = p where a - b > 0, else q        where(a >= b, p, q) = where(b > a, q, p)
where(s and t, p, q) = where(s, where(t, p, q), q)    where(s or t, p, q) = where(s, p, where(t, p, q))
max(a, b) = where(a > b, a, b)    min(a, b) = where(b > a, a, b)    heaviside(a) = (1 + sign a)/2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kanpde.expressions.simplify import HALF, ONE, ZERO, add, call, choose, multiply, negate
from kanpde.expressions.tree import Node, Number

EDGE = "edge"
"""edge(0, a) is 1 where a > 0, else 0, and edge(k, a) its derivatives by a."""


@dataclass(frozen=True)
class Condition:
    """Something that holds at some points and not at others."""

    def choose(self, positive: Node, other: Node) -> Node:
        """`positive` where it holds, else `other`."""
        raise NotImplementedError

    def mark(self) -> Node:
        """1 where it holds, else 0."""
        return self.choose(ONE, ZERO)


@dataclass(frozen=True)
class Comparison(Condition):
    """test > 0, or where it is `weak` test >= 0."""

    test: Node
    weak: bool = False

    def choose(self, positive: Node, other: Node) -> Node:
        """`positive` where it holds, else `other`."""
        if self.weak:
            return choose(negate(self.test), other, positive)
        return choose(self.test, positive, other)


@dataclass(frozen=True)
class Edge(Condition):
    """test > 0, with the place where that changes: `positive` counts edge(0, test) times."""

    test: Node

    def choose(self, positive: Node, other: Node) -> Node:
        """`positive` where it holds, else `other`."""
        if isinstance(self.test, Number) or positive == other:
            return choose(self.test, positive, other)
        share = call(EDGE, ZERO, self.test)
        return add(other, multiply(share, add(positive, negate(other))))


@dataclass(frozen=True)
class Both(Condition):
    """All of some conditions."""

    parts: tuple[Condition, ...]

    def choose(self, positive: Node, other: Node) -> Node:
        """`positive` where all hold, else `other`."""
        for part in reversed(self.parts):
            positive = part.choose(positive, other)
        return positive


@dataclass(frozen=True)
class Either(Condition):
    """At least one of some conditions."""

    parts: tuple[Condition, ...]

    def choose(self, positive: Node, other: Node) -> Node:
        """`positive` where one holds, else `other`."""
        for part in reversed(self.parts):
            other = part.choose(positive, other)
        return other


def compared(sign: str, left: Node, right: Node) -> Comparison:
    """left `sign` right, of one of `<`, `<=`, `>`, `>=`."""
    low, high = (left, right) if sign[0] == "<" else (right, left)
    return Comparison(add(high, negate(low)), weak=sign.endswith("="))


def largest(args: Sequence[Node]) -> Node:
    """The largest of the arguments."""
    result = args[0]
    for arg in args[1:]:
        result = compared(">", result, arg).choose(result, arg)
    return result


def least(args: Sequence[Node]) -> Node:
    """The least of the arguments."""
    result = args[0]
    for arg in args[1:]:
        result = compared("<", result, arg).choose(result, arg)
    return result


def heaviside(node: Node) -> Node:
    """0 below zero, 1 above, 1/2 at zero."""
    return multiply(HALF, add(ONE, call("sign", node)))
