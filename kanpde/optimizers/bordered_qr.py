"""Least squares with a few dense columns more:  min over (c, k) of ‖M c + K k - y‖² + ε² ‖D (c + c₀)‖².

With Q R = M by QR and Q = (Q₁ Q₂) the k alone meet  ‖Q₂ᵀ (K k - y)‖, the columns of K with
everything projected off that c can do, and R c = Q₁ᵀ (y - K k). D, ε and c₀ as in `least_squares`.
No normal equations are formed. Source: Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973); Björck,
Numerical Methods for Least Squares Problems, 1996, §4.3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kanpde.errors import NumericalError
from kanpde.optimizers.least_squares import NOT_FINITE, equilibrate
from kanpde.optimizers.linear_algebra import factor, thin_svd

SEEN = 1e-11
"""A direction of k of which less than this share is left after the projection is one that the rows
do not determine.
"""


class Bordered:
    """The factorisation for a matrix M (R + P, P) whose last P rows are free (it is overwritten)
    and a border K (R, q).
    """

    def __init__(
        self, matrix: Tensor, border: Tensor, regularisation: float, blocks: int = 1
    ) -> None:
        """NumericalError when a number is not finite."""
        if not bool(border.isfinite().all()):
            raise NumericalError(NOT_FINITE)
        self._lengths, self._epsilon = equilibrate(matrix, regularisation, blocks)
        self._factors, self._unknowns = factor(matrix, matrix.shape[1]), matrix.shape[1]
        self._sizes = border.norm(dim=0)
        self._sizes = torch.where(self._sizes > 0, self._sizes, torch.ones_like(self._sizes))
        self._top, self._below = self._rotated(border / self._sizes)

    def step(self, right: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """c (P,), to be added to the `present` c₀ (P,), and k (q,) for y = `right` (R,); k is zero
        where nothing determines it.
        """
        top, below = self._rotated(right[:, None], -self._epsilon * self._lengths * present)
        k = self._inverse() @ below
        c = self._factors.back(top - self._top @ k)[:, 0] / self._lengths
        k = k[:, 0] / self._sizes
        if not bool(c.isfinite().all() & k.isfinite().all()):
            raise NumericalError(NOT_FINITE)
        return c, k

    def sensitivity(self) -> Tensor | None:
        """∂k/∂y (q, R); None where a direction of k is not determined."""
        _, values, _ = thin_svd(self._below)
        if len(values) and not float(values.min()) > SEEN:
            return None
        rows = self._factors.join(None, self._inverse().T)
        sensitivity: Tensor = (rows / self._sizes)[: -self._unknowns].T
        return sensitivity

    def _inverse(self) -> Tensor:
        """The pseudo-inverse of the projected border (q, R)."""
        left_vectors, values, right_vectors = thin_svd(self._below)
        inverse_values = torch.where(values > SEEN, 1 / values, torch.zeros_like(values))
        inverse: Tensor = (right_vectors.T * inverse_values) @ left_vectors.T
        return inverse

    def _rotated(self, rows: Tensor, last: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Q₁ᵀ and Q₂ᵀ of rows (R, K) above `last` (P,) or zeros."""
        zeros = rows.new_zeros(self._unknowns, rows.shape[1])
        free = zeros if last is None else last[:, None]
        return self._factors.split(torch.cat([rows, free]))
