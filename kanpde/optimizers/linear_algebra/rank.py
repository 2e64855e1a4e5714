"""Decompositions that tell the rank: small refits of functions and borders of few columns.

They run on the CPU: there alone torch has the driver `gelsd`, and these matrices are small.
Source: Golub & Van Loan, Matrix Computations, 2013, §5.5.
"""

from __future__ import annotations

import torch
from torch import Tensor


def fit(matrix: Tensor, right: Tensor, cutoff: float | None = None) -> Tensor:
    """The shortest minimiser (…, P, K) of ‖M c - y‖ for M (…, N, P) and y (…, N, K), by the
    singular value decomposition.

    Singular values below `cutoff` times the largest, by default max(N, P) units of rounding, count
    as zero.
    """
    solution: Tensor = torch.linalg.lstsq(
        matrix.cpu(), right.cpu(), rcond=cutoff, driver="gelsd"
    ).solution
    return solution.to(right)


def thin_svd(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U (N, q), the singular values (q,) and Vᵀ (q, q) of a matrix (N, q) of few columns."""
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    return left, values, right
