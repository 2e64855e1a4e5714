"""A KAN whose nodes multiply: a chain of layers, one per coordinate, joined by products of matrices.

    u(x) = A_1(x_1) A_2(x_2) ⋯ A_d(x_d),    A_k(x_k)[a, b] = Σ_j C_k[a, j, b] p_j(x_k),    a ≤ r_{k-1}, b ≤ r_k

Every edge is a function of one coordinate by orthonormal Legendre polynomials p_j; a node multiplies
what comes from the left with its edges and adds over a. Derivatives fall on one layer each, so jets
are exact: ∂^α u = Π_k A_k^(α_k)(x_k). Dimensionless like every trial solution.
Sources: Oseledets, SIAM J. Sci. Comput. 33 (2011), 2295–2317; Liu et al., KAN 2.0, arXiv
2408.10205, for nodes that multiply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from numpy.polynomial import legendre
from numpy.typing import NDArray
from torch import Tensor, nn

from kanpde.expressions import Node
from kanpde.numerics.jets import Jet, JetSpace
from kanpde.trial.constants import Constants
from kanpde.trial.solution import CHUNK, Located, TrialSolution

Array = NDArray[Any]


class ProductChain(nn.Module):
    """u(x; θ) with its jets; offers what a `TrialSolution` offers for evaluation.

    Args:
        lower, upper: the box (d,), in the units of the coordinates.
        cores: coefficients C_k (r_{k-1}, n_k, r_k), r_0 = 1, r_d = m functions of x.
    """

    kind = "kan"
    lower: Tensor
    upper: Tensor

    def __init__(self, lower: Sequence[float], upper: Sequence[float], cores: Sequence[Array]):
        super().__init__()
        self.register_buffer("lower", torch.tensor(lower, dtype=torch.float64))
        self.register_buffer("upper", torch.tensor(upper, dtype=torch.float64))
        # in rows, as files hold them: products round by the order of the numbers in memory
        rows = [np.ascontiguousarray(core) for core in cores]
        self.cores = nn.ParameterList(nn.Parameter(torch.tensor(core)) for core in rows)
        self.constants = Constants()

    @property
    def ranks(self) -> list[int]:
        """How many products meet between neighbouring coordinates, r_1 … r_{d-1}."""
        return [core.shape[2] for core in self._cores[:-1]]

    @property
    def degrees(self) -> list[int]:
        """The degree of the polynomials of every coordinate."""
        return [core.shape[1] - 1 for core in self._cores]

    @property
    def shape(self) -> list[int]:
        """Coordinates, ranks, outputs."""
        return [len(self._cores), *self.ranks, self.outputs]

    @property
    def _cores(self) -> list[nn.Parameter]:
        return list(self.cores)

    @property
    def outputs(self) -> int:
        """m, the number of functions."""
        return int(self._cores[-1].shape[2])

    @property
    def each(self) -> list[TrialSolution]:
        """None: a chain has no outer layer that another solve could begin with."""
        return []

    @property
    def slab_ends(self) -> tuple[float, ...]:
        """Empty: there are no slabs."""
        return ()

    @property
    def met(self) -> tuple[tuple[str, Node], ...]:
        """No condition holds whatever the parameters."""
        return ()

    @property
    def note(self) -> str:
        """Nothing is lifted."""
        return ""

    @property
    def scale(self) -> Tensor:
        """Scale of the coordinates, (d,)."""
        return 2 / (self.upper - self.lower)

    @property
    def network(self) -> nn.Module:
        """The chain itself."""
        return self

    @property
    def net(self) -> Any:
        """The chain itself."""
        return self

    @property
    def parameter_count(self) -> int:
        """P, the coefficients of all edges."""
        return sum(parameter.numel() for parameter in self.parameters())

    def outside_share(self, x: Tensor) -> float:
        """Largest share of points outside the box, of all coordinates."""
        outside = (x < self.lower) | (x > self.upper)
        return float(outside.double().mean(dim=0).max())

    def forward(self, x: Tensor) -> Tensor:
        """u at points x (N, d), (N, m); autograd sees all of it."""
        return self._jet_at(JetSpace(((0,) * len(self.lower),)))(x)[0].T

    def evaluate(self, x: Tensor) -> Tensor:
        """u at points x (N, d) without a graph, a few points at a time, (N, m)."""
        with torch.no_grad():
            return torch.cat([self(x[k : k + CHUNK]) for k in range(0, max(1, len(x)), CHUNK)])

    def locate(self, x: Tensor, space: JetSpace) -> Located:
        """Points for `jet`, which needs no jets of the coordinates."""
        return Located(x, space, Jet(space, x.new_empty(0, 0, len(x))), None, None)

    def jet(self, at: Located) -> Jet:
        """The jet of u, (A, m, N)."""
        jet = self._jet_at(at.space)
        if torch.is_grad_enabled() or len(at.x) <= CHUNK:
            return Jet(at.space, jet(at.x))
        parts = [jet(at.x[k : k + CHUNK]) for k in range(0, len(at.x), CHUNK)]
        return Jet(at.space, torch.cat(parts, dim=2))

    def _jet_at(self, space: JetSpace) -> Callable[[Tensor], Tensor]:
        """From points (N, d) to the jet there, (A, m, N); what points have no part in is worked out
        once for all of them.
        """
        return partial(self._jet, space=space, edges=self._edges(space))

    def _jet(self, x: Tensor, space: JetSpace, edges: Sequence[Tensor]) -> Tensor:
        """Products from the left up to the first derivative of an index, from the right behind the
        last one, and what is between: (A, m, N).
        """
        layers = self._layers(x, edges)
        last = torch.eye(self.outputs).to(x).expand(len(x), -1, -1)
        from_left, from_right = [x.new_ones(len(x), 1)], [last]
        for layer in layers[:-1]:
            from_left.append(_times(from_left[-1], layer[0]))
        for layer in layers[:0:-1]:
            from_right.append(torch.bmm(layer[0], from_right[-1]))
        from_right = from_right[::-1]
        rows = []
        for alpha in space.indices:
            derived = [k for k, order in enumerate(alpha) if order] or [0]
            carried = from_left[derived[0]]
            for k in range(derived[0], derived[-1] + 1):
                carried = _times(carried, layers[k][alpha[k]])
            rows.append(_times(carried, from_right[derived[-1]]).T)
        return torch.stack(rows)

    def _layers(self, x: Tensor, edges: Sequence[Tensor]) -> list[Tensor]:
        """The matrices of every coordinate and their derivatives (orders, N, r, s)."""
        values = legendre_values((x - self.lower) * self.scale - 1, max(self.degrees))
        layers = []
        for k, (edge, core) in enumerate(zip(edges, self._cores, strict=True)):
            left, count, right = core.shape
            along = values[:count, k].T @ edge
            layers.append(along.reshape(len(x), -1, left, right).transpose(0, 1))
        return layers

    def _edges(self, space: JetSpace) -> list[Tensor]:
        """Coefficients of all edges of a coordinate and of the derivatives that a jet asks for, by
        Legendre polynomials, (n, orders r s).
        """
        rates, edges = self.scale, []
        for k, core in enumerate(self._cores):
            left, count, right = core.shape
            norms = torch.sqrt(2 * torch.arange(count, dtype=core.dtype) + 1)
            of_order = []
            for order in range(max(alpha[k] for alpha in space.indices) + 1):
                derived: Tensor = core
                if order:
                    matrix = torch.tensor(derivative(count - 1, order)).to(core)
                    derived = torch.einsum("rns,mn->rms", core, matrix) * rates[k] ** order
                flat = (derived * norms[:, None]).transpose(0, 1).reshape(count, left * right)
                of_order.append(flat)
            edges.append(torch.cat(of_order, dim=1))
        return edges


def _times(row: Tensor, matrix: Tensor) -> Tensor:
    """Rows (N, a) times matrices (N, a, b), (N, b)."""
    return torch.bmm(row[:, None], matrix)[:, 0]


def legendre_values(z: Tensor, degree: int) -> Tensor:
    """Legendre polynomials of degrees 0 … degree at z (N, d), (degree + 1, d, N)."""
    z = z.T.contiguous()
    if torch.is_grad_enabled():
        columns = [torch.ones_like(z), z]
        for j in range(1, degree):
            columns.append(((2 * j + 1) * z * columns[j] - j * columns[j - 1]) / (j + 1))
        return torch.stack(columns[: degree + 1])
    values = z.new_empty(degree + 1, *z.shape)
    values[0] = 1.0
    values[1:2] = z
    for j in range(1, degree):
        torch.mul(z, values[j], out=values[j + 1])
        values[j + 1].mul_((2 * j + 1) / (j + 1)).sub_(values[j - 1], alpha=j / (j + 1))
    return values


@cache
def derivative(degree: int, order: int) -> Array:
    """Coefficients of the derivatives of the orthonormal polynomials, (degree + 1, degree + 1):
    column j is the derivative of p_j.
    """
    norms = np.sqrt(2 * np.arange(degree + 1) + 1)
    derived = legendre.legder(np.diag(norms), order) if order else np.diag(norms)
    full = np.zeros((degree + 1, degree + 1))
    full[: len(derived)] = derived[: degree + 1]
    return full / norms[:, None]
