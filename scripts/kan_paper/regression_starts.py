"""Starts of KANs for regression: inner edge functions before training, some at random, some from
`regression_data`.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.polynomial import chebyshev
from torch import Tensor

from kanpde.trial.networks.kan import KAN, build_kan
from kanpde.trial.networks.layer import SplineLayer
from scripts.common.least_squares_on_arrays import train
from scripts.kan_paper.regression_data import factors, first_layer, units
from scripts.kan_paper.regression_grids import scaled

if TYPE_CHECKING:
    from scripts.kan_paper.regression_data import Recipe, Samples

KINDS: dict[str, tuple[float, float, float, float]] = {
    "smooth": (1.0, 0.5, 0.25, 0.12),
    "ridge": (1.0, 0.05, 0.02, 0.01),
    "square": (1.0, 1.5, 0.25, 0.12),
}
"""Sizes of the random coefficients of t, t², t³, t⁴ on every inner edge."""


def random_kan(
    shape: Sequence[int],
    degree: int,
    intervals: int,
    kind: str,
    x: Tensor,
    generator: torch.Generator,
) -> KAN:
    """Random polynomials on the inner edges; every hidden unit fills its grid at points x (N, d),
    the last layer is zero.
    """
    count = len(shape) - 1
    net = build_kan(shape, [degree] * count, [intervals] * count, "ridge", False, generator)
    return _filled(net, x, kind, generator)


def _filled(net: KAN, x: Tensor, kind: str, generator: torch.Generator) -> KAN:
    z = x.T
    sizes = x.new_tensor(KINDS[kind])
    with torch.no_grad():
        for layer in net.stack[:-1]:
            powers = _powers(layer)
            amplitudes = (
                torch.randn(layer.outputs, layer.inputs, 4, generator=generator, dtype=x.dtype)
                * sizes
            )
            layer.coefficients.copy_(amplitudes @ powers)
            scaled(layer, z)
            z = layer(z)
    return net


def _powers(layer: SplineLayer) -> Tensor:
    t = layer.grid.greville()[0].clamp(-1.2, 1.2)
    return torch.stack([t, t**2, t**3, t**4])


def from_data(net: KAN, x: Tensor, y: Tensor, generator: torch.Generator, exact: bool) -> bool:
    """Put factors of the data into the first layer, in place, jittered unless `exact`; False where
    there are none (d > 3).
    """
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
                    values = values * float(torch.exp(0.3 * noise[0])) + 0.1 * chebyshev.chebval(
                        z[0].numpy(), noise
                    )
                right = torch.as_tensor(values)[:, None]
                layer.coefficients[q, i] = torch.linalg.lstsq(
                    collocation, right, driver="gelsd"
                ).solution[:, 0]
    scaled(layer, x.T)
    tail = KAN(net.stack[1:])
    _filled(tail, layer(x.T).T.detach(), "smooth", generator)
    return True


def deepened(net: KAN, width: int, x: Tensor, generator: torch.Generator) -> KAN:
    """[.., width, 1] from [.., 1]: the first of the new units is the network's value, the others
    mix its last edges.
    """
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


def kan_starts(
    shape: Sequence[int], samples: Samples, recipe: Recipe, seed: int, part: int
) -> Iterator[KAN]:
    """The starts of round `part`: every other one takes factors of the data, the first of all
    exactly; three of four also units that the data suggest.
    """
    x, y = samples.x, samples.y
    found = units(x, y) if len(shape) > 3 else None
    for k in range(part * recipe.starts, (part + 1) * recipe.starts):
        generator = torch.Generator().manual_seed(1000 * seed + k)
        first: list[SplineLayer] = []
        z = x
        if found is not None and len(found[0]) == shape[1] and k % 4 < 3:
            first = [first_layer(found, x, recipe.degree, recipe.ladder[0])]
            z = first[0](x.T).T.detach()
        rest = shape[len(first) :]
        deep = len(rest) > 3 and k % 4 == 1
        own = [*rest[:-2], 1] if deep else rest
        net = random_kan(
            own, recipe.degree, recipe.ladder[0], tuple(KINDS)[k % len(KINDS)], z, generator
        )
        if k % 2 == 0 or deep:
            from_data(net, z, y, generator, k == 0)
        if deep:
            net = _deepened(net, rest[-2], z, y, recipe, generator)
        yield KAN([*first, *net.stack])


def _deepened(
    net: KAN, width: int, z: Tensor, y: Tensor, recipe: Recipe, generator: torch.Generator
) -> KAN:
    """`net` fitted to y, or to (y - min y)² if its value will be the only input of the last layer,
    and a layer above it.
    """
    aim = (y - y.min()) ** 2 if width == 1 else y
    with contextlib.suppress(ArithmeticError):
        train(
            net, z[: recipe.some], (aim - aim.mean())[: recipe.some] / aim.std(), recipe.short, 1e-9
        )
    return deepened(net, width, z, generator)
