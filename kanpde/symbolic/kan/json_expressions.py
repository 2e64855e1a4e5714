"""Expressions of sympy as plain data for JSON and back, through a closed table: nothing is parsed
or evaluated.

    ["symbol", name]   ["rational", p, q]   ["float", value]   ["pi"]   ["e"]   [function, argument, ...]

What is read may be hostile, and sympy computes with numbers as soon as it sees them, exactly:
exp(exp(20.0)) in the argument of a sine asks for 10⁹ digits of π. So nodes, exponents (the product
of all that stand around each other), the bits of rational numbers and the size of every number that
arises are limited before sympy gets them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sympy

from kanpde.errors import StorageError
from kanpde.storage import read_json
from kanpde.symbolic.search.models import shown

FUNCTIONS: dict[str, Any] = {
    "add": sympy.Add, "mul": sympy.Mul, "pow": sympy.Pow, "exp": sympy.exp, "log": sympy.log, "sin": sympy.sin,
    "cos": sympy.cos, "tan": sympy.tan, "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": sympy.tanh, "asin": sympy.asin,
    "atan": sympy.atan, "abs": sympy.Abs, "besselj": sympy.besselj,
}  # fmt: skip
_NAMES = {function: name for name, function in FUNCTIONS.items()}
_FIXED: dict[str, Any] = {"pi": sympy.pi, "e": sympy.E}
LARGEST, POWER, NODES, DEPTH = 10**18, 4096, 20_000, 100
"""Most of a numerator or denominator, of the product of nested exponents, of nodes, and of nodes
inside each other.
"""

BITS, SHORT = 20_000, 8
"""Most bits of all rational numbers, each as often as the exponents around it say; short ones are
free. sympy adds them exactly.
"""

CONSTANTS = 300
"""Most functions of numbers only; sympy looks at each with many digits."""

STEEP = 1_000_000
"""Most of a whole number before a term of an exponent: what factors exp(n x) sees a polynomial of
degree n.
"""

GROWTH, SIZE, ORDER = 690.0, 1e300, 100
"""Most of the log of a power of numbers and of the argument of exp or sinh; of a number; of the
order of a Bessel function.
"""


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
    try:
        return _Builder(symbols).build(tree, 1.0, 0)
    except (TypeError, OverflowError, ArithmeticError, RecursionError) as error:
        raise ValueError(str(error)) from error


class _Builder:
    """Counts nodes, functions of numbers and bits while it builds."""

    def __init__(self, symbols: Mapping[str, Any]) -> None:
        self._symbols, self._nodes, self._constants, self._bits = (
            symbols,
            NODES,
            CONSTANTS,
            float(BITS),
        )

    def build(self, node: Any, power: float, depth: int) -> Any:
        """The expression of a node that stands in exponents whose product is `power`."""
        self._nodes -= 1
        if self._nodes < 0 or depth > DEPTH or not isinstance(node, list) or not node:
            raise ValueError("too many nodes, or no list")
        name, args = node[0], node[1:]
        if (
            name == "symbol"
            and len(args) == 1
            and isinstance(args[0], str)
            and args[0] in self._symbols
        ):
            return self._symbols[args[0]]
        if name in ("rational", "float") or (name in _FIXED and not args):
            found = _FIXED[name] if name in _FIXED else _number(name, args)
            self._spend(found, power)
            return found
        if name == "pow" and len(args) == 2:
            exponent = self.build(args[1], power, depth + 1)
            power *= max(1.0, abs(float(exponent))) if exponent.is_number else 1.0
            if not power <= POWER or (exponent.is_Rational and exponent.q > POWER):
                raise ValueError("too large an exponent")
            return self._made(name, [self.build(args[0], power, depth + 1), exponent])
        if not isinstance(name, str) or name not in FUNCTIONS or not args:
            raise ValueError(f"unknown node {str(name)[:40]}")
        return self._made(name, [self.build(one, power, depth + 1) for one in args])

    def _made(self, name: str, args: Sequence[Any]) -> Any:
        """The function of its arguments, unless numbers among these or the one that it gives are
        too large.
        """
        if name == "exp" and any(
            _is_power(term) for one in args for term in sympy.Add.make_args(one)
        ):
            raise ValueError("a power as exp of a logarithm")
        if name == "besselj" and not (args[0].is_Integer and abs(args[0]) <= ORDER):
            raise ValueError("the order of a Bessel function")
        if all(one.is_number for one in args):
            self._constants -= 1
            if self._constants < 0:
                raise ValueError("too many functions of numbers")
            reals = [float(one) for one in args]
            growth = reals[0] if name in ("exp", "sinh", "cosh", "tanh") else 0.0
            if name == "pow":
                growth = reals[1] * math.log(abs(reals[0])) if reals[0] else 0.0
                self._spend(args[0], abs(reals[1]))
            if not abs(growth) <= GROWTH:
                raise ValueError("a number that is too large or too small")
        found = FUNCTIONS[name](*args)
        if found.is_number and not abs(float(found)) <= SIZE:
            raise ValueError("a number that is too large or none")
        if any(_steep(one.as_base_exp()[1]) for one in sympy.Mul.make_args(found)):
            raise ValueError("too large an exponent")
        return found

    def _spend(self, number: Any, times: float) -> None:
        if number.is_Rational:
            self._bits -= max(
                0.0, times * (int(number.p).bit_length() + int(number.q).bit_length() - 1) - SHORT
            )
        if self._bits < 0:
            raise ValueError("rational numbers of too many digits")


def _steep(exponent: Any) -> bool:
    coefficients = [term.as_coeff_Mul()[0] for term in sympy.Add.make_args(exponent)]
    return any(one.is_Rational and abs(one.p) > STEEP for one in coefficients)


def _is_power(term: Any) -> bool:
    """Whether sympy makes a power of exp(term), so that `plain` never writes it: a logarithm times
    numbers.
    """
    factors = sympy.Mul.make_args(term)
    rest = [one for one in factors if not one.is_number]
    logs = [one for one in factors if isinstance(one, sympy.log)]
    return bool(logs) and len(rest) <= 1 and all(isinstance(one, sympy.log) for one in rest)


def _number(name: str, args: Sequence[Any]) -> Any:
    whole = [
        one
        for one in args
        if isinstance(one, int) and not isinstance(one, bool) and abs(one) <= LARGEST
    ]
    if name == "rational" and len(whole) == len(args) == 2 and whole[1] > 0:
        return sympy.Rational(*whole)
    if (
        name == "float"
        and len(args) == 1
        and isinstance(args[0], int | float)
        and math.isfinite(args[0])
    ):
        return shown(float(args[0]))
    raise ValueError("a number that is none")


def read(path: Path, symbols: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The formulas of a symbolic.json by unknown, and how many edges are still splines; nothing
    where there is no such file.

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
        raise StorageError(
            f"{path}: is not what simplify writes ({error}); simplify again"
        ) from error
