"""The time that a line takes along the way: a coordinate in which every speed is ±1.

    y(x) = ∫_lower^x dz / |a(z)|,    u_t + a(x) u_x = F   ⟺   u_t ± u_y = F(x(y), t, u)

y is a polynomial of degree DEGREE + 1 on each of the pieces of x, which are halved until the last
coefficients of 1/|a| are rounding. It is known beyond the ends too: lines
of a slab begin before they come in and end behind where they leave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Array = NDArray[np.float64]
Piece = tuple[float, float, Array]
"""Ends, and Legendre coefficients (p + 1,) of 1/|a| between them."""

DEGREE = 15
ROUNDING = 1e-14
MOST, DEEPEST = 400, 30
"""Pieces at most, and halvings: beyond them the speed is not smooth, or zero at an end."""

ITERATIONS = 60
LEAST = 1e-6
"""Of the width of the domain: a shorter step beyond its end goes nowhere."""


@dataclass(frozen=True)
class Travel:
    """Legendre coefficients (G, p + 2) of y on the pieces between `edges` (G + 1,) of x."""

    edges: Array
    coefficients: Array

    @classmethod
    def none(cls, lower: float, upper: float) -> Travel:
        """y = x."""
        half, middle = (upper - lower) / 2, (upper + lower) / 2
        return cls(np.array([lower, upper]), np.array([[middle, half]]))

    @classmethod
    def of(
        cls, slowness: Callable[[Array], Array], ends: tuple[float, float], beyond: float
    ) -> Travel | None:
        """From 1/|a| at places (N,), between the ends of a domain and beyond both.

        Args:
            slowness: 1/|a|, not finite or not positive where there is none.
            ends: of the domain.
            beyond: until which time of travel y is needed beyond each end, if that is shorter than
                the one through the domain.
        """
        inside = _pieces(slowness, *ends)
        if inside is None:
            return None
        reach = min(beyond, sum(_lasting(piece) for piece in inside))
        below, above = (_beyond(slowness, ends, side, reach) for side in (-1, 1))
        if below is None or above is None:
            return None
        pieces = sorted(below + inside + above, key=lambda piece: piece[0])
        edges = np.array([piece[0] for piece in pieces] + [pieces[-1][1]])
        rows, y = [], -sum(_lasting(piece) for piece in below)
        for low, high, series in pieces:
            whole = (high - low) / 2 * legendre.legint(series, lbnd=-1)
            whole[0] += y
            y = float(legendre.legval(1.0, whole))
            rows.append(whole)
        return cls(edges, np.array(rows))

    def y(self, x: Array) -> Array:
        """The time of travel from the lower end to places (N,)."""
        number, local = self._local(x)
        table = legendre.legvander(local, self.coefficients.shape[1] - 1)
        return np.asarray((table * self.coefficients[number]).sum(axis=1))

    def x(self, y: Array) -> Array:
        """Where lines are after times of travel (N,), by Newton's method between bounds."""
        if self.coefficients.shape[1] == 2:
            return np.asarray(y)
        at = self.y(self.edges)
        number = np.clip(np.searchsorted(at, y, side="right") - 1, 0, len(at) - 2)
        low, high = self.edges[number], self.edges[number + 1]
        share = np.clip((y - at[number]) / (at[number + 1] - at[number]), 0.0, 1.0)
        x, series = low + share * (high - low), self.coefficients[number]
        for _ in range(ITERATIONS):
            local = (2 * x - low - high) / (high - low)
            table, slopes = _with_slopes(local, series.shape[1])
            gap = (table * series).sum(axis=1) - y
            step = gap * (high - low) / 2 / (slopes * series).sum(axis=1)
            x = np.clip(x - step, low, high)
            if (np.abs(step) <= ROUNDING * (np.abs(x) + high - low)).all():
                break
        return np.asarray(x)

    def _local(self, x: Array) -> tuple[NDArray[np.int64], Array]:
        """The pieces of places and positions in them, (N,)."""
        number = np.searchsorted(self.edges[1:-1], x, side="right")
        low, high = self.edges[number], self.edges[number + 1]
        return number, (2 * x - low - high) / (high - low)


def _lasting(piece: Piece) -> float:
    """The time of travel through a piece."""
    low, high, series = piece
    return float(series[0] * (high - low))


def _beyond(
    slowness: Callable[[Array], Array], ends: tuple[float, float], side: int, reach: float
) -> list[Piece] | None:
    """Pieces beyond the lower (-1) or the upper end (1), until a time of travel; None where lines
    come to a halt before.
    """
    done: list[Piece] = []
    width, at, gone = ends[1] - ends[0], ends[0] if side < 0 else ends[1], 0.0
    while gone < reach:
        step = min(width, 1.1 * (reach - gone) / float(slowness(np.array([at]))[0]))
        pieces = _pieces(slowness, *sorted((at, at + side * step)))
        while pieces is None and step > LEAST * width:  # short of where the speed is zero
            step /= 2
            pieces = _pieces(slowness, *sorted((at, at + side * step)))
        if pieces is None or len(done) > MOST:
            return None
        done += pieces
        gone += sum(_lasting(piece) for piece in pieces)
        at += side * step
    return done


def _pieces(function: Callable[[Array], Array], low: float, high: float) -> list[Piece] | None:
    """A positive function on pieces that resolve it; None where it is not smooth."""
    gauss, weights = legendre.leggauss(DEGREE + 1)
    into = legendre.legvander(gauss, DEGREE).T * weights * (np.arange(DEGREE + 1) + 0.5)[:, None]
    done: list[Piece] = []
    waiting = [(low, high, 0)]
    while waiting:
        low, high, depth = waiting.pop()
        values = function((low + high + (high - low) * gauss) / 2)
        if depth > DEEPEST or len(done) > MOST or not (np.isfinite(values) & (values > 0)).all():
            return None
        series = into @ values
        if np.abs(series[-2:]).max() <= ROUNDING * np.abs(series).max():
            done.append((low, high, series))
        else:
            middle = (low + high) / 2
            waiting += [(middle, high, depth + 1), (low, middle, depth + 1)]
    return done


def _with_slopes(s: Array, count: int) -> tuple[Array, Array]:
    """P_0 … P_{count-1} at points (N,) and their derivatives, (N, count)."""
    table = legendre.legvander(s, count - 1)
    slopes = np.zeros((len(s), count))
    for n in range(1, count):
        slopes[:, n] = n * table[:, n - 1] + s * slopes[:, n - 1]
    return np.asarray(table), slopes
