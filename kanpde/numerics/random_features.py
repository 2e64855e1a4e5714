"""The functions of an MLP with one hidden layer of fixed random weights on a box, made orthonormal.

    h_k(x) = tanh(w_k·ξ + b_k),   w_k = s a,  b_k = -w_k·c,   ξ ∈ [-1, 1]^d
    ψ = T (h_1 … h_H, 1)

with directions a on the sphere, slopes s uniform in (0, STEEPEST], centres c uniform in the box and
as many functions as polynomials of total degree p: H + 1 = C(p + d, d). Those of a degree are among
those of the next one, so that an enriched space holds the poorer one. Activations are nearly
dependent (condition 1e10 for 45 of them, 1e16 for 91 of gentle slopes): T, from their singular
values on the box, makes the ψ orthonormal for the mean over it, those that stand for little last,
and leaves out what is below CUTOFF.

Source: Chen, Chi, E & Yang, J. Mach. Learn. 1 (2022) 268-298 (random features on a partition).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache

import numpy as np
from numpy.polynomial import Polynomial

from kanpde.numerics.polynomials import Index, cube, size
from kanpde.numerics.quadrature import Array

STEEPEST = 1.5
"""Steepest slope on a box of half width 1. Of 1, 1.5, 2, 3 and 4 the gentle ones are best for what
is smooth on a patch (exp(x) sin 3y with 91 functions: 1.3e-5, 2.5e-5, 5.0e-5, 1.6e-4, 2.9e-4), and
the gentlest leave the fewest functions.
"""

CUTOFF = 1e-13
"""Singular values below this share of the largest are rounding."""

SEED = 1

FURTHER = 6
"""Gauss nodes along an axis beyond the degree, on which functions are made orthonormal."""

TABLES = 32


@cache
def _every(dimension: int, blocks: int) -> tuple[Array, Array]:
    """Weights (H, d) and biases (H,) of so many blocks of hidden units, each with its own seed."""
    count, weights, biases = 256, [], []
    for block in range(blocks):
        rng = np.random.default_rng([SEED, dimension, block])
        directions = rng.normal(size=(count, dimension))
        directions /= np.linalg.norm(directions, axis=1)[:, None]
        slopes = STEEPEST * (1.0 - rng.random(count))
        centres = 2.0 * rng.random((count, dimension)) - 1.0
        weights.append(directions * slopes[:, None])
        biases.append(-np.sum(weights[-1] * centres, axis=1))
    return np.concatenate(weights), np.concatenate(biases)


def hidden(degree: int, dimension: int) -> tuple[Array, Array]:
    """Weights (H, d) and biases (H,) of the hidden layer, on [-1, 1]^d."""
    count = size(degree, dimension) - 1
    weights, biases = _every(dimension, -(-count // 256) or 1)
    return weights[:count], biases[:count]


@cache
def _slope(order: int) -> Polynomial:
    """The derivative of tanh of an order as a polynomial of tanh."""
    if order == 0:
        return Polynomial([0.0, 1.0])
    return _slope(order - 1).deriv() * Polynomial([1.0, 0.0, -1.0])


def activations(z: Array, degree: int, indices: Iterable[Index]) -> dict[Index, Array]:
    """∂^α of the hidden units and of the constant 1 at points z (N, d) of [-1, 1]^d for every
    multi-index α, each (N, H + 1).
    """
    weights, biases = hidden(degree, z.shape[1])
    value = np.tanh(z @ weights.T + biases)
    table = {}
    for index in indices:
        order = sum(index)
        slopes = np.prod(weights ** np.array(index), axis=1)
        constant = np.full((len(z), 1), float(order == 0))
        table[index] = np.concatenate([_slope(order)(value) * slopes, constant], axis=1)
    return table


@cache
def transform(degree: int, dimension: int) -> Array:
    """T (H + 1, n): what makes the activations orthonormal for the mean over [-1, 1]^d."""
    x, w = cube(degree + FURTHER, dimension)
    zero = (0,) * dimension
    values = activations(x, degree, [zero])[zero] * np.sqrt(w / 2.0**dimension)[:, None]
    upper = np.linalg.qr(values, mode="r")
    _, singular, right = np.linalg.svd(upper)
    kept = singular > CUTOFF * singular[0]
    return np.ascontiguousarray(right[kept].T / singular[kept])


def derivatives(
    x: Array, lower: Array, upper: Array, degree: int, indices: Iterable[Index]
) -> dict[Index, Array]:
    """∂^α of all functions at points x (N, d) of a box for every multi-index α, each (N, n)."""
    scale = 2.0 / (upper - lower)
    table = activations((x - (lower + upper) / 2) * scale, degree, list(indices))
    outer = transform(degree, x.shape[1])
    return {
        i: (values @ outer) * float(np.prod(scale ** np.array(i))) for i, values in table.items()
    }


@lru_cache(maxsize=TABLES)
def reference(degree: int, nodes: int, indices: tuple[Index, ...]) -> dict[Index, Array]:
    """The derivatives at tensor Gauss points of [-1, 1]^d."""
    ones = np.ones(len(indices[0]))
    return derivatives(cube(nodes, len(ones))[0], -ones, ones, degree, indices)


@cache
def _shares(degree: int, dimension: int) -> Array:
    """How much each axis has to do with each function, (n, d): its share of the mean squared
    gradient.
    """
    units = [tuple(int(k == axis) for k in range(dimension)) for axis in range(dimension)]
    table = reference(degree, degree + FURTHER, tuple(units))
    w = cube(degree + FURTHER, dimension)[1]
    squares = np.stack([w @ table[unit] ** 2 for unit in units], axis=1)
    return np.asarray(squares / np.maximum(squares.sum(axis=1, keepdims=True), 1e-300))


def directions(coefficients: Array, degree: int, dimension: int) -> Array:
    """How much each axis (d,) has to do with the end of an expansion (n, m): the squared coefficients
    of the functions beyond those of two degrees less, shared out by their slopes.
    """
    last = slice(min(size(degree - 2, dimension), len(coefficients) - 1), None)
    squares = (coefficients[last] ** 2).sum(axis=1)
    return np.asarray(_shares(degree, dimension)[last].T @ squares)
