"""How wrong the richer of two solutions may be, from their difference and the levels before.

    errors that fall by q from one to the next leave q/(1 - q) of the last change

The factor q is told from the squared rows of both. For plates it is told from the changes between
levels too, where they do not halve: what a re-entrant corner spreads over the domain hardly falls
with the degree. Measured at 270 degrees: errors of 1.3e-3 (clamped, r^1.54) and 0.24 (supported,
r^1.33) behind differences of two degrees of 2.0e-4 and 6.3e-3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from kanpde.patches.levels import Level

SLOWEST = 0.9
"""Largest factor that is believed."""

HALVED = 0.5
"""Changes that fall to this share from level to level are left to the enrichment."""


def remaining(ratio: float) -> float:
    """q/(1 - q)."""
    q = min(SLOWEST, ratio)
    return q / (1.0 - q)


def slowness(rich: Level, level: Level) -> float:
    """How many times the difference of two solutions the error of the richer may be."""
    if level.total <= 0.0:
        return 1.0
    return max(1.0, remaining(rich.total / level.total))


def extrapolated(changes: Sequence[float]) -> float:
    """What the changes between levels leave, from the slower of the last fall and the last two; 0
    where they halve.
    """
    known = [change for change in changes if math.isfinite(change) and change > 0.0][-3:]
    if len(known) < 2:
        return 0.0
    ratio = known[-1] / known[-2]
    if len(known) > 2:
        ratio = max(ratio, math.sqrt(known[-1] / known[-3]))
    return known[-1] * remaining(ratio) if ratio > HALVED else 0.0
