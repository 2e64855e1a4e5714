"""Marches of smaller and smaller local error until two of them agree.

| after march k | next |
|---|---|
| the first | march 2 with a tenth of its local error |
| the estimate meets the tolerance | end |
| there is more that no march resolves, and no less than before | end, unreached |
| time is over, or local errors are rounding | end, unreached |
| else | march k + 1, for AIM |

The difference of the last two marches is the error of the coarser one with all that became of it on
its way: it grows where perturbations do. The finer one is the result; its error is a share BELIEVED
of the difference as long as local errors are far above rounding, else as much as the difference.
Where a march of three is finer by more than a tenth, the share falls as the errors of the two before
fell with theirs. Neither `exact` nor a reference is read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kanpde.assembly.collocation import Collocation, held_out
from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.errors import NumericalError
from kanpde.problem.problem import Problem
from kanpde.progress import History, Progress, StageResult, StopReason, history_of
from kanpde.trial.patch_slabs import PatchSlabs
from kanpde.trial.piecewise import PiecewiseInTime

Array = NDArray[np.float64]

FINER, BELIEVED = 0.1, 0.2
"""Local error of the next march, and what is left then of the difference, which was measured to be
0.02 to 0.13.
"""

SURE, LEAST_LEFT = 3.0, 0.3
"""Factor for what does not fall evenly, and the least share in the plane: errors of 0.1 to 0.7 of
such estimates were measured there on seven problems.
"""

LEAST_OF_TWO, KNOWN = 0.2, 3
"""The least share where three differences say how errors fall: 0.23 and 0.19 were measured."""

HALF = FINER**0.5
"""Where there is no time for a march of a tenth of the local error, one of this share of it still
tells how far off the one before is.
"""

GREW = 1.5
"""A march is expected to take so many times longer than the one before as that one did, times this."""

SLOWEST, SAFETY = 0.95, 2.0
AIM = 0.3
WILD = 1e-3
"""An estimate above it says that perturbations grow, so that the next march is as fine as can be."""

RESOLVES = 0.5
"""A march that leaves less than this share of what the one before did not resolve is followed by
another one, which may resolve it.
"""

ROUNDED = 5e-12
"""Below it the local errors of the richer solutions may be rounding."""

SHARE = 0.85
"""Share of the seconds for marches whose slabs take seconds each; the rest is for the last of them
and the files.
"""

ROUNDING = 20 * float(np.finfo(np.float64).eps)
POINTS = 2500
"""Points that a report shows."""


class Run(Protocol):
    """One march as a field of its own."""

    @property
    def slabs(self) -> int:
        """How many there are; none where no slab could be solved."""

    @property
    def ended(self) -> str | None:
        """Why the march ended before the interval does."""

    @property
    def end(self) -> float:
        """Where it ended."""

    @property
    def rough(self) -> float:
        """What it did not resolve, relative to the unknowns."""

    @property
    def left(self) -> float:
        """What iterations may have left of the unknowns; marches may have it in common."""

    @property
    def problem(self) -> Problem:
        """The problem as far as the march came."""

    @property
    def trial(self) -> PiecewiseInTime | PatchSlabs:
        """A KAN on each slab, or on each patch of it."""

    @property
    def arrays(self) -> Mapping[str, Array]:
        """All numbers, for a file."""

    def difference(self, before: Run) -> float:
        """The largest relative L2 difference of an unknown from another march."""


@dataclass(frozen=True)
class Ladder:
    """Marches that begin with a local error of `first` (the tolerance, if that is larger) instead of
    the tolerance, with ever smaller ones down to `smallest`, each expected to take at most `growth`
    times as long as the one before.
    """

    first: float
    smallest: float
    growth: float


March = Callable[[float, int, Callable[[], bool], Run | None], Run]
"""A march of a local error; its number, from 0, what says that it should stop, and the march
before.
"""


@dataclass(frozen=True)
class Converged:
    """What a search ended with; `estimate` is of the relative L2 error, None where it cannot be
    told.
    """

    run: Run
    history: History
    stages: tuple[StageResult, ...]
    reason: StopReason
    estimate: float | None
    seconds: float
    warnings: tuple[str, ...] = ()


def points_of(problem: Problem) -> Collocation:
    """Points that stand for those of a solve where a report asks for some."""
    import torch

    return held_out(problem.domain, problem.parts, POINTS, torch.float64)


def converge(
    config: Config,
    progress: Progress,
    march: March,
    finest: float,
    ladder: Ladder | None = None,
    believed: float = BELIEVED,
) -> Converged:
    """March until the tolerance of a config is met, with local errors down to `finest`, from the
    tolerance on or down a ladder; `believed` is what is left of the difference of two marches in
    the finer one, on a ladder at the least. NumericalError where no slab can be solved.
    """
    return _Search(config, progress, march, finest, ladder, believed).run()


def _fallen(differences: Sequence[float], ratios: Sequence[float], believed: float) -> float:
    """What is left of the difference of the last two marches in the finer one, at most `believed`.

    Args:
        differences: of every two marches: the errors of the coarser ones.
        ratios: the local errors of every two marches, the finer by the coarser one.
        believed: what is left where nothing is known, or errors do not fall with local errors.
    """
    *_, before, now = 0.0, *differences
    if not 0 < now < before:
        return believed
    rate = min(1.0, math.log(now / before) / math.log(ratios[-2]))
    return float(min(believed, SURE * ratios[-1] ** rate))


def _share(
    richer: Run,
    before: Run,
    errors: tuple[float, float],
    believed: float,
    differences: Sequence[float],
) -> float:
    """What the error of a march may be as a share of its difference from the one before, where
    their local errors are `errors`, the coarser one first: where there is something that none
    resolves, more than a slab may add, errors fall as slowly as that and the `differences` do.
    """
    coarser, error = errors
    if richer.rough <= error:
        return believed if error > ROUNDED else 1.0
    ratio = min(SLOWEST, richer.rough / max(before.rough, coarser))
    return max(_of_ladder(differences), SAFETY * ratio / (1 - ratio))


def _of_ladder(differences: Sequence[float], ratios: Sequence[float] = ()) -> float:
    """What is left of the last difference of two marches in the finer one, where marches begin
    coarse: errors that fall by a factor q from march to march leave q/(1 - q), with SURE for what
    does not fall evenly, but LEAST_LEFT; LEAST_OF_TWO where they fell as fast the time before. Of
    one difference alone all is left. Where the last of the `ratios` of local errors is another one
    than that before, errors fall by as much less, and the least share is as much larger.
    """
    left = []
    power = math.log(ratios[-1]) / math.log(ratios[-2]) if len(ratios) > 1 else 1.0
    for before, after in pairwise(differences[-KNOWN:]):
        q = (after / before) ** power if before > 0 else 1.0
        left.append(SURE * q / (1 - q) if q < 1 else math.inf)
    if not left:
        return 1.0
    least = LEAST_LEFT if len(left) == 1 else min(LEAST_LEFT, max(*left, LEAST_OF_TWO))
    return float(min(1.0, max(least ** min(1.0, power), left[-1])))


@dataclass
class _Search:
    config: Config
    progress: Progress
    march: March
    finest: float
    ladder: Ladder | None = None
    believed: float = BELIEVED
    began: float = field(default_factory=time.perf_counter)
    stages: list[StageResult] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    in_part: str = ""

    def __post_init__(self) -> None:
        self.tolerance = self.config.tolerance or TOLERANCE[self.config.dtype]
        self.seconds = self.config.seconds or SECONDS
        if self.ladder is not None:
            self.seconds *= SHARE

    def run(self) -> Converged:
        error, estimate = max(self.tolerance, self.finest / FINER), math.inf
        differences: list[float] = []
        ratios: list[float] = []
        if self.ladder is not None:
            error = max(error, self.ladder.first)
        best = self._march(error, None)
        while best.ended is None and estimate > self.tolerance and error > self.finest:
            finer = FINER if math.isinf(estimate) else min(FINER, AIM * self.tolerance / estimate)
            if self.ladder is not None:
                finer = HALF if self._too_long(estimate, FINER) else FINER
            elif best.rough > error:
                finer = HALF  # what splines miss falls with their number
            elif math.isfinite(estimate) and estimate > WILD:
                finer = 0.0  # there is nothing to reckon with
            coarser, error = error, max(self.finest, finer * error)
            if self._over() or self._too_long(estimate, finer):
                break
            richer = self._march(error, best)
            if richer.ended is not None:
                self._compare_in_part(richer, best)
                break
            difference = richer.difference(best)
            if not math.isfinite(difference):
                break  # values are lost, and the largest of numbers that hold a NaN may be any
            differences.append(difference)
            ratios.append(error / coarser)
            if self.ladder is not None:
                believed = max(self.believed, _of_ladder(differences, ratios))
            else:
                believed = _fallen(differences, ratios, self.believed)
            share = _share(richer, best, (coarser, error), believed, differences)
            estimate = max(ROUNDING, share * difference + richer.left, richer.rough)
            resolves = self.ladder is None and richer.rough < RESOLVES * best.rough
            best = richer
            self.progress.message(
                f"{best.slabs} slabs for a local error of {error:.1e}: estimated relative L2 error"
                f" {estimate:.1e}"
            )
            if best.rough > self.tolerance and not resolves:
                break
        return self._ended(best, estimate)

    def _compare_in_part(self, richer: Run, best: Run) -> None:
        """What a march that ended early still says of the one before, for the warning."""
        if richer.slabs and best.problem.domain.dimension > 1:
            difference = richer.difference(best)
            name = best.problem.coordinates[-1]
            self.in_part = (
                f"; until {name} = {richer.end:.3g} a finer march differs by {difference:.1e}"
            )

    def _over(self) -> bool:
        return self.progress.stop is not None or time.perf_counter() - self.began > self.seconds

    def _too_long(self, estimate: float, finer: float) -> bool:
        """Whether a march that takes as long as the last one would not end in time, or on a ladder
        where there is an estimate one that takes longer, as the last two tell, with `finer` times
        the local error.
        """
        spent, last = time.perf_counter() - self.began, self.stages[-1].seconds
        if self.ladder is None or math.isinf(estimate):
            return spent + last > self.seconds
        grew = last / max(self.stages[-2].seconds, 1e-9)
        growth = min(self.ladder.growth, max(1.0, GREW * grew))
        growth = float(growth ** (math.log(finer) / math.log(FINER)))
        return spent + growth * last > self.seconds

    def _march(self, error: float, before: Run | None) -> Run:
        """One march is one stage of the history."""
        number, began = len(self.stages), time.perf_counter()
        self.progress.stage_started(number, number + 1, f"slabs of local error {error:.1e}", 1)
        run = self.march(error, number, self._over, before)
        if not run.slabs and before is not None:
            return run  # what the march before has solved is kept
        if not run.slabs:
            raise NumericalError(
                f"problem '{self.config.problem.name}': no slab from the start was solved (the march"
                f" {run.ended}); look for conditions that contradict the equations there, for a"
                f" formula without a value, or for a solution without derivatives there"
            )
        now = time.perf_counter()
        name = f"{run.slabs} slabs of local error {error:.1e}"
        self.stages.append(StageResult(name, 1, error, now - began, StopReason.SOLVED.name))
        self.ends.append(now - self.began)
        self.progress.step(1, error)
        self.progress.stage_finished(number, error, StopReason.SOLVED)
        return run

    def _ended(self, best: Run, estimate: float) -> Converged:
        known = estimate if math.isfinite(estimate) else None
        reason = StopReason.UNREACHED
        if self.progress.stop is not None:
            reason = self.progress.stop
        elif known is not None and known <= self.tolerance:
            reason = StopReason.TOLERANCE
        warnings: tuple[str, ...] = ()
        if reason is StopReason.UNREACHED:
            warnings = (self._warning(best, known),)
            self.progress.message(warnings[0])
        history = history_of(self.stages, self.ends)
        stages = tuple(self.stages)
        return Converged(best, history, stages, reason, known, self.ends[-1], warnings)

    def _warning(self, best: Run, estimate: float | None) -> str:
        """What was not reached, and what to try."""
        name = best.problem.coordinates[-1]
        if best.ended is not None:
            remedy = "give more seconds" if self._over() else "u may have no value behind it"
            return (
                f"warning: the march {best.ended}, its field ends at {name} = {best.end:.6g} and"
                f" its error is not known; {remedy}"
            )
        estimated = "not known" if estimate is None else f"{estimate:.1e}"
        remedy = "give more seconds, or a shorter interval where perturbations grow"
        if best.rough > self.tolerance:
            remedy = "the solution jumps, has kinks or layers that splines do not follow"
        return (
            f"warning: the estimated relative L2 error is {estimated}, {self.tolerance:.0e} was not"
            f" reached{self.in_part}; {remedy}"
        )
