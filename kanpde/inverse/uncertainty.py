"""How well measured values determine constants, to first order at the solution.

    Cov s = (JᵀJ)⁻¹,    J = ∂r/∂s of rows r in units of their noise

An interval of 95 % is s ± (q σ_s + bias): q is the quantile of the normal distribution where all
noise is given, that of Student's t with n - q degrees of freedom where it is estimated. The bias is
what an error e of the rows moves s by, as the equations are solved approximately,

    bias = max(|J⁺ e|, SHARE ‖J⁺‖ ‖e‖)    row by row of J⁺,

since an error that moves nothing by chance at one accuracy moves s at another one.

Singular values of J, columns in units of the size of each number, tell what nothing determines: one
below the accuracy of J is a direction along which the rows do not change.

Source: Seber & Wild, Nonlinear Regression, Wiley 1989, sections 2.1 and 5.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.inverse.least_squares import Array

UNSURE = 1.0
"""A standard error of so many times its number determines nothing."""

SHARE = 1 / 3
"""What a known error of the rows may be in the worst direction, as a share of its size."""

TAKES_PART = 0.1
"""Share of an undetermined direction from which on a number belongs to it."""


@dataclass(frozen=True)
class Uncertainty:
    """Standard errors and half widths of the 95 % intervals of the numbers s (q,); infinite where
    nothing determines one. `free` are the numbers of the undetermined ones, a tuple for each
    direction, and `covariance` (q, q) is that of s.
    """

    errors: Array
    reach: Array
    free: tuple[tuple[int, ...], ...]
    covariance: Array


def uncertainty(
    jacobian: Array, units: Array, given: bool, bias: Array, resolution: float
) -> Uncertainty:
    """From derivatives (n, q) of rows in units of their noise.

    Args:
        jacobian: ∂r/∂s.
        units: the size of each number, (q,).
        given: whether all noise is given.
        bias: what the rows (n,) are wrong by because the equations are solved approximately.
        resolution: the accuracy of the derivatives, relative to the largest.
    """
    n, q = jacobian.shape
    scaled = jacobian * units
    _, values, right = np.linalg.svd(scaled, full_matrices=False)
    most = values.max(initial=0.0)
    kept = values > resolution * most
    if len(values) < q or n < q:
        kept = kept & (np.arange(len(values)) < n)
    inverse = np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)
    pseudo = right.T * inverse  # (q, rank)
    covariance = pseudo @ pseudo.T
    errors = np.sqrt(np.diag(covariance)) * units
    away = moved(jacobian, units, bias, resolution)
    missing = [row for row, known in zip(right, kept, strict=True) if not known]
    missing += list(_complement(right))
    free = [tuple(np.flatnonzero(np.abs(row) > TAKES_PART).tolist()) for row in missing]
    unsure = errors > UNSURE * units
    free += [(number,) for number in np.flatnonzero(unsure).tolist()]
    reach = _quantile(n - q, given) * errors + away
    for numbers in free[: len(missing)]:
        errors[list(numbers)] = math.inf
        reach[list(numbers)] = math.inf
    return Uncertainty(
        errors, reach, tuple(dict.fromkeys(free)), covariance * np.outer(units, units)
    )


def moved(jacobian: Array, units: Array, bias: Array, resolution: float) -> Array:
    """What an error of the rows (n,) moves each number by, (q,): by itself, and by a share of its
    size in the worst direction.
    """
    pseudo = np.linalg.pinv(jacobian * units, rcond=resolution)
    worst = np.linalg.norm(pseudo, axis=1) * float(np.linalg.norm(bias))
    return np.asarray(np.maximum(np.abs(pseudo @ bias), SHARE * worst) * units)


def _complement(rows: Array) -> Array:
    """Directions (q - r, q) that fewer than q orthonormal rows (r, q) leave out."""
    r, q = rows.shape
    if r >= q:
        return np.zeros((0, q))
    return np.asarray(np.linalg.svd(rows, full_matrices=True)[2][r:])


def _quantile(freedom: int, given: bool) -> float:
    from scipy.special import ndtri, stdtrit  # quantiles: normal, Student's t

    if given:
        return float(ndtri(0.975))
    return float(stdtrit(max(1, freedom), 0.975))


def sentence(names: Sequence[str]) -> str:
    """What to tell of numbers that nothing determines."""
    if len(names) == 1:
        return (
            f"not determined: the measured values leave {names[0]} open; measure more, where the"
            f" unknowns depend on it, or give it as a parameter"
        )
    listed = ", ".join(names[:-1]) + f" and {names[-1]}"
    return (
        f"not determined: the measured values determine only a combination of {listed}; measure"
        f" more, or give one of them as a parameter"
    )
