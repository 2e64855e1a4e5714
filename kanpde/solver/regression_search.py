"""The search for a small network that fits a table: starts, short runs, polish on finer and finer
grids; validation decides.

    starts    short runs on some rows            the best of them, by validation error
    polish    the schedule on all training rows  on one grid after the other while the error falls
    rounds    more starts                        until the target is reached

A share of the rows is held back for validation and decides everything: which start is polished,
which grid is kept, when the `target` is reached. Rows of the test never enter. Every run is one of
the solver's loop on the problem's own terms at the rows that are trained on.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from kanpde.ansatz.network import build_network
from kanpde.ansatz.regression_starts import PER_SEED, Plan, starts
from kanpde.assembly.residual import Assembly
from kanpde.config import Config, OptimizerStage, StageConfig
from kanpde.config.problem.searches import Search
from kanpde.errors import NumericalError
from kanpde.progress import Progress, Relay, StopReason
from kanpde.solver.budget import check_budget
from kanpde.solver.build import Parts
from kanpde.solver.loop import Solver
from kanpde.solver.tolerance import Chosen
from kanpde.solver.validation import split
from kanpde.trial.networks import KAN, MLP
from kanpde.trial.reframe import reframed

NEAR = 3.0
"""A start is the last one of its round where its error is below so many times the target; a polish
ends where its error is above so many times the lowest on its grid.
"""

BRIEF = 1e-9
"""Least regularisation of a short run: its rows may be hardly more than the parameters."""

Network = KAN | MLP


def search(config: Config, parts: Parts, progress: Progress) -> Chosen:
    """The network with the lowest validation error, in the config with its grid and in the `parts`
    that were built from the config; `estimate` is its relative L2 error on the validation rows.

    Raises BudgetError where the finest grid does not fit into memory, NumericalError where no start
    gives finite numbers.
    """
    assert config.problem.fit is not None and config.problem.fit.search is not None
    wish = config.problem.fit.search
    check_budget(_on(config, max(wish.intervals)))
    return _Search(config, parts, wish, progress).run()


def _on(config: Config, intervals: int | None) -> Config:
    """The config with so many intervals in every layer of a kan."""
    if intervals is None or config.trial.kind != "kan":
        return config
    grids = (intervals,) * config.trial.layers
    return replace(config, trial=replace(config.trial, intervals=grids))


@dataclass(frozen=True)
class _Candidate:
    """A network after a polish, the loop that ran it, its validation error, and the intervals of a
    kan.
    """

    error: float
    network: nn.Module
    solver: Solver
    intervals: int | None

    def __str__(self) -> str:
        grid = "" if self.intervals is None else f"{self.intervals} intervals, "
        return f"{grid}validation RMSE {self.error:.1e} of the deviation"


class _Search:
    """The state of a search: the best candidate so far, and the lowest error on each grid."""

    def __init__(self, config: Config, parts: Parts, wish: Search, progress: Progress) -> None:
        self._config, self._wish, self._progress = config, wish, progress
        self._began = time.perf_counter()
        self._parts, self._trial = parts, parts.trial
        self._judge, self._training = split(self._parts, wish.validation, config.seed)
        self._whole = Assembly(self._training.terms, self._trial)
        self._some = Assembly(self._training.first(wish.rows), self._trial)
        first = config.schedule[0]
        assert isinstance(first, OptimizerStage)
        penalty = max(first.regularisation, BRIEF) if first.regularisation else 0.0
        self._brief = (replace(first, steps=wish.steps, regularisation=penalty),)
        unrun = self._solver(self._whole, config.schedule)
        self._best = _Candidate(math.inf, self._trial.network, unrun, None)
        self._lowest = dict.fromkeys(wish.intervals, math.inf)

    def run(self) -> Chosen:
        """All rounds, or those until the target is reached or something ends them."""
        for part in range(self._wish.rounds):
            for candidate in self._polished(self._ranked(part)):
                self._progress.message(f"search: round {part + 1}, {candidate}")
                if candidate.error < self._best.error:
                    self._best = candidate
                if candidate.error < self._wish.target:
                    return self._chosen(StopReason.TOLERANCE)
                if self._stop is not None:
                    break
            if self._stop is not None:
                return self._chosen(self._stop)
        if math.isinf(self._best.error):
            raise NumericalError(
                "fit.search: no start led to a network with finite values between the rows; raise"
                " starts or rounds"
            )
        return self._chosen(StopReason.FINISHED)

    @property
    def _stop(self) -> StopReason | None:
        """Why the search is to end early: the observer, or the `seconds` of the config."""
        limit = self._config.seconds
        if limit is not None and time.perf_counter() - self._began > limit:
            return StopReason.TIME_LIMIT
        return self._progress.stop

    def _ranked(self, part: int) -> list[Network]:
        """The starts of a round after a short run each, the best first; one that is close to the
        target is the last.
        """
        ranked: list[tuple[float, int, Network]] = []
        numbers = range(part * self._wish.starts, (part + 1) * self._wish.starts)
        for number, network in zip(numbers, self._starts(numbers), strict=False):
            if self._ran(network, self._some, self._brief) is not None:
                ranked.append((self._error(network), number, network))
                if ranked[-1][0] < NEAR * self._wish.target:
                    break
            if self._stop is not None:
                break
        return [network for _, _, network in sorted(ranked, key=lambda entry: entry[:2])]

    def _starts(self, numbers: range) -> Iterator[Network]:
        """The starts of these numbers; those of an mlp differ by their seed alone."""
        config, training = self._config, self._training
        if config.trial.kind == "kan":
            shape, degrees = tuple(self._trial.net.shape), config.trial.degree
            plan = Plan(shape, degrees, self._wish.intervals[0], config.seed)
            yield from starts(
                plan, self._trial.scaled(training.x), training.y, numbers, self._aimed
            )
            return
        for number in numbers:
            seed = PER_SEED * config.seed + number
            yield build_network(config.trial, self._parts.problem, seed, training.y.dtype)

    def _aimed(self, network: KAN, values: Tensor) -> None:
        """A short run on other values (N,), of mean 0 and deviation 1; the network stays where that
        fails.
        """
        judge, before = self._judge, copy.deepcopy(network.state_dict())
        columns = judge.mean + judge.deviation * values[: self._wish.rows, None]
        assembly = Assembly(self._training.aimed(columns), self._trial)
        if self._ran(network, assembly, self._brief) is None:
            network.load_state_dict(before)

    def _polished(self, ranked: Sequence[Network]) -> Iterator[_Candidate]:
        """Candidates of every grid of every polish; one is left where a refit or a run fails, or
        where its error is far above the lowest on its grid.
        """
        for skipped, count in enumerate(self._wish.polished):
            for start in ranked[:count]:
                if isinstance(start, KAN):
                    yield from self._on_grids(start, self._wish.intervals[skipped:])
                elif skipped == 0:
                    yield from self._candidate(start, None)

    def _on_grids(self, start: KAN, grids: Sequence[int]) -> Iterator[_Candidate]:
        points, network = self._trial.scaled(self._training.x), start
        for intervals in grids:
            framed = reframed(network, points, intervals, self._wish.mix)
            candidates = [] if framed is None else self._candidate(framed, intervals)
            yield from candidates
            if framed is None or not candidates:
                return
            error = candidates[0].error
            if error > NEAR * self._lowest[intervals]:
                return
            self._lowest[intervals] = min(error, self._lowest[intervals])
            network = framed

    def _candidate(self, network: Network, intervals: int | None) -> list[_Candidate]:
        """The network after the schedule on all training rows; none where that fails."""
        solver = self._ran(network, self._whole, self._config.schedule)
        return (
            [] if solver is None else [_Candidate(self._error(network), network, solver, intervals)]
        )

    def _ran(
        self, network: Network, assembly: Assembly, stages: Sequence[StageConfig]
    ) -> Solver | None:
        """The loop after its stages on a network, which they change; None where numbers are not
        finite.
        """
        self._trial.network = network
        solver = self._solver(assembly, stages)
        try:
            reason = solver.run()[2]
        except NumericalError:
            return None
        return None if reason is StopReason.NON_FINITE else solver

    def _solver(self, assembly: Assembly, stages: Sequence[StageConfig]) -> Solver:
        return Solver(self._trial, assembly, tuple(stages), _Quiet(self._progress))

    def _error(self, network: Network) -> float:
        self._trial.network = network
        return self._judge.error(self._trial)

    def _chosen(self, reason: StopReason) -> Chosen:
        best = self._best
        self._trial.network = best.network
        estimate = None if math.isinf(best.error) else self._judge.relative(self._trial)
        return Chosen(_on(self._config, best.intervals), self._parts, best.solver, reason, estimate)


class _Quiet(Relay):
    """An observer of single runs: it can end them, and is told of none."""

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        """Ignore."""

    def step(self, done: int, objective: float) -> None:
        """Ignore."""

    def stage_finished(self, index: int, objective: float, reason: StopReason) -> None:
        """Ignore."""

    def message(self, text: str) -> None:
        """Ignore."""
