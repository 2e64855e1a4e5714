"""Lowest modes in four and more coordinates as one chain of products, degree after degree.

    A u = λ u,    A symmetric on the polynomials that meet the conditions

    estimate of λ_i = |λ_i - λ_i'| / max(|λ_i|, s),    of u_i = ‖u_i - P u_i‖ / ‖u_i‖

with a dash for the degree before, the spacing s of the wanted eigenvalues, and the projection P on the modes of the
degree before whose eigenvalues agree with λ_i as far as these are known; both not below what the last sweeps changed.
`eigen.exact` is read by none of it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import numpy as np

from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.eigen.modes import Eigenvalue, problem_of
from kanpde.eigen.search import Spectrum
from kanpde.eigen.spectrum import APART, ROUNDING, SAME, spacing
from kanpde.errors import ConfigError
from kanpde.expressions import Number, constants, linear_parts
from kanpde.numerics.quadrature import Array
from kanpde.problem.pencils import rate, with_value
from kanpde.problem.posing import posed
from kanpde.problem.problem import Problem
from kanpde.products.chains import (
    Chain,
    LateError,
    RankError,
    added,
    entries,
    mapped,
    norm,
    ranks,
    rounded,
    scaled,
    until,
)
from kanpde.products.factors import NotProductsError, laplace_like
from kanpde.products.lowest import Lowest, distances, lowest, one_of
from kanpde.products.search import DEGREES, GROWTH, SHARE, points_of, unlike
from kanpde.products.solving import Discrete
from kanpde.products.statement import LEAST, Statement, UnsuitedError
from kanpde.products.univariate import padded
from kanpde.progress import Progress, StageResult, StopReason, history_of
from kanpde.trial.chain import ProductChain

FINER = 1e-2
"""Ranks are reduced to this share of the tolerance."""

SYMMETRIC = 1e-8
"""Largest antisymmetric part of A, relative to it: what is left by coefficients that are no
polynomials.
"""

PROBES = 500


def suits(config: Config) -> bool:
    """Whether the modes of a config are chains of products: from four coordinates on."""
    return len(config.problem.coordinates) >= LEAST or config.trial.nodes == "product"


@dataclass(frozen=True)
class Pencil:
    """-F_0 / c of the equation F_0(u) + λ c u = 0."""

    problem: Problem
    statement: Statement
    factor: float

    def discrete(self, degree: int, accuracy: float) -> Discrete:
        """The operator on polynomials of a degree."""
        return Discrete(self.statement, degree, accuracy)

    def matrix(self, discrete: Discrete) -> Chain:
        """A on the polynomials that meet the conditions, cores (w, n, n, v); ConfigError where it
        is not symmetric.
        """
        axes, operator = discrete.axes, discrete.operator
        identities = [np.eye(axis.homogeneous.shape[1]) for axis in axes]
        singles = [
            self.factor * axis.reduced(axis.projection @ single)
            for axis, single in zip(axes, operator.singles, strict=True)
        ]
        total = laplace_like(singles, identities)
        for term in operator.terms:
            cores = []
            for axis, core, order in zip(axes, term.coefficient, term.index, strict=True):
                from_values = axis.tested @ axis.projection
                to_values = axis.nodal(order) @ axis.homogeneous
                matrices = np.einsum("iq,aqb,qj->aijb", from_values, core, to_values, optimize=True)
                cores.append(matrices.reshape(core.shape[0], -1, core.shape[2]))
            total = added(total, scaled(cores, self.factor))
        shaped = [
            core.reshape(core.shape[0], len(one), len(one), core.shape[2])
            for core, one in zip(total, identities, strict=True)
        ]
        turned = [
            core.swapaxes(1, 2).reshape(flat.shape)
            for core, flat in zip(shaped, total, strict=True)
        ]
        if norm(added(total, scaled(turned, -1.0))) > SYMMETRIC * norm(total):
            raise _unsuited("a symmetric operator with values or slopes of zero on the faces")
        return shaped


def prepare(config: Config) -> Pencil:
    """The operator of a config; ConfigError where its modes cannot be chains of products."""
    if config.dtype != "float64":
        raise ConfigError(f"problem.eigen: needs dtype float64, found {config.dtype}; remove dtype")
    problem = Problem.create(config.problem)
    posed(config.problem)
    try:
        statement = Statement.of(with_value(problem, 0.0))
    except UnsuitedError as error:
        raise _unsuited(error.wanted) from error
    slopes, _ = linear_parts(rate(problem.equations[0]))
    factors = [slope for jet, slope in slopes.items() if not any(jet.index)]
    number = factors[0] if len(factors) == len(slopes) == 1 else None
    if not isinstance(number, Number):
        raise _unsuited("lambda times a number times the unknown")
    if any(constants(condition.node) for condition in problem.conditions):
        raise _unsuited("conditions without lambda")
    return Pencil(problem, statement, -1.0 / number.value)


def _unsuited(wanted: str) -> ConfigError:
    return ConfigError(
        f"problem.eigen: modes in four or more coordinates are chains of products, which need {wanted};"
        f" write the problem so, or in at most three coordinates"
    )


def search(config: Config, progress: Progress) -> Spectrum:
    """Find the lowest modes; ConfigError says what is wrong."""
    return _Search(config, progress, prepare(config)).run()


@dataclass(frozen=True)
class _Level:
    """The modes at one degree: coefficients of all polynomials, with their estimates (m,)."""

    discrete: Discrete
    found: Lowest
    chain: Chain
    of_values: Array
    of_modes: Array

    @property
    def worst(self) -> float:
        """The largest estimate."""
        return float(max(self.of_values.max(), self.of_modes.max()))


@dataclass
class _Search:
    config: Config
    progress: Progress
    pencil: Pencil
    began: float = field(default_factory=time.perf_counter)
    stages: list[StageResult] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        eigen = self.config.problem.eigen
        assert eigen is not None
        self.eigen = eigen
        self.tolerance = self.config.tolerance or TOLERANCE[self.config.dtype]
        self.seconds = self.config.seconds or SECONDS

    def run(self) -> Spectrum:
        level: _Level | None = None
        words = ""
        for number, degree in enumerate(DEGREES):
            try:
                with until(self.began + SHARE * self.seconds):
                    level = self._level(number, degree, level)
            except (LateError, RankError, NotProductsError) as error:
                if level is None:
                    raise _unsuited(f"few products ({error})") from error
                words = f"degree {degree} cannot be solved ({error})"
                break
            if level.worst <= self.tolerance or self.progress.stop is not None:
                break
            spent = time.perf_counter() - self.began
            if spent + GROWTH * self.stages[-1].seconds > SHARE * self.seconds:
                words = "the time is used up"
                break
        else:
            words = f"the highest degree, {DEGREES[-1]}, is reached"
        assert level is not None
        self._require_lowest(level)
        return self._ended(level, words)

    def _level(self, number: int, degree: int, before: _Level | None) -> _Level:
        began = time.perf_counter()
        self.progress.stage_started(number, len(DEGREES), f"degree {degree}", 1)
        accuracy = max(ROUNDING, FINER * self.tolerance)
        discrete = self.pencil.discrete(degree, accuracy)
        matrix = self.pencil.matrix(discrete)
        start = None if before is None else _start(before.chain, discrete)
        found = lowest(matrix, self.eigen.count, accuracy, start)
        short = rounded(found.chain, accuracy)  # without the directions added last
        chain = mapped(short, [axis.homogeneous for axis in discrete.axes])
        level = self._estimated(discrete, found, chain, before)
        self._told(number, degree, level, began)
        return level

    def _estimated(
        self, discrete: Discrete, found: Lowest, chain: Chain, before: _Level | None
    ) -> _Level:
        count = len(found.values)
        unknown = np.full(count, math.inf)
        if before is None:
            return _Level(discrete, found, chain, unknown, unknown)
        scales = self._scales(found.values)
        formulas = unlike(discrete)
        moved = np.abs(found.values - before.found.values) / scales
        of_values = np.maximum(moved, max(ROUNDING, found.of_values, formulas))
        reach = np.maximum(SAME, APART * of_values) * scales
        together = np.abs(found.values[:, None] - before.found.values) <= reach[:, None]
        wide = padded(before.chain, [axis.degree for axis in discrete.axes])
        least = max(ROUNDING, found.of_modes, formulas)
        of_modes = np.maximum(distances(chain, wide, together), least)
        return _Level(discrete, found, chain, of_values, of_modes)

    def _scales(self, values: Array) -> Array:
        """What errors of the eigenvalues are measured by."""
        apart = spacing(values.astype(complex), float(values[0]), len(values))
        return np.asarray(np.maximum(np.abs(values), apart))

    def _told(self, number: int, degree: int, level: _Level, began: float) -> None:
        name = f"degree {degree}, ranks up to {max(ranks(level.chain))}"
        shown = level.worst if math.isfinite(level.worst) else math.nan
        if math.isfinite(level.worst):
            name += f", change {level.worst:.1e}"
        now = time.perf_counter()
        self.stages.append(StageResult(name, 1, shown, now - began, StopReason.SOLVED.name))
        self.ends.append(now - self.began)
        self.progress.step(1, shown)
        self.progress.stage_finished(number, shown, StopReason.SOLVED)

    def _require_lowest(self, level: _Level) -> None:
        """ConfigError unless the lowest eigenvalues are those nearest to `near`."""
        low = float(level.found.values[0])
        if self.eigen.near > low + abs(low) * max(SAME, self.tolerance):
            raise ConfigError(
                f"problem.eigen.near: in four or more coordinates the lowest eigenvalues are found,"
                f" and the lowest is {low:.6g}, below {self.eigen.near:g}; give near: {low:.3g} or less"
            )

    def _ended(self, level: _Level, words: str) -> Spectrum:
        values = self._eigenvalues(level)
        met = level.worst <= self.tolerance
        reached = f"{len(values)} eigenvalues, largest estimated error {level.worst:.1e}"
        if not met:
            reached = f"warning: {reached}, {self.tolerance:.0e} was not reached, since {words}"
        self.progress.message(reached)
        problem = self.pencil.problem
        domain = problem.domain
        trial = ProductChain(domain.lower.tolist(), domain.upper.tolist(), self._unit(level.chain))
        reason = StopReason.ACCURATE if self.config.tolerance is None else StopReason.TOLERANCE
        if not met:
            reason = self.progress.stop or StopReason.UNREACHED
        of_modes = problem_of(problem, values)
        return Spectrum(
            problem=of_modes,
            trial=trial,
            points=points_of(of_modes),
            history=history_of(self.stages, self.ends),
            stages=tuple(self.stages),
            reason=reason,
            estimate=level.worst if math.isfinite(level.worst) else None,
            seconds=self.ends[-1],
            eigenvalues=values,
            warnings=() if met else (reached,),
        )

    def _unit(self, chain: Chain) -> Chain:
        """Modes of length 1 in L2, whose largest value at random points is positive."""
        domain = self.pencil.problem.domain
        volume = float(np.prod(domain.upper - domain.lower))
        generator = np.random.default_rng(0)
        rows = [
            np.polynomial.legendre.legvander(generator.uniform(-1, 1, PROBES), core.shape[1] - 1)
            * np.sqrt(2 * np.arange(core.shape[1]) + 1)
            for core in chain
        ]
        signs = []
        for i in range(chain[-1].shape[2]):
            sampled = entries(one_of(chain, i), rows)
            signs.append(np.sign(sampled[int(np.abs(sampled).argmax())]) or 1.0)
        return [*chain[:-1], chain[-1] * (np.array(signs) / math.sqrt(volume))]

    def _eigenvalues(self, level: _Level) -> tuple[Eigenvalue, ...]:
        values, known = level.found.values, self.eigen.exact
        reach = np.maximum(SAME, 3 * np.where(np.isfinite(level.of_values), level.of_values, 0.0))
        same = np.abs(values[:, None] - values) <= (reach * self._scales(values))[:, None]
        return tuple(
            Eigenvalue(
                real=float(value),
                imaginary=0.0,
                estimate=_told(level.of_values[k]),
                mode_estimate=_told(level.of_modes[k]),
                multiplicity=int(same[k].sum()),
                exact=known[k] if k < len(known) else None,
            )
            for k, value in enumerate(values)
        )


def _told(estimate: float) -> float | None:
    return float(estimate) if math.isfinite(estimate) else None


def _start(chain: Chain, discrete: Discrete) -> Chain:
    """Modes of a lower degree on the polynomials of this one that meet the conditions."""
    wide = padded(chain, [axis.degree for axis in discrete.axes])
    return mapped(wide, [axis.homogeneous.T for axis in discrete.axes])
