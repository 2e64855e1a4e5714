"""What a solve leaves in its run folder: report, field, time series and figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kanpde import report
from kanpde.config import Config
from kanpde.problem import Problem
from kanpde.result import StopReason
from kanpde.series import Series, instants
from kanpde.slab import Slab
from kanpde.slabs import Slabs
from kanpde.solution import Solution

SERIES = "series.pvd"


def write(folder: Path, solution: Solution) -> None:
    """Report, field, series and figures; after a signal the report alone, so that Ctrl-C ends soon (other verbs make the rest)."""
    report.write_run(folder, solution)
    if solution.stop_reason in (StopReason.INTERRUPTED, StopReason.TERMINATED):
        return
    output = solution.config.output
    if output.vtu and solution.meshable:
        solution.export(folder / "field.vtu")
    if output.series is not None and not (isinstance(solution.trial, Slabs) and _live(solution.config)):
        solution.export_series(folder / SERIES)
    if output.plots:
        from kanpde import plotting

        plotting.write_figures(folder / "figures", solution)


def watcher(config: Config, folder: Path | None) -> Callable[[Slab], None] | None:
    """What writes the time series slab by slab while a march goes on, where one is asked for."""
    if folder is None or config.output.series is None or not _live(config):
        return None
    problem, output = Problem.create(config.problem), config.output
    times = instants(problem, output.series)
    series = Series(folder / SERIES, problem, times, gradients=output.gradients)
    return lambda slab: series.add(slab.parts.trial, slab.end)


def _live(config: Config) -> bool:
    """Whether every slab is final once it is solved; a tolerance marches several times."""
    return config.tolerance is None
