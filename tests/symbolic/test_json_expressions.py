"""Expressions as plain data: what goes out comes back, and nothing else comes in."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sympy

from kanpde.symbolic.kan.json_expressions import expression, plain
from kanpde.symbolic.search.library import LIBRARY

X, Y = sympy.symbols("x y", real=True)
SYMBOLS = {"x": X, "y": Y}
NUMBERS = [
    sympy.Rational(-7, 3),
    sympy.pi,
    sympy.E,
    sympy.Float(0.1, 15),
    sympy.Float(0.1 + 0.2, 17),
    sympy.sqrt(2) * X,
    sympy.pi**2 * X / 3,
]


@pytest.mark.parametrize("name", list(LIBRARY))
def test_every_function_of_the_library_comes_back(name: str) -> None:
    whole = (
        sympy.Float(1.25, 15) * LIBRARY[name].symbol(sympy.Rational(1, 4) * X - Y / 2) + sympy.pi
    )
    assert expression(json.loads(json.dumps(plain(whole))), SYMBOLS) == whole


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_come_back_exactly(number: Any) -> None:
    assert expression(json.loads(json.dumps(plain(number))), SYMBOLS) == number


def tower(levels: int) -> Any:
    """(...((2 x)^64)^64...)^64, whose first factor alone would fill the memory."""
    tree: Any = ["mul", ["rational", 2, 1], ["symbol", "x"]]
    for _ in range(levels):
        tree = ["pow", tree, ["rational", 64, 1]]
    return tree


def chain(name: str, count: int, inside: Any) -> Any:
    """name(name(...name(inside)))."""
    for _ in range(count):
        inside = [name, inside]
    return inside


def rational(p: int, q: int = 1) -> list[Any]:
    return ["rational", p, q]


COSTLY = {
    "exp of exp of a float": chain("exp", 3, ["float", 20.0]),
    "sine of a huge number": ["sin", chain("exp", 2, ["float", 20.0])],
    "sine of a power": ["sin", ["pow", ["float", 1e300], ["float", 4096.0]]],
    "power with a rational exponent": [
        "pow",
        rational(10**18 - 11, 10**18 - 1),
        rational(10**17 + 1, 10**18 - 3),
    ],
    "exp of a logarithm": ["exp", ["mul", rational(10**15), ["log", rational(3)]]],
    "exp of a logarithm of x": [
        "exp",
        ["mul", rational(10**18), ["log", ["mul", rational(10**18), ["symbol", "x"]]]],
    ],
    "power of exp": ["pow", ["exp", rational(10**15)], ["log", rational(2)]],
    "powers of rationals": [
        "add",
        *(["pow", rational(1, 10**6 + k), rational(4096)] for k in range(3000)),
    ],
    "rationals": ["add", *(rational(1, 10**6 + k) for k in range(5000))],
    "sines of numbers": chain("sin", 90, ["add", *(["sin", rational(k)] for k in range(1, 3000))]),
    "Bessel function": ["pow", ["symbol", "x"], ["besselj", rational(10**9), rational(10**9)]],
    "steep exp": ["exp", ["mul", rational(10**17), ["symbol", "x"]]],
    "steep power of exp": ["pow", ["exp", ["mul", rational(10**6), ["symbol", "x"]]], rational(4)],
    "steep power": ["pow", ["symbol", "y"], ["mul", rational(10**17), ["symbol", "x"]]],
    "no number": ["pow", rational(0), rational(-1)],
    "no number either": ["log", rational(0)],
    "no real number": ["pow", ["float", -1.5], ["float", 0.5]],
    "no float": ["mul", ["float", 1e308], ["float", 1e308]],
}


@pytest.mark.parametrize("name", COSTLY)
def test_numbers_that_would_keep_sympy_busy_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"number|exponent|power|order|digits|complex"):
        expression(COSTLY[name], SYMBOLS)


@pytest.mark.parametrize(
    "tree",
    [
        "x + 1",
        [],
        ["system", "ls"],
        [["add"], 1],
        ["symbol", "z"],
        ["symbol", "__class__"],
        ["rational", 1, 0],
        ["rational", 1.5, 2],
        ["rational", 10**40, 1],
        ["float", "nan"],
        ["float", float("inf")],
        ["add"],
        ["sin", ["symbol", "x"], ["symbol", "x"]],
        ["pow", ["rational", 10, 1], ["rational", 10**9, 1]],
        ["pow", ["rational", 2, 1], ["rational", 5000, 1]],
        tower(3),
        tower(99),
        ["add", *[["symbol", "x"]] * 30_000],
    ],
)
def test_what_simplify_would_not_write_is_refused(tree: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        expression(tree, SYMBOLS)


def test_depth_is_limited() -> None:
    tree: Any = ["symbol", "x"]
    for _ in range(200):
        tree = ["sin", tree]
    with pytest.raises(ValueError, match="too many nodes"):
        expression(tree, SYMBOLS)


@pytest.mark.parametrize(
    "formula",
    [
        sympy.exp(-sympy.Rational(7, 3) * X**64) * sympy.sqrt(2 * sympy.pi) / sympy.exp(2),
        sympy.exp(X * sympy.log(Y)) + sympy.exp(X) * sympy.log(2 * Y) ** 3,
        sympy.Add(*(sympy.Rational(k, 7) * sympy.sin(k * X) ** 2 * Y**-k for k in range(1, 200))),
        (3 * X / 2 + sympy.Float(1e-200)) ** 4 / (1 + sympy.besselj(0, X) ** 2),
    ],
)
def test_long_formulas_of_moderate_numbers_come_back(formula: Any) -> None:
    assert expression(json.loads(json.dumps(plain(formula))), SYMBOLS) == formula
