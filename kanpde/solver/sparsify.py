"""Sparsification: a penalty on the objective that leaves few edges alive,

    λ (μ₁ Σ_l |Φ_l|₁ + μ₂ Σ_l S(Φ_l)),    |Φ_l|₁ = Σ_e |φ_e|₁,    S(Φ_l) = -Σ_e p_e log p_e,    p_e = |φ_e|₁ / |Φ_l|₁,

with the norm |φ|₁ of an edge the mean of |φ| over the present points of training, and e over the
edges of layer l.
Source: Liu et al., KAN: Kolmogorov–Arnold Networks, arXiv 2404.19756, §2.5.1, eqs. 2.17 to 2.20.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.assembly.objective import Objective
from kanpde.config import Sparsify
from kanpde.errors import ConfigError
from kanpde.trial.networks import KAN, bare
from kanpde.trial.networks.edge_sizes import thinned
from kanpde.trial.solution import TrialSolution

LEAST = 1e-4
"""Added to p in the logarithm: its slope at an edge that is zero would not let the edge come back.
"""


@dataclass(frozen=True)
class Penalised:
    """An objective with the penalty; `points` (N, d) are those of training."""

    plain: Objective
    sparsify: Sparsify

    def objective(self, trial: TrialSolution) -> Tensor:
        """The sum, a scalar that autograd follows to the parameters; ConfigError where the network
        has no edges.
        """
        network, wish = bare(trial.network), self.sparsify
        if not isinstance(network, KAN):
            raise ConfigError(
                "schedule: only a kan has edges to sparsify; remove sparsify for an mlp"
            )
        length, disorder = penalties(network, trial.scaled(thinned(self.plain.points)))
        return self.plain.objective(trial) + wish.weight * (
            wish.l1 * length + wish.entropy * disorder
        )


def penalties(kan: KAN, s: Tensor) -> tuple[Tensor, Tensor]:
    """Σ_l |Φ_l|₁ and Σ_l S(Φ_l) at points s (N, d) of the network's own coordinates, two
    scalars.
    """
    z, length, disorder = s.T, s.new_zeros(()), s.new_zeros(())
    for layer in kan.stack:
        edges = layer.edges(z)
        norms = edges.abs().mean(2)
        total = norms.sum()
        shares = norms / total.clamp_min(torch.finfo(norms.dtype).tiny)
        length, disorder = length + total, disorder - (shares * (shares + LEAST).log()).sum()
        z = edges.sum(1)
    return length, disorder
