"""A network with given functions beside it: y_o(x) = N_o(s(x)) + Σ_k c_ko f_k(x), with trainable c.

The f_k are formulas of the problem's coordinates that the network resolves badly, such as r^{2/3}
sin(2θ/3) at a re-entrant corner, and multipoles about holes; they join the functions that the outer
layer combines, so every method that solves for those solves for c too.

Source: Strang & Fix, An Analysis of the Finite Element Method (1973), ch. 8 (singular functions
beside a smooth basis).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from kanpde.expressions import Node, differentiate
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.jets import Jet, JetSpace, MultiIndex
from kanpde.trial.networks.kan import KAN
from kanpde.trial.networks.layer import Local
from kanpde.trial.networks.mlp import MLP, Activations
from kanpde.trial.networks.multipoles import Multipoles


@dataclass(frozen=True)
class Joined:
    """The features of a network and, behind them, the jet (A, K, N) of the functions beside it.

    `columns` (k + K, N) are the numbers of their parameters; None for all in their order.
    """

    network: Local | Activations
    functions: Jet
    columns: Tensor | None

    @property
    def size(self) -> int:
        """The number of stored numbers."""
        return self.network.size + self.functions.data.numel()

    def jet(self, parameters: Tensor) -> Jet:
        """The jet of the outputs for parameters (P + K, O)."""
        count = len(parameters) - self.functions.data.shape[1]
        network = self.network.jet(parameters[:count]).data
        return Jet(self.functions.space, network + parameters[count:].T @ self.functions.data)

    def rows(self, functional: Tensor) -> Tensor:
        """Σ_α F_α ∂^α of each for O functionals (A, O, N), (O, k + K, N)."""
        functions = torch.einsum("aon,akn->okn", functional, self.functions.data)
        return torch.cat([self.network.rows(functional), functions], dim=1)


class Enriched(nn.Module):
    """A KAN or an MLP of the scaled coordinates s = (x - shift)·scale and K functions of x;
    coefficients (K, m).

    The functions are formulas and, behind them, `multipoles`.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        net: KAN | MLP,
        functions: Sequence[Node],
        lower: Tensor,
        upper: Tensor,
        multipoles: Sequence[Multipoles] = (),
    ) -> None:
        super().__init__()
        self.net = net
        self.functions, self.multipoles = tuple(functions), tuple(multipoles)
        count = len(self.functions) + sum(group.count for group in self.multipoles)
        self.coefficients = nn.Parameter(net.outer.new_zeros(count, net.shape[-1]))
        self.register_buffer("shift", (lower + upper) / 2)
        self.register_buffer("scale", 2 / (upper - lower))

    @property
    def kind(self) -> str:
        """The kind of the network."""
        return self.net.kind

    @property
    def shape(self) -> list[int]:
        """Inputs, hidden widths, outputs."""
        return self.net.shape

    def around(self, net: KAN | MLP) -> Enriched:
        """The same functions and coefficients beside another network."""
        ends = self.shift - 1 / self.scale, self.shift + 1 / self.scale
        enriched = Enriched(net, self.functions, *ends, self.multipoles)
        with torch.no_grad():
            enriched.coefficients.copy_(self.coefficients)
        return enriched

    def forward(self, s: Tensor) -> Tensor:
        """(N, d) → (N, m)."""
        value: Tensor = self.net(s)
        functions = self._at(s / self.scale + self.shift, JetSpace.closure((), s.shape[1]))
        return value + functions.value.T @ self.coefficients

    def jet(self, s: Jet) -> Jet:
        """The jet of the outputs; `s` must be that of the scaled coordinates."""
        return Jet(s.space, self.net.jet(s).data + self.coefficients.T @ self._functions(s).data)

    def features(self, s: Jet) -> Joined:
        """The functions that the outer layer combines, and those beside the network; not recorded
        by autograd.
        """
        network, functions = self.net.features(s), self._functions(s)
        if network.columns is None:
            return Joined(network, functions, None)
        first, count = len(self.net.outer), len(self.coefficients)
        numbers = torch.arange(first, first + count, device=network.columns.device)
        last = numbers[:, None].expand(-1, network.columns.shape[1])
        return Joined(network, functions, torch.cat([network.columns, last]))

    def _functions(self, s: Jet) -> Jet:
        """The jets of the functions, (A, K, N), at scaled points."""
        return self._at(s.value.T / self.scale + self.shift, s.space)

    def _at(self, x: Tensor, space: JetSpace) -> Jet:
        """The jets of the functions, (A, K, N), at points x (N, d)."""
        jets = [jet_of(self.functions, x, space)] if self.functions else []
        jets += [group.jet(x, space) for group in self.multipoles]
        return Jet(space, torch.cat([jet.data for jet in jets], dim=1))

    @property
    def outer(self) -> Tensor:
        """The outer layer's parameters and the coefficients, (P + K, m), a copy."""
        return torch.cat([self.net.outer, self.coefficients.detach()])

    def set_outer(self, values: Tensor) -> None:
        """Write the outer layer's parameters and the coefficients, (P + K, m)."""
        count = len(values) - len(self.coefficients)
        self.net.set_outer(values[:count])
        with torch.no_grad():
            self.coefficients.copy_(values[count:])

    def outside_share(self, s: Tensor) -> float:
        """Largest share of inputs outside a grid of the network at scaled points s (N, d)."""
        return self.net.outside_share(s)

    @property
    def inner(self) -> list[nn.Parameter]:
        """The inner parameters of the network: the functions beside it have none."""
        return self.net.inner

    def inner_rows(self, s: Jet, functional: Tensor) -> Tensor:
        """The given functions depend on no inner parameter."""
        return self.net.inner_rows(s, functional)


def bare(network: nn.Module) -> nn.Module:
    """The network without the functions beside it."""
    return network.net if isinstance(network, Enriched) else network


def beside(present: nn.Module, net: KAN | MLP) -> KAN | MLP | Enriched:
    """Another network with the functions beside the present one, if there are any."""
    return present.around(net) if isinstance(present, Enriched) else net


def jet_of(nodes: Sequence[Node], x: Tensor, space: JetSpace) -> Jet:
    """The jets of formulas at points x (N, d) by symbolic differentiation, (A, m, N)."""
    flat = _derivatives(tuple(nodes), space.indices)
    values = torch.stack(evaluate(flat, x))
    return Jet(space, values.reshape(len(space.indices), len(nodes), len(x)))


@lru_cache(maxsize=64)
def _derivatives(nodes: tuple[Node, ...], indices: tuple[MultiIndex, ...]) -> tuple[Node, ...]:
    """∂^α of every node, α slowest; the indices are closed downwards and lower ones stand first."""
    derivatives: dict[MultiIndex, tuple[Node, ...]] = {indices[0]: nodes}
    for alpha in indices[1:]:
        axis = max(i for i, a in enumerate(alpha) if a)
        lower = tuple(a - (i == axis) for i, a in enumerate(alpha))
        derivatives[alpha] = tuple(differentiate(node, axis) for node in derivatives[lower])
    return tuple(node for alpha in indices for node in derivatives[alpha])
