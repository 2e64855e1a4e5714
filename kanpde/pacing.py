"""Slab lengths and intervals chosen from the local error, slab by slab.

The local error of a slab is the root of its objective at held-out points with all factors of `weights` 1: what it adds to u (see
`Slab`). Points of a stretched slab are a product of places and instants, and there it splits in two. The residual of splines that
are too coarse oscillates from knot to knot: what means over WINDOW intervals leave, and the misfit at the start, is the error in
space, ∝ G^{1-p}; the means are that of a slab too long for n units, ∝ h^n. A slab that adds too much is solved again: with its
knots where its solution asks for them, then with more intervals, or shorter. One of length h may add
error · ‖u‖ · max(h / T, LEAST_SHARE).
Source: step size control, Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, Springer 1993, II.4.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from kanpde.checkpoint import Store
from kanpde.config import Config, OptimizerStage, Pace, StageConfig
from kanpde.errors import CheckpointError, NumericalError
from kanpde.networks import KAN
from kanpde.problem import Problem
from kanpde.residual import Assembly
from kanpde.result import StopReason
from kanpde.slab import Slab, build_slab
from kanpde.solution import History, StageResult
from kanpde.solver import Solver
from kanpde.types import Progress

FIRST, SHORTEST = 0.01, 1e-8
"""Lengths of the first slab tried and of the shortest one, as shares of the time interval."""

LEAST_SHARE = 0.01
"""A shorter slab may add as much as one of this share of the time interval."""

WINDOW = 2
"""What is left of the rows in the mean over so many intervals is not the splines' fault."""

MOST_INTERVALS = 1024
MOST_ATTEMPTS = 60
AIM = 0.5
"""What the next attempt aims at, as a share of what it may add."""

MOVED = 0.8
"""Knots are moved while that shortens the shortest interval to this share or less."""

GAIN = 1.5
"""More intervals that do not divide the error in space by this are taken back: there u is not smooth in time."""

HELPED = 0.9
"""A cut that leaves more of the error in time than this is taken back: the splines are to blame all the same."""

LOST = 0.5
"""A slab with a local error above this share of ‖u‖ is far from any solution: it is cut before anything else is tried."""

NEWTON = 0.05
"""Newton's method stops at this share of what a slab may add."""

ROWS = 3
"""Interior points per column, at least."""

Outcome = tuple[History, tuple[StageResult, ...], StopReason]


