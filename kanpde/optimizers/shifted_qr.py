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
        self._factors, self._tau = torch.geqrf(matrix)

    def step(self, right: Tensor, shift: Apply) -> Tensor:
        """The minimiser c (P,) for y = `right` (R,) and B = `shift` on (R,).

        Raises NumericalError when something is not finite.
        """
        if not bool(right.isfinite().all()):
            raise NumericalError(NOT_FINITE)
        count = len(self._lengths)
        scaled = self._solve(
            self._turned(torch.cat([right, right.new_zeros(count)])), shift, len(right)
        )
        upper = self._factors[:count].triu()
        found: Tensor = (
            torch.linalg.solve_triangular(upper, scaled[:, None], upper=True)[:, 0] / self._lengths
        )
        if not bool(found.isfinite().all()):
            raise NumericalError(
                "energy: the step is not finite; raise `regularisation` or lower the resolution"
            )
        return found

    def _solve(self, wanted: Tensor, shift: Apply, rows: int) -> Tensor:
        """z by conjugate gradients."""
        found, left = torch.zeros_like(wanted), wanted.clone()
        direction, size = left.clone(), float(left @ left)
        enough = size * torch.finfo(wanted.dtype).eps ** 2
        for _ in range(MOST_PRODUCTS):
            if not size > enough:
                break
            padded = wanted.new_zeros(len(self._factors))
            padded[:rows] = shift(self._rows(direction)[:rows])
            product = direction - self._turned(padded)
            share = size / float(direction @ product)
            found, left = found + share * direction, left - share * product
            before, size = size, float(left @ left)
            direction = left + size / before * direction
        return found

    def _rows(self, z: Tensor) -> Tensor:
        """Q z (R + P,)."""
        padded = z.new_zeros(len(self._factors))
        padded[: len(z)] = z
        return torch.ormqr(self._factors, self._tau, padded[:, None])[:, 0]

    def _turned(self, rows: Tensor) -> Tensor:
        """Qᵀ rows (P,)."""
        return torch.ormqr(self._factors, self._tau, rows[:, None], transpose=True)[
            : self._factors.shape[1], 0
        ]
