"""The time of travel y(x) as an edge function in front of what is carried along lines.

y = Σ_n c_gn P_n(s),    s ∈ [-1, 1] on piece g of x
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kanpde.trial.networks.products import legendre


class Travelled(nn.Module):
    """Polynomials on the pieces between `edges` (G + 1,) with Legendre `coefficients` (G, p + 1)."""

    def __init__(self, edges: Tensor, coefficients: Tensor) -> None:
        super().__init__()
        self.register_buffer("edges", edges.clone())
        self.register_buffer("coefficients", coefficients.clone())

    def derivatives(self, x: Tensor, order: int) -> list[Tensor]:
        """y, y', … at points (N,), (1, N) each."""
        edges, coefficients = self.edges, self.coefficients
        assert isinstance(edges, Tensor)
        assert isinstance(coefficients, Tensor)
        number = torch.searchsorted(edges[1:-1].contiguous(), x.contiguous(), right=True)
        rate = 2 / (edges[number + 1] - edges[number])
        tables = legendre((x - edges[number]) * rate - 1, coefficients.shape[1], order)
        picked = coefficients[number].T
        return [(picked * table).sum(0, keepdim=True) * rate**k for k, table in enumerate(tables)]
