"""Functions of one number that are polynomials between breaks, not joined there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Array = NDArray[np.float64]

DEGREE = 15
CLOSE = 1e-12
"""Of the width of a domain: breaks that are closer are one."""

MOST_HALVINGS, MOST = 30, 20_000
GAUSS, WEIGHTS = legendre.leggauss(DEGREE + 1)
INTO = legendre.legvander(GAUSS, DEGREE).T * WEIGHTS * (np.arange(DEGREE + 1) + 0.5)[:, None]
"""From values at Gauss points to Legendre coefficients."""

INTEGRATED = np.array([legendre.legval(GAUSS, legendre.legint(row, lbnd=-1)) for row in INTO.T]).T
"""From values at Gauss points to integrals from -1 to these points."""


@dataclass(frozen=True)
class Pieces:
    """Legendre coefficients (G, p + 1) between `breaks` (G + 1,)."""

    breaks: Array
    coefficients: Array

    def __call__(self, s: Array) -> Array:
        """Values (N,) on [first, last] break, of the piece above a break."""
        number = np.searchsorted(self.breaks[1:-1], s, side="right")
        low, high = self.breaks[number], self.breaks[number + 1]
        table = legendre.legvander((2 * s - low - high) / (high - low), DEGREE)
        return np.asarray((table * self.coefficients[number]).sum(axis=1))

    def between(self, low: float, high: float, shift: float, least: float) -> Pieces:
        """The function of s - shift for s in [low + shift, high + shift]: breaks within `least` of
        an end go to it.
        """
        inside = self.breaks[(self.breaks > low + least) & (self.breaks < high - least)]
        breaks = np.concatenate([[low], inside, [high]])
        middle = (breaks[1:] + breaks[:-1]) / 2
        number = np.searchsorted(self.breaks[1:-1], middle, side="right")
        rows = []
        for (a, b), k in zip(pairwise(breaks.tolist()), number, strict=True):
            ends = self.breaks[k : k + 2]
            if a == ends[0] and b == ends[1]:
                rows.append(self.coefficients[k])
                continue
            x = (a + b + (b - a) * GAUSS) / 2
            local = (2 * x - ends[0] - ends[1]) / (ends[1] - ends[0])
            rows.append(INTO @ legendre.legval(local, self.coefficients[k]))
        return Pieces(breaks + shift, np.array(rows))

    def joined(self, other: Pieces) -> Pieces:
        """Both, where the other one begins at the last break."""
        return Pieces(
            np.concatenate([self.breaks, other.breaks[1:]]),
            np.concatenate([self.coefficients, other.coefficients]),
        )

    def raised(self, by: float) -> Pieces:
        """The function and a number."""
        return Pieces(self.breaks, self.coefficients + by * np.eye(1, DEGREE + 1))

    def mirrored(self) -> Pieces:
        """The function of -s."""
        signs = (-1.0) ** np.arange(DEGREE + 1)
        return Pieces(-self.breaks[::-1], (self.coefficients * signs)[::-1])


def resolved(
    solve: Callable[[float, float], Array], breaks: Array, may: Callable[[Array], float]
) -> tuple[Pieces, float]:
    """A function whose values (p + 1,) at the Gauss points of an interval `solve` gives, halved until
    the last coefficients are below what they `may` be, and how far the worst of the shortest ones
    are from that. Intervals come from left to right, and what ends where one was halved comes again.
    """
    waiting = [(low, high, 0) for low, high in pairwise(breaks.tolist())][::-1]
    kept: list[tuple[float, float, Array]] = []
    rough = 0.0
    while waiting:
        low, high, depth = waiting.pop()
        row = INTO @ solve(low, high)
        last = depth == MOST_HALVINGS or len(kept) > MOST
        share = float(np.abs(row[-2:]).max() / may(row) * np.sqrt((high - low) / np.ptp(breaks)))
        if share > 1 and not last:
            middle = (low + high) / 2
            waiting += [(middle, high, depth + 1), (low, middle, depth + 1)]
            continue
        rough = max(rough, share if share > 1 else 0.0)
        kept.append((low, high, row))
    ends = np.array([low for low, _, _ in kept] + [kept[-1][1]])
    return Pieces(ends, np.array([row for _, _, row in kept])), rough
