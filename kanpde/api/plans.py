"""The ways to solve a config: what each builds first, and how it runs, resumes and loads.

    plan         config                                    what it builds first
    ----------   ---------------------------------------   ------------------------------------
    OneNetwork   any other                                 everything
    March        `slabs`, or `trial.start: stretched`      the first slab
    Search       `tolerance`                               the first level of the search
    FitSearch    `fit.search`                              everything of the start
    Choice       neither `trial` nor `schedule`            what the chosen way builds first
    SlabSearch   `tolerance` with what makes a march       the first slab of the first march
    Patches      `trial.patches`                           the problem
    Modes        `problem.eigen`                           the problem
    Evolving     no way, and a problem that a march solves   the problem

A plan is prepared before a run folder is made, so that a mistake neither leaves one nor costs an
old run, and is then run with what was built for that. A further way to solve is a further class
in a module of this room (`slab_plans`, `fit_search`, `patch_plan`, `eigen_plan` and `evolving` load only where
they are used) and a further case in `kanpde.api.planning`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from torch import nn

from kanpde.api.outcome import Outcome
from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.problem.posing import posed
from kanpde.problem.problem import Problem
from kanpde.problem.starts import Start
from kanpde.progress import Progress, Silent
from kanpde.results import report
from kanpde.results.parameter_intervals import findings
from kanpde.results.run_folder import kept_estimate
from kanpde.results.solution import Solution
from kanpde.results.verdict import Aim
from kanpde.solver import tolerance
from kanpde.solver.budget import check_budget
from kanpde.solver.build import Parts, build, with_directions
from kanpde.solver.checkpoint import Store, go_on
from kanpde.solver.loop import Solver
from kanpde.solver.starting import begin_with


@dataclass(frozen=True)
class Built:
    """Everything of one solve on one network, and the wall `seconds` that building took."""

    config: Config
    parts: Parts
    seconds: float


@dataclass(frozen=True)
class OneNetwork:
    """One schedule on one trial solution, from the parameters of `after` or a start, if given; on a
    `module` of the user's own where the config asks for one.
    """

    config: Config
    after: Solution | None = None
    start: Start | None = None
    module: nn.Module | None = None
    built: Built | None = None

    def prepare(self) -> OneNetwork:
        """Build everything."""
        return replace(self, built=self.build())

    def first(self) -> tuple[Config, Parts]:
        """Everything."""
        built = self.build()
        return built.config, built.parts

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """All stages."""
        built = self.build()
        store = None if folder is None else Store.at(folder)
        return self._run(built, _solver(built, progress, store))

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """What is missing of the stages."""
        built = self.build()
        solver = _solver(built, progress, Store.at(folder))
        solver.resume(built.config.trial)
        return self._run(built, solver)

    def load(self, folder: Path) -> Outcome:
        """The last checkpoint."""
        built = Built(self.config, build(self.config, module=self.module), 0.0)
        solver = _solver(built, Silent(), Store.at(folder, make=False))
        solver.resume(self.config.trial)
        return _network_outcome(built, solver, solver.seconds)

    def build(self) -> Built:
        """Everything, once."""
        if self.built is not None:
            return self.built
        began = time.perf_counter()
        config, problem = posed_with_directions(self.config)
        parts = build(config, problem, self.module)
        if self.after is not None:
            (earlier,) = self.after.trial.each
            go_on(parts.trial, earlier, config.trial)
        if self.start is not None:
            begin_with(parts.trial, self.start, parts.points.interior.x)
        return Built(config, parts, time.perf_counter() - began)

    def _run(self, built: Built, solver: Solver) -> Outcome:
        began, earlier = time.perf_counter() - built.seconds, solver.seconds
        solver.run()
        return _network_outcome(built, solver, earlier + time.perf_counter() - began)


@dataclass(frozen=True)
class Search:
    """The resolution that a tolerance asks for, on one network; what is kept is the level that was
    taken.
    """

    config: Config
    begun: tolerance.First | None = None

    def prepare(self) -> Search:
        """Build the first level."""
        return replace(self, begun=self._begun())

    def first(self) -> tuple[Config, Parts]:
        """The first level."""
        begun = self._begun()
        return begun.config, begun.parts

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Level after level."""
        begun = self._begun()
        began = time.perf_counter() - begun.seconds
        chosen = tolerance.choose(self.config, progress, begun)
        outcome = chosen_outcome(chosen, folder, began)
        return replace(outcome, aim=Aim(self.config.tolerance, searched=True, smooth=True))

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """The level that was taken, whose config the folder holds."""
        return self._kept(OneNetwork(self.config).resume(progress, folder), folder)

    def load(self, folder: Path) -> Outcome:
        """The level that was taken."""
        return self._kept(OneNetwork(self.config).load(folder), folder)

    def _kept(self, outcome: Outcome, folder: Path) -> Outcome:
        """With the estimate of the search, which its levels gave."""
        aim = Aim(self.config.tolerance, searched=True, smooth=True)
        return replace(outcome, aim=aim, estimate=kept_estimate(folder))

    def _begun(self) -> tolerance.First:
        return self.begun or tolerance.begin(self.config)


def posed_with_directions(config: Config) -> tuple[Config, Problem]:
    """The config with what the source of its problem says about directions, and that problem."""
    check(config)
    check_budget(config)
    problem = posed(config.problem)
    return with_directions(config, problem), problem


def _solver(built: Built, progress: Progress, store: Store | None) -> Solver:
    parts, schedule = built.parts, built.config.schedule
    return Solver(parts.trial, parts.assembly, schedule, progress, store, source=parts.source)


def chosen_outcome(
    chosen: tolerance.Chosen,
    folder: Path | None,
    began: float,
    extra: Mapping[str, Any] = MappingProxyType({}),
) -> Outcome:
    """What a search on one network took, kept in a run folder with its config."""
    if folder is not None:
        report.write_config(folder / "config.yaml", chosen.config)
        _keep_network(chosen.solver, folder, extra)
    history, stages, _ = chosen.solver.outcome()
    parts = chosen.parts
    return Outcome(
        chosen.config,
        parts.problem,
        parts.trial,
        parts.points,
        history,
        stages,
        chosen.reason,
        time.perf_counter() - began,
        chosen.estimate,
        findings=findings(parts.problem, parts.assembly, parts.trial),
        keep=partial(_keep_network, chosen.solver, extra=extra),
    )


def _network_outcome(built: Built, solver: Solver, seconds: float) -> Outcome:
    """With the points that the solve ended on, and the weights of the config."""
    parts, points = built.parts, solver.points.settled()
    history, stages, reason = solver.outcome()
    return Outcome(
        built.config,
        parts.problem,
        parts.trial,
        points.collocation(parts.points),
        history,
        stages,
        reason,
        seconds,
        findings=findings(parts.problem, points.assembly, parts.trial),
        keep=partial(_keep_network, solver),
    )


def _keep_network(
    solver: Solver, folder: Path, extra: Mapping[str, Any] = MappingProxyType({})
) -> None:
    solver.keep(Store.at(folder), extra)
