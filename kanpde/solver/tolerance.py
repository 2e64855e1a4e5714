"""The resolution that a tolerance asks for, chosen from the held-out residual; neither `exact` nor
`reference` is read.

Families of trial solutions are climbed level by level, cheap ones first: sums of univariate
functions, the characteristic directions of the equation alone, the directions of its source alone,
the distance to its centre, even directions. The residual of `estimate` is the root of the objective
at held-out points. A level whose residual is not clearly smaller says nothing about the stability;
the first one is compared with the start u = 0. The first level whose estimate meets the tolerance
is the result, else the one of the smallest residual. How far a search comes in its seconds depends
on the machine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kanpde.ansatz.characteristics import characteristics
from kanpde.ansatz.projection_pursuit import source_centers, source_directions
from kanpde.ansatz.radial_units import round_holes
from kanpde.assembly.collocation import COUNT, Collocation, held_out
from kanpde.assembly.residual import Assembly, terms
from kanpde.config import STAGE, Config, OptimizerStage
from kanpde.config.compatibility import check
from kanpde.errors import BudgetError, NumericalError
from kanpde.problem.problem import Problem
from kanpde.progress import Progress, StopReason
from kanpde.solver.budget import check_budget
from kanpde.solver.build import Parts, build
from kanpde.solver.error_estimate import CLEARLY, estimate, stability
from kanpde.solver.loop import Solver

SECONDS = 120.0
"""How long the search may take where the config does not say it."""

SMALL = 2e10
"""Operations (rows × columns²) below which a level costs about the same."""

SLOWLY = 0.7
"""Even directions are climbed on while a level's residual is below this share of the one before:
narrow features are found late.
"""

BEGUN = 1e-2
"""Even directions are climbed on, whatever they bring, until the residual is below this share of
that of u = 0.
"""

CHARACTERISTIC, SOURCE, EVEN = (
    "characteristic directions",
    "directions of the source",
    "even directions",
)
RADIAL = "distance to the centre of the source"

Shape = tuple[int, int, int]
"""Hidden units, degree and intervals of the outer layer; 0 units: a sum of univariate functions."""


@dataclass(frozen=True)
class Level:
    """One solved candidate: R and the values (N, m) at the held-out points."""

    config: Config
    parts: Parts
    solver: Solver
    residual: float
    values: Tensor
    estimate: float = math.inf


@dataclass(frozen=True)
class Chosen:
    """The level that was taken and why the search ended."""

    config: Config
    parts: Parts
    solver: Solver
    reason: StopReason
    estimate: float | None


def choose(config: Config, progress: Progress) -> Chosen:
    """Climb until `config.tolerance` is met or `config.seconds` or the memory are used up;
    ConfigError where it cannot.
    """
    check(config)
    return _Search(config, progress).run()


def settled(config: Config) -> Config:
    """The config with the directions and the centre of the source written out, so that they are
    searched for once.
    """
    trial = config.trial
    if trial.start != "ridge" or not trial.width or config.tolerance is not None:
        return config
    problem = Problem.create(config.problem)
    directions = source_directions(problem) if trial.directions == "source" else ()
    centers = source_centers(problem) if trial.centers == "source" else ()
    trial = replace(
        trial, directions=directions or trial.directions, centers=centers or trial.centers
    )
    return replace(config, trial=trial)


class _Search:
    def __init__(self, config: Config, progress: Progress) -> None:
        self._config, self._progress = config, progress
        self._began = time.perf_counter()
        self._limit = SECONDS if config.seconds is None else config.seconds
        self._last = (0.0, SMALL)
        self._start = math.inf
        self._tolerance = config.tolerance or 0.0
        self._problem = Problem.create(config.problem)
        self._best: Level | None = None
        self._directions: tuple[tuple[float, ...], ...] = ()
        self._centers: tuple[tuple[float, ...], ...] = ()
        self._stability: Tensor | None = None

    def run(self) -> Chosen:
        why = "no finer level is left"
        for name, shapes in self._families():
            before: Level | None = None
            for shape in shapes:
                candidate = self._candidate(name, shape)
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
        are as close as it is thin.
        """
        if self._problem.domain.dimension == 1:
            return False
        if name == EVEN:
            return (
                before.residual < BEGUN * self._start and level.residual > SLOWLY * before.residual
            )
        return level.residual > CLEARLY * before.residual

    def _families(self) -> Iterator[tuple[str, list[Shape]]]:
        d, order = self._problem.domain.dimension, self._problem.order
        high = max(13, order + 9)
        steps = (8, 16, 32, 64, 128, 256, 512)
        yield (
            "univariate functions",
            [(0, high, g) for g in ((*steps, 1024, 2048) if d == 1 else steps[:4])],
        )
        count = len(characteristics(self._problem))
        if count:
            yield CHARACTERISTIC, [(count, high, g) for g in (32, *steps[3:], 1024)]
        self._directions = source_directions(self._problem)
        if self._directions:
            yield SOURCE, [(len(self._directions), high, g) for g in steps[2:]]
        self._centers = source_centers(self._problem)
        if self._centers:
            yield RADIAL, [(len(self._centers), high, g) for g in steps[2:]]
        if d == 2:
            sizes = (
                (12, 4),
                (20, 8),
                (32, 12),
                (40, 18),
                (48, 24),
                (64, 32),
                (80, 40),
                (96, 48),
                (128, 64),
            )
            yield EVEN, [(n, high, g) for n, g in sizes]
        elif d == 3:
            cubes = ((48, 7, 1), (96, 11, 1), (160, 15, 1), (240, 15, 2), (300, 15, 4))
            yield EVEN, [(n, max(p, order + 3), g) for n, p, g in cubes]
        elif d > 3:
            full = [(math.comb(d - 1 + p, p), p) for p in range(order + 1, order + 6)]
            yield (
                "even directions",
                [(min(4000, round(1.2 * math.comb(d + 1, 2))), order + 1, 1)]
                + [(min(4000, n), p, 1) for n, p in full],
            )

    def _candidate(self, name: str, shape: Shape) -> Config:
        """The config of a level: points grow with the columns, holes get half of the units at most,
        least squares is all.
        """
        units, degree, intervals = shape
        d, old = self._problem.domain.dimension, self._config
        columns = max(units, 1 if d == 1 else d * (units == 0)) * (degree + intervals)
        sampler = replace(
            old.sampler,
            interior=max(200 if d == 1 else 1000, 2 * columns, 10 * (degree + intervals)),
            boundary=2
            if d == 1
            else max(400 * (d - 1), 16 * (degree + intervals) if d == 2 else 2 * columns),
        )
        trial = replace(
            old.trial,
            width=(units,) if units else (),
            basis=("bspline",) * (2 if units else 1),
            radial=min(old.trial.radial, units // (2 * max(1, len(round_holes(self._problem))))),
            degree=(max(5, self._problem.order + 1), degree) if units else (degree,),
            intervals=(2, intervals) if units else (intervals,),
            directions=self._directions_of(name),
            centers=self._centers if name == RADIAL else "none",
            start="ridge",
            margin=0.0,
            ends="clamped" if name == EVEN else "extended",
        )
        stage = OptimizerStage("least_squares", **STAGE["least_squares"])
        return replace(old, trial=trial, sampler=sampler, schedule=(stage,))

    def _directions_of(self, name: str) -> str | tuple[tuple[float, ...], ...]:
        if name == CHARACTERISTIC:
            return "characteristic"
        return self._directions if name == SOURCE else "even"

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
            parts = build(candidate)
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
        found = stability((residual, values), coarse)
        self._stability = self._stability if found is None else found
        told = math.inf if self._stability is None else estimate(self._stability, residual, values)
        level = Level(candidate, parts, solver, residual, values, told)
        if self._best is None or residual < self._best.residual:
            self._best = level
        return level

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
        told = "unknown" if math.isinf(level.estimate) else f"{level.estimate:.1e}"
        self._progress.message(
            f"tolerance: {name} {shape} intervals: held-out residual {level.residual:.1e},"
            f" estimated error {told}"
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
