"""Changes of grid between two trainings: the function stays, units fill their grids."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kanpde.trial.networks import KAN, build_kan
from kanpde.trial.reframe import fill, reframed


def cube(count: int = 400) -> Tensor:
    return torch.as_tensor(2 * np.random.default_rng(2).random((count, 2)) - 1)


def some_kan(shape: list[int]) -> KAN:
    generator = torch.Generator().manual_seed(3)
    layers = len(shape) - 1
    net = build_kan(shape, [5] * layers, [4] * layers, "paper", False, generator)
    z = cube().T
    with torch.no_grad():
        for layer in net.stack[:-1]:
            layer.coefficients.copy_(layer.grid.line().expand_as(layer.coefficients).pow(2))
            layer.coefficients.add_(torch.randn(layer.coefficients.shape[:2])[:, :, None])
            layer.coefficients.mul_(torch.linspace(0.5, 1.5, layer.outputs)[:, None, None])
            fill(layer, z)
            z = layer(z)
    return net


def test_other_grids_keep_the_function_and_are_filled() -> None:
    net, x = some_kan([2, 3, 2, 1]), cube()
    with torch.no_grad():
        y = net(x)
        framed = reframed(net, x, 12)
        assert framed is not None and framed.intervals == [12, 12, 12]
        assert float((framed(x) - y).norm()) < 2e-3 * float(y.norm())
        hidden = framed.stack[0](x.T)
    torch.testing.assert_close(hidden.amax(1), torch.full((3,), 0.95, dtype=torch.float64))


def test_constants_do_not_grow_against_each_other() -> None:
    net, x = some_kan([2, 2, 1]), cube()
    with torch.no_grad():
        net.stack[0].coefficients[:, 0] += 1e6
        net.stack[0].coefficients[:, 1] -= 1e6
    framed = reframed(net, x, 4)
    assert framed is not None and framed.stack[0].coefficients.abs().max() < 10


def test_mixed_knots_lie_between_even_ones_and_quantiles() -> None:
    net, x = some_kan([2, 2, 1]), cube().abs() ** 3
    framed = reframed(net, x, 4, 0.5)
    assert framed is not None
    even = torch.linspace(-1, 1, 5, dtype=torch.float64)
    quantiles = torch.quantile(x[:, 0], torch.linspace(0, 1, 5, dtype=torch.float64))
    quantiles[0], quantiles[-1] = -1, 1
    torch.testing.assert_close(
        framed.stack[0].grid.breakpoints[0], (even + quantiles) / 2, atol=1e-12, rtol=0
    )
