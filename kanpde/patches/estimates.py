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
from dataclasses import dataclass

import numpy as np

from kanpde.patches.levels import Ground, Level

SINGULAR = 1e-14
"""Relative pivots below say that the problem has no unique solution."""

FALLING = 0.1
"""So does a smallest singular value that falls to this share when the space is enriched: that of a
solvable problem settles. Measured: 1e-3 at an eigenvalue, 0.7 to 0.9 away from it by 1e-7.
"""

SLOWEST = 0.9
"""Largest factor that is believed."""

HALVED = 0.5
"""Changes that fall to this share from level to level are left to the enrichment."""


def remaining(ratio: float) -> float:
    """q/(1 - q)."""
    q = min(SLOWEST, ratio)
    return q / (1.0 - q)


def slowness(rich: float, poor: float) -> float:
    """How many times the difference of two solutions the error of the richer may be, from the
    squared rows of both.
    """
    return max(1.0, remaining(rich / poor)) if poor > 0.0 else 1.0


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


@dataclass(frozen=True)
class Checked:
    """An enriched level with the estimated error of every unknown."""

    level: Level
    estimates: tuple[float, ...]
    singular: bool = False
    contradictory: bool = False

    @classmethod
    def untold(cls, level: Level) -> Checked:
        """A level whose error nothing is known of."""
        return cls(level, (math.inf,) * level.values.shape[1])

    @property
    def estimate(self) -> float:
        """The largest one."""
        return max(self.estimates)


def compared(ground: Ground, rich: Level, poor: Level, least: float) -> Checked:
    """What the difference of two solutions on the same cells says of the richer one; `least` is
    what the changes between levels leave.
    """
    slow = slowness(ground.squares(rich), ground.squares(poor))
    of_each = slow * ground.distances(rich.values, poor.values)
    of_each = np.maximum(of_each, least)
    of_each = of_each + (rich.unconverged if rich.settling is None else rich.settling)
    of_each = np.maximum(of_each, ground.missing(rich))
    singular = rich.weakest < FALLING * poor.weakest or rich.pivot < SINGULAR
    return Checked(rich, tuple(of_each.tolist()), singular)
