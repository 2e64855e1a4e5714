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
        self._householder, self._tau = torch.geqrf(matrix)
        self._sizes = border.norm(dim=0)
        self._sizes = torch.where(self._sizes > 0, self._sizes, torch.ones_like(self._sizes))
        self._top, self._below = self._rotated(border / self._sizes)

    def step(self, right: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """c (P,), to be added to the `present` c₀ (P,), and k (q,) for y = `right` (R,); k is zero
        where nothing determines it.
        """
        top, below = self._rotated(right[:, None], -self._epsilon * self._lengths * present)
        k = self._inverse() @ below
        triangle = self._householder[: len(self._tau)]
        c = (
            torch.linalg.solve_triangular(triangle, top - self._top @ k, upper=True)[:, 0]
            / self._lengths
        )
        k = k[:, 0] / self._sizes
        if not bool(c.isfinite().all() & k.isfinite().all()):
            raise NumericalError(NOT_FINITE)
        return c, k

    def sensitivity(self) -> Tensor | None:
        """∂k/∂y (q, R); None where a direction of k is not determined."""
        _, values, _ = torch.linalg.svd(self._below, full_matrices=False)
        if len(values) and not float(values.min()) > SEEN:
            return None
        padded = torch.cat(
            [self._below.new_zeros(len(self._tau), len(self._sizes)), self._inverse().T]
        )
        rows = torch.ormqr(self._householder, self._tau, padded, left=True, transpose=False)
        found: Tensor = (rows / self._sizes)[: -len(self._tau)].T
        return found

    def _inverse(self) -> Tensor:
        """The pseudo-inverse of the projected border (q, R)."""
        left, values, right = torch.linalg.svd(self._below, full_matrices=False)
        inverse = torch.where(values > SEEN, 1 / values, torch.zeros_like(values))
        found: Tensor = (right.T * inverse) @ left.T
        return found

    def _rotated(self, rows: Tensor, last: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Q₁ᵀ and Q₂ᵀ of rows (R, K) above `last` (P,) or zeros."""
        count = len(self._tau)
        free = rows.new_zeros(count, rows.shape[1]) if last is None else last[:, None]
        turned = torch.ormqr(
            self._householder, self._tau, torch.cat([rows, free]), left=True, transpose=True
        )
        return turned[:count], turned[count:]
