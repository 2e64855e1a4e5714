"""Bases of functions that are smooth and not zero anywhere; K = G + p of them, as many as splines
of degree p on G intervals.

With s = (z - middle) / half ∈ [-1, 1] on the range, h = (upper - lower) / G and m = 0 … K - 1:

    chebyshev   T_m(s),  T_{m+1}^{(k)} = 2 s T_m^{(k)} + 2 k T_m^{(k-1)} - T_{m-1}^{(k)};  outside
                the range a straight line, C¹
    rbf         exp(-((z - c_m) / σ)² / 2),  derivatives by Hermite polynomials:  (-1/σ)^k He_k((z - c_m) / σ) φ_m;
                c_m = lower + (m - (p - 1) / 2) h and σ = h √((p + 1) / 12): centre and variance of
                the B-splines
    fourier     1, sin ωs, cos ωs, sin 2ωs, …  with ω = π/2: period twice the range, so that nothing
                need be periodic on it

Sources: Mason & Handscomb, Chebyshev Polynomials (2003); Unser, Aldroubi & Eden, IEEE Trans. Inf.
Theory 38 (1992) (a B-spline tends to that Gaussian); Huybrechs, On the Fourier extension of
nonperiodic functions, SIAM J. Numer. Anal. 47 (2010).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from kanpde.errors import ConfigError
from kanpde.optimizers.linear_algebra import fit
from kanpde.trial.bases.edge_functions import full_edges

FREQUENCY = math.pi / 2
"""ω of the first wave, per half range."""


@dataclass(frozen=True)
class Smooth(ABC):
    """K = `intervals` + `degree` functions on each of I ranges; `knots` (I, 2) are the ends of
    these.
    """

    name: ClassVar[str]
    nests: ClassVar[bool] = True
    """Whether the first functions of a larger basis are those of a smaller one."""

    knots: Tensor
    degree: int
    intervals: int

    def __post_init__(self) -> None:
        if self.degree < 1 or self.intervals < 1:
            raise ConfigError(
                f"{self.name} basis: needs degree ≥ 1 and ≥ 1 interval, found {self.degree},"
                f" {self.intervals}"
            )

    @classmethod
    def even(cls, lower: Tensor, upper: Tensor, intervals: int, degree: int) -> Self:
        """On [lower, upper], each (I,)."""
        return cls(torch.stack([lower, upper], dim=1), degree, intervals)

    def at(self, knots: Tensor) -> Self:
        """Other ranges, all else the same."""
        return type(self)(knots, self.degree, self.intervals)

    @property
    def size(self) -> int:
        """K."""
        return self.intervals + self.degree

    @property
    def lower(self) -> Tensor:
        """Left end of each range, (I,)."""
        return self.knots[:, 0]

    @property
    def upper(self) -> Tensor:
        """Right end of each range, (I,)."""
        return self.knots[:, 1]

    @property
    def wraps(self) -> bool:
        """Arguments can leave the range."""
        return False

    @property
    def facts(self) -> dict[str, Any]:
        """All but the knots, plain."""
        return {"name": self.name, "degree": self.degree, "intervals": self.intervals}

    def basis(self, z: Tensor, order: int) -> tuple[Tensor, Tensor]:
        """Zeros (I, N) and all functions with derivatives up to `order`, (order + 1, K, I, N); not
        recorded by autograd.
        """
        with torch.no_grad():
            return torch.zeros_like(z, dtype=torch.long), self._values(z, order)

    def slots(self, interval: Tensor) -> Tensor:
        """Flat numbers i·K + m of all functions, (K, I, N)."""
        rows = torch.arange(len(interval), device=interval.device)[:, None] * self.size + interval
        return rows + torch.arange(self.size, device=interval.device)[:, None, None]

    def edges(self, z: Tensor, coefficients: Tensor, order: int) -> Tensor:
        """Sums with coefficients (O, I, K) and their derivatives, (order + 1, O, I, N); autograd
        follows to any order.
        """
        return full_edges(z, coefficients, self, order)

    def line(self) -> Tensor:
        """Coefficients (I, K) of the function z: the best fit on the range."""
        return self._fitted(lambda z: z[None])[0]

    def refined(self, intervals: int) -> Self:
        """More functions on the same range."""
        if intervals < self.intervals:
            raise ConfigError(
                f"extend_grid: {intervals} intervals are fewer than the {self.intervals} there"
                " are; an extension only refines"
            )
        return replace(self, intervals=intervals)

    def updated(self, z: Tensor, mix: float, room: float) -> Self:
        """ConfigError: there are no knots that could move."""
        raise ConfigError(
            f"update_grid: a {self.name} basis has no knots that could move; remove the stage"
        )

    def transfer(self, coefficients: Tensor, finer: Self, inputs: Tensor | None = None) -> Tensor:
        """Coefficients (O, I, K') in a larger basis of the same functions (O, I, K): exact if it
        nests, else the best fit.
        """
        if self.nests:
            more = coefficients.new_zeros(*coefficients.shape[:2], finer.size - self.size)
            return torch.cat([coefficients, more], dim=2)
        return finer._fitted(lambda z: self.edges(z, coefficients, 0)[0])

    def _fitted(self, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Least-squares coefficients (O, I, K) of functions z (I, N) ↦ (O, I, N), at Chebyshev
        points of the ranges.
        """
        count = 4 * self.size
        number = torch.arange(count, dtype=self.knots.dtype, device=self.knots.device)
        angle = math.pi * (number + 0.5) / count
        z = self.lower[:, None] + (self.upper - self.lower)[:, None] * (1 - torch.cos(angle)) / 2
        matrix, target = self.basis(z, 0)[1][0].permute(1, 2, 0), function(z).permute(1, 2, 0)
        cutoff = 8 * torch.finfo(z.dtype).eps
        return fit(matrix, target.detach(), cutoff).permute(2, 0, 1)

    @abstractmethod
    def _values(self, z: Tensor, order: int) -> Tensor:
        """All functions at z (I, N), (order + 1, K, I, N)."""


class Chebyshev(Smooth):
    """Polynomials of degree up to K - 1."""

    name = "chebyshev"

    def line(self) -> Tensor:
        """z = middle + half · T_1, exactly."""
        line = self.knots.new_zeros(len(self.knots), self.size)
        line[:, 0], line[:, 1] = (self.lower + self.upper) / 2, (self.upper - self.lower) / 2
        return line

    def _values(self, z: Tensor, order: int) -> Tensor:
        rate = (2 / (self.upper - self.lower))[:, None]
        raw = (z - self.lower[:, None]) * rate - 1
        s = raw.clamp(-1, 1)
        highest = max(order, 1)
        values = z.new_zeros(highest + 1, self.size, *z.shape)
        values[0, 0] = 1
        values[0, 1], values[1, 1] = s, 1
        for m in range(1, self.size - 1):
            for k in range(highest + 1):
                values[k, m + 1] = 2 * s * values[k, m] - values[k, m - 1]
                if k:
                    values[k, m + 1] += 2 * k * values[k - 1, m]
        beyond = raw - s
        values[0] += beyond * values[1]
        values[2:] *= beyond == 0
        for k in range(1, highest + 1):
            values[k] *= rate**k
        return values[: order + 1]


class Gaussians(Smooth):
    """Radial functions whose centres are those of the splines; they fade outside."""

    name = "rbf"
    nests = False

    def _values(self, z: Tensor, order: int) -> Tensor:
        step = ((self.upper - self.lower) / self.intervals)[:, None]
        number = torch.arange(self.size, dtype=z.dtype, device=z.device)[:, None, None]
        number = number - (self.degree - 1) / 2
        width = step * math.sqrt((self.degree + 1) / 12)
        s = (z - self.lower[:, None] - number * step) / width
        values = [torch.exp(-s.square() / 2)]
        # He_{k+1} = s He_k - k He_{k-1}; the k-th derivative by s is (-1)^k He_k φ
        for k in range(order):
            values.append(-s * values[k] - (k * values[k - 1] if k else 0))
        return torch.stack([derivative / width**k for k, derivative in enumerate(values)])


class Fourier(Smooth):
    """Waves of twice the range."""

    name = "fourier"

    def _values(self, z: Tensor, order: int) -> Tensor:
        rate = (2 / (self.upper - self.lower))[:, None]
        s = (z - self.lower[:, None]) * rate - 1
        number = torch.arange(self.size, dtype=z.dtype, device=z.device)[:, None, None]
        frequency = FREQUENCY * ((number + 1) / 2).floor()
        phase = frequency * s - math.pi / 2 * (number % 2)
        return torch.stack(
            [torch.cos(phase + k * math.pi / 2) * (frequency * rate) ** k for k in range(order + 1)]
        )
