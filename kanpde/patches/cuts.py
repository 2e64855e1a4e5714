"""Where lines along an axis run inside a domain, from nothing but whether points are inside.

    ∫_(box ∩ Ω) f dx   ≈  Σ_lines w Σ_intervals ∫ f along the line
    ∫_(box ∩ ∂Ω) f dS  =  Σ_axes ∫ f n_a² dS  ≈  Σ_axes Σ_crossings w |n_a| f,       Σ_a n_a² = 1

Lines stand at Gauss nodes across, and Gauss nodes fill the intervals. Least squares need points
that leave no gap wider than those of Gauss nodes; that sums across are no spectral integrals where
the boundary turns away costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kanpde.numerics.polynomials import cube, gauss
from kanpde.numerics.quadrature import Array

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]
Test = Callable[[Array], Flags]
"""Whether points (N, d) are inside."""

AHEAD = 1e-6
"""How far beyond and within the ends of a box its sides are examined, as a share of it."""

STEPS = 24
"""Points of a line between which it is inside or not."""

SECTIONS, ROUNDS = 16, 11
"""In how many sections a step with a change is cut at a time, and how often."""

FEWEST = 3
"""Gauss nodes in an interval, however short."""


@dataclass(frozen=True)
class Lines:
    """Lines along `axis` through a box low … high (d,), at positions `across` (L, d - 1): where
    they enter or leave the domain. `changes` are the number of the line, the position, and whether
    it goes on inside; `begins` (L,) says which lines begin inside.
    """

    axis: int
    low: Array
    high: Array
    across: Array
    line: Numbers
    place: Array
    enters: Flags
    begins: Flags

    @classmethod
    def through(cls, test: Test, low: Array, high: Array, axis: int, across: Array) -> Lines:
        """Of a domain given by a test of points."""
        shares = _shares()
        x = _at(across, axis, low[axis] + np.tile(shares, (len(across), 1)) * (high - low)[axis])
        flags = test(x.reshape(-1, len(low))).reshape(len(across), len(shares))
        line, step = np.nonzero(flags[:, 1:] != flags[:, :-1])
        enters = flags[line, step + 1]
        # a change between the two points around an end is at the end
        share = np.where(step == 0, 0.0, np.where(step == len(shares) - 2, 1.0, shares[step]))
        inner = np.flatnonzero((step > 0) & (step < len(shares) - 2))

        def flagged(some: Array) -> Flags:
            places = low[axis] + some * (high - low)[axis]
            x = _at(across[line[inner]], axis, places).reshape(-1, len(low))
            return np.asarray(test(x).reshape(some.shape))

        if len(inner):
            width = shares[step + 1] - shares[step]
            share[inner] = _changed(flagged, share[inner], width[inner], enters[inner])
        place = low[axis] + share * (high - low)[axis]
        return cls(axis, low, high, across, line, place, enters, flags[:, 1])

    @property
    def x(self) -> Array:
        """The points (N, d) of all changes."""
        return _at(self.across[self.line], self.axis, self.place[:, None])[:, 0]

    def belongs(self) -> Flags:
        """Whether the domain is on the side of the box at a change (N,)."""
        ends = self.ends
        return np.asarray(((ends >= 0) | self.enters) & ((ends <= 0) | ~self.enters))

    @property
    def ends(self) -> Numbers:
        """-1 for a change at the lower end of the box, 1 at the upper end, 0 between them; (N,)."""
        at_low, at_high = self.place == self.low[self.axis], self.place == self.high[self.axis]
        return np.asarray(at_high.astype(np.int64) - at_low)

    def intervals(self) -> tuple[Numbers, Array, Array]:
        """The line, the begin and the end (I,) of every interval inside."""
        inner = (self.place > self.low[self.axis]) & (self.place < self.high[self.axis])
        line, place, enters = self.line[inner], self.place[inner], self.enters[inner]
        first = np.flatnonzero(self.begins)
        starts = np.concatenate([first, line[enters]])
        start_at = np.concatenate([np.full(len(first), self.low[self.axis]), place[enters]])
        order = np.lexsort((start_at, starts))
        starts, start_at = starts[order], start_at[order]
        # where the lines are inside at their ends, an interval ends there
        count = np.bincount(starts, minlength=len(self.across))
        last = np.flatnonzero(count > np.bincount(line[~enters], minlength=len(self.across)))
        ends = np.concatenate([line[~enters], last])
        end_at = np.concatenate([place[~enters], np.full(len(last), self.high[self.axis])])
        return starts, start_at, end_at[np.lexsort((end_at, ends))]


def _changed(test: Test, begin: Array, width: Array, enters: Flags) -> Array:
    """Where tests (N, K) of positions begin … begin + width (N,) on lines change, (N,)."""
    inner = np.arange(1, SECTIONS) / SECTIONS
    for _ in range(ROUNDS):
        flags = test(begin[:, None] + inner * width[:, None])
        changed = flags == enters[:, None]
        before = np.where(changed.any(axis=1), changed.argmax(axis=1), SECTIONS - 1)
        width = width / SECTIONS
        begin = begin + before * width
    return np.asarray(begin + width / 2)


def _shares() -> Array:
    """Positions on a line from 0 to 1: two around each end, the others at no special place."""
    inner = (np.arange(STEPS) + 0.5 + 0.137 * np.sin(np.arange(STEPS))) / STEPS
    return np.array([-AHEAD, AHEAD, *inner, 1 - AHEAD, 1 + AHEAD])


def _at(across: Array, axis: int, places: Array) -> Array:
    """Points (L, K, d) on lines across (L, d - 1) at places (L, K) along an axis."""
    dimension = across.shape[1] + 1
    x = np.empty((*places.shape, dimension))
    others = [k for k in range(dimension) if k != axis]
    x[:, :, others] = across[:, None, :]
    x[:, :, axis] = places
    return x


def gauss_lines(low: Array, high: Array, axis: int, nodes: int) -> tuple[Array, Array]:
    """Positions (L, d - 1) of lines along an axis through a box at Gauss nodes, and weights."""
    others = [k for k in range(len(low)) if k != axis]
    z, w = cube(nodes, len(others))
    half = (high - low)[others] / 2
    return (low + high)[others] / 2 + z * half, w * float(np.prod(half))


def filled(test: Test, low: Array, high: Array, axis: int, nodes: int) -> tuple[Array, Array]:
    """Points (N, d) and weights of the part of a box inside a domain, about `nodes` along its axes,
    by lines along one of them.
    """
    across, weights = gauss_lines(low, high, axis, nodes)
    line, begin, end = Lines.through(test, low, high, axis, across).intervals()
    extent = float((high - low)[axis])
    counts = np.maximum(FEWEST, np.ceil(nodes * (end - begin) / extent).astype(int) + 1)
    points, shares = [np.zeros((0, len(low)))], [np.zeros(0)]
    for count in np.unique(np.minimum(counts, nodes)).tolist():
        some = np.minimum(counts, nodes) == count
        z, w = gauss(count)
        half = (end - begin)[some, None] / 2
        places = (begin + end)[some, None] / 2 + half * z
        points.append(_at(across[line[some]], axis, places).reshape(-1, len(low)))
        shares.append((weights[line[some], None] * half * w).ravel())
    x, w = np.concatenate(points), np.concatenate(shares)
    return x[w > 0], w[w > 0]


@dataclass(frozen=True)
class CutSide:
    """The part of a flat piece low … high (d - 1,) of a side that is open, by a `test` of its
    points; lines run along `axis`.
    """

    test: Test
    low: Array
    high: Array
    axis: int
    measure: float
    _known: dict[int, tuple[Array, Array]] = field(default_factory=dict, repr=False)

    def rule(self, nodes: int) -> tuple[Array, Array]:
        """Points (N, d - 1) and weights, about `nodes` along every axis."""
        if nodes not in self._known:
            self._known[nodes] = filled(self.test, self.low, self.high, self.axis, nodes)
        return self._known[nodes]


def grid(count: int, dimension: int) -> Array:
    """Points (N, d) of a grid over [0, 1]^d whose first and last ones are nearly at the ends."""
    along = np.linspace(0.0, 1.0, count)
    along[1:-1] += 0.013 / count * np.cos(np.arange(1, count - 1))
    along[0], along[-1] = AHEAD, 1 - AHEAD
    return np.stack(np.meshgrid(*[along] * dimension, indexing="ij"), axis=-1).reshape(
        -1, dimension
    )


def components(flags: Flags) -> int:
    """The number of connected groups of the points of a grid (n, …, n) that are flagged."""
    label = np.where(flags, np.arange(1, flags.size + 1).reshape(flags.shape), 0)
    while True:
        spread = label.copy()
        for axis in range(label.ndim):
            for step in (slice(1, None), slice(None, -1)):
                here = [slice(None)] * label.ndim
                there = [slice(None)] * label.ndim
                here[axis] = step
                there[axis] = slice(None, -1) if step == slice(1, None) else slice(1, None)
                spread[tuple(here)] = np.maximum(spread[tuple(here)], label[tuple(there)])
        spread = np.where(flags, spread, 0)
        if (spread == label).all():
            return len(np.unique(label[flags]))
        label = spread
