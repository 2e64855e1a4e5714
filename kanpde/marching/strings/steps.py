"""One march of waves on a line: what goes to the right and what goes to the left.

    u = f(x - c (t - t_0)) + g(x + c (t - t_0)),    f, g = (u_0 ∓ 1/c ∫ u_t) / 2  at the start

At an end what leaves is known, and what comes in, φ at the way s = c (t - t_0), follows from the
condition there, integrated along s:

    A φ(s) = A φ(0) + B (out(s) - out(0)) + ∫ (G - α (φ + out)) ds,    A, B = β n ± c γ

or α φ = G - α out where A = 0. Both functions are polynomials between the places of jumps and kinks
and of the corners of the slab: nothing but rounding is lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kanpde.marching.strings.pieces import (
    CLOSE,
    DEGREE,
    GAUSS,
    INTEGRATED,
    WEIGHTS,
    Pieces,
    resolved,
)
from kanpde.marching.strings.statement import End, Waves

Array = NDArray[np.float64]

IDENTITY = np.eye(DEGREE + 1)
RESOLVED = 0.1
"""Share of the local error for the last coefficients."""


@dataclass(frozen=True)
class Slab:
    """From t over h: f on [lower - c h, upper] and g on [lower, upper + c h]."""

    t: float
    h: float
    right: Pieces
    left: Pieces


@dataclass
class March:
    """Slabs one after the other, as long as `shorter` than a wave needs for the line."""

    posed: Waves
    error: float
    shorter: float
    stopped: Callable[[], bool]
    slabs: list[Slab] = field(default_factory=list)
    ended: str | None = None
    rough: float = 0.0
    largest: float = 1e-300
    rise: float = 0.0

    def run(self) -> March:
        """All slabs."""
        posed = self.posed
        (t, end), (lower, upper) = posed.times, posed.ends
        longest = self.shorter * (upper - lower) / posed.speed
        least = CLOSE * (upper - lower)
        right, left = self._begin()
        while t < end:
            if self.stopped():
                self.ended = "was stopped"
                break
            h = end - t if end - t < 1.001 * longest else longest
            way = posed.speed * h
            right, left = self._extended(right, left, t, way)
            self.slabs.append(Slab(t, h, right, left))
            t = end if h == end - t else t + h
            right = right.between(lower - way, upper - way, way, least)
            left = left.between(lower + way, upper + way, -way, least)
        return self

    def _begin(self) -> tuple[Pieces, Pieces]:
        """f and g at the start, and what both rise by from end to end where these repeat."""
        posed, (lower, upper) = self.posed, self.posed.ends
        breaks = _distinct(np.array([lower, *posed.places, upper]), CLOSE * (upper - lower))
        gone = {lower: 0.0}  # 1/c ∫ u_t until the breaks

        def half(sign: float) -> Callable[[float, float], Array]:
            def values(low: float, high: float) -> Array:
                u, rate = posed.start(_gauss(low, high))
                scale = (high - low) / 2 / posed.speed
                gone[high] = gone[low] + scale * float(WEIGHTS @ rate)
                return np.asarray((u + sign * (gone[low] + scale * INTEGRATED @ rate)) / 2)

            return values

        right, left = (self._resolved(half(sign), breaks) for sign in (-1.0, 1.0))
        self.rise = gone[upper] / 2
        return right, left

    def _extended(self, right: Pieces, left: Pieces, t: float, way: float) -> tuple[Pieces, Pieces]:
        """f and g on all that passes the ends on a way from t on."""
        (lower, upper), least = self.posed.ends, CLOSE * (self.posed.ends[1] - self.posed.ends[0])
        at_right = right.between(upper - way, upper, -upper, least)
        at_left = left.between(lower, lower + way, -lower, least)
        if self.posed.conditions is None:
            before = Pieces(at_right.breaks + lower, at_right.coefficients).raised(self.rise)
            behind = Pieces(at_left.breaks + upper, at_left.coefficients).raised(self.rise)
            return before.joined(right), left.joined(behind)
        first, last = self.posed.conditions
        corner = np.array([lower]), np.array([upper])
        enters = self._incoming(first, at_left, float(right(corner[0])[0]), t).mirrored()
        returns = self._incoming(last, at_right.mirrored(), float(left(corner[1])[0]), t)
        before = Pieces(enters.breaks + lower, enters.coefficients)
        behind = Pieces(returns.breaks + upper, returns.coefficients)
        return before.joined(right), left.joined(behind)

    def _incoming(self, end: End, out: Pieces, begins: float, t: float) -> Pieces:
        """φ at ways s from t on, where `out` is what leaves there."""
        comes, leaves = end.factors(self.posed.speed)
        ways = self.posed.speed * (end.instants - t)
        way = float(out.breaks[-1])
        inside = ways[(ways > 0) & (ways < way)]
        whole = self.posed.ends[1] - self.posed.ends[0]
        breaks = _distinct(np.concatenate([out.breaks, inside]), CLOSE * whole)
        given_by_value = comes == 0.0
        kept = {0.0: comes * begins - leaves * float(out(np.zeros(1))[0])}  # A φ - B out at breaks

        def values(low: float, high: float) -> Array:
            s, half = _gauss(low, high), (high - low) / 2
            alpha, given = end.at(t + s / self.posed.speed)
            there = out(s)
            if given_by_value:
                return np.asarray(given / alpha - there)
            integral = half * INTEGRATED
            known = kept[low] + leaves * there + integral @ (given - alpha * there)
            phi = np.linalg.solve(comes * IDENTITY + integral * alpha, known)
            kept[high] = kept[low] + half * float(WEIGHTS @ (given - alpha * (phi + there)))
            return np.asarray(phi)

        return self._resolved(values, breaks)

    def _resolved(self, solve: Callable[[float, float], Array], breaks: Array) -> Pieces:
        def may(row: Array) -> float:
            self.largest = max(self.largest, float(np.abs(row).max()))
            return RESOLVED * self.error * self.largest

        pieces, rough = resolved(solve, breaks, may)
        self.rough = max(self.rough, rough * RESOLVED * self.error)
        return pieces


def _gauss(low: float, high: float) -> Array:
    return np.asarray((low + high + (high - low) * GAUSS) / 2)


def _distinct(places: Array, least: float) -> Array:
    """Rising places that are further apart than `least`."""
    rising = np.unique(places)
    return np.asarray(rising[np.concatenate([[True], np.diff(rising) > least])])
