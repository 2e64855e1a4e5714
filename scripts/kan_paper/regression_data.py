"""What the samples say about structure, by a polynomial f̃ fitted to them.

Singular factors f, g of its coefficients (d = 2; leading factors of its highest interaction for d =
3) give units Σ_i ± f_i(x_i), since products are differences of powers, 4 f g = (f + g)² - (f - g)²,
24 f g h = (f+g+h)³ - (f+g-h)³ - (f-g+h)³ + (f-g-h)³. A pair of coordinates along whose gradients
(∂_i f̃, ∂_j f̃) point in one direction counts as one line, (x_j ∂_i f̃, x_i ∂_j f̃) as one sum of
squares: what a first layer can hold. Whatever they say, training and validation decide.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.polynomial import chebyshev
from torch import Tensor

from kanpde.trial.networks import KAN
from kanpde.trial.networks.kan import build_kan
from kanpde.trial.networks.layer import SplineLayer
from scripts.common.least_squares_on_arrays import Net, rmse
from scripts.kan_paper.regression_grids import scaled

DEGREES = {1: 20, 2: 9, 3: 10, 4: 10}
"""Degree of f̃ by the number of coordinates (in each of two, in all of three or four), else 3."""

ALIGNED = 0.85
"""Correlation of two partial derivatives from which on two coordinates count as one unit."""


def factors(x: Tensor, y: Tensor) -> list[np.ndarray] | None:
    """Chebyshev series (K, rank) for each of two or three coordinates; None for other numbers of
    them.
    """
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
    """Powers (K, d) and coefficients (K,) of products of Chebyshev polynomials fitted to y (N,),
    slightly regularised.
    """
    d = x.shape[1]
    degree = DEGREES.get(d, 3)
    powers = np.array(
        [a for a in itertools.product(range(degree + 1), repeat=d) if d == 2 or sum(a) <= degree]
    )
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


def units(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor] | None:
    """Weights (r, d) and powers (r,) of units Σ_i w_i x_i^k, r < d, of which y may be a function;
    None where no pair is one.
    """
    d = x.shape[1]
    if d < 3:
        return None
    powers, c = surrogate(x, y)
    gradient, at = np.stack([_products(x, powers, i) @ c for i in range(d)]), x.T.numpy()
    pairs = []
    for (i, j), power in itertools.product(itertools.combinations(range(d), 2), (1, 2)):
        rates = gradient[[i, j]] * at[[j, i]] ** (power - 1)
        spread = rates @ rates.T
        along = np.linalg.eigh(spread)[1][:, 1]
        pairs.append(
            (
                abs(spread[0, 1]) / np.sqrt(spread[0, 0] * spread[1, 1]),
                i,
                j,
                power,
                along / np.abs(along).sum(),
            )
        )
    free, found = list(range(d)), []
    for alike, i, j, power, along in sorted(pairs, key=lambda pair: -pair[0]):
        if alike > ALIGNED and i in free and j in free:
            found.append((along @ np.eye(d)[[i, j]], power))
            free = [k for k in free if k not in (i, j)]
    if not found:
        return None
    found += [(np.eye(d)[k], 1) for k in free]
    return torch.as_tensor(np.array([row for row, _ in found])), torch.tensor(
        [power for _, power in found]
    )


def first_layer(
    found: tuple[Tensor, Tensor], x: Tensor, degree: int, intervals: int
) -> SplineLayer:
    """The layer of these units, each of which fills its range at points x (N, d)."""
    weights, powers = found
    net = build_kan(
        [x.shape[1], len(weights), 1],
        [degree] * 2,
        [intervals] * 2,
        "ridge",
        False,
        torch.Generator(),
    )
    layer, t = net.stack[0], torch.linspace(-1, 1, 200, dtype=x.dtype)
    collocation = layer.grid.row(0).collocation(t[None])
    with torch.no_grad():
        for row, power, own in zip(weights, powers, layer.coefficients, strict=True):
            fitted = torch.linalg.lstsq(
                collocation, t[:, None] ** int(power), driver="gelsd"
            ).solution[:, 0]
            own.copy_(row[:, None] * fitted)
    scaled(layer, x.T)
    return layer


HELD = 0.15
"""Share of the samples for validation."""


PROBES = 4000


BEYOND = 0.5
"""Uniform points without values, and how far beyond the range of y, in units of it, a network may
go there.
"""


@dataclass(frozen=True)
class Recipe:
    """Degree of the splines, intervals of one polish after the other, starts, steps of each kind.

    `kept[n]` of the starts are polished on the ladder without its first n grids: a good start may
    not fit on the coarsest one. There are so many `rounds` of starts at most; one that reaches the
    target is the last.
    """

    degree: int = 5
    ladder: tuple[int, ...] = (5, 10, 20, 40)
    starts: int = 8
    kept: tuple[int, ...] = (2, 4)
    short: int = 25
    polish: int = 150
    some: int = 600
    mix: float = 0.0
    rounds: int = 3

    def polishes(self, starts: Sequence[KAN]) -> Iterator[tuple[int, KAN]]:
        """How many grids a polish leaves out, and its start."""
        for skipped, kept in enumerate(self.kept):
            yield from ((skipped, start) for start in starts[:kept])


@dataclass(frozen=True)
class Samples:
    """Training and validation samples; y has mean 0 and deviation 1."""

    x: Tensor
    y: Tensor
    x_held: Tensor
    y_held: Tensor

    @classmethod
    def split(cls, x: Tensor, y: Tensor) -> Samples:
        """The first HELD of them for validation."""
        held = int(HELD * len(x))
        return cls(x[held:], y[held:], x[:held], y[:held])

    def error(self, net: Net) -> float:
        """Validation RMSE; infinite where it is not a number, or where the network has a peak
        between the samples.
        """
        found = rmse(net, self.x_held, self.y_held)
        low, high = self.y.min(), self.y.max()
        anywhere = (
            2 * torch.rand(PROBES, self.x.shape[1], generator=torch.Generator().manual_seed(0)) - 1
        )
        with torch.no_grad():
            beyond = (net(anywhere) - (low + high) / 2).abs().max() / (high - low) - 0.5
        return found if math.isfinite(found) and beyond < BEYOND else math.inf
