"""The search for a small network that fits a table, as a way to solve a config."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from kanpde.api.outcome import Outcome
from kanpde.api.plans import Built, OneNetwork, chosen_outcome
from kanpde.config import Config
from kanpde.progress import Progress, StopReason
from kanpde.solver import regression_search
from kanpde.solver.build import Parts
from kanpde.solver.checkpoint import Store

SEARCH = "search"
"""Key of a checkpoint that says why the search of a fit ended."""


@dataclass(frozen=True)
class FitSearch:
    """The small network that the search of a fit finds; what is kept is an ordinary run."""

    config: Config
    built: Built | None = None

    def prepare(self) -> FitSearch:
        """Build everything."""
        return replace(self, built=self._built())

    def first(self) -> tuple[Config, Parts]:
        """Everything, with a network that the search replaces."""
        built = self._built()
        return built.config, built.parts

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Start after start, grid after grid."""
        built = self._built()
        began = time.perf_counter() - built.seconds
        chosen = regression_search.search(built.config, built.parts, progress)
        return chosen_outcome(chosen, folder, began, {SEARCH: chosen.reason.name})

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """What was made of the network that was found, or the search anew where it was stopped."""
        store = Store.at(folder)
        stopped = (StopReason.INTERRUPTED.name, StopReason.TERMINATED.name)
        if store.any and store.load().get(SEARCH) not in stopped:
            return OneNetwork(self.config).resume(progress, folder)
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """The network that was found."""
        return OneNetwork(self.config).load(folder)

    def _built(self) -> Built:
        return self.built or OneNetwork(self.config).build()
