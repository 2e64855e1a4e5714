"""A trained KAN made small and readable: what its edges do, which of them are needed, which are
known functions.
"""

from __future__ import annotations

from kanpde.trial.networks.edge_sizes import LayerView, thinned, view
from kanpde.trial.networks.prune import THRESHOLD, Pruned, prune

__all__ = ["THRESHOLD", "LayerView", "Pruned", "prune", "thinned", "view"]
