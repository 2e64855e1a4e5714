"""The scaled start of a deep KAN: smooth random edges whose sums fill the grids that they lead to.

Every edge of an inner layer is  φ = Σ_{k=1..3} a_k P_k,  a_k ~ N(0, 1)/k², P_k Legendre's
polynomials on [-1, 1], taken at the Greville points of the splines; a layer's sums are then moved
and stretched to [-s, s] for inputs that fill [-1, 1]^d. A start of independent coefficients
(`paper`) is rough within every knot interval and leaves later grids nearly empty. The last layer is
zero: one linear solve finds it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kanpde.trial.networks.kan import KAN

SAMPLE = 1024
"""Random inputs from which the ranges of the sums are measured."""


def scale(kan: KAN, share: float, generator: torch.Generator) -> None:
    """Give the parameters of `kan` their scaled start; sums of inner layers fill the `share` s of
    their grids.
    """
    with torch.no_grad():
        first = kan.stack[0].coefficients
        inputs = torch.rand(kan.shape[0], SAMPLE, generator=generator, dtype=torch.float64)
        z = (2 * inputs - 1).to(first)
        for layer in kan.stack[:-1]:
            layer.coefficients.copy_(_smooth(layer.grid.line(), layer.outputs, generator))
            _silence(layer.base)
            low, high = layer(z).aminmax(dim=1)
            stretch = 2 * share / (high - low).clamp_min(1e-12)
            # splines add up to one, so this step in all coefficients moves every edge alike
            middle = (low + high) / (2 * layer.inputs)
            layer.coefficients.sub_(middle[:, None, None]).mul_(stretch[:, None, None])
            z = layer(z)
        kan.stack[-1].coefficients.zero_()
        _silence(kan.stack[-1].base)


def _silence(base: Tensor | None) -> None:
    if base is not None:
        base.zero_()


def _smooth(points: Tensor, outputs: int, generator: torch.Generator) -> Tensor:
    """Coefficients (O, I, K) of random cubics at Greville points (I, K)."""
    cubic = torch.stack([points, (3 * points**2 - 1) / 2, (5 * points**3 - 3 * points) / 2])
    factors = torch.randn(outputs, len(points), 3, generator=generator, dtype=torch.float64)
    factors = factors.to(points)
    return torch.einsum("oik,kiz->oiz", factors / factors.new_tensor([1.0, 4.0, 9.0]), cubic)
