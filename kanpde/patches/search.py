"""Level after level until the estimated error meets the tolerance.

| state | after | next |
|---|---|---|
| level k | the promised error is above the tolerance | refine, level k + 1 |
| level k | it is below, or the time or the number of patches is used up | enrich |
| enriched | the estimate meets the tolerance, or nothing is left | end |
| enriched | it does not | refine level k |

A level is solved once more with two degrees more on the same cells, unless it is that of the level
before: the difference is the estimate, and the better of both solutions the result. What is
promised is the change from the last level, and after an enrichment its estimate times the square of
the ratio of the norms of all rows since. `exact` and references are read by none of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from kanpde.assembly.collocation import Collocation, held_out
from kanpde.config import Config
from kanpde.errors import ConfigError
from kanpde.numerics.polynomials import size
from kanpde.numerics.quadrature import Array, PointSet
from kanpde.patches.cells import Cell
from kanpde.patches.covers import cover_of
from kanpde.patches.elimination import Elimination
from kanpde.patches.kans import patchwork, values_at
from kanpde.patches.layout import Patch, balanced, layout
from kanpde.patches.probing import resolved
from kanpde.patches.refinement import Layers, enriched, refined
from kanpde.patches.rows import System, interior, nodes_inside, rows
from kanpde.patches.steepness import jump
from kanpde.patches.support import require
from kanpde.problem.posing import posed
from kanpde.problem.problem import Problem
from kanpde.progress import History, Progress, StageResult, StopReason
from kanpde.trial.patchwork import Patchwork

TOLERANCE = 1e-6
"""What is aimed at where the config does not say it."""

SECONDS = 100.0

SHARE = 0.5
"""Share of the seconds after which no further level begins; the rest is for the estimate."""

SAMPLES = 10_000
"""Points at which solutions are compared."""

SLOWEST = 0.9
"""Largest ratio of squared rows that is believed."""

ROUNDING = 20 * float(np.finfo(np.float64).eps)
SINGULAR = 1e-14
"""Relative pivots below say that the problem has no unique solution."""

FALLING = 0.1
"""So does a smallest singular value that falls to this share when the space is enriched: that of a
solvable problem settles. Measured: 1e-3 at an eigenvalue, 0.7 to 0.9 away from it by 1e-7.
"""

PROBES, UNSEEN = 1 << 16, 2.0
"""Points at which sources are probed, and how many times larger they may be there."""

CHUNK = 500
MOST_NUMBERS = 50_000_000
"""Patches whose rows are held at a time, and how many numbers they have."""


@dataclass(frozen=True)
class Patched:
    """What a search ended with; `estimate` is of the relative L2 error, None where it cannot be
    told.
    """

    problem: Problem
    trial: Patchwork
    points: Collocation
    history: History
    stages: tuple[StageResult, ...]
    reason: StopReason
    estimate: float | None
    seconds: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Level:
    """One solved level: cells with their degrees, patches with their coefficients (n, m) and
    squared rows, the values (N, m) at the sample points, and what is missed (J, d + 1) where
    conditions at an outflow are weak.
    """

    degrees: Mapping[Cell, int]
    patches: list[Patch]
    coefficients: list[Array]
    squares: Array
    pivot: float
    weakest: float
    values: Array
    missed: Array

    @property
    def total(self) -> float:
        """The sum of all squared rows."""
        return float(self.squares.sum())


def prepare(config: Config) -> Problem:
    """The problem of a config; ConfigError where patches cannot solve it."""
    if config.dtype != "float64":
        raise ConfigError(
            f"trial.patches: needs dtype float64, found {config.dtype}; remove dtype or the patches"
        )
    problem = posed(config.problem)
    require(problem)
    return problem


def points_of(problem: Problem) -> Collocation:
    """Points that stand for those of a solve where a report asks for some."""
    return held_out(problem.domain, problem.parts, SAMPLES // 4, torch.float64)


def search(config: Config, progress: Progress) -> Patched:
    """Solve a problem on patches; ConfigError or NumericalError say what is wrong."""
    return _Search(config, progress, prepare(config)).run()


def _place(x: Iterable[float], digits: int) -> str:
    """Coordinates in brackets."""
    return f"({', '.join(f'{value:.{digits}g}' for value in x)})"


def _chunks(patches: Sequence[Patch], unknowns: int) -> Iterator[Sequence[Patch]]:
    """Patches whose rows are computed at a time."""
    start, numbers = 0, 0
    for end, patch in enumerate(patches):
        nodes = nodes_inside(patch.degree, patch.dimension) ** patch.dimension
        numbers += nodes * unknowns**2 * size(patch.degree, patch.dimension)
        if end - start >= CHUNK or numbers > MOST_NUMBERS:
            yield patches[start : end + 1]
            start, numbers = end + 1, 0
    if start < len(patches):
        yield patches[start:]


def _slowness(rich: Level, level: Level) -> float:
    """How many times the difference of two solutions the error of the richer may be: errors that
    fall by q = the ratio of the squared rows leave q/(1 - q) of the difference.
    """
    if level.total <= 0.0:
        return 1.0
    ratio = min(SLOWEST, rich.total / level.total)
    return max(1.0, ratio / (1.0 - ratio))


@dataclass
class _Search:
    config: Config
    progress: Progress
    problem: Problem
    began: float = field(default_factory=time.perf_counter)
    stages: list[StageResult] = field(default_factory=list)
    events: list[tuple[int, str]] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    # the last enrichment: its estimate and the sum of the squared rows it belongs to
    checked: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        patches = self.config.trial.patches
        assert patches is not None
        self.patches = patches
        self.tolerance = self.config.tolerance or TOLERANCE
        self.seconds = self.config.seconds or SECONDS
        self.cover = cover_of(self.problem, patches.cells)
        self.system = System.of(self.problem)
        self.plain, self.rich = (Elimination(self.cover.counts) for _ in range(2))
        self.sample: PointSet = self.problem.domain.quadrature(SAMPLES)

    def run(self) -> Patched:
        start = dict.fromkeys(self.cover.start(), self.patches.degree)
        leaves = balanced(self.cover, start)
        if self.patches.refine:
            leaves = resolved(self.cover, self.system, start)
        before: Level | None = None
        while True:
            level = self._solved(leaves, self.plain, before)
            change = math.inf if before is None else self._difference(level, before)
            last = self._last(level)
            if last or self._promised(level, change) <= self.tolerance:
                poor = level
                if before is not None and leaves == enriched(before.degrees):
                    # the level before was raised everywhere: this one is its enrichment
                    poor, rich = before, level
                else:
                    rich = self._solved(enriched(leaves), self.rich, level)
                estimate = self._difference(rich, poor) * _slowness(rich, poor)
                estimate = max(estimate, self._missing(rich))
                self.checked = (estimate, poor.total)
                if last or estimate <= self.tolerance:
                    singular = rich.weakest < FALLING * poor.weakest
                    return self._ended(rich, math.inf if singular else estimate)
            leaves = refined(
                self.cover,
                leaves,
                level.patches,
                level.coefficients,
                level.squares,
                Layers(level.missed[:, :-1], self.plain.widths(level.patches)),
            )
            before = level

    def _last(self, level: Level) -> bool:
        """Whether no further level may begin."""
        spent = time.perf_counter() - self.began
        full = len(level.patches) >= self.patches.most
        return (
            not self.patches.refine
            or full
            or spent > SHARE * self.seconds
            or level.total == 0.0
            or self.progress.stop is not None
        )

    def _promised(self, level: Level, change: float) -> float:
        """What the error of a level may be, from what is known without enrichment."""
        if self.checked is None:
            return max(change, self._missing(level))
        estimate, total = self.checked
        return estimate * level.total / total if total > 0 else estimate

    def _solved(
        self, degrees: Mapping[Cell, int], elimination: Elimination, before: Level | None
    ) -> Level:
        number = len(self.stages)
        rich = elimination is self.rich
        began = time.perf_counter()
        patches = layout(self.cover, degrees)
        name = f"{len(patches)} patches" + (", two degrees more" if rich else "")
        self.progress.stage_started(number, number + 1, name, 1)
        missing = elimination.missing(patches)
        for some in _chunks(missing, self.system.unknowns):
            for patch, patch_rows in zip(some, rows(self.system, self.cover, some), strict=True):
                elimination.add(patch, patch_rows)
        flat, squares, (pivot, weakest) = elimination.solve(patches)
        coefficients = [column.reshape(self.system.unknowns, -1).T for column in flat]
        values = values_at(self.cover, patches, coefficients, self.sample.x)
        missed = elimination.missed(patches, flat)
        level = Level(degrees, patches, coefficients, squares, pivot, weakest, values, missed)
        self._told(level, before, name, began)
        return level

    def _told(self, level: Level, before: Level | None, name: str, began: float) -> None:
        """One level is one stage of the history, with the change from the level before."""
        number, now = len(self.stages), time.perf_counter()
        if before is not None:
            name += f", change {self._difference(level, before):.1e}"
        reason = StopReason.SOLVED
        self.stages.append(StageResult(name, 1, level.total, now - began, reason.name))
        self.ends.append(now - self.began)
        self.events.append((number + 1, name))
        self.progress.step(1, level.total)
        self.progress.stage_finished(number, level.total, reason)

    def _missing(self, level: Level) -> float:
        """The L2 norm of layers at an outflow that are not resolved, relative to the solution."""
        size = float(np.sqrt((self.sample.w[:, None] * level.values**2).sum()))
        missing = float(np.sqrt(level.missed[:, -1].sum()))
        return missing / size if size > 0 else (math.inf if missing > 0 else 0.0)

    def _difference(self, level: Level, previous: Level) -> float:
        """The largest relative L2 difference of an unknown that is not zero beside the others."""
        w = self.sample.w[:, None]
        sizes = np.sqrt((w * level.values**2).sum(axis=0))
        away = np.sqrt((w * (level.values - previous.values) ** 2).sum(axis=0))
        if not np.isfinite(sizes).all():
            return math.inf
        counts = sizes > 1e-12 * sizes.max()
        if not counts.any():
            return 0.0 if not away.any() else math.inf
        return max(ROUNDING, float((away[counts] / sizes[counts]).max()))

    def _ended(self, level: Level, estimate: float) -> Patched:
        valid_estimate: float | None = estimate
        unseen = self._unseen(level)
        if unseen is not None or level.pivot < SINGULAR or not math.isfinite(estimate):
            valid_estimate = None
        reason = StopReason.UNREACHED
        if self.progress.stop is not None:
            reason = self.progress.stop
        elif valid_estimate is not None and valid_estimate <= self.tolerance:
            given = self.config.tolerance is not None
            reason = StopReason.TOLERANCE if given else StopReason.ACCURATE
        elif (
            valid_estimate is not None and self.config.tolerance is None and not self.patches.refine
        ):
            reason = StopReason.FINISHED
        sentence = unseen or self._verdict(level, valid_estimate)
        self.progress.message(sentence)
        count = len(self.stages)
        history = History(
            tuple(range(1, count + 1)),
            tuple(stage.objective for stage in self.stages),
            tuple(self.ends),
            tuple(range(count)),
            tuple(self.events),
        )
        return Patched(
            problem=self.problem,
            trial=patchwork(self.cover, level.patches, level.coefficients),
            points=points_of(self.problem),
            history=history,
            stages=tuple(self.stages),
            reason=reason,
            estimate=valid_estimate,
            seconds=self.ends[-1],
            warnings=(sentence,) if sentence.startswith("warning") else (),
        )

    def _unseen(self, level: Level) -> str | None:
        """A warning where the source of an equation is much larger at probes than at all points of
        the patches, a peak between them, or where one of its coefficients jumps.
        """
        rng = np.random.default_rng(0)
        probes = self.problem.domain.interior(PROBES, "sobol", rng).x
        inside = [interior(self.cover, patch).x for patch in level.patches]
        for number, equation in enumerate(self.system.equations, start=1):
            steep = jump(equation, self.problem.domain, level.patches)
            if steep is not None:
                return (
                    f"warning: the error cannot be told, a coefficient of second order of equation"
                    f" {number} jumps near {_place(steep.place, 6)}; give regions without trial.patches,"
                    f" or a smoother coefficient"
                )
            known = max(float(np.abs(equation.at(x)[1]).max()) for x in inside)
            at_probes = np.abs(equation.at(probes)[1])
            if at_probes.max() > UNSEEN * known:
                peak = _place(probes[int(at_probes.argmax())], 6)
                return (
                    f"warning: the error cannot be told, the source of equation {number} has a peak"
                    f" near {peak} that the patches do not see; give more"
                    f" trial.patches.cells"
                )
        return None

    def _verdict(self, level: Level, estimate: float | None) -> str:
        """What was reached, and where most is left."""
        worst = level.patches[int(level.squares.argmax())]
        sides = " x ".join(f"{side:.2g}" for side in worst.sizes)
        middle = _place((worst.lower + worst.upper) / 2, 4)
        place = f"the largest residual is at {middle} in a patch of size {sides}"
        if estimate is None:
            return f"warning: the error cannot be told, the system is singular; {place}"
        if estimate <= self.tolerance:
            return f"estimated relative L2 error {estimate:.1e} on {len(level.patches)} patches"
        return (
            f"warning: estimated relative L2 error {estimate:.1e}, {self.tolerance:.0e} was not"
            f" reached; {place}; give more seconds, or more patches (trial.patches.most)"
        )
