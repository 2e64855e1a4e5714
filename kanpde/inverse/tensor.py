"""Functions on an interval, on a rectangle, or on an interval and time, and the KANs that they are.

    u(x) = Σ_k c_k B_k(x),        u(x, y) = Σ_kj c_kj B_k(x) P_j(y)

with splines B of degree 7 and Legendre polynomials P: a KAN [1, m], or one [2, P, m] with
multiplication nodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from kanpde.domains import Domain
from kanpde.inverse.least_squares import Array
from kanpde.marching.lines.space import Line
from kanpde.numerics.jets import MultiIndex
from kanpde.trial.networks import KAN, SplineLayer
from kanpde.trial.networks.products import Products, legendre
from kanpde.trial.piecewise import PiecewiseInTime
from kanpde.trial.solution import TrialSolution

POINTS = 4
"""Gauss points in an interval of a spline."""


@dataclass(frozen=True)
class Tensor:
    """Splines on `line` times `count` polynomials of the second coordinate, between `lower` and
    `upper` (d,).
    """

    line: Line
    count: int
    lower: Array
    upper: Array

    @classmethod
    def of(cls, domain: Domain, intervals: int, count: int) -> Tensor:
        """With so many even intervals; in one coordinate there are no polynomials."""
        lower, upper = np.array(domain.lower), np.array(domain.upper)
        breakpoints = np.linspace(-1.0, 1.0, intervals + 1)
        line = Line(breakpoints, False, float(lower[0]), float(upper[0]))
        return cls(line, count if len(lower) > 1 else 1, lower, upper)

    @property
    def size(self) -> int:
        """Coefficients of one function."""
        return self.line.size * self.count

    @property
    def dimension(self) -> int:
        """d."""
        return len(self.lower)

    def table(self, x: Array, index: MultiIndex) -> Array:
        """∂^α of all functions at points (N, d), (N, K P)."""
        s = 2 * (x[:, 0] - self.lower[0]) / (self.upper[0] - self.lower[0]) - 1
        local = self.line.local(np.clip(s, -1.0, 1.0))
        splines = np.zeros((len(x), self.line.size))
        rows = np.arange(len(x))[:, None]
        splines[rows, local.columns] = local.values[index[0]]
        if self.dimension == 1:
            return splines
        scale = 2 / (self.upper[1] - self.lower[1])
        t = torch.from_numpy(np.clip(scale * (x[:, 1] - self.lower[1]) - 1, -1.0, 1.0))
        b = index[1]
        polynomials = scale**b * legendre(t, self.count, b)[b].numpy().T
        return np.asarray((splines[:, :, None] * polynomials[:, None, :]).reshape(len(x), -1))

    def points(self) -> tuple[Array, Array]:
        """Gauss points (N, d) and weights (N,) of sum one."""
        nodes, weights = np.polynomial.legendre.leggauss(POINTS)
        width = (self.upper[0] - self.lower[0]) / self.line.intervals
        left = self.lower[0] + width * np.arange(self.line.intervals)
        x = (left[:, None] + width * (nodes + 1) / 2).ravel()
        w = np.tile(weights / 2, self.line.intervals) / self.line.intervals
        if self.dimension == 1:
            return x[:, None], w
        nodes, weights = np.polynomial.legendre.leggauss(self.count + 4)
        y = self.lower[1] + (self.upper[1] - self.lower[1]) * (nodes + 1) / 2
        points = np.stack([np.repeat(x, len(y)), np.tile(y, len(x))], axis=1)
        return points, np.outer(w, weights / 2).ravel()

    def trial(self, coefficients: Array) -> PiecewiseInTime:
        """The trial solution with coefficients (m, K P)."""
        m = len(coefficients)
        lower, upper = torch.from_numpy(self.lower), torch.from_numpy(self.upper)
        edges = [float(self.lower[-1]), float(self.upper[-1])]
        network: KAN | Products
        if self.dimension == 1:
            columns = torch.from_numpy(coefficients.copy())[:, None, :]
            network = KAN([SplineLayer(self.line.grid, columns)])
        else:
            table = torch.from_numpy(coefficients.reshape(m, self.line.size, self.count).copy())
            network = Products(self.line.grid, table)
        return PiecewiseInTime([TrialSolution(network, lower, upper)], edges)
