"""One field over the whole time interval, made of trial solutions on time slabs, each from the end
of the one before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from kanpde.expressions import Node
from kanpde.numerics.jets import Jet, JetSpace, coordinates
from kanpde.trial.constants import Constants
from kanpde.trial.solution import Located, Network, TrialSolution


class AnyTrial(Protocol):
    """What can be evaluated and measured: one trial solution at all times, or one on each of some
    time slabs.
    """

    @property
    def each(self) -> list[TrialSolution]:
        """The trial solutions, one per slab, first to last."""

    @property
    def slab_ends(self) -> tuple[float, ...]:
        """The times at which slabs end, first to last; empty where there are no slabs."""

    @property
    def outputs(self) -> int:
        """m, of all regions together."""
        return int(self.net.shape[-1])

    @property
    def net(self) -> Network:
        """The network, on slabs that of the last one."""

    @property
    def network(self) -> nn.Module:
        """The same as a module."""

    @property
    def constants(self) -> Constants:
        """The unknown constants."""

    @property
    def scale(self) -> Tensor:
        """Scale of the network's coordinates, (d,)."""

    @property
    def parameter_count(self) -> int:
        """P, all trainable numbers."""

    @property
    def met(self) -> tuple[tuple[str, Node], ...]:
        """Names and formulas of the conditions that hold whatever the parameters."""

    @property
    def note(self) -> str:
        """Where a lifting is not smooth."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """All trainable tensors."""

    def evaluate(self, x: Tensor) -> Tensor:
        """u at points x (N, d) without a graph, (N, m)."""

    def locate(self, x: Tensor, space: JetSpace) -> Located:
        """Prepare points for repeated evaluation."""

    def jet(self, at: Located) -> Jet:
        """The jet of u at prepared points, (A, m, N)."""

    def outside_share(self, x: Tensor) -> float:
        """Largest share of inputs outside a grid, at points x (N, d), dimensionless."""


class PiecewiseInTime(nn.Module):
    """u(x, t) = u_k(x, t) for t in (t_k, t_{k+1}]; offers what a `TrialSolution` offers for
    evaluation.
    """

    edges: Tensor

    def __init__(self, pieces: Sequence[TrialSolution], edges: Sequence[float]) -> None:
        super().__init__()
        self.pieces = nn.ModuleList(pieces)
        self.register_buffer("edges", torch.tensor(edges, dtype=torch.float64))

    @property
    def each(self) -> list[TrialSolution]:
        """The trial solutions, first to last."""
        return [piece for piece in self.pieces if isinstance(piece, TrialSolution)]

    @property
    def slab_ends(self) -> tuple[float, ...]:
        """The times at which the slabs end, first to last."""
        return tuple(self.edges[1:].tolist())

    @property
    def outputs(self) -> int:
        """m."""
        return self.each[0].outputs

    @property
    def net(self) -> Network:
        """The network of the last slab."""
        return self.each[-1].net

    @property
    def network(self) -> nn.Module:
        """The network of the last slab."""
        return self.each[-1].network

    @property
    def constants(self) -> Constants:
        """None: a march has no unknown constants."""
        return self.each[-1].constants

    @property
    def met(self) -> tuple[tuple[str, Node], ...]:
        """None: a march has no conditions that hold whatever the parameters."""
        return ()

    @property
    def note(self) -> str:
        """Empty: a march has no lifting."""
        return ""

    @property
    def scale(self) -> Tensor:
        """Scale of the last slab's coordinates, (d,)."""
        return self.each[-1].scale

    @property
    def parameter_count(self) -> int:
        """P, all trainable numbers of all slabs."""
        return sum(piece.parameter_count for piece in self.each)

    def slab(self, x: Tensor) -> Tensor:
        """The number of the slab of each point (N, d), (N,)."""
        return torch.searchsorted(self.edges[1:-1], x[:, -1].double().contiguous())

    def evaluate(self, x: Tensor) -> Tensor:
        """u at points x (N, d), (N, m)."""
        values = x.new_empty(len(x), self.net.shape[-1])
        for piece, chosen in self._shares(x):
            values[chosen] = piece.evaluate(x[chosen])
        return values

    def forward(self, x: Tensor) -> Tensor:
        """u at points x (N, d), (N, m)."""
        return self.evaluate(x)

    def locate(self, x: Tensor, space: JetSpace) -> Located:
        """Points for `jet`."""
        scale = torch.ones_like(x[0])
        return Located(x, space, coordinates(x, space, scale, 0 * scale), None, None)

    def jet(self, at: Located) -> Jet:
        """The jet of u, (A, m, N), without a graph."""
        data = at.x.new_empty(len(at.space.indices), self.net.shape[-1], len(at.x))
        with torch.no_grad():
            for piece, chosen in self._shares(at.x):
                data[:, :, chosen] = piece.jet(piece.locate(at.x[chosen], at.space)).data
        return Jet(at.space, data)

    def outside_share(self, x: Tensor) -> float:
        """Largest share of inputs outside a grid over the slabs, at points x (N, d)."""
        return max(
            (piece.outside_share(x[chosen]) for piece, chosen in self._shares(x)), default=0.0
        )

    def _shares(self, x: Tensor) -> list[tuple[TrialSolution, Tensor]]:
        number = self.slab(x)
        shares = [(piece, torch.nonzero(number == k)[:, 0]) for k, piece in enumerate(self.each)]
        return [(piece, chosen) for piece, chosen in shares if len(chosen)]
