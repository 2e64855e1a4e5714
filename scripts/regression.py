"""Least squares on arrays with the package's layers and optimizers: a KAN or an MLP fitted to y ≈ u(x; a, c).

    min over (a, c) of  1/N Σ_n (u(x_n; a, c) - y_n)²,       a inner, c outer parameters,

by variable projection on exact Jacobians (kanpde/optimizers/gauss_newton.py), between changes of grid.
Points x (N, d) lie in [-1, 1]^d, values y (N,) are dimensionless (mean 0, deviation 1 where a table says nothing else).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from kanpde.bases import SplineGrid
from kanpde.errors import NumericalError
from kanpde.jets import Jet, JetSpace
from kanpde.networks.kan import KAN
from kanpde.networks.layer import SplineLayer
from kanpde.networks.mlp import MLP
from kanpde.optimizers.gauss_newton import Elimination, GaussNewton, projected

ROOM = 0.05
"""Share of an inner grid that the inputs leave free on either side, so that they may move."""

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
        return torch.cat([p.detach().reshape(-1) for p in self._parameters])

    def write(self, vector: Tensor) -> None:
        _write(self._parameters, vector)

    @property
    def inner(self) -> Tensor:
        return torch.cat([self._y.new_zeros(0), *(p.detach().reshape(-1) for p in self._net.inner)])

    @property
    def outer(self) -> Tensor:
        return self._net.outer.T.reshape(-1)

    def place(self, inner: Tensor, outer: Tensor) -> None:
        _write(self._net.inner, inner)
        self._net.set_outer(outer[:, None])

    def residual(self) -> Tensor:
        at = self.vector
        if self._known is None or not torch.equal(self._known[0], at):
            with torch.no_grad():
                misfit = self._net(self._x.value.T)[:, 0] - self._y
            self._known = at, misfit * self._weight[0, 0]
        return self._known[1]

    def jacobian(self) -> Tensor:
        return self._net.inner_rows(self._x, self._weight.clone())

    def outer_matrix(self, extra: int = 0) -> Tensor:
        features = self._net.features(self._x)
        rows = features.rows(self._weight)[0]
        matrix = rows.new_zeros(len(self.outer), len(self._y) + extra)
        if features.columns is None:
            matrix[:, : len(self._y)] = rows
        else:
            matrix[:, : len(self._y)].scatter_(0, features.columns, rows)
        return matrix.T

    def products(self) -> None:
        raise NotImplementedError("no stage of these scripts needs products with the Jacobian")


def train(net: Net, x: Tensor, y: Tensor, steps: int, regularisation: float = 1e-12, tolerance: float = 1e-3) -> float:
    """Variable projection in place; the root mean square misfit. Ten steps that bring less than `tolerance` each end it."""
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


def reframed(net: KAN, x: Tensor, intervals: int, mix: float = 0.0) -> KAN | None:
    """The same function with every hidden unit scaled to [ROOM - 1, 1 - ROOM] at points x (N, d) and other intervals on [-1, 1].

    `mix` ∈ [0, 1] goes from even knots to quantiles. None where a refit fails. Scaling a unit is exact: the next knots move along.
    """
    layers: list[SplineLayer] = []
    z, middle, half = x.T, x.new_zeros(x.shape[1]), x.new_ones(x.shape[1])
    with torch.no_grad():
        for layer in net.stack:
            old = layer.grid
            old = SplineGrid((old.knots - middle[:, None]) / half[:, None], old.degree, old.uniform)
            try:
                moved = SplineLayer(*_on(old, layer.coefficients.detach(), _grid(z, intervals, old.degree, mix), z))
            except NumericalError:
                return None
            layers.append(moved)
            if len(layers) < len(net.stack):
                middle, half = scaled(moved, z)
                z = moved(z)
    return KAN(layers)


def _on(old: SplineGrid, coefficients: Tensor, new: SplineGrid, z: Tensor) -> tuple[SplineGrid, Tensor]:
    return new, old.transfer(coefficients, new, z)


def _grid(z: Tensor, intervals: int, degree: int, mix: float) -> SplineGrid:
    one = z.new_ones(len(z))
    if not mix:
        return SplineGrid.even(-one, one, intervals, degree)
    levels = torch.linspace(0, 1, intervals + 1, dtype=z.dtype)
    quantiles = torch.quantile(z, levels, dim=1).T.clone()
    quantiles[:, 0], quantiles[:, -1] = -1, 1
    return SplineGrid.given((1 - mix) * (2 * levels - 1) + mix * quantiles, degree)


def scaled(layer: SplineLayer, z: Tensor) -> tuple[Tensor, Tensor]:
    """Shift and scale the layer's outputs at inputs z (I, N) to [ROOM - 1, 1 - ROOM], in place; what they were (middle, half)."""
    with torch.no_grad():
        low, high = layer(z).aminmax(dim=1)
        middle, half = (low + high) / 2, ((high - low) / 2 / (1 - ROOM)).clamp_min(1e-12)
        layer.coefficients.div_(half[:, None, None])
        layer.coefficients[:, 0] -= (middle / half)[:, None]
    return middle, half


def _write(parts: Sequence[Tensor], vector: Tensor) -> None:
    start = 0
    with torch.no_grad():
        for part in parts:
            part.copy_(vector[start : start + part.numel()].reshape(part.shape))
            start += part.numel()
