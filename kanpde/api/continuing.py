"""The plan of a `continuation`: the problem with one parameter at several values, one after the
other, each of which begins with the solution of the one before; what is kept is the last.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kanpde.api.outcome import Outcome, Plan
from kanpde.config import Config
from kanpde.config.frozen_map import FrozenMap
from kanpde.config.solve.defaults import SECONDS
from kanpde.config.solve.starts import StartsConfig
from kanpde.numerics.quadrature import Array
from kanpde.problem.starts import Start
from kanpde.progress import Progress
from kanpde.trial.piecewise import AnyTrial

ROUGH, SHARE = 1e-3, 0.5
"""The tolerance of all solutions but the last, and their share of the seconds."""

Make = Callable[[Config, Start | None], Plan]
"""The plan of a config from a start."""


@dataclass(frozen=True)
class Continued:
    """Values of a parameter up to that of the problem."""

    config: Config
    start: Start | None
    make: Make
    plan: Plan | None = None

    def prepare(self) -> Continued:
        """Build what the last value needs."""
        return replace(self, plan=self.make(self.config, self.start).prepare())

    def first(self) -> tuple[Config, Any]:
        """What the last value builds first."""
        return self._last().first()

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Value after value."""
        ((name, values),) = self.config.starts.continuation.items()
        began, start, missed = time.perf_counter(), self.start, []
        for value in values[:-1]:
            if progress.stop is not None:
                break
            progress.message(f"continuation: {name} = {value:g}")
            outcome = self.make(self._at(name, value, len(values)), start).prepare().run(progress)
            if outcome.estimate is None:
                progress.message(f"continuation: no solution was found for {name} = {value:g}")
                missed.append(f"{value:g}")
                continue
            start = _start_of(outcome.trial)
        if values[:-1]:
            progress.message(f"continuation: {name} = {values[-1]:g}")
        last = self._last() if start is self.start else self.make(self.config, start).prepare()
        outcome = last.run(progress, folder)
        seconds = time.perf_counter() - began
        if missed and outcome.estimate is None:
            words = f"continuation: no solution was found for {name} = {', '.join(missed)} either"
            outcome = replace(outcome, warnings=(*outcome.warnings, words))
        return replace(outcome, seconds=seconds)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """All values again."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """The last value."""
        return self.make(self.config, None).load(folder)

    def _last(self) -> Plan:
        return self.plan or self.make(self.config, self.start).prepare()

    def _at(self, name: str, value: float, count: int) -> Config:
        """The config of one value on the way."""
        config = self.config
        parameters = FrozenMap({**config.problem.parameters, name: value})
        network = not config.chooses and config.trial.patches is None
        if network:  # it has a schedule of its own
            way: dict[str, Any] = {}
        else:
            seconds = SHARE * (config.seconds or SECONDS) / (count - 1)
            way = {"tolerance": max(ROUGH, config.tolerance or 0.0), "seconds": seconds}
        problem = replace(config.problem, parameters=parameters)
        return replace(config, problem=problem, starts=StartsConfig(), **way)


def _start_of(trial: AnyTrial) -> Start:
    """A solution as a start."""

    def values(x: Array) -> Array:
        return np.asarray(trial.evaluate(torch.tensor(x).to(trial.scale.dtype)).double().numpy())

    return values
