"""Values of sympy expressions on numpy arrays and on mpmath numbers, by walking the tree: no code
is generated.

A formula with free constants θ is fitted by Levenberg-Marquardt, its slopes by θ taken
symbolically.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import mpmath
import numpy as np
import scipy.special as special
import sympy

_NUMPY: dict[str, Callable[..., Any]] = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "exp": np.exp, "log": np.log, "tanh": np.tanh,
    "sinh": np.sinh, "cosh": np.cosh, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "atan2": np.arctan2, "Abs": np.abs, "sign": np.sign, "besselj": special.jv,
    "erf": special.erf, "erfc": special.erfc, "gamma": special.gamma, "loggamma": special.gammaln,
    "polygamma": special.polygamma,
}  # fmt: skip
_MPMATH: dict[str, Callable[..., Any]] = {
    name: getattr(mpmath, {"Abs": "fabs", "polygamma": "psi"}.get(name, name)) for name in _NUMPY
}


_RELATIONS: dict[str, Callable[..., Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_LOGICAL: dict[str, Callable[..., Any]] = {
    "And": lambda *parts: reduce(np.logical_and, parts),
    "Or": lambda *parts: reduce(np.logical_or, parts),
    "Not": np.logical_not,
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
    """The value of an expression of sympy.

    Args:
        expression: the expression.
        at: the values of its symbols: arrays (N,), or mpmath numbers if `precise`.
        precise: whether to compute with mpmath, to its working precision.
        memo: values of parts at the same `at`; new ones are added.

    Raises:
        KeyError: for a function or a symbol without a value.
    """
    memo = {} if memo is None else memo
    if expression in memo:
        return memo[expression]
    if expression.is_Symbol:
        return at[expression]
    if not expression.args:
        number = mpmath.mpf(expression.evalf(mpmath.mp.dps + 5)) if precise else float(expression)
        memo[expression] = number
        return number
    if isinstance(expression, sympy.Piecewise):
        return _chosen(expression, at, precise, memo)
    if precise and expression.is_Rational:
        return mpmath.mpf(expression.p) / expression.q
    if expression.is_Rational:
        return float(expression)
    memo[expression] = value = _combined(
        expression, [values(arg, at, precise, memo) for arg in expression.args], precise
    )
    return value


def _chosen(expression: Any, at: Mapping[Any, Any], precise: bool, memo: dict[Any, Any]) -> Any:
    """The value of a piecewise formula, whose last piece holds wherever no other one does."""
    *pieces, (result, _) = expression.args
    chosen = values(result, at, precise, memo)
    for piece, condition in reversed(pieces):
        value, holds = values(piece, at, precise, memo), _holds(condition, at, precise, memo)
        chosen = (value if holds else chosen) if precise else np.where(holds, value, chosen)
    return chosen


def _holds(condition: Any, at: Mapping[Any, Any], precise: bool, memo: dict[Any, Any]) -> Any:
    """Whether a condition of sympy holds; KeyError for one of an unknown kind."""
    if not condition.args:
        return bool(condition)
    if isinstance(condition, sympy.core.relational.Relational):
        sides = [values(side, at, precise, memo) for side in (condition.lhs, condition.rhs)]
        return _RELATIONS[condition.rel_op](*sides)
    parts = [_holds(arg, at, precise, memo) for arg in condition.args]
    if isinstance(condition, sympy.ITE):
        test, first, second = parts
        return np.where(test, first, second)
    return _LOGICAL[type(condition).__name__](*parts)


def _combined(expression: Any, args: Sequence[Any], precise: bool) -> Any:
    """The value of an expression whose arguments have the values `args`."""
    first, *further = args
    if expression.is_Add:
        return sum(further, first)
    if expression.is_Mul:
        for factor in further:
            first = first * factor
        return first
    if expression.is_Pow:
        _, symbol = expression.args
        (exponent,) = further
        return _power(first, exponent, symbol, precise)
    functions = _MPMATH if precise else _NUMPY
    return functions[type(expression).__name__](*args)


def _power(base: Any, exponent: Any, symbol: Any, precise: bool) -> Any:
    try:
        return _root_or_power(base, exponent, symbol, precise)
    except OverflowError:  # of two floats; arrays give inf themselves
        return math.inf


def _root_or_power(base: Any, exponent: Any, symbol: Any, precise: bool) -> Any:
    if symbol.is_Integer:
        power = int(symbol)
        return base**power if precise or power >= 0 else 1.0 / base**-power
    if symbol == sympy.Rational(1, 2):
        return (mpmath.sqrt if precise else np.sqrt)(base)
    return base**exponent


def shown(value: float) -> Any:
    """The float as sympy, with 15 digits where these determine it, so that 0.9983 is not printed
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
        constants = zip(self.theta, self.start, strict=True)
        return self.expression.xreplace({s: shown(float(v)) for s, v in constants})

    def with_numbers(self, numbers: Mapping[Any, Any]) -> Model:
        """The model with some of θ replaced by numbers (sympy); the others stay free."""
        free = [k for k, symbol in enumerate(self.theta) if symbol not in numbers]
        return Model(
            self.expression.xreplace(dict(numbers)),
            tuple(self.theta[k] for k in free),
            np.array([self.start[k] for k in free]),
        )

    def at(self, point: Mapping[Any, Any]) -> dict[Any, Any]:
        """Values of coordinates and of θ."""
        return {**point, **dict(zip(self.theta, map(float, self.start), strict=True))}

    def values(self, point: Mapping[Any, Any], size: int) -> np.ndarray:
        """The values (N,) at coordinates `point`, N = `size`; nan where there are none."""
        with np.errstate(all="ignore"):
            value = values(self.expression, self.at(point))
            return np.broadcast_to(np.asarray(value, float), (size,))
