"""What every level reached, what the next one is to reach, and which cells are to do it.

    size = √Σ share_j,    error ≈ constant · size

with the shares of `marking`. The constant is that of the last change between levels, which is the
error of the former of both, or that of the last enrichment. Steady problems of second order in the
plane aim at a share of the error; in others, and where the last refinement did not do what it aimed
at, the worst patches alone are refined, once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import Cell, Cover
from kanpde.patches.levels import Ground, Level
from kanpde.patches.marking import (
    BULK,
    REACHES,
    Aim,
    aim_of,
    diffusive_length,
    goal_of,
    is_at_corner,
    shares,
)
from kanpde.patches.refinement import Layers, enriched, refined
from kanpde.patches.statement import Statement
from kanpde.patches.support import SECOND, orders_of
from kanpde.problem.problem import Problem

PLANE = 2

POINTS = 500
"""Points at which terms of equations are compared."""

SEEN = 0.1
"""A relative change between levels above this says that the solution is not seen yet."""

SETTLED = 0.5
"""A refinement that leaves more than this share of the error did not do what it aimed at."""

AT_CORNERS = 0.8
"""Where patches at corners hold this share of the error a layer more leaves what its exponent says,
more than SETTLED at a weak one. Measured, 270° between a value and a Robin condition (r^{1/3}): 16
levels of one layer each, 0.63 of the error left by each.
"""

FADED = 0.2
"""Layers that are missing stay where others fall to this share with two degrees more."""

FALLS = 3.0
"""Factor for errors that do not fall quite like their rows from degree to degree."""

FEW_CELLS, GROWTH = 150, 3
"""A level has so many cells, or so many times those of the level before, at most, unless it would
not reach anything.
"""


BULKS, LARGER = (BULK, 0.97, 0.99, 0.997, 0.999), 2.0
"""Where every level is solved several times, by Newton's method, and where levels aim at nothing in
the plane, so many times more coefficients are worth more than the fewest: the patches with the
least of these shares of all squares that gives them are refined. Measured, flow past a cylinder: an
error of 0.1 after 18 s in place of 42. ΔΔu = sin(10πx) sin(8πy): 11 levels in place of 22.
"""


SMALLER = ((0.5, 0.5), (0.7, 0.2))
"""Where what a level aims at is too much work: shares of the error, and the shares of
all squares that the patches which are refined hold at least.
"""


@dataclass
class Aims:
    """What was reached and what is aimed at.

    Args:
        ground: what levels stand on.
        tolerance: what the relative error is to be.
        length: ℓ of `marking`, None where the worst patches alone are refined.
        repeated: whether a level is solved several times.
        constant: how many times the size of its shares the error of a level was last.
        change: the last change between levels.
        checked: the estimate of the last enrichment and the sum of squared rows it belongs to.
        before: the degrees of the level whose error was told last, and its squared rows.
    """

    ground: Ground
    tolerance: float
    length: float | None
    repeated: bool
    constant: float = math.inf
    change: float = 0.0
    checked: tuple[float, float] | None = None
    before: tuple[Mapping[Cell, int], float] | None = None

    @classmethod
    def of(
        cls, problem: Problem, ground: Ground, tolerance: float, statement: Statement | None
    ) -> Aims:
        """Of a problem, with a linear system of it where there is one."""
        steady = problem.config.time is None
        second = max(orders_of(problem)) == SECOND
        if not (steady and second and ground.cover.dimension == PLANE and statement):
            return cls(ground, tolerance, None, not problem.is_linear)
        length = _length(ground.cover, statement)
        return cls(ground, tolerance, length, not problem.is_linear)

    @property
    def are_set(self) -> bool:
        """Whether levels aim at a share of the error."""
        return self.length is not None

    def began(self, level: Level) -> None:
        """The first level: one with more than the first cells was cut where formulas vary."""
        if len(level.degrees) > len(self.ground.cover.start()):
            self.change = math.inf

    def told(self, level: Level, error: float) -> None:
        """A level turned out to have this relative error."""
        self.change, self.before = error, (level.degrees, level.total)
        size = self.size(level) if self.are_set else 0.0
        if size > 0.0:
            self.constant = error / size

    def checked_with(self, level: Level, estimate: float) -> None:
        """An enrichment of a level gave this estimate."""
        self.checked = estimate, level.total
        self.told(level, estimate)

    def promised(self, level: Level, change: float) -> float:
        """What the relative error of a level may be, from its change from the one before and what
        enrichments said. Without shares the squared rows stand for the error.
        """
        if self.are_set:
            return max(self.constant * self.size(level), self.ground.missing(level))
        if self.checked is None:
            return max(self._left(level) * change, self.ground.missing(level))
        estimate, total = self.checked
        return estimate * level.total / total if total > 0 else estimate

    def _left(self, level: Level) -> float:
        """What the change to a level may have left, where it is the level before with two degrees
        more: errors fall like the rows. To look costs nothing there.
        """
        if self.before is None or level.degrees != enriched(self.before[0]):
            return 1.0
        return min(1.0, FALLS * math.sqrt(level.total / self.before[1]))

    def size(self, level: Level) -> float:
        """The error of a level by the shares of its patches, up to a factor."""
        return math.sqrt(float(self._shares(level).sum()))

    def is_unsettled(self, level: Level, before: Level | None) -> bool:
        """Whether the solution is not seen yet, or the last refinement did not do what it aimed at:
        what is not resolved, as a peak of a source, makes the shares of all others meaningless. At
        corners it is known how little a layer of cells does.
        """
        if self.change > SEEN:
            return True
        if before is None or self._is_about_corners(level):
            return False
        return self.size(level) > SETTLED * self.size(before)

    def _is_about_corners(self, level: Level) -> bool:
        """Whether patches at corners hold most of the error."""
        cover, of_patches = self.ground.cover, self._shares(level)
        near = [any(is_at_corner(cover, cell) for cell in patch.cells) for patch in level.patches]
        return bool(of_patches[near].sum() >= AT_CORNERS * of_patches.sum())

    def refined(self, level: Level, before: Level | None) -> dict[Cell, int]:
        """The cells of the next level with their degrees: those that reach furthest and are not
        too many.
        """
        known = level.degrees, level.patches, level.coefficients, self._squares(level)
        degrees: dict[Cell, int] = {}
        layers = self._layers(level, before)
        if not self.are_set or self.is_unsettled(level, before):
            for bulk in BULKS if self._takes_many() else BULKS[:1]:
                degrees = refined(self.ground.cover, *known, layers, bulk)
                if _coefficients(degrees) >= LARGER * _coefficients(level.degrees):
                    break
            return degrees
        most = max(FEW_CELLS, GROWTH * len(level.degrees))
        for reach in REACHES:
            aim = self._aim((level, before), reach)
            degrees = refined(self.ground.cover, *known, layers, aim)
            if len(degrees) <= most:
                break
        return degrees

    def _takes_many(self) -> bool:
        """Whether a level refines as many patches as double its coefficients at least: where it is
        solved several times, and in the plane where no aim says how many.
        """
        return self.repeated or not (self.are_set or self.ground.cover.dimension > PLANE)

    def choices(
        self, level: Level, before: Level | None, also_smaller: bool
    ) -> Iterator[dict[Cell, int]]:
        """The cells of the next level with their degrees, and if no other way to solve the problem
        waits for the seconds, those with which a part of the worst patches is refined.
        """
        yield self.refined(level, before)
        if not also_smaller:
            return
        known = level.degrees, level.patches, level.coefficients, self._squares(level)
        layers = self._layers(level, before)
        aimed = self.are_set and not self.is_unsettled(level, before)
        for reach, bulk in SMALLER:
            goal: Aim | float = bulk
            if aimed:
                of_patches, wanted = self._shares(level), reach * self.size(level)
                goal = aim_of(self.ground.cover, (level, before), of_patches, wanted, bulk)
            yield refined(self.ground.cover, *known, layers, goal)

    def _layers(self, level: Level, before: Level | None) -> Layers:
        """What conditions at an outflow lack of full weight, but for what is no layer."""
        lacking = level.missed[:, :-1]
        fades = self._fades(level, before)
        return Layers(np.zeros_like(lacking) if fades else lacking, level.widths)

    def _fades(self, level: Level, before: Level | None) -> bool:
        """Whether what one patch that is all of a domain in space misses at an outflow is no layer:
        it is little, and falls as fast as all errors do where u is smooth.
        """
        if self.ground.cover.dimension <= PLANE or len(level.patches) > 1:
            return False
        missing = self.ground.missing(level)
        if before is None:
            return missing <= SEEN
        return missing <= FADED * self.ground.missing(before)

    def _squares(self, level: Level) -> Array:
        """The squared rows (J,) of every patch; where given values jump they never fall, and count
        with what they do at a distance, the square of the size of a patch beside the domain.
        """
        sizes = np.array([patch.size for patch in level.patches]) / self.ground.cover.length
        at_jumps = self.ground.at_jumps(level.patches)
        return np.where(at_jumps, np.minimum(1.0, sizes**2), 1.0) * level.squares

    def _shares(self, level: Level) -> Array:
        """The share (J,) of every patch in the squared error of a level."""
        assert self.length is not None
        squared = float((self.ground.weights * level.values**2).sum(axis=0).max())
        size = squared * self.ground.cover.length**SECOND
        return shares(level, self.length, size, self.ground.at_jumps(level.patches))

    def _aim(self, levels: tuple[Level, Level | None], reach: float) -> Aim:
        """What the next level is to reach, a share `reach` of the error at least."""
        goal = goal_of(self.size(levels[0]), reach, self.constant, self.tolerance)
        return aim_of(self.ground.cover, levels, self._shares(levels[0]), goal)


def _coefficients(degrees: Mapping[Cell, int]) -> int:
    """How many coefficients cells in the plane have, about twice."""
    return sum((degree + 1) * (degree + 2) for degree in degrees.values())


def _length(cover: Cover, statement: Statement) -> float:
    """The length below which diffusion is what counts."""
    members = [member.domain for member in cover.members] or [cover.domain]
    formulas = []
    for system, domain in zip(statement.systems, members, strict=True):
        x = np.asarray(domain.quadrature(POINTS).x)
        formulas += [(equation, equation.at(x)[0]) for equation in system.equations]
    return diffusive_length(formulas, cover.length)
