"""The only loop: stages in order, progress, history, stop reasons, the guard against non-finite
numbers, checkpoints.

A stage lowers the objective  Σ weight · mean(r²)  (an optimizer), changes the grids with the
function kept (`regrid`) or moves the points. Points and weights may follow the residual between
steps (`adaptive`). Parameter shapes change between stages only. The loop prints nothing: it reports
to a `Progress`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from kanpde import optimizers
from kanpde.assembly.objective import Objective
from kanpde.config import AdaptPoints, OptimizerStage, StageConfig, TrialConfig, UpdateGrid
from kanpde.errors import CheckpointError, ConfigError
from kanpde.progress import History, Overdue, Progress, StageResult, StopReason
from kanpde.solver.adaptive import PointSource, steps_until, training_points
from kanpde.solver.checkpoint import (
    Store,
    constants_state,
    network_state,
    restore_beside,
    restore_constants,
)
from kanpde.solver.least_squares_problem import iterative, lowered
from kanpde.solver.newton import outer_steps
from kanpde.trial.regrid import regrid
from kanpde.trial.solution import TrialSolution

SAVE_EVERY = 30.0
"""Seconds between two checkpoints inside a stage."""


@dataclass
class _State:
    """Where a run is; everything a resumed run needs besides its config.

    `step` counts in the stage, `total` in the run; `began` is when the stage began, in wall seconds
    of the run.
    """

    stage: int = 0
    step: int = 0
    total: int = 0
    seconds: float = 0.0
    began: float = 0.0
    optimizer: dict[str, Any] | None = None
    reason: str = StopReason.INTERRUPTED.name
    best: float = float("inf")
    history: list[tuple[int, float, float, int]] = field(default_factory=list)
    events: list[tuple[int, str]] = field(default_factory=list)
    finished: list[tuple[str, int, float, float, str]] = field(default_factory=list)

    def check(self, stages: int) -> None:
        """ValueError or KeyError when a value that was read makes no sense for a schedule of
        `stages` stages.
        """
        if not (0 <= self.stage <= stages and min(self.step, self.total) >= 0):
            raise ValueError(f"stage {self.stage} of {stages}")
        StopReason[self.reason]
        if not isinstance(self.history, list) or any(len(row) != 4 for row in self.history):
            raise ValueError("history")


class Solver:
    """Runs a schedule on one trial solution; `resume` first to go on from a checkpoint, then `run`.

    Newton's method ends where the objective is at most `goal`. Without a `source` points and
    weights stay.
    """

    def __init__(
        self,
        trial: TrialSolution,
        objective: Objective,
        schedule: tuple[StageConfig, ...],
        progress: Progress,
        store: Store | None = None,
        sample: Tensor | None = None,
        extra: Mapping[str, Any] = MappingProxyType({}),
        goal: float = 0.0,
        source: PointSource | None = None,
    ) -> None:
        self.trial = trial
        self.points = training_points(objective, source)
        self._schedule = schedule
        self._progress = progress
        self._store = store
        self._extra = dict(extra)
        self._goal = goal
        self._sample = objective.points if sample is None else sample
        self._state = _State()
        self._clock = time.perf_counter()
        self._saved = self._clock

    def resume(self, config: TrialConfig) -> None:
        """Take parameters, optimizer state and history from the store's last checkpoint."""
        if self._store is None:
            raise ConfigError("resume: needs a run folder")
        data = self._store.load(self._progress.message)
        try:
            network = restore_beside(data["network"], config, self.trial.network)
            state = _State(**data["state"])
            state.check(len(self._schedule))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"checkpoint: its state is incomplete ({error}); solve again"
            ) from error
        expected = self.trial.net.shape, self.trial.scale.dtype
        if (network.shape, next(network.parameters()).dtype) != expected:
            raise CheckpointError(
                f"checkpoint: a network {network.shape}, but the config asks for {expected[0]} in"
                f" {expected[1]}"
            )
        self.trial.network, self._state = network, state
        restore_constants(data, self.trial.constants)
        self.points = self.points.restored(data, self.trial)

    @property
    def seconds(self) -> float:
        """Wall seconds of the loop so far, earlier sittings included."""
        return self._state.seconds

    def keep(self, store: Store, extra: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Save the present state and `extra` there, and whatever follows."""
        self._store, self._extra = store, {**self._extra, **extra}
        self._save(best=True)

    def outcome(self) -> tuple[History, tuple[StageResult, ...], StopReason]:
        """History, one result per finished stage, and why the run ended."""
        results = tuple(StageResult(*entry) for entry in self._state.finished)
        return self._history(), results, StopReason[self._state.reason]

    def run(self) -> tuple[History, tuple[StageResult, ...], StopReason]:
        """All stages that are left; returns the history, one result per stage, and why it ended."""
        state, total = self._state, len(self._schedule)
        self._clock = time.perf_counter() - state.seconds
        self._save()
        while state.stage < total:
            stopped = self._progress.stop
            reason = stopped or self._stage(self._schedule[state.stage], total)
            if stopped is not None or reason in (StopReason.INTERRUPTED, StopReason.TERMINATED):
                state.reason = reason.name
                break
            if reason is StopReason.NON_FINITE:
                state.stage = total
            state.reason = (
                StopReason.FINISHED if reason is not StopReason.NON_FINITE and total > 1 else reason
            ).name
            objective = state.finished[-1][2] if state.finished else float("inf")
            better, state.best = objective < state.best, min(objective, state.best)
            self._save(best=better)
        self._save()
        return self.outcome()

    def _stage(self, stage: StageConfig, total: int) -> StopReason:
        """One stage, or what is left of it; a finished one is written down and the next one is
        up.
        """
        state = self._state
        name, steps = _describe(stage)
        self._progress.stage_started(state.stage, total, name, steps)
        if isinstance(stage, OptimizerStage) and stage.traits.outer_only:
            self.points = self.points.settled()
            reason, objective = self._solve_outer(stage)
        else:
            reason = (
                self._iterate(stage) if isinstance(stage, OptimizerStage) else self._change(stage)
            )
            with torch.no_grad():  # with the weights of the config, so that stages compare
                objective = float(self.points.settled().assembly.objective(self.trial))
        self._progress.stage_finished(state.stage, objective, reason)
        if reason not in (StopReason.INTERRUPTED, StopReason.TERMINATED):
            seconds = self._now() - state.began
            state.finished.append((name, state.step, objective, seconds, reason.name))
            state.stage, state.step, state.optimizer = state.stage + 1, 0, None
            state.began = self._now()
        return reason

    def _solve_outer(self, stage: OptimizerStage) -> tuple[StopReason, float]:
        """Newton's method for the outer parameters and the constants: one solve where the problem
        is linear. Why it ended, and the objective.
        """
        assembly, count = self.points.assembly, self.trial.net.outer.numel()
        if assembly.rows < count:
            self._progress.message(
                f"least_squares: {assembly.rows} rows cannot determine {count} coefficients; raise"
                f" sampler.interior or lower"
                " trial.width"
            )
        newton = outer_steps(assembly, self.trial, stage.keep)
        constants = self.trial.constants.count
        while self._state.step < stage.steps:
            alone = constants > 0 and self._state.step == 0
            step = newton.step(stage.regularisation, constants=not alone)
            value = newton.value
            self._record(1, value)
            if step is None and not alone:
                return StopReason.STALLED, value
            if assembly.linear:
                return StopReason.SOLVED, value
            if not alone and step is not None and step.ended(stage.tolerance, self._goal):
                return StopReason.TOLERANCE, value
            if self._progress.stop is not None:
                return self._progress.stop, value
            if stage.seconds is not None and self._now() - self._state.began > stage.seconds:
                return StopReason.TIME_LIMIT, value
            self._save_now_and_then()
        return StopReason.MAX_STEPS, newton.value

    def _iterate(self, stage: OptimizerStage) -> StopReason:
        parameters, state = self.trial.trained, self._state
        kept = _copy(parameters)
        try:
            method = self._method(stage)
        except Overdue as overdue:
            return overdue.reason
        while state.step < stage.steps:
            points = self.points
            try:
                # curvature belongs to the old objective
                if self._adapt(stage) and stage.traits.restarts:
                    method = iterative(stage, self.trial, self.points.assembly)
                steps = self._steps_until_look(stage)
                moved = method.advance(
                    lambda: lowered(stage, self.points.assembly).objective(self.trial), steps
                )
            except optimizers.NonFiniteError:
                _restore(parameters, kept)
                return StopReason.NON_FINITE
            except Overdue as overdue:  # these steps are taken again when the run goes on
                _restore(parameters, kept)
                self.points = points
                return overdue.reason
            kept = _copy(parameters)
            self._record(moved.steps, moved.objective)
            state.optimizer = method.state()
            if moved.stalled:
                met = stage.tolerance > 0 and moved.steps == steps
                return StopReason.TOLERANCE if met else StopReason.STALLED
            if stage.seconds is not None and self._now() - state.began > stage.seconds:
                return StopReason.TIME_LIMIT
            stopped = self._progress.stop
            if stopped is not None and state.step < stage.steps:
                return stopped
            self._save_now_and_then()
        return StopReason.MAX_STEPS

    def _method(self, stage: OptimizerStage) -> optimizers.Iterative:
        """The optimizer of a stage, in the state that a checkpoint of it had."""
        method, saved = iterative(stage, self.trial, self.points.assembly), self._state.optimizer
        if saved is None:
            return method
        try:
            method.load(saved)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise CheckpointError(
                f"checkpoint: its optimizer state does not fit ({error}); solve again"
            ) from error
        return method

    def _steps_until_look(self, stage: OptimizerStage) -> int:
        """Steps until the next look; under a time limit no more than fit into what is left of it at
        the pace so far.
        """
        state = self._state
        steps = min(stage.traits.chunk, stage.steps - state.step, steps_until(stage, state.step))
        if stage.seconds is None:
            return steps
        if not state.step:
            return 1
        used = self._now() - state.began
        return max(1, min(steps, int(state.step * (stage.seconds - used) / used)))

    def _adapt(self, stage: OptimizerStage) -> bool:
        """Let points and weights follow the residual before the next step, where it is time to;
        whether they did.
        """
        before, self.points = self.points, self.points.adapted(stage, self._state.step, self.trial)
        return self.points is not before

    def _change(self, stage: StageConfig) -> StopReason:
        """Other points, or other grids of which the observer is told how much they change the
        function.
        """
        name = _describe(stage)[0]
        if isinstance(stage, AdaptPoints):
            self.points = self.points.settled().refined(stage, self.trial)
            self._progress.message(f"{name}: {self.points.assembly.rows} residual rows")
        elif not isinstance(stage, OptimizerStage):
            change = regrid(self.trial, stage, self._sample, name)
            self._progress.message(f"{name}: the function changed by {change:.1e} of its size")
        self._state.events.append((self._state.total, name))
        return StopReason.SOLVED

    def _record(self, steps: int, objective: float) -> None:
        state = self._state
        state.step += steps
        state.total += steps
        state.history.append((state.total, objective, self._now(), state.stage))
        self._progress.step(state.step, objective)

    def _now(self) -> float:
        """Wall seconds since the run began, earlier sittings included."""
        return time.perf_counter() - self._clock

    def _save_now_and_then(self) -> None:
        if time.perf_counter() - self._saved > SAVE_EVERY:
            self._save()

    def _save(self, best: bool = False) -> None:
        self._state.seconds = self._now()
        self._saved = time.perf_counter()
        if self._store is not None:
            trained = {**network_state(self.trial.network), **constants_state(self.trial.constants)}
            data = {
                "network": trained,
                "state": dict(vars(self._state)),
                **self.points.state(),
                **self._extra,
            }
            self._store.save(data, best)

    def _history(self) -> History:
        rows = self._state.history
        step, objective, seconds, stage = zip(*rows, strict=True) if rows else ((), (), (), ())
        return History(step, objective, seconds, stage, tuple(self._state.events))


def _describe(stage: StageConfig) -> tuple[str, int]:
    if isinstance(stage, OptimizerStage):
        return stage.optimizer, 1 if stage.traits.outer_only else stage.steps
    if isinstance(stage, UpdateGrid):
        return f"update_grid mix {stage.mix:g}", 1
    if isinstance(stage, AdaptPoints):
        return f"adapt_points {stage.method}", 1
    counts = stage.intervals if isinstance(stage.intervals, int) else list(stage.intervals)
    return f"extend_grid {counts}", 1


def _copy(parameters: list[nn.Parameter]) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in parameters]


def _restore(parameters: list[nn.Parameter], kept: list[Tensor]) -> None:
    with torch.no_grad():
        for parameter, value in zip(parameters, kept, strict=True):
            parameter.copy_(value)
