"""Small KANs and MLPs fitted to tables of numbers, by the package's layers and its L-BFGS: what the
science examples share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kanpde.optimizers import LBFGS
from kanpde.trial.networks import KAN, MLP, build_kan, build_mlp
from kanpde.trial.networks.layer import SplineLayer

Array = NDArray[np.float64]
Objective = Callable[[KAN | MLP], Tensor]
"""The scalar to be lowered, from the network."""

DEGREE = 3


@dataclass(frozen=True)
class Scale:
    """The map of each column's range to [-1, 1]: s = (x - middle) / half, in units of the
    columns.
    """

    middle: Array
    half: Array

    @classmethod
    def of(cls, x: Array) -> Scale:
        """For the columns of x (N, d)."""
        return cls((x.max(0) + x.min(0)) / 2, (x.max(0) - x.min(0)) / 2)

    def __call__(self, x: Array) -> Tensor:
        """s (N, d)."""
        return torch.from_numpy((x - self.middle) / self.half)


def kan(shape: Sequence[int], intervals: int, seed: int) -> KAN:
    """A KAN of cubic splines without base functions; the first layer starts with lines, the last
    one at zero.
    """
    layers = len(shape) - 1
    return build_kan(
        shape,
        [DEGREE] * layers,
        [intervals] * layers,
        "ridge",
        False,
        torch.Generator().manual_seed(seed),
    )


def mlp(inputs: int, parameters: int, seed: int) -> MLP:
    """An MLP of one hidden layer and tanh with about as many parameters."""
    hidden = max(1, round((parameters - 1) / (inputs + 2)))
    return build_mlp(
        [inputs, hidden, 1], "tanh", "xavier", 1.0, torch.Generator().manual_seed(seed)
    )


def size(net: KAN | MLP) -> int:
    """P."""
    return sum(parameter.numel() for parameter in net.parameters())


def train(net: KAN | MLP, x: Tensor, objective: Objective, rounds: int, steps: int) -> KAN | MLP:
    """`rounds` times `steps` iterations of L-BFGS; before all but the first the grids of a KAN grow
    to its inputs at x (N, d).
    """
    for number in range(rounds):
        if number and isinstance(net, KAN):
            net = net.updated(x, 0.5, 0.05)
        LBFGS(list(net.parameters()), 1e-9).advance(lambda net=net: objective(net), steps)
    return net


def edges(layer: SplineLayer, z: Tensor) -> Tensor:
    """Values of a layer's edge functions at its inputs z (I, N), (O, I, N); autograd follows
    them.
    """
    return layer.edges(z)


def spread(net: KAN, x: Tensor) -> Array:
    """Standard deviation of each edge of the first layer over x (N, d), as a share of the largest,
    (O, d).
    """
    with torch.no_grad():
        variations = edges(net.stack[0], x.T).std(2)
    return np.asarray(variations / variations.max())


def predict(net: KAN | MLP, x: Tensor) -> Array:
    """The first output at x (N, d), (N,)."""
    with torch.no_grad():
        return np.asarray(net(x)[:, 0])
