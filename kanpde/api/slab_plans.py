"""Marches with one network per time slab as ways to solve a config: `March` on the slabs that it
gives, `SlabSearch` on those that its tolerance asks for.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from kanpde.api.outcome import Outcome
from kanpde.api.plans import posed_with_directions
from kanpde.config import Config
from kanpde.marching.march import Begun, Marched, begin, march, unbuilt
from kanpde.marching.tolerance import begin_search, choose_slabs
from kanpde.marching.watcher import watcher
from kanpde.progress import Progress, Silent
from kanpde.results import report
from kanpde.results.run_folder import kept_estimate
from kanpde.results.verdict import Aim
from kanpde.solver.build import Parts


@dataclass(frozen=True)
class March:
    """Time slabs of given or of chosen lengths, one after the other."""

    config: Config
    begun: Begun | None = None

    def prepare(self) -> March:
        """Build the first slab."""
        return replace(self, begun=self._begun())

    def first(self) -> tuple[Config, Parts]:
        """The first slab."""
        return _first_slab(self._begun())

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """All slabs."""
        return self._march(self._begun(), progress, folder)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """The slabs that are missing."""
        return self._march(
            unbuilt(*posed_with_directions(self.config)), progress, folder, again=True
        )

    def load(self, folder: Path) -> Outcome:
        """The slabs that are there."""
        marched = march(unbuilt(self.config), Silent(), folder, read_only=True)
        return _march_outcome(self.config, marched, folder)

    def _begun(self) -> Begun:
        if self.begun is not None:
            return self.begun
        began = time.perf_counter()
        begun = begin(*posed_with_directions(self.config))
        return replace(begun, seconds=time.perf_counter() - began)

    @staticmethod
    def _march(
        begun: Begun, progress: Progress, folder: Path | None, again: bool = False
    ) -> Outcome:
        each = watcher(begun.config, begun.problem, folder)
        marched = march(begun, progress, folder, again, each=each)
        return _march_outcome(begun.config, marched, folder)


@dataclass(frozen=True)
class SlabSearch:
    """The slabs that a tolerance asks for; what is kept is the march that was taken."""

    config: Config
    begun: Begun | None = None

    def prepare(self) -> SlabSearch:
        """Build the first slab of the first march."""
        return replace(self, begun=self._begun())

    def first(self) -> tuple[Config, Parts]:
        """The first slab of the first march."""
        return _first_slab(self._begun())

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """March after march."""
        return self._search(progress, folder, self._begun())

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """The march that was taken, or the search anew where it was stopped before its end."""
        return self._search(progress, folder, None)

    def load(self, folder: Path) -> Outcome:
        """The march that was taken."""
        aim = Aim(self.config.tolerance, searched=True, smooth=True)
        outcome = March(self.config).load(folder)
        return replace(outcome, aim=aim, estimate=kept_estimate(folder))

    def _begun(self) -> Begun:
        return self.begun or begin_search(self.config)

    def _search(self, progress: Progress, folder: Path | None, begun: Begun | None) -> Outcome:
        began = time.perf_counter() - (0.0 if begun is None else begun.seconds)
        chosen = choose_slabs(self.config, progress, folder, begun is None, begun)
        if folder is not None:
            report.write_config(folder / "config.yaml", chosen.config)
        seconds = max(chosen.marched.seconds, time.perf_counter() - began)
        outcome = _march_outcome(chosen.config, chosen.marched, folder)
        return replace(
            outcome,
            reason=chosen.reason,
            seconds=seconds,
            estimate=chosen.estimate,
            aim=Aim(self.config.tolerance, searched=True, smooth=True),
        )


def _first_slab(begun: Begun) -> tuple[Config, Parts]:
    assert begun.slab is not None
    return begun.config, begun.slab.parts


def _march_outcome(config: Config, marched: Marched, folder: Path | None) -> Outcome:
    return Outcome(
        config,
        marched.problem,
        marched.trial,
        marched.points,
        marched.history,
        marched.stages,
        marched.reason,
        marched.seconds,
        keep=None if folder is None else partial(_copied, folder),
    )


def _copied(run: Path, folder: Path) -> None:
    """The checkpoints of every slab, which are written while it is solved."""
    shutil.copytree(run / "checkpoints", folder / "checkpoints", dirs_exist_ok=True)
