"""The plan of an eigenproblem: its modes on patches, in four or more coordinates as a chain of products."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from kanpde.api.outcome import Outcome
from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.config.solve.defaults import TOLERANCE
from kanpde.config.solve.patches import PatchesConfig
from kanpde.eigen import chains
from kanpde.eigen import store as eigen_store
from kanpde.eigen.search import Spectrum
from kanpde.eigen.search import search as search_modes
from kanpde.eigen.statement import prepare as prepared
from kanpde.errors import ConfigError
from kanpde.problem.problem import Problem
from kanpde.progress import Progress
from kanpde.results import report
from kanpde.results.solution import Solution
from kanpde.results.verdict import Aim


@dataclass(frozen=True)
class Modes:
    """Eigenvalues and modes, refined until the tolerance is met by all of them."""

    config: Config
    problem: Problem | None = None

    def prepare(self) -> Modes:
        """Build the problem and see whether its modes can be solved for."""
        check(self.config)
        if chains.suits(self.config):
            return replace(self, problem=chains.prepare(self.config).problem)
        return replace(self, problem=prepared(self._on_patches())[0])

    def first(self) -> tuple[Config, None]:
        """Nothing that has a size: the solve finds the number of patches."""
        return self.config, None

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Level after level."""
        if chains.suits(self.config):
            spectrum = chains.search(self.config, progress)
        else:
            spectrum = search_modes(self._on_patches(), progress)
        if folder is not None:
            report.write_config(folder / "config.yaml", self.config)
            eigen_store.write(folder, spectrum)
        return self._outcome(spectrum)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """Level after level from the first one: levels do not depend on the clock."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """What the solve ended with."""
        return self._outcome(eigen_store.read(folder, self._on_patches()))

    def _on_patches(self) -> Config:
        """The config with patches."""
        trial = self.config.trial
        patches = trial.patches or PatchesConfig()
        return replace(self.config, chooses=False, trial=replace(trial, patches=patches))

    def _outcome(self, spectrum: Spectrum) -> Outcome:
        config = self._on_patches()
        patches = config.trial.patches
        assert patches is not None
        refines = TOLERANCE[config.dtype] if patches.refine else None
        given = config.tolerance is not None
        aim = Aim(config.tolerance or refines, given, searched=True, local=True)
        known = dict(vars(spectrum))
        values = tuple(value.as_dict() for value in known.pop("eigenvalues"))
        keep = partial(eigen_store.write, spectrum=spectrum)
        findings = {"eigenvalues": values}
        return Outcome(self.config, aim=aim, findings=findings, keep=keep, **known)


def eigen_plan(config: Config, after: Solution | None) -> Modes:
    """The plan; ConfigError where the config or `after` asks for another way to solve."""
    if after is not None:
        raise ConfigError("after: does not go with problem.eigen, which begins anew; leave it out")
    if not config.chooses and config.trial.patches is None and config.trial.nodes != "product":
        raise ConfigError(
            "trial: does not go with problem.eigen, whose modes are solved for on patches or by"
            " chains of products; remove trial and schedule, or give trial: {patches: {}}"
        )
    return Modes(config)
