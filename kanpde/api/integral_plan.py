"""The plan of problems with unknown constants that means and integrals determine: the constants by
solves at constants, and then the solution at them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from kanpde.api.outcome import Outcome, Plan, also
from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.expressions import Constant, Number
from kanpde.inverse.forward import at_constants
from kanpde.inverse.least_squares import Array
from kanpde.inverse.means import Found, Means, found
from kanpde.inverse.measured import with_constants
from kanpde.problem.conditions import MeanCondition
from kanpde.problem.problem import Problem
from kanpde.progress import Progress, Silent, StopReason
from kanpde.results import report
from kanpde.results.parameter_intervals import Estimate
from kanpde.results.stored_arrays import read_arrays, write_arrays
from kanpde.results.stored_outcome import refusing_damage
from kanpde.trial.piecewise import AnyTrial

NAME = "integrals.npz"

FINER = 0.1
"""The tolerance of solves at constants, as a share of that of the solution."""

SHARE = 0.6
"""Share of the seconds for the constants."""


@dataclass(frozen=True)
class Integrals:
    """Constants from means and integrals, then the solution at them by the way `at` chooses."""

    config: Config
    at: Callable[[Config], Plan]

    def prepare(self) -> Integrals:
        """Everything is built by the solves; what cannot be solved is said at once."""
        self.at(self._at(self._starts(), SECONDS, 1.0))
        return self

    def first(self) -> tuple[Config, None]:
        """Nothing that has a size: the solve finds it."""
        return self.config, None

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Solve at constants until these settle, and then once more to the tolerance."""
        began = time.perf_counter()
        problem = Problem.create(self.config.problem)
        seconds = self.config.seconds or SECONDS
        each = SHARE * seconds / (len(problem.constants) + 1)

        def solve(values: Array) -> AnyTrial:
            progress.message(f"a solve at {self._told(values)}")
            return self.at(self._at(values, each, FINER)).run(Silent()).trial

        known = found(self._means(problem), solve, self._starts(), self._tolerance)
        spent = time.perf_counter() - began
        progress.message(f"{known.solves} solves at constants: {self._told(known.values)}")
        if folder is not None:
            _write(folder, known)
        rest = max((1 - SHARE) * seconds, seconds - spent)
        outcome = self.at(self._at(known.values, rest, 1.0)).run(progress, folder)
        if folder is not None:
            report.write_config(folder / "config.yaml", self.config)
        return self._outcome(outcome, known, problem, spent)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """All solves from the first one, which give the same bits."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """What the solve ended with."""
        known = _read(folder)
        outcome = self.at(self._at(known.values, SECONDS, 1.0)).load(folder)
        return self._outcome(outcome, known, Problem.create(self.config.problem), 0.0)

    @property
    def _tolerance(self) -> float:
        return self.config.tolerance or TOLERANCE[self.config.dtype]

    def _starts(self) -> Array:
        return np.array([each.start for each in self.config.problem.unknown_parameters.values()])

    def _told(self, values: Array) -> str:
        names = self.config.problem.unknown_parameters
        return ", ".join(f"{name} = {v:.6g}" for name, v in zip(names, values, strict=True))

    def _at(self, values: Array, seconds: float, finer: float) -> Config:
        """The config at constants, without the conditions that say what they are."""
        said = self.config.problem.determining
        kept = tuple(each for each in self.config.problem.conditions if each not in said)
        without = replace(self.config, problem=replace(self.config.problem, conditions=kept))
        tolerance = self.config.tolerance
        if finer < 1:
            tolerance = finer * self._tolerance
        return replace(at_constants(without, values), seconds=seconds, tolerance=tolerance)

    def _means(self, problem: Problem) -> Means:
        said = self.config.problem.determining
        conditions = [
            condition
            for config, condition in zip(self._mean_configs(), _means_of(problem), strict=True)
            if config in said
        ]
        return Means(problem, tuple(conditions))

    def _mean_configs(self) -> list[object]:
        return [each for each in self.config.problem.conditions if each.kind == MeanCondition.kind]

    def _outcome(self, outcome: Outcome, known: Found, problem: Problem, spent: float) -> Outcome:
        """What the solution is of the problem with its unknown constants."""
        rest = self._means(problem).of(outcome.trial, known.values)
        left = known.effect(known.step(rest))
        trial = with_constants(outcome.trial, known.values, [False] * len(known.values))
        estimate = None if outcome.estimate is None else outcome.estimate + left
        reason = outcome.reason
        if estimate is not None and estimate > self._tolerance and reason in _REACHED:
            reason = StopReason.UNREACHED
        estimates = {}
        for number, (name, value) in enumerate(zip(problem.constants, known.values, strict=True)):
            true = problem.true.get(Constant(number))
            estimates[name] = Estimate(
                float(value), true=true.value if isinstance(true, Number) else None
            )
        return replace(
            outcome,
            config=self.config,  # from which a load chooses the same way
            problem=replace(problem, domain=outcome.problem.domain),
            trial=trial,
            estimate=estimate,
            reason=reason,
            seconds=outcome.seconds + spent,
            findings={"parameters": estimates, "data": None},
            keep=also(partial(_write, known=known), outcome.keep),
        )


_REACHED = (StopReason.TOLERANCE, StopReason.ACCURATE)


def _means_of(problem: Problem) -> list[MeanCondition]:
    return [each for each in problem.conditions if isinstance(each, MeanCondition)]


def by_means(config: Config, at: Callable[[Config], Plan]) -> Plan | None:
    """The plan of a config whose constants are said by means and integrals, None for any other."""
    problem = config.problem
    if problem.time is not None or problem.ranges or problem.regions or config.seeks_constants:
        return None
    return Integrals(config, at)


def _write(folder: Path, known: Found) -> None:
    arrays = {
        "values": known.values,
        "inverse": known.inverse,
        "reach": known.reach,
        "solves": np.array(known.solves),
    }
    write_arrays(folder, NAME, arrays)


@refusing_damage(NAME)
def _read(folder: Path) -> Found:
    stored = read_arrays(folder, NAME)
    return Found(stored["values"], stored["inverse"], stored["reach"], int(stored["solves"]))
