"""A KAN [2, n, m] for one space coordinate and a short time: hidden unit q sees z_q = (ξ(x) - s_q t) / (1 + |s_q|).

The first layer's edges of x hold a smooth map ξ that spreads knots as the solution asks for, the edges of t are lines. The speeds
s_q are even over ±spread intervals of the outer grid: Σ_q φ_q(ξ - s_q t) is any expansion of order n in t, and outer grids
are even, whatever the map.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kanpde.bases import SplineGrid
from kanpde.networks.kan import KAN
from kanpde.networks.layer import SplineLayer

MARGIN = 1e-6
"""What the map's spline may exceed [-1, 1] by."""


def build_stretched(
    breakpoints: Tensor,
    coefficients: Tensor,
    width: int,
    intervals: int,
    degree: int,
    spread: float,
    unknowns: int,
) -> KAN:
    """The KAN with outer coefficients zero for a map ξ with breakpoints (G + 1,) in [-1, 1] and coefficients (G + p,).

    `spread` is in intervals of the outer grid, dimensionless.
    """
    inner = len(coefficients) - len(breakpoints) + 1
    one = breakpoints.new_ones(1)
    lines = SplineGrid.even(-one, one, len(breakpoints) - 1, inner)
    grid = SplineGrid.given(torch.cat([breakpoints[None], lines.breakpoints]), inner)
    speeds = breakpoints.new_tensor([0.0]) if width == 1 else torch.linspace(-1, 1, width, dtype=breakpoints.dtype)
    speeds = speeds * (2 * spread / intervals)
    edges = (
        torch.stack([coefficients.expand(width, -1), -speeds[:, None] * grid.greville()[1]], dim=1)
        / ((1 + MARGIN) * (1 + speeds.abs()))[:, None, None]
    )
    ones = breakpoints.new_ones(width)
    outer = SplineGrid.even(-ones, ones, intervals, degree)
    return KAN([SplineLayer(grid, edges), SplineLayer(outer, breakpoints.new_zeros(unknowns, width, outer.size))])
