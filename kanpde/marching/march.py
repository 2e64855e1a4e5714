"""Time slabs, one after the other: the loop over them, their checkpoints, and what they give
together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kanpde.assembly.collocation import Collocation
from kanpde.config import Config, Pace, SlabsConfig, in_slabs
from kanpde.config.compatibility import check
from kanpde.domains import Domain, SpaceTime
from kanpde.marching.pacing import Pacer, Solved
from kanpde.marching.slab import Slab, build_slab
from kanpde.problem.problem import Problem
from kanpde.progress import History, Progress, Relay, StageResult, StopReason
from kanpde.solver.budget import check_budget
from kanpde.solver.build import Parts, build
from kanpde.solver.checkpoint import Store
from kanpde.solver.loop import Solver
from kanpde.trial.piecewise import Slabs

GOOD = (StopReason.FINISHED, StopReason.SOLVED, StopReason.TOLERANCE, StopReason.STALLED)
"""How a slab ends that is as good as its points allow; any other reason is that of the whole run.
"""


STOPPED = (StopReason.INTERRUPTED, StopReason.TERMINATED, StopReason.NON_FINITE)


@dataclass(frozen=True)
class Marched:
    """What all slabs together give: `points` are those of the first, `added` is the sum of local
    errors or NaN.

    The domain of `problem` ends where the last slab does.
    """

    problem: Problem
    trial: Slabs
    points: Collocation
    history: History
    stages: tuple[StageResult, ...]
    reason: StopReason
    seconds: float
    added: float


def prepare(config: Config) -> Parts:
    """Build everything that a solve needs first; ConfigError or BudgetError name the key to
    change.
    """
    if not in_slabs(config):
        return build(config)
    check(config)
    check_budget(config)
    problem = Problem.create(config.problem)
    return build_slab(
        config, problem, (problem.domain.lower[-1], _ends(config.slabs, problem)[0]), None
    ).parts


def _ends(slabs: SlabsConfig, problem: Problem) -> list[float]:
    """Where slabs end, if that is given; else the end of the time interval."""
    if isinstance(slabs, tuple):
        return list(slabs)
    count = slabs if isinstance(slabs, int) else 1
    ends: list[float] = np.linspace(
        problem.domain.lower[-1], problem.domain.upper[-1], count + 1
    ).tolist()
    return ends[1:]


class _Given:
    """Solves slabs of given lengths; each keeps its checkpoints while it is solved."""

    def __init__(self, config: Config, problem: Problem) -> None:
        self._config, self._problem = config, problem
        self._ends = _ends(config.slabs, problem)

    def left(self, start: float) -> int:
        """How many slabs there are from a time on."""
        return sum(end > start for end in self._ends)

    def solve(
        self, start: float, before: Slab | None, progress: Progress, store: Store | None
    ) -> Solved:
        """Solve the slab from `start` on."""
        return self._solve(start, before, progress, store, resume=False)

    def restored(
        self, start: float, before: Slab | None, progress: Progress, store: Store, read_only: bool
    ) -> Solved | None:
        """The slab that a store keeps; what is left of it is solved unless `read_only`."""
        return self._solve(start, before, progress, store, resume=True, read_only=read_only)

    def _solve(
        self,
        start: float,
        before: Slab | None,
        progress: Progress,
        store: Store | None,
        resume: bool,
        read_only: bool = False,
    ) -> Solved:
        began = time.perf_counter()
        end = next(end for end in self._ends if end > start)
        slab = build_slab(self._config, self._problem, (start, end), before)
        solver = Solver(
            slab.parts.trial, slab.parts.assembly, self._config.schedule, progress, store
        )
        if resume:
            solver.resume(self._config.trial)
        earlier = solver.seconds
        outcome = solver.outcome() if read_only else solver.run()
        return Solved(slab, outcome, earlier + (0.0 if read_only else time.perf_counter() - began))


def march(
    config: Config,
    progress: Progress,
    folder: Path | None = None,
    again: bool = False,
    read_only: bool = False,
    each: Callable[[Slab], None] | None = None,
) -> Marched:
    """Solve slab after slab; with a run folder every slab keeps its checkpoints, and `again` goes
    on from them.

    Where a slab is stopped, the slabs before it and its own state are the result. `read_only`
    solves nothing. `each` is called with every slab that is solved to its end, in their order.
    """
    check(config)
    problem = Problem.create(config.problem)
    pace = config.slabs
    solves = Pacer(config, problem, pace) if isinstance(pace, Pace) else _Given(config, problem)
    start, end = float(problem.domain.lower[-1]), float(problem.domain.upper[-1])
    found: list[Solved] = []
    stopped: StopReason | None = None
    while start < end:
        store = (
            None
            if folder is None
            else Store.at(folder, f"slab{len(found) + 1:05d}", make=not read_only)
        )
        before = found[-1].slab if found else None
        if read_only and found and store is not None and not store.any:
            break
        stages = len(config.schedule)
        told = _Told(progress, len(found) * stages, (len(found) + solves.left(start)) * stages)
        solved = None
        if store is not None and (read_only or (again and store.any)):
            solved = solves.restored(start, before, told, store, read_only)
        solved = solved or solves.solve(start, before, told, store)
        found.append(replace(solved, slab=solved.slab.light()))
        start, stopped = solved.slab.end, progress.stop
        if solved.outcome[2] in STOPPED or stopped is not None:
            break
        if each is not None:
            each(found[-1].slab)
    trial = Slabs(
        [one.slab.parts.trial for one in found],
        [one.slab.start for one in found] + [found[-1].slab.end],
    )
    return Marched(
        problem if start >= end else replace(problem, domain=_until(problem.domain, start)),
        trial,
        found[0].slab.parts.points,
        _joined([one.outcome[0] for one in found]),
        tuple(
            replace(stage, name=f"slab {k}: {stage.name}")
            for k, one in enumerate(found, 1)
            for stage in one.outcome[1]
        ),
        _reason(found, start < end, stopped),
        sum(one.seconds for one in found),
        sum(one.added for one in found),
    )


def _until(domain: Domain, end: float) -> Domain:
    """The part of a space-time domain before a time: nothing is known of u after it."""
    assert isinstance(domain, SpaceTime)
    return SpaceTime(domain.space, domain.start, end)


def _reason(found: Sequence[Solved], partial: bool, stopped: StopReason | None) -> StopReason:
    """How a march ended: that it was stopped, the last reason that is not good, or that a slab adds
    more than it may.

    A linear slab is solved in one step that nothing stops, so a march can be stopped though every
    slab is solved.
    """
    if stopped is not None and (partial or not found[-1].met):
        return stopped
    bad = next((one.outcome[2] for one in reversed(found) if one.outcome[2] not in GOOD), None)
    if bad is None and partial:
        return StopReason.INTERRUPTED
    return bad or (StopReason.FINISHED if all(one.met for one in found) else StopReason.UNREACHED)


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
class _Told(Relay):
    """Counts the stages of all slabs."""

    first: int
    total: int

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        self.inner.stage_started(self.first + index, self.total, name, steps)

    def stage_finished(self, index: int, objective: float, reason: StopReason) -> None:
        self.inner.stage_finished(self.first + index, objective, reason)
