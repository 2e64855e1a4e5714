"""Newton's method on one level of patches:

    u_{k+1} = u_k + t δ,   δ: the least-squares solution of F(u_k) + F'(u_k) δ ≈ 0,   0 < t ≤ 1

with the largest t = 1, 1/2, … at which the rows of F(u_k + t δ), weighted as those at u_k, are
smaller than before. A level begins with the solution of the level before; the first one with zero,
and where the method stalls there, with the end of a path from an easier problem
(`patches.homotopies`).

What is left of the error after a step is told from how fast the steps fall. Source: Deuflhard,
Newton Methods for Nonlinear Problems (Springer, 2011), sections 2.1 and 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from kanpde.errors import NumericalError
from kanpde.expressions import Derivative, FormulaError, Node, is_linear
from kanpde.numerics.quadrature import Array
from kanpde.patches.affine import Affine
from kanpde.patches.elimination import Elimination
from kanpde.patches.homotopies import Homotopy, load, nonlinear_terms, operator, whole
from kanpde.patches.kans import tiles_of
from kanpde.patches.layout import Patch
from kanpde.patches.levels import Cells, Ground, Level
from kanpde.patches.linearisation import Linearised, Pieces, State, Uniform, between
from kanpde.patches.negligible import away
from kanpde.patches.starts import projected
from kanpde.patches.statement import Statement
from kanpde.problem.kinks import switch_by_unknowns
from kanpde.problem.problem import Problem
from kanpde.problem.starts import Start
from kanpde.progress import Progress
from kanpde.trial.patchwork import Locator

MOST_STEPS, MOST_ON_PATH = 25, 6
SHORTEST, SHORTEST_ON_PATH = 2.0**-6, 2.0**-2
"""Where no longer share of a step lowers the rows, the method has stalled."""

SMALL, MOST_SMALL = 0.25, 5
"""And where so many steps were below that share."""

FOLLOWED = 0.5
"""A path that ends beyond this share of itself ends at a fold: others are not tried."""

LEFT = 0.05
"""Share of the tolerance that Newton's method may leave of the error."""

LEFT_OF_CHANGE = 0.01
"""And the share of the change from the level before, which is mostly what refinement changed."""

LEFT_ON_PATH = 1e-2
"""What it may leave between the ends of a path."""

QUADRATIC = 0.5
"""Steps that fall by this factor say how fast the next ones fall."""

SLOW, LEFT_WHERE_SLOW = 0.2, (0.02, 0.1)
"""Two steps in turn that fall by more than the first say that the rows stay large: those of a
Gauss-Newton method fall like the rows. The cells lack more there than what is left of such steps,
so that this share of the solution may be left, or of the change from the level before. Measured,
a sliding lid on 16 patches: 24 steps to 5e-8 of a solution that was 0.3 wrong.
"""

SAMPLES = 1000
"""Points at which the size of an equation's coefficients is measured, step after step."""

HALF, CONTRACTED = 0.5, 0.8
"""Before a step is halved the next one is looked at: is it shorter by this factor? A step that is
shorter than a whole one before it by this factor is taken as it is.
"""

TRUSTED = 0.1
"""Where a step is expected to leave this share of itself, the rows are not looked at."""

ROUNDED = 1e-8
"""Steps of this size that do not fall any more are rounding."""

VANISHED = 1e-10
"""A solution that falls to this share of where it began is zero."""

FIRST_SHARE, SMALLEST_SHARE = 0.25, 2.0**-4
"""The first step along a path, and the smallest one that is tried."""

VALUES = (0.0, 1.0)
"""Constants that are started from, the second where formulas have no value at the first."""

Formulas = Callable[[Node], Node]


