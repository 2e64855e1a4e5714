"""How wrong the richer of two solutions may be, from their difference and the levels before.

    errors that fall by q from one to the next leave q/(1 - q) of the last change

The factor q is told from the squared rows of both. For plates it is told from the changes between
levels too: a clamped re-entrant corner of 270 degrees (r^1.54) hardly falls with the degree, and its
error has another sign than that of the rest. Measured there: an error of 1.3e-3 behind a difference
of 2.0e-4, with changes of 8.8e-4 and 6.1e-4 before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from kanpde.patches.levels import Level

SLOWEST = 0.9
"""Largest factor that is believed."""

SLOW = 0.1
"""Two degrees more that change less than this share of the last change see no singular corner."""


def remaining(ratio: float) -> float:
    """q/(1 - q)."""
    q = min(SLOWEST, ratio)
    return q / (1.0 - q)


def slowness(rich: Level, level: Level) -> float:
    """How many times the difference of two solutions the error of the richer may be."""
    if level.total <= 0.0:
        return 1.0
    return max(1.0, remaining(rich.total / level.total))


def extrapolated(changes: Sequence[float], difference: float) -> float:
    """What the changes between levels leave, where two degrees more change nearly as much."""
    known = [change for change in changes if math.isfinite(change)]
    if len(known) < 2 or known[-2] <= 0.0 or difference < SLOW * known[-1]:
        return 0.0
    return known[-1] * remaining(known[-1] / known[-2])
