"""The solution of a march as KANs [1, m], one on each slab: a spline of one interval per unknown.

    u_i = Σ_n a_n P_n(s) = Σ_j b_j B_j(s),    P_n(s) = Σ_j (-1)^{n+j} C(n, j) B_j^n,  s ∈ [-1, 1]

A clamped spline of one interval is a polynomial in Bernstein's basis, which Legendre's goes over
into by whole numbers and degree elevation. Source: R. T. Farouki, Computer Aided Geometric Design
29 (2012) 379, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np
import torch
from numpy.polynomial import legendre

from kanpde.marching.ordinary.collocation import Piece
from kanpde.marching.ordinary.statement import Array
from kanpde.trial.bases import SplineGrid
from kanpde.trial.networks import KAN, SplineLayer
from kanpde.trial.piecewise import PiecewiseInTime
from kanpde.trial.solution import TrialSolution


@dataclass(frozen=True)
class Series:
    """Increasing `edges` (K + 1,) of K slabs, and Legendre coefficients (K, m, P) on each."""

    edges: Array
    coefficients: Array

    @classmethod
    def of(cls, pieces: Sequence[Piece], orders: Sequence[int]) -> Series:
        """From pieces in the order of a march, which may go either way; none make no slab."""
        if not pieces:
            return cls(np.zeros(1), np.zeros((0, len(orders), 1)))
        ends = [pieces[0].t, *(piece.t + piece.h for piece in pieces)]
        coefficients = np.array([piece.legendre(orders) for piece in pieces])
        if pieces[0].h > 0:
            return cls(np.array(ends), coefficients)
        signs = (-1.0) ** np.arange(coefficients.shape[2])
        return cls(np.array(ends)[::-1].copy(), (coefficients * signs)[::-1].copy())

    def __call__(self, t: Array) -> Array:
        """u at points (N,) within the edges, (N, m)."""
        number = np.searchsorted(self.edges[1:-1], t)
        lower, upper = self.edges[number], self.edges[number + 1]
        s = (2 * t - lower - upper) / (upper - lower)
        values = np.empty((len(t), self.coefficients.shape[1]))
        table = legendre.legvander(s, self.coefficients.shape[2] - 1)
        for start in range(0, len(t), 1024):
            part = slice(start, start + 1024)
            values[part] = np.einsum("np,nmp->nm", table[part], self.coefficients[number[part]])
        return values


@cache
def _to_bernstein(count: int) -> Array:
    """The matrix (P, P) from Legendre to Bernstein coefficients of degree P - 1."""
    top = count - 1
    matrix = np.zeros((count, count))
    for n in range(count):
        low = [(-1) ** (n + j) * comb(n, j) for j in range(n + 1)]
        for k in range(count):  # elevated by top - n degrees
            terms = [
                low[j] * comb(n, j) * comb(top - n, k - j)
                for j in range(max(0, k - top + n), min(n, k) + 1)
            ]
            matrix[k, n] = sum(terms) / comb(top, k)
    return matrix


def trial(series: Series) -> PiecewiseInTime:
    """The trial solution with a KAN on each slab."""
    count = series.coefficients.shape[2]
    ends = torch.tensor([[-1.0, 1.0]], dtype=torch.float64)
    grid = SplineGrid.given(ends, count - 1, clamped=True)
    matrix = _to_bernstein(count)
    solutions = []
    for lower, upper, legendre_rows in zip(
        series.edges[:-1], series.edges[1:], series.coefficients, strict=True
    ):
        splines = torch.from_numpy(legendre_rows @ matrix.T)[:, None, :]
        network = KAN([SplineLayer(grid, splines)])
        solutions.append(TrialSolution(network, torch.tensor([lower]), torch.tensor([upper])))
    return PiecewiseInTime(solutions, series.edges.tolist())