@dataclass
class Newton:
    """Newton's method for a problem; `falls` is the last known ratio of a step to the square of the
    one before, kept from level to level, `solves` how many linear systems were solved, and `next` a
    step that was looked at, with the state that it begins at.
    """

    ground: Ground
    problem: Problem
    progress: Progress
    tolerance: float
    start: Start | None = None
    falls: float | None = None
    solves: int = 0
    next: tuple[State, Level] | None = None

    @cached_property
    def switches(self) -> bool:
        """Whether formulas change their branch where an unknown says."""
        conditions = (condition.node for condition in self.problem.conditions)
        return switch_by_unknowns([*self.problem.equations, *conditions])

    def solved(self, cells: Cells, before: Level | None) -> Level:
        """The solution on a level, from that of the level before; `stall` says why there is none.

        Raises NumericalError where no constant has finite derivatives of the formulas.
        """
        if before is not None and not before.stall:
            level = self._nested(cells, before)
            if not level.stall or self.progress.stop is not None:
                return level
        attempt: Level | None = None
        for attempt in self._attempts(cells):
            if not attempt.stall or self.progress.stop is not None:
                break
        if attempt is None:
            raise NumericalError(
                "the equations and conditions must have values and derivatives by the unknowns at"
                " u = 0 or u = 1, where Newton's method begins, found ones that are not finite;"
                " write them so that they are"
            )
        return attempt

    def _nested(self, cells: Cells, before: Level) -> Level:
        """The solution from that of the level before, which stays where that has no value."""
        try:
            return self.iterated(cells, self.state(before), whole, nested=True)
        except NumericalError as error:
            return replace(before, stall=str(error), unconverged=math.inf)

    def system(self, level: Level) -> Statement:
        """The problem linearised at the solution of a level."""
        return self.system_at(whole, self.state(level))

    def beginning(self) -> Statement | None:
        """The problem linearised at the constant that is begun with, None where there is none."""
        for value in VALUES:
            try:
                return self.system_at(whole, Uniform(value))
            except NumericalError:
                continue
        return None

    def _attempts(self, cells: Cells) -> Iterator[Level]:
        """Solutions from scratch, one after the other where those before have stalled."""
        if self.start is not None:
            coefficients = projected(self.ground, cells.patches, self.start)
            given = self.on(cells.patches, coefficients)
            with suppress(NumericalError):
                yield self.iterated(cells, given, whole)
            self.progress.message("Newton's method stalled from the start that was given: others")
        for start in self._plain_starts(cells):
            with suppress(NumericalError, FormulaError):
                begin = start()
                self._require_order(begin)
                yield self.iterated(cells, begin, whole)
                break
        for path in (load, nonlinear_terms, operator):
            for value in VALUES:
                try:
                    if path is not operator:
                        self._require_order(Uniform(value))
                    level, share = self._followed(cells, path(self.problem, value), Uniform(value))
                    yield level
                    if share > (FOLLOWED if path is load else 0.0):
                        return
                    break
                except (NumericalError, FormulaError):
                    continue

    def _plain_starts(self, cells: Cells) -> Iterator[Callable[[], State]]:
        """Zero; where formulas have no value there, what conditions say of the boundary, inside by
        the simplest equation; and one.
        """
        zero, one = VALUES
        yield lambda: Uniform(zero)
        for value in VALUES:
            yield partial(self._extended, cells, value)
        yield lambda: Uniform(one)

    def _extended(self, cells: Cells, value: float) -> State:
        """Values of the conditions, linearised at a constant, inside by the simplest equation."""
        easy = operator(self.problem, value)
        return self.state(self.solve(self.system_at(easy.at(0.0), Uniform(value)), cells))

    def _followed(self, cells: Cells, path: Homotopy, start: State) -> tuple[Level, float]:
        """The end of a path, or where it could not be followed any further, and the share there."""
        self.falls = None
        level = self.iterated(cells, start, path.at(0.0), most=MOST_ON_PATH, rough=True)
        share, step = 0.0, FIRST_SHARE
        while share < 1.0 and not level.stall and self.progress.stop is None:
            to = min(1.0, share + step)
            further = self._further(cells, level, path, to)
            if not further.stall:
                share, step, level = to, 2 * step, further
                continue
            step /= 4
            if step < SMALLEST_SHARE:
                reason = (
                    f"{further.stall}, and with {path.word} from a solvable problem to"
                    f" this one a solution was followed only up to {share:.3g} of the way"
                )
                level = replace(level, stall=reason, unconverged=math.inf)
        return level, share

    def _further(self, cells: Cells, level: Level, path: Homotopy, to: float) -> Level:
        """The solution a bit further along a path."""
        rough, most = (True, MOST_ON_PATH) if to < 1.0 else (False, MOST_STEPS)
        try:
            return self.iterated(cells, self.state(level), path.at(to), most=most, rough=rough)
        except NumericalError as error:
            return replace(level, stall=str(error), unconverged=math.inf)

    def iterated(
        self,
        cells: Cells,
        start: State,
        formulas: Formulas,
        most: int = MOST_STEPS,
        rough: bool = False,
        nested: bool = False,
    ) -> Level:
        """Steps until little enough is left of the error: a share of the tolerance, more on a path
        (`rough`) and where a coarser level was started from (`nested`).
        """
        state, values = start, self.values(start)
        largest = float(np.abs(values).max())
        allowed, before = (LEFT_ON_PATH if rough else LEFT * self.tolerance), None
        small, slow, where_slow = 0, 0, LEFT_WHERE_SLOW[0]
        for step in range(1, most + 1):
            level = self._ahead(state) or self.solve(self.system_at(formulas, state), cells)
            level = replace(level, steps=step)
            if np.abs(level.values).max() <= VANISHED * largest:
                return replace(level, unconverged=0.0)
            changes = away(self.problem, self.ground, level, values, self.tolerance).relative
            change = float(changes.max())
            if nested and step == 1:
                allowed = max(allowed, LEFT_OF_CHANGE * change)
                where_slow = LEFT_WHERE_SLOW[1] * change
            new = self.state(level)
            shortest = SHORTEST_ON_PATH if rough else SHORTEST
            slow = slow + 1 if before is not None and change > SLOW * before else 0
            share: float | None = 1.0
            if before is None or change > CONTRACTED * before:
                share = self._share(cells, formulas, (state, new), (level.total, change), shortest)
            small += share is None or share < SMALL
            if share is None or small > MOST_SMALL:
                return self._stalled(level, state, "no share of a step lowers the residuals much")
            state = between(state, new, share)
            values = level.values if share == 1.0 else self.values(state)
            left = self._left(change, before) if share == 1.0 else math.inf
            if left <= (max(allowed, where_slow) if slow > 1 else allowed):
                settling = left * changes / change if change > 0.0 else changes
                return replace(level, unconverged=left, settling=settling)
            before = change if share == 1.0 else None
            if self.progress.stop is not None:
                break
        return self._stalled(level, state, f"{step} steps did not settle")

    def _left(self, change: float, before: float | None) -> float:
        """What may be left of the error after a whole step, from it and the whole step before."""
        if before is None or before == 0.0:
            ratio = math.inf if self.falls is None else self.falls * change
        else:
            ratio = change / before
            # where the unknowns switch between branches no step says how the next one falls: other
            # points may switch in it
            if ratio < QUADRATIC and change > ROUNDED and not self.switches:
                self.falls = ratio / before
        if change <= ROUNDED and not ratio < QUADRATIC:
            return change
        return change * ratio / (1 - ratio) if ratio < 1.0 else math.inf

    def _share(
        self,
        cells: Cells,
        formulas: Formulas,
        line: tuple[State, State],
        expected: tuple[float, float],
        shortest: float,
    ) -> float | None:
        """The share of a step that lowers the rows, None where none does; `expected` are the sum
        of the squared rows of the linear system, which no share gets below, and the change.
        """
        floor, change = expected
        if self.falls is not None and self.falls * change < TRUSTED:
            return 1.0
        state, new = line
        now, least, share = self.rest(cells, formulas, (state, state)), 2 * math.sqrt(floor), 1.0
        while share >= shortest:
            if share == HALF and self._contracts(cells, formulas, line):
                return 1.0
            rest = self.rest(cells, formulas, (state, between(state, new, share)))
            if rest <= (1 - share / 4) * now + least:
                return share
            share /= 2
        return None

    def solve(self, system: Statement, cells: Cells) -> Level:
        """Solve a linear system, every block of which is new."""
        self.solves += 1
        return self.ground.solved(system, cells, Elimination(self.ground.cover.counts))

    def _contracts(self, cells: Cells, formulas: Formulas, line: tuple[State, State]) -> bool:
        """Whether the step after a whole one is shorter, whatever the residuals: those of u³ = c
        rise 1e8 times in the first step from u = 0, and every later step is two thirds of the
        one before.
        """
        before, after = (self.values(state) for state in line)
        try:
            system = self.system_at(formulas, line[1])
            further = self.solve(system, cells)
        except NumericalError:
            return False
        self.next = line[1], further
        moved = self.ground.norm(further.values - after)
        return moved <= CONTRACTED * self.ground.norm(after - before)

    def _ahead(self, state: State) -> Level | None:
        """The step from a state, where it was looked at before."""
        known, self.next = self.next, None
        return known[1] if known is not None and known[0] is state else None

    def rest(self, cells: Cells, formulas: Formulas, states: tuple[State, State]) -> float:
        """The norm of the rows of the equations and conditions with the weights of one state and
        the values of another; infinite where one is not finite.
        """
        try:
            pairs = self.ground.rows(self.system_at(formulas, *states), cells.patches)
            return math.sqrt(sum(float(rows.right @ rows.right) for _, rows in pairs))
        except NumericalError:
            return math.inf

    def system_at(self, formulas: Formulas, state: State, tested: State | None = None) -> Statement:
        """The formulas, those that are not linear at a state; with `tested` all of them."""

        def take(node: Node, weight: float) -> Affine:
            formula = formulas(node)
            if tested is None and is_linear(formula):
                return Affine.of(formula, weight)
            return Linearised.at_state(formula, weight, state, tested)

        return Statement.of(self.problem, take, SAMPLES)

    def _require_order(self, start: State) -> None:
        """NumericalError where an equation loses its highest derivatives at a start."""
        for node in self.problem.equations:
            equation = Linearised.at_state(node, 1.0, start)
            slopes, _ = equation.at(self.ground.sample.x[:SAMPLES])
            orders = np.array([sum(index) for _, index, _ in equation.slopes])
            if not slopes[orders == orders.max()].any():
                raise NumericalError(
                    f"an equation has no derivatives of order {orders.max()} where"
                    f" Newton's method begins; write it so that it has"
                )

    def state(self, level: Level) -> Pieces:
        """The solution of a level, to be linearised at."""
        return self.on(level.patches, level.coefficients)

    def on(self, patches: Sequence[Patch], coefficients: Sequence[Array]) -> Pieces:
        """Polynomials on patches, to be linearised at."""
        return Pieces(patches, coefficients, Locator(tiles_of(self.ground.cover, patches)))

    def values(self, state: State) -> Array:
        """The unknowns (N, m) at the sample points."""
        index = (0,) * self.problem.domain.dimension
        wanted = [Derivative(number, index) for number in range(len(self.problem.unknowns))]
        return np.stack(state.at(self.ground.sample.x, wanted, None), axis=1)

    def _stalled(self, level: Level, state: State, why: str) -> Level:
        """The level with the best state, if that is on its patches."""
        if isinstance(state, Pieces) and state.patches is level.patches:
            level = self.ground.moved(level, list(state.coefficients))
        return replace(level, stall=why, unconverged=math.inf)
