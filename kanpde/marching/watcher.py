"""Writes the time series slab by slab while a march goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kanpde.config import Config
from kanpde.marching.slab import Slab
from kanpde.problem.problem import Problem
from kanpde.results.series import SERIES, Series, instants


def watcher(config: Config, problem: Problem, folder: Path | None) -> Callable[[Slab], None] | None:
    """What writes the time series slab by slab while a march goes on, where one is asked for.

    A tolerance marches several times, so no slab is final before its end.
    """
    if folder is None or config.output.series is None or config.tolerance is not None:
        return None
    output = config.output
    times = instants(problem, output.series)
    series = Series(folder / SERIES, problem, times, gradients=output.gradients)
    return lambda slab: series.add(slab.parts.trial, slab.end)
