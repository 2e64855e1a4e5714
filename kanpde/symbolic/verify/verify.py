"""A formula put into every equation and condition, and the verdict on it.

    verified exactly             sympy turns every residual into 0
    verified numerically to ε    every residual is below ε of its largest term, at random points: in
                                 30 digits where all constants have names, else in float64
    not a solution               some residual is larger than 1e-8 of its largest term

    fits the data                of a regression: the root mean square of formula less data

The verdict on a formula is the weakest of its checks. Simplification runs in a process of its own
that is ended after a time limit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import mpmath
import numpy as np
import sympy

from kanpde.symbolic.search.models import values
from kanpde.symbolic.verify.supports import Place, Put
from kanpde.symbolic.verify.vanishing import DIGITS, vanishing

LIMIT = 1e-8
"""Largest residual, relative to its largest term, that counts as zero."""

PRECISE = 12
"""Points at which residuals are evaluated in 30 digits."""

SECONDS = 15.0
"""Processor time for one simplification."""


class Verdict(Enum):
    """How much was shown, from nothing to all."""

    NOTHING = "no formula found"
    WRONG = "not a solution"
    FITS = "fits the data"
    NUMERIC = "verified numerically"
    EXACT = "verified exactly"


_ORDER = list(Verdict)


@dataclass(frozen=True)
class Check:
    """The verdict on one equation or condition.

    Attributes:
        what: its name.
        verdict: how much was shown.
        residual: the largest one, relative to its largest term; of data the root mean square
            misfit, in the units of the unknown.
    """

    what: str
    verdict: Verdict
    residual: float

    @property
    def sentence(self) -> str:
        """The verdict in words, with its figure."""
        if self.verdict is Verdict.NUMERIC:
            return f"verified numerically to {rounded_up(self.residual)}"
        if self.verdict is Verdict.FITS:
            return f"fits the data to RMSE {self.residual:.1e}"
        if self.verdict is Verdict.WRONG:
            return f"{self.verdict.value} (residual {self.residual:.1e})"
        return str(self.verdict.value)


def rounded_up(residual: float) -> str:
    """The power of ten that a residual is below, 1e-30 at least."""
    power = math.ceil(math.log10(max(residual, 10.0**-DIGITS)))
    return f"1e{power:+03d}"


def weakest(checks: Sequence[Check]) -> Check:
    """The check that decides: the lowest verdict, of these the largest residual."""
    return min(checks, key=lambda c: (_ORDER.index(c.verdict), -c.residual))


def rank(checks: Sequence[Check]) -> tuple[int, float]:
    """What orders formulas by their weakest check, the better one last."""
    least = weakest(checks)
    return _ORDER.index(least.verdict), -least.residual


def check(
    where: Sequence[Place],
    fields: Sequence[Any],
    known: Sequence[Any] = (),
    constants: Mapping[int, Any] | None = None,
    seconds: float = SECONDS,
) -> tuple[Check, ...]:
    """The verdicts on fields put into every equation and condition.

    Args:
        where: the equations and conditions.
        fields: m expressions of the coordinates.
        known: numbers of the problem, which a float in a formula may be.
        constants: the values of unknown constants, by number.
        seconds: processor time for one simplification.
    """
    constants = constants or {}
    named = not any(value.has(sympy.Float) for value in (*fields, *constants.values()))
    puts = [place.put(fields, known, constants) for place in where]
    sizes = [_largest(place, put) for place, put in zip(where, puts, strict=True)]
    # Only what holds in float64 and has no float of its own is worth simplifying.
    simplified = {
        k: place.here(put.total)
        for k, (place, put) in enumerate(zip(where, puts, strict=True))
        if named and place.charted and sizes[k] <= LIMIT
    }
    zero = set(vanishing(simplified, seconds))
    checks = []
    for k, place in enumerate(where):
        if k in zero:
            checks.append(Check(place.what, Verdict.EXACT, 0.0))
            continue
        size = sizes[k]
        if k in simplified and (precise := _precise(place, puts[k])) is not None:
            size = precise
        verdict = Verdict.NUMERIC if size <= LIMIT else Verdict.WRONG
        checks.append(Check(place.what, verdict, size))
    return tuple(checks)


def _largest(place: Place, put: Put) -> float:
    try:
        rows = place.rows(put, {})
    except (KeyError, TypeError, ZeroDivisionError, OverflowError):
        return float("inf")
    return float(np.abs(rows).max()) if np.isfinite(rows).all() else float("inf")


def _precise(place: Place, put: Put) -> float | None:
    """The largest residual in 30 digits at a few points; None where mpmath has no value."""
    total, here, worst = place.here(put.total), [place.here(size) for size in put.sizes], 0.0
    count = len(next(iter(place.points.values())))
    with mpmath.workdps(DIGITS + 5):
        for k in range(min(PRECISE, count)):
            at = {s: mpmath.mpf(float(v[k])) for s, v in place.points.items()}
            inside = {s: mpmath.mpf(float(v[k])) for s, v in place.inside.items()}
            try:
                residual = values(total, at, precise=True)
                sizes = [abs(values(size, at, precise=True)) for size in here]
                sizes += [abs(values(size, inside, precise=True)) for size in put.sizes]
                worst = max(worst, float(abs(residual) / (max(sizes) or 1)))
            except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError):
                return None
    return worst
