"""The plan of an evolution on a box in the plane: patches in space and time, then slabs.

| patches | next |
|---|---|
| meet the tolerance in SHARE of the seconds, or are stopped | end |
| do not | slabs for the rest; the result of the smaller estimate is kept |

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
from kanpde.config.solve.defaults import SECONDS
from kanpde.marching.plane import search as in_the_plane
from kanpde.marching.plane.choice import may_march
from kanpde.problem.problem import Problem
from kanpde.progress import Progress, StopReason

SHARE = 0.4
"""Of the seconds for patches."""


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
        patched = self.patches.solved(progress, SHARE * seconds)
        if patched.reason is StopReason.TOLERANCE or progress.stop is not None:
            return self.patches.kept(patched, folder)
        progress.message("patches in space and time do not meet the tolerance: slabs of time")
        spent = time.perf_counter() - began
        marched = self.slabs.solved(progress, max(seconds - spent, SHARE * seconds))
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
