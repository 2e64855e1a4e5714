"""Splines on a line, with the points at which equations are met.

An equation of order 2 is met at the Greville abscissae of the splines but for the ends, one of
order 4 but for the two behind either end, one of odd order in the middles between those inside:
conditions at the ends make up for them. For degree 7 the eigenvalues of u_xx are real and negative
then, those of -u_xxxx too between ends that are clamped, hinged or free (without the ends and
their neighbours those of a hinged beam are complex, and u_tt = -u_xxxx grows), and those of u_x
with what flows in given have no part that grows; for degree 9, or at the abscissae themselves, some
have. Where u repeats, the points are the knots: for odd degrees
derivatives are central there.

Source: C. de Boor, A Practical Guide to Splines, Springer 2001, ch. XII–XIII.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from kanpde.marching.equidistribution import FINE, Stretch
from kanpde.marching.lines.statement import Array
from kanpde.trial.bases import SplineGrid

DEGREE, REPEATING = 7, 11
"""Degrees of splines between ends, and of those that repeat."""

MOST_DERIVATIVES = 5

APART, REACH = 0.1, 0.45
CLOSEST, CLOSER = 1e-8, 0.6
"""Distance from an end, for [-1, 1], of the first knot where the initial values do not fit there
(or from a place inside where they jump), and the share of the next knot's distance that each knot
is away, both at first.
"""


@dataclass(frozen=True)
class Local:
    """At N points the numbers `columns` (N, p + 1) of the splines that are not zero there, and
    their derivatives by x, `values` (A, N, p + 1).
    """

    columns: NDArray[np.int64]
    values: Array

    def apply(self, derivative: int, coefficients: Array) -> Array:
        """∂_x^n of splines (K, …) at the points, (N, …)."""
        picked = coefficients[self.columns]
        return np.asarray(np.einsum("nw,nw...->n...", self.values[derivative], picked))


@dataclass(frozen=True)
class Line:
    """Splines on `breakpoints` of [-1, 1], which is [lower, upper] in x.

    Towards the places of `graded`, ends (-1 or 1) or inside, there are knots `added` to those that
    were asked for, the first of them `closest` to the place, and each a share `closer` of the next
    one away.
    """

    breakpoints: Array
    periodic: bool
    lower: float
    upper: float
    graded: tuple[float, ...] = ()
    closest: float = CLOSEST
    closer: float = CLOSER
    added: int = 0

    @cached_property
    def grid(self) -> SplineGrid:
        """The splines of the KAN."""
        rows = torch.from_numpy(self.breakpoints)[None]
        if not self.periodic:
            return SplineGrid.given(rows, self.degree, clamped=True)
        inner = self.breakpoints
        before = inner[-self.degree - 1 : -1] - 2.0
        after = inner[1 : self.degree + 1] + 2.0
        knots = torch.from_numpy(np.concatenate([before, inner, after]))[None]
        return SplineGrid(knots, self.degree, False, True)

    @property
    def degree(self) -> int:
        """p."""
        return REPEATING if self.periodic and not self.graded else DEGREE

    @property
    def intervals(self) -> int:
        """G, without those of further knots at ends."""
        return len(self.breakpoints) - 1 - self.added

    @cached_property
    def shares(self) -> Array:
        """The share of each spline in a mean over the line, (K,): the same for all, but where ends
        are graded, as much as its integral.
        """
        if not self.graded:
            return np.full(self.size, 1 / self.size)
        knots = self.grid.knots[0].numpy()
        width = knots[self.degree + 1 :] - knots[: -self.degree - 1]
        return np.asarray(width[: self.size] / width[: self.size].sum())

    @property
    def size(self) -> int:
        """K."""
        return self.grid.size

    def rms(self, coefficients: Array) -> Array:
        """The largest root mean square of coefficients (m, K, N) over the line, (m,)."""
        squares = np.einsum("ikn,k->in", coefficients**2, self.shares)
        return np.asarray(np.sqrt(squares).max(axis=1))

    def x(self, s: Array) -> Array:
        """Places of positions in [-1, 1]."""
        return self.lower + (self.upper - self.lower) * (s + 1) / 2

    def points(self, order: int = 0) -> Array:
        """The positions (K - r,) of an equation of such an order in x, (K,) where u repeats."""
        if self.periodic and not self.graded:
            return self.breakpoints[:-1]
        fewer, greville = order // 2, self.grid.greville()[0].numpy()
        if self.periodic:  # in the order of the knots next to them
            return np.roll((greville[: self.size] + 1) % 2 - 1, -(self.degree // 2))
        if order % 2 == 0 and order > 2:
            behind = np.arange(1, fewer + 1)
            return np.delete(greville, np.concatenate([behind, self.size - 1 - behind]))
        inner = greville[fewer : self.size - fewer]
        return np.asarray((inner[1:] + inner[:-1]) / 2 if order % 2 else inner)

    def local(self, s: Array) -> Local:
        """The splines at positions (N,)."""
        interval, table = self.grid.basis(torch.from_numpy(s)[None], MOST_DERIVATIVES)
        scale = 2 / (self.upper - self.lower)
        powers = scale ** np.arange(MOST_DERIVATIVES + 1)
        values = table[:, :, 0].numpy().transpose(0, 2, 1) * powers[:, None, None]
        return Local(self.grid.slots(interval)[:, 0].numpy().T.copy(), values)

    @cached_property
    def fine(self) -> Local:
        """The splines at FINE even positions."""
        return self.local(np.linspace(-1.0, 1.0, FINE))

    @cached_property
    def _met(self) -> dict[int, Local]:
        return {}

    def met(self, order: int) -> Local:
        """The splines where an equation of an order is met."""
        if order not in self._met:
            self._met[order] = self.local(self.points(order))
        return self._met[order]

    def between(self, order: int) -> Array:
        """The positions in the middles between `points`."""
        points = np.sort(self.points(order))
        return np.asarray((points[1:] + points[:-1]) / 2)

    @cached_property
    def _highest(self) -> tuple[Array, NDArray[np.int64]]:
        """In the middle of each interval the highest derivatives of the splines that are not zero
        there, and their numbers, (p + 1, G).
        """
        middle = (self.breakpoints[:-1] + self.breakpoints[1:]) / 2
        interval, table = self.grid.basis(torch.from_numpy(middle)[None], self.degree)
        return table[self.degree, :, 0].numpy(), self.grid.slots(interval)[:, 0].numpy()

    @cached_property
    def _interpolation(self) -> tuple[Local, object]:
        local = self.local(self.points())
        count = self.size
        rows = np.repeat(np.arange(count), self.degree + 1)
        matrix = csc_matrix(
            (local.values[0].ravel(), (rows, local.columns.ravel())), shape=(count, count)
        )
        return local, splu(matrix)

    def interpolated(self, values: Array) -> Array:
        """The splines (K, …) through values (K, …) at `points()`."""
        flat = values.reshape(len(values), -1)
        return np.asarray(self._interpolation[1].solve(flat)).reshape(values.shape)  # type: ignore[attr-defined]

    def rough(self, coefficients: Array) -> float:
        """About the root mean square of the error of splines (K,), from how much their highest
        derivative jumps between intervals: 4/π (h/π)^{p+1} |u^(p+1)| bounds that of the best ones,
        and a tenth of it was measured.
        """
        highest, numbers = self._highest
        top = (highest * coefficients[numbers]).sum(axis=0)
        jump = np.abs(np.diff(top))
        width = np.diff(self.breakpoints)
        size = np.maximum(width[1:], width[:-1])
        error = 0.4 / math.pi ** (self.degree + 2) * size**self.degree * jump
        return float(np.sqrt((error**2 * size).sum() / 2))

    def adapted(self, stretch: Stretch, intervals: int) -> Line:
        """Splines whose knots are even in the coordinate of a map."""
        inner = stretch.inverse(np.linspace(-1.0, 1.0, intervals + 1))
        inner[0], inner[-1] = -1.0, 1.0
        breakpoints = inner
        for place in self.graded:
            breakpoints = self._graded(breakpoints, place, inner)
        return replace(self, breakpoints=breakpoints, added=len(breakpoints) - len(inner))

    def _graded(self, breakpoints: Array, place: float, inner: Array) -> Array:
        """Breakpoints with those towards a place, which is one of them, where `inner` are even in
        the coordinate of the map.
        """
        at = min(max(int(np.searchsorted(inner, place)), 1), len(inner) - 1)
        even = inner[at] - inner[at - 1]
        others = [abs(place - other) for other in (-1.0, 1.0, *self.graded) if other != place]
        # there they are as far apart as even ones, and no other place has its own
        farthest = min(REACH * min(others), even / (1 - self.closer))
        count = max(0, math.ceil(math.log(self.closest / farthest) / math.log(self.closer)))
        if not count:
            return breakpoints
        away = np.abs(breakpoints - place)
        kept = breakpoints[(np.abs(breakpoints) == 1.0) | (away > (1 + APART) * farthest)]
        distances = farthest * self.closer ** np.arange(count + 1)
        added = np.concatenate([place - distances, [place], place + distances])
        return np.unique(np.concatenate([kept, added[np.abs(added) <= 1.0]]))
