"""Constants of a formula that fits values: those that may be simple numbers become that, one by one.

A constant is set to a rational, or one times π, a root or 1/π, all others are fitted again by Levenberg-Marquardt, and
it stays so only where the misfit is no larger than before. So a family of equal formulas ends at a simple member of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.special as special
import sympy

from kanpde.symbolic.network import FAR, minimise

WORSE = 1.001
"""How much larger the misfit may be: the noise of a fit."""

ROUNDING = 1e-14
"""Misfits relative to the size of the values below which all count as equal."""

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "exp": np.exp, "log": np.log, "tanh": np.tanh, "sinh": np.sinh,
    "cosh": np.cosh, "asin": np.arcsin, "atan": np.arctan, "Abs": np.abs, "besselj": special.jv,
}  # fmt: skip
"""Those of the library by the names of sympy."""

NEAR, STEPS = 0.02, 40


def simplest(
    expression: Any, inputs: Sequence[Any], x: np.ndarray, y: np.ndarray, least: float = ROUNDING
) -> tuple[Any, float]:
    """The shorter of the expression and its expansion, both `rounded`; ten operations more must pay with a digit."""
    found = [rounded(one, inputs, x, y, least) for one in dict.fromkeys((expression, sympy.expand(expression)))]
    size = max(least * _misfit(y), 1e-300)
    return min(found, key=lambda one: math.log10(max(one[1], size)) + 0.1 * float(sympy.count_ops(one[0])))


def misfit(expression: Any, inputs: Sequence[Any], x: np.ndarray, y: np.ndarray) -> float:
    """Root mean square of the expression at points x (N, d) less values y (N,)."""
    with np.errstate(all="ignore"):
        return _misfit(values(expression, dict(zip(inputs, x.T, strict=True))) - y)


def rounded(
    expression: Any, inputs: Sequence[Any], x: np.ndarray, y: np.ndarray, least: float = ROUNDING
) -> tuple[Any, float]:
    """The expression with simple constants and its misfit to values y (N,) at points x (N, d).

    Misfits below a share `least` of the size of y count as equal.
    """
    pattern, names, numbers = _pattern(_gathered(expression))
    if not names:
        return expression, misfit(expression, inputs, x, y)
    at = dict(zip(inputs, x.T, strict=True))
    given: dict[int, Any] = {}

    def residual(free: np.ndarray, fixed: dict[int, Any]) -> np.ndarray:
        rest = iter(free)
        with np.errstate(all="ignore"):
            numbered = {name: float(fixed[k]) if k in fixed else next(rest) for k, name in enumerate(names)}
            found = np.broadcast_to(values(pattern, {**at, **numbered}), y.shape) - y
        return np.where(np.isfinite(found) & np.isreal(found), np.real(found), FAR)

    free = minimise(lambda v: residual(v, given), np.array(numbers), 10 * STEPS)
    least, now = least * _misfit(y), _misfit(residual(free, given))
    for k in range(len(names)):
        position = k - sum(one < k for one in given)
        for number in simple(float(free[position])):
            other = {**given, k: number}
            tried = minimise(lambda v, other=other: residual(v, other), np.delete(free, position), STEPS)  # type: ignore[misc]
            new = _misfit(residual(tried, other))
            if new <= max(WORSE * now, least):
                given, free, now = other, tried, max(new, now / WORSE)
                break
    rest = iter(free)
    final = {name: given[k] if k in given else sympy.Float(next(rest), 15) for k, name in enumerate(names)}
    found = pattern.xreplace(final)
    return found, misfit(found, inputs, x, y)


def values(expression: Any, at: Mapping[Any, Any]) -> Any:
    """The expression where its symbols have the values `at`, numbers or arrays (N,); no code is generated."""
    if expression.is_Symbol:
        return at[expression]
    if not expression.args:
        return float(expression)
    parts = [values(part, at) for part in expression.args]
    if expression.is_Add:
        return sum(parts[1:], parts[0])
    if expression.is_Mul:
        return math.prod(parts[1:], start=parts[0])
    if expression.is_Pow:
        whole = expression.args[1].is_Integer
        return np.power(parts[0], int(expression.args[1]) if whole else parts[1], dtype=np.float64)
    return FUNCTIONS[type(expression).__name__](*parts)


def simple(value: float) -> list[Any]:
    """Simple numbers near a value, the simplest first, as sympy."""
    found: dict[Any, float] = {}
    for place, base in enumerate((sympy.Integer(1), sympy.pi, sympy.sqrt(2), sympy.sqrt(3), 1 / sympy.pi)):
        ratio = value / float(base)
        for largest in (1, 2, 4, 10):
            near = Fraction(ratio).limit_denominator(largest)
            if abs(float(near) - ratio) <= NEAR * max(1.0 if near == 0 else 0.0, abs(float(near))):
                number = sympy.Rational(near.numerator, near.denominator) * base
                found.setdefault(number, near.denominator + abs(near.numerator) / 10 + 3 * place)
    return sorted(found, key=lambda number: found[number])


def _gathered(expression: Any) -> Any:
    """Constants in exponents become factors: exp(z + k) = e^k exp(z)."""

    def pulled(argument: Any) -> Any:
        constant, rest = argument.as_independent(*argument.free_symbols, as_Add=True)
        return sympy.exp(constant).evalf() * sympy.exp(rest)

    return expression.replace(sympy.exp, pulled)


def _pattern(expression: Any) -> tuple[Any, list[Any], list[float]]:
    """The expression with a symbol for every different float, the symbols and their numbers."""
    floats = sorted(expression.atoms(sympy.Float), key=lambda one: abs(float(one)))
    names = [sympy.Symbol(f"constant_{k}") for k in range(len(floats))]
    return expression.xreplace(dict(zip(floats, names, strict=True))), names, [float(one) for one in floats]


def _misfit(rows: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.abs(rows) ** 2)))
