"""Gauss-Newton steps for fine grids: a row of the Jacobian touches p + 1 coefficients of every
edge.

    min over δ of ‖r + J δ‖² + λ ‖D δ‖²,    J sparse with Σ_l O_l I_l (p + 1) numbers a row, D = lengths of its columns,

by Cholesky's factorisation of JᵀJ + λ for columns of length one, with the λ of DAMPING that pays
best. Normal equations lose digits of a step, not of the fit: the next step starts from the exact
residual.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from kanpde.numerics.jets import Jet, JetSpace, pull_back
from kanpde.trial.networks.kan import KAN
from scripts.common.least_squares_on_arrays import rmse

DAMPING = (1e-11, 1e-9, 1e-7, 1e-5, 1e-3)
"""Values of λ, tried in this order until the fit gets worse. The first is above rounding in JᵀJ and
leaves out moves along which the fit does not change; it is too small where that holds to first
order only, and such moves are long.
"""

FULL = 0.2
"""Share of numbers that are not zero from which on J counts as full."""


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
                0,
                sparse.coo_matrix(
                    (values.numpy().ravel(), place), (len(x), layer.inputs * layer.grid.size)
                ),
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
        normal = _normal(rows)
        right = torch.as_tensor(rows.T @ rest)[:, None]
        before = [layer.coefficients.detach().clone() for layer in net.stack]
        best, taken = value, 0 * scale
        for damping in DAMPING:
            damped = normal.clone()
            damped.diagonal().add_(damping)
            step = scale * torch.cholesky_solve(right, torch.linalg.cholesky(damped))[:, 0].numpy()
            _place(net, before, step)
            new = rmse(net, x, y)
            if new < best:
                best, taken = new, step
            elif best < value:
                break
        _place(net, before, taken)
        if best > (1 - tolerance) * value:
            return best
        value = best
    return value


def _normal(rows: sparse.csr_matrix) -> Tensor:
    if rows.nnz <= FULL * np.prod(rows.shape):
        return torch.as_tensor((rows.T @ rows).toarray())
    full = torch.as_tensor(rows.toarray())
    return full.T @ full


def _place(net: KAN, before: list[Tensor], step: np.ndarray) -> None:
    start = 0
    with torch.no_grad():
        for layer, old in zip(net.stack, before, strict=True):
            layer.coefficients.copy_(
                old + torch.as_tensor(step[start : start + old.numel()]).reshape(old.shape)
            )
            start += old.numel()
