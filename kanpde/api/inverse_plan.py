"""The plans of problems with measured values: constants first and then the solution at them, or all
at once where there are unknown fields or no solution without measured values.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from kanpde.api.outcome import Outcome, Plan, also
from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.expressions import Constant, Number, divide
from kanpde.inverse import store
from kanpde.inverse.constants import Numbers
from kanpde.inverse.field_search import Fields, determine_fields, is_field_problem
from kanpde.inverse.forward import Forward, at_constants, forward_of
from kanpde.inverse.least_squares import Array
from kanpde.inverse.measured import with_constants
from kanpde.inverse.search import Determined, determine
from kanpde.inverse.uncertainty import Uncertainty
from kanpde.marching.converging import points_of
from kanpde.problem.problem import Problem
from kanpde.progress import Progress, StopReason
from kanpde.results import report
from kanpde.results.parameter_intervals import Estimate
from kanpde.results.verdict import Aim

NORMAL = 1.96
"""Two-sided 95 % quantile of the normal distribution."""

LEAST = 0.25
"""Share of the seconds that the solution at the constants has at least."""


@dataclass(frozen=True)
class Inverse:
    """Constants from measured values, then the solution at them by the way `at` chooses."""

    config: Config
    at: Callable[[Config], Plan]
    forward: Forward

    def prepare(self) -> Inverse:
        """Everything is built by the solves."""
        return self

    def first(self) -> tuple[Config, None]:
        """Nothing that has a size: the solve finds it."""
        return self.config, None

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Solve at constants until these settle, and then once more to the tolerance."""
        began = time.perf_counter()
        problem = Problem.create(self.config.problem)
        known = determine(self.config, progress, problem, self.forward)
        if folder is not None:
            store.write(folder, known)
        seconds = self.config.seconds or SECONDS
        rest = max(LEAST * seconds, seconds - (time.perf_counter() - began))
        outcome = self._plan(known, rest).run(progress, folder)
        if folder is not None:
            report.write_config(folder / "config.yaml", self.config)
        return self._outcome(outcome, known, problem)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """All solves from the first one, which give the same bits."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """What the solve ended with."""
        known = store.read(folder)
        outcome = self._plan(known, self.config.seconds).load(folder)
        return self._outcome(outcome, known, Problem.create(self.config.problem))

    def _plan(self, known: Determined, seconds: float | None) -> Plan:
        return self.at(replace(at_constants(self.config, known.values), seconds=seconds))

    def _outcome(self, outcome: Outcome, known: Determined, problem: Problem) -> Outcome:
        """What the solution is of the problem with its unknown constants and measured values."""
        numbers = Numbers.of(self.config.problem.unknown_parameters)
        trial = with_constants(outcome.trial, known.values, numbers.positive.tolist())
        estimate = outcome.estimate
        if estimate is not None:
            estimate = max(estimate, known.share)
        return replace(
            outcome,
            config=self.config,  # that of the last solve has no unknown constants
            problem=_in_noise(replace(problem, domain=outcome.problem.domain), known.noise),
            trial=trial,
            estimate=estimate,
            aim=replace(outcome.aim, noise=known.share),
            seconds=outcome.seconds + known.seconds,
            warnings=(*outcome.warnings, *known.warnings),
            keep=also(partial(store.write, known=known), outcome.keep),
            findings={
                "parameters": _estimates(problem, numbers, known.values, known.uncertainty),
                "data": _data(known.rows, known.misfit),
            },
        )


@dataclass(frozen=True)
class AllAtOnce:
    """Unknown fields and constants with all unknowns, on splines over the whole domain."""

    config: Config

    def prepare(self) -> AllAtOnce:
        """Everything is built by the solve."""
        return self

    def first(self) -> tuple[Config, None]:
        """Nothing that has a size: the solve finds it."""
        return self.config, None

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Fit after fit."""
        problem = Problem.create(self.config.problem)
        known = determine_fields(self.config, progress, problem)
        if folder is not None:
            store.write_fields(folder, known)
        return self._outcome(known, problem)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """All fits from the first one, which give the same bits."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """What the solve ended with."""
        return self._outcome(store.read_fields(folder), Problem.create(self.config.problem))

    def _outcome(self, known: Fields, problem: Problem) -> Outcome:
        tolerance = self.config.tolerance or TOLERANCE[self.config.dtype]
        numbers = Numbers.of(self.config.problem.unknown_parameters)
        values = numbers.values(known.state.s)
        space = known.space(problem)
        trial = with_constants(
            space.trial(known.state.coefficients), values, numbers.positive.tolist()
        )
        noise = 2 * float(known.spread.max())
        estimate = max(float(known.error.max()), noise)
        met = estimate <= max(tolerance, noise)
        reach = NORMAL * known.errors_of_constants
        uncertain = Uncertainty(known.errors_of_constants, reach, (), np.zeros((0, 0)))
        findings = {
            "parameters": _estimates(problem, numbers, values, uncertain),
            "data": _data(known.rows, known.misfit),
        }
        return Outcome(
            self.config,
            _in_noise(problem, known.noise),
            trial,
            points_of(problem),
            known.history,
            known.stages,
            StopReason.TOLERANCE if met else StopReason.UNREACHED,
            known.seconds,
            estimate if math.isfinite(estimate) else None,
            warnings=known.warnings,
            aim=Aim(tolerance, searched=True, local=True, noise=noise),
            findings=findings,
            keep=partial(store.write_fields, known=known),
        )


def inverse(config: Config, at: Callable[[Config], Plan]) -> Plan | None:
    """The plan of a config with unknown constants or fields and measured values, None for any other
    one.
    """
    problem = config.problem
    measured = any(condition.data is not None for condition in problem.conditions)
    if not measured or problem.ranges or config.dtype != "float64":
        return None
    forward = forward_of(config) if problem.unknown_parameters else None
    if forward is not None:
        return Inverse(config, at, forward)
    return AllAtOnce(config) if is_field_problem(Problem.create(problem)) else None


def _in_noise(problem: Problem, by_condition: Array) -> Problem:
    """The problem with every measured condition in units of its noise."""
    noise = iter(by_condition)
    conditions = []
    for condition in problem.conditions:
        if condition.data is not None:
            node = divide(condition.node, Number(float(next(noise))))
            condition = replace(condition, node=node, noise=True)
        conditions.append(condition)
    return replace(problem, conditions=tuple(conditions))


def _estimates(
    problem: Problem, numbers: Numbers, values: Array, uncertain: Uncertainty
) -> dict[str, Estimate]:
    """The constants with their standard errors and intervals; those that nothing determines have
    none.
    """
    estimates = {}
    for number, name in enumerate(numbers.names):
        true = problem.true.get(Constant(number))
        value, reach = float(values[number]), float(uncertain.reach[number])
        error = float(uncertain.errors[number])
        exact = true.value if isinstance(true, Number) else None
        if not math.isfinite(reach):
            estimates[name] = Estimate(value, true=exact)
            continue
        interval = value - reach, value + reach
        if numbers.positive[number]:
            error *= value
            interval = _times(value, -reach), _times(value, reach)
        estimates[name] = Estimate(value, error, interval, exact)
    return estimates


def _data(rows: int, misfit: float) -> dict[str, object]:
    """How measured values are met."""
    return {"rows": rows, "misfit_rms": misfit, "in_units_of": "noise"}


def _times(value: float, logarithm: float) -> float:
    return float(value * np.exp(np.clip(logarithm, -700.0, 700.0)))
