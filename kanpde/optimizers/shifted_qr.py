"""One step on a convex quadratic function that is a sum of squares less a part of them:

    min over c of  ½‖M c - y‖² - ½ (M c)ᵀ B (M c) + ½ ε² ‖D c‖²,    0 ≤ B < I,  D = column norms of M.

This is how the Hessian H = Φᵀ K Φ of an energy is met whose K is singular, without forming H: M is
the root of H + δ² ΦᵀΦ and B takes the shift away again. With Q R the factors of M D⁻¹ stacked on ε
I it reads

    (I - Qᵀ B Q) z = Qᵀ y,    c = D⁻¹ R⁻¹ z.

The matrix on the left is well conditioned where H is coercive, however rank-deficient M is, so
conjugate gradients need a few steps and no digit is lost to a square of M. What is lost is another
thing: y is no small residual here but a sum that cancels, so its rounding comes out divided by ε in
columns that no row sees. Hence ε is raised to FLOOR, and since c is a step that may be repeated,
what ε holds back comes with the next one (Martinet's proximal point).
Sources: Golub & Van Loan, Matrix Computations, 2013, §5.3, §11.3; Martinet, RAIRO 4 (1970).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from kanpde.errors import NumericalError
from kanpde.optimizers.least_squares import NOT_FINITE, equilibrate
from kanpde.optimizers.linear_algebra import factor

MOST_PRODUCTS = 300
"""Steps of conjugate gradients; the error falls by a factor of ten or more in each where the energy
is coercive.
"""

FLOOR = 64.0
"""Least ε in units of the root of the rounding unit: about 1e-6 in float64."""

Apply = Callable[[Tensor], Tensor]


class Shifted:
    """The factors of a matrix (R + P, P) whose last P rows are free (zero); it is overwritten."""

    def __init__(self, matrix: Tensor, regularisation: float, blocks: int = 1) -> None:
        least = FLOOR * math.sqrt(torch.finfo(matrix.dtype).eps)
        self._lengths, _ = equilibrate(matrix, max(regularisation, least), blocks)
        self._factors = factor(matrix, matrix.shape[1])

    def step(self, right: Tensor, shift: Apply) -> Tensor:
        """The minimiser c (P,) for y = `right` (R,) and B = `shift` on (R,).

        Raises NumericalError when something is not finite.
        """
        if not bool(right.isfinite().all()):
            raise NumericalError(NOT_FINITE)
        scaled = self._solve(self._turned(right), shift, len(right))
        step = self._factors.back(scaled[:, None])[:, 0] / self._lengths
        if not bool(step.isfinite().all()):
            raise NumericalError(
                "energy: the step is not finite; raise `regularisation` or lower the resolution"
            )
        return step

    def _solve(self, wanted: Tensor, shift: Apply, rows: int) -> Tensor:
        """z by conjugate gradients."""
        z, residual = torch.zeros_like(wanted), wanted.clone()
        direction, size = residual.clone(), float(residual @ residual)
        enough = size * torch.finfo(wanted.dtype).eps ** 2
        for _ in range(MOST_PRODUCTS):
            if not size > enough:
                break
            product = direction - self._turned(shift(self._rows(direction)[:rows]))
            share = size / float(direction @ product)
            z, residual = z + share * direction, residual - share * product
            before, size = size, float(residual @ residual)
            direction = residual + size / before * direction
        return z

    def _rows(self, z: Tensor) -> Tensor:
        """Q₁ z (R + P,)."""
        return self._factors.join(z[:, None], None)[:, 0]

    def _turned(self, rows: Tensor) -> Tensor:
        """Q₁ᵀ of rows (R,) with zeros below, (P,)."""
        padded = torch.cat([rows, rows.new_zeros(len(self._lengths))])
        return self._factors.split(padded[:, None])[0][:, 0]
