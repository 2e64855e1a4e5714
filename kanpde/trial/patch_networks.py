"""The networks of patches: KANs of even directions that are all polynomials of a degree together, and
MLPs with a hidden layer of fixed weights.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kanpde.numerics.jets import JetSpace, coordinates
from kanpde.numerics.polynomials import cube, derivatives, legendre, size
from kanpde.numerics.random_features import hidden
from kanpde.trial.networks import KAN, MLP, build_kan
from kanpde.trial.networks.kan import directions

Array = NDArray[np.float64]

RIM = 1e-9
"""By how much the grids of outer splines are wider than a patch, as a share of it."""


def template(degree: int, outputs: int, dimension: int) -> KAN:
    """A KAN [d, n, m] of n even directions and outer splines of degree p with one interval, which
    are Bernstein polynomials.
    """
    ridges = _directions(degree, dimension)
    network = build_kan(
        [dimension, len(ridges), outputs],
        [1, degree],
        [1, 1],
        "ridge",
        base=False,
        generator=torch.Generator().manual_seed(0),
        chosen=ridges,
        clamped=True,
    )
    # a point on the rim of its patch must not fall out of a grid by rounding, where a spline goes
    # on as a straight line and its second derivative is lost
    network.shrink_lines(1 + RIM)
    return network


def mlp_template(degree: int, outputs: int, dimension: int) -> MLP:
    """An MLP [d, H, m] whose hidden layer is that of `random_features`."""
    weights, biases = hidden(degree, dimension)
    outer = torch.zeros(len(weights), outputs, dtype=torch.float64)
    ends = torch.zeros(outputs, dtype=torch.float64)
    return MLP([torch.tensor(weights.T), outer], [torch.tensor(biases), ends], "tanh")


def skewed(network: KAN | MLP, lower: Array, upper: Array, matrix: Array) -> tuple[Array, Array]:
    """Let the network of a box in coordinates ξ = S x take x on the box around it instead: the corners
    (d,) of that box. What its first layer draws are lines, and stay lines.

    Args:
        network: that of the box with the given corners (d,), which is changed.
        lower: the lower corner.
        upper: the upper corner.
        matrix: S.
    """
    inverse, half = np.linalg.inv(matrix), (upper - lower) / 2
    middle, reach = inverse @ (lower + upper) / 2, np.abs(inverse) @ half
    # s = C t from the box in x to that in ξ, both as [-1, 1]^d with the same middle
    change = torch.tensor(matrix * reach / half[:, None])
    first = next(iter(network.parameters()))
    with torch.no_grad():
        if isinstance(network, KAN):
            ends, slopes = first.mean(dim=2), (first[:, :, 1] - first[:, :, 0]) / 2
            turned = slopes @ change
            first.copy_(torch.stack([ends - turned, ends + turned], dim=2))
        else:
            first.copy_(change.T @ first)
    return middle - reach, middle + reach


def _directions(degree: int, dimension: int) -> Tensor:
    """As many directions (n, d) as there are monomials of degree p in d coordinates."""
    count = math.comb(degree + dimension - 1, dimension - 1)
    if dimension != 2:
        return directions(dimension, count, torch.Generator().manual_seed(0))
    angle = torch.arange(count, dtype=torch.float64) * (math.pi / count)
    return torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)


@cache
def modes(degree: int, dimension: int) -> Array:
    """What every function that the outer layer of `template` combines is as a polynomial:
    coefficients (n (p + 1), N) of the orthonormal ones of degree p.

    A function of a ridge is a sum of L_j(a·x), whose inner products with products of degrees above
    j are zero, and p + 1 Gauss points along every axis give the others exactly.
    """
    points, weights = cube(degree + 1, dimension)
    zero, ones = (0,) * dimension, np.ones(dimension)
    polynomials = derivatives(points, -ones, ones, degree, (zero,))[zero]
    weighted = polynomials * (weights[:, None] / 2.0**dimension)
    ridges = _directions(degree, dimension).numpy()
    along = points @ (ridges / np.abs(ridges).sum(axis=1, keepdims=True)).T
    of_legendre = np.zeros((degree + 1, len(ridges), polynomials.shape[1]))
    before, now = np.zeros_like(along), np.ones_like(along)
    for j in range(degree + 1):
        shells = size(j, dimension)
        of_legendre[j, :, :shells] = now.T @ weighted[:, :shells]
        before, now = now, ((2 * j + 1) * along * now - j * before) / (j + 1)
    mixed = np.tensordot(_of_ridge(degree), of_legendre, axes=(1, 0))
    return np.asarray(mixed.swapaxes(0, 1).reshape(-1, polynomials.shape[1]))


def _of_ridge(degree: int) -> Array:
    """The functions of one ridge by Legendre polynomials, (p + 1, p + 1)."""
    z, w = cube(degree + 1, 1)
    values = ridge_functions(degree, 1, z)
    norms = np.sqrt(2 * np.arange(degree + 1) + 1)
    return np.asarray((values.T * (w / 2)) @ legendre(z[:, 0], degree) * norms)


def ridge_functions(degree: int, dimension: int, x: Array) -> Array:
    """The functions that the outer layer of `template` combines at points (N, d) of [-1, 1]^d,
    (N, n (p + 1)).
    """
    network, ones = template(degree, 1, dimension), torch.ones(dimension, dtype=torch.float64)
    space = JetSpace(((0,) * dimension,))
    hidden = network.hidden(coordinates(torch.tensor(x), space, ones, 0 * ones))
    value = torch.ones(1, 1, len(x), dtype=torch.float64)
    return np.asarray(network.stack[-1].blocks(hidden, value)[0].detach().numpy().T)
