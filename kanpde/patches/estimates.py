"""How wrong the richer of two solutions may be, from their difference and the levels before.

    errors that fall by q from one to the next leave q/(1 - q) of the last change

The factor q is told from the rows of both: from their squares, with the whole change at least, where
they fall slowly; where the squares fall below 1/16 three times what the norm says is left. For plates
it is told from the changes between levels too, where they do not halve, and so for free boundaries
(equations that switch between branches by their unknowns): what a re-entrant corner
spreads over the domain hardly falls with the degree. Measured at 270 degrees: errors of 1.3e-3
(clamped, r^1.54) and 0.24 (supported, r^1.33) behind differences of two degrees of 2.0e-4 and 6.3e-3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.numerics.quadrature import Array
from kanpde.patches.levels import ROUNDING, Ground, Level
from kanpde.patches.negligible import Away

SINGULAR = 1e-14
"""Relative pivots below say that the problem has no unique solution."""

FALLING = 0.1
"""So does a smallest singular value that falls to this share when the space is enriched: that of a
solvable problem settles. Measured: 1e-3 at an eigenvalue, 0.7 to 0.9 away from it by 1e-7.
"""

SLOWEST = 0.9
"""Largest factor that is believed."""

CAREFUL, FASTEST = 3.0, 0.003
"""Where rows fall fast the error falls like their norm: what is left is so many times the share
that this leaves of the difference, and no fall below the second is believed.
"""

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
    if poor <= 0.0:
        return 1.0
    falls = rich / poor
    fast = CAREFUL * remaining(max(FASTEST, math.sqrt(falls)))
    return min(max(1.0, remaining(falls)), fast)


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
    """An enriched level with the estimated error of every unknown, the error of the level that it
    was made of, that level itself, how many times the difference of both is left, and the size
    that its equations give an unknown which is nothing beside it (see `negligible`), 0 for others.
    """

    level: Level
    estimates: tuple[float, ...]
    poorer: float = math.inf
    poor: Level | None = None
    slow: float = 1.0
    beside: tuple[float, ...] = ()
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

    def notes(self, names: Sequence[str]) -> tuple[str, ...]:
        """A sentence for every unknown that is nothing beside what its equations balance."""
        return tuple(
            f"{name} is nothing beside what its equations balance, which would make it"
            f" {size:.2g}: its estimate is relative to that"
            for name, size in zip(names, self.beside, strict=False)
            if size > 0.0
        )


def compared(ground: Ground, rich: Level, poor: Level, least: float, gap: Away) -> Checked:
    """What the difference of two solutions on the same cells, the `gap`, says of the richer one;
    `least` is what the changes between levels leave.
    """
    falls = ground.squares(rich), ground.squares(poor)
    settling = rich.unconverged if rich.settling is None else rich.settling

    def beyond(part: float) -> Array:
        """The errors where this share of the gap is left."""
        rounded = np.minimum(gap.relative, ROUNDING)
        at_least = np.maximum(np.maximum(part * gap.relative, rounded), least)
        return np.maximum(at_least + settling, ground.missing(rich))

    slow = slowness(*falls)
    of_each = beyond(slow)
    return Checked(
        level=rich,
        estimates=tuple(of_each.tolist()),
        poor=poor,
        slow=slow,
        poorer=float(beyond(max(1.0, slow)).max()),
        beside=tuple(gap.beside.tolist()),
        singular=rich.weakest < FALLING * poor.weakest or rich.pivot < SINGULAR,
    )
