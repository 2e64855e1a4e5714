"""The slabs that a tolerance asks for: marches of smaller and smaller local error until the
estimate meets it.

The residual of `estimate` is here the sum A of a march's local errors (see `pacing`): its constant
is what becomes of local errors on their way through time, less than one where they die out,
thousands where perturbations grow. Neither `exact` nor `reference` is read.

    state                 what happens                            next
    --------------------  --------------------------------------  -------------------------------
    first march           fails                                   error
                          is stopped, or its time is over         taken as far as it came
                          ends; C needs two marches               second one, for a tenth
    march k = 2 ... MOST  fails, or its time is over              best so far: UNREACHED
                          estimate within the tolerance           best so far: TOLERANCE
                          the next would take too long            best so far: UNREACHED
                          else                                    march k + 1, for AIM
"""

from __future__ import annotations

import math
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from kanpde.assembly.collocation import COUNT, held_out
from kanpde.config import Config, Pace
from kanpde.errors import NumericalError, StorageError
from kanpde.marching.march import Begun, Marched, begin, march, unbuilt
from kanpde.progress import Progress, StopReason, Timed
from kanpde.results.run_folder import kept_estimate
from kanpde.solver.error_estimate import CLEARLY, estimate, norms, stability
from kanpde.storage import read_json

SECONDS = 900.0
"""How long the search may take where the config does not say it."""

FIRST, SECOND = 100.0, 10.0
"""Local errors of the first two marches in units of the tolerance."""

MOST = 5
AIM = 0.5
SLOWER = 1.2
"""A finer march takes at least so many times as long."""


@dataclass(frozen=True)
class Level:
    """One march: its config, what it gave, where it is kept, its values (N, m) at the held-out
    points.
    """

    config: Config
    marched: Marched
    place: Path | None
    values: Tensor
    estimate: float = math.inf


@dataclass(frozen=True)
class ChosenSlabs:
    """The march that was taken and why the search ended."""

    config: Config
    marched: Marched
    reason: StopReason
    estimate: float | None


def begin_search(config: Config) -> Begun:
    """Build the first slab of the first march; ConfigError or BudgetError name the key to change."""
    return begin(_candidate(config, FIRST * _tolerance(config)))


def choose_slabs(
    config: Config,
    progress: Progress,
    folder: Path | None,
    again: bool = False,
    begun: Begun | None = None,
) -> ChosenSlabs:
    """March until `config.tolerance` is met or `config.seconds` are used up, from what
    `begin_search` built, if given; the march that is taken is kept in `folder`.

    `again` gives what an earlier search chose there; one that was stopped before its end begins
    anew.
    """
    ended = _ended(folder) if again and folder is not None else None
    if ended is not None:
        return ChosenSlabs(config, march(unbuilt(config), progress, folder, again=True), *ended)
    if folder is not None:
        for stale in folder.glob("search[1-9]"):
            shutil.rmtree(stale, ignore_errors=True)
    return _Search(config, progress, folder, begun or begin_search(config)).run()


