"""Monotone interpolation of values on a grid, one coordinate after the other.

    s(x) = h00 f_i + h10 h d_i + h01 f_{i+1} + h11 h d_{i+1}   on  x_i ≤ x ≤ x_{i+1},  h = x_{i+1} − x_i
    d_i  = (w1 + w2) / (w1/δ_{i−1} + w2/δ_i)  where both slopes have one sign, else 0

with w1 = 2 h_i + h_{i−1}, w2 = h_i + 2 h_{i−1} and the slopes δ of the values. In several
coordinates the lines around a point are interpolated along the last one, then what they give along
the one before, and so on: never beyond the neighbours. Derivatives are those of this function.
Source: Fritsch & Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300–304; Moler, Numerical Computing
with MATLAB, 2004, §3.4 (ends).
"""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import torch
from torch import Tensor

from kanpde.config.problem.gridded_fields import Grid
from kanpde.numerics.quadrature import Array

STENCIL = (-1, 0, 1, 2)
"""Grid points that the value between points 0 and 1 depends on."""


def monotone(grid: Grid, points: Array, index: tuple[int, ...]) -> Array:
    """∂^index s at points (N, d) within the grid, (N,)."""
    axes = [torch.tensor(axis, dtype=torch.float64) for axis in grid.axes]
    values = torch.tensor(grid.values, dtype=torch.float64).reshape([len(axis) for axis in axes])
    with torch.enable_grad():
        x = torch.tensor(points).requires_grad_(any(index))
        s = _along(axes, values, x)
        for axis, order in enumerate(index):
            for _ in range(order):
                (slopes,) = torch.autograd.grad(s.sum(), x, create_graph=True)
                s = slopes[:, axis]
    return np.asarray(s.detach().numpy(), dtype=np.float64)


def _along(axes: list[Tensor], values: Tensor, x: Tensor) -> Tensor:
    """s at points (N, d), by stencils of 4^d values around each."""
    places = []
    for k, axis in enumerate(axes):
        right = torch.searchsorted(axis, x[:, k].detach().contiguous(), right=True)
        places.append((right - 1).clamp(0, max(len(axis) - 2, 0)))
    d = len(axes)
    around = [
        values[
            tuple(
                (place + at).clamp(0, len(axis) - 1)
                for place, at, axis in zip(places, ats, axes, strict=True)
            )
        ]
        for ats in product(STENCIL, repeat=d)
    ]
    stencil = torch.stack(around, dim=1).reshape(len(x), *(len(STENCIL),) * d)
    for k in reversed(range(d)):
        stencil = _between(axes[k], places[k], x[:, k], stencil)
    return stencil


def _between(axis: Tensor, place: Tensor, x: Tensor, f: Tensor) -> Tensor:
    """The value at x (N,) in the interval `place` of an axis from the last index of f (N, ..., 4)."""
    shape = (len(x),) + (1,) * (f.ndim - 2)
    numbers = [axis[(place + at).clamp(0, len(axis) - 1)].reshape(shape) for at in STENCIL]
    h = [b - a for a, b in pairwise(numbers)]
    f0, f1, f2, f3 = f.unbind(-1)
    # where a neighbour is missing its step is 0, and the end of the axis is here
    deltas = [_ratio(b - a, step) for a, b, step in zip((f0, f1, f2), (f1, f2, f3), h, strict=True)]
    first, last = h[0] == 0, h[2] == 0
    inner = _inner(h[0], h[1], deltas[0], deltas[1]), _inner(h[1], h[2], deltas[1], deltas[2])
    left = torch.where(first, _end(h[1], h[2], deltas[1], deltas[2]), inner[0])
    right = torch.where(last, _end(h[1], h[0], deltas[1], deltas[0]), inner[1])
    t = _ratio(x.reshape(shape) - numbers[1], h[1])
    cubic = (1 + 2 * t) * (1 - t) ** 2 * f1 + t * (1 - t) ** 2 * h[1] * left
    return cubic + t**2 * (3 - 2 * t) * f2 + t**2 * (t - 1) * h[1] * right


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    """a / b, 0 where b is."""
    return torch.where(b == 0, torch.zeros_like(a), a / torch.where(b == 0, torch.ones_like(b), b))


def _inner(before: Tensor, after: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """The slope at a point between two intervals of lengths (before, after) and slopes."""
    alike = left * right > 0
    one = torch.ones_like(left)
    w1, w2 = 2 * after + before, after + 2 * before
    mean = w1 / torch.where(alike, left, one) + w2 / torch.where(alike, right, one)
    slope = (w1 + w2) / torch.where(alike, mean, one)
    return torch.where(alike, slope, torch.zeros_like(slope))


def _end(near: Tensor, far: Tensor, slope: Tensor, further: Tensor) -> Tensor:
    """The slope at an end of the axis, from the interval there and the one beside it."""
    three = ((2 * near + far) * slope - near * further) / (near + far)
    three = torch.where(far == 0, slope, three)
    three = torch.where(three * slope <= 0, torch.zeros_like(three), three)
    steep = (slope * further <= 0) & (three.abs() > 3 * slope.abs())
    return torch.where(steep, 3 * slope, three)
