"""Where formulas have kinks and jumps across planes x_i = c, which cells can end at.

    abs(a), sign(a), where(a > 0, p, q), and with them max, min, heaviside:  x_i with a(x_i) = 0

The argument must hold one coordinate alone, or be a product of such factors; where it is linear its
zero is exact, else it is found by bisection between points where it changes sign.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from kanpde.expressions import (
    Call,
    Coordinate,
    Mul,
    Node,
    Number,
    Pow,
    differentiate,
    jets,
    substitute,
)
from kanpde.expressions.tree import postorder
from kanpde.numerics.quadrature import Array
from kanpde.problem.findings import numbers

SWITCHES = ("abs", "sign", "where")

SAMPLES, HALVINGS = 2001, 60
"""Points along an axis between which an argument changes its sign once, and bisections."""

NEAREST = 1e-8
"""Places nearer to each other, or to an end, than this share of the domain's side are one."""

MOST = 24
"""Along an axis with more places none of them is used: they are a wave."""


def switch_by_unknowns(nodes: Iterable[Node]) -> bool:
    """Whether formulas have kinks or jumps where an unknown says, as obstacles have."""
    return any(
        isinstance(part, Call) and part.name in SWITCHES and bool(jets(part.args[0]))
        for part in postorder(tuple(nodes))
    )


def kinks(nodes: Iterable[Node], lower: Array, upper: Array, most: int = MOST) -> list[Array]:
    """Places along every axis, strictly between its ends and in rising order.

    Args:
        nodes: formulas, which may hold unknowns.
        lower: the lower ends (d,) of the coordinates.
        upper: the upper ends (d,).
        most: of more places along an axis none is used.
    """
    places: list[list[float]] = [[] for _ in lower]
    for node in dict.fromkeys(postorder(list(nodes))):
        if isinstance(node, Call) and node.name in SWITCHES:
            for factor in factors(node.args[0]):
                axis = _axis(factor, len(lower))
                if axis is not None:
                    places[axis] += _zeros(factor, axis, (lower, upper))
    ends = zip(places, lower, upper, strict=True)
    return [_distinct(along, (float(low), float(high)), most) for along, low, high in ends]


def factors(node: Node) -> Sequence[Node]:
    """What is zero where a product is."""
    match node:
        case Mul(args=args):
            return [factor for arg in args for factor in factors(arg)]
        case Pow(base=base, exponent=Number(value=value)) if value > 0:
            return factors(base)
    return (node,)


def _axis(node: Node, dimension: int) -> int | None:
    """The only coordinate in a node, None where there are others or unknowns."""
    leaves = {part for part in postorder((node,)) if not part.children}
    varying = [leaf for leaf in leaves if not isinstance(leaf, Number)]
    if len(varying) != 1 or not isinstance(varying[0], Coordinate):
        return None
    index = varying[0].index
    return index if index < dimension else None


def _zeros(node: Node, axis: int, ends: tuple[Array, Array]) -> list[float]:
    """Where a function of one coordinate changes its sign."""
    slope = differentiate(node, axis)
    if isinstance(slope, Number) and slope.value and not holds_switch(node):
        at_zero = substitute(node, {Coordinate(axis): Number(0.0)})
        if isinstance(at_zero, Number):
            return [-at_zero.value / slope.value]
    lower, upper = (float(end[axis]) for end in ends)
    x = np.linspace(lower, upper, SAMPLES)
    x = np.union1d(x, _turning(node, axis, ends[0], x))
    signs = np.sign(_values(node, axis, x, ends[0]))
    changes = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    exact = [float(at) for at in x[1:-1][signs[1:-1] == 0]]
    return exact + _bisected(node, axis, ends[0], (x[changes], x[changes + 1]))


def holds_switch(node: Node) -> bool:
    """Whether a formula has kinks or jumps."""
    return any(isinstance(part, Call) and part.name in SWITCHES for part in postorder((node,)))


def _values(node: Node, axis: int, x: Array, other: Array) -> Array:
    """The values of a function of one coordinate."""
    points = np.tile(other, (len(x), 1))
    points[:, axis] = x
    (values,) = numbers((node,), points)
    return np.nan_to_num(values)


def _turning(node: Node, axis: int, other: Array, x: Array) -> Array:
    """Where a function comes nearest to zero between points of one sign."""
    values = _values(node, axis, x, other)
    size, signs = np.abs(values), np.sign(values)
    least = (size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:])
    k = np.flatnonzero(least & (signs[:-2] == signs[1:-1]) & (signs[1:-1] == signs[2:])) + 1
    if not len(k):
        return x[:0]
    low, high, sign = x[k - 1], x[k + 1], signs[k]
    for _ in range(2 * HALVINGS):
        first, second = low + (high - low) / 3, high - (high - low) / 3
        left = sign * _values(node, axis, first, other) < sign * _values(node, axis, second, other)
        low, high = np.where(left, low, first), np.where(left, second, high)
    return np.asarray((low + high) / 2)


def _bisected(node: Node, axis: int, other: Array, ends: tuple[Array, Array]) -> list[float]:
    low, high = ends
    if not len(low):
        return []
    rising = _values(node, axis, low, other) < 0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        before = (_values(node, axis, middle, other) < 0) == rising
        low, high = np.where(before, middle, low), np.where(before, high, middle)
    return [float(at) for at in high]


def _distinct(places: list[float], ends: tuple[float, float], most: int) -> Array:
    """Sorted places inside, each once; none where they are many."""
    low, high = ends
    least = NEAREST * (high - low)
    kept: list[float] = []
    for place in sorted(places):
        if place - max(kept, default=low) > least and high - place > least:
            kept.append(place)
    return np.array(kept if len(kept) <= most else [])
