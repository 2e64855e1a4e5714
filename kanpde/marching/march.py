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
from kanpde.config import Config, Pace, SlabsConfig
from kanpde.config.compatibility import check
from kanpde.domains import Domain, SpaceTime
from kanpde.marching.pacing import Pacer, Solved
from kanpde.marching.slab import Slab, build_slab
from kanpde.problem.posing import posed
from kanpde.problem.problem import Problem
from kanpde.progress import History, Progress, Relay, StageResult, StopReason
from kanpde.solver.budget import check_budget
from kanpde.solver.checkpoint import Store
from kanpde.solver.loop import Solver
from kanpde.trial.piecewise import PiecewiseInTime

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
    trial: PiecewiseInTime
    points: Collocation
    history: History
    stages: tuple[StageResult, ...]
    reason: StopReason
    seconds: float
    added: float


@dataclass(frozen=True)
class Begun:
    """What a march of a config begins with: its checked problem and its first slab, built and not
    yet solved, where that is not to be restored; building took so many wall `seconds`.

    A slab serves one march, which trains the network in it.
    """

    config: Config
    problem: Problem
    slab: Slab | None = None
    seconds: float = 0.0


def begin(config: Config, problem: Problem | None = None) -> Begun:
    """Build the first slab of a march, on the `problem` of the config where that is made already;
    ConfigError or BudgetError name the key to change.
    """
    began = time.perf_counter()
    check(config)
    check_budget(config)
    begun = unbuilt(config, posed(config.problem) if problem is None else problem)
    slab = _way(config, begun.problem).first()
    return replace(begun, slab=slab, seconds=time.perf_counter() - began)


def unbuilt(config: Config, problem: Problem | None = None) -> Begun:
    """The same without the slab."""
    check(config)  # for a config that was changed in Python and not validated again
    return Begun(config, Problem.create(config.problem) if problem is None else problem)


def _way(config: Config, problem: Problem) -> Pacer | GivenSlabs:
    """What solves the slabs of a config, one after the other."""
    pace = config.slabs
    return Pacer(config, problem, pace) if isinstance(pace, Pace) else GivenSlabs(config, problem)


def _ends(slabs: SlabsConfig, problem: Problem) -> list[float]:
    """Where slabs end, if that is given; else the end of the time interval."""
    if isinstance(slabs, tuple):
        return list(slabs)
    count = slabs if isinstance(slabs, int) else 1
    ends: list[float] = np.linspace(
        problem.domain.lower[-1], problem.domain.upper[-1], count + 1
    ).tolist()
    return ends[1:]


class GivenSlabs:
    """Solves slabs of given lengths; each keeps its checkpoints while it is solved."""

    def __init__(self, config: Config, problem: Problem) -> None:
        self._config, self._problem = config, problem
        self._ends = _ends(config.slabs, problem)

    def first(self) -> Slab:
        """The first slab, not yet solved."""
        return self._build(float(self._problem.domain.lower[-1]), None)

    def remaining(self, start: float) -> int:
        """How many slabs there are from a time on."""
        return sum(end > start for end in self._ends)

    def solve(
        self,
        start: float,
        before: Slab | None,
        progress: Progress,
        store: Store | None,
        built: Slab | None = None,
    ) -> Solved:
        """Solve the slab from `start` on, which may be `built` already."""
        began = time.perf_counter()
        slab = built or self._build(start, before)
        solver = self._solver(slab, progress, store)
        return Solved(slab, solver.run(), time.perf_counter() - began)

    def restored(
        self, start: float, before: Slab | None, progress: Progress, store: Store, read_only: bool
    ) -> Solved | None:
        """The slab that a store keeps; what is missing of it is solved unless `read_only`."""
        began = time.perf_counter()
        slab = self._build(start, before)
        solver = self._solver(slab, progress, store)
        solver.resume(self._config.trial)
        earlier = solver.seconds
        if read_only:
            return Solved(slab, solver.outcome(), earlier)
        return Solved(slab, solver.run(), earlier + time.perf_counter() - began)

    def _build(self, start: float, before: Slab | None) -> Slab:
        end = next(end for end in self._ends if end > start)
        return build_slab(self._config, self._problem, (start, end), before)

    def _solver(self, slab: Slab, progress: Progress, store: Store | None) -> Solver:
        parts = slab.parts
        return Solver(parts.trial, parts.assembly, self._config.schedule, progress, store)


