"""The equations at given constants: what solves them, to an accuracy that is asked for.

| problem at given constants | way | rough | fine | finer |
|---|---|---|---|---|
| conditions at one end of an interval | a march of Radau slabs | local error 1e-6 | 1e-11 | 1e-12 |
| one coordinate of space and time | a march of splines | 1e-3 | 1e-6 | 1e-7 |
| what patches can solve | levels of patches | relative error 1e-3 | 1e-6 | 1e-7 |

Constants are those of fine solutions; a finer one at the end tells what is wrong with these.

A solve is given as much work as it may take and not as many seconds, so that what it gives is
always the same: constants far from the right ones may make equations as stiff as they like.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol

from kanpde.config import Config, ProblemConfig
from kanpde.config.compatibility import check
from kanpde.config.frozen_map import FrozenMap
from kanpde.config.solve.patches import PatchesConfig
from kanpde.errors import ConfigError, NumericalError
from kanpde.inverse.least_squares import Array
from kanpde.marching.lines import search as on_a_line
from kanpde.marching.lines.statement import evolution
from kanpde.marching.lines.steps import march as march_on_a_line
from kanpde.marching.ordinary.pieces import Series, trial
from kanpde.marching.ordinary.statement import is_ordinary, statement
from kanpde.marching.ordinary.steps import march as march_in_time
from kanpde.patches.preparation import prepare as prepared
from kanpde.patches.search import search as search_patches
from kanpde.problem.problem import Problem
from kanpde.progress import Silent, StopReason
from kanpde.trial.piecewise import AnyTrial

FAILURES = (ConfigError, NumericalError, ArithmeticError)
"""How equations at constants that make no sense can end."""


class Accuracy(IntEnum):
    """How accurate solutions are: the columns of the table above."""

    ROUGH = 0
    FINE = 1
    FINER = 2


class Forward(Protocol):
    """Solves the equations at constants.

    Derivatives are differences over this share of a constant, `step`, and good to the share
    `resolution`.
    """

    @property
    def step(self) -> float:
        """Of a constant, in logarithms where it is positive."""

    @property
    def resolution(self) -> float:
        """Accuracy of derivatives by constants."""

    def solve(
        self, config: Config, accuracy: Accuracy, stopped: Callable[[], bool]
    ) -> AnyTrial | None:
        """The solution of a problem without unknown constants, None where it has none."""


def at_constants(config: Config, values: Sequence[float] | Array) -> Config:
    """A config whose unknown constants have these values, without measured ones."""
    problem = config.problem
    known = dict(zip(problem.unknown_parameters, map(float, values), strict=True))
    return replace(config, problem=_plain(problem, known))


def _plain(problem: ProblemConfig, known: dict[str, float]) -> ProblemConfig:
    return replace(
        problem,
        parameters=FrozenMap({**problem.parameters, **known}),
        unknown_parameters=FrozenMap({}),
        conditions=tuple(c for c in problem.conditions if c.data is None),
        exact=None,
        reference=None,
        quantities=FrozenMap({}),
        vectors=FrozenMap({}),
    )


@dataclass
class _Limited:
    """Says stop after so many questions, or when another does."""

    most: int
    other: Callable[[], bool]

    def __call__(self) -> bool:
        self.most -= 1
        return self.most < 0 or self.other()


@dataclass(frozen=True)
class InTime:
    """Initial value problems."""

    step: float = 1e-4
    resolution: float = 1e-6

    def solve(
        self, config: Config, accuracy: Accuracy, stopped: Callable[[], bool]
    ) -> AnyTrial | None:
        """One march."""
        error, most = ((1e-6, 1500), (1e-11, 20_000), (1e-12, 40_000))[accuracy]
        posed = statement(Problem.create(config.problem))
        marched = march_in_time(posed, error, _Limited(most, stopped))
        if marched.ended is not None:
            return None
        return trial(Series.of(marched.pieces, posed.orders))


@dataclass(frozen=True)
class OnALine:
    """Evolutions on a line."""

    step: float = 1e-2
    resolution: float = 1e-5

    def solve(
        self, config: Config, accuracy: Accuracy, stopped: Callable[[], bool]
    ) -> AnyTrial | None:
        """One march."""
        error, most = ((1e-3, 80), (1e-6, 500), (1e-7, 1000))[accuracy]
        posed = evolution(Problem.create(config.problem))
        if posed is None:
            return None
        marched = march_on_a_line(posed, error, _Limited(most, stopped))
        return None if marched.ended is not None else on_a_line.as_run(posed, marched).trial


@dataclass(frozen=True)
class _Stoppable(Silent):
    """Ends a search when it is asked to."""

    stopped: Callable[[], bool]

    @property
    def stop(self) -> StopReason | None:  # type: ignore[override]
        """Read between levels."""
        return StopReason.TIME_LIMIT if self.stopped() else None


@dataclass(frozen=True)
class OnPatches:
    """Everything that patches can solve."""

    step: float = 3e-2
    resolution: float = 1e-5

    def solve(
        self, config: Config, accuracy: Accuracy, stopped: Callable[[], bool]
    ) -> AnyTrial | None:
        """One search, which may not end at its tolerance."""
        most = 600 if accuracy == Accuracy.ROUGH else PatchesConfig().most
        patches = replace(PatchesConfig(), most=most)
        trial_config = replace(config.trial, patches=patches)
        tolerance = (1e-3, 1e-6, 1e-7)[accuracy]
        whole = replace(config, trial=trial_config, tolerance=tolerance, chooses=False)
        patched = search_patches(whole, _Stoppable(stopped))
        return None if patched.estimate is None or stopped() else patched.trial


def forward_of(config: Config) -> Forward | None:
    """What solves the problem of a config at constants; None where nothing does."""
    if config.dtype != "float64" or config.problem.fit or config.problem.energy:
        return None
    starts = [parameter.start for parameter in config.problem.unknown_parameters.values()]
    known = at_constants(config, starts)
    problem = Problem.create(known.problem)
    dimension = len(problem.coordinates)
    if dimension == 1 and is_ordinary(problem):
        return InTime()
    if dimension == 2 and known.problem.time is not None and evolution(problem) is not None:
        return OnALine()
    patched = replace(known, trial=replace(config.trial, patches=PatchesConfig()), chooses=False)
    try:
        check(patched)
        prepared(patched)
    except ConfigError:
        return None
    return OnPatches()
