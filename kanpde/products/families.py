"""A linear equation on an interval or a rectangle over ranges of parameters: functions of space found from
solutions, and a chain of products of the parameters.

    estimate² = |u_h - u_2h|² + |u - u_h|²,   relative, in the mean over space, the root mean square over p

u_h - u_2h is the change to the next finer grid at random parameters: the coarser of the first two that
differ by less than half of the tolerance is taken. u - u_h is that of the chain to solutions on the grid at
random parameters that it has not seen. `exact` and references are read by none of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.expressions import (
    number,
)
from kanpde.numerics.piecewise import Line
from kanpde.problem.posing import posed
from kanpde.problem.problem import Problem
from kanpde.products.affine_terms import Form, NotAffineError, WeakForms
from kanpde.products.chains import LateError, until
from kanpde.products.elements import Face, Grid
from kanpde.products.grids import fits_a_grid, fixed_faces, levels_of
from kanpde.products.reduction import (
    Array,
    Factors,
    Family,
    NotReducedError,
    Ranges,
    Small,
    basis_of,
    layers_of,
    shortened,
    values_at,
    with_constant,
)
from kanpde.products.resonances import unbounded_between
from kanpde.products.search import SHARE, Multiplied, points_of
from kanpde.progress import Progress, StageResult, StopReason, history_of
from kanpde.trial.surrogate import Surrogate

MOST_FUNCTIONS = 130_000
"""Of a grid; its factors take about a gigabyte."""

FIRST = 1e-2
"""Accuracy of the chain that is found first, so that there is one."""

FINER, ATTEMPTS = 0.25, 4
"""Share of the tolerance that the chain aims at, and by how much less each of so many attempts does."""

SHORTER = 1.0
"""What a chain may lose for smaller ranks, as a share of what it aims at."""

CUT, LARGE = 0.5, 100_000
"""What a chain of more numbers may lose for smaller ranks once it meets the tolerance, as a share of what
is left of that.
"""

COMPARED, VERIFIED, SMALL, MORE = 3, 16, 2000, 60
"""Random parameters at which two grids are compared; those at which the chain is, twice, and so many on
grids of fewer functions.
"""

PROBES = 2000


@dataclass(frozen=True)
class Begun:
    """The forms of a problem, the chain of the first grid, and the wall seconds that it took."""

    problem: Problem
    forms: WeakForms
    fixed: tuple[Face, ...]
    first: Surrogate
    seconds: float


def begun(config: Config) -> Begun | None:
    """The family of a config where it is one that chains of products alone do not suit: coefficients of
    several parameters, or that jump in space; None for any other problem.
    """
    began = time.perf_counter()
    statement = config.problem
    if not statement.ranges or statement.time is not None or config.trial.rank is not None:
        return None
    problem = posed(config.problem)
    dimension = len(problem.coordinates) - len(config.problem.ranges)
    fixed = fixed_faces(problem, dimension)
    if fixed is None:
        return None
    try:
        forms = WeakForms.of(problem, dimension)
        present = {k for form in forms.forms for k, node in enumerate(form.factors) if node}
        if len(present) < 2 and not any(map(len, problem.kinks[:dimension])):
            return None
        if not fits_a_grid(problem, forms, len(fixed) == 2 * dimension):
            return None
        levels = levels_of(problem, dimension)
        if len(levels) < 2:
            return None
        discrete = Discretized(problem, forms, fixed, *levels[0])
        first = discrete.surrogate(FIRST)
    except (NotAffineError, NotReducedError, RuntimeError, np.linalg.LinAlgError):
        return None
    return Begun(problem, forms, fixed, first, time.perf_counter() - began)


@dataclass(frozen=True, eq=False)
class Discretized:
    """A family on one grid."""

    problem: Problem
    forms: WeakForms
    fixed: tuple[Face, ...]
    degree: int
    layers: int

    @cached_property
    def grid(self) -> Grid:
        """Lines that end where formulas jump."""
        lower, upper = self.problem.domain.lower, self.problem.domain.upper
        lines = []
        for k in range(self.forms.dimension):
            ends = [float(lower[k]), *map(float, self.problem.kinks[k]), float(upper[k])]
            lines.append(Line.graded(ends, self.degree, self.layers))
        return Grid.of(lines, self.fixed)

    @cached_property
    def family(self) -> Family:
        """Its matrices and loads."""
        matrices: dict[Factors, csr_matrix] = {}
        loads: dict[Factors, Array] = {}
        zero = np.zeros(len(self.grid.free))
        for form in self.forms.forms:
            matrix, moved = self.grid.matrix(form)
            if moved.any():
                loads[form.factors] = loads.get(form.factors, zero) + moved
            if form.factors in matrices:
                matrix = csr_matrix(matrices[form.factors] + matrix)
            matrices[form.factors] = matrix
        for form in self.forms.loads:
            loads[form.factors] = loads.get(form.factors, zero) + self.grid.load(form)
        first = self.forms.dimension
        domain = self.problem.domain
        ranges = Ranges(domain.lower[first:], domain.upper[first:], first)
        one = Form(number(1.0), -1, -1, (None,) * (domain.dimension - first))
        return Family(matrices, loads, self.grid.matrix(one)[0], ranges)

    def surrogate(self, relative: float) -> Surrogate:
        """The chain, up to an error of about that share in the mean."""
        return self.shortened(*self.reduced(relative), SHORTER * relative)

    def reduced(self, relative: float) -> tuple[Array, list[Array]]:
        """Functions of space (count, m), orthonormal in the mean but for that which is given, and the
        layers that are found with an error of about that share in the mean.
        """
        basis = basis_of(self.family, relative)
        layers = layers_of(Small.of(self.family, basis), relative)
        functions = np.zeros((self.grid.count, basis.shape[1]))
        functions[self.grid.free] = basis
        given = self.grid.given
        if given.any():
            functions = np.column_stack([functions, given])
            layers = with_constant(layers)
        return functions, layers

    def shortened(self, functions: Array, layers: list[Array], relative: float) -> Surrogate:
        """The chain of the lowest ranks and degrees up to that share."""
        combinations, layers = shortened(layers, relative)
        domain = self.problem.domain
        lower, upper = domain.lower.tolist(), domain.upper.tolist()
        return Surrogate(lower, upper, self.grid.lines, functions @ combinations, layers)

    def missed(self, chain: Surrogate, relative: float) -> float:
        """How far the chain is from solutions in the mean, relative to them: the larger one of that at
        random parameters, and of that at parameters near the ends of their ranges.
        """
        ranges, generator = self.family.ranges, np.random.default_rng(3)
        count = VERIFIED if len(self.grid.free) > SMALL else MORE
        both = (ranges.random(count, generator), ranges.at_the_ends(count, generator))
        return max(self._missed_at(parameters, chain, relative) for parameters in both)

    def _missed_at(self, parameters: Array, chain: Surrogate, relative: float) -> float:
        family = self.family
        basis = chain.functions.detach().numpy()[self.grid.free]
        layers = [core.detach().numpy() for core in chain.cores]
        errors, sizes = [], []
        for p, row in zip(parameters, values_at(layers, family.ranges, parameters), strict=True):
            near = basis @ row
            exact = family.solution(p, near, 0.03 * relative)
            errors.append(family.size(exact - near))
            sizes.append(family.size(exact))
        size = float(np.linalg.norm(sizes))
        return float(np.linalg.norm(errors)) / size if size > 0 else math.inf

    def solutions(self, parameters: Array, x: Array, relative: float) -> Array:
        """At points of space (N, d) for each of some parameters, (M, N)."""
        numbers, values = self.grid.rows(x)
        result = []
        for p in parameters:
            whole = self.grid.given.copy()
            start = np.zeros(len(self.grid.free))
            whole[self.grid.free] = self.family.solution(p, start, relative)
            result.append((whole[numbers] * values).sum(axis=1))
        return np.array(result)


def search(config: Config, family: Begun, progress: Progress) -> Multiplied:
    """The chain of a family to a tolerance."""
    return _Search(config, family, progress).run()


@dataclass
class _Search:
    config: Config
    begun: Begun
    progress: Progress
    began: float = field(default_factory=time.perf_counter)
    stages: list[StageResult] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    warning: str = ""

    @property
    def tolerance(self) -> float:
        """The relative error in the mean that is to be reached."""
        return self.config.tolerance or TOLERANCE[self.config.dtype]

    def run(self) -> Multiplied:
        tolerance = self.tolerance
        seconds = self.config.seconds or SECONDS
        chain, estimate, words = self.begun.first, math.inf, ""
        try:
            with until(self.began - self.begun.seconds + SHARE * seconds):
                levels = levels_of(self.begun.problem, self.begun.forms.dimension)
                first = self._discretized(levels[0])
                self._stage(0, f"degree {levels[0][0]}", first.missed(chain, FIRST))
                discrete, between = self._grid(first, levels, tolerance)
                if between > 0.5 * tolerance:
                    words = "the finest grid is reached"
                self.warning = unbounded_between(discrete.family, tuple(self.config.problem.ranges))
                aim = min(FIRST, FINER * max(tolerance, between))
                for _ in range(0 if self.warning else ATTEMPTS):
                    if self.progress.stop is not None:
                        break
                    reduced = discrete.reduced(aim)
                    better = discrete.shortened(*reduced, SHORTER * aim)
                    estimated = math.hypot(between, discrete.missed(better, aim))
                    if estimated < estimate:
                        chain, estimate = better, estimated
                    self._stage(len(self.stages), f"ranks up to {max(chain.ranks)}", estimate)
                    if estimate <= tolerance:
                        chain, estimate = self._cut(discrete, reduced, between, (chain, estimate))
                        break
                    if between > 0.5 * tolerance:
                        break
                    aim *= FINER
        except LateError as error:
            words = str(error)
        except (NotReducedError, RuntimeError, np.linalg.LinAlgError) as error:
            words = f"the family is not reduced ({error})"
        met = estimate <= tolerance
        reason = "" if met or not words else f", and {words}"
        self.progress.message(self.warning or f"the estimated error is {estimate:.1e}{reason}")
        return self._ended(chain, estimate, met)

    def _cut(
        self,
        discrete: Discretized,
        reduced: tuple[Array, list[Array]],
        between: float,
        best: tuple[Surrogate, float],
    ) -> tuple[Surrogate, float]:
        """A large chain cut to what the tolerance asks for: it is made to be evaluated often."""
        if sum(core.numel() for core in best[0].cores) <= LARGE:
            return best
        share = CUT * math.sqrt(self.tolerance**2 - between**2)
        shorter = discrete.shortened(*reduced, share)
        estimated = math.hypot(between, discrete.missed(shorter, share))
        if estimated > self.tolerance:
            return best
        self._stage(len(self.stages), f"ranks cut to {max(shorter.ranks)}", estimated)
        return shorter, estimated

    def _discretized(self, level: tuple[int, int]) -> Discretized:
        begun = self.begun
        return Discretized(begun.problem, begun.forms, begun.fixed, *level)

    def _grid(
        self, first: Discretized, levels: Sequence[tuple[int, int]], tolerance: float
    ) -> tuple[Discretized, float]:
        """The grid to take, and its relative difference to the next finer one."""
        dimension = self.begun.forms.dimension
        generator = np.random.default_rng(4)
        parameters = first.family.ranges.random(COMPARED, generator)
        domain = self.begun.problem.domain
        low, high = domain.lower[:dimension], domain.upper[:dimension]
        x = generator.uniform(low, high, (PROBES, dimension))
        exact = 0.02 * tolerance
        discrete, change = first, math.inf
        values = first.solutions(parameters, x, exact)
        for level in levels[1:]:
            finer = self._discretized(level)
            if finer.grid.count > MOST_FUNCTIONS or self.progress.stop is not None:
                break
            after = finer.solutions(parameters, x, exact)
            sizes = np.linalg.norm(after, axis=1)
            shares = np.linalg.norm(after - values, axis=1) / np.where(sizes > 0, sizes, 1.0)
            change = float(np.sqrt(np.mean(shares**2)))
            self._stage(
                len(self.stages), f"degree {level[0]}, {finer.grid.count} functions", change
            )
            if change <= 0.5 * tolerance:
                return discrete, change
            discrete, values = finer, after
        return discrete, change

    def _stage(self, index: int, name: str, shown: float) -> None:
        now = time.perf_counter() - self.began + self.begun.seconds
        before = self.ends[-1] if self.ends else 0.0
        self.progress.stage_started(index, index + 1, name, 1)
        self.stages.append(StageResult(name, 1, shown, now - before, StopReason.SOLVED.name))
        self.ends.append(now)
        self.progress.step(1, shown)
        self.progress.stage_finished(index, shown, StopReason.SOLVED)

    def _ended(self, chain: Surrogate, estimate: float, met: bool) -> Multiplied:
        given = self.config.tolerance is not None
        reason = StopReason.TOLERANCE if given else StopReason.ACCURATE
        if not met:
            reason = self.progress.stop or StopReason.UNREACHED
        return Multiplied(
            problem=self.begun.problem,
            trial=chain,
            points=points_of(self.begun.problem),
            history=history_of(self.stages, self.ends),
            stages=tuple(self.stages),
            reason=reason,
            estimate=estimate if math.isfinite(estimate) else None,
            warnings=(self.warning,) if self.warning else (),
            seconds=self.ends[-1] if self.ends else self.begun.seconds,
        )
