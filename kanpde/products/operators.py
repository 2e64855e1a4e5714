"""Linear operators on chains of coefficients, and the inverse of those that are sums of operators
of one coordinate each.

    L = Σ_k A_k + Σ_j c_j(x) ∂^{α_j},    A_k = Σ_m a_{k,m}(x_k) ∂_k^m

    L^{-1} ≈ Σ_q w_q Π_k exp(-t_q A_k) for L = Σ_k A_k,    1/λ = ∫ exp(s - λ e^s) ds

by the trapezoidal rule in s, where every eigenvalue sum λ has a positive real part. Its error is
damped by repeating it on the residual. Source: Hackbusch & Khoromskij, Low-rank Kronecker-product
approximation to multi-dimensional nonlocal operators I, Computing 76 (2006), 177–202.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kanpde.products.chains import (
    Array,
    Chain,
    mapped,
    multiplied,
    rounded,
    scaled,
    total,
)
from kanpde.products.factors import laplace_like
from kanpde.products.spectra import Spectrum
from kanpde.products.sweeps import NotConvergedError, solved_by_sweeps
from kanpde.products.univariate import Axis

ACCURACY = 1e-6
"""Relative error of the exponential sum; what is left is solved for again."""

WIDEST_ANGLE = 1.45
"""Largest angle of an eigenvalue sum to the positive axis, radians: the sum of exponentials does
not converge at π/2.
"""


class NoInverseError(ArithmeticError):
    """The sum of one-coordinate operators has eigenvalues whose real parts are not positive."""


@dataclass(frozen=True)
class Term:
    """c(x) ∂^α with the values of c at the Gauss points as a chain."""

    coefficient: Chain
    index: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Operator:
    """An operator from coefficients to values at the Gauss points of `axes`.

    `singles[k]` (q, degree + 1) takes coefficients of coordinate k to the values of A_k.
    """

    axes: tuple[Axis, ...]
    singles: tuple[Array, ...]
    terms: tuple[Term, ...] = ()

    @cached_property
    def _weights(self) -> list[Array]:
        return [axis.weights for axis in self.axes]

    def apply(self, coefficients: Chain, relative: float) -> Chain:
        """The values of L u, with ranks reduced to a relative error."""
        parts = []
        if any(single.any() for single in self.singles):
            parts.append(self._sum_of_singles(coefficients))
        for term in self.terms:
            derived = [axis.nodal(m) for axis, m in zip(self.axes, term.index, strict=True)]
            values = mapped(coefficients, derived)
            parts.append(multiplied(term.coefficient, values))
        return total([rounded(p, relative, self._weights) for p in parts], relative, self._weights)

    def _sum_of_singles(self, coefficients: Chain) -> Chain:
        others = [axis.nodal() for axis in self.axes]
        matrices = laplace_like(self.singles, others)
        cores = []
        for core, matrix, other in zip(coefficients, matrices, others, strict=True):
            p, _, q = matrix.shape
            shaped = matrix.reshape(p, *other.shape, q)
            product = np.einsum("pmnq,rns->prmqs", shaped, core, optimize=True)
            a, b, m, c, d = product.shape
            cores.append(product.reshape(a * b, m, c * d))
        return cores


@dataclass(frozen=True, eq=False)
class Inverse:
    """The inverse of Σ_k A_k on polynomials that meet homogeneous conditions, up to ACCURACY.

    Raises NoInverseError.
    """

    operator: Operator

    def __post_init__(self) -> None:
        lowest, _ = self.extent
        if not lowest > 0:
            raise NoInverseError(f"the smallest eigenvalue sum is {lowest:.3g}")
        if self.angle > WIDEST_ANGLE:
            raise NoInverseError("eigenvalues lie too near the imaginary axis")

    @cached_property
    def spectra(self) -> list[Spectrum]:
        """The spectra of all coordinates; the sign is that which makes the sums positive."""
        known: dict[bytes, Spectrum] = {}
        for matrix in self._matrices:
            # real vectors of a pair of nearly equal eigenvalues come from a symmetric matrix alone
            if matrix.tobytes() not in known:
                known[matrix.tobytes()] = Spectrum.of(matrix)
        return [known[matrix.tobytes()] for matrix in self._matrices]

    @cached_property
    def sign(self) -> float:
        """1, or -1 where the sums of eigenvalues are negative."""
        return 1.0 if sum(s.values.real.sum() for s in self.spectra) >= 0 else -1.0

    @cached_property
    def extent(self) -> tuple[float, float]:
        """Least real part and largest magnitude of a sum of eigenvalues, with the sign."""
        lowest = sum(float((self.sign * s.values.real).min()) for s in self.spectra)
        return lowest, sum(float(np.abs(s.values).max()) for s in self.spectra)

    @cached_property
    def angle(self) -> float:
        """The largest angle of a sum of eigenvalues to the positive axis, radians."""
        lowest, _ = self.extent
        widest = 0.0
        for spectrum in self.spectra:
            real = self.sign * spectrum.values.real
            others = lowest - real.min()
            angles = np.arctan2(np.abs(spectrum.values.imag), np.maximum(real + others, 0.0))
            widest = max(widest, float(angles.max()))
        return widest

    @cached_property
    def rule(self) -> tuple[Array, Array]:
        """Points t and weights w of the sum of exponentials."""
        lowest, highest = self.extent
        digits = -math.log(ACCURACY)
        step = 2 * math.pi * (math.pi / 2 - self.angle) / (digits + 1)
        start = math.log(ACCURACY / highest)
        end = math.log((digits + 2) / lowest)
        s = np.arange(start, end + step, step)
        return np.exp(s), step * np.exp(s)

    def apply(self, right: Chain, relative: float) -> Chain:
        """Coefficients in the homogeneous bases for values at Gauss points: by sweeps, and where
        they do not end by the sum of exponentials.
        """
        try:
            return self.swept(right, relative)[0]
        except NotConvergedError:
            return self.summed(right, relative)

    def swept(self, right: Chain, relative: float) -> tuple[Chain, float]:
        """The same by sweeps, and their last relative change; NotConvergedError."""
        given = [axis.tested @ axis.projection for axis in self.operator.axes]
        matrices = [self.sign * matrix for matrix in self._matrices]
        return solved_by_sweeps(matrices, scaled(mapped(right, given), self.sign), relative)

    @cached_property
    def _matrices(self) -> list[Array]:
        """The A_k on the polynomials that meet the homogeneous conditions."""
        pairs = zip(self.operator.axes, self.operator.singles, strict=True)
        return [axis.reduced(axis.projection @ single) for axis, single in pairs]

    def summed(self, right: Chain, relative: float) -> Chain:
        """The same by the sum of exponentials, up to ACCURACY."""
        tests = [axis.tested @ axis.projection for axis in self.operator.axes]
        given = scaled(mapped(right, tests), self.sign)
        summands = []
        for t, w in zip(*self.rule, strict=True):
            decays = [spectrum.decay(self.sign * t) for spectrum in self.spectra]
            summands.append(scaled(mapped(given, decays), w))
        return _real(total(summands, relative), relative)


def _real(chain: Chain, relative: float) -> Chain:
    """The real part of a chain whose imaginary part is a rounding error."""
    if not any(np.iscomplexobj(core) for core in chain):
        return chain
    return rounded(_as_real(chain), relative)


def _as_real(chain: Chain) -> Chain:
    """The real part of a chain with complex cores, of twice the rank."""
    cores = []
    for k, core in enumerate(chain):
        r, n, s = core.shape
        full = np.zeros((2 * r, n, 2 * s))
        full[:r, :, :s] = full[r:, :, s:] = core.real
        full[:r, :, s:] = -core.imag
        full[r:, :, :s] = core.imag
        if k == 0:
            full = full[:1]
        if k == len(chain) - 1:
            full = full[:, :, :1]
        cores.append(full)
    return cores
