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
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "exp": sympy.exp, "log": sympy.log, "tanh": sympy.tanh,
    "sinh": sympy.sinh, "cosh": sympy.cosh, "asin": sympy.asin, "acos": sympy.acos, "atan": sympy.atan,
    "atan2": sympy.atan2, "abs": sympy.Abs, "sign": sympy.sign,
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
    """The node with coordinates `x` (d symbols), every jet replaced by that derivative of `fields`
    (m expressions) and the outward normal by `normal`. Raises ConfigError for values on a grid,
    which have no formula.
    """
    found: dict[Node, Any] = {}
    for one in postorder([node]):
        if isinstance(one, Number):
            found[one] = exact(one.value, known)
        elif isinstance(one, Coordinate):
            found[one] = x[one.index]
        elif isinstance(one, Normal):
            found[one] = normal[one.index]
        elif isinstance(one, Constant):
            found[one] = (constants or {})[one.index]
        elif isinstance(one, Derivative):
            found[one] = _derivative(fields[one.unknown], x, one.index)
        elif isinstance(one, Add):
            found[one] = sympy.Add(*(found[a] for a in one.args))
        elif isinstance(one, Mul):
            found[one] = sympy.Mul(*(found[a] for a in one.args))
        elif isinstance(one, Pow):
            found[one] = found[one.base] ** found[one.exponent]
        elif isinstance(one, Call):
            found[one] = FUNCTIONS[one.name](*(found[a] for a in one.args))
        else:
            raise ConfigError(
                "formula: values on a grid have no formula; it cannot be put into these equations"
            )
    return found[node]


def _derivative(field: Any, x: Sequence[Any], index: Sequence[int]) -> Any:
    for symbol, count in zip(x, index, strict=True):
        if count:
            field = sympy.diff(field, symbol, count)
    return field
