"""Starts of KANs for regression: the shapes of inner edge functions before training, some at random, some read off the data.

A polynomial f̃ fitted to the samples tells two things. The singular factors f, g of its coefficients (d = 2; leading factors of
its highest interaction for d = 3) give units Σ_i ± f_i(x_i), since products are differences of powers,
4 f g = (f + g)² - (f - g)² and 24 f g h = (f+g+h)³ - (f+g-h)³ - (f-g+h)³ - (f-g-h)³ …; and a pair of coordinates along whose
gradients (∂_i f̃, ∂_j f̃) point in one direction counts as one line, which is what a first layer can hold.
Whatever the start, training and validation decide.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.polynomial import chebyshev
from regression import scaled
from torch import Tensor

from kanpde.networks.kan import KAN, build_kan
from kanpde.networks.layer import SplineLayer

KINDS: dict[str, tuple[float, float, float, float]] = {
    "smooth": (1.0, 0.5, 0.25, 0.12),
    "ridge": (1.0, 0.05, 0.02, 0.01),
    "square": (1.0, 1.5, 0.25, 0.12),
}
"""Sizes of the random coefficients of t, t², t³, t⁴ on every inner edge."""

DEGREES = {1: 20, 2: 9, 3: 10}
"""Degree of f̃ by the number of coordinates (in each of two, in all of three), else 3."""

ALIGNED = 0.93
"""Correlation of two partial derivatives from which on two coordinates count as one line."""


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


def factors(x: Tensor, y: Tensor) -> list[np.ndarray] | None:
    """Chebyshev series (K, rank) for each of two or three coordinates; None for other numbers of them."""
    d = x.shape[1]
    if d not in (2, 3):
        return None
    powers, c = surrogate(x, y)
    tensor = np.zeros([DEGREES[d] + 1] * d)
    tensor[tuple(powers.T)] = c
    if d == 2:
        left, values, right = np.linalg.svd(tensor)
        return [left * np.sqrt(values), right.T * np.sqrt(values)]
    tensor[tuple(powers[(powers == 0).any(axis=1)].T)] = 0
    return [np.linalg.svd(np.moveaxis(tensor, i, 0).reshape(len(tensor), -1))[0] for i in range(d)]


def surrogate(x: Tensor, y: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Powers (K, d) and coefficients (K,) of products of Chebyshev polynomials fitted to y (N,), slightly regularised."""
    d = x.shape[1]
    degree = DEGREES.get(d, 3)
    powers = np.array([a for a in itertools.product(range(degree + 1), repeat=d) if d == 2 or sum(a) <= degree])
    matrix = _products(x, powers)
    size = 1e-4 * np.sqrt(len(x)) * np.eye(len(powers))
    right = np.concatenate([y.numpy(), np.zeros(len(powers))])
    return powers, np.linalg.lstsq(np.vstack([matrix, size]), right, rcond=None)[0]


def _products(x: Tensor, powers: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Values (N, K) of the products, or of their derivatives along one axis."""
    degree, found = int(powers.max()), np.ones((len(x), len(powers)))
    for i in range(x.shape[1]):
        eye = np.eye(degree + 1)
        series = chebyshev.chebder(eye, axis=0) if i == axis else eye
        found *= (chebyshev.chebvander(x[:, i].numpy(), len(series) - 1) @ series)[:, powers[:, i]]
    return found


def lines(x: Tensor, y: Tensor) -> Tensor | None:
    """Directions (r, d), r < d, the sum of whose absolute values is one, if pairs of coordinates count as one; else None."""
    d = x.shape[1]
    if d < 3:
        return None
    powers, c = surrogate(x, y)
    gradient = np.stack([_products(x, powers, i) @ c for i in range(d)])
    spread, free, found = gradient @ gradient.T, list(range(d)), []
    for i, j in itertools.combinations(range(d), 2):
        if i in free and j in free:
            vector = np.linalg.eigh(spread[np.ix_([i, j], [i, j])])[1][:, 1]
            along = vector / np.abs(vector).sum()
            if abs(spread[i, j]) > ALIGNED * np.sqrt(spread[i, i] * spread[j, j]):
                found.append(along[0] * np.eye(d)[i] + along[1] * np.eye(d)[j])
                free = [k for k in free if k not in (i, j)]
    return torch.as_tensor(np.array([*found, *np.eye(d)[free]])) if found else None
