"""Triangles on rows, and triangles on triangles: what a sequential, a windowed or a distributed QR
merges.

Right-hand sides are further columns: (R t; 0 ρ) is the triangle of (A | y) with t = Q₁ᵀ y and ρ the
length of the residual.

Measured, one thread, QR of two triangles (n, n) against one call for both as dense matrices:
LAPACK's `tpqrt` n = 20 1.0, 100 0.5, 200 0.3, 400 0.1, 1000 0.2, 2000 0.3; panels of `householder`
n = 200 1.1, 400 0.5, 1000 0.2, 2000 0.25. So `tpqrt` takes the small ones. Its scipy stands on
OpenBLAS, which shares large products among threads: on two cores that were not free n = 256 took
1.3 s in place of 1 ms.
Sources: Demmel, Grigori, Hoemmen & Langou, SIAM J. Sci. Comput. 34 (2012); Golub & Van Loan, Matrix
Computations, 2013, §5.2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kanpde.optimizers.linear_algebra.factor import factor
from kanpde.optimizers.linear_algebra.householder import Blocked

PANEL = 32
"""Columns that `tpqrt` eliminates at a time, at most."""

ALONE = 1 << 10, 1 << 18
"""OpenBLAS shares a triangular product of more numbers, or a product of matrices of more
operations, among its threads. On windows of a few hundred columns that takes up to a thousand times
as long as one thread where the cores are not free, so panels are narrow enough to stay below both.
"""

NARROWEST = 2
"""Windows that would need narrower panels are large enough for threads."""


def merged(upper: Tensor, lower: Tensor) -> Tensor:
    """R (n, n) of two upper triangles (n, n) on each other, both kept; nothing below their
    diagonals is read.
    """
    count = len(upper)
    if upper.device.type != "cpu":
        return factor(torch.cat([lower.triu(), upper]), count).triangle
    if _lone_width(count, count) < NARROWEST:
        stacked = torch.cat([lower.triu(), upper])
        return Blocked.of(stacked.T.contiguous().T, count, upper=True).triangle
    from scipy.linalg import lapack  # loaded where it is used: a start needs none of it

    reduce = lapack.dtpqrt if upper.dtype == torch.float64 else lapack.stpqrt
    top, below = upper.triu().numpy(), lower.triu().numpy()
    return torch.from_numpy(reduce(count, panel_width(count, count), top, below)[0])


def on_rows(top: Tensor, below: Tensor) -> Tensor:
    """R (k, k) of an upper triangle (k, k) on rows (N, k), both stored by columns, given as their
    transposes (k, k) and (k, N), and overwritten. On the CPU only.
    """
    from scipy.linalg import lapack  # loaded where it is used: a start needs none of it

    reduce = lapack.dtpqrt if top.dtype == torch.float64 else lapack.stpqrt
    triangle = reduce(
        0, panel_width(*below.shape), top.numpy().T, below.numpy().T, overwrite_a=1, overwrite_b=1
    )[0]
    return torch.from_numpy(triangle)


def back_substituted(triangle: Tensor, right: Tensor, transpose: bool = False) -> Tensor:
    """R⁻¹ y, or R⁻ᵀ y, (n, K) for an upper triangle R (n, n) and y (n, K)."""
    known = triangle.T if transpose else triangle
    solution: Tensor = torch.linalg.solve_triangular(known, right, upper=not transpose)
    return solution


def panel_width(columns: int, rows: int) -> int:
    """Columns that `tpqrt` eliminates at a time."""
    wide, alone = min(PANEL, columns), _lone_width(columns, rows)
    return min(wide, alone) if alone >= NARROWEST else wide


def _lone_width(columns: int, rows: int) -> int:
    """The widest panel whose products OpenBLAS leaves to one thread."""
    return min(ALONE[0] // columns, ALONE[1] // (columns * rows))
