"""Polynomials of total degree p in d coordinates on a box, and how fast their coefficients fall.

    φ_α(x) = Π_a L_{α_a}(ξ_a) √(2 α_a + 1),   |α| ≤ p,   ξ ∈ [-1, 1]^d

with Legendre polynomials L, orthonormal for the mean over the box. Ridges of C(p + d - 1, d - 1)
directions with polynomials of degree p along each span the same space, so that a KAN with splines
of one interval is the same function; the numbers of one follow from those of the other by a fixed
matrix for each degree.

Source: Logan & Shepp, Duke Mathematical Journal 42 (1975) 645–659 (polynomials as sums of ridges).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import product

import numpy as np
from numpy.polynomial.legendre import leggauss, legvander
from numpy.typing import NDArray

from kanpde.numerics.quadrature import Array

Indices = NDArray[np.int64]
Index = tuple[int, ...]

TABLES = 32
"""Tables of polynomials at Gauss points that are kept."""


@cache
def exponents(degree: int, dimension: int) -> Indices:
    """The multi-indices (n, d) of all products, shell by shell of |α|."""
    if dimension == 0:
        return np.zeros((1, 0), dtype=np.int64)
    every = product(range(degree + 1), repeat=dimension)
    inside = [alpha for alpha in every if sum(alpha) <= degree]
    return np.array(sorted(inside, key=lambda alpha: (sum(alpha), alpha[1:])), dtype=np.int64)


def size(degree: int, dimension: int) -> int:
    """The number of products, C(p + d, d); 0 where the degree is negative."""
    return math.comb(degree + dimension, dimension) if degree >= 0 else 0


@cache
def gauss(count: int) -> tuple[Array, Array]:
    """Gauss nodes and weights on [-1, 1]."""
    return leggauss(count)


@cache
def slopes(degree: int) -> Array:
    """D with L' = L D, for normalised Legendre polynomials."""
    norm = np.sqrt(2 * np.arange(degree + 1) + 1)
    d = np.zeros((degree + 1, degree + 1))
    for k in range(1, degree + 1):
        lower = np.arange(k - 1, -1, -2)
        d[lower, k] = norm[k] * norm[lower]
    return d


def legendre(z: Array, degree: int) -> Array:
    """Normalised Legendre polynomials (N, p + 1), orthonormal for the mean over [-1, 1]."""
    return np.asarray(legvander(z, degree) * np.sqrt(2 * np.arange(degree + 1) + 1))


def derivatives(
    x: Array, lower: Array, upper: Array, degree: int, indices: Iterable[Index]
) -> dict[Index, Array]:
    """∂^α of all products at points x (N, d) for every multi-index α, each (N, n)."""
    indices, dimension = list(indices), x.shape[1]
    scale = 2.0 / (upper - lower)
    z = (x - (lower + upper) / 2) * scale
    alpha = exponents(degree, dimension)
    along: list[list[Array]] = []
    for axis in range(dimension):
        rows = [legendre(z[:, axis], degree)]
        for _ in range(max((index[axis] for index in indices), default=0)):
            rows.append(rows[-1] @ slopes(degree))
        along.append([np.ascontiguousarray(row.T) for row in rows])
    table = {}
    for index in indices:
        # one row for each product: rows are copied whole, columns number by number
        values = np.full((len(alpha), len(x)), float(np.prod(scale ** np.array(index))))
        for axis, times in enumerate(index):
            values *= along[axis][times][alpha[:, axis]]
        table[index] = values.T
    return table


def combined(z: Array, coefficients: Array, degree: int, indices: Iterable[Index]) -> Array:
    """∂^α Σ c φ at points z (N, d) of [-1, 1]^d for every multi-index α, (A, N, m).

    All products of degree p along every axis are summed, one axis after the other: in space they
    are six times as many as those of total degree p, and that sum is a product of matrices.

    Args:
        z: points.
        coefficients: those of the products of total degree p, (n, m).
        degree: p.
        indices: the multi-indices.
    """
    dimension, unknowns = z.shape[1], coefficients.shape[1]
    alpha, count = exponents(degree, dimension), degree + 1
    every = np.zeros((unknowns, *(count,) * dimension))
    every[(slice(None), *alpha.T)] = coefficients.T
    values = []
    for index in indices:
        sums = every
        for axis in reversed(range(dimension)):
            table = legendre(z[:, axis], degree) @ np.linalg.matrix_power(
                slopes(degree), index[axis]
            )
            if axis == dimension - 1:
                sums = (sums.reshape(-1, count) @ table.T).reshape(*sums.shape[:-1], len(z))
            else:
                sums = (sums * table.T).sum(axis=-2)
        values.append(sums.T)
    return np.stack(values)


@lru_cache(maxsize=TABLES)
def reference(degree: int, nodes: int, indices: tuple[Index, ...]) -> dict[Index, Array]:
    """The derivatives at tensor Gauss points of [-1, 1]^d."""
    dimension = len(indices[0])
    ones = np.ones(dimension)
    return derivatives(cube(nodes, dimension)[0], -ones, ones, degree, indices)


@cache
def cube(nodes: int, dimension: int) -> tuple[Array, Array]:
    """Tensor Gauss points (N, d) and weights (N,) of [-1, 1]^d; without a coordinate one point."""
    if dimension == 0:
        return np.zeros((1, 0)), np.ones(1)
    z, w = gauss(nodes)
    x = np.stack(np.meshgrid(*[z] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
    weights = np.stack(np.meshgrid(*[w] * dimension, indexing="ij"), axis=-1)
    return x, np.prod(weights.reshape(-1, dimension), axis=1)


def decay(coefficients: Array, degree: int, dimension: int) -> float:
    """By how much the coefficients (n, m) fall over two degrees at the end of the expansion: the
    root of the share of the last two shells of that of the two before.
    """
    shells = np.zeros(degree + 1)
    # random features may be fewer
    shell = exponents(degree, dimension).sum(axis=1)[: len(coefficients)]
    np.add.at(shells, shell, (coefficients**2).sum(axis=1))
    if degree < 4:
        return 1.0
    last, before = shells[-2:].sum(), shells[-4:-2].sum()
    if last <= 1e-28 * shells.sum():
        return 0.0
    return float(np.sqrt(last / before)) if before > 0 else 1.0


def directions(coefficients: Array, degree: int, dimension: int) -> Array:
    """How much each axis (d,) has to do with the end of the expansion: the squared coefficients
    (n, m) of the last two shells, shared out by the square of the degree along the axis.
    """
    alpha = exponents(degree, dimension)
    last = alpha.sum(axis=1) >= degree - 1
    shares = alpha[last] / max(1, degree)
    return np.asarray((shares**2).T @ (coefficients[last] ** 2).sum(axis=1))
