"""The letters of the shapes, and the small protocols between the parts.

Shapes: N points, d coordinates (time last), m components, G intervals, p degree, K = G + p basis
functions, P parameters, R residual rows, A derivatives of a jet.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Progress(Protocol):
    """Observer of a solve; the solver calls it and never prints.

    `stop` is read between steps: a reason there ends the solve early, with its state saved.
    """

    @property
    def stop(self) -> StopReason | None:
        """Why the solve should end early, or None to go on."""

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        """Stage `index` of `total` begins and will take at most `steps` steps."""

    def step(self, done: int, objective: float) -> None:
        """`done` steps of the current stage are finished; `objective` is dimensionless."""

    def stage_finished(self, index: int, objective: float, reason: StopReason) -> None:
        """Stage `index` ended for `reason`."""

    def message(self, text: str) -> None:
        """Something a user should know, in one line."""


class Silent:
    """A progress observer that ignores everything."""

    stop: StopReason | None = None

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        """Ignore."""

    def step(self, done: int, objective: float) -> None:
        """Ignore."""

    def stage_finished(self, index: int, objective: float, reason: StopReason) -> None:
        """Ignore."""

    def message(self, text: str) -> None:
        """Ignore."""


@dataclass(frozen=True)
class Relay:
    """A progress observer that passes on to another; those that change something on the way build
    on it.
    """

    inner: Progress

    @property
    def stop(self) -> StopReason | None:
        """As the other says."""
        return self.inner.stop

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        """Pass on."""
        self.inner.stage_started(index, total, name, steps)

    def step(self, done: int, objective: float) -> None:
        """Pass on."""
        self.inner.step(done, objective)

    def stage_finished(self, index: int, objective: float, reason: StopReason) -> None:
        """Pass on."""
        self.inner.stage_finished(index, objective, reason)

    def message(self, text: str) -> None:
        """Pass on."""
        self.inner.message(text)


@dataclass(frozen=True)
class Timed(Relay):
    """A progress observer that ends a solve when its time is over: `until` is one of
    `time.perf_counter`.
    """

    until: float

    @property
    def stop(self) -> StopReason | None:
        """As the other says, or that the time is over."""
        over = time.perf_counter() > self.until
        return self.inner.stop or (StopReason.TIME_LIMIT if over else None)


class StopReason(Enum):
    """Why a stage or a solve stopped; the value is the sentence a user reads."""

    FINISHED = "all stages finished"
    SOLVED = "the linear system was solved"
    MAX_STEPS = "the number of steps was reached"
    TOLERANCE = "the tolerance was reached"
    ACCURATE = "the estimated error is below the default tolerance"
    UNREACHED = "the tolerance was not reached; the result is saved"
    STALLED = "the objective stopped decreasing"
    TIME_LIMIT = "the time limit was reached"
    NON_FINITE = "the objective became non-finite; the last finite parameters were kept"
    INTERRUPTED = "interrupted by the user; the state was saved"
    TERMINATED = "terminated by a signal; the state was saved"

    @property
    def exit_code(self) -> int:
        """Exit code of a command that ends this way."""
        codes = {
            StopReason.NON_FINITE: 3,
            StopReason.UNREACHED: 8,
            StopReason.INTERRUPTED: 130,
            StopReason.TERMINATED: 143,
        }
        return codes.get(self, 0)


class Overdue(BaseException):
    """A stage that did not end in time after it was asked to is broken off; what was saved before
    stands. No `except Exception` on the way may take it for a failure.
    """

    def __init__(self, reason: StopReason) -> None:
        what = reason.value.partition(";")[0]
        super().__init__(f"{what}, in the middle of a step; what was saved before stands")
        self.reason = reason


@dataclass(frozen=True)
class StageResult:
    """One finished stage: objective at its end (dimensionless), wall seconds, name of its stop
    reason.
    """

    name: str
    steps: int
    objective: float
    seconds: float
    stop_reason: str


@dataclass(frozen=True)
class History:
    """Objective over steps and wall seconds; `stage` counts from 0; events are (step, text)."""

    step: tuple[int, ...]
    objective: tuple[float, ...]
    seconds: tuple[float, ...]
    stage: tuple[int, ...]
    events: tuple[tuple[int, str], ...]


def history_of(stages: Sequence[StageResult], ends: Sequence[float]) -> History:
    """The history of a search whose stages are one step each; `ends` are when they ended, seconds."""
    count = len(stages)
    return History(
        tuple(range(1, count + 1)),
        tuple(stage.objective for stage in stages),
        tuple(ends),
        tuple(range(count)),
        tuple((k + 1, stage.name) for k, stage in enumerate(stages)),
    )
