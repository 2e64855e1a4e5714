"""Constants of a formula that fits values: those that may be simple numbers become that, one by one.

A constant is set to a rational, or one times π, a root or 1/π, all others are fitted again by Levenberg-Marquardt, and
it stays so only where the misfit is no larger than before. So a family of equal formulas ends at a simple member of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy

from kanpde.symbolic.network import FAR, minimise
from kanpde.symbolic.numbers import near
from kanpde.symbolic.numeric import values

WORSE = 1.001
"""How much larger the misfit may be: the noise of a fit."""

ROUNDING = 1e-14
"""Misfits relative to the size of the values below which all count as equal."""

STEPS = 40


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
        for number in near(float(free[position])):
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
