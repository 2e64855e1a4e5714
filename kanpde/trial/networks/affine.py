"""An affine layer y = W z + b between layers of univariate functions, with the offers of these."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kanpde.numerics.jets import Jet


class Affine(nn.Module):
    """I inputs, O outputs; weight (O, I), bias (O,)."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        packed = torch.contiguous_format
        self.weight = nn.Parameter(weight.clone(memory_format=packed))
        self.bias = nn.Parameter(bias.clone(memory_format=packed))

    @property
    def inputs(self) -> int:
        """I."""
        return self.weight.shape[1]

    @property
    def outputs(self) -> int:
        """O."""
        return self.weight.shape[0]

    def forward(self, z: Tensor) -> Tensor:
        """(I, N) → (O, N)."""
        return torch.addmm(self.bias[:, None], self.weight, z)

    def jet(self, z: Jet) -> Jet:
        """The jet of the outputs from the jet of the inputs."""
        return Jet(z.space, torch.cat([self(z.value)[None], self.weight @ z.data[1:]]))

    def rows(self, z: Jet, functional: Tensor) -> list[Tensor]:
        """Derivatives of Σ F_{α, o} ∂^α y_o by the weight (O·I, N) and by the bias (O, N), for F
        (A, O, N).
        """
        return [torch.einsum("ain,aon->oin", z.data, functional).flatten(0, 1), functional[0]]

    def outside_share(self, z: Tensor) -> float:
        """Zero: there is no range."""
        return 0.0
