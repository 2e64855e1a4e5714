"""Elimination in normal equations: a tenth of the operations of QR where the condition allows it.

    G = (G_11 G_12; G_21 G_22),   G_11 = RᵀR,   R_12 = R⁻ᵀ G_12,   S = G_22 - R_12ᵀ R_12

R and R_12 are the first rows of the triangle of a matrix whose Gram matrix is G, and S is the Gram
matrix of what is left. Both have an error of ε κ² beside that of QR, which a correction from the
residuals of the matrix itself takes away as long as ε κ² is small.

Source: Björck, Numerical Methods for Least Squares Problems (1996), §6.6 (corrected seminormal
equations).
"""

from __future__ import annotations

import torch
from torch import Tensor

from kanpde.optimizers.linear_algebra import householder
from kanpde.parallel.threads import each


def condensed(gram: Tensor, count: int) -> tuple[Tensor, Tensor] | None:
    """The first `count` rows (R R_12) of the triangle of a Gram matrix (n, n), and the Gram matrix
    of the others; None where it is not positive definite to rounding.
    """
    upper, info = torch.linalg.cholesky_ex(gram[:count, :count], upper=True)
    if bool(info):
        return None
    across = gram[:count, count:]
    if 2 * across.numel() * len(gram) <= householder.SHARED:
        beside = torch.linalg.solve_triangular(upper.T, across, upper=False)
        return torch.cat([upper, beside], dim=1), gram[count:, count:] - beside.T @ beside
    some = householder.runs(0, across.shape[1])
    beside = torch.cat(
        each(lambda run: torch.linalg.solve_triangular(upper.T, across[:, run], upper=False), some),
        dim=1,
    )
    rest = gram[count:, count:].clone()
    each(lambda run: rest[:, run].sub_(beside.T @ beside[:, run]), some)
    return torch.cat([upper, beside], dim=1), rest
