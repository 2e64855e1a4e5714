"""The slabs that a tolerance asks for: marches of smaller and smaller local error until the
estimate meets it.

The residual of `estimate` is here the sum A of a march's local errors (see `pacing`): its constant
is what becomes of local errors on their way through time, less than one where they die out,
thousands where perturbations grow. Neither `exact` nor `reference` is read.
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
from kanpde.marching.march import Marched, march
from kanpde.progress import Progress, Relay, StopReason
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


def choose_slabs(
    config: Config, progress: Progress, folder: Path | None, again: bool = False
) -> ChosenSlabs:
    """March until `config.tolerance` is met or `config.seconds` are used up; the march that is
    taken is kept in `folder`.

    `again` gives what an earlier search found there; one that was stopped before its end begins
    anew.
    """
    assert config.tolerance is not None
    ended = _ended(folder) if again and folder is not None else None
    if ended is not None:
        return ChosenSlabs(config, march(config, progress, folder, again=True), *ended)
    if folder is not None:
        for left in folder.glob("search[1-9]"):
            shutil.rmtree(left, ignore_errors=True)
    began, limit = time.perf_counter(), SECONDS if config.seconds is None else config.seconds
    timed = _Timed(progress, began + limit)
    error, why, levels = FIRST * config.tolerance, "no finer march helps", list[Level]()
    places: list[Path] = []
    while len(levels) < MOST:
        candidate = replace(config, slabs=Pace(min(1.0, error)))
        place = None if folder is None else folder / f"search{len(levels) + 1}"
        places += [] if place is None else [place]
        try:
            marched = march(candidate, timed, place)
        except NumericalError as failure:
            if not levels:
                raise
            why = str(failure)
            break
        if timed.stop is not None and levels:
            why = f"the next march did not end within {limit:g} s"
            break
        level = _level(candidate, marched, place, levels[-1] if levels else None)
        levels.append(level)
        _say(progress, error, level)
        if timed.stop is not None:
            why = f"the first march did not end within {limit:g} s, its field ends at {marched.trial.edges[-1]:.6g}"
        if timed.stop is not None or level.estimate <= config.tolerance:
            break
        used = time.perf_counter() - began
        if used + SLOWER * marched.seconds > limit:
            why = f"the next march would not end within {limit:g} s"
            break
        wanted = (
            AIM * config.tolerance / level.estimate
            if math.isfinite(level.estimate)
            else SECOND / FIRST
        )
        error *= min(SECOND / FIRST, wanted)
        if not math.isfinite(
            level.estimate
        ):  # a march may be far better than it was asked to be, the next like it
            error = min(
                error,
                CLEARLY * marched.added / float(norms(level.values).norm().clamp_min(1e-300))
                or error,
            )
    best = min(levels, key=lambda one: one.marched.added) if len(levels) > 1 else levels[0]
    reason = StopReason.TOLERANCE if best.estimate <= config.tolerance else StopReason.UNREACHED
    if progress.stop is not None:
        reason = progress.stop
    elif reason is StopReason.UNREACHED:
        progress.message(f"tolerance: {why}")
    if folder is not None:
        _keep(best.place, places, folder)
    return ChosenSlabs(
        best.config, best.marched, reason, best.estimate if math.isfinite(best.estimate) else None
    )


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
    told = f"{level.estimate:.1e}" if math.isfinite(level.estimate) else "unknown"
    progress.message(
        f"tolerance: {len(level.marched.trial.each)} slabs for a local error of {error:.1e},"
        f" {level.marched.seconds:.1f} s:"
        f" estimated error {told}"
    )


def _ended(folder: Path) -> tuple[StopReason, float | None] | None:
    """How the search of a run folder ended and its estimate, or None where it was stopped
    before.
    """
    path = folder / "result.json"
    found = read_json(path) if path.is_file() else {}
    reasons = {
        reason.name.lower(): reason for reason in (StopReason.TOLERANCE, StopReason.UNREACHED)
    }
    reason, estimate = reasons.get(str(found.get("stop_reason"))), found.get("estimate")
    return (
        None
        if reason is None
        else (reason, float(estimate) if isinstance(estimate, int | float) else None)
    )


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


@dataclass(frozen=True)
class _Timed(Relay):
    """Ends a solve when its time is over."""

    until: float

    @property
    def stop(self) -> StopReason | None:
        return self.inner.stop or (
            StopReason.TIME_LIMIT if time.perf_counter() > self.until else None
        )
