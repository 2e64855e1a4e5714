"""The values of formulas at points, on torch tensors of any dtype and device, differentiable by
autograd.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

from kanpde.expressions import special
from kanpde.expressions.gridded import values_at
from kanpde.expressions.tree import (
    Add,
    Call,
    Constant,
    Coordinate,
    Derivative,
    Field,
    Mul,
    Node,
    Normal,
    Number,
    Pow,
    postorder,
)

FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "exp": torch.exp, "log": torch.log,
    "tanh": torch.tanh, "sinh": torch.sinh, "cosh": torch.cosh, "asin": torch.asin,
    "acos": torch.acos, "atan": torch.atan, "atan2": torch.atan2, "abs": torch.abs,
    "sign": torch.sign, "erf": torch.erf, "erfc": torch.erfc, "gamma": special.gamma,
    "lgamma": torch.lgamma, "polygamma": special.polygamma, "besselj": special.besselj,
    "where": lambda test, positive, other: torch.where(test > 0, positive, other),
}  # fmt: skip

Unknown = Derivative | Constant
JetValues = Callable[[Unknown], Tensor] | Mapping[Unknown, Tensor]
Values = dict[Node, Tensor | float]


def evaluate(
    nodes: Sequence[Node],
    x: Tensor,
    normal: Tensor | None = None,
    jet: JetValues = MappingProxyType({}),
) -> list[Tensor]:
    """The values (N,) of every node at the points x (N, d), in the units of the formulas.

    normal (N, d): outward unit normals, needed where a node holds the normal. jet: the values (N,)
    of a jet and () of an unknown constant, from a function or a mapping, needed where a node holds
    one. Every distinct subtree is computed once and dropped after its last use. Values may be
    non-finite, as log(x) is at x < 0. Raises ValueError for a missing normal, a missing jet, or a
    jet of another shape.
    """
    lookup = jet.get if isinstance(jet, Mapping) else jet
    ordered = postorder(nodes)
    uses = Counter(child for node in ordered for child in node.children)
    uses.update(nodes)
    values: Values = {}
    for node in ordered:
        values[node] = _value(node, values, x) if node.children else _leaf(node, x, normal, lookup)
        for child in node.children:
            uses[child] -= 1
            if not uses[child]:
                del values[child]
    return [_broadcast(values[node], x) for node in nodes]


def _broadcast(value: Tensor | float, x: Tensor) -> Tensor:
    return value if isinstance(value, Tensor) else x.new_full((x.shape[0],), value)


def _leaf(
    node: Node, x: Tensor, normal: Tensor | None, lookup: Callable[[Unknown], Tensor | None]
) -> Tensor | float:
    match node:
        case Number(value=value):
            return value
        case Coordinate(index=index):
            return x[:, index]
        case Field(grid=grid, index=alpha):
            return values_at(grid, alpha, x)
        case Normal(index=index):
            if normal is None:
                raise ValueError("the formula holds the outward normal, but no normal was given")
            return normal[:, index]
        case Derivative() | Constant():
            count = x.shape[0]
            shape = (count,) if isinstance(node, Derivative) else ()
            values = lookup(node)
            if values is None or values.shape != shape:
                given = None if values is None else tuple(values.shape)
                raise ValueError(f"the values of {node!r} must have shape {shape}, found {given}")
            return values.expand(count)
    raise AssertionError(f"no leaf {node!r}")


def _value(node: Node, values: Values, x: Tensor) -> Tensor | float:
    args = [values[child] for child in node.children]
    match node:
        case Add():
            return sum(args[1:], start=args[0])
        case Mul():
            return math.prod(args[1:], start=args[0])
        case Pow():
            base, exponent = args
            return _power(base, exponent)
        case Call(name=name):
            return FUNCTIONS[name](*(_broadcast(arg, x) for arg in args))
    raise AssertionError(f"no rule for {node!r}")


def _power(base: Tensor | float, exponent: Tensor | float) -> Tensor | float:
    if isinstance(base, Tensor) and isinstance(exponent, float) and exponent == 0.5:
        return torch.sqrt(base)
    return base**exponent
