"""Changes of grid between two trainings of a KAN: hidden units fill their grids, with room to move,
and the function stays.

Scaling a unit z to (z - middle) / half is exact: the knots of the next layer move along. New knots
on [-1, 1] then cost a least-squares fit of every edge at the points of training.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kanpde.errors import NumericalError
from kanpde.trial.bases import SplineGrid
from kanpde.trial.networks import KAN, SplineLayer

ROOM = 0.05
"""Share of an inner grid that the inputs leave free on either side, so that they may move."""


def reframed(net: KAN, x: Tensor, intervals: int, mix: float = 0.0) -> KAN | None:
    """The same function with every hidden unit scaled to [ROOM - 1, 1 - ROOM] at points x (N, d) of
    [-1, 1]^d and other intervals on [-1, 1].

    `mix` ∈ [0, 1] goes from even knots to quantiles. None where a refit fails.
    """
    layers: list[SplineLayer] = []
    z, middle, half = x.T, x.new_zeros(x.shape[1]), x.new_ones(x.shape[1])
    with torch.no_grad():
        for layer in net.stack:
            grid = layer.grid
            assert isinstance(grid, SplineGrid)
            old = SplineGrid(
                (grid.knots - middle[:, None]) / half[:, None], grid.degree, grid.uniform
            )
            new = _grid(z, intervals, grid.degree, mix)
            try:
                moved = SplineLayer(new, old.transfer(layer.coefficients.detach(), new, z))
            except NumericalError:
                return None
            layers.append(moved)
            if len(layers) < len(net.stack):
                middle, half = fill(moved, z)
                z = moved(z)
    return KAN(layers)


def fill(layer: SplineLayer, z: Tensor) -> tuple[Tensor, Tensor]:
    """Shift and scale the layer's outputs at inputs z (I, N) to [ROOM - 1, 1 - ROOM], in place;
    what they were, (middle, half), each (O,).

    Constants that two edges into one unit may have at each other's expense, and that would cost
    digits, go into the first one.
    """
    with torch.no_grad():
        low, high = layer(z).aminmax(dim=1)
        middle, half = (low + high) / 2, ((high - low) / 2 / (1 - ROOM)).clamp_min(1e-12)
        layer.coefficients.div_(half[:, None, None])
        level = layer.coefficients[:, 1:].mean(2)
        layer.coefficients[:, 1:] -= level[:, :, None]
        layer.coefficients[:, 0] += (level.sum(1) - middle / half)[:, None]
    return middle, half


def _grid(z: Tensor, intervals: int, degree: int, mix: float) -> SplineGrid:
    end = z.new_ones(len(z))
    if not mix:
        return SplineGrid.even(-end, end, intervals, degree)
    levels = torch.linspace(0, 1, intervals + 1, dtype=z.dtype)
    quantiles = torch.quantile(z, levels, dim=1).T.clone()
    quantiles[:, 0], quantiles[:, -1] = -1, 1
    return SplineGrid.given((1 - mix) * (2 * levels - 1) + mix * quantiles, degree)
