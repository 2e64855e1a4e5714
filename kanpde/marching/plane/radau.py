"""Radau points in time and the shifts that make the s stages of a slab s separate problems.

    (A⁻¹/h)(U - 1 u_0) = L U + f,    A⁻¹ = X Λ X⁻¹,    W = X⁻¹ U:

    (λ_k/h) W_k - L W_k = (λ_k/h)(X⁻¹ 1)_k u_0 + (X⁻¹ f)_k

with the Radau IIA matrix A of s points in (0, 1], the last of which is 1. Eigenvalues are complex
pairs, and of a pair one is solved: U = Re Σ_k m_k X_k W_k with m_k = 2, or 1 for a real one.

Source: Butcher, BIT 16 (1976) 237-240; Hairer & Wanner, Solving Ordinary Differential Equations II,
Springer 1996, IV.8.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from kanpde.marching.ordinary.collocation import rule

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class Shifts:
    """For s points: `nodes` (s,), `inverse` A⁻¹ (s, s), `shifts` λ (K,), `into` the rows of X⁻¹ (K, s)
    and `back` (s, K) with U = Re(back W); `series` (s + 1, s + 1) takes values at 0 and the nodes to
    Legendre coefficients on [0, 1].
    """

    nodes: Array
    inverse: Array
    shifts: Complex
    into: Complex
    back: Complex
    series: Array

    @property
    def stages(self) -> int:
        """s."""
        return len(self.nodes)

    @property
    def weights(self) -> Array:
        """The weights (s,) of the quadrature rule of the nodes on [0, 1]."""
        return np.asarray(np.linalg.inv(self.inverse)[-1])

    @property
    def size(self) -> float:
        """The mean modulus of the shifts, by which rows are weighted."""
        return float(np.exp(np.log(np.abs(self.shifts)).mean()))


@cache
def shifts(stages: int) -> Shifts:
    """The shifts of so many points."""
    table = rule(stages)
    inverse: Array = np.linalg.inv(table.at_nodes[1]).astype(np.float64)
    values, vectors = np.linalg.eig(inverse)
    into = np.linalg.inv(vectors)
    kept = values.imag > -1e-9
    times = np.where(np.abs(values.imag[kept]) < 1e-9, 1.0, 2.0)
    points = np.concatenate([[0.0], table.nodes])
    return Shifts(
        nodes=table.nodes,
        inverse=inverse,
        shifts=values[kept].astype(complex),
        into=into[kept].astype(complex),
        back=vectors[:, kept] * times,
        series=np.linalg.inv(legendre.legvander(2 * points - 1, stages)),
    )
