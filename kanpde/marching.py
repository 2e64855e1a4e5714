"""Time slabs, one after the other: the loop over them, their checkpoints, and what they give together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from kanpde.build import Parts, build, check_budget
from kanpde.checkpoint import Store
from kanpde.collocation import Collocation
from kanpde.config import Config
from kanpde.errors import ConfigError
from kanpde.problem import Problem
from kanpde.result import StopReason
from kanpde.slab import Slab, build_slab
from kanpde.slabs import Slabs
from kanpde.solution import History, StageResult
from kanpde.solver import Solver
from kanpde.types import Progress

GOOD = (StopReason.FINISHED, StopReason.SOLVED, StopReason.TOLERANCE, StopReason.STALLED)
"""How a slab ends that is as good as its points allow; any other reason is that of the whole run."""


@dataclass(frozen=True)
class Marched:
    """What all slabs together give; `points` are those of the first."""

    problem: Problem
    trial: Slabs
    points: Collocation
    history: History
    stages: tuple[StageResult, ...]
    reason: StopReason
    seconds: float


def in_slabs(config: Config) -> bool:
    """Whether a config is solved slab by slab."""
    return config.slabs > 1 or config.trial.start == "stretched"


def prepare(config: Config) -> Parts:
    """Build everything that a solve needs first; ConfigError or BudgetError name the key to change."""
    if not in_slabs(config):
        return build(config)
    check_budget(config)
    problem = Problem.create(config.problem)
    edges = _edges(config, problem)
    return build_slab(config, problem, (edges[0], edges[1]), None).parts


def _edges(config: Config, problem: Problem) -> list[float]:
    if config.problem.time is None:
        raise ConfigError("trial.start: stretched needs a problem with time; use ridge")
    if config.trial.lifting:
        raise ConfigError("trial.lifting: not with time slabs; set it to false")
    for condition in problem.conditions:
        if condition.kind == "mean" or "final" in (condition.part, condition.other):
            raise ConfigError(
                f"slabs: the condition '{condition.name}' holds over the whole time interval or at its end, which a march from the"
                " start cannot meet; use slabs: 1 and trial.start: ridge"
            )
    edges: list[float] = np.linspace(problem.domain.lower[-1], problem.domain.upper[-1], config.slabs + 1).tolist()
    return edges


def march(
    config: Config, progress: Progress, folder: Path | None = None, again: bool = False, read_only: bool = False
) -> Marched:
    """Solve slab after slab; with a run folder every slab keeps its checkpoints, and `again` goes on from them.

    Where a slab is stopped, the slabs before it and its own state are the result. `read_only` solves nothing.
    """
    problem = Problem.create(config.problem)
    edges = _edges(config, problem)
    slabs: list[Slab] = []
    runs: list[tuple[History, tuple[StageResult, ...]]] = []
    reasons: list[StopReason] = []
    seconds = 0.0
    for k, interval in enumerate(pairwise(edges)):
        store = None if folder is None else Store.at(folder, f"slab{k + 1:05d}", make=not read_only)
        if read_only and slabs and store is not None and not store.any:
            break
        slab = build_slab(config, problem, interval, slabs[-1] if slabs else None)
        told = _Told(progress, k * len(config.schedule), config.slabs * len(config.schedule))
        solver = Solver(slab.parts.trial, slab.parts.assembly, config.schedule, told, store)
        if read_only or (again and store is not None and store.any):
            solver.resume(config.trial)
        history, stages, reason = solver.outcome() if read_only else solver.run()
        runs.append((history, stages))
        reasons.append(reason)
        slabs.append(slab)
        seconds += solver.seconds
        if reason in (StopReason.INTERRUPTED, StopReason.TERMINATED, StopReason.NON_FINITE):
            break
    trial = Slabs([slab.parts.trial for slab in slabs], [slab.start for slab in slabs] + [slabs[-1].end])
    return Marched(
        problem,
        trial,
        slabs[0].parts.points,
        _joined([history for history, _ in runs]),
        tuple(
            replace(stage, name=f"slab {k}: {stage.name}") for k, (_, found) in enumerate(runs, 1) for stage in found
        ),
        next((reason for reason in reversed(reasons) if reason not in GOOD), StopReason.FINISHED),
        seconds,
    )


def _joined(histories: Sequence[History]) -> History:
    """Steps, seconds and stages count on from slab to slab."""
    step: list[int] = []
    objective: list[float] = []
    seconds: list[float] = []
    stage: list[int] = []
    events: list[tuple[int, str]] = []
    steps, time, stages = 0, 0.0, 0
    for one in histories:
        step += [steps + k for k in one.step]
        seconds += [time + s for s in one.seconds]
        stage += [stages + k for k in one.stage]
        events += [(steps + k, text) for k, text in one.events]
        objective += one.objective
        if one.step:
            steps, time, stages = step[-1], seconds[-1], stage[-1] + 1
    return History(tuple(step), tuple(objective), tuple(seconds), tuple(stage), tuple(events))


@dataclass(frozen=True)
class _Told:
    """An observer that counts the stages of all slabs."""

    inner: Progress
    first: int
    total: int

    @property
    def stop(self) -> StopReason | None:
        return self.inner.stop

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        self.inner.stage_started(self.first + index, self.total, name, steps)

    def step(self, done: int, objective: float) -> None:
        self.inner.step(done, objective)

    def stage_finished(self, index: int, objective: float, reason: StopReason) -> None:
        self.inner.stage_finished(self.first + index, objective, reason)

    def message(self, text: str) -> None:
        self.inner.message(text)
