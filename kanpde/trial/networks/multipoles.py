"""Multipoles about a point a: what Laplace's equation admits around a round hole, with d = x - a, r
= |d|, R the hole's radius.

In the plane, with w = d_1 + i d_2, the real parts of log(w/R) and the two parts of (R/w)^n, 1 ≤ n ≤
L. In space

    J_l^m = R^{l+1} sqrt((l-m)! / (l+m)!) P_l^m(cos θ) e^{imφ} / r^{l+1},  0 ≤ m ≤ l ≤ L,  J_l^{-m} = (-1)^m conj J_l^m,

the real part and, where m > 0, the imaginary one. Derivatives of multipoles are multipoles of the
next order,

    ∂_z J_l^m = -sqrt((l+1)² - m²) J_{l+1}^m / R,   (∂_x ± i ∂_y) J_l^m = ± sqrt((l±m+1)(l±m+2)) J_{l+1}^{m±1} / R,

so jets of any order are exact. A function that is harmonic outside a ball of radius q R, q < 1, is
such a sum up to terms of q^L.
Sources: Hobson, The Theory of Spherical and Ellipsoidal Harmonics (1931), ch. III; Trefethen,
Series solution of Laplace problems, ANZIAM J. 60 (2018), for their use beside smooth functions in a
least-squares fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.numerics.jets import Jet, JetSpace, MultiIndex

Levels = list[Tensor]
"""Complex values of the multipoles of order 0, 1, …: (2l + 1, N) in space, m from -l to l; (1, N)
in the plane.
"""


@dataclass(frozen=True)
class Multipoles:
    """The multipoles up to order `most` about `centre` (d,), d = 2 or 3, outside the domain;
    lengths in the units of x.

    They are of size one at the distance `radius` from the centre, singular at the centre and small
    far from it.
    """

    centre: tuple[float, ...]
    radius: float
    most: int

    @property
    def count(self) -> int:
        """The number of functions: 2 L + 1 in the plane, (L + 1)² in space."""
        return count(self.most, len(self.centre))

    def jet(self, x: Tensor, space: JetSpace) -> Jet:
        """The jets at points x (N, d), (A, count, N)."""
        planar = len(self.centre) == 2
        shifted = (x - x.new_tensor(self.centre)).T / self.radius
        step: Callable[[Levels, int], Levels] = _step_in_plane if planar else _step_in_space
        # a derivative takes one order more, so those of the highest order begin with L + order
        values = (_in_plane if planar else _in_space)(shifted, self.most + space.order)
        derivatives: dict[MultiIndex, Levels] = {}
        for alpha in space.indices:
            axis = max((i for i, a in enumerate(alpha) if a), default=None)
            if axis is None:
                derivatives[alpha] = values
                continue
            lower = tuple(a - (i == axis) for i, a in enumerate(alpha))
            derivatives[alpha] = [level / self.radius for level in step(derivatives[lower], axis)]
        return Jet(space, torch.stack([self._real(derivatives[alpha]) for alpha in space.indices]))

    def _real(self, levels: Levels) -> Tensor:
        """The real functions (count, N) of the complex ones: real parts, then imaginary ones."""
        if len(self.centre) == 2:
            parts = [torch.cat([level.real, level.imag]) for level in levels[1 : self.most + 1]]
            return torch.cat([levels[0].real, *parts])
        parts = [levels[0].real]
        for order, level in enumerate(levels[1 : self.most + 1], start=1):
            # m = 0 … l; the function of m = 0 is real
            parts += [level[order:].real, level[order + 1 :].imag]
        return torch.cat(parts)


def count(most: int, dimension: int) -> int:
    """The number of multipoles up to order `most`."""
    return 2 * most + 1 if dimension == 2 else (most + 1) ** 2


def _in_plane(x: Tensor, most: int) -> Levels:
    """log w, 1/w, 1/w², … up to order `most` at points x (2, N)."""
    w = torch.complex(x[0], x[1])[None]
    powers, inverse = [torch.log(w)], 1 / w
    for _ in range(most):
        powers.append(inverse if len(powers) == 1 else powers[-1] * inverse)
    return powers


def _step_in_plane(levels: Levels, axis: int) -> Levels:
    """∂ log w = 1/w and ∂ w^{-n} = -n w^{-n-1}, times 1 along x and i along y."""
    factors = [1.0, *(-float(n) for n in range(1, len(levels) - 1))]
    return [(factor * 1j**axis) * level for factor, level in zip(factors, levels[1:], strict=True)]


def _in_space(x: Tensor, most: int) -> Levels:
    """By order for each m ≥ 0: J_{l+1}^m sqrt((l+1)² - m²) = ((2l+1) z J_l^m - sqrt(l² - m²)
    J_{l-1}^m) / r².
    """
    squared = x.square().sum(0)
    height, turn = x[2] / squared, torch.complex(-x[0], -x[1]) / squared
    diagonal = torch.complex(squared.rsqrt(), torch.zeros_like(squared))
    columns: list[Levels] = []
    for m in range(most + 1):
        column = [diagonal]
        for order in range(m, most):
            following = (2 * order + 1) * height * column[-1]
            if order > m:
                following = following - math.sqrt(order**2 - m**2) / squared * column[-2]
            column.append(following / math.sqrt((order + 1) ** 2 - m**2))
        columns.append(column)
        diagonal = (2 * m + 1) / math.sqrt((2 * m + 1) * (2 * m + 2)) * turn * diagonal
    levels = []
    for order in range(most + 1):
        upper = [columns[m][order - m] for m in range(order + 1)]
        below = [(-1) ** m * upper[m].conj() for m in range(order, 0, -1)]
        levels.append(torch.stack([*below, *upper]))
    return levels


def _step_in_space(levels: Levels, axis: int) -> Levels:
    """∂_x, ∂_y or ∂_z of all orders but the highest, for R = 1."""
    derivatives = []
    for order, above in enumerate(levels[1:]):
        m = torch.arange(-order, order + 1, dtype=above.real.dtype, device=above.device)[:, None]
        if axis == 2:
            derivatives.append(-torch.sqrt((order + 1) ** 2 - m**2) * above[1:-1])
            continue
        plus = torch.sqrt((order + m + 1) * (order + m + 2)) * above[2:]
        minus = -torch.sqrt((order - m + 1) * (order - m + 2)) * above[:-2]
        derivatives.append((plus + minus) / 2 if axis == 0 else (plus - minus) / 2j)
    return derivatives
