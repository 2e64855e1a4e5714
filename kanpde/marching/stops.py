"""Instants at which slabs must end: a formula of time alone jumps or has a kink there.

Polynomials of t on a slab that holds one err by a share of it however high their degree. The last
Radau point of a slab is its end, so slabs end a few roundings before the instant, where formulas
still have the values of the near side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kanpde.expressions import Node
from kanpde.problem.kinks import kinks

Array = NDArray[np.float64]

MOST = 400
"""Of more instants none is a stop: they are a wave."""

BEFORE = 8
"""How many units in the last place a slab ends before a stop."""


@dataclass(frozen=True)
class Stops:
    """Instants (N,) of an interval in rising order, the `end` of a march last or, where it goes
    backward, first.
    """

    instants: Array
    start: float
    end: float

    @classmethod
    def of(cls, nodes: Sequence[Node], axis: int, ends: tuple[float, float], rest: Array) -> Stops:
        """From formulas in which time is the coordinate `axis`, for a march from ends[0] to
        ends[1]; `rest` (d,) is a place, whose coordinate `axis` does not count.
        """
        lower, upper = rest.copy(), rest + 1.0
        lower[axis], upper[axis] = min(ends), max(ends)
        return cls(kinks(nodes, lower, upper, MOST)[axis], *ends)

    def after(self, t: float) -> float:
        """The next stop behind t."""
        forward = self.end > self.start
        behind = self.instants[self.instants > t] if forward else self.instants[self.instants < t]
        if not len(behind):
            return self.end
        return float(behind[0] if forward else behind[-1])

    def before(self, stop: float) -> float:
        """Where a slab ends that goes up to a stop."""
        return stop if stop == self.end else stop + self._back

    def inside(self, t: Array) -> Array:
        """Instants (N,) with those at the end a few roundings before it."""
        least = np.minimum if self.end > self.start else np.maximum
        return np.asarray(least(t, self.end + self._back))

    @property
    def _back(self) -> float:
        """From a stop to a few roundings before it."""
        rounding = math.ulp(max(abs(self.start), abs(self.end)))
        return math.copysign(BEFORE * rounding, self.start - self.end)
