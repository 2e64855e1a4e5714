"""The plan of an evolution on a box in the plane or in space, or on a line of several materials: a
field over space and time first, then slabs.

| the field | next |
|---|---|
| does not see a start in the plane that jumps or does not fit | slabs alone |
| meets the tolerance, or is stopped | end |
| does not, and more than LEAST of the seconds are left | slabs; the smaller estimate is kept |
| does not | end |

On a line and in the plane the field is one of patches, in space a chain of products. Patches have
PATIENCE of the seconds, and all of them while their changes fall fast; where they do not see the
solution they have the square of that share, and no estimate. Products have PATIENCE of the seconds.

A field in space and time is the better one where u is smooth in both, or of few products. Slabs take
few unknowns at a time and follow what moves, fades or is not linear.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

from kanpde.api.march_plan import Engine, Evolving
from kanpde.api.outcome import Outcome, Plan
from kanpde.api.patch_plan import Patches
from kanpde.api.product_plan import Products
from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.marching.plane import search as in_the_plane
from kanpde.marching.plane.choice import may_march, only_marches
from kanpde.problem.problem import Problem
from kanpde.progress import Progress

PATIENCE, LEAST = 0.4, 0.3
"""Share of the seconds for patches whose changes do not fall fast, and for slabs at least."""


class Field(Protocol):
    """The plan of one field over space and time, prepared."""

    @property
    def words(self) -> str:
        """What it is made of."""

    def solved(self, progress: Progress, patience: float) -> Any:
        """What a search with that share of the seconds ends with; nothing is kept."""

    def kept(self, solved: Any, folder: Path | None) -> Outcome:
        """What a search gives, kept in a run folder."""


@dataclass(frozen=True)
class InTurn:
    """One field in space and time, and slabs where this does not meet the tolerance."""

    config: Config
    field: Field
    slabs: Evolving

    def prepare(self) -> InTurn:
        """Read the equations for slabs; the field is prepared."""
        return replace(self, slabs=self.slabs.prepare())

    def first(self) -> tuple[Config, None]:
        """Nothing that has a size."""
        return self.config, None

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """The field first."""
        if only_marches(self.slabs.posed):
            return self.slabs.run(progress, folder)
        began, seconds = time.perf_counter(), self.config.seconds or SECONDS
        tolerance = self.config.tolerance or TOLERANCE[self.config.dtype]
        fielded = self.field.solved(progress, PATIENCE)
        remaining = seconds - (time.perf_counter() - began)
        is_met = fielded.estimate is not None and fielded.estimate <= tolerance
        if is_met or progress.stop is not None or remaining < LEAST * seconds:
            return self.field.kept(fielded, folder)
        progress.message(f"{self.field.words} do not meet the tolerance: slabs of time")
        marched = self.slabs.solved(progress, remaining)
        before, after = (each.estimate for each in (fielded, marched))
        total = time.perf_counter() - began
        if before is not None and before <= (math.inf if after is None else after):
            return self.field.kept(replace(fielded, seconds=total), folder)
        return self.slabs.kept(replace(marched, seconds=total), folder)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """Both again."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """The slabs: a run whose field is kept is one of that field alone."""
        return self.slabs.load(folder)


def in_turn(config: Config, field: Patches | Products, marched: Evolving | None = None) -> Plan:
    """A prepared field, and then slabs where the problem evolves and can be marched, by `marched`
    if that is given.
    """
    slabs = marched or slabs_of(config)
    return field if slabs is None else InTurn(config, field, slabs).prepare()


def slabs_of(config: Config) -> Evolving | None:
    """The march of a problem on a box in the plane or in space; None where it is another one."""
    statement = config.problem
    if statement.time is None or statement.energy is not None or statement.fit is not None:
        return None
    if not may_march(Problem.create(statement)):
        return None
    return Evolving(config, cast("Engine", in_the_plane))
