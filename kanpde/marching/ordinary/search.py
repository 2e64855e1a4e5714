"""Initial value problems as runs that a search compares."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.domains.box import Box
from kanpde.errors import ConfigError
from kanpde.marching.converging import Converged, Run, converge
from kanpde.marching.ordinary.pieces import Series, trial
from kanpde.marching.ordinary.statement import Array, Statement, is_ordinary, statement
from kanpde.marching.ordinary.steps import march
from kanpde.problem.posing import posed
from kanpde.problem.problem import Problem
from kanpde.progress import Progress
from kanpde.trial.piecewise import PiecewiseInTime

SHORTER = 0.7
"""The first and the longest slabs of each further march, or two might have the same ones."""

SMALLEST = 1e-13
"""Local errors below it cannot be told from rounding."""

SAMPLES, PER_SLAB = 20_000, 8
"""Points at which marches are compared: even ones, and so many in every slab."""


@dataclass(frozen=True)
class OrdinaryRun:
    """A march through an initial value problem."""

    posed: Problem
    series: Series
    ended: str | None
    end: float
    rough: float = 0.0
    left: float = 0.0

    @property
    def slabs(self) -> int:
        """How many."""
        return len(self.series.edges) - 1

    @cached_property
    def problem(self) -> Problem:
        """On the part of its domain that the march came through: nothing is known of u behind
        it.
        """
        domain, ends = self.posed.domain, self.series.edges[[0, -1]]
        if ends[0] == domain.lower[0] and ends[1] == domain.upper[0]:
            return self.posed
        return replace(self.posed, domain=Box(ends[:1], ends[1:], domain.parts))

    @property
    def trial(self) -> PiecewiseInTime:
        """A KAN on each slab."""
        return trial(self.series)

    @property
    def arrays(self) -> Mapping[str, Array]:
        """Edges and coefficients."""
        return vars(self.series)

    @property
    def sizes(self) -> Array:
        """Root mean squares of the unknowns over the interval, (m,)."""
        return np.asarray(np.sqrt(np.square(self.series(self._even)).mean(axis=0)))

    @property
    def _even(self) -> Array:
        lower, upper = self.series.edges[[0, -1]]
        return np.asarray(lower + (upper - lower) * (np.arange(SAMPLES) + 0.5) / SAMPLES)

    def difference(self, before: Run) -> float:
        """Over even points, and over points as dense as the slabs are."""
        assert isinstance(before, OrdinaryRun)
        inside = (np.arange(PER_SLAB) + 0.5) / PER_SLAB
        edges = self.series.edges
        dense = edges[:-1, None] + np.diff(edges)[:, None] * inside
        return max(relative(self.series(t), before.series(t)) for t in (self._even, dense.ravel()))


def relative(values: Array, others: Array) -> float:
    """The largest relative L2 difference of values (N, m) by unknown; those that are zero do not
    count.
    """
    sizes = np.linalg.norm(values, axis=0)
    if not np.isfinite(sizes).all():
        return math.inf
    counts = sizes > 1e-14 * sizes.max()
    away = np.linalg.norm(values - others, axis=0)
    return float((away[counts] / sizes[counts]).max()) if counts.any() else 0.0


def apart(richer: Run, before: Run, count: int) -> float:
    """The largest relative L2 difference of two marches by unknown, at about so many points that fill
    space and time evenly, as far as the first one came.
    """
    points = richer.problem.domain.interior(count, "sobol", np.random.default_rng(0)).x
    x = torch.from_numpy(points.copy())
    return relative(richer.trial.evaluate(x).numpy(), before.trial.evaluate(x).numpy())


def prepare(config: Config) -> Statement:
    """The initial value problem of a config; ConfigError says what is wrong with it."""
    check(config)
    problem = posed(config.problem)
    if not is_ordinary(problem):
        raise ConfigError(
            f"problem '{problem.name}': is no initial value problem, whose conditions all stand at"
            f" one end of an interval; give trial and schedule"
        )
    return statement(problem)


def search(config: Config, progress: Progress, posed: Statement) -> Converged:
    """March until the tolerance is met; NumericalError where no slab can be solved."""

    def run(error: float, number: int, stopped: Callable[[], bool], before: Run | None) -> Run:
        known = before.sizes if isinstance(before, OrdinaryRun) else None
        marched = march(posed, error, stopped, SHORTER**number, known)
        series = Series.of(marched.pieces, posed.orders)
        return OrdinaryRun(posed.problem, series, marched.ended, marched.end)

    return converge(config, progress, run, SMALLEST)


def restored(posed: Statement, arrays: Mapping[str, Array]) -> OrdinaryRun:
    """A march from the numbers of a file."""
    series = Series(arrays["edges"], arrays["coefficients"])
    return OrdinaryRun(posed.problem, series, None, float(series.edges[-1]))
