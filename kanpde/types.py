"""The letters of the shapes, and the small protocols between the parts.

Shapes: N points, d coordinates (time last), m components, G intervals, p degree, K = G + p basis functions,
P parameters, R residual rows, A derivatives of a jet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kanpde.result import StopReason


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
    """A progress observer that passes on to another; those that change something on the way build on it."""

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
