"""A triangle on rows that are a triangle too, or full: QR that leaves the zeros of both alone.

    (A; B) = Q (R; 0),    A (k, k) an upper triangle,    B (r, k) rows, or r = k an upper triangle

takes 2 r k² operations, or 2/3 k³, where QR of the same rows as a full matrix takes 2 (k + r) k². What
stands to the right of them, (C; D), is turned alike.

Measured, one thread, two blocks of 4 k rows with k columns in common (see `patches.stacking`), against
one call for all of it as a full matrix: k = 21 0.17 ms in place of 0.46, 42 0.7 of 3.2, 84 4.5 of 24,
160 21 of 132.
Source: LAPACK's `tpqrt` and `tpmqrt` (triangular-pentagonal QR), Elmroth & Gustavson, IBM J. Res. Dev. 44
(2000) 605-624.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

PANEL = 32
"""Columns that are eliminated at a time, at most; 8 to 64 took as long."""


@dataclass(frozen=True)
class Pentagon:
    """R (k, k), and the reflections that gave it; of the rows below the last `zeros` are an upper
    triangle.
    """

    triangle: Array
    reflections: Array
    weights: Array
    zeros: int

    def turned(self, top: Array, below: Array) -> tuple[Array, Array]:
        """Qᵀ (C; D) for C (k, K) and D (r, K), both overwritten, and best stored by columns."""
        from scipy.linalg import lapack  # loaded where it is used: a start needs none of it

        above, under, _ = lapack.dtpmqrt(
            self.zeros,
            self.reflections,
            self.weights,
            top,
            below,
            side="L",
            trans="T",
            overwrite_a=1,
            overwrite_b=1,
        )
        return above, under


def on_triangle(triangle: Array, below: Array, is_triangle: bool = False) -> Pentagon:
    """The factors of an upper triangle (k, k), k > 0, on rows (r, k), which may be an upper triangle
    too; both are overwritten, and best stored by columns. Below the diagonals nothing is read.
    """
    from scipy.linalg import lapack  # loaded where it is used: a start needs none of it

    columns = len(triangle)
    zeros = columns if is_triangle else 0
    reduced, reflections, weights, _ = lapack.dtpqrt(
        zeros, min(PANEL, columns), triangle, below, overwrite_a=1, overwrite_b=1
    )
    return Pentagon(reduced, reflections, weights, zeros)
