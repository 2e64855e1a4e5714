"""Changes of grid between two trainings: hidden units fill their grids, with room to move, and the
function stays.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kanpde.errors import NumericalError
from kanpde.trial.bases import SplineGrid
from kanpde.trial.networks.kan import KAN
from kanpde.trial.networks.layer import SplineLayer

ROOM = 0.05
"""Share of an inner grid that the inputs leave free on either side, so that they may move."""


def reframed(net: KAN, x: Tensor, intervals: int, mix: float = 0.0) -> KAN | None:
    """The same function with every hidden unit scaled to [ROOM - 1, 1 - ROOM] at points x (N, d)
    and other intervals on [-1, 1].

    `mix` ∈ [0, 1] goes from even knots to quantiles. None where a refit fails. Scaling a unit is
    exact: the next knots move along.
    """
    layers: list[SplineLayer] = []
    z, middle, half = x.T, x.new_zeros(x.shape[1]), x.new_ones(x.shape[1])
    with torch.no_grad():
        for layer in net.stack:
            old = layer.grid
            old = SplineGrid((old.knots - middle[:, None]) / half[:, None], old.degree, old.uniform)
            try:
                moved = SplineLayer(
                    *_on(old, layer.coefficients.detach(), _grid(z, intervals, old.degree, mix), z)
                )
            except NumericalError:
                return None
            layers.append(moved)
            if len(layers) < len(net.stack):
                middle, half = scaled(moved, z)
                z = moved(z)
    return KAN(layers)


def _on(
    old: SplineGrid, coefficients: Tensor, new: SplineGrid, z: Tensor
) -> tuple[SplineGrid, Tensor]:
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
    """Shift and scale the layer's outputs at inputs z (I, N) to [ROOM - 1, 1 - ROOM], in place;
    what they were (middle, half).

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
