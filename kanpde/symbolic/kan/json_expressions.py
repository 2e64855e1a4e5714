"""Expressions of sympy as plain data for JSON and back, through a closed table: nothing is parsed
or evaluated.

    ["symbol", name]   ["rational", p, q]   ["float", value]   ["pi"]   ["e"]   [function, argument, ...]

What is read may be hostile, and sympy computes with numbers as soon as it sees them, exactly:
exp(exp(20.0)) in the argument of a sine asks for 10⁹ digits of π. So nodes, exponents (the product
of all that stand around each other), the bits of rational numbers and the size of every number that
arises are limited before sympy gets them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sympy

from kanpde.errors import StorageError
from kanpde.storage import read_json
from kanpde.symbolic.search.models import shown

FUNCTIONS: dict[str, Any] = {
    "add": sympy.Add, "mul": sympy.Mul, "pow": sympy.Pow, "exp": sympy.exp, "log": sympy.log,
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "sinh": sympy.sinh, "cosh": sympy.cosh,
    "tanh": sympy.tanh, "asin": sympy.asin, "atan": sympy.atan, "abs": sympy.Abs,
    "besselj": sympy.besselj,
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
    """The expression that lists describe, with the symbols of these names; ValueError for anything
    else.
    """
    try:
        return _Builder(symbols).build(tree, 1.0, 0)
    except (TypeError, OverflowError, ArithmeticError, RecursionError) as error:
        raise ValueError(str(error)) from error


class _Builder:
    """Counts nodes, functions of numbers and bits while it builds."""

    def __init__(self, symbols: Mapping[str, Any]) -> None:
        self._symbols = symbols
        # What may still be spent.
        self._nodes, self._constants, self._bits = NODES, CONSTANTS, float(BITS)

    def build(self, node: Any, power: float, depth: int) -> Any:
        """The expression of a node that stands in exponents whose product is `power`."""
        self._nodes -= 1
        if self._nodes < 0 or depth > DEPTH or not isinstance(node, list) or not node:
            raise ValueError("too many nodes, or no list")
        match node:
            case ["symbol", str(symbol)] if symbol in self._symbols:
                return self._symbols[symbol]
            case [("rational" | "float") as name, *args]:
                return self._spent(_number(name, args), power)
            case [str(name)] if name in _FIXED:
                return self._spent(_FIXED[name], power)
            case ["pow", base, exponent]:
                return self._power(base, exponent, power, depth)
            case [str(name), *args] if name in FUNCTIONS and args:
                return self._call(name, [self.build(arg, power, depth + 1) for arg in args])
        raise ValueError(f"unknown node {str(node[0])[:40]}")

    def _power(self, base: Any, exponent: Any, power: float, depth: int) -> Any:
        """base ** exponent, where the base stands in a larger product of exponents."""
        built = self.build(exponent, power, depth + 1)
        power *= max(1.0, abs(float(built))) if built.is_number else 1.0
        if not power <= POWER or (built.is_Rational and built.q > POWER):
            raise ValueError("too large an exponent")
        return self._call("pow", [self.build(base, power, depth + 1), built])

    def _call(self, name: str, args: Sequence[Any]) -> Any:
        """The function of its arguments, unless numbers among these or the one that it gives are
        too large.
        """
        terms = itertools.chain.from_iterable(map(sympy.Add.make_args, args))
        if name == "exp" and any(map(_is_power, terms)):
            raise ValueError("a power as exp of a logarithm")
        order, *_ = args
        if name == "besselj" and not (order.is_Integer and abs(order) <= ORDER):
            raise ValueError("the order of a Bessel function")
        if all(arg.is_number for arg in args):
            self._check_growth(name, args)
        result = FUNCTIONS[name](*args)
        if result.is_number and not abs(float(result)) <= SIZE:
            raise ValueError("a number that is too large or none")
        for factor in sympy.Mul.make_args(result):
            _, exponent = factor.as_base_exp()
            if _steep(exponent):
                raise ValueError("too large an exponent")
        return result

    def _check_growth(self, name: str, args: Sequence[Any]) -> None:
        """ValueError for a function of numbers that sympy would compute with too many digits."""
        self._constants -= 1
        if self._constants < 0:
            raise ValueError("too many functions of numbers")
        first, *further = (float(arg) for arg in args)
        growth = first if name in ("exp", "sinh", "cosh", "tanh") else 0.0
        if name == "pow":
            (exponent,) = further
            growth = exponent * math.log(abs(first)) if first else 0.0
            self._spent(args[0], abs(exponent))
        if not abs(growth) <= GROWTH:
            raise ValueError("a number that is too large or too small")

    def _spent(self, number: Any, times: float) -> Any:
        """The number, whose bits are counted so many times."""
        if number.is_Rational:
            bits = int(number.p).bit_length() + int(number.q).bit_length() - 1
            self._bits -= max(0.0, times * bits - SHORT)
        if self._bits < 0:
            raise ValueError("rational numbers of too many digits")
        return number


def _steep(exponent: Any) -> bool:
    """Whether a term of the exponent has a whole number above STEEP as its factor."""
    for term in sympy.Add.make_args(exponent):
        coefficient, _ = term.as_coeff_Mul()
        if coefficient.is_Rational and abs(coefficient.p) > STEEP:
            return True
    return False


def _is_power(term: Any) -> bool:
    """Whether sympy makes a power of exp(term), so that `plain` never writes it: a logarithm times
    numbers.
    """
    factors = sympy.Mul.make_args(term)
    if not any(isinstance(factor, sympy.log) for factor in factors):
        return False
    match [factor for factor in factors if not factor.is_number]:
        case [] | [sympy.log()]:
            return True
    return False


def _number(name: str, args: Sequence[Any]) -> Any:
    """["rational", p, q] or ["float", value] as a number of sympy."""
    match name, args:
        case "rational", [int(p), int(q)] if not any(isinstance(part, bool) for part in args):
            if max(abs(p), q) <= LARGEST and q > 0:
                return sympy.Rational(p, q)
        case "float", [int() | float() as value] if math.isfinite(value):
            return shown(float(value))
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
        formulas = {str(name): expression(tree, symbols) for name, tree in data["trees"].items()}
        return formulas, len(data["splines"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(
            f"{path}: is not what simplify writes ({error}); simplify again"
        ) from error
