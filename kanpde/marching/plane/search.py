"""Evolutions in the plane and in space as runs that a search compares."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.polynomial.legendre import legvander

from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.config.solve.defaults import TOLERANCE
from kanpde.errors import ConfigError, NumericalError
from kanpde.marching.converging import Converged, Ladder, Run, converge
from kanpde.marching.ordinary.search import relative
from kanpde.marching.plane.features import seen
from kanpde.marching.plane.jumps import left_out_of
from kanpde.marching.plane.statement import Array, Evolution, evolution, shortened
from kanpde.marching.plane.steps import March
from kanpde.marching.plane.strips import Strip
from kanpde.patches.boxes import BoxCover
from kanpde.patches.cells import Cell, Cover
from kanpde.patches.covers import FIRST, periodic_axes
from kanpde.patches.kans import ridge_map
from kanpde.patches.layout import balanced
from kanpde.patches.plane import PlaneCover
from kanpde.problem.conditions import periodic_parts
from kanpde.problem.posing import posed
from kanpde.problem.problem import Problem
from kanpde.progress import Progress, StopReason
from kanpde.trial.patch_slabs import PatchSlabs
from kanpde.trial.patchwork import Patchwork

PLANE = 2

LADDER = Ladder(first=1e-2, smallest=1e-9, growth=3.0)
"""Marches begin coarse: one takes about three times as long as the one before."""

UNFIT_GROWTH = 5.0
"""The same where the start does not fit: a tenth of the local error has a first slab that is shorter by
10^(4/3), and 10^(2/3) = 4.6 times as many cells as thin as its layer along curved sides.
"""

STAGES, DEGREES = (4, 6, 8, 10, 12), (6, 8, 10)
"""Radau points of a slab and degree of the first cells, of one march after the other: errors that
two marches have in common would not show in their difference.
"""

FEW_STAGES = (4, 5, 6, 7, 8)
"""Radau points where an equation is of second order in time: rates at the end of a slab are
differences of its stages, which raise what space leaves there with the square of their number. On a
ring the error was 4e-9 with 6, 4e-8 with 10 and 4e-6 with 12, where it grew from slab to slab. Also where
data do not fit at the start: the first slab decides there, whose error falls like 1/s only.
"""

UNFIT_BELIEVED = 1.0
"""What is left there of the difference of two marches in the finer one: what they add in a layer does not
fall evenly (errors of 2.6e-6 and 2.8e-6 for local errors of 1e-4 and 1e-5).
"""

UNFIT_COMMON = 0.3
"""Share of the local error that marches may have in common there: those two differ by 1.5e-6 only."""

ROUGH = 4
"""Stages of the slabs that guess how large the unknowns become."""

SAMPLES = 10_000
"""Points at which marches are compared."""


LATER = 0.1
"""Where data do not fit at the start, differences are told behind this share of the time as well."""


@dataclass(frozen=True)
class PlaneRun:
    """A march of an evolution; `sizes` (m,) are root mean squares of its unknowns."""

    posed: Evolution
    strips: tuple[Strip, ...]
    sizes: Array
    ended: str | None
    rough: float = 0.0
    left: float = 0.0

    @property
    def slabs(self) -> int:
        """How many."""
        return len(self.strips)

    @property
    def edges(self) -> Array:
        """When slabs begin and end, (J + 1,)."""
        ends = [strip.t + strip.h for strip in self.strips]
        if self.ended is None:
            ends[-1] = self.posed.times[1]
        return np.array([self.posed.times[0], *ends])

    @property
    def end(self) -> float:
        """When it ended."""
        return float(self.edges[-1])

    @property
    def problem(self) -> Problem:
        """Until the march ended."""
        return shortened(self.posed.problem, self.end)

    @cached_property
    def trial(self) -> PatchSlabs:
        """A KAN on each patch of each slab."""
        slabs, dimension = [], self.posed.dimension
        for strip in self.strips:
            outer = [
                (ridge_map(int(degree), dimension) @ of_patch).T
                for degree, of_patch in zip(strip.tiles.degrees, strip.series, strict=True)
            ]
            slabs.append(Patchwork(strip.tiles, outer))
        return PatchSlabs(slabs, self.edges.tolist(), self.posed.unknowns)

    @property
    def arrays(self) -> Mapping[str, Array]:
        """Where slabs and patches are, and coefficients."""
        named = {"edges": self.edges, "sizes": self.sizes}
        for number, strip in enumerate(self.strips):
            named |= strip.arrays(f"slab{number}_")
        return named

    def values(self, x: Array) -> Array:
        """The unknowns (N, m) at points (N, d + 1)."""
        number = np.searchsorted(self.edges[1:-1], x[:, -1])
        values = np.empty((len(x), self.posed.unknowns))
        for k, strip in enumerate(self.strips):
            chosen = np.flatnonzero(number == k)
            if len(chosen):
                series = strip.at(x[chosen, :-1])
                series = series.reshape(len(chosen), self.posed.unknowns, -1)
                tau = 2 * (x[chosen, -1] - strip.t) / strip.h - 1
                table = legvander(tau, series.shape[2] - 1)
                values[chosen] = np.einsum("nmq,nq->nm", series, table)
        return values

    def difference(self, before: Run) -> float:
        """At points that fill space and time evenly, as far as this march came."""
        return self._difference(before, self.posed.times[0])

    def later_difference(self, before: Run) -> tuple[float, float]:
        """The same behind the first LATER of the time, and when that is."""
        begin, end = self.edges[0], self.edges[-1]
        since = begin + LATER * (end - begin)
        return self._difference(before, since), since

    def _difference(self, before: Run, since: float) -> float:
        assert isinstance(before, PlaneRun)
        domain = self.problem.domain
        x = np.array(domain.interior(SAMPLES, "sobol", np.random.default_rng(0)).x)
        x = x[x[:, -1] >= since]
        return relative(self.values(x), before.values(x))


def prepare(config: Config) -> Evolution:
    """The evolution of a config; ConfigError says what is wrong with it."""
    check(config)
    problem = posed(config.problem)
    evolving = evolution(problem)
    if evolving is None:
        raise ConfigError(
            f"problem '{problem.name}': is no evolution in the plane or in space with initial values and"
            f" conditions on sides; give trial and schedule"
        )
    return evolving


def cover_of(evolving: Evolution) -> Cover:
    """Cells over the space."""
    problem, space = evolving.problem, evolving.space
    periodic, count = periodic_axes(problem), FIRST[evolving.dimension - 1]
    kinks = problem.kinks[: evolving.dimension]
    if not space.box and evolving.dimension > PLANE:
        from kanpde.patches.solids import SolidCover  # bodies are loaded where there is one

        return SolidCover(space, count, kinks)
    if not space.box:
        return PlaneCover(space, count, periodic, kinks=kinks)
    paired = periodic_parts(problem.conditions)
    constrained = [part for part in evolving.conditions if part not in paired]
    return BoxCover(space, count, constrained, evolving.dimension, periodic, kinks=kinks)


def march(
    posed: Evolution,
    cover: Cover,
    error: float,
    number: int,
    sizes: Array,
    stopped: Callable[[], bool],
    tolerance: float = math.inf,
    is_first: bool = True,
) -> PlaneRun:
    """One march: with a local `error`, the `number`-th of a search, with what is known of the
    `sizes` (m,) of the unknowns, until it is `stopped`, with no slab unless it `is_first`. Newton's
    method leaves little of the `tolerance`.
    """
    is_smooth = posed.fits and max(posed.orders) == 1
    rows = DEGREES, STAGES if is_smooth else FEW_STAGES
    degree, stages = (row[min(number, len(row) - 1)] for row in rows)
    first = seen(posed, cover, dict.fromkeys(cover.start(), degree))
    attempt = March(posed, cover, error, stages, first, sizes, stopped, tolerance, is_first)
    marched = attempt.run()
    return PlaneRun(
        posed, marched.strips, marched.sizes, marched.ended, marched.rough, marched.left
    )


def guessed(posed: Evolution, cover: Cover, first: Mapping[Cell, int]) -> Array:
    """Root mean squares (m,) of the unknowns over the time, from a few slabs on the first cells; 0
    where they cannot be solved, or formulas are not linear.
    """
    sizes = np.zeros(posed.unknowns)
    if not posed.problem.is_linear:
        return sizes  # few slabs on coarse cells may end anywhere
    march = March(posed, cover, math.inf, ROUGH, first, sizes, lambda: False)
    try:
        return march.run().sizes
    except NumericalError:
        return sizes


def search(config: Config, progress: Progress, posed: Evolution) -> Converged:
    """March until the tolerance is met; NumericalError where no slab can be solved."""
    cover = cover_of(posed)
    tolerance = config.tolerance or TOLERANCE[config.dtype]
    coarse = balanced(cover, dict.fromkeys(cover.start(), DEGREES[0]))
    sizes = guessed(posed, cover, coarse)

    def run(error: float, number: int, stopped: Callable[[], bool], before: Run | None) -> Run:
        known = before.sizes if isinstance(before, PlaneRun) else sizes
        marched = march(posed, cover, error, number, known, stopped, tolerance, before is None)
        if posed.fits:
            return marched
        if isinstance(before, PlaneRun) and marched.ended is None:
            later.append(marched.later_difference(before))
        return replace(marched, left=marched.left + UNFIT_COMMON * error)

    later: list[tuple[float, float]] = []
    if posed.fits:
        converged = converge(config, progress, run, LADDER.smallest, LADDER)
        return _without_flux(posed, converged)
    ladder = replace(LADDER, growth=UNFIT_GROWTH)
    converged = converge(config, progress, run, LADDER.smallest, ladder, UNFIT_BELIEVED)
    if later and converged.reason is StopReason.UNREACHED:
        words = (*converged.warnings, _of_start(posed, *later[-1]))
        converged = replace(converged, warnings=words)
    return _without_flux(posed, converged)


def _without_flux(posed: Evolution, converged: Converged) -> Converged:
    """Without an estimate where marches have left out in common what jumps concentrate on surfaces."""
    words = left_out_of(posed)
    if words is None:
        return converged
    is_met = converged.reason is StopReason.TOLERANCE
    reason = StopReason.UNREACHED if is_met else converged.reason
    return replace(converged, estimate=None, reason=reason, warnings=(words,))


def _of_start(posed: Evolution, difference: float, since: float) -> str:
    """What data that do not fit at the start mean for the error."""
    name = posed.problem.coordinates[-1]
    where = "jump or have kinks"
    if posed.unfit:
        where = f"do not meet the conditions on {', '.join(posed.unfit)}"
    return (
        f"the initial values {where}, so that u has steep layers near {name} ="
        f" {posed.times[0]:g}, where most of the error is; behind {name} = {since:.3g} the last two"
        f" marches differ by {difference:.1e}"
    )


def restored(posed: Evolution, arrays: Mapping[str, Array]) -> PlaneRun:
    """A march from the numbers of a file."""
    edges: Sequence[float] = arrays["edges"].tolist()
    strips = tuple(
        Strip.restored(start, end - start, arrays, f"slab{number}_")
        for number, (start, end) in enumerate(pairwise(edges))
    )
    return PlaneRun(posed, strips, arrays["sizes"], None)
