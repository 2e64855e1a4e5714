"""Level after level until the estimated error meets the tolerance.

| state | after | next |
|---|---|---|
| level k | the promised error is above the tolerance | refine, level k + 1 |
| level k | it is below, or the time or the number of patches is used up | enrich |
| enriched | the estimate meets the tolerance, or nothing is left | end |
| enriched | it does not | refine level k |

A level is solved once more with two degrees more on the same cells, unless it is that of the level
before: the difference is the estimate, and the better of both solutions the result. What is
promised and what the next level aims at is known from the change from the last level, and after an
enrichment from its estimate (`patches.aims`).

Where a level and its enrichment take too much work beside all before (`Pace.allows`), a part of the
worst patches is refined (`Aims.choices`). A level begins only where both are expected to end in time;
the clock decides nothing else. What is kept is the solution of least estimated error. `exact` and
references are read by none of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.parallel.ranks import present
from kanpde.patches import footprint
from kanpde.patches.aims import SEEN, Aims
from kanpde.patches.cells import Cell
from kanpde.patches.compatibility import is_contradictory
from kanpde.patches.covers import cover_of
from kanpde.patches.doubts import Doubts
from kanpde.patches.elimination import Elimination
from kanpde.patches.estimates import Checked, compared, extrapolated
from kanpde.patches.free_corners import free_corners
from kanpde.patches.kans import patchwork
from kanpde.patches.layout import Patch, balanced
from kanpde.patches.levels import Cells, Ground, Level
from kanpde.patches.limits import UNLIMITED, Limits
from kanpde.patches.negligible import Away, away
from kanpde.patches.newton import Newton
from kanpde.patches.pace import Pace, work
from kanpde.patches.passing import Passing
from kanpde.patches.patched import Patched
from kanpde.patches.pins import is_pinned
from kanpde.patches.preparation import in_best_coordinates, points_of, prepare
from kanpde.patches.probing import resolved
from kanpde.patches.quantities import quantities
from kanpde.patches.refinement import enriched, richer
from kanpde.patches.sharing import Agreed, clock
from kanpde.patches.starts import seen
from kanpde.patches.statement import Statement
from kanpde.patches.support import SECOND, orders_of
from kanpde.patches.unbounded import Unbounded
from kanpde.patches.verdict import Course, End, is_falling, is_fast, is_late, sentence
from kanpde.problem.problem import Problem
from kanpde.problem.starts import Start
from kanpde.progress import Overdue, Progress, StageResult, StopReason, Timed, history_of
from kanpde.results.verdict import UNRESOLVED
from kanpde.trial.patchwork import Patchwork

SHARE = 0.85
"""Share of the seconds for the search; the rest is for the start of the process and its files."""

SAMPLES, NEWTON_SAMPLES = 10_000, 1500
"""Points at which levels are compared, and steps of Newton's method."""

NEWTON_STEPS = 2
"""Steps that a level is expected to take which begins with the solution of the one before."""

ASTRAY = 4
"""Where changes do not fall, so many levels are between two enrichments."""

STALLS = 2
"""Levels on which Newton's method may stall before the search ends: the first may be too coarse."""


def search(
    config: Config,
    progress: Progress,
    patience: float = 1.0,
    start: Start | None = None,
    limits: Limits = UNLIMITED,
) -> Patched:
    """Solve a problem on patches; ConfigError or NumericalError say what is wrong.

    `patience` is the share of the seconds after which it ends where changes do not fall fast; its
    square, without an estimate, where they are above SEEN. Where formulas are not linear Newton's
    method begins with `start`. `limits` hold it to what another solution has.
    """
    problem = prepare(config)
    for corner in free_corners(problem):
        progress.message(f"no force acts on the corner {corner.place} between two free edges")
    return _Search(config, progress, problem, patience, start, limits).run()


