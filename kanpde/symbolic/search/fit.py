"""The constants of a formula: fitted to the field, then refined until the equations hold.

    min over θ of ½ Σ (u(x_k; θ) - u_k)²,  then of ½ Σ (residual rows)²

Standard errors σ = s sqrt(diag (JᵀJ)⁻¹) of the first say with how many digits a constant is known,
and so whether it may be read as a number with a name; that number stays only where the fit is as
good with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import sympy
from scipy.optimize import least_squares

from kanpde.numerics.quadrature import Array
from kanpde.symbolic.search.models import Model, values
from kanpde.symbolic.search.numbers import recognise

EPS = 2.3e-16
"""Rounding of float64."""

FLOOR = 1e-14
"""Misfits below this count as equal."""

CAUTION = 20.0
"""Standard errors that a named number may be away: misfits of a field are no white noise."""


@dataclass(frozen=True)
class Fit:
    """A model fitted to values (N,) at points (N, d).

    Attributes:
        model: with the fitted constants.
        misfit: root mean square, relative to that of the values.
        errors: σ of the constants, (P,).
    """

    model: Model
    misfit: float
    errors: Array


def fit(model: Model, x: Sequence[Any], points: Array, y: Array, steps: int = 60) -> Fit | None:
    """Levenberg-Marquardt on all constants of the model; None where its values are not finite.

    x: the coordinates as symbols. points, y: (N, d) and (N,). steps: most evaluations of the rows.
    """
    at = dict(zip(x, points.T, strict=True))
    scale = float(np.sqrt(np.mean(y**2))) or 1.0
    slopes = [sympy.diff(model.expression, s) for s in model.theta]

    def env(theta: Array) -> dict[Any, Any]:
        return {**at, **dict(zip(model.theta, map(float, theta), strict=True))}

    def rows(theta: Array) -> Array:
        with np.errstate(all="ignore"):
            r = (np.broadcast_to(values(model.expression, env(theta)), y.shape) - y) / scale
        return np.where(np.isfinite(r), r, 1e3)

    def jacobian(theta: Array) -> Array:
        memo: dict[Any, Any] = {}
        with np.errstate(all="ignore"):
            columns = [
                np.broadcast_to(values(slope, env(theta), memo=memo), y.shape) / scale
                for slope in slopes
            ]
        return np.nan_to_num(np.stack(columns, 1), posinf=1e3, neginf=-1e3)

    theta = np.asarray(model.start, float)
    if len(theta) == 0:
        misfit = float(np.sqrt(np.mean(rows(theta) ** 2)))
        return Fit(model, misfit, np.zeros(0)) if misfit < 1e2 else None
    theta = minimise(rows, jacobian, theta, steps)
    r, j = rows(theta), jacobian(theta)
    misfit = float(np.sqrt(np.mean(r**2)))
    if not misfit < 1e2:
        return None
    size = np.maximum(np.linalg.norm(j, axis=0), 1e-300)
    inverse = np.linalg.pinv(j / size)
    errors = max(misfit, EPS) * np.linalg.norm(inverse, axis=1) / size + 4 * EPS * np.abs(theta)
    return Fit(replace(model, start=theta), misfit, errors)


def minimise(
    rows: Callable[[Array], Array], jacobian: Callable[[Array], Array], theta: Array, steps: int
) -> Array:
    """θ (P,) that makes rows small, to rounding."""
    if rows(theta).size < theta.size:
        return theta
    try:
        result = least_squares(
            rows,
            theta,
            jac=jacobian,
            method="lm",
            x_scale="jac",
            ftol=1e-15,
            xtol=1e-15,
            gtol=1e-15,
            max_nfev=steps,
        )
    except (ValueError, np.linalg.LinAlgError):
        return theta
    return np.asarray(result.x) if np.isfinite(result.x).all() else theta


def name_constants(
    first: Fit,
    refit: Callable[[Model], Fit | None],
    known: Sequence[Any],
    angles: Sequence[Any] = (),
) -> Fit:
    """Constants read as numbers with names, the best known first; the others are fitted again each
    time.

    A reading is dropped where the misfit grows by more than a half and stands above rounding.
    `angles` are constants that may also be the angle of a rational slope.
    """
    now, refused = first, set[tuple[Any, Any]]()
    while True:
        readings = [r for r in _readings(now, known, angles) if (r.symbol, r.number) not in refused]
        if not readings:
            return now
        # All readings at once first: that is one fit, and most of them are right.
        everything = refit(now.model.with_numbers({r.symbol: r.number for r in readings}))
        if everything is not None and everything.misfit <= max(1.5 * now.misfit, FLOOR):
            now = everything
            continue
        surest = readings[0]
        single = refit(now.model.with_numbers({surest.symbol: surest.number}))
        if single is not None and single.misfit <= max(1.5 * now.misfit, FLOOR):
            now = single
        else:
            refused.add((surest.symbol, surest.number))


class _Reading(NamedTuple):
    """A constant, the number with a name that it may be, and its relative standard error."""

    symbol: Any
    number: Any
    error: float


def _readings(fitted: Fit, known: Sequence[Any], angles: Sequence[Any]) -> list[_Reading]:
    """What the constants may be read as, the best known first."""
    readings = []
    model = fitted.model
    for symbol, value, error in zip(model.theta, model.start, fitted.errors, strict=True):
        within = CAUTION * float(error)
        number = recognise(float(value), within, known)
        if number is None and symbol in angles:
            slope = recognise(float(np.tan(value)), 2 * within)
            number = None if slope is None else sympy.atan(slope)
        if number is not None:
            relative = float(error) / max(abs(float(value)), 1e-6)
            readings.append(_Reading(symbol, number, relative))
    return sorted(readings, key=lambda reading: reading.error)
