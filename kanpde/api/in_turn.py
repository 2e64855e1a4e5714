"""The plan of an evolution on a box in the plane: patches in space and time, then slabs.

| patches | next |
|---|---|
| meet the tolerance, or are stopped | end |
| do not, and more than LEAST of the seconds are left | slabs; the smaller estimate is kept |
| do not | end |

Patches have PATIENCE of the seconds, and all of them while their changes fall fast; where they do not
see the solution they have the square of that share, and no estimate.

Patches in space and time are the better ones where u is smooth in both: a few of high degree do.
Slabs take few unknowns at a time and follow what moves, fades or is not linear.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from kanpde.api.march_plan import Engine, Evolving
from kanpde.api.outcome import Outcome, Plan
from kanpde.api.patch_plan import Patches
from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.marching.plane import search as in_the_plane
from kanpde.marching.plane.choice import may_march
from kanpde.problem.problem import Problem
from kanpde.progress import Progress

PATIENCE, LEAST = 0.4, 0.3
"""Share of the seconds for patches whose changes do not fall fast, and for slabs at least."""


@dataclass(frozen=True)
class InTurn:
    """Patches in space and time, and slabs where these do not meet the tolerance."""

    config: Config
    patches: Patches
    slabs: Evolving

    def prepare(self) -> InTurn:
        """Read the equations for both."""
        patches = self.patches if self.patches.problem is not None else self.patches.prepare()
        return replace(self, patches=patches, slabs=self.slabs.prepare())

    def first(self) -> tuple[Config, None]:
        """Nothing that has a size."""
        return self.config, None

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Patches first."""
        began, seconds = time.perf_counter(), self.config.seconds or SECONDS
        tolerance = self.config.tolerance or TOLERANCE[self.config.dtype]
        patched = self.patches.solved(progress, PATIENCE)
        remaining = seconds - (time.perf_counter() - began)
        is_met = patched.estimate is not None and patched.estimate <= tolerance
        if is_met or progress.stop is not None or remaining < LEAST * seconds:
            return self.patches.kept(patched, folder)
        progress.message("patches in space and time do not meet the tolerance: slabs of time")
        marched = self.slabs.solved(progress, remaining)
        before, after = (each.estimate for each in (patched, marched))
        total = time.perf_counter() - began
        if before is not None and before <= (math.inf if after is None else after):
            return self.patches.kept(replace(patched, seconds=total), folder)
        return self.slabs.kept(replace(marched, seconds=total), folder)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """Both again."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """The slabs: a run whose patches are kept is one of patches alone."""
        return self.slabs.load(folder)


def in_turn(config: Config, patches: Patches) -> Plan:
    """What is tried of a problem that patches can solve, with `patches` prepared: slabs too where it
    evolves in the plane.
    """
    statement = config.problem
    if statement.time is None or statement.energy is not None or statement.fit is not None:
        return patches
    if not may_march(Problem.create(statement)):
        return patches
    return InTurn(config, patches, Evolving(config, cast("Engine", in_the_plane))).prepare()
