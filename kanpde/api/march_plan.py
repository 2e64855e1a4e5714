"""The plan of a problem that evolves: marches with a KAN on every slab, until two agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from kanpde.api.outcome import Outcome
from kanpde.config import Config
from kanpde.config.solve.defaults import TOLERANCE
from kanpde.marching import slab_file
from kanpde.marching.converging import Array, Converged, Run, points_of
from kanpde.progress import Progress
from kanpde.results.verdict import Aim


class Engine(Protocol):
    """A module that marches one kind of problem."""

    def prepare(self, config: Config) -> Any:
        """What it needs of a config."""

    def search(self, config: Config, progress: Progress, posed: Any) -> Converged:
        """March until the tolerance is met."""

    def restored(self, posed: Any, arrays: Mapping[str, Array]) -> Run:
        """A march from the numbers of a file."""


@dataclass(frozen=True)
class Evolving:
    """Slabs whose lengths follow the solution, to a tolerance."""

    config: Config
    engine: Engine
    posed: Any = None

    def prepare(self) -> Evolving:
        """Read the equations and the initial values."""
        return replace(self, posed=self._posed())

    def first(self) -> tuple[Config, None]:
        """Nothing that has a size: the solve finds the slabs."""
        return self.config, None

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """March after march."""
        return self.kept(self.engine.search(self.config, progress, self._posed()), folder)

    def solved(self, progress: Progress, seconds: float) -> Converged:
        """March after march in so many seconds; nothing is kept."""
        return self.engine.search(replace(self.config, seconds=seconds), progress, self._posed())

    def kept(self, solved: Converged, folder: Path | None) -> Outcome:
        """What a search gives, kept in a run folder."""
        if folder is not None:
            slab_file.write(folder, solved)
        return self._outcome(solved)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """All marches from the first one, which give the same bits."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """What the solve ended with."""
        return self._outcome(slab_file.read(folder, partial(self.engine.restored, self._posed())))

    def _posed(self) -> Any:
        return self.posed or self.engine.prepare(self.config)

    def _outcome(self, solved: Converged) -> Outcome:
        problem = solved.run.problem
        return Outcome(
            self.config,
            problem,
            solved.run.trial,
            points_of(problem),
            solved.history,
            solved.stages,
            solved.reason,
            solved.seconds,
            solved.estimate,
            warnings=solved.warnings,
            keep=partial(slab_file.write, solved=solved),
            aim=Aim(
                self.config.tolerance or TOLERANCE[self.config.dtype], searched=True, local=True
            ),
        )
