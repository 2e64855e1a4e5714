"""What a slab on a line passes through between its instants and between its points, where terms of the
equations are narrow in the unknowns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from kanpde.expressions import Node, Normal, Number, substitute
from kanpde.marching.equidistribution import GRADATION
from kanpde.marching.lines.slab import Strip
from kanpde.marching.lines.space import Line
from kanpde.marching.lines.statement import Array, Evolution
from kanpde.marching.ordinary.collocation import Rule, rule
from kanpde.marching.passing import passes
from kanpde.problem.passages import Numbers, Passages, Paths, Spans

PLACES = np.linspace(-1.0, 1.0, 17)
"""Positions at which slabs are followed in time."""

INSTANTS = np.array([0.0, 0.5, 1.0])
"""Instants of a slab at which it is followed in space."""

UNSEEN = 0.3
"""A term that is by this share of its largest value larger or smaller between two points than at both of
them is not seen.
"""


@dataclass(frozen=True)
class Narrow:
    """What is not seen in space: positions (K,) in [-1, 1] with widths (K,), and the largest part of
    an equation that is missed.
    """

    places: Array
    widths: Array
    missed: float

    def density(self, s: Array) -> Array:
        """How many knots it asks for at positions (N,)."""
        away = np.abs(s[:, None] - self.places)
        return np.asarray((1 / (self.widths + GRADATION * away)).max(axis=1))


@dataclass(frozen=True)
class Passing:
    """The terms of an evolution that may be narrow in the unknowns."""

    evolution: Evolution

    @cached_property
    def inside(self) -> Passages:
        """Those of the equations."""
        return Passages.of([row.node for row in self.evolution.rows if row.at is not None], 2)

    @cached_property
    def at_ends(self) -> dict[float, Passages]:
        """Those of the conditions at either end, -1 or 1."""
        ends: dict[float, list[Node]] = {}
        for rows in self.evolution.rows:
            if rows.at is None:
                plain = substitute(rows.node, {Normal(0): Number(rows.normal)})
                ends.setdefault(rows.normal, []).append(plain)
        every = {end: Passages.of(nodes, 2) for end, nodes in ends.items()}
        return {end: passages for end, passages in every.items() if passages.terms}

    def in_time(self, strip: Strip, sizes: Array, error: float) -> bool:
        """Whether a slab with unknowns of some sizes (m,) passes through what is narrow between its
        instants.
        """
        checks = [(passages, np.array([end])) for end, passages in self.at_ends.items()]
        if self.inside.terms:
            checks.append((self.inside, PLACES))
        table = rule(strip.top.shape[2])
        start, end = self.evolution.times
        least = error * (end - start) / strip.h
        for passages, places in checks:
            paths = self._in_time(strip, passages, places, table)
            scales = self._scales(passages, paths, len(places), sizes)
            instants = (table.nodes, partial(table.at, folds=0))
            if passes(passages, paths, len(places), instants, scales, least):
                return True
        return False

    def in_space(self, strip: Strip, sizes: Array, error: float) -> Narrow | None:
        """What a slab passes through between its points at some instants."""
        passages = self.inside
        if not passages.terms:
            return None
        paths = self._in_space(strip, passages)
        scales = self._scales(passages, paths, len(INSTANTS), sizes)
        points = np.unique(np.concatenate([[-1.0, 1.0], strip.line.points()]))
        marks = (points + 1) / 2
        further = passages.between(paths, Spans.of(marks, len(INSTANTS)), scales, error)
        if not len(further.line):
            return None
        number = np.searchsorted(marks, further.begin) - 1
        exact = passages.values(paths(further.line, further.begin))
        before = passages.values(paths(further.line, marks[number]))
        behind = passages.values(paths(further.line, marks[number + 1]))
        outside = np.maximum(exact - np.maximum(before, behind), np.minimum(before, behind) - exact)
        loudest = np.abs([exact, before, behind]).max(axis=(0, 2))
        unseen = (outside > UNSEEN * loudest[:, None]).any(axis=0)
        if not unseen.any():
            return None
        beside = np.array([max(scales[term.equation], 1e-300) for term in passages.terms])
        places, widths, missed = [], [], 0.0
        for cell in np.unique(number[unseen]):
            mine = np.flatnonzero(unseen & (number == cell))
            at = mine[int((outside[:, mine] / loudest[:, None]).max(axis=0).argmax())]
            width = np.ptp(further.begin[mine]) + 0.1 * (marks[cell + 1] - marks[cell])
            places.append(2 * further.begin[at] - 1)
            widths.append(2 * width)
            missed = max(missed, float((outside[:, at] / beside).max()) * float(width))
        return Narrow(np.array(places), np.array(widths), missed)

    def _scales(self, passages: Passages, paths: Paths, lines: int, sizes: Array) -> Array:
        """The sizes of the formulas on a slab, (E,)."""
        even = Spans.of(np.linspace(0.0, 1.0, 10), lines)
        domain = self.evolution.problem.domain
        return passages.scales(paths(even.line, even.begin), sizes, domain.upper - domain.lower)

    def _in_time(self, strip: Strip, passages: Passages, places: Array, table: Rule) -> Paths:
        """The solution at places (P,) from the start of a slab to its end."""
        local, x, orders = strip.line.local(places), strip.line.x(places), self.evolution.orders
        known = {
            jet: (
                local.apply(jet.index[0], strip.top[jet.unknown]),
                [local.apply(jet.index[0], row) for row in strip.state[jet.unknown]],
            )
            for jet in passages.jets
        }

        def paths(line: Numbers, at: Array) -> Array:
            columns = [x[line], strip.t + strip.h * at]
            for jet, (top, state) in known.items():
                order, b = orders[jet.unknown], min(jet.index[1], orders[jet.unknown])
                total = strip.h ** (order - b) * (top[line] * table.at(at, order - b)).sum(axis=1)
                for k in range(b, order):
                    total = total + state[k][line] * (strip.h * at) ** (k - b) / math.factorial(
                        k - b
                    )
                columns.append(total)
            return np.stack(columns, axis=1)

        return paths

    def _in_space(self, strip: Strip, passages: Passages) -> Paths:
        """The solution at INSTANTS from end to end."""
        line: Line = strip.line
        orders = self.evolution.orders
        fields = {b: strip.at(INSTANTS, orders, b) for b in {jet.index[1] for jet in passages.jets}}
        times = strip.t + strip.h * INSTANTS

        def paths(number: Numbers, at: Array) -> Array:
            local = line.local(2 * at - 1)
            columns = [line.x(2 * at - 1), times[number]]
            for jet in passages.jets:
                values = local.apply(jet.index[0], fields[jet.index[1]][jet.unknown])
                columns.append(values[np.arange(len(at)), number])
            return np.stack(columns, axis=1)

        return paths
