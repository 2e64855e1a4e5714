"""Gauss-Newton steps for fine grids: a row of the Jacobian touches p + 1 coefficients of every edge.

    min over δ of ‖r + J δ‖²,    J sparse with Σ_l O_l I_l (p + 1) numbers a row,

by Cholesky's factorisation of JᵀJ + DAMPING for columns of length one, with half the step where it does not pay. Normal equations
lose digits of a step, not of the fit: the next step starts from the exact residual.
"""

from __future__ import annotations

import numpy as np
import torch
from regression import rmse
from scipy import sparse
from torch import Tensor

from kanpde.jets import Jet, JetSpace, pull_back
from kanpde.networks.kan import KAN

DAMPING = 1e-11
"""Above rounding in JᵀJ; moves along which the fit does not change are left out by it."""

FULL = 0.1
"""Share of numbers that are not zero from which on J counts as full."""

HALVINGS = 4


def jacobian(net: KAN, x: Tensor) -> sparse.csr_matrix:
    """∂u/∂θ (N, P) for one output, θ the coefficients of all layers one after the other."""
    space = JetSpace.closure([], x.shape[1])
    inputs = [Jet(space, x.T[None].contiguous())]
    with torch.no_grad():
        for layer in net.stack[:-1]:
            inputs.append(layer.jet(inputs[-1]))
    functional = x.new_ones(1, 1, len(x))
    found: list[sparse.coo_matrix] = []
    for k in range(len(net.stack) - 1, -1, -1):
        layer = net.stack[k]
        local = layer.local(inputs[k])
        points = np.broadcast_to(np.arange(len(x)), local.columns.shape)
        for values in reversed(local.rows(functional)):
            place = (points.ravel(), local.columns.numpy().ravel())
            found.insert(
                0, sparse.coo_matrix((values.numpy().ravel(), place), (len(x), layer.inputs * layer.grid.size))
            )
        if k:
            functional = pull_back(layer.jet, inputs[k], functional)
    return sparse.hstack(found).tocsr()


def refine(net: KAN, x: Tensor, y: Tensor, steps: int, tolerance: float = 0.02) -> float:
    """Steps in place until one brings less than `tolerance`; the root mean square misfit."""
    value = rmse(net, x, y)
    for _ in range(steps):
        rows = jacobian(net, x)
        lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=0)).ravel())
        scale = 1 / np.maximum(lengths, 1e-6 * lengths.max())
        with torch.no_grad():
            rest = (y - net(x)[:, 0]).numpy()
        rows = rows @ sparse.diags(scale)
        full = torch.as_tensor(rows.toarray()) if rows.nnz > FULL * np.prod(rows.shape) else None
        normal = torch.as_tensor((rows.T @ rows).toarray()) if full is None else full.T @ full
        normal.diagonal().add_(DAMPING)
        right = torch.as_tensor(rows.T @ rest)[:, None]
        step = scale * torch.cholesky_solve(right, torch.linalg.cholesky(normal))[:, 0].numpy()
        before = [layer.coefficients.detach().clone() for layer in net.stack]
        for halving in range(HALVINGS):
            _place(net, before, step / 2**halving)
            new = rmse(net, x, y)
            if new < value:
                break
        else:
            _place(net, before, 0 * step)
            return value
        if new > (1 - tolerance) * value:
            return new
        value = new
    return value


def _place(net: KAN, before: list[Tensor], step: np.ndarray) -> None:
    start = 0
    with torch.no_grad():
        for layer, old in zip(net.stack, before, strict=True):
            layer.coefficients.copy_(old + torch.as_tensor(step[start : start + old.numel()]).reshape(old.shape))
            start += old.numel()
