"""Starts of KANs for regression: inner edge functions before training, some at random, some from `regression_data`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.polynomial import chebyshev
from regression_data import factors
from regression_grids import scaled
from torch import Tensor

from kanpde.networks.kan import KAN, build_kan
from kanpde.networks.layer import SplineLayer

KINDS: dict[str, tuple[float, float, float, float]] = {
    "smooth": (1.0, 0.5, 0.25, 0.12),
    "ridge": (1.0, 0.05, 0.02, 0.01),
    "square": (1.0, 1.5, 0.25, 0.12),
}
"""Sizes of the random coefficients of t, t², t³, t⁴ on every inner edge."""


def random_kan(
    shape: Sequence[int], degree: int, intervals: int, kind: str, x: Tensor, generator: torch.Generator
) -> KAN:
    """Random polynomials on the inner edges; every hidden unit fills its grid at points x (N, d), the last layer is zero."""
    count = len(shape) - 1
    net = build_kan(shape, [degree] * count, [intervals] * count, "ridge", False, generator)
    return _filled(net, x, kind, generator)


def _filled(net: KAN, x: Tensor, kind: str, generator: torch.Generator) -> KAN:
    z = x.T
    sizes = x.new_tensor(KINDS[kind])
    with torch.no_grad():
        for layer in net.stack[:-1]:
            powers = _powers(layer)
            amplitudes = torch.randn(layer.outputs, layer.inputs, 4, generator=generator, dtype=x.dtype) * sizes
            layer.coefficients.copy_(amplitudes @ powers)
            scaled(layer, z)
            z = layer(z)
    return net


def _powers(layer: SplineLayer) -> Tensor:
    t = layer.grid.greville()[0].clamp(-1.2, 1.2)
    return torch.stack([t, t**2, t**3, t**4])


def from_data(net: KAN, x: Tensor, y: Tensor, generator: torch.Generator, exact: bool) -> bool:
    """Put factors of the data into the first layer, in place, jittered unless `exact`; False where there are none (d > 3)."""
    layer, found = net.stack[0], factors(x, y)
    if found is None:
        return False
    z = torch.linspace(-1, 1, 200, dtype=x.dtype)[None]
    collocation = layer.grid.row(0).collocation(z)
    signs = list(itertools.product((1.0, -1.0), repeat=x.shape[1] - 1))
    with torch.no_grad():
        for q in range(layer.outputs):
            rank, sign = divmod(q, len(signs))
            for i in range(x.shape[1]):
                series = found[i][:, min(rank, found[i].shape[1] - 1)]
                values = chebyshev.chebval(z[0].numpy(), series)
                values = values / max(np.abs(values).max(), 1e-300) * (1.0, *signs[sign])[i]
                if not exact:
                    noise = torch.randn(4, generator=generator, dtype=x.dtype)
                    values = values * float(torch.exp(0.3 * noise[0])) + 0.1 * chebyshev.chebval(z[0].numpy(), noise)
                right = torch.as_tensor(values)[:, None]
                layer.coefficients[q, i] = torch.linalg.lstsq(collocation, right, driver="gelsd").solution[:, 0]
    scaled(layer, x.T)
    tail = KAN(net.stack[1:])
    _filled(tail, layer(x.T).T.detach(), "smooth", generator)
    return True


def deepened(net: KAN, width: int, x: Tensor, generator: torch.Generator) -> KAN:
    """[.., width, 1] from [.., 1]: the first of the new units is the network's value, the others mix its last edges."""
    old, grid = net.stack[-1], net.stack[-1].grid
    amounts = torch.randn(width, old.inputs, 1, generator=generator, dtype=x.dtype)
    amounts[0] = 1
    hidden = SplineLayer(grid, amounts * old.coefficients.detach())
    z = x.T
    with torch.no_grad():
        for layer in net.stack[:-1]:
            z = layer(z)
    scaled(hidden, z)
    last = build_kan([width, 1], [grid.degree], [net.intervals[-1]], "ridge", False, generator)
    return KAN([*net.stack[:-1], hidden, *last.stack])
