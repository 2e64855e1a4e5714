"""What makes the estimate of a solved level worth nothing: features that no point meets, constants
beside which there is another solution, conditions that contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kanpde.patches.cells import Cell, Cover
from kanpde.patches.compatibility import CONTRADICTION
from kanpde.patches.deflation import others
from kanpde.patches.estimates import Checked
from kanpde.patches.layout import balanced
from kanpde.patches.levels import Cells, Level
from kanpde.patches.newton import Newton
from kanpde.patches.statement import Statement
from kanpde.patches.unseen import left_out, unseen
from kanpde.problem.problem import Problem
from kanpde.progress import Progress

CONSTANT = 1e-9
"""A solution that varies by this share of its size is constant."""

FEW = 6
"""Starts from which another solution than a constant is looked for."""


@dataclass(frozen=True)
class Doubts:
    """Of a problem on the cells of `start`; `linear` is what is solved where it is linear, `newton`
    where it is not, and `asked` whether the user said which solution is meant.
    """

    problem: Problem
    cover: Cover
    progress: Progress
    start: dict[Cell, int]
    linear: Statement | None
    newton: Newton | None
    asked: bool

    def warning(self, checked: Checked) -> str | None:
        """Why the error of a solved level cannot be told."""
        level = checked.level
        contradiction = CONTRADICTION if checked.contradictory else None
        return self._unseen(level) or self._flat(level) or contradiction

    def _flat(self, level: Level) -> str | None:
        """A warning where the solution of a nonlinear problem is constant and another one was
        found from other starts.
        """
        flat = np.ptp(level.values, axis=0).max() <= CONSTANT * np.abs(level.values).max()
        if self.newton is None or not flat or self.asked:
            return None
        cells = Cells.of(self.cover, balanced(self.cover, self.start))
        other = next(iter(others(self.newton, cells, [level], 1, FEW)), None)
        value = ", ".join(f"{mean:.4g}" for mean in level.values.mean(axis=0))
        if other is None:
            self.progress.message(f"the solution is {value} everywhere; other starts led to it too")
            return None
        low, high = float(other.values.min()), float(other.values.max())
        return (
            f"warning: the solution is {value} everywhere, and another one with values from"
            f" {low:.4g} to {high:.4g} was found; which one is meant cannot be told: give a start,"
            f" or solutions: 2"
        )

    def _unseen(self, level: Level) -> str | None:
        """A warning where patches see less of the formulas than there is."""
        statement = self.newton.system(level) if self.newton is not None else self.linear
        assert statement is not None
        words = unseen(self.cover, statement.systems, level.patches, self.problem.names)
        return left_out(self.problem) or words
