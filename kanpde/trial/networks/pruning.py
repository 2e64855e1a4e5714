"""The edges of a trained KAN: their sizes, and the network without those that hardly matter."""

from __future__ import annotations

from kanpde.trial.networks.edge_sizes import LayerView, thinned, view
from kanpde.trial.networks.prune import THRESHOLD, Pruned, prune

__all__ = ["THRESHOLD", "LayerView", "Pruned", "prune", "thinned", "view"]
