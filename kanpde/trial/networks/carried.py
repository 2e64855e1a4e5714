"""A KAN [2, P, m] with multiplication nodes for what is carried along parallel lines, with jumps
across some of them.

    u_o(x, t) = Σ_j φ_oj(ζ) ψ_j(t),    ζ = x - k (t + 1),    ψ_j = P_j (Legendre) on [-1, 1], j < P

φ_oj are polynomials of degree p on each of G intervals of ζ, not joined: jumps and kinks stand
between two of them, and lines ζ = const carry them along. All is linear in their coefficients.
"""

from __future__ import annotations

from math import comb

import torch
from torch import Tensor, nn

from kanpde.numerics.jets import Jet
from kanpde.trial.networks.products import LinearInTime, legendre


class Carried(LinearInTime):
    """Coefficients (m, G, p + 1, P) by Legendre polynomials of ζ on the intervals between
    `breakpoints` (G + 1,) and of t; `carry` is k. ζ `repeats` after the last breakpoint or not.
    """

    def __init__(
        self, breakpoints: Tensor, coefficients: Tensor, carry: float, repeats: bool = False
    ) -> None:
        super().__init__()
        self.register_buffer("breakpoints", breakpoints.clone())
        self.coefficients = nn.Parameter(coefficients.clone())
        self.carry, self.repeats = carry, repeats

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2) → (N, m)."""
        return self._derivatives(x.T, 0, 0)[0][0].T

    def jet(self, x: Jet) -> Jet:
        """The jet of the outputs at scaled coordinates, in closed form."""
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

    def outside_share(self, x: Tensor) -> float:
        """None: the intervals hold whatever the lines through the slab carry."""
        return 0.0

    def _derivatives(self, x: Tensor, a: int, b: int) -> list[list[Tensor]]:
        """∂_ζ^i ∂_t^j of the outputs at points (2, N), each (m, N), for i ≤ a and j ≤ b."""
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
        times = legendre(x[1], picked.shape[3], b)
        return [
            [torch.einsum("mnpq,pn,qn->mn", picked, space * rate**i, time) for time in times]
            for i, space in enumerate(along)
        ]
