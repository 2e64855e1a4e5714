"""One march of a transport along a line: slabs on which every line x - a (t - t_0) = ζ has its own
ordinary differential equation

    du/dt = F(ζ + a (t - t_0), t, u),    u = u_0(ζ) at t_0, or g where the line comes in

at Radau points of t and Gauss points of intervals of ζ. Intervals end at the lines of jumps and
kinks, and are halved until the last coefficients are small; a slab is, until those in time are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from kanpde.marching.ordinary.collocation import rule
from kanpde.marching.transport.statement import Transport

Array = NDArray[np.float64]

DEGREE, STAGES = 11, 10
"""Of the polynomials along ζ, and Radau points in time."""

ITERATIONS, CONVERGED = 12, 1e-3
SHORTEST, CLOSE = 1e-9, 1e-12
"""Shares of the time for a slab at least, and of the length for an interval at least."""

MOST_INTERVALS, MOST_HALVINGS = 20_000, 30


@dataclass(frozen=True)
class Slab:
    """From t over h: Legendre coefficients (G, p + 1, s + 1) of u along ζ, which is x at t, between
    `labels` (G + 1,), and of time; `rough` is what the shortest intervals leave.
    """

    t: float
    h: float
    labels: Array
    coefficients: Array
    rough: float = 0.0


@dataclass
class March:
    """Slabs one after the other; the first is `shorter` than the time by a factor."""

    posed: Transport
    error: float
    shorter: float
    stopped: Callable[[], bool]
    slabs: list[Slab] = field(default_factory=list)
    ended: str | None = None
    largest: float = 0.0

    def run(self) -> March:
        """All slabs."""
        begin, end = self.posed.times
        lower, upper = self.posed.ends
        longest = self.shorter * min(end - begin, (upper - lower) / abs(self.posed.speed))
        t, h = begin, longest
        while self.ended is None and t < end:
            left = end - t
            h = left if left < 1.001 * h else h
            if self.stopped():
                self.ended = "was stopped"
            elif (slab := self._attempt(t, h)) is not None:
                self.slabs.append(slab)
                t = end if h == left else t + h
                h = min(2 * h, longest)
            elif h < SHORTEST * (end - begin):
                self.ended = f"does not go on at {t:.6g}"
            else:
                h /= 2
        return self

    @property
    def rough(self) -> float:
        """What intervals leave of jumps that no formula tells, relative to u."""
        return max((slab.rough for slab in self.slabs), default=0.0)

    def _attempt(self, t: float, h: float) -> Slab | None:
        """A slab; None for one that is too long."""
        labels = self._labels(t, h)
        done: list[tuple[float, float, Array]] = []
        waiting = list(pairwise(labels.tolist()))
        rough, width = 0.0, labels[-1] - labels[0]
        for halvings in range(MOST_HALVINGS):
            ends = np.array(waiting)
            table = self._solved(t, h, ends)
            if table is None:
                return None
            size = np.sqrt((table[:, 0, 0] ** 2).mean())
            self.largest = max(self.largest, float(size))
            may = self.error * max(self.largest, 1e-300)
            if np.sqrt((_norms(table[:, :, -2:]) * (ends[:, 1] - ends[:, 0])).sum() / width) > may:
                return None
            away = np.sqrt(_norms(table[:, -2:]) * (ends[:, 1] - ends[:, 0]) / width)
            last = halvings == MOST_HALVINGS - 1 or len(done) + 2 * len(ends) > MOST_INTERVALS
            kept = np.full(len(ends), True) if last else away <= may * np.sqrt(0.1)
            if last:
                rough = float(np.sqrt((away**2).sum()) / max(self.largest, 1e-300))
            done += [(*ends[k], table[k]) for k in np.flatnonzero(kept)]
            waiting = [
                half
                for low, high in ends[~kept]
                for half in ((low, (low + high) / 2), ((low + high) / 2, high))
            ]
            if not waiting:
                break
        done.sort(key=lambda piece: piece[0])
        all_labels = np.array([low for low, _, _ in done] + [done[-1][1]])
        return Slab(t, h, all_labels, np.array([table for _, _, table in done]), rough)

    def _labels(self, t: float, h: float) -> Array:
        """Where intervals of ζ end at first: at the domain's ends and the lines of jumps."""
        posed, (lower, upper) = self.posed, self.posed.ends
        begin = posed.times[0]
        # of the corner where the start meets the data that come in, or of the seam, too
        lines = np.append(posed.places, posed.inflow) + posed.speed * (t - begin)
        if posed.periodic:
            ends = [lower, upper]
            lines = lower + np.remainder(lines - lower, upper - lower)
        else:
            ahead = posed.inflow - posed.speed * h
            ends = sorted([lower, upper, ahead])
            lines = np.append(lines, posed.inflow + posed.speed * (t - posed.instants))
        inside = lines[(lines > ends[0]) & (lines < ends[-1])]
        return _distinct(np.concatenate([ends, inside]), CLOSE * (upper - lower))

    def _solved(self, t: float, h: float, ends: Array) -> Array | None:
        """Legendre coefficients (G, p + 1, s + 1) on intervals (G, 2); None without a solution."""
        gauss, weights = legendre.leggauss(DEGREE + 1)
        labels = ((ends[:, :1] + ends[:, 1:]) + (ends[:, 1:] - ends[:, :1]) * gauss) / 2
        by_time = self._along(t, h, labels.ravel())
        if by_time is None:
            return None
        into = legendre.legvander(gauss, DEGREE).T * weights
        into *= (np.arange(DEGREE + 1) + 0.5)[:, None]
        return np.asarray(np.einsum("pn,gns->gps", into, by_time.reshape(*labels.shape, -1)))

    def _along(self, t: float, h: float, labels: Array) -> Array | None:
        """Legendre coefficients in time (N, s + 1) along lines (N,)."""
        posed, table = self.posed, rule(STAGES)
        comes, at_entry = self._start(t, h, labels)
        since = np.asarray(table.at(comes, 1))
        integral = h * (table.at_nodes[1][None] - since[:, None, :])
        instants = np.tile(t + h * table.nodes, len(labels))
        x = (labels[:, None] + posed.speed * h * table.nodes).ravel()
        if posed.periodic:
            lower, upper = posed.ends
            x = lower + np.remainder(x - lower, upper - lower)
        rates = np.zeros((len(labels), STAGES))
        for _ in range(ITERATIONS):
            u = at_entry[:, None] + np.einsum("nij,nj->ni", integral, rates)
            source, slope = posed.source(x, instants, u.ravel())
            if not (np.isfinite(source).all() and np.isfinite(slope).all()):
                return None
            left = rates - source.reshape(rates.shape)
            matrix = np.eye(STAGES) - slope.reshape(rates.shape)[:, :, None] * integral
            step = np.linalg.solve(matrix, left[:, :, None])[:, :, 0]
            rates = rates - step
            size = max(float(np.abs(u).max()), 1e-300)
            if h * np.abs(step).max() <= CONVERGED * self.error * size:
                break
        else:
            return None
        series = h * rates @ table.series[1].T
        series[:, 0] += at_entry - h * (since * rates).sum(axis=1)
        return np.asarray(series)

    def _start(self, t: float, h: float, labels: Array) -> tuple[Array, Array]:
        """When in the slab each line begins, as a share of h, and u there, (N,) each."""
        posed = self.posed
        comes = np.zeros(len(labels))
        if not posed.periodic:
            comes = np.maximum(0.0, (posed.inflow - labels) / (posed.speed * h))
        u, new = np.empty(len(labels)), comes > 0
        if new.any():
            u[new] = posed.entering(t + h * comes[new])
        old = labels[~new]
        if self.slabs:
            u[~new] = ended(self.slabs[-1], posed, old)
        else:
            u[~new] = posed.start(old)
        return comes, u


def ended(slab: Slab, posed: Transport, x: Array) -> Array:
    """u at the end of a slab, (N,)."""
    labels = x - posed.speed * slab.h
    lower, upper = slab.labels[0], slab.labels[-1]
    if posed.periodic:
        labels = lower + np.remainder(labels - lower, upper - lower)
    number = np.clip(
        np.searchsorted(slab.labels, labels, side="right") - 1, 0, len(slab.labels) - 2
    )
    low, high = slab.labels[number], slab.labels[number + 1]
    table = legendre.legvander((2 * labels - low - high) / (high - low), DEGREE)
    return np.asarray((table * slab.coefficients[number].sum(axis=2)).sum(axis=1))


def _norms(table: Array) -> Array:
    """Mean squares (G,) of series (G, p, q) by Legendre polynomials of both, whatever their first
    degree: coefficients are counted in full.
    """
    return np.asarray((table**2).sum(axis=(1, 2)))


def _distinct(places: Array, least: float) -> Array:
    """Rising places that are further apart than `least`."""
    rising = np.unique(places)
    kept = np.concatenate([[True], np.diff(rising) > least])
    return np.asarray(rising[kept])
