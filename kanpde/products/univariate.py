"""Polynomials of one coordinate on [a, b]: Legendre polynomials that are orthonormal in the mean,
Gauss points, and what boundary conditions leave of them.

    p_j(x) = sqrt(2j + 1) P_j(2 (x - a)/(b - a) - 1),    1/(b - a) ∫ p_i p_j dx = δ_ij
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Array = NDArray[Any]

EXTRA = 6
"""Gauss points beyond the number of coefficients, so that products are integrated well."""


@dataclass(frozen=True)
class Functional:
    """At one end the value, the slope, … times numbers: Σ_k factors[k] u^(k)(end); over a period
    the difference of both ends.
    """

    factors: tuple[float, ...]
    end: int
    periodic: bool = False


@dataclass(frozen=True, eq=False)
class Axis:
    """Polynomials up to a degree on [lower, upper], in units of the coordinate."""

    lower: float
    upper: float
    degree: int
    functionals: tuple[Functional, ...] = ()

    @cached_property
    def points(self) -> Array:
        """Gauss points (q,)."""
        z = legendre.leggauss(self.degree + 1 + EXTRA)[0]
        return (self.lower + self.upper) / 2 + z * (self.upper - self.lower) / 2

    @cached_property
    def weights(self) -> Array:
        """Weights (q,) of the mean over the interval; their sum is one."""
        return legendre.leggauss(self.degree + 1 + EXTRA)[1] / 2

    def values(self, x: Array, order: int = 0) -> Array:
        """Derivatives of the polynomials at points (N,), (N, degree + 1)."""
        rate = 2 / (self.upper - self.lower)
        z = (np.asarray(x) - (self.lower + self.upper) / 2) * rate
        norms = np.sqrt(2 * np.arange(self.degree + 1) + 1)
        if order == 0:
            return legendre.legvander(z, self.degree) * norms
        derived = legendre.legder(np.diag(norms), order)
        if not len(derived):
            return np.zeros((len(z), self.degree + 1))
        return legendre.legvander(z, len(derived) - 1) @ derived * rate**order

    def nodal(self, order: int = 0) -> Array:
        """Derivatives of the polynomials at the Gauss points, (q, degree + 1)."""
        return self._nodal[order] if order < len(self._nodal) else self.values(self.points, order)

    @cached_property
    def _nodal(self) -> list[Array]:
        return [self.values(self.points, order) for order in range(3)]

    @cached_property
    def projection(self) -> Array:
        """From values at Gauss points to coefficients, (degree + 1, q)."""
        return (self.nodal() * self.weights[:, None]).T

    @cached_property
    def traces(self) -> Array:
        """The functionals of the polynomials, (c, degree + 1)."""
        rows = [self.trace(functional) for functional in self.functionals]
        return np.array(rows).reshape(len(rows), self.degree + 1)

    def trace(self, functional: Functional) -> Array:
        """One functional of the polynomials, (degree + 1,)."""
        ends = np.array([self.lower, self.upper])
        row = np.zeros(self.degree + 1)
        for order, factor in enumerate(functional.factors):
            both = self.values(ends, order)
            row += factor * (both[1] - both[0] if functional.periodic else both[functional.end])
        return row

    @cached_property
    def extensions(self) -> Array:
        """Polynomials of lowest degree whose functionals are the columns of the identity,
        (degree + 1, c).

        Raises ValueError where the functionals do not determine them.
        """
        count = len(self.functionals)
        # a free slope at both ends needs a parabola, so one degree more than there are functionals
        low = self.traces[:, : count + 1]
        columns, _, rank, _ = np.linalg.lstsq(low, np.eye(count), rcond=1e-12)
        if rank < count:
            raise ValueError("conditions of one coordinate are not independent")
        result = np.zeros((self.degree + 1, count))
        result[: count + 1] = columns
        return result

    @cached_property
    def homogeneous(self) -> Array:
        """An orthonormal basis of the polynomials whose functionals are zero, (degree + 1, m)."""
        if not self.functionals:
            return np.eye(self.degree + 1)
        rows = self.traces / np.linalg.norm(self.traces, axis=1, keepdims=True)
        return np.linalg.qr(rows.T, mode="complete")[0][:, len(rows) :]

    @cached_property
    def test(self) -> Array:
        """What residuals (degree + 1,) are multiplied with: the basis itself where both ends have
        conditions, else the polynomials of lower degree (m, degree + 1).
        """
        ends = {functional.end for functional in self.functionals}
        if len(ends) != 1 or any(functional.periodic for functional in self.functionals):
            return self.homogeneous.T
        return np.eye(self.degree + 1)[: self.degree + 1 - len(self.functionals)]

    def reduced(self, matrix: Array) -> Array:
        """An operator from coefficients to coefficients as one on the homogeneous polynomials."""
        return np.asarray(self.tested @ matrix @ self.homogeneous)

    @cached_property
    def tested(self) -> Array:
        """From coefficients of a right side to the homogeneous polynomials, (m, degree + 1)."""
        return np.asarray(np.linalg.solve(self.test @ self.homogeneous, self.test))


def padded(coefficients: Sequence[Array], degrees: Sequence[int]) -> list[Array]:
    """Cores (r, n, s) with zeros up to other degrees."""
    cores = []
    for core, degree in zip(coefficients, degrees, strict=True):
        wide = np.zeros((core.shape[0], degree + 1, core.shape[2]), dtype=core.dtype)
        kept = min(degree + 1, core.shape[1])
        wide[:, :kept] = core[:, :kept]
        cores.append(wide)
    return cores
