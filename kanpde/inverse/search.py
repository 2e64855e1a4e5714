"""Unknown constants by solving the equations at constants again and again.

| state | next |
|---|---|
| rough solutions, a start from splines, then the given one | Levenberg and Marquardt |
| rows not met to their noise, to a share GOOD of their size, or at random | other starts |
| least squares of rough solutions | noise where it is not given, once more with these weights |
| the same with settled noise | fine solutions, a few steps of Gauss and Newton |
| settled | one finer solution and a step, unless noise hides what that may change |
| the same | uncertainty of the constants: noise, and what the finer solution moved |

The equations hold at every step, measured values are met as well as the equations allow: no weight
says how much either counts. Neither `exact` nor a reference is read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS
from kanpde.errors import NumericalError
from kanpde.inverse.constants import Numbers
from kanpde.inverse.data_first import start
from kanpde.inverse.forward import FAILURES, Accuracy, Forward, at_constants
from kanpde.inverse.least_squares import Array, Point, differences, fit
from kanpde.inverse.measured import WITHIN, Measured, with_constants
from kanpde.inverse.uncertainty import Uncertainty, moved, sentence, uncertainty
from kanpde.problem.problem import Problem
from kanpde.progress import Progress

GOOD = 0.01
"""Rows that are met to this share of their size need no other starts."""

NOISY = 0.3
"""Nor do those that are met to this share and missed at random."""

PER_CONSTANT, MOST_STARTS, TRIED = 12, 60, 3
"""Other starts for each constant, at most, and how many of them least squares go on from."""

HUGE = 1e100
"""Rows of such a size are none."""

STEPS, FEW, POLISH = 60, 12, 6
ROUNDS = 3
"""How often noise is estimated."""

SETTLED = 0.02
"""Noise that changes by this share is settled, and so is a step of that share of the errors."""

ROUGH = 1e-4
"""Rows that rough solutions meet to this share of their size are left to fine ones."""

FALLS, HIDDEN = 0.1, 0.1
"""Errors of fine solutions as a share of their difference from rough ones (a march of a reaction
had 0.04), and a share of the standard errors that hides what they move constants by.
"""

SHARE = 0.6
"""Share of the seconds for the constants; the rest is for the solution at them."""


@dataclass(frozen=True)
class Determined:
    """Constants (q,) in their order and numbers s (q,) with their uncertainty, the noise by
    condition, the root mean square of the `rows` in units of it, the share of the unknowns' size
    that noise leaves open at the measured points, and sentences of warning.
    """

    values: Array
    s: Array
    uncertainty: Uncertainty
    noise: Array
    misfit: float
    share: float
    rows: int
    warnings: tuple[str, ...]
    seconds: float


def determine(config: Config, progress: Progress, problem: Problem, forward: Forward) -> Determined:
    """The constants of a problem; NumericalError where its equations have no solution at any start."""
    return _Search(config, progress, problem, forward).run()


@dataclass
class _Search:
    config: Config
    progress: Progress
    problem: Problem
    forward: Forward
    began: float = field(default_factory=time.perf_counter)
    solves: int = 0
    settled: bool = True

    def __post_init__(self) -> None:
        self.numbers = Numbers.of(self.config.problem.unknown_parameters)
        self.measured = Measured.of(self.problem)
        self.seconds = SHARE * (self.config.seconds or SECONDS)

    def run(self) -> Determined:
        noise = self.measured.first_noise()
        point = self._begun(noise)
        for _ in range(ROUNDS):
            if self._relative(point, noise) <= ROUGH:
                break
            estimated = self._estimated(point, noise)
            if np.allclose(estimated, noise, rtol=SETTLED, atol=0.0):
                break
            again = self._fit(point.s, estimated, most=FEW)
            if again is None:
                break
            point, noise = again, estimated
        point, noise, bias = self._polished(point, noise)
        found = uncertainty(
            point.jacobian,
            self.numbers.units(point.s),
            bool(self.measured.given.all()),
            bias,
            self.forward.resolution,
        )
        misfit = math.sqrt(point.total / len(point.rows))
        self.progress.message(
            f"{self.solves} solves at constants: {self._told(point.s)}, misfit {misfit:.2g} times the"
            f" noise"
        )
        return Determined(
            self.numbers.values(point.s),
            point.s,
            found,
            noise,
            misfit,
            self._share(noise),
            len(point.rows),
            self._warnings(point, found, noise),
            time.perf_counter() - self.began,
        )

    # Rows ---------------------------------------------------------------------------------------

    def _rows(self, noise: Array, accuracy: Accuracy) -> Callable[[Array], Array | None]:
        by_row = noise[self.measured.group]

        def rows(s: Array) -> Array | None:
            values = self.numbers.values(s)
            self.solves += 1
            try:
                known = at_constants(self.config, values)
                solution = self.forward.solve(known, accuracy, self._over)
            except FAILURES:
                return None
            if solution is None:
                return None
            solution = with_constants(solution, values, self.numbers.positive.tolist())
            there = self.measured.rows(solution) / by_row
            return there if (np.abs(there) < HUGE).all() else None

        return rows

    def _over(self) -> bool:
        spent = time.perf_counter() - self.began
        return self.progress.stop is not None or spent > self.seconds

    def _step(self, s: Array) -> Array:
        return self.forward.step * self.numbers.units(s)

    def _fit(self, start: Array, noise: Array, most: int) -> Point | None:
        sizes = (self.measured.sizes / noise)[self.measured.group]
        enough = ROUGH**2 * float(sizes @ sizes)
        rows = self._rows(noise, Accuracy.ROUGH)
        return fit(rows, start, self._step, self.numbers.units, most, enough)

    # Stages -------------------------------------------------------------------------------------

    def _begun(self, noise: Array) -> Point:
        """The least squares of rough solutions from splines that follow the measured values, from
        the given start, or else from another.
        """
        best = None
        for first in (start(self.problem, self.numbers, self.measured), self.numbers.first):
            fitted = None if first is None else self._fit(first, noise, most=STEPS)
            if fitted is not None and (best is None or fitted.total < best.total):
                best = fitted
            if best is not None and self._is_good(best):
                return best
        rows = self._rows(noise, Accuracy.ROUGH)
        count = min(MOST_STARTS, PER_CONSTANT * len(self.numbers.names))
        tried: list[tuple[float, int, Array]] = []
        for number, begin in enumerate(self.numbers.elsewhere(count)):
            there = None if self._over() else rows(begin)
            if there is not None:
                tried.append((float(there @ there), number, begin))
        for _, _, begin in sorted(tried)[:TRIED]:
            other = self._fit(begin, noise, most=FEW)
            if other is not None and (best is None or other.total < best.total):
                best = other
            if best is not None and self._is_good(best):
                break
        if best is None:
            raise NumericalError(
                f"problem '{self.problem.name}': its equations have no solution at the starts of"
                f" {', '.join(self.numbers.names)}, nor around them; give other starts"
            )
        return self._fit(best.s, noise, most=STEPS) or best

    def _is_good(self, point: Point) -> bool:
        """Whether the rows of a point, in first units, leave nothing to look for."""
        if self.measured.given.all():
            return math.sqrt(point.total / len(point.rows)) <= WITHIN
        rest = point.rows * self.measured.first_noise()[self.measured.group]
        share = self.measured.misfit(rest)
        return share <= GOOD or (share <= NOISY and self.measured.is_random(rest))

    def _relative(self, point: Point, noise: Array) -> float:
        """The misfit of a point as a share of the size of the measured values."""
        return self.measured.misfit(point.rows * noise[self.measured.group])

    def _estimated(self, point: Point, noise: Array) -> Array:
        rows = point.rows * noise[self.measured.group]
        return self.measured.noise(rows, len(point.s))

    def _polished(self, rough: Point, noise: Array) -> tuple[Point, Array, Array]:
        """Steps of Gauss and Newton on fine solutions, with noise estimated from them, and the
        difference of finer rows from fine ones, else of fine ones from rough ones, or all that is
        left of those.
        """
        own = self._estimated(rough, noise)
        ratio = (noise / own)[self.measured.group]
        rough = Point(rough.s, rough.rows * ratio, rough.jacobian * ratio[:, None])
        point, bias, noise = rough, rough.rows, own
        for number in range(POLISH):
            rows = self._rows(noise, Accuracy.FINE)
            there = None if self._over() else rows(point.s)
            if there is None:
                break
            jacobian = point.jacobian
            if number == 0:
                bias = there - rough.rows
                fresh = differences(rows, point.s, there, self._step(point.s))
                jacobian = jacobian if fresh is None else fresh
            estimated = self._estimated(Point(point.s, there, jacobian), noise)
            ratio = (noise / estimated)[self.measured.group]
            there, bias, jacobian = there * ratio, bias * ratio, jacobian * ratio[:, None]
            point, noise = Point(point.s, there, jacobian), estimated
            units = self.numbers.units(point.s)
            rest = self.forward.resolution
            delta = -units * np.linalg.lstsq(jacobian * units, there, rcond=rest)[0]
            # values without noise leave errors of rounding, and steps that are no smaller
            floor = rest * units
            if (np.abs(delta) <= SETTLED * np.maximum(self._errors(point), floor)).all():
                return self._checked(point, noise, bias)
            point = Point(point.s + delta, there + jacobian @ delta, jacobian)
        self.settled = False
        return point, noise, bias

    def _checked(self, point: Point, noise: Array, bias: Array) -> tuple[Point, Array, Array]:
        """After one more step with the rows of a finer solution, and what these changed; nothing new
        where noise hides it, there is no time, or the solution is the same.
        """
        units, rest = self.numbers.units(point.s), self.forward.resolution
        away = moved(point.jacobian, units, FALLS * bias, rest)
        if (away <= HIDDEN * self._errors(point)).all():
            return point, noise, FALLS * bias
        there = None if self._over() else self._rows(noise, Accuracy.FINER)(point.s)
        if there is None or (there == point.rows).all():
            return point, noise, bias
        bias = there - point.rows
        delta = -units * np.linalg.lstsq(point.jacobian * units, there, rcond=rest)[0]
        there = there + point.jacobian @ delta
        point = Point(point.s + delta, there, point.jacobian)
        estimated = self._estimated(point, noise)
        ratio = (noise / estimated)[self.measured.group]
        point = Point(point.s, there * ratio, point.jacobian * ratio[:, None])
        return point, estimated, bias * ratio

    def _errors(self, point: Point) -> Array:
        """Standard errors of the numbers, in the noise that the rows have."""
        scatter = math.sqrt(point.total / len(point.rows))
        units = self.numbers.units(point.s)
        inverse = np.linalg.pinv(point.jacobian * units, rcond=self.forward.resolution)
        return np.asarray(scatter * units * np.linalg.norm(inverse, axis=1))

    def _share(self, noise: Array) -> float:
        """What noise leaves open of the unknowns at the measured points, relative to their size: q
        constants fit so many of n rows whatever they are.
        """
        largest = float((noise / self.measured.sizes).max())
        return 2 * largest * math.sqrt(len(self.numbers.names) / len(self.measured))

    # Words --------------------------------------------------------------------------------------

    def _told(self, s: Array) -> str:
        pairs = zip(self.numbers.names, self.numbers.values(s), strict=True)
        return ", ".join(f"{name} = {value:.6g}" for name, value in pairs)

    def _warnings(self, point: Point, found: Uncertainty, noise: Array) -> tuple[str, ...]:
        names = self.numbers.names
        warnings = [sentence([names[number] for number in numbers]) for numbers in found.free]
        misfit = math.sqrt(point.total / len(point.rows))
        if not self.settled:
            warnings.append(
                "not settled: the constants still moved when time was over; give more seconds, or"
                " starts that are closer"
            )
        if self.measured.given.all() and misfit > WITHIN:
            warnings.append(
                f"not met: the measured values are missed by {misfit:.2g} times their noise; the"
                f" equations do not describe them, or the constants are wrong: give other starts"
            )
        missed = self.measured.missed(point.rows * noise[self.measured.group])
        return (*warnings, *([missed] if missed else []))
