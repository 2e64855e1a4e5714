"""What changes on the way of a march on a line: its splines, the state at the start of a slab, and
what a slab may add.

A slab is solved with LOW and then with HIGH Radau instants. The difference of both is its error in
time, what the splines cannot follow (see `Line.rough`) its error in space; it may add

    error · max(‖u_i‖ on the slab, FLOOR · the largest ‖u_i‖ so far)

in either way. Knots go where u and its derivatives ask for them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from kanpde.expressions import Derivative
from kanpde.marching.equidistribution import FINE, GRADATION, Stretch, density
from kanpde.marching.lines.passing import Narrow, Passing
from kanpde.marching.lines.slab import State, Strip, System
from kanpde.marching.lines.space import CLOSER, CLOSEST, MOST_DERIVATIVES, Line
from kanpde.marching.lines.statement import Array, Evolution
from kanpde.marching.ordinary.collocation import rule
from kanpde.problem.feature_places import narrow_inside

LOW, HIGH = 6, 8
"""Radau instants of the two solutions of a slab."""

FIRST = 1e-3
"""Length of the first slab, and of the first one behind a stop, as a share of the interval."""

SHORT = 1e-6
"""A slab this much shorter still tells what unknowns without a derivative by t begin as."""

FLOOR = 1e-3
LEAST_INTERVALS, MOST_INTERVALS = 16, 672
FEWER, MORE = 0.7, 2.0
"""The first march has at most this share of the most intervals, the second as many, further ones
more, up to so many times: two marches at one limit would agree on what neither resolves.
"""

IN_SPACE, WHERE_WAVES_RUN = 0.1, 0.01
"""What the splines may be wrong by, as a share of what a slab may add; the second where short waves
run ever faster and slabs follow them: with a tenth, KdV took more than 2000 slabs in place of 70.
"""

CHECKED = np.linspace(0.0, 1.0, 2 * HIGH + 1)
SETTLING = 0.1
"""Share that counts of an error inside the first slab on other knots; all of it at the end does."""

LOOKED_AT = np.array([0.0, 0.5, 1.0])
"""Instants of a slab at which splines are judged."""

PROBES = 1 << 13
FURTHER, DENSER, DENSEST = 4.0, 0.8, 0.85
"""Change of the distance of the first knot from an end where the initial values do not fit, power
of the ratio of such distances where splines are too coarse, and the largest one.
"""

KINKED, SHARP, CLOSE = 64, 0.3, 1e-4
"""With so many intervals, what is left of the initial values above such a share of the largest
misfit is a kink or a jump; how close knots come to it, for [-1, 1].
"""

BESIDE = 0.1
"""Misfits count less nearer to a kink of the initial values that knots are graded to."""

BLUNT, STEEP = 5e-3, 0.1
"""Knots at an end that has its own are no closer than this, plus that share of their distance."""

STUCK, SLOW = 0.4, 0.75
"""From this share of the most intervals on, a misfit that 1.3 times more of them leave above the
second share is that of a jump, which no number of them removes.
"""

BELOW = 0.01
"""A march need not be better than this share of the misfit of its initial values."""


@dataclass
class Marching:
    """What changes on the way."""

    evolution: Evolution
    error: float
    shorter: float
    strips: list[Strip] = field(default_factory=list)
    rough: float = 0.0
    moved: int = -1
    fastest: Array = field(default_factory=lambda: np.zeros(0))
    """The largest root mean square of each ∂_t u so far, (m,)."""
    narrow: Narrow | None = None

    def __post_init__(self) -> None:
        (lower, upper), (start, end) = self.evolution.ends, self.evolution.times
        self.span, self.passing = end - start, Passing(self.evolution)
        self.length = self.shorter * FIRST * self.span
        self.least = math.ceil(LEAST_INTERVALS / self.shorter)
        unfit = self.evolution.unfit
        even = np.linspace(-1.0, 1.0, self.least + 1)
        line = Line(even, self.evolution.periodic, lower, upper)
        inside = (*self.evolution.kinks.tolist(), *narrow_inside(self.evolution.problem))
        self.line = self._graded(line, {*unfit, *inside})
        comes = self.evolution.comes
        self.in_space = WHERE_WAVES_RUN if self.evolution.disperses else IN_SPACE
        self.largest = np.max([comes, *unfit.values()], axis=0)
        self.fastest = np.zeros(len(self.evolution.orders))
        self.floor = 1.0 if unfit or comes.any() else FLOOR
        self.most = round(MOST_INTERVALS * min(MORE, FEWER / self.shorter))
        self.state = self._begin()
        ends = self._unfit_by_algebra(start)
        if ends:
            self.line, self.floor = self._graded(line, {*self.line.graded, *ends}), 1.0
            self.state = self._begin()

    # Splines ------------------------------------------------------------------------------------

    def _begin(self) -> State:
        """The initial values as splines: more of them until they are close between the points."""
        given = self._given()
        kinks: Array = np.zeros(0)
        stretch, intervals = self._stretch([given], kinks), self.least
        before, fades = math.inf, len(self.evolution.kinks) > 0
        while True:
            self.line = self.line.adapted(stretch, intervals)
            state = self._interpolated(self.line)
            s, away = self._misfit(state)
            misfit = math.sqrt(float((away**2).mean()))
            if misfit <= self.in_space * self.error:
                return state
            stuck = intervals >= STUCK * self.most and misfit > SLOW * before
            before = misfit
            if stuck and fades:
                return state
            if stuck and intervals < self.most and self.shorter < 1:
                # not those of the march before, which was stuck as well
                self.most = min(self.most, math.ceil(intervals / FEWER))
                intervals = self.most
                continue
            if intervals >= self.most or stuck:
                self.rough, self.most = misfit, intervals
                self.error = max(self.error, BELOW * misfit)
                return state
            if not len(kinks) and intervals >= KINKED:
                kinks = s[away > SHARP * away.max()]
                stretch = self._stretch([given], kinks)
            intervals = min(self.most, math.ceil(1.3 * intervals))

    def _misfit(self, state: State) -> tuple[Array, Array]:
        """Positions (PROBES,) and how far splines are from the initial values there, relative to
        the root mean square of each; the largest one counts.
        """
        s = (2 * np.arange(PROBES) + 1) / PROBES - 1
        local, away = self.line.local(s), np.zeros(PROBES)
        for i, order in enumerate(self.evolution.orders):
            for k in range(order):
                exact = self.evolution.start(Derivative(i, (0, k)), self.line.x(s))
                size = math.sqrt(float((exact**2).mean()))
                if k == 0:
                    self.largest[i] = max(self.largest[i], size)
                gap = np.abs(local.apply(0, state[i][k]) - exact)
                away = np.maximum(away, gap / size if size > 0 else gap)
        for kink in self.evolution.kinks:  # what is wrong beside it has no mean, and fades at once
            away = away * np.minimum(1.0, np.abs(s - kink) / BESIDE) ** 2
        return s, away

    def _interpolated(self, line: Line) -> State:
        x = line.x(line.points())
        return tuple(
            np.array(
                [
                    line.interpolated(self.evolution.start(Derivative(i, (0, k)), x))
                    for k in range(order)
                ]
            ).reshape(order, line.size)
            for i, order in enumerate(self.evolution.orders)
        )

    def _given(self) -> Array:
        """u and its derivatives by x at the start, at FINE positions, (6, m, FINE)."""
        s = np.linspace(-1.0, 1.0, FINE)
        x = self.line.x(s)
        rows = [
            [self.evolution.start(Derivative(i, (0, 0)), x, n) for i in self._unknowns]
            for n in range(MOST_DERIVATIVES + 1)
        ]
        return np.asarray(np.nan_to_num(np.array(rows), posinf=0.0, neginf=0.0))

    @property
    def _unknowns(self) -> range:
        return range(len(self.evolution.orders))

    def _stretch(self, states: list[Array], kinks: Array) -> Stretch:
        """The map that spreads knots as states (6, m, FINE) at even positions and kinks ask for."""
        s = np.linspace(-1.0, 1.0, FINE)
        half = (self.line.upper - self.line.lower) / 2
        scale = half ** np.arange(MOST_DERIVATIVES + 1)[:, None, None]
        periodic = self.evolution.periodic
        wanted = np.max([density(s, state * scale, 2.0, periodic) for state in states], axis=0)
        for kink in kinks:
            wanted = np.maximum(wanted, 1 / (CLOSE + GRADATION * np.abs(s - kink)))
        if self.narrow is not None:
            wanted = np.maximum(wanted, self.narrow.density(s))
        for end in self.line.graded:  # knots closer to it are there already
            wanted = np.minimum(wanted, 1 / (BLUNT + STEEP * np.abs(s - end)))
        return Stretch.equidistributing(s, wanted, periodic, 2 * LEAST_INTERVALS)

    def respaced(self, strip: Strip, intervals: int) -> Line:
        """Splines with their knots where a slab asks for them."""
        local, states = strip.line.fine, []
        coefficients = strip.at(LOOKED_AT, self.evolution.orders)
        for number in range(len(LOOKED_AT)):
            by_number = coefficients[:, :, number]
            rows = [[local.apply(n, u) for u in by_number] for n in range(MOST_DERIVATIVES + 1)]
            states.append(np.array(rows))
        return self.line.adapted(self._stretch(states, np.zeros(0)), intervals)

    def refine(self, strip: Strip, in_space: float) -> None:
        """Knots where a slab asks for them, and more of them where they were moved for this slab
        or the one before.
        """
        more = min(1.6, max(1.1, (in_space / 0.5) ** (1 / (self.line.degree - 1))))
        if self.strips and self.moved < len(self.strips) - 1:
            more = 1.0  # where the solution went is reason enough
        self.moved = len(self.strips)
        self.line = replace(
            self.line,
            closest=max(CLOSEST, self.line.closest / FURTHER),
            closer=min(DENSEST, self.line.closer**DENSER),
        )
        self.move(self.respaced(strip, min(self.most, math.ceil(more * self.line.intervals))))

    def coarsen(self, strip: Strip) -> None:
        """Fewer knots, as many as a march needs at least."""
        intervals, line = self.line.intervals, self.line
        if line.added:
            self.line = replace(line, closest=min(1.0, FURTHER * line.closest))
        elif intervals == self.least:
            return
        self.move(self.respaced(strip, max(self.least, math.floor(0.85 * intervals))))

    def begin_again(self, t: float) -> None:
        """Go on behind an instant at which formulas jump: with a short slab, and knots towards the
        ends where the state does not meet the conditions any more.
        """
        self.length = self.shorter * FIRST * self.span
        if not self.evolution.diffuses:
            return
        local = self.line.local(np.array([-1.0, 1.0]))

        def at_end(normal: float, jet: Derivative) -> Array:
            values = local.apply(jet.index[0], self.state[jet.unknown][jet.index[1]])
            return np.asarray(values[[int(normal > 0)]])

        ends = self.evolution.unfit_at(t, at_end, self.largest)
        if not ends:
            return
        self.line = self._graded(self.line, {*self.line.graded, *ends})
        self.move(self.respaced(self.strips[-1], self.line.intervals))

    def _unfit_by_algebra(self, t: float) -> frozenset[float]:
        """Further ends at which initial values do not fit, once the unknowns without a derivative by
        t are what the equations make of these values.
        """
        orders = self.evolution.orders
        if 0 not in orders:
            return frozenset()
        still = np.zeros((len(orders), self.line.size, LOW))
        system = System.of(self.evolution, t, FIRST * SHORT * self.span, self.line, self.state, LOW)
        strip = system.solve(still, np.full(len(orders), self.error))
        if strip is None:
            return frozenset()
        local = self.line.local(np.array([-1.0, 1.0]))

        def at_end(normal: float, jet: Derivative) -> Array:
            if orders[jet.unknown]:
                x = self.line.x(np.array([normal]))
                return self.evolution.start(
                    Derivative(jet.unknown, (0, jet.index[1])), x, jet.index[0]
                )
            found = strip.at(np.ones(1), orders)[jet.unknown]
            return np.asarray(local.apply(jet.index[0], found)[int(normal > 0)])

        size = np.maximum(self.largest, self.line.rms(strip.at(np.ones(1), orders)))
        return self.evolution.unfit_at(t, at_end, size) - {*self.line.graded}

    def _graded(self, line: Line, places: set[float]) -> Line:
        """Splines with knots as close to these places as at first.

        They are others than those of the march before: what two marches have in common their
        difference does not show.
        """
        return replace(
            line,
            graded=tuple(sorted(places)),
            closest=self.shorter * CLOSEST,
            closer=CLOSER**self.shorter,
        )

    def move(self, line: Line) -> None:
        """Go on with other splines: the state at the start of a slab is interpolated, or taken
        from the formulas where nothing is solved yet.
        """
        if not self.strips:
            self.line, self.state = line, self._interpolated(line)
            return
        old = self.strips[-1]
        local = old.line.local(line.points())
        states = old.end(self.evolution.orders)
        self.state = tuple(
            np.array([line.interpolated(local.apply(0, row)) for row in state]).reshape(
                len(state), line.size
            )
            for state in states
        )
        self.line = line

    # Slabs --------------------------------------------------------------------------------------

    def attempt(self, t: float, h: float) -> tuple[Strip, float, float] | None:
        """The richer solution of a slab, its error in time and in space in units of what it may
        add; None where it has none.
        """
        orders = self.evolution.orders
        allowed = self.error * np.maximum(_sizes(self.state, self.line), self.floor * self.largest)
        poor_system = System.of(self.evolution, t, h, self.line, self.state, LOW)
        for start in self._starts(h):
            poor = poor_system.solve(start, allowed + 1e-300)
            if poor is None:
                continue
            top = poor.top @ rule(LOW).at(rule(HIGH).nodes, 0).T
            rich_system = System.of(self.evolution, t, h, self.line, self.state, HIGH)
            rich = rich_system.solve(top, allowed + 1e-300)
            if rich is None:
                continue
            values = rich.at(CHECKED, orders)
            change = values - poor.at(CHECKED, orders)
            if self.strips and self.strips[-1].line is not self.line:
                # what other knots make of the state fades at once where it is stiff
                change[:, :, :-1] *= SETTLING
            away = self.line.rms(change)
            size = self.line.rms(values)
            may = self.error * np.maximum(size, self.floor * np.maximum(self.largest, size))
            may = np.maximum(may, 1e-13 * np.maximum(self.largest, size)) + 1e-300
            may = may / self.lasting(h)
            in_space = max(self._rough(rich, i) / may[i] for i in self._unknowns) / self.in_space
            if self.line.intervals < self.most:
                in_space = max(in_space, self._astray(rich_system, rich))
            return rich, float((away / may).max()), in_space
        return None

    def hides(self, t: float, h: float) -> bool:
        """Whether formulas have a pulse between the instants of a slab."""
        table, pulses = rule(HIGH), self.evolution.pulses
        return pulses.hidden(t, h, table.nodes, lambda at: table.at(at, 0), len(self.strips))

    def lasting(self, h: float) -> float:
        """What an error of a slab counts: where initial values do not fit, that in the layer at the
        end, which lasts about as long as the slab, is a share of that over all times.
        """
        return math.sqrt(h / self.span) if self.line.graded else 1.0

    def missed(self, in_space: float, h: float) -> float:
        """What an error in space of a slab, in units of what it may add, is relative to the
        unknowns: diffusion leaves of it what counts over all times.
        """
        missed = in_space * self.in_space * self.error
        return missed if self.evolution.diffuses else missed / self.lasting(h)

    def _rough(self, strip: Strip, unknown: int) -> float:
        coefficients = strip.at(LOOKED_AT, self.evolution.orders)[unknown]
        return max(strip.line.rough(column) for column in coefficients.T)

    def _astray(self, system: System, strip: Strip) -> float:
        """How far a slab of a second order by t leaves its equations between their points, in units
        of what it may add: a wave keeps what its splines miss of derivatives by x, and they miss
        far more of these than of u.
        """
        if max(self.evolution.orders) < 2:
            return 0.0
        orders = self.evolution.orders
        fastest = np.maximum(self.fastest, strip.line.rms(strip.at(CHECKED, orders, 1)))
        may = self.error * fastest / self.lasting(strip.h) + 1e-300
        return float((strip.h * system.astray(strip.top) / may).max())

    def _starts(self, h: float) -> list[Array]:
        """Highest derivatives (m, K, LOW) to begin from: none, the last ones going on, or held."""
        still = np.zeros((len(self._unknowns), self.line.size, LOW))
        if not self.strips:
            return [still]
        last = self.strips[-1]
        if last.line is not self.line:
            local = last.line.local(self.line.points())
            top = np.array([self.line.interpolated(local.apply(0, row)) for row in last.top])
        else:
            top = last.top
        held = np.repeat(top[:, :, -1:], LOW, axis=2)
        for i, order in enumerate(self.evolution.orders):
            if order == 0:
                still[i] = held[i]
        if h > 1.5 * last.h:
            return [held, still]
        beyond = 1 + h / last.h * rule(LOW).nodes
        return [top @ rule(HIGH).at(beyond, 0).T, still]

    def take(self, strip: Strip) -> None:
        """Go on behind a solved slab."""
        self.strips.append(strip)
        self.state = strip.end(self.evolution.orders)
        values, speeds = (strip.at(LOOKED_AT, self.evolution.orders, b) for b in (0, 1))
        self.largest = np.maximum(self.largest, strip.line.rms(values))
        self.fastest = np.maximum(self.fastest, strip.line.rms(speeds))


def _sizes(state: State, line: Line) -> Array:
    """Sizes of the unknowns at the start of a slab, (m,)."""
    return np.array([math.sqrt(float(s[0] ** 2 @ line.shares)) if len(s) else 0.0 for s in state])
