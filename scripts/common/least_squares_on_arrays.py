"""Least squares on arrays with the package's layers and optimizers: a KAN or an MLP fitted to y ≈
u(x; a, c).

    min over (a, c) of  1/N Σ_n (u(x_n; a, c) - y_n)²,       a inner, c outer parameters,

by variable projection on exact Jacobians (kanpde/optimizers/gauss_newton.py). Points x (N, d) lie
in [-1, 1]^d, values y (N,) are dimensionless (mean 0, deviation 1 where a table says nothing else).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from kanpde.numerics.jets import Jet, JetSpace
from kanpde.optimizers.gauss_newton import Elimination, GaussNewton, projected
from kanpde.trial.networks.kan import KAN
from kanpde.trial.networks.mlp import MLP

Net = KAN | MLP


class Arrays:
    """Satisfies `optimizers.System` for one output and given values."""

    linear, blocks = True, 1

    def __init__(self, net: Net, x: Tensor, y: Tensor) -> None:
        self._net, self._y, self._parameters = net, y, list(net.parameters())
        self._x = Jet(JetSpace.closure([], x.shape[1]), x.T[None].contiguous())
        self._weight = x.new_full((1, 1, len(y)), 1 / math.sqrt(len(y)))
        self._known: tuple[Tensor, Tensor] | None = None

    @property
    def vector(self) -> Tensor:
        """All parameters, a copy."""
        return torch.cat([p.detach().reshape(-1) for p in self._parameters])

    def write(self, vector: Tensor) -> None:
        """Write them."""
        _write(self._parameters, vector)

    @property
    def inner(self) -> Tensor:
        """a, a copy."""
        return torch.cat([self._y.new_zeros(0), *(p.detach().reshape(-1) for p in self._net.inner)])

    @property
    def outer(self) -> Tensor:
        """c, a copy."""
        return self._net.outer.T.reshape(-1)

    def place(self, inner: Tensor, outer: Tensor) -> None:
        """Write both vectors."""
        _write(self._net.inner, inner)
        self._net.set_outer(outer[:, None])

    def residual(self) -> Tensor:
        """r (N,), divided by √N; kept until the parameters change."""
        at = self.vector
        if self._known is None or not torch.equal(self._known[0], at):
            with torch.no_grad():
                misfit = self._net(self._x.value.T)[:, 0] - self._y
            self._known = at, misfit * self._weight[0, 0]
        return self._known[1]

    def jacobian(self) -> Tensor:
        """∂r/∂a (N, P of a)."""
        return self._net.inner_rows(self._x, self._weight.clone())

    def outer_matrix(self, extra: int = 0) -> Tensor:
        """∂r/∂c, `extra` rows of zeros below (N + extra, P of c)."""
        features = self._net.features(self._x)
        rows = features.rows(self._weight)[0]
        matrix = rows.new_zeros(len(self.outer), len(self._y) + extra)
        if features.columns is None:
            matrix[:, : len(self._y)] = rows
        else:
            matrix[:, : len(self._y)].scatter_(0, features.columns, rows)
        return matrix.T

    def products(self) -> None:
        """Not needed here."""
        raise NotImplementedError("no stage of these scripts needs products with the Jacobian")


def train(
    net: Net,
    x: Tensor,
    y: Tensor,
    steps: int,
    regularisation: float = 1e-12,
    tolerance: float = 1e-3,
) -> float:
    """Variable projection in place; the root mean square misfit. Ten steps that bring less than
    `tolerance` each end it.
    """
    system = Arrays(net, x, y)
    Elimination(system, regularisation).settle()
    if not len(system.inner):
        return float(system.residual().norm())
    method = GaussNewton(system, projected(system, regularisation), tolerance)
    done = 0
    while done < steps:
        advance = method.advance(lambda: x.new_zeros(()), min(5, steps - done))
        done += advance.steps
        if advance.stalled:
            break
    return float(system.residual().norm())


def rmse(net: Net, x: Tensor, y: Tensor) -> float:
    """Root mean square misfit at points x (N, d)."""
    with torch.no_grad():
        return float((net(x)[:, 0] - y).square().mean().sqrt())


def parameters(net: Net) -> int:
    """How many numbers the network learns."""
    return sum(p.numel() for p in net.parameters())


def _write(parts: Sequence[Tensor], vector: Tensor) -> None:
    start = 0
    with torch.no_grad():
        for part in parts:
            part.copy_(vector[start : start + part.numel()].reshape(part.shape))
            start += part.numel()
