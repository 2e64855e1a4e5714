"""Formulas of a problem as sympy expressions, node by node; no text is parsed.

A number is read as what was meant (`numbers.exact`): the parser of formulas folds 2·π² into one
float, and its exact form is needed for an exact verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy

from kanpde.errors import ConfigError
from kanpde.expressions import (
    Add,
    Call,
    Constant,
    Coordinate,
    Derivative,
    Mul,
    Node,
    Normal,
    Number,
    Pow,
)
from kanpde.expressions.tree import postorder
from kanpde.symbolic.search.numbers import exact

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "exp": sympy.exp, "log": sympy.log,
    "tanh": sympy.tanh, "sinh": sympy.sinh, "cosh": sympy.cosh, "asin": sympy.asin,
    "acos": sympy.acos, "atan": sympy.atan, "atan2": sympy.atan2, "abs": sympy.Abs,
    "sign": sympy.sign, "erf": sympy.erf, "erfc": sympy.erfc, "gamma": sympy.gamma,
    "lgamma": sympy.loggamma, "polygamma": sympy.polygamma, "besselj": sympy.besselj,
    "where": lambda test, a, b: sympy.Piecewise((a, test > 0), (b, True)),
}  # fmt: skip


def coordinates(names: Sequence[str]) -> tuple[Any, ...]:
    """One real symbol per coordinate."""
    return tuple(sympy.Symbol(name, real=True) for name in names)


def translate(
    node: Node,
    x: Sequence[Any],
    fields: Sequence[Any],
    normal: Sequence[Any] = (),
    known: Sequence[Any] = (),
    constants: Mapping[int, Any] | None = None,
) -> Any:
    """The node as an expression of sympy.

    Args:
        node: the formula.
        x: d symbols for the coordinates.
        fields: m expressions; every jet becomes that derivative of one of them.
        normal: d expressions for the outward normal.
        known: numbers that a float may be read as.
        constants: the values of unknown constants, by number.

    Raises:
        ConfigError: it holds values on a grid, which have no formula.
    """

    def leaf(part: Node) -> Any:
        match part:
            case Number(value=value):
                return exact(value, known)
            case Coordinate(index=i):
                return x[i]
            case Normal(index=i):
                return normal[i]
            case Constant(index=i):
                return (constants or {})[i]
            case Derivative(unknown=unknown, index=index):
                return _derivative(fields[unknown], x, index)
        raise ConfigError(
            "formula: values on a grid have no formula; it cannot be put into these equations"
        )

    translated: dict[Node, Any] = {}
    for part in postorder([node]):
        args = [translated[child] for child in part.children]
        translated[part] = _operation(part, args) if args else leaf(part)
    return translated[node]


def _operation(node: Node, args: Sequence[Any]) -> Any:
    """The operation of a node on translated arguments."""
    match node:
        case Add():
            return sympy.Add(*args)
        case Mul():
            return sympy.Mul(*args)
        case Pow():
            base, exponent = args
            return base**exponent
        case Call(name=name):
            return FUNCTIONS[name](*args)
    raise AssertionError(f"no rule for {node!r}")


def _derivative(field: Any, x: Sequence[Any], index: Sequence[int]) -> Any:
    for symbol, count in zip(x, index, strict=True):
        if count:
            field = sympy.diff(field, symbol, count)
    return field
