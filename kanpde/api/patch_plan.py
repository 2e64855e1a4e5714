"""The plan of a solve on patches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from kanpde.api.outcome import Outcome
from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.config.frozen_map import FrozenMap
from kanpde.config.solve.defaults import TOLERANCE
from kanpde.config.solve.starts import StartConfig, StartsConfig
from kanpde.errors import ConfigError
from kanpde.patches import store as patch_store
from kanpde.patches.branches import branches
from kanpde.patches.cells import Cell
from kanpde.patches.limits import Limits
from kanpde.patches.patched import Patched
from kanpde.patches.preparation import prepare as prepared
from kanpde.patches.search import search as search_patches
from kanpde.problem.problem import Problem
from kanpde.problem.starts import Start
from kanpde.progress import Progress
from kanpde.results import report
from kanpde.results.run_folder import branch_folder
from kanpde.results.solution import Solution
from kanpde.results.verdict import Aim


@dataclass(frozen=True)
class Patches:
    """A network on every cell of the domain, refined until the tolerance is met, or as far as so many
    `parameters` allow, or on given `cells` with their degrees.
    """

    config: Config
    problem: Problem | None = None
    start: Start | None = None
    cells: Mapping[Cell, int] | None = None
    parameters: int | None = None

    @property
    def words(self) -> str:
        """What the field is made of."""
        return "patches in space and time"

    def prepare(self) -> Patches:
        """Build the problem and see whether patches can solve it."""
        check(self.config)
        return replace(self, problem=prepared(self.config))

    def first(self) -> tuple[Config, None]:
        """Nothing that has a size: the solve finds the number of patches."""
        return self.config, None

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Level after level."""
        if self.config.starts.solutions > 1:
            return self._several(branches(self.config, progress, self.start), folder)
        limits = Limits(self.cells, self.parameters)
        patched = search_patches(self.config, progress, start=self.start, limits=limits)
        return self.kept(patched, folder)

    def _several(self, solutions: list[Patched], folder: Path | None) -> Outcome:
        """The first of several solutions, with the others beside it."""
        first, *others = solutions
        wanted, beside = self.config.starts.solutions, []
        warnings = list(first.warnings)
        if len(solutions) < wanted:
            warnings.append(
                f"warning: {wanted} solutions were asked for, found {len(solutions)}; there may be"
                f" no more: give a start that is near another one, or more seconds"
            )
        for number, other in enumerate(others, 2):
            own = None if folder is None else branch_folder(folder, number)
            run = {} if own is None else {name: _in(own) for name in other.problem.unknowns}
            alone = replace(self.config, starts=StartsConfig(FrozenMap(run)))
            beside.append(Patches(alone).kept(other, own))
            if other.reason.exit_code:
                warnings.append(f"warning: solution {number}: {other.reason.value}")
        kept = self.kept(replace(first, warnings=tuple(warnings)), folder)
        return replace(kept, branches=tuple(beside))

    def solved(self, progress: Progress, patience: float) -> Patched:
        """Level after level, with so much patience (see `patches.search`); nothing is kept."""
        return search_patches(self.config, progress, patience, self.start)

    def kept(self, patched: Patched, folder: Path | None) -> Outcome:
        """What a search gives, kept in a run folder as a run of patches."""
        if folder is not None:
            report.write_config(folder / "config.yaml", self.config)
            patch_store.write(folder, patched)
        return self._outcome(patched)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """Level after level from the first one: levels do not depend on the clock."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """What the solve ended with."""
        return self._outcome(patch_store.read(folder, self.config))

    def _outcome(self, patched: Patched) -> Outcome:
        patches = self.config.trial.patches
        assert patches is not None
        refines = TOLERANCE[self.config.dtype] if patches.refine else None
        given = self.config.tolerance is not None
        aim = Aim(self.config.tolerance or refines, given, searched=True, local=True)
        keep = partial(patch_store.write, patched=patched)
        return Outcome(self.config, aim=aim, keep=keep, **vars(patched))


def _in(folder: Path) -> StartConfig:
    """The start of a solution that is kept: itself."""
    return StartConfig(run=str(folder.resolve()))


def patches_plan(config: Config, after: Solution | None, start: Start | None) -> Patches:
    """The plan; ConfigError where it is to begin from the parameters of `after`."""
    if after is not None:
        raise ConfigError("after: does not go with trial.patches, which begin anew; leave it out")
    return Patches(config, start=start)
