"""Level after level until the estimated errors of the wanted eigenvalues and modes meet the
tolerance.

| state | after | next |
|---|---|---|
| level k | the promised error is above the tolerance | refine, level k + 1 |
| level k | it is below, or the time or the number of patches is used up | two degrees more |
| two degrees more | all estimates meet the tolerance, or nothing is left | end |
| two degrees more | they do not | refine level k |

The levels, their refinement and what they promise are those of `patches.search`, for all wanted
modes at once. Estimates are the differences to the level with two degrees more, times q/(1 - q)
where the squared rows of a mode fall by a factor q above 1/2; those of eigenvalues are not below
what the change from the level before leaves where errors fall like squared rows. `eigen.exact` is read by none of it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace

import numpy as np

from kanpde.assembly.collocation import Collocation
from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.eigen import spectrum
from kanpde.eigen.factors import Factors
from kanpde.eigen.levels import Solved, Wanted, solve
from kanpde.eigen.modes import Eigenvalue, problem_of
from kanpde.eigen.pencil import Pencils
from kanpde.eigen.statement import prepare
from kanpde.errors import NumericalError
from kanpde.numerics.quadrature import Array
from kanpde.patches import footprint
from kanpde.patches.aims import Aims
from kanpde.patches.cells import Cell
from kanpde.patches.covers import cover_of
from kanpde.patches.estimates import remaining
from kanpde.patches.kans import patchwork
from kanpde.patches.layout import balanced
from kanpde.patches.levels import Cells, Ground
from kanpde.patches.pace import Pace, work
from kanpde.patches.preparation import points_of
from kanpde.patches.probing import resolved
from kanpde.patches.refinement import enriched, refined
from kanpde.patches.search import SAMPLES, SHARE
from kanpde.patches.statement import Statement
from kanpde.patches.verdict import place
from kanpde.problem.problem import Problem
from kanpde.progress import History, Overdue, Progress, StageResult, StopReason, history_of
from kanpde.solver.memory import VARIABLE
from kanpde.trial.chain import ProductChain
from kanpde.trial.patchwork import Patchwork

ROUNDED = 1e-20
"""Squared rows of a mode below are rounding, and need not fall."""

HELD = (1, 2)
"""How often the blocks of a level and of its enrichment are held: see `patches.footprint`."""

EXTRA = 1.5
"""Work of a level with its Krylov space, in units of that of its rows."""


@dataclass(frozen=True)
class Spectrum:
    """What a search ended with: a problem of all modes, their trial solution, and the eigenvalues."""

    problem: Problem
    trial: Patchwork | ProductChain
    points: Collocation
    history: History
    stages: tuple[StageResult, ...]
    reason: StopReason
    estimate: float | None
    seconds: float
    eigenvalues: tuple[Eigenvalue, ...]
    warnings: tuple[str, ...] = ()


def search(config: Config, progress: Progress) -> Spectrum:
    """Solve an eigenproblem; ConfigError or NumericalError say what is wrong."""
    problem, shift = prepare(config)
    return _Search(config, progress, problem, shift).run()


@dataclass(frozen=True)
class _Checked:
    """A level with two degrees more, its wanted modes, the estimates of the errors of each: of its
    eigenvalue, and of itself; and the numbers of its members on the level before.
    """

    solved: Solved
    modes: tuple[spectrum.Mode, ...]
    values: tuple[float, ...]
    fields: tuple[float, ...]
    partners: tuple[tuple[int, ...], ...]

    @property
    def worst(self) -> float:
        """The largest estimate."""
        return max((*self.values, *self.fields), default=math.inf)


def _slowed(checked: _Checked, poor: Solved) -> _Checked:
    """Estimates from differences: more than these where the squared rows of a mode hardly fall."""
    rich, values, fields = checked.solved.totals, [], []
    for k, (mode, partners) in enumerate(zip(checked.modes, checked.partners, strict=True)):
        pairs = zip(mode.members, partners, strict=True)
        ratios = [
            float(rich[member] / poor.totals[partner])
            for member, partner in pairs
            if partner >= 0 and poor.totals[partner] > ROUNDED
        ]
        times = max(1.0, remaining(max(ratios, default=0.0)))
        values.append(times * checked.values[k])
        fields.append(times * checked.fields[k])
    return replace(checked, values=tuple(values), fields=tuple(fields))


def _at_least(checked: _Checked, change: spectrum.Distances, before: Solved) -> _Checked:
    """Estimates of eigenvalues, not below what squared rows say: errors of eigenvalues fall like
    these, so that a change from a coarser level leaves its share. Differences of two degrees may be
    small by chance.
    """
    rich, values = checked.solved.totals, []
    for known, mode in zip(checked.values, checked.modes, strict=True):
        largest = known
        for member in mode.members:
            partner = change.partners[member]
            if partner >= 0 and before.totals[partner] > ROUNDED:
                share = min(1.0, float(rich[member] / before.totals[partner]))
                largest = max(largest, share * float(change.eigenvalues[member]))
        values.append(largest)
    return replace(checked, values=tuple(values))


@dataclass
class _Search:
    config: Config
    progress: Progress
    problem: Problem
    shift: float
    began: float = field(default_factory=time.perf_counter)
    stages: list[StageResult] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)
    best: _Checked | None = None
    change: float = math.inf
    more: str = "seconds"
    """What a further level would need."""

    def __post_init__(self) -> None:
        patches, eigen = self.config.trial.patches, self.config.problem.eigen
        assert patches is not None and eigen is not None
        self.patches = patches
        self.wanted = Wanted(eigen.count, eigen.near)
        self.tolerance = self.config.tolerance or TOLERANCE[self.config.dtype]
        self.seconds = self.config.seconds or SECONDS
        self.pencils = Pencils.of(self.problem, self.shift)
        plain = self.pencils.plain
        self.cover = cover_of(plain, patches.cells)
        self.ground = Ground(self.cover, self.problem.domain.quadrature(SAMPLES))
        self.statement = Statement.of(plain)
        self.factors = {rich: Factors(self.pencils.statement, self.cover) for rich in (False, True)}
        self.known: dict[bool, frozenset[object]] = {False: frozenset(), True: frozenset()}
        self.sizes = len(self.problem.unknowns), self.cover.counts, HELD
        self.aims = Aims.of(plain, self.ground, self.tolerance, self.statement)

    def run(self) -> Spectrum:
        cells = Cells.of(self.cover, self._first())
        footprint.require(cells.patches, *self.sizes)
        before: Solved | None = None
        while True:
            try:
                solved = self._solved(cells, before)
                further = self._further(solved, before)
                if further is None or self.aims.promised(solved.level, self.change) <= (
                    self.tolerance
                ):
                    checked = self._check(solved, before)
                    if further is None or checked.worst <= self.tolerance:
                        return self._ended()
            except Overdue:
                if self.best is None:
                    raise
                return self._ended()
            cells, before = further, solved

    def _first(self) -> dict[Cell, int]:
        """The first cells with their degrees."""
        start = dict.fromkeys(self.cover.start(), self.patches.degree)
        if self.patches.refine:
            return resolved(self.cover, self.statement.systems, start)
        return balanced(self.cover, start)

    def _further(self, solved: Solved, before: Solved | None) -> Cells | None:
        """The cells of the next level, None where there is none."""
        level = solved.level
        ended = not self.patches.refine or len(level.patches) >= self.patches.most
        if ended or self.progress.stop is not None:
            return None
        spent = time.perf_counter() - self.began
        known = level.degrees, level.patches, level.coefficients, level.squares
        # where what is aimed at takes too long, the worst patches alone
        for degrees in (
            self.aims.refined(level, None if before is None else before.level),
            refined(self.cover, *known),
        ):
            if degrees == level.degrees:
                continue
            cells, rich = (Cells.of(self.cover, each) for each in (degrees, enriched(degrees)))
            self.more = "seconds"
            if not footprint.fits(cells.patches, *self.sizes):
                self.more = f"memory ({VARIABLE})"
                continue
            amount = self._work(cells, False) + self._work(rich, True)
            if spent + self.pace.seconds(amount) <= SHARE * self.seconds:
                return cells
        return None

    def _work(self, cells: Cells, rich: bool) -> float:
        known, unknowns = self.known[rich], len(self.problem.unknowns)
        return EXTRA * work(cells.patches, unknowns, self.cover.counts, known)

    def _solved(self, cells: Cells, before: Solved | None, rich: bool = False) -> Solved:
        number, began = len(self.stages), time.perf_counter()
        name = f"{len(cells.patches)} patches" + (", two degrees more" if rich else "")
        self.progress.stage_started(number, number + 1, name, 1)
        amount = self._work(cells, rich)
        factors = self.factors[rich]
        solved = solve(self.ground, self.pencils, cells, factors, self.wanted, before)
        self.known[rich] = frozenset(patch.key for patch in cells.patches)
        self.pace.tell(amount, time.perf_counter() - began)
        if before is not None:
            change = self._compared(solved, before).worst
            name += f", change {change:.1e}"
            if not rich:
                self.change = change
                self.aims.told(before.level, change)
        elif not rich:
            self.aims.began(solved.level)
        self._told(solved, name, began)
        return solved

    def _told(self, solved: Solved, name: str, began: float) -> None:
        number, now, total = len(self.stages), time.perf_counter(), solved.level.total
        self.stages.append(StageResult(name, 1, total, now - began, StopReason.SOLVED.name))
        self.ends.append(now - self.began)
        self.progress.step(1, total)
        self.progress.stage_finished(number, total, StopReason.SOLVED)

    def _scales(self, solved: Solved) -> Array:
        """What errors of the eigenvalues (K,) are measured by."""
        values = solved.modes.eigenvalues
        apart = spectrum.spacing(values, self.wanted.near, self.wanted.count)
        return np.asarray(np.maximum(np.abs(values), apart))

    def _distances(self, solved: Solved, other: Solved) -> spectrum.Distances:
        """How far the eigenvalues of a level are from those of another."""
        pair = solved.modes.eigenvalues, other.modes.eigenvalues
        return spectrum.matched(*pair, self._scales(solved))

    def _compared(self, solved: Solved, other: Solved) -> _Checked:
        """The wanted modes of a level with their distances to those of another."""
        modes, near, count = solved.modes, self.wanted.near, self.wanted.count
        scales, distances = self._scales(solved), self._distances(solved, other)
        errors: Array = np.where(np.isfinite(distances.eigenvalues), distances.eigenvalues, 1.0)
        weights = self.ground.sample.w
        chosen = spectrum.wanted(modes, weights, count, near, errors)
        values, fields, partners = [], [], []
        for mode in chosen:
            members = list(mode.members)
            partners.append(tuple(distances.partners[k] for k in members))
            values.append(float(distances.eigenvalues[members].max()))
            reach = max(spectrum.SAME, spectrum.APART * values[-1]) * float(scales[members].max())
            value = complex(modes.eigenvalues[members].mean())
            sampled = mode.of(modes.values)
            fields.append(spectrum.mode_distance(sampled, value, reach, other.modes, weights))
        return _Checked(solved, tuple(chosen), tuple(values), tuple(fields), tuple(partners))

    def _check(self, solved: Solved, before: Solved | None) -> _Checked:
        """Solve with two degrees more, and keep it if its largest estimate is the least."""
        rich = self._solved(Cells.of(self.cover, enriched(solved.level.degrees)), solved, rich=True)
        checked = _slowed(self._compared(rich, solved), solved)
        if before is not None:
            checked = _at_least(checked, self._distances(rich, before), before)
        self.aims.checked_with(solved.level, checked.worst)
        if self.best is None or checked.worst <= self.best.worst:
            self.best = checked
        return checked

    def _ended(self) -> Spectrum:
        checked = self.best
        assert checked is not None
        values = self._eigenvalues(checked)
        level, modes = checked.solved.level, checked.solved.modes
        problem = problem_of(self.problem, values)
        columns = []
        for coefficients in modes.coefficients:
            fields: list[Array] = []
            for mode in checked.modes:
                of_mode = mode.of(coefficients)
                fields += [of_mode.real] if mode.is_real else [of_mode.real, of_mode.imag]
            columns.append(np.concatenate(fields, axis=1))
        words = self._words(checked)
        self.progress.message(words)
        history = history_of(self.stages, self.ends)
        estimate = checked.worst if math.isfinite(checked.worst) else None
        return Spectrum(
            problem=problem,
            trial=patchwork(self.cover, level.patches, columns),
            points=points_of(problem),
            history=history,
            stages=tuple(self.stages),
            reason=self._reason(checked),
            estimate=estimate,
            seconds=self.ends[-1],
            eigenvalues=values,
            warnings=(words,) if words.startswith("warning") else (),
        )

    def _eigenvalues(self, checked: _Checked) -> tuple[Eigenvalue, ...]:
        """The wanted eigenvalues with their estimates; NumericalError where there are none."""
        if not checked.modes:
            raise NumericalError(
                "problem.eigen: no eigenvalue was found; look at the conditions, or at 'near'"
            )
        eigen = self.config.problem.eigen
        known = eigen.exact if eigen is not None else ()
        values = []
        for k, mode in enumerate(checked.modes):
            of_value, of_field = checked.values[k], checked.fields[k]
            values.append(
                Eigenvalue(
                    real=mode.eigenvalue.real,
                    imaginary=mode.eigenvalue.imag,
                    estimate=of_value if math.isfinite(of_value) else None,
                    mode_estimate=of_field if math.isfinite(of_field) else None,
                    multiplicity=mode.multiplicity,
                    exact=known[k] if k < len(known) else None,
                )
            )
        return tuple(values)

    def _words(self, checked: _Checked) -> str:
        """The verdict in one line."""
        count, number = len(checked.modes), len(checked.solved.level.patches)
        if count < self.wanted.count:
            return (
                f"warning: {count} of {self.wanted.count} eigenvalues were found on {number}"
                f" patches; ask for fewer, or give more trial.patches.cells"
            )
        reached = f"{count} eigenvalues, largest estimated error {checked.worst:.1e}"
        if checked.worst <= self.tolerance:
            return f"{reached} on {number} patches"
        return (
            f"warning: {reached} on {number} patches, {self.tolerance:.0e} was not reached;"
            f" {place(checked.solved.level)}; give more {self.more}"
        )

    def _reason(self, checked: _Checked) -> StopReason:
        if self.progress.stop is not None:
            return self.progress.stop
        if len(checked.modes) < self.wanted.count or not checked.worst <= self.tolerance:
            return StopReason.UNREACHED
        return StopReason.ACCURATE if self.config.tolerance is None else StopReason.TOLERANCE
