"""Typed-in formulas: parse with a closed grammar, differentiate, analyse, print; `.evaluate` puts
them on tensors.

Importing this package imports no torch; the values come from
`kanpde.expressions.evaluate.evaluate`.
"""

from __future__ import annotations

from kanpde.expressions.calculus import (
    constants,
    depends_on_normal,
    differentiate,
    is_linear,
    jets,
    linear_parts,
    order,
    partial,
    substitute,
    substitute_unknowns,
)
from kanpde.expressions.parse import (
    check_definition,
    parse_condition,
    parse_equation,
    parse_expression,
)
from kanpde.expressions.scope import Scope
from kanpde.expressions.simplify import add, call, divide, is_zero, multiply, negate, number, power
from kanpde.expressions.tree import (
    Add,
    Call,
    Constant,
    Coordinate,
    Derivative,
    FormulaError,
    Mul,
    Node,
    Normal,
    Number,
    Pow,
    TooLargeError,
)
from kanpde.expressions.write import text

__all__ = [
    "Add",
    "Call",
    "Constant",
    "Coordinate",
    "Derivative",
    "FormulaError",
    "Mul",
    "Node",
    "Normal",
    "Number",
    "Pow",
    "Scope",
    "TooLargeError",
    "add",
    "call",
    "check_definition",
    "constants",
    "depends_on_normal",
    "differentiate",
    "divide",
    "is_linear",
    "is_zero",
    "jets",
    "linear_parts",
    "multiply",
    "negate",
    "number",
    "order",
    "parse_condition",
    "parse_equation",
    "parse_expression",
    "partial",
    "power",
    "substitute",
    "substitute_unknowns",
    "text",
]
