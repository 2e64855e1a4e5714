"""Expressions of sympy as plain data for JSON and back, through a closed table: nothing is parsed or evaluated.

    ["symbol", name]   ["rational", p, q]   ["float", value]   ["pi"]   ["e"]   [function, argument, ...]

What is read may be hostile, so numbers, exponents (the product of all that stand around each other) and nodes are limited.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sympy

from kanpde.errors import StorageError
from kanpde.storage import read_json
from kanpde.symbolic.numeric import shown

FUNCTIONS: dict[str, Any] = {
    "add": sympy.Add, "mul": sympy.Mul, "pow": sympy.Pow, "exp": sympy.exp, "log": sympy.log, "sin": sympy.sin,
    "cos": sympy.cos, "tan": sympy.tan, "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": sympy.tanh, "asin": sympy.asin,
    "atan": sympy.atan, "abs": sympy.Abs, "besselj": sympy.besselj,
}  # fmt: skip
_NAMES = {function: name for name, function in FUNCTIONS.items()}
_FIXED: dict[str, Any] = {"pi": sympy.pi, "e": sympy.E}
LARGEST, POWER, NODES, DEPTH = 10**18, 4096, 20_000, 100
"""Most of a numerator or denominator, of the product of nested exponents, of nodes, and of nodes inside each other."""


def plain(expression: Any) -> list[Any]:
    """An expression as lists; KeyError for a function that is not in the table."""
    for name, constant in _FIXED.items():
        if expression == constant:
            return [name]
    if expression.is_Symbol:
        return ["symbol", expression.name]
    if expression.is_Rational:
        return ["rational", int(expression.p), int(expression.q)]
    if expression.is_Float:
        return ["float", float(expression)]
    return [_NAMES[expression.func], *map(plain, expression.args)]


def expression(tree: Any, symbols: Mapping[str, Any]) -> Any:
    """What the lists say, with the symbols of these names; ValueError for anything else."""
    left = [NODES]

    def build(node: Any, power: float, depth: int) -> Any:
        left[0] -= 1
        if left[0] < 0 or depth > DEPTH or not isinstance(node, list) or not node:
            raise ValueError("too many nodes, or no list")
        name, args = node[0], node[1:]
        if name == "symbol" and len(args) == 1 and isinstance(args[0], str) and args[0] in symbols:
            return symbols[args[0]]
        if name in ("rational", "float") or (name in _FIXED and not args):
            return _FIXED[name] if name in _FIXED else _number(name, args)
        if name == "pow" and len(args) == 2:
            exponent = build(args[1], power, depth + 1)
            power *= max(1.0, abs(float(exponent))) if exponent.is_number else 1.0
            if not power <= POWER:
                raise ValueError("too large an exponent")
            return sympy.Pow(build(args[0], power, depth + 1), exponent)
        if not isinstance(name, str) or name not in FUNCTIONS or not args:
            raise ValueError(f"unknown node {str(name)[:40]}")
        return FUNCTIONS[name](*(build(one, power, depth + 1) for one in args))

    try:
        return build(tree, 1.0, 0)
    except (TypeError, OverflowError, ArithmeticError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _number(name: str, args: Sequence[Any]) -> Any:
    whole = [one for one in args if isinstance(one, int) and not isinstance(one, bool) and abs(one) <= LARGEST]
    if name == "rational" and len(whole) == len(args) == 2 and whole[1] > 0:
        return sympy.Rational(*whole)
    if name == "float" and len(args) == 1 and isinstance(args[0], int | float) and math.isfinite(args[0]):
        return shown(float(args[0]))
    raise ValueError("a number that is none")


def read(path: Path, symbols: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The formulas of a symbolic.json by unknown, and how many edges are still splines; nothing where there is no such file.

    Raises:
        StorageError: the file is not what `kanpde simplify` writes.
    """
    if not path.is_file():
        return {}, 0
    data = read_json(path)
    try:
        found = {str(name): expression(tree, symbols) for name, tree in data["trees"].items()}
        return found, len(data["splines"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"{path}: is not what simplify writes ({error}); simplify again") from error
