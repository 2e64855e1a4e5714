"""A KAN [2, P, m] with multiplication nodes, for one coordinate of space and a short time.

    u_o(x, t) = Σ_j φ_oj(x) ψ_j(t),    φ_oj splines, ψ_j = P_j (Legendre) on [-1, 1], j < P

The edges of t hold fixed polynomials, the nodes multiply, the splines on the edges of x are the
parameters: u is linear in all of them. Source: Liu et al., KAN 2.0, arXiv 2408.10205, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kanpde.numerics.jets import Jet
from kanpde.trial.bases import SplineGrid


class LinearInTime(nn.Module):
    """What networks [2, P, m] share whose `coefficients` (m, …, P) are all linear."""

    kind = "kan"
    coefficients: nn.Parameter

    @property
    def shape(self) -> list[int]:
        """Inputs, product nodes, outputs."""
        return [2, self.coefficients.shape[-1], self.coefficients.shape[0]]

    @property
    def inner(self) -> list[nn.Parameter]:
        """None: what depends on time is fixed."""
        return []

    @property
    def outer(self) -> Tensor:
        """All coefficients, by outputs (…, m)."""
        return self.coefficients.detach().flatten(1).T

    def set_outer(self, values: Tensor) -> None:
        """Write all coefficients, by outputs (…, m)."""
        with torch.no_grad():
            self.coefficients.copy_(values.T.reshape(self.coefficients.shape))


class Products(LinearInTime):
    """Splines on `grid`, of one row, with coefficients (m, K, P)."""

    def __init__(self, grid: SplineGrid, coefficients: Tensor) -> None:
        super().__init__()
        self.grid = grid
        self.register_buffer("knots", grid.knots.clone())
        self.coefficients = nn.Parameter(coefficients.clone())

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2) → (N, m)."""
        m, _, nodes = self.coefficients.shape
        flat = self.coefficients.transpose(1, 2).flatten(0, 1)[:, None]
        splines = self.grid.edges(x.T[:1], flat, 0)[0, :, 0]
        return self._combined(splines.reshape(m, nodes, -1), legendre(x[:, 1], nodes, 0)[0]).T

    def jet(self, x: Jet) -> Jet:
        """The jet of the outputs at scaled coordinates, in closed form."""
        assert x.scale is not None
        orders = [max(alpha[axis] for alpha in x.space.indices) for axis in (0, 1)]
        splines, times = self._factors(x.value, *orders)
        rows = []
        for a, b in x.space.indices:
            scale = x.scale[0] ** a * x.scale[1] ** b
            rows.append(scale * self._combined(splines[a], times[b]))
        return Jet(x.space, torch.stack(rows))

    def outside_share(self, x: Tensor) -> float:
        """Share of points (N, 2) outside the grid of the splines."""
        if self.grid.periodic or not len(x):
            return 0.0
        outside = (x[:, 0] < self.grid.lower) | (x[:, 0] > self.grid.upper)
        return float(outside.double().mean())

    def _factors(self, x: Tensor, a: int, b: int) -> tuple[list[Tensor], list[Tensor]]:
        """The splines of all nodes (m, P, N) with `a` derivatives, and the polynomials (P, N) with
        `b`, at points (2, N).
        """
        m, size, nodes = self.coefficients.shape
        flat = self.coefficients.transpose(1, 2).reshape(m * nodes, 1, size)
        interval, values = self.grid.basis(x[:1], a)
        slots = self.grid.slots(interval)[:, 0]
        picked = flat[:, 0][:, slots].reshape(m, nodes, *slots.shape)
        splines = [torch.einsum("mjrn,rn->mjn", picked, each[:, 0]) for each in values]
        return splines, legendre(x[1], nodes, b)

    @staticmethod
    def _combined(splines: Tensor, times: Tensor) -> Tensor:
        return (splines * times).sum(1)


def legendre(t: Tensor, count: int, order: int) -> list[Tensor]:
    """P_0 … P_{count-1} at points (N,) and their derivatives up to an order, each (count, N).

    (n + 1) P_{n+1}^(k) = (2n + 1) (t P_n^(k) + k P_n^(k-1)) - n P_{n-1}^(k)
    """
    tables: list[Tensor] = []
    for k in range(order + 1):
        rows = [torch.ones_like(t) if k == 0 else torch.zeros_like(t)]
        for n in range(count - 1):
            lower = tables[k - 1][n] if k else 0.0
            before = rows[n - 1] if n else 0.0
            rows.append(((2 * n + 1) * (t * rows[n] + k * lower) - n * before) / (n + 1))
        tables.append(torch.stack(rows))
    return tables