def march(
    begun: Begun,
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
    config, problem, built = begun.config, begun.problem, begun.slab
    way = _way(config, problem)
    start, end = float(problem.domain.lower[-1]), float(problem.domain.upper[-1])
    solved: list[Solved] = []
    stopped: StopReason | None = None
    while start < end:
        store = None
        if folder is not None:
            store = Store.at(folder, f"slab{len(solved) + 1:05d}", make=not read_only)
        before = solved[-1].slab if solved else None
        if read_only and solved and store is not None and not store.any:
            break
        stages = len(config.schedule)
        total = (len(solved) + way.remaining(start)) * stages
        counted = _AllStages(progress, len(solved) * stages, total)
        latest = None
        if store is not None and (read_only or (again and store.any)):
            latest = way.restored(start, before, counted, store, read_only)
        latest = latest or way.solve(start, before, counted, store, built)
        built = None
        solved.append(replace(latest, slab=latest.slab.light()))
        start, stopped = latest.slab.end, progress.stop
        if latest.outcome[2] in STOPPED or stopped is not None:
            break
        if each is not None:
            each(solved[-1].slab)
    return _joined(problem, solved, start < end, stopped, begun.seconds)


def _joined(
    problem: Problem,
    solved: Sequence[Solved],
    partial: bool,
    stopped: StopReason | None,
    seconds: float,
) -> Marched:
    """What all slabs give together; a `partial` march ends where its last slab does, and
    `seconds` passed before the first.
    """
    edges = [each.slab.start for each in solved] + [solved[-1].slab.end]
    stages = [
        replace(stage, name=f"slab {number}: {stage.name}")
        for number, each in enumerate(solved, 1)
        for stage in each.outcome[1]
    ]
    if partial:
        problem = replace(problem, domain=_until(problem.domain, edges[-1]))
    return Marched(
        problem,
        PiecewiseInTime([each.slab.parts.trial for each in solved], edges),
        solved[0].slab.parts.points,
        _joined_histories([each.outcome[0] for each in solved]),
        tuple(stages),
        _reason(solved, partial, stopped),
        seconds + sum(each.seconds for each in solved),
        sum(each.added for each in solved),
    )


def _until(domain: Domain, end: float) -> Domain:
    """The part of a space-time domain before a time: nothing is known of u after it."""
    assert isinstance(domain, SpaceTime)
    return SpaceTime(domain.space, domain.start, end)


def _reason(solved: Sequence[Solved], partial: bool, stopped: StopReason | None) -> StopReason:
    """How a march ended: that it was stopped, the last reason that is not good, or that a slab adds
    more than it may.

    A linear slab is solved in one step that nothing stops, so a march can be stopped though every
    slab is solved.
    """
    if stopped is not None and (partial or not solved[-1].met):
        return stopped
    bad = next((each.outcome[2] for each in reversed(solved) if each.outcome[2] not in GOOD), None)
    if bad is None and partial:
        return StopReason.INTERRUPTED
    met = all(each.met for each in solved)
    return bad or (StopReason.FINISHED if met else StopReason.UNREACHED)


def _joined_histories(histories: Sequence[History]) -> History:
    """Steps, seconds and stages count on from slab to slab."""
    step: list[int] = []
    objective: list[float] = []
    seconds: list[float] = []
    stage: list[int] = []
    events: list[tuple[int, str]] = []
    steps, time, stages = 0, 0.0, 0
    for history in histories:
        step += [steps + k for k in history.step]
        seconds += [time + s for s in history.seconds]
        stage += [stages + k for k in history.stage]
        events += [(steps + k, text) for k, text in history.events]
        objective += history.objective
        if history.step:
            steps, time, stages = step[-1], seconds[-1], stage[-1] + 1
    return History(tuple(step), tuple(objective), tuple(seconds), tuple(stage), tuple(events))


@dataclass(frozen=True)
class _AllStages(Relay):
    """Counts the stages of all slabs."""

    first: int
    total: int

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        self.inner.stage_started(self.first + index, self.total, name, steps)

    def stage_finished(self, index: int, objective: float, reason: StopReason) -> None:
        self.inner.stage_finished(self.first + index, objective, reason)
