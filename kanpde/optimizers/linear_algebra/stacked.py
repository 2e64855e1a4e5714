"""QR of several matrices of one shape at once, real or complex, each kept for further right sides.

    S_k = Q_k R_k,    k = 1 … K:    Q_kᴴ y_k,    R_k⁻¹ y_k

For the small blocks of many shifted systems with the same rows: one call of LAPACK's driver for all
of them instead of one for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

FEW, ONE_BY_ONE = 2, 1
"""Up to so many columns reflections are applied one by one, which LAPACK does where it is given no
room for blocks of them: a block costs a product of its reflections with each other, as much as 32
columns. On four matrices (376, 120) and one column it takes 0.65 ms, with blocks 2.6.
"""


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
        return self.triangle_from(0)

    def triangle_from(self, first: int) -> Tensor:
        """R without its first rows and columns."""
        return self.householder[:, first : self.tau.shape[1], first:].triu()

    def turned(self, rows: Tensor) -> Tensor:
        """Qᴴ of rows (K, N, C)."""
        if rows.shape[2] > FEW or rows.dtype != torch.complex128 or rows.device.type != "cpu":
            return torch.ormqr(self.householder, self.tau, rows, left=True, transpose=True)
        from scipy.linalg import lapack  # loaded where it is used: a start needs none of it

        turned = torch.empty_like(rows)
        for number, (reflections, tau) in enumerate(zip(self.householder, self.tau, strict=True)):
            right = rows[number].numpy()
            columns, _, _ = lapack.zunmqr(
                "L", "C", reflections.numpy(), tau.numpy(), right, ONE_BY_ONE
            )
            turned[number] = torch.as_tensor(columns, dtype=rows.dtype, device=rows.device)
        return turned


def substituted(triangles: Tensor, right: Tensor) -> Tensor:
    """R⁻¹ right (K, P, C) for upper triangles (K, P, P); nothing below diagonals is read."""
    solution: Tensor = torch.linalg.solve_triangular(triangles, right, upper=True)
    return solution
