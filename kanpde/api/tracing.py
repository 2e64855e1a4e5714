"""Equations as Python functions: `lambda u, x, y: u.xx + u.yy + u**2 - 1` becomes the formula
`dxx(u) + dyy(u) + u**2 - 1 = 0`.

A function is called once with names in place of fields and coordinates; what it does with them is
written down as text, which goes through the same parser as a file. So it may hold arithmetic,
functions of numpy, derivatives by attributes (`u.x`, `u.xt`, `u.n` along the normal) and the
functions below, and no branches: a comparison of names has no truth value.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from kanpde.errors import ConfigError
from kanpde.names import did_you_mean

_ALONG = re.compile(r"[xyzt]{1,8}|n")
_FUNCTIONS = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "absolute": "abs",
    "maximum": "max", "minimum": "min", "fabs": "abs",
}  # fmt: skip
"""Functions of numpy that formulas call by another name."""
_SAME = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "sign")
_SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**", "true_divide": "/",
}  # fmt: skip


class Traced:
    """A formula that is being written."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def __getattr__(self, name: str) -> Traced:
        """A derivative: `u.xx` is dxx(u), `u.n` the normal one."""
        if not _ALONG.fullmatch(name):
            raise AttributeError(
                f"{self.text}.{name}: derivatives are written as u.x, u.xx, u.xt, or u.n along the"
                f" normal; other coordinates by kanpde.api.tracing.d(u, 'x1')"
            )
        return Traced(f"d{name}({self.text})")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **further: Any) -> Traced:
        name = ufunc.__name__
        if method != "__call__" or further:
            raise ConfigError(
                f"numpy.{name} with options cannot stand in an equation; write a formula"
            )
        if name == "negative":
            return -_traced(inputs[0])
        if name in _SIGNS:
            return _joined(_SIGNS[name], *inputs)
        if name not in _SAME and name not in _FUNCTIONS:
            raise ConfigError(
                f"numpy.{name} cannot stand in an equation{did_you_mean(name, _SAME)} (known:"
                f" {', '.join((*_SAME, *_FUNCTIONS))})"
            )
        return call(_FUNCTIONS.get(name, name), *inputs)

    def __add__(self, other: Any) -> Traced:
        return _joined("+", self, other)

    def __radd__(self, other: Any) -> Traced:
        return _joined("+", other, self)

    def __sub__(self, other: Any) -> Traced:
        return _joined("-", self, other)

    def __rsub__(self, other: Any) -> Traced:
        return _joined("-", other, self)

    def __mul__(self, other: Any) -> Traced:
        return _joined("*", self, other)

    def __rmul__(self, other: Any) -> Traced:
        return _joined("*", other, self)

    def __truediv__(self, other: Any) -> Traced:
        return _joined("/", self, other)

    def __rtruediv__(self, other: Any) -> Traced:
        return _joined("/", other, self)

    def __pow__(self, other: Any) -> Traced:
        return _joined("**", self, other)

    def __rpow__(self, other: Any) -> Traced:
        return _joined("**", other, self)

    def __neg__(self) -> Traced:
        return Traced(f"(-{self.text})")

    def __pos__(self) -> Traced:
        return self

    def __abs__(self) -> Traced:
        return call("abs", self)

    def __eq__(self, other: object) -> Any:
        return Equation(f"{self.text} = {_traced(other).text}")

    def __bool__(self) -> bool:
        raise ConfigError(
            f"'{self.text}' has no value while an equation is read, so it cannot decide an if;"
            f" write where(x < 0.5, a, b) as text"
        )


class Equation(str):
    """The text `left = right`, of what was compared by `==`."""


def call(name: str, *arguments: Any) -> Traced:
    """A function of formulas, such as laplacian, grad, div, dot."""
    return Traced(f"{name}({', '.join(_traced(argument).text for argument in arguments)})")


def d(what: Any, *along: str) -> Traced:
    """The derivative by coordinates of any name: d(u, "x1", "x1")."""
    return Traced(f"d({', '.join([_traced(what).text, *along])})")


def equation_of(function: Callable[..., Any], known: Collection[str], where: str) -> str:
    """The equation that a function states: what it returns is zero, or compared by `==`.

    Args:
        function: its arguments are names of the problem.
        known: the names that there are.
        where: its place, for messages.

    Raises:
        ConfigError: an argument is no name of the problem, or something else cannot be read.
    """
    names = list(inspect.signature(function).parameters)
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{where}: the argument {name!r} is no name of the problem"
                f"{did_you_mean(name, known)} (names: {', '.join(known)})"
            )
    try:
        stated = function(*map(Traced, names))
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}; {_remedy(str(error))}") from error
    if isinstance(stated, str):
        return stated
    return f"{_traced(stated).text} = 0"


def _joined(sign: str, left: Any, right: Any) -> Traced:
    return Traced(f"({_traced(left).text} {sign} {_traced(right).text})")


def _traced(value: Any) -> Traced:
    if isinstance(value, Traced):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ConfigError(f"{type(value).__name__} cannot stand in an equation; write it as text")
    number = float(value)
    text = repr(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    return Traced(text if number >= 0 else f"({text})")


def _remedy(error: str) -> str:
    """What to write instead of what Python refused."""
    if "must be Tensor" in error:
        return "write np.sin for torch.sin: functions of numpy stand for themselves"
    if "not supported between" in error:
        return "write the equation as text, with where(x > 0.5, 1, 0)"
    return "write the equation as text"
