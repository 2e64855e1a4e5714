"""Formulas as trees while a file is read: their factors, other names in them, values of numbers.

The text is taken apart by Python's parser and worked out here; nothing of it is run. What a tree
means is checked by the parser of formulas, which reads what is written of it.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

DEEPEST = 30
"""Definitions of definitions."""

_FUNCTIONS: dict[str, Callable[..., float]] = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "exp": math.exp, "log": math.log,
    "sqrt": math.sqrt, "tanh": math.tanh, "sinh": math.sinh, "cosh": math.cosh,
    "asin": math.asin, "acos": math.acos, "atan": math.atan, "atan2": math.atan2,
}  # fmt: skip
_OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Pow: math.pow, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip
_LAMBDA, _EIGENVALUE = re.compile(r"(?<!\w)lambda(?!\w)"), "lambda__"
"""A name here, and a word of Python's."""


class TreeError(ValueError):
    """What is wrong with a formula, without the place where it stands."""


def parsed(text: str) -> ast.expr:
    """The tree of a formula."""
    try:
        return ast.parse(_LAMBDA.sub(_EIGENVALUE, text.strip()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise TreeError(f"{text[:60]!r} cannot be read as a formula") from None


def written(tree: ast.expr) -> str:
    """The text of a tree."""
    return ast.unparse(tree).replace(_EIGENVALUE, "lambda")


def value_of(
    tree: ast.expr, at: Mapping[str, float], known: Mapping[str, Any], depth: int = 0
) -> float:
    """The value where names have the values `at`, or are numbers and formulas that are `known`; not
    a number where there is none.
    """

    def value(part: ast.expr) -> float:
        if isinstance(part, ast.Constant) and isinstance(part.value, int | float):
            return float(part.value)
        if isinstance(part, ast.Name):
            return named(part.id)
        if isinstance(part, ast.BinOp) and type(part.op) in _OPERATORS:
            return _OPERATORS[type(part.op)](value(part.left), value(part.right))
        if isinstance(part, ast.UnaryOp) and type(part.op) in _OPERATORS:
            return _OPERATORS[type(part.op)](value(part.operand))
        if isinstance(part, ast.Call) and (name := called(part)) in _FUNCTIONS:
            return _FUNCTIONS[name](*map(value, part.args))
        raise TreeError(
            f"it is made of numbers, names, + - * / ** and {', '.join(_FUNCTIONS)}, found"
            f" {written(part)}"
        )

    def named(name: str) -> float:
        if name in at:
            return at[name]
        if name == "pi":
            return math.pi
        stated = known.get(name)
        if isinstance(stated, bool) or not isinstance(stated, int | float | str) or depth > DEEPEST:
            raise TreeError(f"{name!r} in it is no number and no formula of numbers")
        return value_of(parsed(str(stated)), at, known, depth + 1)

    try:
        return float(value(tree))
    except TreeError:
        raise
    except (ValueError, ArithmeticError):
        return math.nan
    except (RecursionError, TypeError):
        raise TreeError(f"{written(tree)[:60]!r} cannot be worked out") from None


def called(tree: ast.expr) -> str:
    """The name of what a call calls, empty for anything else."""
    return tree.func.id if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) else ""


def factors_of(tree: ast.expr) -> Iterator[ast.expr]:
    """The factors of a product, those of a divisor as inverses."""
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult):
        yield from factors_of(tree.left)
        yield from factors_of(tree.right)
    elif isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Div):
        yield from factors_of(tree.left)
        for factor in factors_of(tree.right):
            yield ast.BinOp(ast.Constant(1.0), ast.Div(), factor)
    elif isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        yield ast.Constant(-1.0)
        yield from factors_of(tree.operand)
    else:
        yield tree


def terms_of(tree: ast.expr, sign: float = 1.0) -> Iterator[list[ast.expr]]:
    """The terms of a sum, each as its factors."""
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub):
        yield from terms_of(tree.left, sign)
        yield from terms_of(tree.right, -sign if isinstance(tree.op, ast.Sub) else sign)
    elif isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        yield from terms_of(tree.operand, -sign)
    else:
        yield [ast.Constant(sign), *factors_of(tree)]


class _Named(ast.NodeTransformer):
    """Puts trees in place of names."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._values.get(node.id, node)


def with_values(tree: ast.expr, values: Mapping[str, ast.expr]) -> ast.expr:
    """A copy of a tree with other trees in place of names."""
    put: ast.expr = _Named(values).visit(parsed(written(tree)))
    return put
