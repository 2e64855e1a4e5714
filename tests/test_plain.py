"""Expressions as plain data: what goes out comes back, and nothing else comes in."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sympy

from kanpde.symbolic.library import LIBRARY
from kanpde.symbolic.plain import expression, plain

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
    one = sympy.Float(1.25, 15) * LIBRARY[name].symbol(sympy.Rational(1, 4) * X - Y / 2) + sympy.pi
    assert expression(json.loads(json.dumps(plain(one))), SYMBOLS) == one


@pytest.mark.parametrize("one", NUMBERS)
def test_numbers_come_back_exactly(one: Any) -> None:
    assert expression(json.loads(json.dumps(plain(one))), SYMBOLS) == one


def tower(levels: int) -> Any:
    """(...((2 x)^64)^64...)^64, whose first factor alone would fill the memory."""
    tree: Any = ["mul", ["rational", 2, 1], ["symbol", "x"]]
    for _ in range(levels):
        tree = ["pow", tree, ["rational", 64, 1]]
    return tree


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
