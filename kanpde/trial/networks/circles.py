"""Periodic coordinates as points on circles: what a network sees instead of them, so that its
outputs repeat by construction.

    s_i ∈ [-1, 1]  ↦  (cos πs_i, sin πs_i),     ∂^k cos(ωx + φ) = ω^k cos(ωx + φ + kπ/2),   ω = 2π / period

Every function of such inputs, and every derivative that it has, agrees at s_i = -1 and s_i = 1.
Source: Dong & Ni, A method for representing periodic functions and enforcing exactly periodic
boundary conditions with deep neural networks, J. Comput. Phys. 435 (2021).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.numerics.jets import Jet, unit
from kanpde.trial.networks.affine import Affine
from kanpde.trial.networks.kan import KAN

ROOM = 1e-6
"""How far units stay inside the ends of their grids, as a share of the grid: beyond the ends a
spline is a line, and rounding must not lead there.
"""


@dataclass(frozen=True)
class Circles:
    """Which `axes` of scaled coordinates s (N, d) become two inputs each, in place; the others stay
    as they are.
    """

    axes: tuple[int, ...]
    dimension: int

    @property
    def inputs(self) -> int:
        """How many inputs the network has, d and one more for each circle."""
        return self.dimension + len(self.axes)

    def __call__(self, s: Tensor) -> Tensor:
        """(N, d) → (N, inputs)."""
        columns: list[Tensor] = []
        for axis, values in enumerate(s.unbind(1)):
            columns += list(_waves(values)[::3]) if axis in self.axes else [values]
        return torch.stack(columns, dim=1)

    def jet(self, s: Jet) -> Jet:
        """The jet of the inputs; `s` must be that of the scaled coordinates."""
        assert s.scale is not None
        data = s.data.new_zeros(len(s.space.indices), self.inputs, s.data.shape[2])
        column = 0
        for axis, values in enumerate(s.value):
            if axis not in self.axes:
                data[:, column] = s.data[:, axis]
                column += 1
                continue
            waves, speed = _waves(values), math.pi * s.scale[axis]
            for row, alpha in zip(data, s.space.indices, strict=True):
                order = alpha[axis]
                # mixed derivatives, and those along other axes, are zero
                if alpha == unit(axis, self.dimension, order):
                    row[column] = speed**order * waves[order % 4]
                    row[column + 1] = speed**order * waves[(order + 3) % 4]
            column += 2
        return Jet(s.space, data)

    def names(self, coordinates: Sequence[str]) -> tuple[str, ...]:
        """Names of the inputs, for coordinates of these names."""
        inputs: list[str] = []
        for axis, name in enumerate(coordinates):
            inputs += [f"cos {name}", f"sin {name}"] if axis in self.axes else [name]
        return tuple(inputs)

    def fill(self, network: KAN) -> None:
        """Stretch the lines of a ridge start to fill the grids: on circles the inputs of a unit
        reach less far than in the box around the circles.
        """
        first = network.every[0]
        with torch.no_grad():
            origin = network.outer.new_zeros(self.inputs, 1)
            units = torch.eye(self.inputs, dtype=origin.dtype, device=origin.device)
            slopes = first(units) - first(origin)
            reach = (1 + ROOM) * self.reach(slopes)
            lines = first.weight if isinstance(first, Affine) else first.coefficients
            lines.div_(reach.reshape(-1, *[1] * (lines.dim() - 1)))

    def reach(self, slopes: Tensor) -> Tensor:
        """The largest value (n,) of the linear functions with these slopes (n, inputs) on the
        circles and intervals.
        """
        total, column = slopes.new_zeros(len(slopes)), 0
        for axis in range(self.dimension):
            width = 2 if axis in self.axes else 1
            total += slopes[:, column : column + width].norm(dim=1)
            column += width
        return total


def _waves(s: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cosine, minus sine, minus cosine and sine of πs, each the derivative of the one before; both
    ends give the same bits.
    """
    turn = (s + 1) / 2
    angle = 2 * math.pi * (turn - turn.round())
    cosine, sine = -torch.cos(angle), -torch.sin(angle)
    return cosine, -sine, -cosine, sine
