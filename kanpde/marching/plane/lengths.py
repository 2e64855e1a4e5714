"""How long a slab is: what was too long before, and by how much to make it shorter.

an attempt that was too long       the next length
---------------------------------  ---------------------------------------------------------
the first                          where time adds little, if u is smooth: h^(s/2)
a later one, layers may begin      by the rate at which what time adds fell; cells follow
else                               as the first
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DEEPEST = 40
"""Most halvings of the time."""

SHORTEN, MOST_HALVINGS = 4.0, 4
"""Where time adds so many times too much, cells are not refined before the slab is shorter, by so
many halvings at once.
"""

MOST_AT_ONCE, SLOW = 16, 0.6
"""Most halvings by what two lengths tell, and the least that excess is believed to fall per halving (as a
power of 2): 3/4 behind a value at the side that jumps.
"""

HOLDS = 8
"""How many times a length is not tried again after it was too long."""


@dataclass
class Refused:
    """The last length that was too long, of a `level` at which time added `excess`; `first` is what
    time added on the first slab that was taken after it, on a level `taken`.

    Twice the length adds as many times as much as it did then. What is known fades: it holds for
    so many lengthenings that it refuses.
    """

    level: int
    excess: float
    taken: int = 0
    first: float = 0.0
    times: int = 0

    def seen(self, level: int, excess: float) -> None:
        """A slab was taken."""
        if not self.taken:
            self.taken, self.first = level, excess

    def again(self, level: int, excess: float) -> bool:
        """Whether a slab of twice the length, after one of a `level`, would be too long again."""
        if not (math.isfinite(self.excess) and self.level < self.taken) or self.times >= HOLDS:
            return False
        growth = (self.excess / max(self.first, 1e-12)) ** (1 / (self.taken - self.level))
        is_refused = bool(excess * growth > 1.0)
        self.times += is_refused
        return is_refused


@dataclass
class Search:
    """The length of one slab: where `known`, a (level, excess) that was too long, tells that what time
    adds falls slower than a smooth solution lets it, as after a start that does not fit, the next
    length follows from that rate and `is_sure`: its cells are refined before it is made shorter.
    """

    stages: int
    may_be_rough: bool
    known: tuple[int, float] | None = None
    is_sure: bool = False

    def is_too_long(self, level: int, excess: float) -> bool:
        """Whether a slab of a level, where time adds so many times too much, is made shorter before its
        cells are refined.
        """
        is_slow = self._rate(level, excess) < self.stages / 2
        return excess > (1.0 if is_slow else SHORTEN) and not self.is_sure

    def halvings(self, level: int, excess: float) -> int:
        """By how many halvings it is made shorter."""
        rate = self._rate(level, excess)
        self.known, self.is_sure = (level, excess), rate < self.stages / 2
        most = MOST_AT_ONCE if self.is_sure else MOST_HALVINGS
        return max(1, min(most, DEEPEST - level, math.ceil(math.log2(excess) / rate)))

    def _rate(self, level: int, excess: float) -> float:
        """By which power of 2 the excess falls with every halving."""
        smooth = self.stages / 2
        if not self.may_be_rough or self.known is None or excess >= self.known[1]:
            return smooth
        fallen = math.log2(self.known[1] / excess) / (level - self.known[0])
        return min(smooth, max(SLOW, fallen))
