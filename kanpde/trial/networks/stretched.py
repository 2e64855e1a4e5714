"""A KAN [2, n, m] for one space coordinate and a short time: hidden unit q sees z_q = (ξ(x) - s_q
t) / (1 + |s_q|).

The first layer's edges of x hold a smooth map ξ that spreads knots as the solution asks for, the
edges of t are lines. The speeds s_q are even over ±spread intervals of the outer grid: Σ_q φ_q(ξ -
s_q t) is any expansion of order n in t, and outer grids are even, whatever the map.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kanpde.trial.bases import SplineGrid
from kanpde.trial.networks.kan import KAN
from kanpde.trial.networks.layer import SplineLayer

MARGIN = 1e-6
"""How far the map's spline may exceed [-1, 1]."""


def build_stretched(
    knots: Tensor,
    coefficients: Tensor,
    width: int,
    intervals: int,
    degree: int,
    spread: float,
    unknowns: int,
    periodic: bool = False,
) -> KAN:
    """The KAN with outer coefficients zero for a map ξ of [-1, 1], a spline with knots (G + 2p +
    1,) and coefficients (G + p,).

    `spread` is in intervals of the outer grid, dimensionless. Periodic in x by construction if
    asked for: then ξ must advance by 2 from end to end smoothly, and the outer splines repeat after
    2. Shifts of periodic functions keep their mean, so the last unit then sees t alone, within one
    interval of its grid.
    """
    inner, ends = len(knots) - len(coefficients) - 1, knots.new_ones(1)
    lines = SplineGrid.even(-ends, ends, len(coefficients) - inner, inner)
    grid = SplineGrid(torch.cat([knots[None], lines.knots]), inner, False)
    time, moving = grid.greville()[1], width - 1 if periodic else width
    speeds = torch.linspace(-1, 1, moving, dtype=knots.dtype, device=knots.device) * (
        2 * spread / intervals if moving > 1 else 0.0
    )
    edges = torch.stack([coefficients.expand(moving, -1), -speeds[:, None] * time], dim=1)
    if periodic:  # the last unit sees t alone, within the first interval of its grid
        alone = torch.stack([torch.full_like(time, -1 + 1 / intervals), 0.9 / intervals * time])
        edges = torch.cat([edges, alone[None]])
    else:
        edges = edges / ((1 + MARGIN) * (1 + speeds.abs()))[:, None, None]
    ones = knots.new_ones(width)
    outer = SplineGrid.even(-ones, ones, intervals, degree, periodic=periodic)
    zeros = knots.new_zeros(unknowns, width, outer.size)
    return KAN([SplineLayer(grid, edges), SplineLayer(outer, zeros)])
