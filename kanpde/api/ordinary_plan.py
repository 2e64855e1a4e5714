"""The plan of an initial value problem: a march with a KAN on every slab."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from kanpde.api.outcome import Outcome
from kanpde.config import Config
from kanpde.config.solve.defaults import TOLERANCE
from kanpde.marching.ordinary import store
from kanpde.marching.ordinary.search import Marched, prepare, search
from kanpde.marching.ordinary.statement import Statement
from kanpde.progress import Progress
from kanpde.results.verdict import Aim


@dataclass(frozen=True)
class InitialValues:
    """Slabs of an initial value problem whose lengths follow its solution, to a tolerance."""

    config: Config
    posed: Statement | None = None

    def prepare(self) -> InitialValues:
        """Read the equations and the initial values."""
        return replace(self, posed=self.posed or prepare(self.config))

    def first(self) -> tuple[Config, None]:
        """Nothing that has a size: the solve finds the slabs."""
        return self.config, None

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """March after march."""
        solved = search(self.config, progress, self.posed or prepare(self.config))
        if folder is not None:
            store.write(folder, solved)
        return _outcome(self.config, solved)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """All marches from the first one, which give the same bits."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """What the solve ended with."""
        return _outcome(self.config, store.read(folder, self.config))


def _outcome(config: Config, solved: Marched) -> Outcome:
    return Outcome(
        config,
        solved.problem,
        solved.trial,
        solved.points,
        solved.history,
        solved.stages,
        solved.reason,
        solved.seconds,
        solved.estimate,
        aim=Aim(config.tolerance or TOLERANCE[config.dtype], searched=True, local=True),
    )
