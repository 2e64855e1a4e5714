"""Equations that evolve on a line: which unknown each equation is for, and what holds at the ends.

    F_e(x, t, u, ∂u, …) = 0,  e = 1 … m,    B_b = 0  at the ends,    ∂_t^k u_i = f_ik(x)  at the start,  k < q_i

With R_i the highest derivative by x of unknown i in any equation there must be Σ R_i conditions at
the ends, or the unknowns repeat there. Equation e is for an unknown whose derivative of order R_i
it holds, and is met at R_i points fewer than there are splines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kanpde.domains import SpaceTime
from kanpde.domains.box import Box
from kanpde.expressions import (
    Derivative,
    Node,
    differentiate,
    divide,
    jets,
    linear_parts,
    negate,
    partial,
)
from kanpde.expressions.evaluate import Unknown, evaluate
from kanpde.marching.ordinary.statement import is_plain
from kanpde.marching.pulses import Pulses
from kanpde.marching.stops import Stops
from kanpde.problem.conditions import BoundaryCondition, Condition, PeriodicCondition
from kanpde.problem.kinks import kinks
from kanpde.problem.problem import Problem

Array = NDArray[np.float64]

MOST_UNKNOWNS = 6
"""Beyond, the ways to match equations with unknowns are too many."""

INITIAL = "initial"

MOST_KINKS = 6
"""Each takes some sixty knots at first."""

FITS, LOOKED_AT = 1e-6, 257
"""A condition at an end fits the initial values when they are away from it by no more than this
share of the largest of them at so many places.
"""

PLACES = 29
"""Places at which formulas are looked at for pulses in time."""

SMOOTH = 3
"""Initial values that repeat must do so with so many of their derivatives, from none on."""


@dataclass(frozen=True)
class Rows:
    """One formula and its derivatives by the jets in it; `at` is the number of the unknown whose
    points it is met at, or else it holds at the place `x` alone, with the outward `normal` there.
    """

    node: Node
    slopes: tuple[tuple[Derivative, Node], ...]
    at: int | None = None
    x: float = 0.0
    normal: float = 0.0


@dataclass(frozen=True)
class Evolution:
    """What a march needs; `orders` are those by t, `spatial` those by x, (m,) each, and `initial`
    are the formulas of the start with the jet that each gives.
    """

    problem: Problem
    periodic: bool
    orders: tuple[int, ...]
    spatial: tuple[int, ...]
    rows: tuple[Rows, ...]
    initial: tuple[tuple[Derivative, Node], ...]

    @property
    def ends(self) -> tuple[float, float]:
        """The ends in space."""
        domain = self.problem.domain
        return float(domain.lower[0]), float(domain.upper[0])

    @property
    def times(self) -> tuple[float, float]:
        """Start and end."""
        domain = self.problem.domain
        return float(domain.lower[1]), float(domain.upper[1])

    def start(self, jet: Derivative, x: Array, derivative: int = 0) -> Array:
        """∂_x^n of an initial value at places (N,), by its formula; zero for an unknown that has
        none.
        """
        point = np.stack([x, np.full(len(x), self.times[0])], axis=1)
        for given, node in self.initial:
            if given == jet:
                for _ in range(derivative):
                    node = differentiate(node, 0)
                return np.asarray(evaluate([node], torch.from_numpy(point))[0].numpy())
        return np.zeros(len(x))

    @cached_property
    def unfit(self) -> Mapping[float, Array]:
        """The ends, -1 or 1, at which initial values do not meet a condition, with how far each
        unknown is from doing so, in its own units, (m,).
        """
        ends: dict[float, Array] = {}
        for rows in self.rows:
            if rows.at is None:
                away = self._away(rows, self.times[0])
                if (away > FITS * self._begins).any():
                    ends[rows.normal] = np.maximum(ends.get(rows.normal, 0.0), away)
        return ends

    @property
    def diffuses(self) -> bool:
        """Whether every equation is of first order by t and second by x."""
        return all(r == 2 and q == 1 for r, q in zip(self.spatial, self.orders, strict=True))

    @property
    def disperses(self) -> bool:
        """Whether waves run the faster the shorter they are, and nothing damps them."""
        return any(r > 2 and r % 2 == 1 for r in self.spatial)

    @property
    def fits(self) -> bool:
        """Whether initial values are smooth, as far as formulas tell, and meet the conditions."""
        return not self.unfit and not len(self.kinks)

    @cached_property
    def kinks(self) -> Array:
        """Positions inside (-1, 1) where initial values that diffusion smooths jump or have kinks,
        and -1 and 1 where they do so as they repeat; none of many.
        """
        if not self.diffuses:
            return np.zeros(0)
        lower, upper = self.problem.domain.lower, self.problem.domain.upper
        places = kinks([node for _, node in self.initial], lower, upper)[0]
        if len(places) > MOST_KINKS:
            return np.zeros(0)
        inside = 2 * (places - lower[0]) / (upper[0] - lower[0]) - 1
        seam = (-1.0, 1.0) if self.periodic and not self._repeats else ()
        return np.asarray([*inside, *seam])

    @cached_property
    def in_pieces(self) -> bool:
        """Whether equations jump or have kinks at places inside."""
        nodes = [rows.node for rows in self.rows if rows.at is not None]
        return len(kinks(nodes, self.problem.domain.lower, self.problem.domain.upper)[0]) > 0

    @property
    def _repeats(self) -> bool:
        """Whether initial values and their derivatives by x go on smoothly from end to end."""
        x = np.linspace(*self.ends, LOOKED_AT)
        for i in range(len(self.orders)):
            for n in range(SMOOTH):
                values = np.nan_to_num(self.start(Derivative(i, (0, 0)), x, n))
                if abs(values[-1] - values[0]) > FITS * np.abs(values).max():
                    return False
        return True

    @cached_property
    def comes(self) -> Array:
        """What unknowns that begin as zero may come to, (m,): as far as they are from conditions at
        the ends at any time, and their rates at the start over the whole time.
        """
        start, end = self.times
        size = np.zeros(len(self.orders))
        for rows in self.rows:
            if rows.at is None:
                instants = np.linspace(start, end, LOOKED_AT)
                away = [self._away(rows, float(instant)) for instant in instants]
                size = np.maximum(size, np.max(away, axis=0))
            else:
                size[rows.at] = max(size[rows.at], self._rate(rows) * (end - start))
        return np.asarray(np.where(self._begins == 0.0, size, 0.0))

    def _rate(self, rows: Rows) -> float:
        """The largest |∂_t u| of an unknown at the start by its equation."""
        x = np.linspace(*self.ends, LOOKED_AT)
        known = {}
        for jet, _ in rows.slopes:
            known[jet] = torch.zeros(len(x), dtype=torch.float64)
            if jet.index[1] < self.orders[jet.unknown]:
                lower = Derivative(jet.unknown, (0, jet.index[1]))
                known[jet] = torch.from_numpy(self.start(lower, x, jet.index[0]))
        at = torch.from_numpy(np.stack([x, np.full(len(x), self.times[0])], axis=1))
        row, slopes = values(rows, at, known)
        rate = Derivative(rows.at or 0, (0, 1))
        if rate not in slopes:
            return 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = np.abs(row / slopes[rate])
        return float(np.max(rates[np.isfinite(rates)], initial=0.0))

    def _away(self, rows: Rows, instant: float) -> Array:
        """How far initial values are from a condition at an end at an instant, in the units of each
        unknown, (m,); zero where the condition holds rates.
        """
        known = {}
        for jet, _ in rows.slopes:
            if jet.index[1] >= self.orders[jet.unknown]:
                return np.zeros(len(self.orders))
            lower = Derivative(jet.unknown, (0, jet.index[1]))
            known[jet] = self.start(lower, np.array([rows.x]), jet.index[0])
        return self._weighed(rows, instant, known)

    def unfit_at(
        self, instant: float, at_end: Callable[[float, Derivative], Array], size: Array
    ) -> frozenset[float]:
        """The ends, -1 or 1, at which a state does not meet a condition behind an instant, by more
        than a share FITS of the `size` of the unknowns, (m,); `at_end` gives the jets (1,) of the
        state at an end.
        """
        ends = set()
        behind = math.nextafter(instant, math.inf)
        for rows in self.rows:
            present = [jet for jet, _ in rows.slopes]
            if rows.at is None and all(
                j.index[1] < max(1, self.orders[j.unknown]) for j in present
            ):
                known = {jet: at_end(rows.normal, jet) for jet in present}
                if (self._weighed(rows, behind, known) > FITS * size).any():
                    ends.add(rows.normal)
        return frozenset(ends)

    def _weighed(self, rows: Rows, instant: float, known: Mapping[Derivative, Array]) -> Array:
        """How far jets (1,) are from a condition at an end, in the units of each unknown, (m,)."""
        away = np.zeros(len(self.orders))
        at = torch.tensor([[rows.x, instant]], dtype=torch.float64)
        row, slopes = values(rows, at, {jet: torch.from_numpy(v) for jet, v in known.items()})
        length = self.ends[1] - self.ends[0]
        weights = {jet: abs(float(slopes[jet][0])) / length ** jet.index[0] for jet in slopes}
        misfit, whole = abs(float(row[0])), sum(weights.values())
        for jet, weight in weights.items():
            if weight > 0:
                away[jet.unknown] = misfit / whole
        return np.asarray(np.nan_to_num(away))

    @cached_property
    def stops(self) -> Stops:
        """Instants at which equations or conditions jump or have kinks."""
        nodes = [rows.node for rows in self.rows]
        return Stops.of(nodes, 1, self.times, np.array([self.ends[0], self.times[0]]))

    @cached_property
    def pulses(self) -> Pulses:
        """What equations and conditions know of themselves, at places for those inside."""
        shares = (np.arange(PLACES) + 0.5) / PLACES
        inside = self.ends[0] + (self.ends[1] - self.ends[0]) * shares
        parts = []
        for rows in self.rows:
            x = np.array([rows.x]) if rows.at is None else inside
            parts.append((rows.node, np.stack([x, np.zeros(len(x))], axis=1)))
        return Pulses.of(self.problem, parts, 1, self.times)

    @cached_property
    def _begins(self) -> Array:
        """The largest initial values, (m,)."""
        x = np.linspace(*self.ends, LOOKED_AT)
        sizes = [np.abs(self.start(Derivative(i, (0, 0)), x)) for i in range(len(self.orders))]
        return np.asarray(np.nan_to_num(np.array(sizes)).max(axis=1))


def evolution(problem: Problem) -> Evolution | None:
    """The evolution of a problem; None for one of another kind."""
    if not _on_a_line(problem):
        return None
    m = len(problem.unknowns)
    orders, spatial = _highest(problem, 1), _highest(problem, 0)
    ends = [c for c in problem.conditions if isinstance(c, BoundaryCondition) and _at_end(c)]
    pairs = [c for c in problem.conditions if isinstance(c, PeriodicCondition)]
    starts = [c for c in problem.conditions if c.part == INITIAL]
    if len(ends) + len(pairs) + len(starts) != len(problem.conditions) or (ends and pairs):
        return None
    repeats = {jet.unknown for c in pairs for jet in jets(c.node)}
    if pairs and repeats != set(range(m)):
        return None
    if not pairs and len(ends) != sum(spatial):
        return None
    matched = _matched(problem, spatial, orders)
    initial = _initial(starts, orders)
    if matched is None or initial is None or max(orders) == 0:
        return None
    rows = [
        Rows(node, _slopes(node), at=unknown)
        for node, unknown in zip(problem.equations, matched, strict=True)
    ]
    rows += [_end_rows(condition, problem) for condition in ends]
    return Evolution(problem, bool(pairs), orders, spatial, tuple(rows), initial)


def _on_a_line(problem: Problem) -> bool:
    domain = problem.domain
    wished = any(c.data is not None or c.weight == 0.0 for c in problem.conditions)
    if wished or not is_plain(problem):
        return False
    if not isinstance(domain, SpaceTime) or not isinstance(domain.space, Box):
        return False
    m = len(problem.unknowns)
    return domain.dimension == 2 and len(problem.equations) == m <= MOST_UNKNOWNS


def _at_end(condition: Condition) -> bool:
    return condition.part not in (INITIAL, "final")


def _highest(problem: Problem, axis: int) -> tuple[int, ...]:
    """The highest derivative of each unknown along an axis in the equations, (m,)."""
    highest = [0] * len(problem.unknowns)
    for node in problem.equations:
        for jet in jets(node):
            highest[jet.unknown] = max(highest[jet.unknown], jet.index[axis])
    return tuple(highest)


def _matched(
    problem: Problem, spatial: tuple[int, ...], orders: tuple[int, ...]
) -> tuple[int, ...] | None:
    """The unknown that each equation is for: one whose highest derivative by x it holds, rather
    also that by t.
    """
    held = [jets(node) for node in problem.equations]
    best, most = None, -1
    for order in permutations(range(len(held))):
        fits = [_holds(held[e], i, 0, spatial[i]) for e, i in enumerate(order)]
        moves = [_holds(held[e], i, 1, orders[i]) for e, i in enumerate(order)]
        if all(fits) and sum(moves) > most:
            best, most = order, sum(moves)
    return best


def _holds(present: frozenset[Derivative], unknown: int, axis: int, order: int) -> bool:
    return any(jet.unknown == unknown and jet.index[axis] == order for jet in present)


def _slopes(node: Node) -> tuple[tuple[Derivative, Node], ...]:
    present = sorted(jets(node), key=lambda jet: (jet.unknown, jet.index))
    return tuple((jet, partial(node, jet)) for jet in present)


def _end_rows(condition: Condition, problem: Problem) -> Rows:
    lower, upper = float(problem.domain.lower[0]), float(problem.domain.upper[0])
    at_lower = condition.part == problem.domain.parts[0]
    place, normal = (lower, -1.0) if at_lower else (upper, 1.0)
    return Rows(condition.node, _slopes(condition.node), x=place, normal=normal)


def _initial(
    conditions: list[Condition], orders: tuple[int, ...]
) -> tuple[tuple[Derivative, Node], ...] | None:
    """Initial values by formulas of x, one for each jet ∂_t^k u_i with k < q_i; None where they are
    given in another way.
    """
    given: dict[Derivative, Node] = {}
    for condition in conditions:
        present = jets(condition.node)
        if len(present) != 1:
            return None
        (jet,) = present
        try:
            factors, rest = linear_parts(condition.node)
        except ValueError:
            return None
        if jet.index[0] or jet.index[1] >= max(1, orders[jet.unknown]) or jet in given:
            return None
        given[jet] = divide(negate(rest), factors[jet])
    needed = {Derivative(i, (0, k)) for i, order in enumerate(orders) for k in range(order)}
    return tuple(given.items()) if needed <= set(given) else None


def values(
    rows: Rows, points: Tensor, known: dict[Derivative, Tensor], needs_slopes: bool = True
) -> tuple[Array, dict[Derivative, Array]]:
    """The formula at points (N, 2) and, where needed, its derivatives by the jets, (N,) each."""
    wanted = rows.slopes if needs_slopes else ()
    nodes = [rows.node, *(node for _, node in wanted)]
    normal = None
    if rows.at is None:
        normal = torch.zeros_like(points)
        normal[:, 0] = rows.normal
    jet: dict[Unknown, Tensor] = dict(known.items())
    first, *slopes = evaluate(nodes, points, normal, jet)
    named = zip(wanted, slopes, strict=True)
    return first.numpy(), {jet: slope.numpy() for (jet, _), slope in named}


def shortened(problem: Problem, end: float) -> Problem:
    """The problem until a time: nothing is known of u after it."""
    domain = problem.domain
    assert isinstance(domain, SpaceTime)
    if end == domain.end:
        return problem
    return replace(problem, domain=SpaceTime(domain.space, domain.start, end))
