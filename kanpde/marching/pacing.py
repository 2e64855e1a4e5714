"""Slab lengths and intervals chosen from the local error, slab by slab.

A slab adds to every unknown an error of two parts, ∝ G^{1-p} in space and ∝ h^n from its length
(see `local_error`). One of length h may add

    error · (‖u‖ · max(h / T, LEAST_SHARE) + max(0, ‖u(t + h)‖ - ‖u(t)‖)),

‖u‖ the largest size so far of that unknown: over all slabs that is error · (‖u‖ + what ‖u‖ gains on
its way), and an unknown that is zero at first need not be exact then. A slab that adds too much is
solved again: with its knots where its solution asks for them, then with more intervals, or shorter.

    an attempt                                     next
    ---------------------------------------------  --------------------------------------------------
    adds no more than it may                       taken; length and intervals of the next slab for AIM
    fails, or is lost                              cut to a quarter
    error from the length leads                    cut for AIM
    the same, but the last cut HELPED too little   that cut is taken back; as for an error in space
    error in space leads                           knots moved, where that brings them closer (MOVED)
    the same, knots would stay                     more intervals
    the same, at MOST_INTERVALS, or the last       refinement taken back, cut to 0.3
    refinement gained less than GAIN
    as short as can be                             taken; twice in a row, or lost, is an error
    MOST_ATTEMPTS, or the observer asks to stop    taken as it is

Source: step size control, Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I,
Springer 1993, II.4.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from kanpde.config import Config, OptimizerStage, Pace, StageConfig
from kanpde.errors import CheckpointError, NumericalError
from kanpde.marching.local_error import Attempt, Sizes, floored, local_error, sizes
from kanpde.marching.slab import Slab, build_slab
from kanpde.problem.problem import Problem
from kanpde.progress import History, Progress, StageResult, StopReason
from kanpde.solver.checkpoint import Store
from kanpde.solver.loop import Solver
from kanpde.trial.bases import SplineGrid
from kanpde.trial.networks import KAN

FIRST, SHORTEST = 0.01, 1e-8
"""Lengths of the first slab tried and of the shortest one, as shares of the time interval."""

LEAST_SHARE = 0.01
"""A shorter slab may add as much as one of this share of the time interval."""

MOST_INTERVALS = 1024
MOST_ATTEMPTS = 60
AIM = 0.5
"""What the next attempt aims at, as a share of what it may add."""

MOVED = 0.8
"""Knots are moved while that shortens the shortest interval to this share or less."""

GAIN = 1.5
"""More intervals that do not divide the error in space by this are taken back: there u is not
smooth in time.
"""

HELPED = 0.9
"""A cut that leaves more of the error in time than this is taken back: the splines are to blame all
the same.
"""

NEWTON = 0.05
"""Newton's method stops at this share of what a slab may add."""

ROWS = 3
"""Interior points per column, at least."""

Outcome = tuple[History, tuple[StageResult, ...], StopReason]


@dataclass(frozen=True)
class Solved:
    """A solved slab: `seconds` with all its attempts, and whether it adds no more than it may;
    `added` in the units of u.
    """

    slab: Slab
    outcome: Outcome
    seconds: float
    met: bool = True
    added: float = math.nan


