"""Values of sympy expressions on numpy arrays and on mpmath numbers, by walking the tree: no code
is generated.

A formula with free constants θ is fitted by Levenberg-Marquardt, its slopes by θ taken
symbolically.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import scipy.special as special
import sympy

_NUMPY: dict[str, Callable[..., Any]] = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "exp": np.exp, "log": np.log, "tanh": np.tanh, "sinh": np.sinh,
    "cosh": np.cosh, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2, "Abs": np.abs,
    "sign": np.sign, "besselj": special.jv,
}  # fmt: skip
_MPMATH: dict[str, Callable[..., Any]] = {
    name: getattr(mpmath, {"Abs": "fabs"}.get(name, name)) for name in _NUMPY
}


def spent() -> float:
    """Processor seconds of this process and of those it waited for."""
    return sum(os.times()[:4])


def values(
    expression: Any,
    at: Mapping[Any, Any],
    precise: bool = False,
    memo: dict[Any, Any] | None = None,
) -> Any:
    """The value of an expression where its symbols have the values `at`: arrays (N,), or mpmath
    numbers if `precise`.

    Raises KeyError for a function or a symbol without a value.
    """
    memo = {} if memo is None else memo
    if expression in memo:
        return memo[expression]
    if expression.is_Symbol:
        return at[expression]
    if not expression.args:
        found = mpmath.mpf(expression.evalf(mpmath.mp.dps + 5)) if precise else float(expression)
        memo[expression] = found
        return found
    if precise and expression.is_Rational:
        return mpmath.mpf(expression.p) / expression.q
    if expression.is_Rational:
        return float(expression)
    args = [values(a, at, precise, memo) for a in expression.args]
    if expression.is_Add:
        found = sum(args[1:], args[0])
    elif expression.is_Mul:
        found = args[0]
        for factor in args[1:]:
            found = found * factor
    elif expression.is_Pow:
        found = _power(args[0], args[1], expression.args[1], precise)
    else:
        found = (_MPMATH if precise else _NUMPY)[type(expression).__name__](*args)
    memo[expression] = found
    return found


def _power(base: Any, exponent: Any, symbol: Any, precise: bool) -> Any:
    try:
        return _root_or_power(base, exponent, symbol, precise)
    except OverflowError:  # of two floats; arrays give inf themselves
        return math.inf


def _root_or_power(base: Any, exponent: Any, symbol: Any, precise: bool) -> Any:
    if symbol.is_Integer:
        return base ** int(symbol) if precise or int(symbol) >= 0 else 1.0 / base ** (-int(symbol))
    if symbol == sympy.Rational(1, 2):
        return (mpmath.sqrt if precise else np.sqrt)(base)
    return base**exponent


def shown(value: float) -> Any:
    """The float as sympy, with 15 digits where these are all of it, so that 0.9983 is not printed
    as 0.99829999999999997.
    """
    return sympy.Float(value, 15 if float(f"{value:.15g}") == value else 17)


@dataclass(frozen=True)
class Model:
    """An expression in coordinates and constants θ (symbols), with values of θ (P,)."""

    expression: Any
    theta: tuple[Any, ...]
    start: np.ndarray

    @classmethod
    def freed(cls, expression: Any) -> Model:
        """An expression with every different float as a constant."""
        floats = sorted(expression.atoms(sympy.Float), key=float)
        theta = tuple(sympy.Dummy(f"c{k}", real=True) for k in range(len(floats)))
        return cls(
            expression.xreplace(dict(zip(floats, theta, strict=True))),
            theta,
            np.array(floats, float),
        )

    @property
    def filled(self) -> Any:
        """The expression with the values in place of θ."""
        return self.expression.xreplace(
            {s: shown(float(v)) for s, v in zip(self.theta, self.start, strict=True)}
        )

    def at(self, point: Mapping[Any, Any]) -> dict[Any, Any]:
        """Values of coordinates and of θ."""
        return {**point, **dict(zip(self.theta, map(float, self.start), strict=True))}

    def values(self, point: Mapping[Any, Any], size: int) -> np.ndarray:
        """The values (N,) at coordinates `point`, N = `size`; nan where there are none."""
        with np.errstate(all="ignore"):
            return np.broadcast_to(
                np.asarray(values(self.expression, self.at(point)), float), (size,)
            )
