"""QR by products of matrices and triangular solves alone, as a GPU likes it.

QR in single precision gives R₀; then passes in double precision,

    X = S R₀⁻¹,    Xᵀ X = L Lᵀ,    X ← X L⁻ᵀ,    R ← Lᵀ R,    until Xᵀ X was near I.

R₀ takes a condition of about 1e7 off S. What is left, 1e6 where S is a rank-deficient matrix on
1e-13 I, is as much as one pass can stand, and the next one cleans up. On `poisson_square` (6884 ×
1184, condition 1e13) the solution is as good as by Householder's reflections after two passes
(2.1e-15; after one 1.7e-12). Where rounding makes Xᵀ X indefinite, the identity is added to it in
units of rounding, which costs a pass or two. CUDA's `lstsq` is silently wrong for rank-deficient matrices
and its batched QR a hundred times slower than a CPU's (torch 2.13): neither is used.
Sources: Yamamoto, Nakatsukasa, Yanagisawa & Fukaya, ETNA 44 (2015), for the two passes; Fukaya,
Kannan, Nakatsukasa, Yamamoto & Yanagisawa, SIAM J. Sci. Comput. 42 (2020), for the shift.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.errors import NumericalError

PASSES = 5
"""At most; two where no Xᵀ X is indefinite."""

NEAR = 0.5
"""The last pass is one whose Xᵀ X differs from I by less than this in every number."""

SHIFT = 10
"""Added to the diagonal of an indefinite Xᵀ X, in units of rounding of its trace."""

LEAST = 1e-8
"""Share of a column's length that its pivot in R₀ has at least: single precision knows no less."""

FLOOR = 450
"""Rows of so many units of rounding times I stand below a matrix without a triangle of its own, in
columns of length one: without them one that is rank-deficient has no such factors.
"""


@dataclass(frozen=True)
class CholeskyQR:
    """Q₁ (N or N + P, P) and R (P, P) in double precision, for a matrix with N rows in `dtype`."""

    orthonormal: Tensor
    upper: Tensor
    rows: int
    dtype: torch.dtype

    @classmethod
    def of(cls, matrix: Tensor, triangular: int) -> CholeskyQR:
        """The factors of a matrix (N, P), which is kept, whose last `triangular` rows are an upper
        triangle; NumericalError if it is not finite.
        """
        work = matrix.double()
        if triangular:
            work = torch.cat([work[:-triangular], work[-triangular:].triu()])
        lengths = work.norm(dim=0)
        lengths = torch.where(lengths > 0, lengths, torch.ones_like(lengths))
        work = work / lengths
        if not triangular:
            floor = FLOOR * torch.finfo(matrix.dtype).eps
            work = torch.cat([work, floor * _identity(work)])
        orthonormal, upper = _orthonormalised(work)
        return cls(orthonormal, upper * lengths, len(matrix), matrix.dtype)

    @property
    def triangle(self) -> Tensor:
        """R (P, P)."""
        return self.upper.to(self.dtype)

    def split(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Q₁ᵀ rows (P, K), and rows (N, K) less their part in the range of Q₁."""
        orthonormal = self.orthonormal[: self.rows]
        top = orthonormal.T @ rows.double()
        return top.to(self.dtype), (rows - orthonormal @ top).to(self.dtype)

    def join(self, top: Tensor | None, rest: Tensor | None) -> Tensor:
        """Q₁ top + rest, (N, K)."""
        if top is None:
            assert rest is not None
            return rest
        lifted = (self.orthonormal[: self.rows] @ top.double()).to(self.dtype)
        return lifted if rest is None else lifted + rest

    def back(self, top: Tensor) -> Tensor:
        """R⁻¹ top (P, K)."""
        solution: Tensor = torch.linalg.solve_triangular(self.upper, top.double(), upper=True)
        return solution.to(self.dtype)


def _orthonormalised(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Q₁ (N, P) and R (P, P) of a matrix (N, P) of full rank with columns of length one."""
    upper = _first_triangle(matrix)
    orthonormal = torch.linalg.solve_triangular(upper, matrix, upper=True, left=False)
    identity = _identity(matrix)
    unit = SHIFT * torch.finfo(upper.dtype).eps
    for _ in range(PASSES):
        gram = orthonormal.T @ orthonormal
        lower, failed = torch.linalg.cholesky_ex(gram)
        shifted = bool(failed)
        if shifted:
            lower, failed = torch.linalg.cholesky_ex(gram + unit * gram.trace() * identity)
        if bool(failed):
            break
        orthonormal = torch.linalg.solve_triangular(lower.T, orthonormal, upper=True, left=False)
        upper = lower.T @ upper
        if not shifted and bool(((gram - identity).abs() < NEAR).all()):
            return orthonormal, upper
    raise NumericalError(
        f"least squares: Cholesky QR has no orthonormal columns after {PASSES} passes; raise"
        f" `regularisation` or lower the resolution"
    )


def _identity(matrix: Tensor) -> Tensor:
    """I (P, P) beside a matrix (N, P)."""
    return torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)


def _first_triangle(matrix: Tensor) -> Tensor:
    """R₀ (P, P) from single precision, its pivots at least LEAST."""
    upper = torch.geqrf(matrix.float())[0][: matrix.shape[1]].triu().double()
    pivots = upper.diagonal()
    least = torch.where(pivots < 0, -LEAST, LEAST).to(upper)
    pivots.copy_(torch.where(pivots.abs() < LEAST, least, pivots))
    return upper
