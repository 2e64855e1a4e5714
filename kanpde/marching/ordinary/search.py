"""Marches of smaller and smaller local error until two of them agree.

| after march k | next |
|---|---|
| the first | march 2 with a tenth of its local error |
| the estimate meets the tolerance | end |
| time is over, or local errors are rounding | end, unreached |
| else | march k + 1, for AIM |

The difference of the last two marches is the error of the coarser one with all that became of it on
its way: it grows where perturbations do. The finer one is the result; its error is at most a tenth
of the difference as long as local errors are far above rounding, else as much as the difference.
Neither `exact` nor a reference is read.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from kanpde.assembly.collocation import Collocation, held_out
from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.domains.box import Box
from kanpde.errors import ConfigError, NumericalError
from kanpde.marching.ordinary.pieces import Series, trial
from kanpde.marching.ordinary.statement import Array, Statement, is_ordinary, statement
from kanpde.marching.ordinary.steps import March, march
from kanpde.problem.problem import Problem
from kanpde.progress import History, Progress, StageResult, StopReason
from kanpde.trial.piecewise import PiecewiseInTime

TOLERANCE, SECONDS = 1e-6, 100.0
"""What is aimed at, and how long it may take, where the config does not say it."""

FINER, BELIEVED = 0.1, 0.2
"""Local error of the next march, and what is left then of the difference, which was measured to be
0.02 to 0.13.
"""

AIM = 0.3
SHORTER = 0.7
"""The first and the longest slabs of each further march, or two might have the same ones."""

WILD = 1e-3
"""An estimate above it says that perturbations grow, so that the next march is as fine as can be."""

SMALLEST = 1e-13
"""Local errors below it cannot be told from rounding."""

ROUNDED = 1e-10
"""Below it the local errors of the richer solutions may be rounding."""

ROUNDING = 20 * float(np.finfo(np.float64).eps)
SAMPLES, PER_SLAB = 20_000, 8
"""Points at which marches are compared: even ones, and so many in every slab."""

POINTS = 2500
"""Points that a report shows."""


@dataclass(frozen=True)
class Marched:
    """What a search ended with: the domain of `problem` ends where the march does; `estimate` is
    of the relative L2 error, None where it cannot be told.
    """

    problem: Problem
    series: Series
    points: Collocation
    history: History
    stages: tuple[StageResult, ...]
    reason: StopReason
    estimate: float | None
    seconds: float

    @property
    def trial(self) -> PiecewiseInTime:
        """A KAN on each slab."""
        return trial(self.series)


def prepare(config: Config) -> Statement:
    """The initial value problem of a config; ConfigError says what is wrong with it."""
    check(config)
    problem = Problem.create(config.problem)
    if not is_ordinary(problem):
        raise ConfigError(
            f"problem '{problem.name}': is no initial value problem, whose conditions all stand at"
            f" one end of an interval; give trial and schedule"
        )
    return statement(problem)


def search(config: Config, progress: Progress, posed: Statement) -> Marched:
    """March until the tolerance is met; NumericalError where no slab can be solved."""
    return _Search(config, progress, posed).run()


def until_end(problem: Problem, series: Series) -> Problem:
    """The problem on the part of its domain that a march came through: nothing is known of u
    behind it.
    """
    ends = series.edges[[0, -1]]
    if ends[0] == problem.domain.lower[0] and ends[1] == problem.domain.upper[0]:
        return problem
    return replace(problem, domain=Box(ends[:1], ends[1:], problem.domain.parts))


def points_of(problem: Problem) -> Collocation:
    """Points that stand for those of a solve where a report asks for some."""
    return held_out(problem.domain, problem.parts, POINTS, torch.float64)


def _relative(values: Array, others: Array) -> float:
    """The largest relative L2 difference of values (N, m) by unknown; those that are zero do not
    count.
    """
    sizes = np.linalg.norm(values, axis=0)
    if not np.isfinite(sizes).all():
        return math.inf
    counts = sizes > 0
    away = np.linalg.norm(values - others, axis=0)
    return float((away[counts] / sizes[counts]).max()) if counts.any() else 0.0


@dataclass
class _Search:
    config: Config
    progress: Progress
    posed: Statement
    began: float = field(default_factory=time.perf_counter)
    stages: list[StageResult] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tolerance = self.config.tolerance or TOLERANCE
        self.seconds = self.config.seconds or SECONDS

    def run(self) -> Marched:
        error = self.tolerance
        best = self._march(error, None)
        series = Series.of(best.pieces, self.posed.orders)
        estimate = math.inf
        while best.ended is None and estimate > self.tolerance and error > SMALLEST:
            finer = FINER if math.isinf(estimate) else AIM * self.tolerance / estimate
            if math.isfinite(estimate) and estimate > WILD:
                finer = SMALLEST  # there is nothing to reckon with
            error = max(SMALLEST, min(FINER, finer) * error)
            if self._over():
                break
            march_k = self._march(error, self._sizes(series))
            if march_k.ended is not None:
                break
            richer = Series.of(march_k.pieces, self.posed.orders)
            share = BELIEVED if error > ROUNDED else 1.0
            estimate = max(ROUNDING, share * self._difference(richer, series))
            best, series = march_k, richer
            self.progress.message(
                f"{len(best.pieces)} slabs for a local error of {error:.1e}: estimated relative L2"
                f" error {estimate:.1e}"
            )
        return self._ended(best, series, estimate)

    def _over(self) -> bool:
        return self.progress.stop is not None or time.perf_counter() - self.began > self.seconds

    def _march(self, error: float, known: Array | None) -> March:
        """One march is one stage of the history."""
        number, began = len(self.stages), time.perf_counter()
        self.progress.stage_started(number, number + 1, f"slabs of local error {error:.1e}", 1)
        result = march(self.posed, error, self._over, SHORTER**number, known)
        if not result.pieces:
            raise NumericalError(
                f"problem '{self.posed.problem.name}': no solution of the equations begins at"
                f" {self.posed.start:g}; look for conditions that contradict them there, or for a"
                f" formula without a value"
            )
        now = time.perf_counter()
        name = f"{len(result.pieces)} slabs of local error {error:.1e}"
        self.stages.append(StageResult(name, 1, error, now - began, StopReason.SOLVED.name))
        self.ends.append(now - self.began)
        self.progress.step(1, error)
        self.progress.stage_finished(number, error, StopReason.SOLVED)
        return result

    def _even(self, series: Series) -> Array:
        """Even points on the interval of a march, (N,)."""
        lower, upper = series.edges[[0, -1]]
        return np.asarray(lower + (upper - lower) * (np.arange(SAMPLES) + 0.5) / SAMPLES)

    def _sizes(self, series: Series) -> Array:
        """Root mean squares of the unknowns over the interval, (m,)."""
        return np.asarray(np.sqrt(np.square(series(self._even(series))).mean(axis=0)))

    def _difference(self, series: Series, before: Series) -> float:
        """The largest relative L2 difference of an unknown that is not zero, over even points and
        over points as dense as the slabs are.
        """
        even = self._even(series)
        inside = (np.arange(PER_SLAB) + 0.5) / PER_SLAB
        dense = series.edges[:-1, None] + np.diff(series.edges)[:, None] * inside
        return max(_relative(series(t), before(t)) for t in (even, dense.ravel()))

    def _ended(self, best: March, series: Series, estimate: float) -> Marched:
        problem = until_end(self.posed.problem, series)
        known = estimate if math.isfinite(estimate) else None
        reason = StopReason.UNREACHED
        if self.progress.stop is not None:
            reason = self.progress.stop
        elif known is not None and known <= self.tolerance:
            reason = StopReason.TOLERANCE
        else:
            self.progress.message(self._warning(best, known))
        count = len(self.stages)
        history = History(
            tuple(range(1, count + 1)),
            tuple(stage.objective for stage in self.stages),
            tuple(self.ends),
            tuple(range(count)),
            (),
        )
        return Marched(
            problem=problem,
            series=series,
            points=points_of(problem),
            history=history,
            stages=tuple(self.stages),
            reason=reason,
            estimate=known,
            seconds=self.ends[-1],
        )

    def _warning(self, best: March, estimate: float | None) -> str:
        name = self.posed.problem.coordinates[0]
        if best.ended is not None:
            over = time.perf_counter() - self.began > self.seconds
            remedy = "give more seconds" if over else "the solution may have no value there"
            return (
                f"warning: the march {best.ended}, its field ends at {name} = {best.end:.6g} and"
                f" its error is not known; {remedy}"
            )
        estimated = "not known" if estimate is None else f"{estimate:.1e}"
        return (
            f"warning: the estimated relative L2 error is {estimated}, {self.tolerance:.0e} was not"
            f" reached; give more seconds, or a shorter interval where perturbations grow"
        )
