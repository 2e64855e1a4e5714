"""QR of several matrices of one shape at once, real or complex, each kept for further right sides.

    S_k = Q_k R_k,    k = 1 … K:    Q_kᴴ y_k,    R_k⁻¹ y_k

For the small blocks of many shifted systems with the same rows: one call of LAPACK's driver for all
of them instead of one for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Stacked:
    """Reflections (K, N, P) below the triangles, and their τ (K, min(N, P))."""

    householder: Tensor
    tau: Tensor

    @classmethod
    def of(cls, matrices: Tensor) -> Stacked:
        """The factors of matrices (K, N, P)."""
        return cls(*torch.geqrf(matrices))

    @property
    def triangle(self) -> Tensor:
        """R (K, min(N, P), P)."""
        return self.householder[:, : self.tau.shape[1]].triu()

    def turned(self, rows: Tensor) -> Tensor:
        """Qᴴ of rows (K, N, C)."""
        return torch.ormqr(self.householder, self.tau, rows, left=True, transpose=True)


def substituted(triangles: Tensor, right: Tensor) -> Tensor:
    """R⁻¹ right (K, P, C) for upper triangles (K, P, P); nothing below diagonals is read."""
    solution: Tensor = torch.linalg.solve_triangular(triangles, right, upper=True)
    return solution
