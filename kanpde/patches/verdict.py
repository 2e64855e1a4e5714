"""What a search on patches says at its end: what was reached, or why not, where, and what to try.

| | |
|---|---|
| the estimate fell until time or patches ran out | more of them |
| it does not fall, or is as large as the solution | refinement is no remedy: look at the problem |
| the system is singular | the problem has no unique solution |
| Newton's method stalled | smaller data, or another start |
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from kanpde.patches.cells import Cover
from kanpde.patches.levels import Level

FALLEN, FEW = 0.7, 3
"""Changes that fall to this share over so many levels are falling."""

LATE = 10.0
"""How many times the seconds a search may be expected to take."""

HALF = 0.5
"""A change of at most this share of the one before falls fast."""


class End(Enum):
    """Why no further level began; the value is what to do about it."""

    REACHED = "nothing is left to do"
    EXACT = "no residual is left"
    STOPPED = "resume the run"
    GIVEN = "give more trial.patches.cells or a higher trial.patches.degree, or leave out refine"
    TIME = "give more seconds"
    MEMORY = "the next level does not fit into memory: give more (KANPDE_MEMORY)"
    PATCHES = "give more patches (trial.patches.most)"
    FINEST = "cells and degrees are the finest there are; look at the data there"


@dataclass(frozen=True)
class Course:
    """How a search went: the changes from level to level, why it ended, the tolerance, what its
    last estimate is by unknown, and what is known of the cells.
    """

    changes: Sequence[float]
    end: End
    tolerance: float
    each: Mapping[str, float] = field(default_factory=dict)
    cover: Cover | None = None

    def told(self, estimate: float) -> str:
        """The estimate, and that of each unknown where there are several."""
        each = ", ".join(f"{name} {value:.1e}" for name, value in self.each.items())
        words = f"estimated relative L2 error {estimate:.1e}"
        return f"{words} ({each})" if len(self.each) > 1 else words


def point(x: Iterable[float], digits: int) -> str:
    """Coordinates in brackets."""
    return f"({', '.join(f'{value:.{digits}g}' for value in x)})"


def place(level: Level, cover: Cover | None = None) -> str:
    """Where the largest squared rows are, in the coordinates of the problem as it is stated."""
    middle, sizes = (level.worst.lower + level.worst.upper) / 2, level.worst.sizes
    if cover is not None:
        middle, sizes = cover.stated(middle), cover.stated_sizes(sizes)
    sides = " x ".join(f"{side:.2g}" for side in sizes)
    return f"the largest residual is at {point(middle, 4)} in a patch of size {sides}"


def is_falling(changes: Sequence[float]) -> bool:
    """Whether the last changes fall, or are too few to tell."""
    recent = [change for change in changes if math.isfinite(change)][-FEW:]
    return len(recent) < FEW or recent[-1] <= FALLEN * recent[0]


def is_fast(changes: Sequence[float]) -> bool:
    """Whether the last change is at most half of the one before."""
    return len(changes) > 1 and changes[-1] <= HALF * changes[-2] < math.inf


def is_late(
    changes: Sequence[float], ends: Sequence[float], tolerance: float, seconds: float
) -> bool:
    """Whether changes that fall on with the time as the last ones did meet a tolerance only long
    after the seconds; `ends` are when levels ended.
    """
    known = [change for change in changes if math.isfinite(change)][-FEW:]
    if len(known) < FEW or len(ends) < FEW or not 0 < tolerance < known[-1]:
        return False
    fallen, longer = math.log(known[0] / known[-1]), math.log(ends[-1] / max(ends[-FEW], 1e-9))
    if not fallen > 0:
        return True
    expected = math.log(known[-1] / tolerance) * longer / fallen
    return expected + math.log(ends[-1]) > math.log(LATE * seconds)


def sentence(level: Level, estimate: float, singular: bool, course: Course) -> str:
    """The verdict on a level, in one line."""
    where, count = place(level, course.cover), len(level.patches)
    if level.stall:
        return (
            f"warning: the error cannot be told, Newton's method stalled on {count} patches:"
            f" {level.stall}; {where}; the problem may have no solution for these data: try"
            f" smaller ones, or more trial.patches.cells"
        )
    if singular:
        return (
            f"warning: the error cannot be told, the system is singular: the problem has no"
            f" solution or more than one; {where}; add a condition or a term that fixes it"
        )
    if estimate <= course.tolerance:
        return f"{course.told(estimate)} on {count} patches"
    if math.isinf(estimate) and course.end is End.TIME:
        return (
            f"warning: the error of {count} patches cannot be told without a finer level; {where};"
            f" {course.end.value}"
        )
    start = (
        f"warning: {course.told(estimate)} on {count} patches,"
        f" {course.tolerance:.0e} was not reached"
    )
    refined = course.end is not End.GIVEN
    if refined and not (estimate < 1.0 and is_falling(course.changes)):
        return (
            f"{start}, and the estimate does not fall with refinement; {where}: the problem may"
            f" have no solution or more than one, or data or layers that are sharper than the patches there"
        )
    return f"{start}; {where}; {course.end.value}"
