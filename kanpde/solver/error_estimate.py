"""An estimate of the relative L2 error from two solutions of different residual; it reads neither
`exact` nor `reference`.

With R_k what is known of the residual of solution u_k (a number that falls with its error),

    e_k ≈ SAFETY · C · R_k / ‖u_k‖,     C = ‖u_k - u_{k-1}‖ / (R_{k-1} - R_k):

the difference of both is the error of the coarser one, and C, which is the stability of the problem
for errors of this kind, turns the residual of the finer one into an error too. Norms are root mean
squares over the same points, one per unknown.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SAFETY = 2.0
ROUNDING = 20.0
"""No estimate is below this many units of rounding."""

CLEARLY = 0.3
"""A finer solution says something about C when its residual is below this share of the coarser
one's.
"""


def stability(fine: tuple[float, Tensor], coarse: tuple[float, Tensor]) -> Tensor | None:
    """C per unknown (m,) from two solutions (R, values (N, m)); None where R is not clearly
    smaller.
    """
    (residual, values), (before, others) = fine, coarse
    return norms(values - others) / (before - residual) if residual <= CLEARLY * before else None


def estimate(constant: Tensor, residual: float, values: Tensor) -> float:
    """The largest estimated relative error of an unknown that is not zero beside the others,
    dimensionless; of u = 0 none if it is no solution, else zero.
    """
    sizes = norms(values)
    if not bool(sizes.any()):
        return 0.0 if residual == 0.0 else math.inf
    shares = SAFETY * constant * residual / sizes.clamp_min(1e-300)
    return max(
        ROUNDING * torch.finfo(values.dtype).eps, float(shares[sizes > 1e-12 * sizes.max()].max())
    )


def norms(values: Tensor) -> Tensor:
    """Root mean squares (m,) of values (N, m)."""
    return values.square().mean(0).sqrt()
