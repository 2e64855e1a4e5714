"""Multilayer perceptrons of any shape, y = A_L f(A_{L-1} … f(A_1 x + b_1) …) + b_L, with the same
jets, features and rows as a KAN.

Starts: `xavier` (normal Glorot weights, zero biases), and `features` for one linear solve of the
outer layer: the first layer's units are spread over the domain, w = s·a with directions a over the
half sphere and slopes s uniform in (0, scale], the centre of each unit uniform in [-1, 1]^d (random
features; Chen, Chi, E & Yang, arXiv 2207.13380).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from kanpde.errors import ConfigError
from kanpde.numerics.jets import Jet, compose, pull_back
from kanpde.trial.networks import activations
from kanpde.trial.networks.kan import directions


@dataclass(frozen=True)
class Activations:
    """The jet of the last hidden activations and of the constant, (A, H + 1, N): none of them is
    zero anywhere.
    """

    hidden: Jet
    columns: None = None

    @property
    def size(self) -> int:
        """The number of stored numbers."""
        return self.hidden.data.numel()

    def jet(self, parameters: Tensor) -> Jet:
        """The jet of the outputs for parameters (H + 1, O)."""
        return Jet(self.hidden.space, parameters.T @ self.hidden.data)

    def rows(self, functional: Tensor) -> Tensor:
        """Σ_α F_α ∂^α of each for O functionals (A, O, N), (O, H + 1, N)."""
        return torch.einsum("aon,ahn->ohn", functional, self.hidden.data)


class MLP(nn.Module):
    """A multilayer perceptron, (N, d) → (N, m); weights (I, O), biases (O,)."""

    kind = "mlp"

    def __init__(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor], activation: str
    ) -> None:
        super().__init__()
        activations.apply(activation, weights[0].new_zeros(1))
        self.activation = activation
        self.weights = nn.ParameterList([nn.Parameter(_packed(w)) for w in weights])
        self.biases = nn.ParameterList([nn.Parameter(_packed(b)) for b in biases])

    @property
    def shape(self) -> list[int]:
        """Inputs, hidden widths, outputs."""
        return [self.weights[0].shape[0], *(w.shape[1] for w in self.weights)]

    def forward(self, x: Tensor) -> Tensor:
        """(N, d) → (N, m)."""
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.addmm(bias, activations.apply(self.activation, x) if k else x, weight)
        return x

    def jet(self, x: Jet) -> Jet:
        """The jet of the outputs, in closed form."""
        return self._affine(self.hidden(x), len(self.weights) - 1)

    def hidden(self, x: Jet) -> Jet:
        """The jet of the last hidden activations."""
        for k in range(len(self.weights) - 1):
            x = self._activated(self._affine(x, k))
        return x

    def _activated(self, z: Jet) -> Jet:
        return compose(z, activations.derivatives(self.activation, z.value, z.space.order))

    def _affine(self, x: Jet, k: int) -> Jet:
        value, derivatives = x.data[0], x.data[1:]
        weight = self.weights[k].T
        outputs = torch.addmm(self.biases[k][:, None], weight, value)
        return Jet(x.space, torch.cat([outputs[None], weight @ derivatives]))

    def features(self, x: Jet) -> Activations:
        """The activations that the outer layer combines; not recorded by autograd."""
        with torch.no_grad():
            hidden = self.hidden(x)
            constant = torch.zeros_like(hidden.data[:, :1])
            constant[0] = 1
            return Activations(Jet(x.space, torch.cat([hidden.data, constant], dim=1)))

    @property
    def outer(self) -> Tensor:
        """The outer layer's parameters, (H + 1, m), a copy."""
        return torch.cat([self.weights[-1].detach(), self.biases[-1].detach()[None]])

    def set_outer(self, values: Tensor) -> None:
        """Write the outer layer's parameters, (H + 1, m)."""
        with torch.no_grad():
            self.weights[-1].copy_(values[:-1])
            self.biases[-1].copy_(values[-1])

    def outside_share(self, x: Tensor) -> float:
        """Zero: an MLP has no grid."""
        return 0.0

    @property
    def inner(self) -> list[nn.Parameter]:
        """The parameters of all layers but the outer one, in the column order of `inner_rows`."""
        layers = list(zip(self.weights, self.biases, strict=True))
        return [parameter for layer in layers[:-1] for parameter in layer]

    def inner_rows(self, x: Jet, functional: Tensor) -> Tensor:
        """The matrix (N, P) of the derivatives of Σ F_{α, o} ∂^α y_o by `inner`, for F (A, m,
        N).
        """
        inputs, rows = [x], [x.value.new_zeros(0, x.value.shape[1])]
        with torch.no_grad():
            for k in range(len(self.weights) - 1):
                inputs.append(self._activated(self._affine(inputs[-1], k)))
            for k in range(len(self.weights) - 1, 0, -1):
                functional = torch.einsum("ho,aon->ahn", self.weights[k], functional)
                functional = pull_back(
                    self._activated, self._affine(inputs[k - 1], k - 1), functional
                )
                outer = torch.einsum("ain,aon->ion", inputs[k - 1].data, functional)
                rows[:0] = [outer.flatten(0, 1), functional[0]]
        return torch.cat(rows).T


def build_mlp(
    shape: Sequence[int],
    activation: str,
    start: str,
    scale: float,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> MLP:
    """An MLP with `shape` = [d, hidden …, m]; `scale` is the steepest slope of the `features`
    start, dimensionless.
    """
    weights, biases = [], []
    for k, (inputs, outputs) in enumerate(pairwise(shape)):
        if start == "features" and k == 0 and len(shape) > 2:
            weight, bias = _features(inputs, outputs, scale, generator)
        elif start in ("xavier", "features"):
            weight = torch.randn(inputs, outputs, generator=generator, dtype=torch.float64)
            weight *= math.sqrt(2 / (inputs + outputs))
            bias = torch.zeros(outputs, dtype=torch.float64)
        else:
            raise ConfigError(f"MLP: unknown start {start!r}; known are xavier, features")
        weights.append(weight.to(dtype))
        biases.append(bias.to(dtype))
    return MLP(weights, biases, activation)


def _features(
    inputs: int, outputs: int, scale: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    slope = scale * (1 - torch.rand(outputs, generator=generator, dtype=torch.float64))
    shuffled = directions(inputs, outputs, generator)[torch.randperm(outputs, generator=generator)]
    weight = (shuffled * slope[:, None]).T
    centre = 2 * torch.rand(outputs, inputs, generator=generator, dtype=torch.float64) - 1
    return weight, -(weight.T * centre).sum(1)


def _packed(values: Tensor) -> Tensor:
    """A contiguous copy: torch's L-BFGS flattens parameters by their memory."""
    return values.clone(memory_format=torch.contiguous_format)
