"""The resolution that a tolerance asks for, chosen from the held-out residual; neither `exact` nor
`reference` is read.

Families of trial solutions are climbed level by level, cheap ones first (see `levels`). The
residual of `estimate` is the root of the objective at held-out points. A level whose residual is
not clearly smaller says nothing about the stability; the first one is compared with the start
u = 0. The first level whose estimate meets the tolerance is the result, else the one of the
least estimated error. How far a search comes in its seconds depends on the machine.

    state                 what happens                            next
    --------------------  --------------------------------------  -------------------------------
    level of a family     too long or too large for the rest      next family (the first is solved)
    (the first is built   fails                                   next family (the first: error)
    before the search)    its residual is not finite              next family
                          estimate within the tolerance           taken: TOLERANCE
                          the observer asks to stop               best so far: its reason
                          finer ones promise nothing              next family
                          else                                    next level of the family
    no family is left     -                                       best so far: UNREACHED
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.assembly.collocation import COUNT, Collocation, held_out
from kanpde.assembly.residual import Assembly, terms
from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.errors import BudgetError, NumericalError
from kanpde.problem.posing import posed
from kanpde.problem.problem import Problem
from kanpde.progress import Overdue, Progress, StopReason
from kanpde.solver.budget import check_budget
from kanpde.solver.build import Parts, build
from kanpde.solver.error_estimate import CLEARLY, estimate, stability
from kanpde.solver.levels import EVEN, FORMS, Families
from kanpde.solver.loop import Solver

SECONDS = 120.0
"""How long the search may take where the config does not say it."""

SMALL = 2e10
"""Operations (rows × columns²) below which a level costs about the same."""

SLOWLY = 0.7
"""Even directions are climbed on while a level's residual is below this share of the one before:
narrow features are found late.
"""

FEW = 4
"""Directions of formulas that are climbed to the last level: their columns are few."""

BEGUN = 1e-2
"""Even directions are climbed on, whatever they bring, until the residual is below this share of
that of u = 0.
"""


@dataclass(frozen=True)
class Level:
    """One solved candidate: R and the values (N, m) at the held-out points."""

    config: Config
    parts: Parts
    solver: Solver
    residual: float
    values: Tensor
    estimate: float = math.inf

    @property
    def rank(self) -> tuple[float, float]:
        """What is smaller for a better level: the estimated error, then the residual."""
        return self.estimate, self.residual


@dataclass(frozen=True)
class Chosen:
    """The level that was taken and why the search ended."""

    config: Config
    parts: Parts
    solver: Solver
    reason: StopReason
    estimate: float | None


@dataclass(frozen=True)
class First:
    """The first level, built and not yet solved, and the wall `seconds` that took.

    It serves one search, which trains the network in it; `only` names the family that is searched.
    """

    problem: Problem
    config: Config
    parts: Parts
    seconds: float
    only: str | None = None


def begin(config: Config, only: str | None = None) -> First:
    """Build the first level of a search, of one family or of all; ConfigError, BudgetError or
    NumericalError say why it cannot begin.
    """
    began = time.perf_counter()
    check(config)
    problem = posed(config.problem)
    candidate = Families(config, problem, only).first()
    parts = build(candidate, problem)
    return First(problem, candidate, parts, time.perf_counter() - began, only)


def choose(config: Config, progress: Progress, first: First) -> Chosen:
    """Climb from the `first` level until `config.tolerance` is met or `config.seconds` or the
    memory are used up.
    """
    return _Search(config, progress, first).run()


class _Search:
    def __init__(self, config: Config, progress: Progress, first: First) -> None:
        self._config, self._progress = config, progress
        self._only = first.only
        self._first: Parts | None = first.parts
        """The parts of the first level until it is solved."""
        self._began = time.perf_counter() - first.seconds
        self._limit = SECONDS if config.seconds is None else config.seconds
        self._last = (0.0, SMALL)
        """Wall seconds and work of the last level: the pace by which the next one is judged."""
        self._start = math.inf
        """The residual of u = 0 at the held-out points of the last level."""
        self._tolerance = config.tolerance or 0.0
        self._problem = first.problem
        self._best: Level | None = None
        self._stability: Tensor | None = None
        """What was last learnt of C, see `error_estimate`."""

    def run(self) -> Chosen:
        try:
            return self._climb()
        except Overdue as overdue:  # the levels solved before are kept
            if self._best is None:
                raise
            return self._taken(overdue.reason)

    def _climb(self) -> Chosen:
        why = "no finer level is left"
        for name, candidates in Families(self._config, self._problem, self._only):
            before: Level | None = None
            for candidate in candidates:
                refusal = self._refusal(candidate)
                if refusal is not None and self._best is not None:
                    why = refusal
                    break
                level = self._solved(candidate, before)
                if level is None:
                    break
                self._say(name, level)
                if self._progress.stop is not None:
                    return self._taken(self._progress.stop)
                if level.estimate <= self._tolerance:
                    return self._taken(StopReason.TOLERANCE)
                if before is not None and self._useless(name, before, level):
                    why = "more of the same resolution does not lower the residual"
                    break
                before = level
        self._progress.message(f"tolerance: {why}")
        return self._taken(StopReason.UNREACHED)

    def _useless(self, name: str, before: Level, level: Level) -> bool:
        """Whether finer levels of a family promise nothing; even directions get there once they
        have begun to.

        On a line splines have no other family beside them, and a layer shows only where the knots
        are as close as it is thin; along few directions of formulas alike.
        """
        along_few = name == FORMS and level.config.trial.width[0] <= FEW
        if self._problem.domain.dimension == 1 or along_few:
            return False
        if name == EVEN:
            return (
                before.residual < BEGUN * self._start and level.residual > SLOWLY * before.residual
            )
        return level.residual > CLEARLY * before.residual

    def _work(self, config: Config) -> float:
        """Operations of a solve, up to a factor."""
        trial, m = config.trial, len(self._problem.unknowns)
        columns = (
            m * (trial.width[-1] if trial.width else 1) * (trial.degree[-1] + trial.intervals[-1])
        )
        rows = config.sampler.interior * len(self._problem.equations) + config.sampler.boundary
        return (rows + columns) * columns**2

    def _refusal(self, candidate: Config) -> str | None:
        """Why the next level is not solved: time (judged by the pace so far) or memory."""
        used = time.perf_counter() - self._began
        seconds, work = self._last
        if used + seconds * max(1.0, self._work(candidate) / work) > self._limit:
            return f"the next level would not end within {self._limit:g} s"
        try:
            check_budget(candidate)
        except BudgetError as error:
            return str(error)
        return None

    def _solved(self, candidate: Config, before: Level | None) -> Level | None:
        """Solve a level, compare it with the one before it (else with the best) and remember the
        best; None if it fails.
        """
        began = time.perf_counter()
        try:
            parts = self._built(candidate)
            start = self._held_out(parts)
            self._start = start[0]
            solver = Solver(parts.trial, parts.assembly, candidate.schedule, self._progress)
            solver.run()
        except NumericalError as error:
            if self._best is None:
                raise
            self._progress.message(f"tolerance: {error}")
            return None
        residual, values = self._held_out(parts)
        if not math.isfinite(residual):
            return None
        self._last = (time.perf_counter() - began, max(SMALL, self._work(candidate)))
        coarse = start if self._best is None else (self._best.residual, self._best.values)
        coarse = coarse if before is None else (before.residual, before.values)
        known = stability((residual, values), coarse)
        self._stability = self._stability if known is None else known
        estimated = math.inf
        if self._stability is not None:
            estimated = estimate(self._stability, residual, values)
        level = Level(candidate, parts, solver, residual, values, estimated)
        if self._best is None or level.rank < self._best.rank:
            self._best = level
        return level

    def _built(self, candidate: Config) -> Parts:
        """The parts of a level; those of the first are there already, for one solve."""
        if self._first is not None:
            parts, self._first = self._first, None
            return parts
        return build(candidate, self._problem)

    def _held_out(self, parts: Parts) -> tuple[float, Tensor]:
        points = self._points(parts)
        assembly = Assembly(terms(parts.problem, points, self._config.weights), parts.trial)
        with torch.no_grad():
            residual = math.sqrt(float(assembly.objective(parts.trial)))
        return residual, parts.trial.evaluate(points.interior.x)

    def _points(self, parts: Parts) -> Collocation:
        problem = parts.problem
        count = COUNT.get(problem.domain.dimension, 20_000)
        return held_out(problem.domain, problem.parts, count, parts.trial.scale.dtype)

    def _say(self, name: str, level: Level) -> None:
        trial = level.config.trial
        shape = f"{list(trial.width)} degree {trial.degree[-1]}, {trial.intervals[-1]}"
        error = "unknown" if math.isinf(level.estimate) else f"{level.estimate:.1e}"
        self._progress.message(
            f"tolerance: {name} {shape} intervals: held-out residual {level.residual:.1e},"
            f" estimated error {error}"
        )

    def _taken(self, reason: StopReason) -> Chosen:
        best = self._best
        assert best is not None
        return Chosen(
            best.config,
            best.parts,
            best.solver,
            reason,
            None if math.isinf(best.estimate) else best.estimate,
        )
