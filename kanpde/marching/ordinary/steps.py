"""One march through an initial value problem, slab by slab, with lengths from local errors.

A slab is solved with LOW and then with HIGH Radau points; the difference of both is its local error
and the richer one is taken. It may add

    error · max(|u_i| on the slab, FADES · what counted as the size before, FLOOR · size_i),

at least rounding, to each unknown, where size_i is that of a march before, or else a guess from
initial values and sources. Longer or shorter slabs follow from the order LOW + 1 of the
difference.

    an attempt                                    next
    --------------------------------------------  ------------------------------------------------
    adds no more than it may                      taken; the next one as long as the error allows
    adds more, or hides a pulse in a formula      shorter, by the error
    passes through what is narrow in the unknowns a tenth
    Newton's method does not converge             from the last highest derivatives alone; a quarter
    as short as times can be told apart           the march ends there

Source: Hairer & Wanner, Solving Ordinary Differential Equations II, Springer 1996, IV.8.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from kanpde.expressions import Add, Node, Number, add, jets
from kanpde.expressions.evaluate import evaluate
from kanpde.marching.ordinary.collocation import Piece, rule, solve
from kanpde.marching.ordinary.statement import Array, Statement
from kanpde.marching.passing import passes
from kanpde.marching.pulses import Pulses
from kanpde.problem.passages import Numbers, Passages

LOW, HIGH = 9, 12
"""Radau points of the two solutions of a slab."""

FIRST, LONGEST = 1e-3, 1 / 16
"""Lengths of the first slab and of the longest, as shares of the interval."""

MOST_SLABS = 200_000
FADES = 0.5
"""The size of an unknown is forgotten at most so fast, slab by slab."""

FLOOR = 1e-3
"""No unknown counts as smaller than this share of its size over the whole interval, nor is that
guessed as smaller than this share of the largest one.
"""

ROUNDING = 200 * float(np.finfo(np.float64).eps)
SAFETY, LEAST, MOST = 0.8, 0.1, 4.0
"""Aim of the next length, and its least and largest factor."""

CHECKED = np.linspace(0.0, 1.0, 2 * HIGH + 1)
"""Where the two solutions of a slab are compared."""

PROBES = 1 << 14
"""Points on the interval at which the largest source is looked for."""


@dataclass(frozen=True)
class March:
    """Pieces from the start on, and why they end before the interval does, if they do."""

    pieces: tuple[Piece, ...]
    ended: str | None = None

    @property
    def end(self) -> float:
        """Where the last piece ends."""
        return self.pieces[-1].t + self.pieces[-1].h if self.pieces else math.nan


@dataclass
class _Marching:
    """What changes on the way."""

    statement: Statement
    error: float
    known: Array | None
    pieces: list[Piece] = field(default_factory=list)

    def __post_init__(self) -> None:
        statement = self.statement
        count = len(statement.orders)
        self.span = statement.end - statement.start
        self.length = FIRST * abs(self.span)
        self.size = np.zeros(count)
        self.largest = np.zeros(count)
        self.least = 16 * math.ulp(max(abs(statement.start), abs(statement.end)))
        self.sources = [_source(node) for node in statement.equations]
        everywhere = statement.start + self.span * (np.arange(PROBES) + 0.5) / PROBES
        self.loudest = np.abs(self._sources_at(everywhere)).max(axis=1)
        ends = (statement.start, statement.end)
        parts = [(node, np.zeros((1, 1))) for node in statement.equations]
        self.pulses = Pulses.of(statement.problem, parts, 0, ends)
        self.floor = FLOOR * (self._guessed() if self.known is None else self.known)
        self.passages = Passages.of(statement.equations, 1)

    def _guessed(self) -> Array:
        """Sizes (m,) from initial values, and from sources that act all the way."""
        guessed = np.array([abs(v[0]) if len(v) else 0.0 for v in self.statement.initial])
        for number, node in enumerate(self.statement.equations):
            for jet in jets(node):
                order = self.statement.orders[jet.unknown]
                if jet.index[0] == order:
                    source = self.loudest[number] * abs(self.span) ** order
                    guessed[jet.unknown] = max(guessed[jet.unknown], source)
        return np.asarray(np.maximum(guessed, FLOOR * guessed.max()))

    def attempt(self, t: float, h: float, state: tuple[Array, ...]) -> tuple[Piece, float] | None:
        """The richer solution of a slab and its error in units of what it may add; None where it
        has none.
        """
        statement = self.statement
        orders = statement.orders
        for start in self._starts(h):
            allowed = self._may(self._at_least(state))
            poor = solve(statement, t, h, state, start, allowed, self.pieces)
            if poor is None:
                continue
            top = rule(LOW).at(rule(HIGH).nodes, 0) @ poor.top.T
            rich = solve(statement, t, h, state, top.T, allowed, self.pieces)
            if rich is None:
                continue
            values = rich.values(CHECKED, orders)
            away = np.abs(values - poor.values(CHECKED, orders)).max(axis=1)
            here = np.abs(values).max(axis=1)
            may = self._may(here)
            share = float((away / may).max())
            return (rich, share) if math.isfinite(share) else None
        return None

    def _starts(self, h: float) -> list[Array]:
        """Highest derivatives (m, LOW) to begin from: those of the last slab going on, then held."""
        count = len(self.statement.orders)
        if not self.pieces:
            first = np.zeros((count, LOW))
            for row, state, order in zip(
                first, self.statement.initial, self.statement.orders, strict=True
            ):
                row[:] = state[0] if order == 0 and len(state) else 0.0
            return [first, first + 1.0]
        last = self.pieces[-1]
        beyond = 1 + h / last.h * rule(LOW).nodes
        held = np.repeat(last.top[:, -1:], LOW, axis=1)
        going_on = (rule(last.stages).at(beyond, 0) @ last.top.T).T
        still = np.zeros_like(held)
        still[[i for i, order in enumerate(self.statement.orders) if order == 0]] = held[
            [i for i, order in enumerate(self.statement.orders) if order == 0]
        ]
        return [going_on, held, still] if abs(h) <= 1.5 * abs(last.h) else [held, still]

    def _at_least(self, state: tuple[Array, ...]) -> Array:
        """The sizes at the start of a slab, (m,)."""
        return np.array([abs(values[0]) if len(values) else 0.0 for values in state])

    def _may(self, here: Array) -> Array:
        """What a slab may add to unknowns of such a size on it, (m,)."""
        size = np.maximum(np.maximum(here, FADES * self.size), self.floor)
        largest = np.maximum(self.largest, here)
        return np.maximum(self.error * size, ROUNDING * largest) + 1e-300

    def take(self, piece: Piece) -> None:
        """Go on behind a solved slab."""
        here = np.abs(piece.values(CHECKED, self.statement.orders)).max(axis=1)
        self.largest = np.maximum(self.largest, here)
        self.size = np.maximum(here, FADES * self.size)
        self.pieces.append(piece)

    def unresolved(self, t: float, h: float) -> bool:
        """Whether formulas have a peak between the points of a slab."""
        table = rule(HIGH)
        return self.pulses.hidden(t, h, table.nodes, lambda at: table.at(at, 0), len(self.pieces))

    def passes(self, piece: Piece) -> bool:
        """Whether a solved slab passes through what is narrow in the unknowns between its points."""
        if not self.passages.terms:
            return False
        orders, jets_of = self.statement.orders, self.passages.jets

        def paths(_: Numbers, at: Array) -> Array:
            powers = {jet.index[0] for jet in jets_of}
            fields = {power: piece.values(at, orders, power) for power in powers}
            columns = [fields[jet.index[0]][jet.unknown] for jet in jets_of]
            return np.stack([piece.t + piece.h * at, *columns], axis=1)

        here = np.abs(piece.values(CHECKED, orders)).max(axis=1)
        sizes = np.maximum(np.maximum(here, self.largest), self.floor)
        sizes, span = np.maximum(sizes, FLOOR * sizes.max()), abs(self.span)
        scales = self.passages.scales(
            paths(np.zeros(0, dtype=int), CHECKED), sizes, np.array([span])
        )
        least = self.error * span / abs(piece.h)
        table = rule(piece.stages)
        instants = (table.nodes, partial(table.at, folds=0))
        return passes(self.passages, paths, 1, instants, scales, least)

    def _sources_at(self, t: Array) -> Array:
        """The sources of all equations at points (N,), (m, N)."""
        return torch.stack(evaluate(self.sources, torch.from_numpy(t)[:, None])).numpy()


def _source(node: Node) -> Node:
    """The sum of the terms of an equation that hold its coordinate and no unknown."""
    terms = node.children if isinstance(node, Add) else (node,)
    return add(*(term for term in terms if not jets(term) and not isinstance(term, Number)))


def march(
    statement: Statement,
    error: float,
    stopped: Callable[[], bool],
    shorter: float = 1.0,
    known: Array | None = None,
) -> March:
    """March from the start to the end with slabs that add about `error` each, relative to the
    unknowns; it ends early where `stopped` says so, or no slab goes on.

    The first and the longest slabs are `shorter` by a factor of at most 1; `known` are the sizes
    (m,) of the unknowns over the interval, from a march before.
    """
    marching = _Marching(statement, error, known)
    marching.length *= shorter
    stops = statement.stops
    t, state, stop = statement.start, statement.initial, stops.after(statement.start)
    forward = math.copysign(1.0, marching.span)
    # no slab reaches behind what a delay needs of itself
    longest = min([shorter * LONGEST * abs(marching.span), *(lag.by for lag in statement.lags)])
    while len(marching.pieces) < MOST_SLABS:
        left = abs(stop - t)
        length = min(marching.length, longest)
        last = left <= 1.01 * length
        h = stops.before(stop) - t if last else forward * min(length, max(left / 2, length / 2))
        if stopped():
            return March(tuple(marching.pieces), "was stopped")
        attempt = None if marching.unresolved(t, h) else marching.attempt(t, h, state)
        share = math.inf if attempt is None else attempt[1]
        factor = LEAST if math.isinf(share) else SAFETY * (1 / max(share, 1e-12)) ** (1 / (LOW + 1))
        marching.length = min(MOST, max(LEAST, factor)) * abs(h)
        if attempt is not None and share <= 1 and marching.passes(attempt[0]):
            attempt, marching.length = None, LEAST * abs(h)
        if attempt is not None and share <= 1:
            marching.take(attempt[0])
            if last and stop == statement.end:
                return March(tuple(marching.pieces))
            t, state = stop if last else t + h, attempt[0].end(statement.orders)
            stop = stops.after(t)
        elif marching.length < marching.least:
            return March(tuple(marching.pieces), f"does not go on at {t:.6g}")
    return March(tuple(marching.pieces), f"has {MOST_SLABS} slabs at {t:.6g}")
