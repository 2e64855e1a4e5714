"""Other breakpoints of a spline: whether they nest, and the points and weights of a refit."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Breakpoints(Protocol):
    """The grid of one input, as far as a refit needs it."""

    @property
    def breakpoints(self) -> Tensor:
        """Knots inside, (1, G + 1)."""

    @property
    def lower(self) -> Tensor:
        """Left end, (1,)."""

    @property
    def upper(self) -> Tensor:
        """Right end, (1,)."""

    @property
    def degree(self) -> int:
        """p."""


def nested(coarse: Tensor, fine: Tensor) -> bool:
    """Whether every coarse breakpoint is (to rounding) a fine one."""
    tolerance = 64 * torch.finfo(coarse.dtype).eps * (coarse[:, -1:] - coarse[:, :1])
    if not bool(((coarse[:, [0, -1]] - fine[:, [0, -1]]).abs() <= tolerance).all()):
        return False
    slot = torch.searchsorted(fine.contiguous(), (coarse - tolerance).contiguous())
    slot = slot.clamp_max(fine.shape[1] - 1)
    return bool(((torch.gather(fine, 1, slot) - coarse).abs() <= tolerance).all())


def weights(z: Tensor, target: Tensor, inputs: Tensor | None) -> Tensor:
    """Weights of a refit (N,): one where inputs are; beyond them so small that even large values
    there cannot disturb it.
    """
    weight = torch.ones_like(z)
    if inputs is None:
        return weight
    beyond = (z < inputs.min()) | (z > inputs.max())
    if bool(beyond.any()) and not bool(beyond.all()):
        size = target[~beyond].square().mean().sqrt()
        largest = target[beyond].abs().max().clamp_min(torch.finfo(z.dtype).tiny)
        weight[beyond] = 1e-3 * min(1.0, float(size / largest))
    return weight


def fitting_points(present: Breakpoints, finer: Breakpoints) -> Tensor:
    """Chebyshev points in every interval of both grids, also where the finer one reaches beyond the
    present one, (1, N).
    """
    edges = torch.cat([present.breakpoints[0], finer.breakpoints[0]])
    edges = torch.unique(edges.clamp(float(finer.lower[0]), float(finer.upper[0])))
    count = finer.degree + 1
    angle = torch.pi * (torch.arange(count, dtype=edges.dtype, device=edges.device) + 0.5) / count
    local = (1 - torch.cos(angle)) / 2
    points: Tensor = (edges[:-1, None] + edges.diff()[:, None] * local).reshape(1, -1)
    return points


def subdivide(breakpoints: Tensor, intervals: int) -> Tensor:
    """Breakpoints (I, G + 1) refined to `intervals`: each interval gets its even share, longer ones
    not preferred.
    """
    coarse = breakpoints.shape[1] - 1
    position = torch.arange(intervals + 1, dtype=breakpoints.dtype, device=breakpoints.device) * (
        coarse / intervals
    )
    index = position.floor().clamp(0, coarse - 1).long()
    share = position - index
    return breakpoints[:, index] * (1 - share) + breakpoints[:, index + 1] * share
