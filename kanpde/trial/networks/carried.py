"""A KAN [2, P, m] with multiplication nodes for what is carried along parallel lines, with jumps
across some of them.

    u_o(x, t) = Σ_j φ_oj(ζ) ψ_j(t),    ζ = x - k (t + 1),    ψ_j = P_j (Legendre) on [-1, 1], j < P

or ζ = y(x) - k (t + 1) with an edge function y, where speeds are not the same everywhere.

φ_oj are polynomials of degree p on each of G intervals of ζ, not joined: jumps and kinks stand
between two of them, and lines ζ = const carry them along. All is linear in their coefficients.
"""

from __future__ import annotations

from math import comb

import torch
from torch import Tensor, nn

from kanpde.numerics.jets import Jet, compose, multiply
from kanpde.trial.networks.products import LinearInTime, legendre
from kanpde.trial.networks.travelled import Travelled


class Carried(LinearInTime):
    """Coefficients (m, G, p + 1, P) by Legendre polynomials of ζ on the intervals between
    `breakpoints` (G + 1,) and of t; `carry` is k. ζ `repeats` after the last breakpoint or not.
    """

    def __init__(
        self,
        breakpoints: Tensor,
        coefficients: Tensor,
        carry: float,
        repeats: bool = False,
        travel: Travelled | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("breakpoints", breakpoints.clone())
        self.coefficients = nn.Parameter(coefficients.clone())
        self.carry, self.repeats = carry, repeats
        self.travel = travel

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2) → (N, m)."""
        places = x[:, 0] if self.travel is None else self.travel.derivatives(x[:, 0], 0)[0][0]
        return self._derivatives(torch.stack([places, x[:, 1]]), 0, 0)[0][0].T

    def jet(self, x: Jet) -> Jet:
        """The jet of the outputs at scaled coordinates, in closed form."""
        if self.travel is not None:
            return self._behind(x, self.travel)
        assert x.scale is not None
        most = [max(alpha[axis] for alpha in x.space.indices) for axis in (0, 1)]
        table = self._derivatives(x.value, most[0] + most[1], most[1])
        rows = []
        for a, b in x.space.indices:
            carried = sum(
                comb(b, n) * (-self.carry) ** n * table[a + n][b - n] for n in range(b + 1)
            )
            rows.append(x.scale[0] ** a * x.scale[1] ** b * carried)
        return Jet(x.space, torch.stack(rows))

    def _behind(self, x: Jet, travel: Travelled) -> Jet:
        """The jet behind an edge function, by the chain rule."""
        order = x.space.order
        places, instants = Jet(x.space, x.data[:, :1]), Jet(x.space, x.data[:, 1:])
        y = compose(places, travel.derivatives(places.value[0], order))
        inner = torch.cat([y.value, instants.value])
        m, _, _, nodes = self.coefficients.shape
        along = self._along(inner, order)  # (m, P, N) each
        times = legendre(inner[1], nodes, order)
        label = Jet(x.space, y.data - self.carry * instants.data)
        carried = compose(label, [each.flatten(0, 1) for each in along])
        by_time = compose(instants, [each.repeat(m, 1) for each in times])
        product = multiply(carried, by_time).data
        return Jet(x.space, product.reshape(len(product), m, nodes, -1).sum(2))

    def outside_share(self, x: Tensor) -> float:
        """None: the intervals hold whatever the lines through the slab carry."""
        return 0.0

    def _derivatives(self, x: Tensor, a: int, b: int) -> list[list[Tensor]]:
        """∂_ζ^i ∂_t^j of the outputs at points (2, N), each (m, N), for i ≤ a and j ≤ b."""
        times = legendre(x[1], self.coefficients.shape[3], b)
        return [
            [torch.einsum("mqn,qn->mn", space, time) for time in times]
            for space in self._along(x, a)
        ]

    def _along(self, x: Tensor, a: int) -> list[Tensor]:
        """φ_oj and derivatives by ζ at points (2, N), each (m, P, N)."""
        label = x[0] - self.carry * (x[1] + 1)
        ends = self.breakpoints
        assert isinstance(ends, Tensor)
        if self.repeats:
            label = ends[0] + torch.remainder(label - ends[0], ends[-1] - ends[0])
        number = torch.searchsorted(ends[1:-1].contiguous(), label.contiguous(), right=True)
        rate = 2 / (ends[number + 1] - ends[number])
        local = (label - ends[number]) * rate - 1
        picked = self.coefficients[:, number]
        along = legendre(local, picked.shape[2], a)
        return [
            torch.einsum("mnpq,pn->mqn", picked, space) * rate**i for i, space in enumerate(along)
        ]
