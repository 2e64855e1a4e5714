"""A field over ranges of parameters: functions of one or two coordinates of space, and a chain of layers
that multiply, one per parameter.

    u(x, p) = Φ(x) A_1(p_1) ⋯ A_K(p_K),    Φ(x)[a] = Σ_ij F[ij, a] φ_i(x_1) φ_j(x_2)

φ are continuous piecewise polynomials (`kanpde.numerics.piecewise`). Every edge of the chain is a
polynomial of one parameter by orthonormal Legendre polynomials, so mean and variance over the ranges are
sums of products of coefficients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kanpde.numerics.jets import JetSpace
from kanpde.numerics.piecewise import Line, joined_rows
from kanpde.trial.chain import ProductChain, derivative, legendre_values

Array = NDArray[Any]


class Surrogate(ProductChain):
    """u(x, p; θ) with its jets.

    Args:
        lower, upper: the box of space and parameters (d,), in the units of the coordinates.
        lines: the piecewise polynomials of every coordinate of space.
        functions: F (n_1 n_2, m).
        layers: coefficients (r_{k-1}, n_k, r_k) of every parameter, r_0 = m, r_K = 1.
    """

    functions: nn.Parameter

    def __init__(
        self,
        lower: Sequence[float],
        upper: Sequence[float],
        lines: Sequence[Line],
        functions: Array,
        layers: Sequence[Array],
    ):
        super().__init__(lower, upper, layers)
        self.lines = tuple(lines)
        self.functions = nn.Parameter(torch.tensor(np.ascontiguousarray(functions)))

    @property
    def ranks(self) -> list[int]:
        """The functions of space, and how many products meet between neighbouring parameters."""
        return [core.shape[0] for core in self._cores]

    @property
    def degrees(self) -> list[int]:
        """The degree of the polynomials of every coordinate."""
        return [*(line.degree for line in self.lines), *(c.shape[1] - 1 for c in self._cores)]

    @property
    def shape(self) -> list[int]:
        """Coordinates, ranks, outputs."""
        return [len(self.lower), *self.ranks, self.outputs]

    def forward(self, x: Tensor) -> Tensor:
        """u at points x (N, d), (N, 1); autograd sees the parameters and no point."""
        return self._jet_at(JetSpace(((0,) * len(self.lower),)))(x)[0].T

    def _jet_at(self, space: JetSpace) -> Callable[[Tensor], Tensor]:
        return partial(self._jet_of, space=space)

    def _jet_of(self, x: Tensor, space: JetSpace) -> Tensor:
        count = len(self.lines)
        along: dict[tuple[int, ...], Tensor] = {}
        in_space: dict[tuple[int, ...], Tensor] = {}
        rows = []
        for alpha in space.indices:
            first, rest = alpha[:count], alpha[count:]
            if rest not in along:
                along[rest] = self._products(x[:, count:], rest)
            if first not in in_space:
                in_space[first] = self._space(x[:, :count].detach(), first)
            rows.append((in_space[first] * along[rest]).sum(dim=1)[None])
        return torch.stack(rows)

    def _space(self, x: Tensor, orders: Sequence[int]) -> Tensor:
        """Derivatives of Φ at points (N, d), (N, m)."""
        parts = [
            line.rows(x[:, k].numpy(), order)
            for k, (line, order) in enumerate(zip(self.lines, orders, strict=True))
        ]
        numbers, values = joined_rows(parts, self.lines)
        picked = self.functions[torch.tensor(numbers)]
        return torch.bmm(torch.tensor(values)[:, None], picked)[:, 0]

    def _products(self, p: Tensor, orders: Sequence[int]) -> Tensor:
        """Derivatives of the product of the layers at parameters (N, K), (N, m)."""
        count = len(self.lines)
        rates = self.scale[count:]
        table = legendre_values((p - self.lower[count:]) * rates - 1, max(self.degrees[count:]))
        norms = torch.sqrt(2 * torch.arange(len(table), dtype=p.dtype) + 1)
        carried = p.new_ones(len(p), 1)
        for k in range(len(self._cores) - 1, -1, -1):
            core, order = self._cores[k], orders[k]
            left, size, right = core.shape
            rows = table[:size, k].T * norms[:size]
            if order:
                rows = rows @ torch.tensor(derivative(size - 1, order)).to(p) * rates[k] ** order
            wide = (carried @ core.reshape(left * size, right).T).reshape(-1, left, size)
            carried = torch.bmm(wide, rows[:, :, None])[:, :, 0]
        return carried
