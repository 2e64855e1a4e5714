"""Unknown fields to a resolution at which they settle.

| state | next |
|---|---|
| the first space, a large weight of smoothness | smaller weights, each from the fit before |
| cross-validation grows for some weights, or weights end | the weight of its least value |
| fitted with that weight | the next space, its difference is the error of the spaces |
| the difference is below the tolerance, or the last space | end |
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import numpy as np

from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.domains import SpaceTime
from kanpde.domains.box import Box
from kanpde.errors import NumericalError
from kanpde.inverse.constants import Numbers
from kanpde.inverse.fields import FIRST, Fitted, State, System, begun, unknown_fields
from kanpde.inverse.least_squares import Array
from kanpde.inverse.measured import WITHIN, Measured
from kanpde.inverse.tensor import Tensor
from kanpde.inverse.uncertainty import UNSURE, sentence
from kanpde.marching.lines.space import MOST_DERIVATIVES
from kanpde.problem.conditions import BoundaryCondition, PointCondition
from kanpde.problem.problem import Problem
from kanpde.progress import History, Progress, StageResult, StopReason, history_of

SPACES = {1: ((72, 1), (108, 1)), 2: ((8, 10), (11, 13), (15, 17))}
"""Intervals and polynomials of the spaces, by number of coordinates."""

WEIGHTS = tuple(10.0**-exponent for exponent in range(1, 25))
BEGINNING = 1e-3
"""The weight of smoothness while fields follow the measured values."""

FEW, AGAIN = 5, 8
"""Steps of Gauss and Newton for each weight, and on a richer space."""

FALLS, LONG = 0.999, 6
"""Cross-validation that does not fall to this share for so many weights has passed its least value.
"""

PLAIN = 1.2
"""Until the trace of A has grown by this factor fields are as smooth as they can be."""

MOST_UNKNOWNS = 4
DOUBT = 4.0
"""Twice the logarithm of a ratio of likelihoods that decides nothing."""

OPEN = 0.3
"""A field that is uncertain by this share of its size is not determined."""

SAMPLES = 900


@dataclass(frozen=True)
class Fields:
    """What a search ended with: coefficients on a space, constants, relative standard deviations
    (m,) of the unknowns, errors of the spaces (m,), and what is said of it.
    """

    intervals: int
    count: int
    state: State
    spread: Array
    error: Array
    errors_of_constants: Array
    noise: Array
    misfit: float
    rows: int
    warnings: tuple[str, ...]
    history: History
    stages: tuple[StageResult, ...]
    seconds: float

    def space(self, problem: Problem) -> Tensor:
        """The functions that the coefficients belong to."""
        return Tensor.of(problem.domain, self.intervals, self.count)


def is_field_problem(problem: Problem) -> bool:
    """Whether splines can solve it: measured values on an interval, a rectangle, or an interval and
    time, with at most as many equations as unknowns and conditions on sides or at points.
    """
    config, domain = problem.config, problem.domain
    space = domain.space if isinstance(domain, SpaceTime) else domain
    kinds = all(
        condition.data is not None or isinstance(condition, BoundaryCondition | PointCondition)
        for condition in problem.conditions
    )
    plain = not (config.regions or config.ranges or config.fit or config.energy)
    measured = any(condition.data is not None for condition in problem.conditions)
    weighted = any(weight != 1.0 for weight in problem.weights)
    few = 0 < len(problem.equations) <= len(problem.unknowns) <= MOST_UNKNOWNS
    known = problem.order <= MOST_DERIVATIVES
    asked = bool(unknown_fields(problem)) or bool(problem.constants)
    here = isinstance(space, Box) and domain.dimension in SPACES
    return kinds and plain and measured and not weighted and few and known and asked and here


def determine_fields(config: Config, progress: Progress, problem: Problem) -> Fields:
    """Solve for all unknowns and constants; NumericalError where nothing finite is found."""
    return _Search(config, progress, problem).run()


@dataclass
class _Search:
    config: Config
    progress: Progress
    problem: Problem
    began: float = field(default_factory=time.perf_counter)
    stages: list[StageResult] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    fits: list[Fitted] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.numbers = Numbers.of(self.config.problem.unknown_parameters)
        self.measured = Measured.of(self.problem)
        self.free = unknown_fields(self.problem)
        self.tolerance = self.config.tolerance or TOLERANCE[self.config.dtype]
        self.seconds = self.config.seconds or SECONDS
        self.sample = self.problem.domain.quadrature(SAMPLES)

    def run(self) -> Fields:
        spaces = SPACES[self.problem.domain.dimension]
        system = self._system(*spaces[0])
        noise = self.measured.first_noise()
        state = begun(self.problem, system.space, self.numbers, self.free)
        for binds in FIRST:
            state = system.fit(state, noise, BEGINNING, FEW, binds).state
        smooth, fitted = self._smoothest(system, state, noise)
        rough = self._roughest(system, fitted)
        noise = self._noise(fitted, noise)
        error = np.full(len(self.problem.unknowns), math.inf)
        for intervals, count in spaces[1:]:
            if self._over():
                break
            richer = self._system(intervals, count)
            again = self._fit(
                richer, self._moved(fitted.state, system, richer), noise, smooth, AGAIN
            )
            error = self._difference((richer, again.state), (system, fitted.state))
            system, fitted = richer, again
            if error.max() <= self.tolerance:
                break
        return self._ended((system, fitted), noise, error, rough)

    def _system(self, intervals: int, count: int) -> System:
        space = Tensor.of(self.problem.domain, intervals, count)
        return System(self.problem, space, self.measured, self.numbers, self.free)

    def _over(self) -> bool:
        return (
            self.progress.stop is not None or time.perf_counter() - self.began > 0.8 * self.seconds
        )

    def _fit(
        self, system: System, state: State, noise: Array, smooth: float, most: int = 15
    ) -> Fitted:
        """One fit is one stage of the history."""
        number, began = len(self.stages), time.perf_counter()
        name = f"{system.space.size} functions each"
        name += f", weight of smoothness {smooth:.0e}" if self.free else ""
        self.progress.stage_started(number, number + 1, name, 1)
        fitted = system.fit(state, noise, smooth, most)
        if not np.isfinite(fitted.total):
            raise NumericalError(
                f"problem '{self.problem.name}': no finite solution was found; give other starts, or"
                f" write the equations so that they have values where fields are one"
            )
        now = time.perf_counter()
        self.stages.append(
            StageResult(name, most, fitted.total, now - began, StopReason.SOLVED.name)
        )
        self.ends.append(now - self.began)
        self.progress.step(1, fitted.total)
        self.progress.stage_finished(number, fitted.total, StopReason.SOLVED)
        return fitted

    def _smoothest(self, system: System, state: State, noise: Array) -> tuple[float, Fitted]:
        """The weight of smoothness of the least cross-validation, with its fit."""
        if not self.free:
            return 0.0, self._fit(system, state, noise, 0.0)
        best: tuple[float, Fitted] | None = None
        worse = 0
        self.fits = []
        for smooth in WEIGHTS:
            fitted = self._fit(system, state, noise, smooth, FEW)
            state = fitted.state
            self.fits.append(fitted)
            worse += 1
            plain = fitted.trace < PLAIN * self.fits[0].trace
            if plain or best is None or fitted.score < FALLS * best[1].score:
                worse = 0
            if best is None or fitted.score < best[1].score:
                best = (smooth, fitted)
            if worse >= LONG or self._over():
                break
        assert best is not None
        return best

    def _roughest(self, system: System, best: Fitted) -> Array:
        """Relative standard deviations of the unknowns (m,) and their distance from the best fit, of
        the fit with the least weight that cross-validation cannot tell from the best one: with
        n ln(score) for twice a negative logarithm of a likelihood.
        """
        likely = [best]
        for fitted in self.fits:
            doubt = len(best.rest) * math.log(max(fitted.score, 1e-300) / max(best.score, 1e-300))
            if doubt < DOUBT and fitted.trace >= best.trace:
                likely.append(fitted)
        rest = likely[-1]
        spread, _ = self._spread(system, rest)
        away = self._difference((system, best.state), (system, rest.state))
        scatter = math.sqrt(float(rest.rest @ rest.rest) / max(len(rest.rest) - rest.trace, 1.0))
        given = self.measured.given.all()
        return np.asarray(np.hypot(spread * (1.0 if given else scatter), away / 2))

    def _noise(self, fitted: Fitted, noise: Array) -> Array:
        """Noise by condition from what is left of the measured rows."""
        rest = fitted.rest * noise[self.measured.group]
        return self.measured.noise(rest, min(fitted.trace, 0.9 * len(rest)))

    def _moved(self, state: State, old: System, new: System) -> State:
        """The same functions on another space."""
        zero = (0,) * new.space.dimension
        x, _ = new.space.points()
        values = old.space.table(x, zero) @ state.coefficients.T
        table = new.space.table(x, zero)
        coefficients = np.linalg.lstsq(table, values, rcond=None)[0].T
        return State(np.asarray(coefficients, dtype=float), state.s)

    def _values(self, system: System, state: State) -> Array:
        table = system.space.table(self.sample.x, (0,) * system.space.dimension)
        return np.asarray(table @ state.coefficients.T)

    def _norms(self, values: Array) -> Array:
        return np.asarray(np.sqrt(self.sample.w @ values**2 / self.sample.w.sum()))

    def _difference(self, rich: tuple[System, State], poor: tuple[System, State]) -> Array:
        """Relative L2 differences of the unknowns, (m,)."""
        values, others = self._values(*rich), self._values(*poor)
        sizes = self._norms(values)
        return self._norms(values - others) / np.where(sizes > 0, sizes, 1.0)

    def _spread(self, system: System, fitted: Fitted) -> tuple[Array, Array]:
        """Relative standard deviations of the unknowns (m,), and those of the numbers (q,)."""
        inverse = np.linalg.pinv(fitted.triangle, rcond=1e-15)
        n, m = system.space.size, len(self.problem.unknowns)
        table = system.space.table(self.sample.x, (0,) * system.space.dimension)
        sizes = self._norms(self._values(system, fitted.state))
        rows = [np.linalg.norm(table @ inverse[i * n : (i + 1) * n], axis=1) for i in range(m)]
        spread = self._norms(np.stack(rows, axis=1)) / np.where(sizes > 0, sizes, 1.0)
        return spread, np.linalg.norm(inverse[m * n :], axis=1)

    def _ended(
        self, last: tuple[System, Fitted], noise: Array, error: Array, rough: Array
    ) -> Fields:
        system, fitted = last
        spread, errors = self._spread(system, fitted)
        spread = np.maximum(spread, rough)
        misfit = math.sqrt(float(np.mean(fitted.rest**2)))
        history = history_of(self.stages, self.ends)
        return Fields(
            system.space.line.intervals,
            system.space.count,
            fitted.state,
            spread,
            error,
            errors,
            noise,
            misfit,
            len(fitted.rest),
            self._warnings(fitted, noise, spread, errors),
            history,
            tuple(self.stages),
            time.perf_counter() - self.began,
        )

    def _warnings(
        self, fitted: Fitted, noise: Array, spread: Array, errors: Array
    ) -> tuple[str, ...]:
        names = [self.problem.unknowns[i] for i in np.flatnonzero(~(spread <= OPEN))]
        unsure = ~(errors <= UNSURE * self.numbers.units(fitted.state.s))
        names += [self.numbers.names[i] for i in np.flatnonzero(unsure)]
        warnings = [sentence([name]) for name in names]
        misfit = math.sqrt(float(np.mean(fitted.rest**2)))
        if self.measured.given.all() and misfit > WITHIN:
            warnings.append(
                f"not met: the measured values are missed by {misfit:.2g} times their noise; the"
                f" equations do not describe them"
            )
        missed = self.measured.missed(fitted.rest * noise[self.measured.group])
        return (*warnings, *([missed] if missed else []))
