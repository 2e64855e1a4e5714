"""Sums of basis functions as differentiable functions of their argument: the derivative of one is
the next one.

    S_k[o, i] = Σ_r c_{o, i, s(i)+r} B_r^{(k)}(z_i),     dS_k / dz = S_{k+1}.

`spline_edges` is for bases of which few functions are not zero at a point, `full_edges` for those
of which all are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from kanpde.trial.bases.base import Basis


def gather(coefficients: Tensor, slots: Tensor) -> Tensor:
    """The coefficients (O, I, K) of the non-zero functions with flat numbers `slots` (R, I, N): (O,
    R, I, N).
    """
    count = coefficients.shape[0]
    picked: Tensor = torch.gather(
        coefficients.reshape(count, -1), 1, slots.reshape(1, -1).expand(count, -1)
    )
    return picked.reshape(count, *slots.shape)


class LocalBasis(torch.autograd.Function):
    """The local basis as a function of z that autograd can differentiate to any order: d B^{(k)} /
    dz = B^{(k+1)}.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, grid: Basis, order: int) -> tuple[Tensor, Tensor]:
        """Interval (I, N) and values (order + 1, p + 1, I, N)."""
        needs = bool(ctx.needs_input_grad[0])
        interval, values = grid.basis(z, order + 1 if needs else order)
        ctx.grid, ctx.order = grid, order
        if needs:
            ctx.save_for_backward(z, values)
            values = values[: order + 1]
        ctx.mark_non_differentiable(interval)
        return interval, values

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        """Σ_{k, r} g_{k, r} B_r^{(k+1)}."""
        z, values = ctx.saved_tensors
        if torch.is_grad_enabled():
            values = local_basis(z, ctx.grid, ctx.order + 1)[1]
        return (grads[1] * values[1:]).sum(dim=(0, 1)), None, None


def local_basis(z: Tensor, grid: Basis, order: int) -> tuple[Tensor, Tensor]:
    """Interval (I, N) and the non-zero functions (order + 1, p + 1, I, N) at z (I, N),
    differentiable by z to any order.
    """
    result: tuple[Tensor, Tensor] = LocalBasis.apply(z, grid, order)  # type: ignore[no-untyped-call]
    return result


class SplineEdges(torch.autograd.Function):
    """S[k, o] = Σ_r B_r^{(k)}(z) c[o, r] for every input and point, (order + 1, O, I, N), from z
    (I, N) and c (O, I, K).

    One order more than requested is stored, since it is the derivative by z: dS[k]/dz = S[k + 1].
    Sums run over the short leading axes; the batch stands last. Where the backward pass is itself
    recorded, it is made of differentiable calls.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, coefficients: Tensor, grid: Basis, order: int) -> Tensor:
        """The splines and their derivatives."""
        ctx.grid, ctx.order = grid, order
        interval, values = grid.basis(z, order + 1 if ctx.needs_input_grad[0] else order)
        slots = grid.slots(interval)
        gathered = gather(coefficients, slots)
        edges = values[:, None, 0] * gathered[None, :, 0]
        for r in range(1, values.shape[1]):
            edges.addcmul_(values[:, None, r], gathered[None, :, r])
        ctx.save_for_backward(z, coefficients, slots, values, edges)
        return edges[: order + 1]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        """dz = Σ_{k, o} g[k, o] S[k + 1, o] and dc[o, r] = Σ_k g[k, o] B_r^{(k)}, added up where
        the basis functions live.
        """
        (grad,), (z, coefficients, slots, values, edges) = grads, ctx.saved_tensors
        to_z = to_coefficients = None
        if torch.is_grad_enabled():
            values = local_basis(z, ctx.grid, ctx.order)[1]
            if ctx.needs_input_grad[0]:
                edges = spline_edges(z, coefficients, ctx.grid, ctx.order + 1)
        if ctx.needs_input_grad[0]:
            to_z = (grad * edges[1:]).sum((0, 1))
        if ctx.needs_input_grad[1]:
            share = grad[0, :, None] * values[0, None]
            for k in range(1, len(grad)):
                share = torch.addcmul(share, grad[k, :, None], values[k, None])
            count = len(coefficients)
            nothing = torch.zeros_like(coefficients).reshape(count, -1)
            index = slots.reshape(1, -1).expand(count, -1)
            summed = nothing.scatter_add(1, index, share.reshape(count, -1))
            to_coefficients = summed.reshape(coefficients.shape)
        return to_z, to_coefficients, None, None


def spline_edges(z: Tensor, coefficients: Tensor, grid: Basis, order: int) -> Tensor:
    """Every spline edge and its derivatives up to `order` at its input, (order + 1, O, I, N)."""
    edges: Tensor = SplineEdges.apply(z, coefficients, grid, order)  # type: ignore[no-untyped-call]
    return edges


def full_edges(z: Tensor, coefficients: Tensor, grid: Basis, order: int) -> Tensor:
    """The same where every function of the basis counts at every point: one product per input."""
    values = local_basis(z, grid, order)[1]
    return torch.einsum("krin,oir->koin", values, coefficients)