@dataclass
class _Search:
    config: Config
    progress: Progress
    problem: Problem
    patience: float = 1.0
    start: Start | None = None
    limits: Limits = UNLIMITED
    began: float = field(default_factory=clock)
    unbounded: Unbounded = field(default_factory=Unbounded)
    stages: list[StageResult] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)
    solves: int = 1
    best: Checked | None = None
    last: Level | None = None

    def __post_init__(self) -> None:
        patches = self.config.trial.patches
        assert patches is not None
        self.patches = patches
        self.tolerance = self.config.tolerance or TOLERANCE[self.config.dtype]
        self.seconds = self.config.seconds or SECONDS
        self.stated, (self.problem, skew) = self.problem, in_best_coordinates(self.problem)
        self.cover = cover_of(self.problem, patches.cells, patches.network, skew)
        self.passing = Passing(self.problem, self.cover, self.tolerance)
        self.plain, self.rich = (Elimination(self.cover.counts) for _ in range(2))
        self.known: dict[bool, frozenset[object]] = {False: frozenset(), True: frozenset()}
        self.newton: Newton | None = None
        if not self.problem.is_linear:
            few = self._ground(NEWTON_SAMPLES)
            self.newton = Newton(few, self.problem, self.progress, self.tolerance, self.start)
        else:
            self.statement = Statement.of(self.problem)
        held = footprint.LINEAR if self.newton is None else footprint.NEWTON
        self.sizes = len(self.problem.unknowns), self.cover.counts, held
        system = self.newton.beginning() if self.newton is not None else self.statement
        self.unbounded = Unbounded.of(self.problem, system)
        self.ground = self._ground(SAMPLES)
        if self.newton is not None:
            self.newton.ground = self._ground(NEWTON_SAMPLES)
        self.aims = Aims.of(self.problem, self.ground, self.tolerance, system)
        self.progress = Agreed(self.progress)

    def _ground(self, count: int) -> Ground:
        """What levels stand on, with about so many points."""
        sample = self.problem.domain.quadrature(count)
        counted = self.unbounded.counted(sample.x, len(self.problem.unknowns))
        return Ground(self.cover, sample, counted, self.unbounded.jumps)

    def run(self) -> Patched:
        try:
            return self._levels()
        except (Overdue, MemoryError) as error:  # what was solved before is kept
            if self.last is None or present().count > 1:
                raise  # the other ranks are at work
            end = End.STOPPED if isinstance(error, Overdue) else End.MEMORY
            return self._ended(self.best or Checked.untold(self.last), end)

    def _levels(self) -> Patched:
        cells = Cells.of(self.cover, self._first(self.patches.refine))
        footprint.require(cells.patches, *self.sizes)
        before: Level | None = None
        richest: Level | None = None
        stalls = 0
        while True:
            level = self._solved(cells, before, richest)
            self.last = level
            further, end = self._further(level, before)
            through = None if further is None else self.passing.finer(self.newton, level)
            ahead = None if through is None else Cells.of(self.cover, through)
            if ahead is not None and footprint.fits(ahead.patches, *self.sizes):
                cells, before = ahead, level  # the error of what is not seen cannot be told
                continue
            if level.stall and self._is_over() and (self.best or before):
                # Newton's method was stopped by the clock: what was solved before is kept
                return self._ended(self.best or Checked.untold(before or level), End.TIME)
            stalls += bool(level.stall)
            if level.stall and (further is None or stalls >= STALLS):
                return self._ended(Checked.untold(level), end)
            if further is None and end is End.TIME and self._is_hopeless():
                return self._ended(self.best or Checked.untold(level), end)
            if not level.stall and (further is None or self._is_worth_checking(level, before)):
                checked = self._check(level, before)
                richest = checked.level if self.newton and not checked.level.stall else None
                hopeless = checked.singular and not is_falling(self.changes)
                if further is None or checked.estimate <= self.tolerance or hopeless:
                    # what looks singular at the end is not saved by an earlier estimate
                    return self._ended(checked if checked.singular else self.best, end)
            else:
                richest = None
            assert further is not None
            cells, before = further, level

    def _is_over(self) -> bool:
        """Whether the seconds are used up."""
        return clock() - self.began > self._allowed

    def _first(self, probed: bool) -> dict[Cell, int]:
        """The first cells with their degrees; where they are `probed` they see every feature."""
        if self.limits.cells is not None:
            return balanced(self.cover, self.limits.cells)
        start = dict.fromkeys(self.cover.start(), self.patches.degree)
        statement = self.newton.beginning() if self.newton is not None else self.statement
        first = balanced(self.cover, start)
        if probed and statement is not None:
            first = resolved(self.cover, statement.systems, start)
        if probed and self.newton is not None and self.start is not None:
            first = seen(self.newton.ground, first, self.start)
        return first

    def _further(self, level: Level, before: Level | None) -> tuple[Cells | None, End]:
        """The cells of the next level, or why there is none."""
        ends = {
            End.GIVEN: not self.patches.refine or self.limits.cells is not None,
            End.PATCHES: len(level.patches) >= self.patches.most,
            End.EXACT: level.total == 0.0,
            End.STOPPED: self.progress.stop is not None,
        }
        if any(ends.values()):
            return None, next(end for end, ended in ends.items() if ended)
        end, ahead = End.FINEST, None
        for degrees in self.aims.choices(level, before, self.patience == 1.0):
            if degrees == level.degrees:
                break
            cells = Cells.of(self.cover, degrees)
            if not footprint.fits(cells.patches, *self.sizes):
                end = End.MEMORY
                continue
            if not self.limits.allow(cells.patches, len(self.problem.unknowns)):
                end = End.PATCHES
                continue
            ahead = cells, self._ahead(cells, level)
            if self.pace.allows(ahead[1]):
                break
        if ahead is None:
            return None, end
        return (ahead[0], End.REACHED) if self._fits(ahead[1]) else (None, End.TIME)

    def _ahead(self, cells: Cells, level: Level) -> float:
        """The work of the next level and its enrichment."""
        amount = self._expected(cells.patches, False, bool(level.stall))
        if cells.degrees != enriched(level.degrees):  # else it is the enrichment of this level
            rich = [richer(patch) for patch in cells.patches]
            amount += self._expected(rich, True, False)
        return amount

    def _fits(self, amount: float) -> bool:
        """Whether so much work is expected to end in time."""
        return clock() - self.began + self.pace.seconds(amount) <= SHARE * self._allowed

    @property
    def _allowed(self) -> float:
        """Seconds that there are, few where changes do not fall fast and another way waits."""
        if is_fast(self.changes):
            return self.seconds
        return self.seconds * (self.patience**2 if self._is_hopeless() else self.patience)

    def _is_hopeless(self) -> bool:
        """Whether the solution is not seen yet, or not soon, where another way waits for its turn."""
        late = is_late(self.changes, self.ends, self.tolerance, self.seconds)
        return self.patience < 1.0 and (not self.changes or self.changes[-1] > SEEN or late)

    def _work(self, patches: list[Patch], rich: bool) -> float:
        """The work of a level; every block is new where the system changes with the solution."""
        known = self.known[rich] if self.newton is None else frozenset()
        return work(patches, len(self.problem.unknowns), self.cover.counts, known)

    def _expected(self, patches: list[Patch], rich: bool, stalled: bool) -> float:
        """The work of a level that has not begun; from scratch where the one before has stalled."""
        steps = 1 if self.newton is None else self.solves if stalled else NEWTON_STEPS
        return self._work(patches, rich) * steps

    def _is_worth_checking(self, level: Level, before: Level | None) -> bool:
        """Whether the tolerance may be met, or the levels do not agree any better for some time."""
        astray = not is_falling(self.changes) and len(self.changes) % ASTRAY == 0
        if self.aims.are_set:
            astray = astray and self.aims.is_unsettled(level, before)
        astray = astray and not self._is_hopeless()
        return self.aims.promised(level, self.changes[-1]) <= self.tolerance or astray

    def _check(self, level: Level, before: Level | None) -> Checked:
        """Solve with two degrees more and keep it if its estimated error is the least."""
        poor = level
        if before is not None and level.degrees == enriched(before.degrees):
            # the level before was raised everywhere: this one is its enrichment
            poor, rich = before, level
        else:
            cells = Cells.of(self.cover, enriched(level.degrees))
            rich = self._solved(cells, level, rich=True)
        if rich.stall and self._is_over():
            self.best = self.best or Checked.untold(poor)
            return self.best
        hidden = max(orders_of(self.problem)) > SECOND or bool(self.newton and self.newton.switches)
        gap = self._away(rich, poor)
        least = extrapolated(self.changes) if hidden else 0.0
        checked = compared(self.ground, rich, poor, least, gap)
        self.aims.checked_with(poor, checked.poorer)
        fell = self.ground.squares(poor), self.ground.squares(rich)
        if is_pinned(self.problem) and is_contradictory(fell[0], fell[1], rich.data):
            checked = replace(checked, contradictory=True)
        if self.best is None or checked.estimate <= self.best.estimate:
            self.best = checked
        return checked

    def _solved(
        self,
        cells: Cells,
        before: Level | None,
        richest: Level | None = None,
        rich: bool = False,
    ) -> Level:
        """A level, Newton's method from that of the level before, or from its enrichment."""
        number, start = len(self.stages), richest or before
        began = clock()
        name = f"{len(cells.patches)} patches" + (", two degrees more" if rich else "")
        self.progress.stage_started(number, number + 1, name, 1)
        amount = self._work(cells.patches, rich)
        if self.newton is not None:
            solves = self.newton.solves
            self.newton.progress = Agreed(Timed(self.progress, self.began + self._allowed))
            level = self.ground.sampled(self.newton.solved(cells, start))
            self.solves = self.newton.solves - solves
            amount *= self.solves
        else:
            elimination = self.rich if rich else self.plain
            level = self.ground.solved(self.statement, cells, elimination)
        self.known[rich] = frozenset(patch.key for patch in cells.patches)
        self.pace.tell(amount, clock() - began)
        change = self._change(level, start)
        if math.isfinite(change):
            name += f", change {change:.1e}"
        if not rich:
            self.changes.append(change)
            if before is None:
                self.aims.began(level)
            else:
                self.aims.told(before, self._change(level, before))
        self._told(level, name, began)
        return level

    def _change(self, level: Level, before: Level | None) -> float:
        """How far a level is from another one, infinite where there is none."""
        if before is None or before.stall:
            return math.inf
        return float(self._away(level, before).relative.max())

    def _away(self, level: Level, before: Level) -> Away:
        """How far the unknowns of a level are from those of another one."""
        return away(self.problem, self.ground, level, before.values, self.tolerance)

    def _told(self, level: Level, name: str, began: float) -> None:
        """One level is one stage of the history, with the change from the level before."""
        number, now = len(self.stages), clock()
        if level.steps > 1:
            name += f", {level.steps} Newton steps"
        reason = StopReason.STALLED if level.stall else StopReason.SOLVED
        self.stages.append(StageResult(name, level.steps, level.total, now - began, reason.name))
        self.ends.append(now - self.began)
        self.progress.step(1, level.total)
        self.progress.stage_finished(number, level.total, reason)

    def _ended(self, checked: Checked | None, end: End) -> Patched:
        assert checked is not None
        level = checked.level
        each = dict(zip(self.problem.unknowns, checked.estimates, strict=False))
        aimed_at = UNRESOLVED if self._fixed else self.tolerance
        course = Course(self.changes, end, aimed_at, each, self.cover)
        words = sentence(level, checked.estimate, checked.singular, course)
        is_known = not checked.singular and math.isfinite(checked.estimate)
        estimate = checked.estimate if is_known else None
        told = level.stall or self.progress.stop is not None
        warning = None if told else self._doubts().warning(checked)
        if warning is not None:
            estimate, words = None, warning
        self.progress.message(words)
        history = history_of(self.stages, self.ends)
        return Patched(
            problem=self.stated,
            trial=self._trial(level),
            points=points_of(self.stated),
            history=history,
            stages=tuple(self.stages),
            reason=self._reason(estimate),
            estimate=estimate,
            seconds=self.ends[-1],
            warnings=(words,) if words.startswith("warning") else (),
            by_unknown=() if estimate is None else checked.estimates,
            quantities=quantities(self.stated, self._trial, checked, estimate is None),
            notes=self.unbounded.notes(self.problem.unknowns)
            + checked.notes(self.problem.unknowns),
        )

    def _trial(self, level: Level) -> Patchwork:
        """The trial solution of a level."""
        return patchwork(self.cover, level.patches, level.coefficients, self.problem.pieces)

    def _doubts(self) -> Doubts:
        """What makes an estimate worth nothing."""
        asked = self.start is not None or self.config.starts.solutions > 1
        start = dict.fromkeys(self.cover.start(), self.patches.degree)
        known = self.problem, self.cover, self.progress, start
        return Doubts(*known, None if self.newton else self.statement, self.newton, asked)

    def _reason(self, estimate: float | None) -> StopReason:
        if self.progress.stop is not None:
            return self.progress.stop
        if estimate is None:
            return StopReason.UNREACHED
        if estimate <= self.tolerance:
            return StopReason.TOLERANCE if self.config.tolerance else StopReason.ACCURATE
        return StopReason.FINISHED if self._fixed else StopReason.UNREACHED

    @property
    def _fixed(self) -> bool:
        """Whether the file fixes the patches and asks for no tolerance."""
        return self.config.tolerance is None and not self.patches.refine
