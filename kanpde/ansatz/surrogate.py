"""What the rows of a table say about structure, by a polynomial f̃ fitted to them.

Singular factors f, g of its coefficients (d = 2; leading factors of its highest interaction for d =
3) give units Σ_i ± f_i(x_i), since products are differences of powers, 4 f g = (f + g)² - (f - g)²,
24 f g h = (f+g+h)³ - (f+g-h)³ - (f-g+h)³ + (f-g-h)³. A pair of coordinates along whose gradients
(∂_i f̃, ∂_j f̃) point in one direction counts as one line, (x_j ∂_i f̃, x_i ∂_j f̃) as one sum of
squares: what a first layer can hold. Whatever they say, training and validation decide.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]

DEGREES = {1: 20, 2: 9, 3: 10, 4: 10}
"""Degree of f̃ by the number of coordinates (in each of two, in all of three or four), else 3."""

ALIGNED = 0.85
"""Correlation of two partial derivatives from which on two coordinates count as one unit."""

MOST_INPUTS = 8
"""Coordinates up to which there is a surrogate; the products of degree 3 of more are too many."""


def factors(x: Tensor, y: Tensor) -> list[Array] | None:
    """Chebyshev series (K, rank) for each of two or three coordinates, from x (N, d) ∈ [-1, 1]^d
    and y (N,); None for other numbers of them.
    """
    d = x.shape[1]
    if d not in (2, 3):
        return None
    powers, c = surrogate(x, y)
    tensor = np.zeros([DEGREES[d] + 1] * d)
    tensor[tuple(powers.T)] = c
    if d == 2:
        first, values, second = np.linalg.svd(tensor)
        return [first * np.sqrt(values), second.T * np.sqrt(values)]
    tensor[tuple(powers[(powers == 0).any(axis=1)].T)] = 0
    unfolded = [np.moveaxis(tensor, i, 0).reshape(len(tensor), -1) for i in range(d)]
    return [np.linalg.svd(matrix)[0] for matrix in unfolded]


def surrogate(x: Tensor, y: Tensor) -> tuple[NDArray[np.int64], Array]:
    """Powers (K, d) and coefficients (K,) of products of Chebyshev polynomials fitted to y (N,),
    slightly regularised.
    """
    d = x.shape[1]
    degree = DEGREES.get(d, 3)
    every = itertools.product(range(degree + 1), repeat=d)
    powers = np.array([a for a in every if d == 2 or sum(a) <= degree])
    matrix = _products(x, powers)
    size = 1e-4 * np.sqrt(len(x)) * np.eye(len(powers))
    right = np.concatenate([y.double().numpy(), np.zeros(len(powers))])
    return powers, np.linalg.lstsq(np.vstack([matrix, size]), right, rcond=None)[0]


def units(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor] | None:
    """Weights (r, d) and powers (r,) of units Σ_i w_i x_i^k, r < d, of which y may be a function;
    None where no pair of coordinates is one.
    """
    d = x.shape[1]
    if not 3 <= d <= MOST_INPUTS:
        return None
    powers, c = surrogate(x, y)
    gradient = np.stack([_products(x, powers, i) @ c for i in range(d)])
    pairs = []
    for (i, j), power in itertools.product(itertools.combinations(range(d), 2), (1, 2)):
        pairs.append((*_alike(gradient, x.T.double().numpy(), i, j, power), i, j, power))
    free, weights, chosen = list(range(d)), [], []
    for _, along, i, j, power in _aligned(pairs):
        if i in free and j in free:
            weights.append(along @ np.eye(d)[[i, j]])
            chosen.append(power)
            free = [k for k in free if k not in (i, j)]
    if not chosen:
        return None
    weights += [np.eye(d)[k] for k in free]
    chosen += [1] * len(free)
    return torch.as_tensor(np.array(weights)).to(x), torch.tensor(chosen)


def _alike(gradient: Array, at: Array, i: int, j: int, power: int) -> tuple[float, Array]:
    """How far the derivatives by x_i^power and x_j^power point in one direction, and this
    direction (2,).
    """
    rates = gradient[[i, j]] * at[[j, i]] ** (power - 1)
    spread = rates @ rates.T
    along = np.linalg.eigh(spread)[1][:, 1]
    size = np.sqrt(spread[0, 0] * spread[1, 1])
    return abs(spread[0, 1]) / max(size, 1e-300), along / np.abs(along).sum()


def _aligned(pairs: list[Any]) -> list[Any]:
    return [pair for pair in sorted(pairs, key=lambda pair: -pair[0]) if pair[0] > ALIGNED]


def _products(x: Tensor, powers: NDArray[np.int64], axis: int | None = None) -> Array:
    """Values (N, K) of the products, or of their derivatives along one axis."""
    degree, values = int(powers.max()), np.ones((len(x), len(powers)))
    for i in range(x.shape[1]):
        eye = np.eye(degree + 1)
        series = chebyshev.chebder(eye, axis=0) if i == axis else eye
        at = chebyshev.chebvander(x[:, i].double().numpy(), len(series) - 1)
        values *= (at @ series)[:, powers[:, i]]
    return values
