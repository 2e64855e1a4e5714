"""Constants of a formula that fits values: those that may be simple numbers become that, one by
one.

A constant is set to a rational, or one times π, a root or 1/π, all others are fitted again by
Levenberg-Marquardt, and it stays so only where the misfit is no larger than before. So a family of
equal formulas ends at a simple member of it.

Where the misfit is that of noise, Σ r² / (N - P) = s², the others hold constant k with standard
error σ = s / g, g² the part of column k of the Jacobian that is orthogonal to all other columns. A
constant with g = 0 is one of a family and may become any number; of the others one is read only
where `numbers.recognise` calls it no chance that a number with a name lies within 3 σ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from kanpde.symbolic.kan.symbolic_kan import FAR, minimise, slopes
from kanpde.symbolic.search.models import values
from kanpde.symbolic.search.numbers import near, recognise

WORSE = 1.001
"""How much larger the misfit may be: the noise of a fit."""

ROUNDING = 1e-14
"""Misfits relative to the size of the values below which all count as equal."""

STEPS = 40

FREE = 1e-7
"""Share of its column that is orthogonal to the others below which a constant is one of a family.
"""

STANDARD_ERRORS = 3.0
"""How many of them a named number may be away from the constant of a fit to noise."""

LONGER = 3.0
"""How many times more operations an expansion may have to be looked at."""


def simplest(
    expression: Any, inputs: Sequence[Any], x: np.ndarray, y: np.ndarray, least: float = ROUNDING
) -> tuple[Any, float]:
    """The shorter of the expression and its expansion, both `rounded`; ten operations more must pay
    with a digit.
    """
    both, most = (
        dict.fromkeys((expression, sympy.expand(expression))),
        LONGER * sympy.count_ops(expression),
    )
    found = [
        rounded(one, inputs, x, y, least)
        for one in both
        if one == expression or sympy.count_ops(one) <= most
    ]
    size = max(least * _misfit(y), 1e-300)
    return min(
        found, key=lambda one: math.log10(max(one[1], size)) + 0.1 * float(sympy.count_ops(one[0]))
    )


def misfit(expression: Any, inputs: Sequence[Any], x: np.ndarray, y: np.ndarray) -> float:
    """Root mean square of the expression at points x (N, d) less values y (N,)."""
    with np.errstate(all="ignore"):
        return _misfit(values(expression, dict(zip(inputs, x.T, strict=True))) - y)


def rounded(
    expression: Any, inputs: Sequence[Any], x: np.ndarray, y: np.ndarray, least: float = ROUNDING
) -> tuple[Any, float]:
    """The expression with simple constants and its misfit to values y (N,) at points x (N, d).

    Misfits below a share `least` of the size of y count as equal; above it they are noise.
    """
    pattern, names, numbers = _pattern(_gathered(expression))
    if not names:
        return expression, misfit(expression, inputs, x, y)
    rows = _Rows(pattern, tuple(names), dict(zip(inputs, x.T, strict=True)), y)
    given: dict[int, Any] = {}
    free, least = rows.fitted(np.array(numbers), given, 10 * STEPS), least * _misfit(y)
    now = _misfit(rows.residual(free, given))
    noisy = now > least
    worse = max(WORSE, math.sqrt(1 + STANDARD_ERRORS**2 / len(y))) if noisy else WORSE
    errors = rows.errors(free, given) if noisy else {}
    for k in range(len(names)):
        position = k - sum(one < k for one in given)
        for number in _choices(float(free[position]), errors.get(k)):
            other = {**given, k: number}
            tried = rows.fitted(np.delete(free, position), other, STEPS)
            new = _misfit(rows.residual(tried, other))
            if new <= max(worse * now, least):
                given, free, now = other, tried, max(new, now / worse)
                errors = rows.errors(free, given) if noisy else {}
                break
    short = (
        np.array([_digits(v, e) for v, e in zip(free, errors.values(), strict=False)])
        if noisy
        else free
    )
    rest = iter(short if _misfit(rows.residual(short, given)) <= WORSE * now else free)
    final = {
        name: given[k] if k in given else sympy.Float(next(rest), 15)
        for k, name in enumerate(names)
    }
    found = pattern.xreplace(final)
    return found, misfit(found, inputs, x, y)


def _choices(value: float, error: float | None) -> list[Any]:
    """Numbers that a constant with this standard error may become; without noise it has
    none. That of one of a family is infinite: it may be any fraction, but π there would look like
    a finding.
    """
    if error is None or not math.isfinite(error):
        return [one for one in near(value) if error is None or one.is_Rational]
    named = recognise(value, STANDARD_ERRORS * error)
    return [] if named is None else [named]


def _digits(value: float, error: float) -> float:
    """The value with the digits that its standard error lets one know, and one more."""
    return round(value, 1 - math.floor(math.log10(error))) if 0 < error < math.inf else value


@dataclass(frozen=True)
class _Rows:
    """Residual rows (N,) of a pattern with constants `names`, some of them given as numbers by
    their place.
    """

    pattern: Any
    names: tuple[Any, ...]
    at: dict[Any, Any]
    y: np.ndarray

    def residual(self, free: np.ndarray, given: dict[int, Any]) -> np.ndarray:
        """Rows for the constants that are not given (P,); far away where there is no real value."""
        rest = iter(free)
        with np.errstate(all="ignore"):
            numbered = {
                name: float(given[k]) if k in given else next(rest)
                for k, name in enumerate(self.names)
            }
            found = (
                np.broadcast_to(values(self.pattern, {**self.at, **numbered}), self.y.shape)
                - self.y
            )
        return np.where(np.isfinite(found) & np.isreal(found), np.real(found), FAR)

    def fitted(self, free: np.ndarray, given: dict[int, Any], steps: int) -> np.ndarray:
        """The constants that are left, where the rows are least."""
        return minimise(lambda v: self.residual(v, given), free, steps)

    def errors(self, free: np.ndarray, given: dict[int, Any]) -> dict[int, float]:
        """σ of every constant that is left by its place, infinite where others can stand for it."""
        left = [k for k in range(len(self.names)) if k not in given]
        if not left:
            return {}
        columns = slopes(lambda v: self.residual(v, given), free)
        lengths = np.linalg.norm(columns, axis=0).clip(1e-300)
        columns, found = columns / lengths, {}
        size = float(np.linalg.norm(self.residual(free, given))) / math.sqrt(
            max(len(self.y) - len(left), 1)
        )
        for j, k in enumerate(left):
            others = np.delete(columns, j, 1)
            apart = columns[:, j] - others @ np.linalg.lstsq(others, columns[:, j], rcond=1e-10)[0]
            share = float(np.linalg.norm(apart))
            found[k] = size / (float(lengths[j]) * share) if share > FREE else math.inf
        return found


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
    return (
        expression.xreplace(dict(zip(floats, names, strict=True))),
        names,
        [float(one) for one in floats],
    )


def _misfit(rows: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.abs(rows) ** 2)))
