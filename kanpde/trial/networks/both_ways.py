"""A KAN whose outputs are those of two KANs of what is carried along, to the right and to the left.

u(x, t) = f(x - k (t + 1)) + g(x + k (t + 1))
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kanpde.numerics.jets import Jet
from kanpde.trial.networks.carried import Carried


class BothWays(nn.Module):
    """The sum of two networks."""

    kind = "kan"

    def __init__(self, right: Carried, left: Carried) -> None:
        super().__init__()
        self.right, self.left = right, left

    @property
    def shape(self) -> list[int]:
        """Inputs, nodes, outputs."""
        inputs, nodes, outputs = self.right.shape
        return [inputs, nodes + self.left.shape[1], outputs]

    @property
    def inner(self) -> list[nn.Parameter]:
        """None: both ways are fixed."""
        return []

    @property
    def outer(self) -> Tensor:
        """All coefficients, by outputs (…, m)."""
        return torch.cat([self.right.outer, self.left.outer])

    def set_outer(self, values: Tensor) -> None:
        """Write all coefficients, by outputs (…, m)."""
        count = len(self.right.outer)
        self.right.set_outer(values[:count])
        self.left.set_outer(values[count:])

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2) → (N, m)."""
        there: Tensor = self.right(x) + self.left(x)
        return there

    def jet(self, x: Jet) -> Jet:
        """The jet of the outputs at scaled coordinates, in closed form."""
        return Jet(x.space, self.right.jet(x).data + self.left.jet(x).data)

    def outside_share(self, x: Tensor) -> float:
        """None: both hold whatever passes the ends."""
        return 0.0
