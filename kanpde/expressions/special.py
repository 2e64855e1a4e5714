"""Special functions on tensors, differentiable as often as wanted.

    Γ(a) = π/(sin(πa) Γ(1 - a)) for a < 1/2,    J_n' = (J_{n-1} - J_{n+1})/2,    J_0' = -J_1

Source: DLMF 5.5.3 and 10.6.1.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def gamma(a: Tensor) -> Tensor:
    """Γ(a), infinite at 0, -1, -2, ...; relative error about 1e-15 log Γ."""
    mirrored = torch.where(a < 0.5, 1 - a, a)
    above = torch.exp(torch.lgamma(mirrored))
    return torch.where(a < 0.5, math.pi / (torch.sin(math.pi * a) * above), above)


def polygamma(order: Tensor, a: Tensor) -> Tensor:
    """The derivative of log Γ of order n + 1; `order` holds n at every point."""
    return torch.polygamma(_index(order), a)


def besselj(order: Tensor, a: Tensor) -> Tensor:
    """J_n(a) of the first kind; `order` holds n at every point."""
    return _Bessel.apply(_index(order), a)  # type: ignore[no-any-return, no-untyped-call]


def _index(order: Tensor) -> int:
    return int(order[0]) if len(order) else 0


class _Bessel(torch.autograd.Function):
    """J_n, whose derivative is made of functions of its kind."""

    @staticmethod
    def forward(ctx: Any, order: int, a: Tensor) -> Tensor:
        from scipy.special import jv  # a slow import that few formulas need

        ctx.order = order
        ctx.save_for_backward(a)
        values = jv(order, a.detach().double().cpu().numpy())
        return torch.as_tensor(values, dtype=a.dtype, device=a.device)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Any:
        (a,) = ctx.saved_tensors
        above = _Bessel.apply(ctx.order + 1, a)  # type: ignore[no-untyped-call]
        if ctx.order == 0:
            return None, -above * grad[0]
        below = _Bessel.apply(ctx.order - 1, a)  # type: ignore[no-untyped-call]
        return None, (below - above) / 2 * grad[0]
