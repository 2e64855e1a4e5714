"""A chain of products that numpy alone evaluates: `kanpde export RUN --to py` writes this file with the
numbers of a solution behind it.

    u(x, p) = Φ(x) A_1(p_1) ⋯ A_K(p_K),    A_k(p_k) = Σ_j C_k[:, j, :] p_j(p_k)

Φ(x) are functions of one or two coordinates of space, or the number one where every coordinate has a
layer of its own. The p_j are Legendre polynomials, orthonormal in the mean over a side, so that means and
mean squares over a coordinate are sums of products of coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import legendre

Array = Any

CHUNK = 256
"""Points that are evaluated together: what is between two layers stays in the cache."""


@dataclass(frozen=True)
class Sensitivity:
    """Over the ranges of the parameters, all equally likely and independent, at N points: mean and
    variance of u (N,), and by parameter (N, K) the shares of the variance that it makes alone (first-order
    Sobol indices), and that which would be gone if it were known (total ones); NaN where nothing varies.
    """

    mean: Array
    variance: Array
    first: Array
    total: Array


@dataclass(frozen=True)
class NumpyChain:
    """u at points of all coordinates (N, d), in the order of `names`.

    Args:
        names: of the coordinates.
        ranges: which of them are parameters that run over ranges.
        lower, upper: the box (d,), in the units of the coordinates.
        cores: C_k (r_{k-1}, n_k, r_k) of the last coordinates.
        places, degrees: of the piecewise polynomials of the coordinates before these.
        functions: coefficients of Φ by products of them (n_1 n_2, r_0).
    """

    names: tuple[str, ...]
    ranges: tuple[int, ...]
    lower: Array
    upper: Array
    cores: tuple[Array, ...]
    places: tuple[Array, ...] = ()
    degrees: tuple[int, ...] = ()
    functions: Array = None

    def __call__(self, points: Array) -> Array:
        """Values (N, m), m = 1 but for several modes."""
        x = np.atleast_2d(np.asarray(points, dtype=float))
        if x.shape[1] != len(self.names):
            raise ValueError(f"points need the {len(self.names)} columns {', '.join(self.names)}")
        if ((x < self.lower) | (x > self.upper)).any():
            raise ValueError("points lie outside the box of the solution")
        parts = [self._values(x[k : k + CHUNK]) for k in range(0, max(1, len(x)), CHUNK)]
        return np.concatenate(parts)

    def sensitivity(self, points: Array) -> Sensitivity:
        """At points of the coordinates that are no parameters (N, d - K)."""
        x = np.full((len(points), len(self.names)), np.nan)
        x[:, [k for k in range(len(self.names)) if k not in self.ranges]] = points
        every = set(self.ranges)
        mean = self._moment(x, set())
        variance = np.maximum(0.0, self._moment(x, every) - mean)
        with np.errstate(all="ignore"):
            alone = [(self._moment(x, {k}) - mean) / variance for k in self.ranges]
            others = [(self._moment(x, every - {k}) - mean) / variance for k in self.ranges]
        first, rest = np.array(alone).T, np.array(others).T
        return Sensitivity(self._mean(x), variance, first, 1 - rest)

    def _values(self, x: Array) -> Array:
        carried = self._space(x)
        for k, core in enumerate(self.cores):
            left, count, right = core.shape
            rows = self._rows(x, k, count)
            wide = (carried @ core.reshape(left, count * right)).reshape(-1, count, right)
            carried = (rows[:, None] @ wide)[:, 0]
        return carried

    def _rows(self, x: Array, k: int, count: int) -> Array:
        """The polynomials of the coordinate of core k, (N, n)."""
        axis = k + len(self.places)
        low, high = self.lower[axis], self.upper[axis]
        z = (2 * x[:, axis] - low - high) / (high - low)
        return legendre.legvander(z, count - 1) * np.sqrt(2 * np.arange(count) + 1)

    def _space(self, x: Array) -> Array:
        """Φ at points, (N, r_0)."""
        if not self.places:
            return np.ones((len(x), 1))
        numbers, values = np.zeros((len(x), 1), dtype=int), np.ones((len(x), 1))
        for k, (places, degree) in enumerate(zip(self.places, self.degrees, strict=True)):
            cell = np.clip(np.searchsorted(places, x[:, k], side="right") - 1, 0, len(places) - 2)
            z = 2 * (x[:, k] - places[cell]) / (places[cell + 1] - places[cell]) - 1
            own = cell[:, None] * degree + np.arange(degree + 1)
            count = (len(places) - 1) * degree + 1
            numbers = (numbers[:, :, None] * count + own[:, None]).reshape(len(x), -1)
            along = piecewise(z, degree)
            values = (values[:, :, None] * along[:, None]).reshape(len(x), -1)
        return (values[:, None] @ self.functions[numbers])[:, 0]

    def _mean(self, x: Array) -> Array:
        carried = self._space(x)
        for k, core in enumerate(self.cores):
            matrix = self._along(x, k, core)
            carried = (carried[:, None] @ matrix)[:, 0]
        return carried[:, 0]

    def _along(self, x: Array, k: int, core: Array) -> Array:
        """The layer k at points (N, r, s), or its mean (r, s)."""
        if k + len(self.places) in self.ranges:
            return core[:, 0]
        return np.einsum("pj,rjs->prs", self._rows(x, k, core.shape[1]), core, optimize=True)

    def _moment(self, x: Array, varied: set[int]) -> Array:
        """The mean over `varied` parameters of the square of the mean over all others, (N,)."""
        square = np.ones((1, 1))
        for k in range(len(self.cores) - 1, -1, -1):
            core = self.cores[k]
            if k + len(self.places) in varied:
                layers = core.transpose(1, 0, 2)
                square = (layers @ square @ layers.transpose(0, 2, 1)).sum(axis=0)
                continue
            matrix = self._along(x, k, core)
            square = matrix @ square @ np.swapaxes(matrix, -1, -2)
        rows = self._space(x)
        return ((rows[:, None] @ square) @ rows[:, :, None])[:, 0, 0]


def piecewise(z: Array, degree: int) -> Array:
    """The functions of one cell at z in [-1, 1], (N, degree + 1): two straight lines, first and last, and
    (P_j - P_{j-2})/√(2(2j - 1)) between them.
    """
    polynomials = legendre.legvander(z, max(degree, 1))
    columns = [(1 - z) / 2]
    for j in range(2, degree + 1):
        columns.append((polynomials[:, j] - polynomials[:, j - 2]) / np.sqrt(2 * (2 * j - 1)))
    return np.column_stack([*columns, (1 + z) / 2])