@dataclass(frozen=True)
class Solved:
    """A solved slab: `seconds` with all its attempts, and whether it adds no more than it may; `added` in the units of u."""

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
        self._size, self._least_length = 0.0, max(SHORTEST * (self._to - self._from), _rounding(self._from, self._to))
        self._unmet = False
        """Whether the slab before was as short as can be and still added more than it may."""
        self._refined: tuple[int, float] | None = None
        """Intervals and error in space before the last refinement of a slab."""
        self._cut: tuple[float, float] | None = None
        """Length and error in time, in the units of u, before a slab was last cut for it."""

    def left(self, start: float) -> int:
        """About how many slabs there are from a time on."""
        return math.ceil((self._to - start) / self._length)

    def solve(self, start: float, before: Slab | None, progress: Progress, store: Store | None) -> Solved:
        """Solve the slab from `start` on until it adds no more than it may, or nothing helps; a `store` keeps its state."""
        began, self._refined, self._cut = time.perf_counter(), None, None
        trying: Slab | None = self._build(start, before)
        remaining, known = MOST_ATTEMPTS, self._size
        while trying is not None:
            slab, length = trying, trying.end - trying.start
            goal = (NEWTON * self._allowed(length)) ** 2
            solver = Solver(slab.parts.trial, slab.parts.assembly, self._stages(), progress, goal=goal)
            try:
                outcome = solver.run()
            except NumericalError:
                if not self._shorten(0.25):
                    raise
                trying = self._build(start, before)
                continue
            self._size = max(known, _size(slab))
            space, rest = self._local_errors(slab)
            added, may = math.hypot(space, rest), self._allowed(length)
            known = self._size if added <= self._size else known  # the size of a field that went astray says nothing
            progress.message(
                f"slab {slab.start:.6g} to {slab.end:.6g}, {self._intervals} intervals: adds {added:.1e} ({space:.1e} in space),"
                f" may add {may:.1e}"
            )
            remaining -= 1
            ended = added <= may or progress.stop is not None or remaining == 0
            trying = None if ended else self._better(slab, before, _share(space, may), _share(rest, may))
        self._check(slab, added, may, progress)
        if added <= may:
            self._follow(_share(space, may), _share(rest, may))
        if added <= may and outcome[2] is StopReason.MAX_STEPS:
            outcome = (*outcome[:2], StopReason.FINISHED)
        solved = Solved(slab, outcome, time.perf_counter() - began, added <= may, added)
        if store is not None:
            solver.keep(store, {"slab": self._facts(solved, solved.met or progress.stop is None)})
        return solved

    def restored(
        self, start: float, before: Slab | None, progress: Progress, store: Store, read_only: bool
    ) -> Solved | None:
        """The slab that a store keeps; None for one that was stopped before its end, unless `read_only`."""
        try:
            facts: Mapping[str, Any] = store.load()["slab"]
            if not (facts["finished"] or read_only):
                return None
            self._intervals, self._length, self._size = (
                int(facts["intervals"]),
                float(facts["length"]),
                float(facts["size"]),
            )
            slab = self._build(start, before, end=float(facts["end"]))
            following = int(facts["next_intervals"]), float(facts["next_length"])
            seconds, met, added = float(facts["seconds"]), bool(facts["met"]), float(facts["added"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"checkpoint: its slab is incomplete ({error}); solve again") from error
        solver = Solver(slab.parts.trial, slab.parts.assembly, self._stages(), progress, store)
        solver.resume(self._config.trial)
        self._intervals, self._length = following
        return Solved(slab, solver.outcome(), seconds, met, added)

    def _facts(self, solved: Solved, finished: bool) -> dict[str, Any]:
        slab = solved.slab
        network = slab.parts.trial.network
        return {
            "end": slab.end,
            "intervals": network.intervals[-1] if isinstance(network, KAN) else self._intervals,
            "length": slab.end - slab.start,
            "size": self._size,
            "next_intervals": self._intervals,
            "next_length": self._length,
            "seconds": solved.seconds,
            "met": solved.met,
            "added": solved.added,
            "finished": finished,
        }

    def _build(self, start: float, before: Slab | None, guess: Slab | None = None, end: float | None = None) -> Slab:
        if end is None:
            rest = self._to - start
            self._length = rest if rest < 1.3 * self._length else self._length
            end = self._to if self._length == rest else start + self._length
        return build_slab(self._fitted(), self._problem, (start, end), before, guess)

    def _better(self, slab: Slab, before: Slab | None, space: float, rest: float) -> Slab | None:
        """What to try after a slab whose errors in space and in time are so many times what it may add; None if nothing is left."""
        length, may = slab.end - slab.start, self._allowed(slab.end - slab.start)
        if math.hypot(space, rest) * may > LOST * self._size:
            return self._build(slab.start, before) if self._shorten(0.25) else None
        idle = self._cut is not None and rest * may > HELPED * self._cut[1]
        if idle and self._cut is not None:
            self._length = self._cut[0]
        elif space <= max(AIM, rest / 2):
            self._cut = length, rest * may
            shorter = self._shorten(_bounded(_power(AIM, rest, self._order), 0.1, 0.8))
            return self._build(slab.start, before, slab) if shorter else None
        if self._stretched:
            moved = self._build(slab.start, before, slab)
            if _shortest(moved) < MOVED * _shortest(slab):
                return moved
        if self._refined is not None and not idle and space > self._refined[1] / GAIN:
            self._intervals, self._refined = self._refined[0], None
        elif self._intervals < MOST_INTERVALS:
            self._refined = self._intervals, space
            self._refine(_bounded(_power(max(space, rest if idle else 0.0), AIM, self._degree - 1), 1.1, 1.6))
            return self._build(slab.start, before, slab)
        return self._build(slab.start, before, slab) if self._shorten(0.3) else None

    def _follow(self, space: float, rest: float) -> None:
        """Length and intervals of the next slab after one with such errors, as shares of what it may add."""
        self._length *= _bounded(_power(AIM, rest, self._order), 0.5, 2.0)
        self._refine(_bounded(_power(space, AIM, self._degree - 1), 0.8, 1.25))

    def _shorten(self, share: float) -> bool:
        if self._length <= self._least_length:
            return False
        self._length = max(self._least_length, share * self._length)
        return True

    def _check(self, slab: Slab, added: float, may: float, progress: Progress) -> None:
        """NumericalError where slabs as short as can be add too much twice, or add more than u: the march would not end."""
        unmet = added > may and self._length <= self._least_length and progress.stop is None
        if unmet and (self._unmet or added > LOST * self._size):
            raise NumericalError(
                f"slabs: at {slab.start:.6g} a slab of length {slab.end - slab.start:.1e} still adds {added:.1e}, where it may add"
                f" {may:.1e}; look for conditions that contradict each other there, raise slabs.error or trial.width"
            )
        self._unmet = unmet

    def _refine(self, factor: float) -> None:
        if self._stretched:
            self._intervals = min(MOST_INTERVALS, max(self._least, 8 * math.ceil(self._intervals * factor / 8)))

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

    def _allowed(self, length: float) -> float:
        """What a slab may add to u, in its units; zero before anything is known about the size of u."""
        return self._error * self._size * max(length / (self._to - self._from), LEAST_SHARE)

    def _local_errors(self, slab: Slab) -> tuple[float, float]:
        """The parts of a slab's local error that splines in space and that its length are to blame for.

        It is that of weights 1, whatever the solve's are: an error does not depend on them.
        """
        trial, instants = slab.parts.trial, self._config.trial.width[0] + 2 if self._stretched else 0
        with torch.no_grad():
            found = Assembly([term for term, _ in slab.checked], trial).residuals(trial)
        given, space, whole = self._config.weights, 0.0, 0.0
        for (term, share), rows in zip(slab.checked, found, strict=True):
            weight = term.weight / (given.equations if term.interior else given.conditions)
            part = weight * float((share * rows.square()).sum())
            whole += part
            if instants and term.interior:
                rough = _rough(rows.reshape(-1, instants), self._intervals)
                space += weight * float((share * rough.reshape(-1).square()).sum())
            elif instants and bool((term.x[:, -1] == slab.start).all()):
                space += part
        return math.sqrt(space), math.sqrt(max(whole - space, 0.0))


def _rough(rows: Tensor, intervals: int) -> Tensor:
    """Rows (places, instants) without their means over WINDOW intervals each."""
    window = torch.arange(len(rows), device=rows.device) * intervals // (WINDOW * len(rows))
    sums = rows.new_zeros(int(window[-1]) + 1, rows.shape[1]).index_add_(0, window, rows)
    means = sums / torch.bincount(window)[:, None]
    return rows - means[window]


def _size(slab: Slab) -> float:
    """Root mean square of u at the held-out points inside."""
    term, share = next((term, share) for term, share in slab.checked if term.interior)
    return math.sqrt(float((share[:, None] * slab.parts.trial.evaluate(term.x).square()).sum()))


def _shortest(slab: Slab) -> float:
    """The shortest interval between the knots of the map."""
    network = slab.parts.trial.network
    assert isinstance(network, KAN)
    return float(network.stack[0].grid.breakpoints[0].diff().min())


def _rounding(start: float, end: float) -> float:
    """Lengths below it lose digits to the size of the times themselves."""
    return 1e4 * math.ulp(max(abs(start), abs(end)))


def _share(error: float, may: float) -> float:
    """An error in units of what a slab may add, which is zero as long as u is."""
    return error / may if may > 0 else math.inf if error > 0 else 0.0


def _power(wanted: float, found: float, order: int) -> float:
    return float((wanted / found) ** (1 / order)) if found > 0 else math.inf


def _bounded(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)
