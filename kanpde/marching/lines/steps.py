"""One march of an evolution on a line: lengths of slabs and knots of splines from local errors.

an attempt                              next
--------------------------------------  --------------------------------------------------------
adds no more than it may                taken; length of the next slab and intervals by the errors
hides a pulse of a source or a datum     a tenth
passes through what is narrow in u, t    a tenth
Newton's method does not converge       from the last highest derivatives alone; a quarter
adds more in time                       shorter, by the error
adds more in space                      knots where the slab asks for them, more of them
the same at MOST_INTERVALS              taken, and told at the end
as short as times can be told apart     the march ends there
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kanpde.marching.lines.marching import LOW, Marching
from kanpde.marching.lines.passing import INSTANTS
from kanpde.marching.lines.slab import Strip
from kanpde.marching.lines.statement import Evolution

LONGEST, SHORTEST = 1 / 8, 1e-13
"""Lengths of the longest slab and of the shortest one, as shares of the interval."""

SAFETY, LEAST, MOST = 0.8, 0.1, 4.0
"""Aim of the next length, and its least and largest factor."""

LOST = 1e3
"""Errors in time above it say nothing of the splines."""

COARSER = 0.02
"""Fewer intervals below such an error in space."""


@dataclass(frozen=True)
class March:
    """Slabs from the start on, why they end before the interval does, if they do, and what splines
    with the most intervals do not follow, relative to the unknowns.
    """

    strips: tuple[Strip, ...]
    ended: str | None
    rough: float

    @property
    def end(self) -> float:
        """When the last slab ends."""
        return self.strips[-1].t + self.strips[-1].h


def march(
    evolution: Evolution, error: float, stopped: Callable[[], bool], shorter: float = 1.0
) -> March:
    """March from the start to the end with slabs that add about `error` each, relative to the
    unknowns; it ends early where `stopped` says so, or no slab goes on. The first and the longest
    slabs are `shorter` by a factor of at most 1, and the fewest intervals are more by that.
    """
    marching = Marching(evolution, error, shorter)
    stops, (t, end) = evolution.stops, evolution.times
    stop = stops.after(t)
    while True:
        left = stop - t
        length = min(marching.length, shorter * LONGEST * marching.span)
        last = left <= 1.01 * length
        h = stops.before(stop) - t if last else min(length, max(left / 2, length / 2))
        if stopped():
            return March(tuple(marching.strips), "was stopped", marching.rough)
        if _goes_on(marching, t, h):
            if last and stop == end:
                return March(tuple(marching.strips), None, marching.rough)
            t = stop if last else t + h
            if last:
                marching.begin_again(t)
                stop = stops.after(t)
        elif marching.length < SHORTEST * marching.span:
            return March(tuple(marching.strips), f"does not go on at {t:.6g}", marching.rough)


def _goes_on(marching: Marching, t: float, h: float) -> bool:
    """Whether a slab is taken; length and splines are those of the next attempt then."""
    if marching.hides(t, h):
        marching.length = LEAST * h
        return False
    attempt = marching.attempt(t, h)
    if attempt is None:
        marching.length = h / 4
        return False
    strip, in_time, in_space = attempt
    factor = SAFETY * (1 / max(in_time, 1e-12)) ** (1 / (LOW + 1))
    marching.length = min(MOST, max(LEAST, factor)) * h
    intervals = marching.line.intervals
    resolved = in_space <= 1 or intervals >= marching.most
    if in_time <= 1 and resolved:
        passed = _passed(marching, strip)
        if passed == math.inf or (passed > 1 and intervals < marching.most):
            marching.length = LEAST * h if passed == math.inf else h
            if passed < math.inf:
                marching.refine(strip, passed)
            return False
        in_space = max(in_space, passed)
        marching.take(strip)
        if in_space > 1:
            marching.rough = max(marching.rough, marching.missed(in_space, h))
        elif in_space < COARSER:
            marching.coarsen(strip)
        return True
    if in_time <= (1 if marching.line.graded else LOST) and not resolved:
        if in_time <= 1:
            marching.length = max(marching.length, h)
        marching.refine(strip, in_space)
    return False


def _passed(marching: Marching, strip: Strip) -> float:
    """What a slab passes through in space without seeing it, in units of what it may add; infinite
    where it does so in time.
    """
    passing, line = marching.passing, strip.line
    sizes = np.maximum(marching.largest, line.rms(strip.at(INSTANTS, marching.evolution.orders)))
    if passing.in_time(strip, sizes, marching.error):
        return math.inf
    allowed = marching.in_space * marching.error
    marching.narrow = passing.in_space(strip, sizes, allowed)
    return 0.0 if marching.narrow is None else marching.narrow.missed / allowed
