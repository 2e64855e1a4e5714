"""Which code factors a matrix: chosen here, once, by where its numbers are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from kanpde.errors import NumericalError
from kanpde.optimizers.linear_algebra import householder
from kanpde.optimizers.linear_algebra.cholesky_qr import CholeskyQR


class Factor(Protocol):
    """S = Q₁ R for S (N, P)."""

    @property
    def triangle(self) -> Tensor:
        """R (min(N, P), P), zero below its diagonal."""

    def split(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Q₁ᵀ rows (P, K) and what is left of them, for rows (N, K).

        What is left are coordinates Q₂ᵀ rows (N - P, K) or the projection itself, (N, K): lengths
        and angles between columns are the same.
        """

    def join(self, top: Tensor | None, rest: Tensor | None) -> Tensor:
        """The rows (N, K) whose `split` is (top, rest); None stands for zeros, but not for both."""

    def back(self, top: Tensor) -> Tensor:
        """R⁻¹ top (P, K) by back-substitution."""


Backend = Callable[[Tensor, int], Factor]

BACKENDS: Mapping[str, Backend] = {"cpu": householder.factor, "cuda": CholeskyQR.of}
"""By the kind of device that holds the matrix."""


def factor(matrix: Tensor, triangular: int = 0) -> Factor:
    """The factors of a matrix (N, P), which is overwritten; best stored by columns.

    Its last `triangular` rows, P or none, are an upper triangle such as ε I: nothing below its
    diagonal is read. Raises NumericalError where no back end knows the device, or where the factors
    are not found.
    """
    device = matrix.device.type
    if device not in BACKENDS:
        raise NumericalError(
            f"least squares: no factorization for tensors on {device}; move them to one of"
            f" {', '.join(BACKENDS)}"
        )
    return BACKENDS[device](matrix, triangular)


def thin(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Q₁ (N, P) and R (P, P) of a tall matrix (N, P), which is kept."""
    count = matrix.shape[1]
    if matrix.device.type == "cpu" and householder.is_short(len(matrix), count):
        orthonormal, triangle = torch.linalg.qr(matrix)
        return orthonormal, triangle
    factors = factor(householder.by_columns(matrix))
    identity = torch.eye(count, dtype=matrix.dtype, device=matrix.device)
    return factors.join(identity, None), factors.triangle
