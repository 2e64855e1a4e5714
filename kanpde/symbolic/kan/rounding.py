"""Constants of a formula that fits values become simple numbers, one by one, where these fit as
well.

    min over the free constants of  Σ (u(x_k; θ) - y_k)²

A constant is set to a rational, or one times π, a root or 1/π, all others are fitted again by
Levenberg-Marquardt, and the number stays only where the misfit is no larger than before. So of a
family of equal formulas a simple member is found.

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
"""Evaluations of the rows after one more constant is fixed."""

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
    most = LONGER * sympy.count_ops(expression)
    floor = max(least * _misfit(y), 1e-300)
    rounded_forms = []
    for form in dict.fromkeys((expression, sympy.expand(expression))):
        if form == expression or sympy.count_ops(form) <= most:
            rounded_forms.append(rounded(form, inputs, x, y, least=least))

    def price(form: Any, error: float) -> float:
        return math.log10(max(error, floor)) + 0.1 * float(sympy.count_ops(form))

    return min(rounded_forms, key=lambda pair: price(*pair))


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
    fixed: dict[int, Any] = {}
    free, least = rows.fitted(np.array(numbers), fixed, 10 * STEPS), least * _misfit(y)
    now = _misfit(rows.residual(free, fixed))
    noisy = now > least
    worse = max(WORSE, math.sqrt(1 + STANDARD_ERRORS**2 / len(y))) if noisy else WORSE
    errors = rows.errors(free, fixed) if noisy else {}
    for k in range(len(names)):
        position = k - sum(place < k for place in fixed)
        for number in _choices(float(free[position]), errors.get(k)):
            with_number = {**fixed, k: number}
            tried = rows.fitted(np.delete(free, position), with_number, STEPS)
            new = _misfit(rows.residual(tried, with_number))
            if new <= max(worse * now, least):
                # A lucky reading must not make the next ones fail: the bar sinks slowly.
                fixed, free, now = with_number, tried, max(new, now / worse)
                errors = rows.errors(free, fixed) if noisy else {}
                break
    if noisy:
        short = np.array([_digits(v, e) for v, e in zip(free, errors.values(), strict=False)])
        free = short if _misfit(rows.residual(short, fixed)) <= WORSE * now else free
    floats = iter(free)
    for k in range(len(names)):
        if k not in fixed:
            fixed[k] = sympy.Float(next(floats), 15)
    formula = pattern.xreplace({name: fixed[k] for k, name in enumerate(names)})
    return formula, misfit(formula, inputs, x, y)


def _choices(value: float, error: float | None) -> list[Any]:
    """Numbers that a constant with this standard error may become; None stands for no noise.

    The error of one of a family is infinite: it may be any fraction, but π there would look like a
    result.
    """
    if error is None:
        return near(value)
    if not math.isfinite(error):
        return [number for number in near(value) if number.is_Rational]
    named = recognise(value, STANDARD_ERRORS * error)
    return [] if named is None else [named]


def _digits(value: float, error: float) -> float:
    """The value with the digits that its standard error determines, and one more."""
    return round(value, 1 - math.floor(math.log10(error))) if 0 < error < math.inf else value


@dataclass(frozen=True)
class _Rows:
    """Residual rows (N,) of a pattern with constants, some of them fixed as numbers by their place.

    Attributes:
        pattern: the expression.
        names: the symbols of its constants.
        at: the values (N,) of the inputs.
        y: the values to be fitted (N,).
    """

    pattern: Any
    names: tuple[Any, ...]
    at: dict[Any, Any]
    y: np.ndarray

    def residual(self, free: np.ndarray, fixed: dict[int, Any]) -> np.ndarray:
        """Rows for the free constants (P,); FAR where there is no real value."""
        numbers = iter(free)
        constants = {}
        for k, name in enumerate(self.names):
            constants[name] = float(fixed[k]) if k in fixed else next(numbers)
        with np.errstate(all="ignore"):
            value = values(self.pattern, {**self.at, **constants})
            rows = np.broadcast_to(value, self.y.shape) - self.y
        return np.where(np.isfinite(rows) & np.isreal(rows), np.real(rows), FAR)

    def fitted(self, free: np.ndarray, fixed: dict[int, Any], steps: int) -> np.ndarray:
        """The free constants where the rows are least."""
        return minimise(lambda v: self.residual(v, fixed), free, steps)

    def errors(self, free: np.ndarray, fixed: dict[int, Any]) -> dict[int, float]:
        """σ of every free constant by its place, infinite where others can stand for it."""
        places = [k for k in range(len(self.names)) if k not in fixed]
        if not places:
            return {}
        columns = slopes(lambda v: self.residual(v, fixed), free)
        lengths = np.linalg.norm(columns, axis=0).clip(1e-300)
        columns = columns / lengths
        freedom = max(len(self.y) - len(places), 1)
        noise = float(np.linalg.norm(self.residual(free, fixed))) / math.sqrt(freedom)
        errors = {}
        for j, k in enumerate(places):
            further = np.delete(columns, j, 1)
            solution, *_ = np.linalg.lstsq(further, columns[:, j], rcond=1e-10)
            share = float(np.linalg.norm(columns[:, j] - further @ solution))
            errors[k] = noise / (float(lengths[j]) * share) if share > FREE else math.inf
        return errors


def _gathered(expression: Any) -> Any:
    """Constants in exponents become factors: exp(z + k) = e^k exp(z)."""

    def pulled(argument: Any) -> Any:
        constant, varying = argument.as_independent(*argument.free_symbols, as_Add=True)
        return sympy.exp(constant).evalf() * sympy.exp(varying)

    return expression.replace(sympy.exp, pulled)


def _pattern(expression: Any) -> tuple[Any, list[Any], list[float]]:
    """The expression with a symbol for every different float, the symbols and their numbers."""
    floats = sorted(expression.atoms(sympy.Float), key=lambda number: abs(float(number)))
    names = [sympy.Symbol(f"constant_{k}") for k in range(len(floats))]
    pattern = expression.xreplace(dict(zip(floats, names, strict=True)))
    return pattern, names, list(map(float, floats))


def _misfit(rows: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.abs(rows) ** 2)))
