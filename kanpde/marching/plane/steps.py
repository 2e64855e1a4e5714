"""One march through an evolution in the plane, slab by slab.

    an attempt                                     next
    ---------------------------------------------  ----------------------------------------------
    Newton's method does not converge              half as long
    time adds much more than it may                a shorter slab
    the same, and a shorter slab did not help      the same slab on finer cells
    space adds more than it may                    the same slab on finer cells
    time adds more than it may                     half as long
    else                                           taken; twice as long where that may do and
                                                   many slabs are left

Slabs are dyadic parts of the time, or of the times between instants at which formulas jump or have
kinks: of equal ones on the same cells the factors are kept, where formulas are not linear or change
with time as long as few steps do. A length that was too long is not tried again for a while. What a
slab of length h adds counts √(h/T) times; space may add more at first, when features are narrow and
fade, by (T/t)^{1/4}.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kanpde.expressions import Derivative
from kanpde.marching.plane import features
from kanpde.marching.plane.cells import Refiner, coarser, tails
from kanpde.marching.plane.deadline import NEVER, Deadline, OutOfTime
from kanpde.marching.plane.indicators import Indicated, counted, indicated
from kanpde.marching.plane.lengths import DEEPEST, Refused, Search
from kanpde.marching.plane.passing import THROUGH, Passing
from kanpde.marching.plane.radau import shifts
from kanpde.marching.plane.rows import points_of
from kanpde.marching.plane.slab import Ended, Given, Operator, Solved, Start, projected, solve
from kanpde.marching.plane.statement import TIME, Evolution
from kanpde.marching.plane.strips import Strip
from kanpde.patches.cells import Cell, Cover
from kanpde.patches.kans import tiles_of
from kanpde.patches.layout import layout
from kanpde.patches.linearisation import Pieces
from kanpde.trial.patchwork import Locator

Array = NDArray[np.float64]

FIRST = 3
"""Halvings of the time for the first slab that is tried."""

ROUNDED = 1e-12
"""By what share lengths differ that are the same: parts of the time end a few roundings before a stop."""

MOST_AT_START, MOST_BYTES = 800, 1e9
"""Most patches for initial values, and memory for the factors of a slab beyond which its cells are
not refined any further.
"""

LEVELS = 14
"""Most refinements of the cells of one slab."""

IN_VAIN = 0.95
"""Where a shorter slab leaves this share of what time adds, it is space that time does not see."""

LEFT, OF_TOLERANCE = 0.003, 0.03
"""Shares of the local error and of the tolerance that Newton's method may leave on a slab: marches of
other local errors may take the same steps, and their difference does not show what these leave (measured
57 times too small).
"""

IDLE, FALLEN = 0.1, 0.5
"""The next slab may be longer where time adds this share of what it may, or half of what the slab
before added.
"""

FEW_LEFT = 12
"""So many slabs with the factors that are there cost less than half of them with new ones, which
take 7 to 10 times as long as a slab. Not so where an equation is of second order in time: its errors
grow from slab to slab (on a ring to more than 1e-7 with eight slabs, less with four).
"""

GRADED = 2
"""Lengthenings at once behind a start that does not fit: slabs of 1, 1, 1, 1, 4, 4, 4, 16 … first lengths
have new factors half as often as slabs of 1, 1, 2, 4, 8, and begin as far from it.
"""

FADES, EVEN = 0.75, 0.001
"""Behind such a start squares of what space adds may be larger with this power of the time. In slabs that
are longer than the first, where cells follow layers, they are the share EVEN at the end and as much in
every doubling of the time: with a local error of 1e-5 an error of 2.4e-6 became 3.0e-7 in 1.3 times the time.
"""

MANY = 5
"""Newton steps of a slab after which the next one has an operator of its own."""


@dataclass(frozen=True)
class Marched:
    """A march; `sizes` (m,) are root mean squares of the unknowns over the time, `ended` says why
    it ended before the time does, `rough` is what cells did not resolve, and `left` what Newton's
    method may have left on all slabs together, relative to the unknowns.
    """

    strips: tuple[Strip, ...]
    sizes: Array
    ended: str | None
    rough: float
    left: float


@dataclass(frozen=True)
class Kept:
    """An operator for further slabs, with its cells, and the start of the slab it was made `since`."""

    operator: Operator
    degrees: Mapping[Cell, int]
    since: float


@dataclass
class March:
    """One march.

    Args:
        evolution: what is marched.
        cover: cells over the space.
        error: what a slab may add, relative to the unknowns.
        stages: Radau points of a slab.
        degrees: the first cells with their degrees.
        sizes: root mean squares (m,) of the unknowns over the time, as far as they are known.
        stopped: says that the march should stop.
        tolerance: what the march is one for.
        is_first: whether it has to take one slab at least, since no march before it is there.
    """

    evolution: Evolution
    cover: Cover
    error: float
    stages: int
    degrees: Mapping[Cell, int]
    sizes: Array
    stopped: Callable[[], bool]
    tolerance: float = math.inf
    is_first: bool = True
    strips: list[Strip] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.radau = shifts(self.stages)
        begin, end = self.evolution.times
        self.span = self.length = end - begin
        self.left = 0.0
        self.allowed = min(LEFT * self.error, OF_TOLERANCE * self.tolerance)
        self.area = self.evolution.space.measure
        self.start: Start = Given(self.evolution)
        # the start by polynomials on the present cells, and the operator of the last slab
        self.first: list[Array] | None = None
        self.kept: Kept | None = None
        self.passing = Passing(self.evolution, self.cover)
        self.added = np.zeros(self.evolution.unknowns)
        self.rough, self.stops, self.is_graded = 0.0, self.evolution.stops, False
        self._part(begin, FIRST)

    def run(self) -> Marched:
        """All slabs."""
        self._see_start()
        ended = None
        while ended is None:
            ended = self._slab()
            if self.place < 2**self.level or ended is not None:
                continue
            if self.stop == self.stops.end:
                break
            self._part(self.stop, self.level)
        return Marched(tuple(self.strips), self._sizes(), ended, self.rough, self.left)

    def _part(self, begin: float, level: int) -> None:
        """Go on at the beginning or behind a stop, with slabs that are as long as those of a level
        before.
        """
        before = self.length * 0.5**level
        self.begin, self.stop = begin, self.stops.after(begin)
        self.length = self.stops.before(self.stop) - begin
        self.level, self.place = max(0, round(math.log2(self.length / before))), 0
        self.last, self.refused, self.is_graded = math.inf, Refused(0, math.inf), False

    @property
    def _t(self) -> float:
        return self.begin + self.place * self._h

    @property
    def _h(self) -> float:
        return self.length * 0.5**self.level

    @property
    def _allowed(self) -> float:
        """How many times as much as later space may add to the present slab, squared."""
        if self.is_graded:
            share = max(1, self.place) * self._h / self.span
            is_longer = self.level < self.refused.taken
            is_even = is_longer and self.evolution.follows_layers
            return EVEN / share if is_even else share**-FADES
        return math.sqrt(self.span / ((self.place + 1) * self._h))

    def _sizes(self) -> Array:
        """Root mean squares so far."""
        return np.asarray(np.sqrt(self.added / (sum(strip.h for strip in self.strips) or 1.0)))

    def _known(self) -> Array:
        return np.maximum(self.sizes, self._sizes())

    def _see_start(self) -> None:
        """Cells that hold the initial values."""
        if not math.isfinite(self.error):
            return
        refiner = Refiner(self.cover)
        zero = (0,) * self.evolution.dimension
        for _ in range(LEVELS):
            patches = layout(self.cover, self.degrees)
            rows = points_of(self.cover, patches)
            columns = [projected(of, self._values(of.inside.x)) for of in rows]
            squares = sum(
                of.inside.w @ (of.table[zero] @ c) ** 2 for of, c in zip(rows, columns, strict=True)
            )
            by = counted(np.maximum(self.sizes, np.sqrt(squares / self.area)))
            weights = 1 / (by * self.error) ** 2 / self.area
            added = [tails(of, c, weights, zero) for of, c in zip(rows, columns, strict=True)]
            is_seen = sum(added) <= self._allowed
            if is_seen or len(patches) > MOST_AT_START or self.stopped():
                return
            weighted = [of_patch * np.sqrt(weights) for of_patch in columns]
            self.degrees = refiner.finer(
                self.degrees, patches, weighted, (np.array(added), self._allowed)
            )

    def _values(self, x: Array) -> Array:
        """The unknowns (N, m) at the start of the slab."""
        zero = (0,) * (self.evolution.dimension + 1)
        wanted = [Derivative(number, zero) for number in range(self.evolution.unknowns)]
        return np.stack(self.start.at(x, wanted, None), axis=1)

    def _hides_pulses(self) -> bool:
        """Whether formulas have a pulse between the instants of the slab."""
        slab, number = (self._t, self._h), len(self.strips)
        return features.hides_pulses(self.evolution, slab, self.stages, number, self.error)

    def _see_pulses(self) -> None:
        """Cells that see what is loud within the slab."""
        slab = (self._t, self._h)
        degrees = features.seen_within(self.evolution, self.cover, self.degrees, slab)
        if degrees != self.degrees:
            self.degrees, self.first = degrees, None

    def _may_be_rough(self) -> bool:
        """Whether layers may begin with the slab: at a start that does not fit, or at a stop."""
        fits = self.evolution.fits and self.begin == self.evolution.times[0]
        return self.place == 0 and not fits and max(self.evolution.orders) == 1

    def _slab(self) -> str | None:
        """Take a slab, or say why the march ends."""
        refinements, refiner = 0, Refiner(self.cover)
        in_vain = math.inf  # what time added before the slab was made shorter on the same cells
        search = Search(self.stages, self._may_be_rough())
        while self.level < DEEPEST and self._hides_pulses():
            self._shorten(1)
        self._see_pulses()
        while True:
            over, may_end = self.stopped(), bool(self.strips) or not self.is_first
            if over and may_end:
                return f"was stopped at t = {self._t:.6g}"
            try:
                posed = self._posed(Deadline(self.stopped) if may_end else NEVER)
            except OutOfTime:
                return f"was stopped at t = {self._t:.6g}"
            solved = solve(*posed, self.allowed)
            if not solved.left <= self.allowed and self._renew():
                continue
            if not solved.left <= self.allowed:
                if self.level >= DEEPEST:
                    return f"ended at t = {self._t:.6g}, where Newton's method does not converge"
                self._shorten(1)
                continue
            seen = indicated(solved, self._known(), self.error)
            excess = seen.in_time * math.sqrt(self._h / self.span) / self.error
            if over:
                self._take(solved, seen)
                return f"was stopped at t = {self._t + self._h:.6g}"
            of_space = seen.in_time > IN_VAIN * in_vain
            in_vain = math.inf
            if of_space and refinements < LEVELS and self._refine(solved, seen, refiner):
                refinements += 1
            elif self.level < DEEPEST and search.is_too_long(self.level, excess):
                in_vain = seen.in_time
                self._shorten(search.halvings(self.level, excess), excess)
                self.is_graded = search.is_sure
            elif refinements < LEVELS and self._refine(solved, seen, refiner):
                refinements += 1
            elif excess > 1.0 and self.level < DEEPEST:
                self._shorten(search.halvings(self.level, excess), excess)
                self.is_graded = search.is_sure
            elif self.level < DEEPEST and self.passing.is_passed(solved, self._known(), self.error):
                self._shorten(THROUGH)
            else:
                self._take(solved, seen)
                if solved.steps > MANY:
                    self.kept = None
                self._lengthen(excess)
                return None

    def _shorten(self, halvings: int, excess: float = math.inf) -> None:
        self.refused = Refused(self.level, excess)
        self.level, self.place = self.level + halvings, self.place << halvings
        self.last, self.is_graded = math.inf, False

    def _refine(self, solved: Solved, seen: Indicated, refiner: Refiner) -> bool:
        """Refine the cells where space adds more than it may; whether that changed them."""
        if seen.in_space.sum() <= self._allowed or solved.operator.bytes > MOST_BYTES:
            return False
        marked = seen.in_space, self._allowed
        degrees = refiner.finer(
            self.degrees, solved.patches, seen.columns, marked, self.is_graded and self.place == 0
        )
        changed = degrees != self.degrees
        if changed:
            self.degrees, self.first = degrees, None
        return changed

    def _lengthen(self, excess: float) -> None:
        """Go on, with a longer slab and coarser cells where both may do."""
        before, self.last = self.last, excess
        self.place += 1
        factor = max(excess, 1e-12) ** (-1 / (self.stages + 1.5))
        falls = excess < FALLEN * min(before, 1.0)
        self.refused.seen(self.level, excess)
        times = GRADED if self.is_graded and self.level > GRADED else 1
        even = self.place % 2**times == 0 and self.place < 2**self.level and self.level > 1
        idle = factor > 2.0 or excess < IDLE or falls
        few = 2**self.level - self.place <= FEW_LEFT and max(self.evolution.orders) == 1
        worth = self.kept is None or not few
        if even and idle and worth and not self.refused.again(self.level, excess):
            self.level, self.place = self.level - times, self.place >> times
            self.last = math.inf
            by = counted(self._known()) * self.error * math.sqrt(self.area)
            degrees = coarser(
                self.cover, self.degrees, lambda x: self._values(x) / by, self._allowed
            )
            if degrees != self.degrees:
                self.degrees, self.first = degrees, None

    def _posed(self, deadline: Deadline) -> tuple[Operator, float, Start, list[Array]]:
        """What the present slab is solved from."""
        operator = self._operator(deadline)
        if self.first is None:
            ends = np.cumsum([len(rows.inside.x) for rows in operator.rows])[:-1]
            pieces = np.split(self._values(operator.inside), ends)
            self.first = [
                projected(rows, values) for rows, values in zip(operator.rows, pieces, strict=True)
            ]
        return operator, self._t, self.start, self.first

    def _operator(self, deadline: Deadline) -> Operator:
        """The operator of the present length on the present cells."""
        kept = self.kept
        if kept is not None and not math.isclose(kept.operator.h, self._h, rel_tol=ROUNDED):
            kept = None
        if kept is not None and kept.degrees == self.degrees:
            return kept.operator
        self.kept = None  # before the next one is made: they are large
        instant = self._t if self.evolution.is_steady else self._t + self._h / 2
        operator = Operator.of(
            self.evolution,
            self.radau,
            (instant, self._h),
            (self.cover, layout(self.cover, self.degrees)),
            self._jets,
            kept.operator if kept is not None else None,
            deadline,
        )
        since = self._t if kept is None else kept.since
        self.kept = Kept(operator, dict(self.degrees), since)
        return operator

    def _renew(self) -> bool:
        """Leave the operator to a new one of the present slab, where it is older."""
        is_older = self.kept is not None and self.kept.since < self._t
        if is_older and not self.evolution.is_steady:
            self.kept = None
            return True
        return False

    def _jets(
        self, wanted: Sequence[Derivative], x: Array, normal: Array | None
    ) -> dict[Derivative, Array]:
        """Jets at the start of the slab; zero for derivatives by t that are not given there."""
        orders = self.evolution.orders
        given = [jet for jet in wanted if jet.index[TIME] < max(1, orders[jet.unknown])]
        values = dict(zip(given, self.start.at(x, given, normal), strict=True))
        return {jet: values.get(jet, np.zeros(len(x))) for jet in wanted}

    def _take(self, solved: Solved, seen: Indicated) -> None:
        """Keep a slab and start from its end."""
        self.added, self.left = self.added + seen.squares * solved.h, self.left + solved.left
        if seen.in_space.sum() > self._allowed:
            self.rough = max(self.rough, self.error * math.sqrt(seen.in_space.sum()))
        tiles = tiles_of(self.cover, solved.patches)
        series = tuple(of.transpose(1, 2, 0).reshape(of.shape[1], -1) for of in solved.series())
        self.strips.append(Strip(solved.t, solved.h, tiles, series))
        ends, unknowns = solved.ends(), self.evolution.unknowns
        self.start = Ended(Pieces(solved.patches, ends, Locator(tiles)), unknowns)
        self.first = [of_patch[:, :unknowns] for of_patch in ends]
