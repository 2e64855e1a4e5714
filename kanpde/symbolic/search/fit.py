"""The constants of a formula: fitted to the field, then refined until the equations hold.

    min over θ of ½ Σ (u(x_k; θ) - u_k)²,  then of ½ Σ (residual rows)²

Standard errors σ = s sqrt(diag (JᵀJ)⁻¹) of the first say with how many digits a constant is known,
and so whether it may be read as a number with a name; that number stays only where the fit is as
good with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy
from scipy.optimize import least_squares

from kanpde.numerics.quadrature import Array
from kanpde.symbolic.search.models import Model, values
from kanpde.symbolic.search.numbers import recognise

EPS = 2.3e-16
CAUTION = (
    20.0  # standard errors that a named number may be away: misfits of a field are no white noise
)


@dataclass(frozen=True)
class Fit:
    """A model fitted to values (N,) at points (N, d): the misfit relative to the values' root mean
    square, and σ (P,).
    """

    model: Model
    misfit: float
    errors: Array


def fit(model: Model, x: Sequence[Any], points: Array, y: Array, steps: int = 60) -> Fit | None:
    """Levenberg-Marquardt on all constants of the model; None where its values are not finite."""
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
                np.broadcast_to(values(s, env(theta), False, memo), y.shape) / scale for s in slopes
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
        found = least_squares(
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
    return np.asarray(found.x) if np.isfinite(found.x).all() else theta


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
    now, refused = first, set()
    floor = 1e-14
    while True:
        readings = []
        for symbol, value, error in zip(now.model.theta, now.model.start, now.errors, strict=True):
            within = CAUTION * float(error)
            named = recognise(float(value), within, known)
            if (
                named is None
                and symbol in angles
                and (slope := recognise(float(np.tan(value)), 2 * within)) is not None
            ):
                named = sympy.atan(slope)
            if named is not None and (symbol, named) not in refused:
                readings.append((float(error) / max(abs(float(value)), 1e-6), symbol, named))
        if not readings:
            return now
        taken = {symbol: named for _, symbol, named in sorted(readings, key=lambda r: r[0])}
        tried = _with(now.model, taken, refit)
        if tried is not None and tried.misfit <= max(1.5 * now.misfit, floor):
            now = tried
            continue
        _, symbol, named = min(readings, key=lambda r: r[0])
        tried = _with(now.model, {symbol: named}, refit)
        if tried is not None and tried.misfit <= max(1.5 * now.misfit, floor):
            now = tried
        else:
            refused.add((symbol, named))


def _with(model: Model, taken: dict[Any, Any], refit: Callable[[Model], Fit | None]) -> Fit | None:
    left = [(s, v) for s, v in zip(model.theta, model.start, strict=True) if s not in taken]
    return refit(
        Model(
            model.expression.xreplace(taken),
            tuple(s for s, _ in left),
            np.array([v for _, v in left]),
        )
    )