class Pacer:
    """Solves slab after slab, as long and as fine as a `Pace` asks for."""

    def __init__(self, config: Config, problem: Problem, pace: Pace) -> None:
        self._config, self._problem, self._error = config, problem, pace.error
        self._from, self._to = float(problem.domain.lower[-1]), float(problem.domain.upper[-1])
        self._stretched = config.trial.start == "stretched"
        self._degree = max(2, min(config.trial.degree, default=2))
        self._order = config.trial.width[0] if config.trial.width else self._degree
        self._least = max(config.trial.intervals, default=1)
        self._intervals = self._least
        self._length = FIRST * (self._to - self._from)
        self._sizes = torch.zeros(len(problem.unknowns), dtype=torch.float64)
        self._least_length = max(
            SHORTEST * (self._to - self._from), _rounding(self._from, self._to)
        )
        self._longest = math.inf
        """A slab of this length was cut."""
        self._unmet = False
        """Whether the slab before was as short as can be and still added more than it may."""
        self._refined: Attempt | None = None
        """What there was before the last refinement of a slab."""
        self._cut: Attempt | None = None
        """What there was before a slab was last cut for its error in time."""
        self._followed: tuple[float, Tensor] | None = None
        """Length of the slab before and its error from that (m,), where it adds no more than it
        may.
        """

    def first(self) -> Slab:
        """The first slab to try, not yet solved."""
        return self._build(self._from, None)

    def remaining(self, start: float) -> int:
        """About how many slabs there are from a time on."""
        return math.ceil((self._to - start) / self._length)

    def solve(
        self,
        start: float,
        before: Slab | None,
        progress: Progress,
        store: Store | None,
        built: Slab | None = None,
    ) -> Solved:
        """Solve the slab from `start` on, whose first attempt may be `built` already, until it adds
        no more than it may, or nothing helps; a `store` keeps its state.
        """
        began, self._refined, self._cut = time.perf_counter(), None, None
        self._longest = math.inf
        trying: Slab | None = built or self._build(start, before)
        remaining, known = MOST_ATTEMPTS, self._sizes
        while trying is not None:
            slab, length = trying, trying.end - trying.start
            goal = (NEWTON * float(self._allowed(length).min())) ** 2
            solver = Solver(
                slab.parts.trial, slab.parts.assembly, self._stages(), progress, goal=goal
            )
            try:
                outcome = solver.run()
            except NumericalError:
                if not self._shorten(0.25):
                    raise
                trying = self._build(start, before)
                continue
            attempt = self._attempt(slab, known)
            if not attempt.lost:  # the size of a field that went astray says nothing
                known = self._sizes
            progress.message(
                f"slab {slab.start:.6g} to {slab.end:.6g}, {self._intervals} intervals: adds"
                f" {attempt.added:.1e} ({attempt.in_space:.1e} in space), may add {attempt.may:.1e}"
            )
            remaining -= 1
            ended = attempt.met or progress.stop is not None or remaining == 0
            trying = None if ended else self._better(slab, before, attempt)
        self._check(slab, attempt, progress)
        if attempt.met:
            self._follow(attempt)
        self._followed = (attempt.length, attempt.error.rest) if attempt.met else None
        if attempt.met and outcome[2] is StopReason.MAX_STEPS:
            outcome = (*outcome[:2], StopReason.FINISHED)
        solved = Solved(
            slab,
            outcome,
            time.perf_counter() - began,
            attempt.met,
            float(attempt.error.added.norm()),
        )
        if store is not None:
            solver.keep(store, {"slab": self._facts(solved, solved.met or progress.stop is None)})
        return solved

    def restored(
        self, start: float, before: Slab | None, progress: Progress, store: Store, read_only: bool
    ) -> Solved | None:
        """The slab that a store keeps; None for one that was stopped before its end, unless
        `read_only`.
        """
        try:
            facts: Mapping[str, Any] = store.load()["slab"]
            if not (facts["finished"] or read_only):
                return None
            self._intervals, self._length = int(facts["intervals"]), float(facts["length"])
            self._sizes = self._sizes.new_tensor([float(size) for size in facts["sizes"]])
            rests = self._sizes.new_tensor([float(rest) for rest in facts["rests"]])
            slab = self._build(start, before, end=float(facts["end"]))
            following = int(facts["next_intervals"]), float(facts["next_length"])
            seconds, met, added = float(facts["seconds"]), bool(facts["met"]), float(facts["added"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"checkpoint: its slab is incomplete ({error}); solve again"
            ) from error
        solver = Solver(slab.parts.trial, slab.parts.assembly, self._stages(), progress, store)
        solver.resume(self._config.trial)
        self._intervals, self._length = following
        self._followed = (slab.end - slab.start, rests) if met else None
        return Solved(slab, solver.outcome(), seconds, met, added)

    def _facts(self, solved: Solved, finished: bool) -> dict[str, Any]:
        slab = solved.slab
        network = slab.parts.trial.network
        return {
            "end": slab.end,
            "intervals": network.intervals[-1] if isinstance(network, KAN) else self._intervals,
            "length": slab.end - slab.start,
            "sizes": self._sizes.tolist(),
            "rests": [] if self._followed is None else self._followed[1].tolist(),
            "next_intervals": self._intervals,
            "next_length": self._length,
            "seconds": solved.seconds,
            "met": solved.met,
            "added": solved.added,
            "finished": finished,
        }

    def _build(
        self, start: float, before: Slab | None, guess: Slab | None = None, end: float | None = None
    ) -> Slab:
        if end is None:
            rest = self._to - start
            if rest < 1.3 * self._length:
                self._length = rest if rest < self._longest else rest / 2
            end = self._to if self._length == rest else start + self._length
        return build_slab(self._fitted(), self._problem, (start, end), before, guess)

    def _attempt(self, slab: Slab, known: Tensor) -> Attempt:
        """What a solved slab adds, beside what it may; unknowns of size `known` were seen so
        far.
        """
        here = sizes(slab)
        self._sizes = torch.maximum(known, here.within)
        instants = self._config.trial.width[0] + 2 if self._stretched else 0
        error = local_error(slab, self._config.weights, self._sizes, instants, self._intervals)
        length = slab.end - slab.start
        return Attempt(length, self._intervals, error, self._allowed(length, here), self._sizes)

    def _better(self, slab: Slab, before: Slab | None, attempt: Attempt) -> Slab | None:
        """What to try after a slab that adds too much; None if nothing is left."""
        if attempt.lost:
            return self._build(slab.start, before) if self._shorten(0.25) else None
        idle = self._cut is not None and attempt.rest > HELPED * self._cut.rest_of(attempt)
        if not idle and attempt.space <= max(AIM, attempt.rest / 2):
            self._cut, self._refined = attempt, None
            shorter = self._shorten(_bounded(_power(AIM, attempt.rest, self._order), 0.1, 0.8))
            return self._build(slab.start, before, slab) if shorter else None
        if idle and self._cut is not None:
            self._length, self._longest, self._cut = self._cut.length, math.inf, None
        refined = self._refined
        worse = refined is not None and attempt.share > refined.share
        if self._stretched and not worse:
            moved = self._build(slab.start, before, slab)
            if _shortest(moved) < MOVED * _shortest(slab):
                return moved
        if worse or (refined is not None and attempt.share > refined.share / GAIN):
            assert refined is not None
            self._intervals, self._refined = refined.intervals, None
        elif self._intervals < MOST_INTERVALS:
            self._refined = attempt
            self._refine(_bounded(self._finer(attempt, idle), 1.1, 1.6))
            return self._build(slab.start, before, slab)
        return self._build(slab.start, before, slab) if self._shorten(0.3) else None

    def _follow(self, attempt: Attempt) -> None:
        """Length and intervals of the next slab after one with such errors."""
        idle = (
            attempt.rest > AIM
            and self._followed is not None
            and attempt.idle_after(*self._followed, HELPED)
        )
        if not idle:
            self._length *= _bounded(_power(AIM, attempt.rest, self._order), 0.5, 2.0)
        self._refine(_bounded(self._finer(attempt, idle), 0.8, 1.25))

    def _finer(self, attempt: Attempt, idle: bool) -> float:
        """The factor of intervals that brings the error in space to AIM; where cuts are `idle` the
        whole error is one in space.
        """
        error = attempt.share if idle else attempt.space
        return _power(error, AIM, self._degree - 1)

    def _shorten(self, share: float) -> bool:
        if self._length <= self._least_length:
            return False
        self._longest = self._length
        self._length = max(self._least_length, share * self._length)
        return True

    def _check(self, slab: Slab, attempt: Attempt, progress: Progress) -> None:
        """NumericalError where slabs as short as can be add too much twice, or add more than u: the
        march would not end.
        """
        unmet = not attempt.met and self._length <= self._least_length and progress.stop is None
        if unmet and (self._unmet or attempt.lost):
            raise NumericalError(
                f"slabs: at {slab.start:.6g} a slab of length {attempt.length:.1e} still adds"
                f" {attempt.added:.1e}, where it may add"
                f" {attempt.may:.1e}; look for conditions that contradict each other there, raise"
                f" slabs.error or trial.width"
            )
        self._unmet = unmet

    def _refine(self, factor: float) -> None:
        if self._stretched:
            self._intervals = min(
                MOST_INTERVALS, max(self._least, 8 * math.ceil(self._intervals * factor / 8))
            )

    def _fitted(self) -> Config:
        """The config with the present number of intervals, and points enough for them."""
        trial, sampler = self._config.trial, self._config.sampler
        if not self._stretched:
            return self._config
        points = ROWS * self._intervals * (trial.width[0] + 2)
        intervals = (self._intervals,) * len(trial.intervals)
        return replace(
            self._config,
            trial=replace(trial, intervals=intervals),
            sampler=replace(sampler, interior=max(sampler.interior, points)),
        )

    def _stages(self) -> tuple[StageConfig, ...]:
        """The schedule; a Newton step that does not halve the objective is the last."""
        return tuple(
            replace(stage, tolerance=1.0)
            if isinstance(stage, OptimizerStage) and stage.optimizer == "least_squares"
            else stage
            for stage in self._config.schedule
        )

    def _allowed(self, length: float, here: Sizes | None = None) -> Tensor:
        """What a slab may add to each unknown, (m,); zero before anything is known about the size
        of any.
        """
        may = floored(self._sizes) * max(length / (self._to - self._from), LEAST_SHARE)
        return self._error * (may if here is None else may + here.grown)


def _shortest(slab: Slab) -> float:
    """The shortest interval between the knots of the map."""
    network = slab.parts.trial.network
    assert isinstance(network, KAN)
    grid = network.stack[0].grid
    assert isinstance(grid, SplineGrid)
    return float(grid.breakpoints[0].diff().min())


def _rounding(start: float, end: float) -> float:
    """Lengths below it lose digits to the size of the times themselves."""
    return 1e4 * math.ulp(max(abs(start), abs(end)))


def _power(wanted: float, present: float, order: int) -> float:
    return float((wanted / present) ** (1 / order)) if present > 0 else math.inf


def _bounded(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)