class _Search:
    def __init__(
        self, config: Config, progress: Progress, folder: Path | None, begun: Begun
    ) -> None:
        self._config, self._progress, self._folder = config, progress, folder
        self._begun = begun
        """Holds the first slab of the first march until that takes it."""
        self._tolerance = _tolerance(config)
        self._limit = SECONDS if config.seconds is None else config.seconds
        self._since = time.perf_counter() - begun.seconds
        self._timed = Timed(progress, self._since + self._limit)
        self._levels: list[Level] = []
        self._places: list[Path] = []
        """Where marches were kept, those that failed included."""

    def run(self) -> ChosenSlabs:
        why = self._climb()
        best = self._levels[0]
        if len(self._levels) > 1:
            best = min(self._levels, key=lambda level: level.marched.added)
        met = best.estimate <= self._tolerance
        reason = StopReason.TOLERANCE if met else StopReason.UNREACHED
        if self._progress.stop is not None:
            reason = self._progress.stop
        elif not met:
            self._progress.message(f"tolerance: {why}")
        if self._folder is not None:
            _keep(best.place, self._places, self._folder)
        error = best.estimate if math.isfinite(best.estimate) else None
        return ChosenSlabs(best.config, best.marched, reason, error)

    def _climb(self) -> str:
        """March finer and finer; why it ended."""
        error, levels = FIRST * self._tolerance, self._levels
        while len(levels) < MOST:
            candidate = _candidate(self._config, error)
            place = self._place()
            try:
                marched = self._march(candidate, place)
            except NumericalError as failure:
                if not levels:
                    raise
                return str(failure)
            stopped = self._timed.stop is not None
            if stopped and levels:
                return f"the next march did not end within {self._limit:g} s"
            levels.append(_level(candidate, marched, place, levels[-1] if levels else None))
            _say(self._progress, error, levels[-1])
            if stopped:
                return (
                    f"the first march did not end within {self._limit:g} s, its field ends at"
                    f" {marched.trial.edges[-1]:.6g}"
                )
            if levels[-1].estimate <= self._tolerance:
                break
            if time.perf_counter() - self._since + SLOWER * marched.seconds > self._limit:
                return f"the next march would not end within {self._limit:g} s"
            error = self._finer(error, levels[-1])
        return "no finer march helps"

    def _place(self) -> Path | None:
        """Where the next march is kept."""
        if self._folder is None:
            return None
        self._places.append(self._folder / f"search{len(self._levels) + 1}")
        return self._places[-1]

    def _march(self, candidate: Config, place: Path | None) -> Marched:
        begun = replace(self._begun, config=candidate)
        self._begun = Begun(self._config, begun.problem)
        return march(begun, self._timed, place)

    def _finer(self, error: float, level: Level) -> float:
        """The local error to ask the next march for."""
        if math.isfinite(level.estimate):
            return error * min(SECOND / FIRST, AIM * self._tolerance / level.estimate)
        error *= SECOND / FIRST
        # a march may be far better than it was asked to be, and the next one like it
        size = float(norms(level.values).norm().clamp_min(1e-300))
        return min(error, CLEARLY * level.marched.added / size or error)


def _tolerance(config: Config) -> float:
    assert config.tolerance is not None
    return config.tolerance


def _candidate(config: Config, error: float) -> Config:
    """The config of a march of a local error (dimensionless)."""
    return replace(config, slabs=Pace(min(1.0, error)))


def _level(config: Config, marched: Marched, place: Path | None, before: Level | None) -> Level:
    problem, trial = marched.problem, marched.trial
    points = held_out(
        problem.domain, (), COUNT.get(problem.domain.dimension, 20_000), trial.scale.dtype
    ).interior.x
    level = Level(config, marched, place, trial.evaluate(points))
    if before is None:
        return level
    known = stability((marched.added, level.values), (before.marched.added, before.values))
    return (
        level
        if known is None
        else replace(level, estimate=estimate(known, marched.added, level.values))
    )


def _say(progress: Progress, error: float, level: Level) -> None:
    estimated = f"{level.estimate:.1e}" if math.isfinite(level.estimate) else "unknown"
    progress.message(
        f"tolerance: {len(level.marched.trial.each)} slabs for a local error of {error:.1e},"
        f" {level.marched.seconds:.1f} s:"
        f" estimated error {estimated}"
    )


def _ended(folder: Path) -> tuple[StopReason, float | None] | None:
    """How the search of a run folder ended and its estimate, or None where it was stopped
    before.
    """
    path = folder / "result.json"
    result = read_json(path) if path.is_file() else {}
    reasons = {
        reason.name.lower(): reason for reason in (StopReason.TOLERANCE, StopReason.UNREACHED)
    }
    reason = reasons.get(str(result.get("stop_reason")))
    return None if reason is None else (reason, kept_estimate(folder))


def _keep(best: Path | None, places: list[Path], folder: Path) -> None:
    """Move the checkpoints of the best march to where a run has them, and remove the others."""
    assert best is not None
    try:
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        os.replace(best / "checkpoints", folder / "checkpoints")
        for place in places:
            shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        raise StorageError(
            f"{folder}: the checkpoints cannot be moved: {error.strerror or error}"
        ) from error
