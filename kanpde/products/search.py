"""Degree after degree until the estimated error meets the tolerance.

    estimate = max(|u_n - u_m| / |u_n|, last correction, misfit of the conditions, |f - chain of f| / |f|)

with m the degree before n, in the mean over the box; f stands for the source and every datum, as
formulas at random points. A degree that does not end in time leaves the one before it. `exact` and
references are read by none of it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from kanpde.assembly.collocation import Collocation, Points, held_out
from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.errors import ConfigError
from kanpde.expressions import Node, is_zero
from kanpde.expressions.evaluate import evaluate
from kanpde.problem.posing import posed
from kanpde.problem.problem import Problem
from kanpde.products.chains import (
    Array,
    LateError,
    RankError,
    added,
    centred,
    entries,
    mapped,
    norm,
    ranks,
    rounded,
    scaled,
    until,
)
from kanpde.products.factors import NotProductsError
from kanpde.products.operators import NoInverseError
from kanpde.products.solving import LEAST, Discrete, Solved
from kanpde.products.statement import REMEDY, Statement
from kanpde.products.univariate import padded
from kanpde.progress import History, Progress, StageResult, StopReason, history_of
from kanpde.trial.chain import ProductChain

DEGREES = (6, 10, 16, 24, 36, 52, 76, 100, 140, 200)
"""Degrees of the polynomials of every coordinate, level after level."""

FINER = 1e-3
"""Ranks are reduced to this share of the tolerance."""

PROBES = 2000
"""Random points at which formulas are compared with their chains."""

GROWTH = 3.5
"""By how much longer than the level before a level is expected to take at most: degrees
grow by 1.5, matrices by its square.
"""

SHARE = 0.85
"""Share of the seconds for the search; the rest is for the start of the process and its files."""

SAMPLES, ON_PART = 2500, 4
"""Points inside and on every part that stand for those of a solve."""


@dataclass(frozen=True)
class Multiplied:
    """What a search ended with; `estimate` is of the relative L2 error, None where it cannot be
    told.
    """

    problem: Problem
    trial: ProductChain
    points: Collocation
    history: History
    stages: tuple[StageResult, ...]
    reason: StopReason
    estimate: float | None
    seconds: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Begun:
    """A statement with the solution of the first degree, and the wall seconds that it took."""

    statement: Statement
    first: Solved
    seconds: float


def prepare(config: Config) -> Begun:
    """The statement of a config, solved at the first degree, which shows whether products suit it;
    ConfigError where they do not.
    """
    began = time.perf_counter()
    statement = Statement.of(posed(config.problem))
    try:
        first = Discrete(statement, DEGREES[0], _relative(config)).solved()
    except (NotProductsError, NoInverseError, RankError, ValueError) as error:
        raise ConfigError(
            f"trial.nodes: product does not suit the problem: {error}; {REMEDY}"
        ) from error
    return Begun(statement, first, time.perf_counter() - began)


def _tolerance(config: Config) -> float:
    return config.tolerance or TOLERANCE[config.dtype]


def _relative(config: Config) -> float:
    return max(LEAST, FINER * _tolerance(config))


def points_of(problem: Problem) -> Collocation:
    """Points that stand for those of a solve where a report asks for some.

    A report looks for held-out points until none are of these: so few on every part it never has.
    """
    inside = held_out(problem.domain, (), SAMPLES, torch.float64).interior
    parts = {
        part: Points.of(problem.domain.part_quadrature(part, ON_PART), torch.float64)
        for part in problem.parts
    }
    return Collocation(inside, parts, inside)


def search(config: Config, begun: Begun, progress: Progress) -> Multiplied:
    """Solve a problem by a chain of products."""
    return _Search(config, begun, progress).run()


@dataclass
class _Search:
    config: Config
    begun: Begun
    progress: Progress
    began: float = field(default_factory=time.perf_counter)
    stages: list[StageResult] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    discrete: Discrete | None = None

    def run(self) -> Multiplied:
        tolerance = _tolerance(self.config)
        seconds = self.config.seconds or SECONDS
        solved = self._level(0, DEGREES[0], None)
        estimate, words = math.inf, ""
        for number, degree in enumerate(DEGREES[1:], start=1):
            try:
                with until(self.began - self.begun.seconds + SHARE * seconds):
                    level = self._level(number, degree, solved)
                    estimated = self._estimate(level, solved)
            except LateError as error:
                words = str(error)
                break
            except (RankError, NotProductsError, NoInverseError) as error:
                words = f"degree {degree} cannot be solved ({error})"
                break
            estimate, solved = estimated, level
            if estimate <= tolerance or self.progress.stop is not None:
                break
            if self._spent() + GROWTH * self.stages[-1].seconds > SHARE * seconds:
                words = "the time is used up"
                break
        else:
            words = f"the highest degree, {DEGREES[-1]}, is reached"
        self._message(estimate, tolerance, words)
        return self._ended(solved, estimate, estimate <= tolerance)

    def _spent(self) -> float:
        return time.perf_counter() - self.began + self.begun.seconds

    def _level(self, number: int, degree: int, before: Solved | None) -> Solved:
        began = time.perf_counter()
        name = f"degree {degree}"
        self.progress.stage_started(number, len(DEGREES), name, 1)
        level = self.begun.first
        if number:
            self.discrete = Discrete(self.begun.statement, degree, _relative(self.config))
            level = self.discrete.solved()
        most = self.config.trial.rank
        if most is not None:
            level = _cut(level, most)
        name += f", ranks up to {max(ranks(level.chain), default=1)}"
        change = math.nan
        if before is not None:
            change = _change(level, before)
            name += f", change {change:.1e}"
        seconds = time.perf_counter() - began + (0.0 if number else self.begun.seconds)
        shown = level.correction if math.isnan(change) else change
        self.stages.append(StageResult(name, 1, shown, seconds, StopReason.SOLVED.name))
        self.ends.append(self._spent())
        self.progress.step(1, shown)
        self.progress.stage_finished(number, shown, StopReason.SOLVED)
        return level

    def _estimate(self, level: Solved, before: Solved) -> float:
        assert self.discrete is not None
        return max(
            _change(level, before),
            level.correction,
            misfit(self.discrete, level),
            unlike(self.discrete),
        )

    def _message(self, estimate: float, tolerance: float, words: str) -> None:
        if estimate <= tolerance or not words:
            self.progress.message(f"the estimated error is {estimate:.1e}")
        else:
            self.progress.message(f"the estimated error is {estimate:.1e}, and {words}")

    def _ended(self, solved: Solved, estimate: float, met: bool) -> Multiplied:
        problem = self.begun.statement.problem
        domain = problem.domain
        trial = ProductChain(domain.lower.tolist(), domain.upper.tolist(), solved.chain)
        history = history_of(self.stages, self.ends)
        given = self.config.tolerance is not None
        reason = StopReason.TOLERANCE if given else StopReason.ACCURATE
        if not met:
            reason = self.progress.stop or StopReason.UNREACHED
        return Multiplied(
            problem=problem,
            trial=trial,
            points=points_of(problem),
            history=history,
            stages=tuple(self.stages),
            reason=reason,
            estimate=estimate if math.isfinite(estimate) else None,
            seconds=self.ends[-1],
        )


def _change(level: Solved, before: Solved) -> float:
    """|u_n - u_m| / |u_n| in the mean over the box."""
    degrees = [core.shape[1] - 1 for core in level.chain]
    difference = added(level.chain, scaled(padded(before.chain, degrees), -1.0))
    size = norm(level.chain)
    return norm(difference) / size if size > 0 else norm(difference)


def _cut(level: Solved, most: int) -> Solved:
    """A level with no more products than asked for; what is lost counts as a correction."""
    chain = rounded(level.chain, LEAST, most=most)
    size = norm(level.chain) or 1.0
    lost = norm(added(level.chain, scaled(chain, -1.0))) / size
    return replace(level, chain=chain, correction=max(level.correction, lost))


def misfit(discrete: Discrete, solved: Solved) -> float:
    """Largest difference of a condition to its datum in the mean over its face, relative to the
    size of what it is taken of: faces whose data contradict each other leave some.
    """
    worst, whole = 0.0, norm(solved.chain)
    unit = [np.eye(axis.degree + 1) for axis in discrete.axes]
    centres = centred(solved.chain)
    for face in discrete.statement.faces:
        axis = discrete.axes[face.axis]
        row = axis.trace(face.functional)
        size = whole * max(1.0, float(np.abs(row[:2]).max()))
        if is_zero(face.data):
            missed = float(np.linalg.norm(np.tensordot(row, centres[face.axis], axes=(0, 1))))
        else:
            traced = mapped(solved.chain, [*unit[: face.axis], row[None], *unit[face.axis + 1 :]])
            column = discrete.extended(face.data, face.axis, np.ones(1))
            missed = norm(added(traced, scaled(column, -1.0)))
        worst = max(worst, missed / size if size > 0 else missed)
    return worst


def unlike(discrete: Discrete) -> float:
    """Largest difference of a formula to its chain in the mean over random points, relative to
    the formula's size there.
    """
    statement = discrete.statement
    nodes: list[Node] = [statement.source, *statement.coefficients.values()]
    nodes += [face.data for face in statement.faces]
    generator = np.random.default_rng(0)
    x = np.stack([generator.uniform(a.lower, a.upper, PROBES) for a in discrete.axes], axis=1)
    rows = [axis.values(x[:, k]) @ axis.projection for k, axis in enumerate(discrete.axes)]
    worst = 0.0
    for node in dict.fromkeys(node for node in nodes if not is_zero(node)):
        chain = discrete.values.of(node)
        (tensor,) = evaluate((node,), torch.tensor(x))
        wanted = np.broadcast_to(tensor.numpy(), (PROBES,))
        size = _mean_square(wanted)
        if size > 0:
            worst = max(worst, _mean_square(entries(chain, rows) - wanted) / size)
    return worst


def _mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))
