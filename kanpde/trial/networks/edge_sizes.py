"""The edges of a KAN at given points: their inputs, their values and their importance.

The norm of an edge φ over N points of its input is the mean of |φ| (arXiv 2404.19756, §2.5.1). The
edges of one node add up, so a constant may move from one to another without any effect; its
`variation`, the mean of |φ - mean φ|, does not depend on that and is what pruning and pictures go
by.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.errors import ConfigError
from kanpde.trial.networks import KAN

SAMPLES = 2048
"""Most points at which edges are evaluated."""


@dataclass(frozen=True)
class LayerView:
    """The edges of one layer at points: inputs z (I, N), values (O, I, N), and which of them are
    not pruned, booleans (O, I).
    """

    inputs: Tensor
    values: Tensor
    kept_edges: Tensor

    @property
    def norms(self) -> Tensor:
        """Mean |φ| of every edge, (O, I)."""
        return self.values.abs().mean(2)

    @property
    def means(self) -> Tensor:
        """Mean φ of every edge, (O, I)."""
        return self.values.mean(2)

    @property
    def variations(self) -> Tensor:
        """Mean |φ - mean φ| of every edge, (O, I)."""
        return (self.values - self.values.mean(2, keepdim=True)).abs().mean(2)


def view(kan: KAN, s: Tensor) -> list[LayerView]:
    """Every layer at points s (N, d) of the network's own coordinates, without a graph; of many
    points every k-th.

    ConfigError for functions on nodes, which are no edges.
    """
    if kan.on == "nodes":
        raise ConfigError(
            "edges: a network with its functions on nodes has none; solve with trial.on: edges"
        )
    z, views = thinned(s).T, []
    with torch.no_grad():
        for layer in kan.stack:
            values = layer.edges(z)
            views.append(LayerView(z, values, layer.kept_edges))
            z = values.sum(1)
    return views


def thinned(s: Tensor) -> Tensor:
    """At most SAMPLES of the points (N, d); their stride is no multiple of a line of a grid."""
    if len(s) <= SAMPLES:
        return s
    # multiples of the golden ratio: no stride of a grid of points, so all its lines are met
    at = (
        torch.arange(SAMPLES, dtype=torch.float64, device=s.device)
        * 0.6180339887498949
        % 1
        * len(s)
    )
    return s[at.long().to(s.device)]
