"""Polynomials of two variables of total degree p on a box, and the KAN that equals them.

    φ_ij(x) = L_i(ξ) L_j(η) √((2i + 1)(2j + 1)),   i + j ≤ p,   (ξ, η) ∈ [-1, 1]²

with Legendre polynomials L, orthonormal for the mean over the box. Ridges of p + 1 directions with
polynomials of degree p along each span the same space, so that a KAN [2, p + 1, m] with splines of
one interval is the same function; the numbers of one follow from those of the other by a fixed
matrix for each degree.

Source: Logan & Shepp, Duke Mathematical Journal 42 (1975) 645–659 (polynomials as sums of ridges).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.polynomial.legendre import leggauss, legvander

from kanpde.domains.mesh import Indices
from kanpde.numerics.quadrature import Array

Index = tuple[int, ...]


@cache
def exponents(degree: int) -> tuple[Indices, Indices]:
    """The degrees i and j of all products, shell by shell of i + j."""
    pairs = [(k - j, j) for k in range(degree + 1) for j in range(k + 1)]
    i, j = np.array(pairs, dtype=np.int64).T
    return i, j


def size(degree: int) -> int:
    """The number of products, (p + 1)(p + 2)/2."""
    return (degree + 1) * (degree + 2) // 2


@cache
def gauss(count: int) -> tuple[Array, Array]:
    """Gauss nodes and weights on [-1, 1]."""
    return leggauss(count)


@cache
def _slopes(degree: int) -> Array:
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
    """∂^α of all products at points x (N, 2) for every multi-index α, each (N, n)."""
    indices = list(indices)
    scale = 2.0 / (upper - lower)
    z = (x - (lower + upper) / 2) * scale
    i, j = exponents(degree)
    along: list[list[Array]] = []
    for axis in (0, 1):
        rows = [legendre(z[:, axis], degree)]
        for _ in range(max((alpha[axis] for alpha in indices), default=0)):
            rows.append(rows[-1] @ _slopes(degree))
        along.append(rows)
    return {
        (a, b): along[0][a][:, i] * along[1][b][:, j] * (scale[0] ** a * scale[1] ** b)
        for a, b in indices
    }


@cache
def reference(degree: int, nodes: int, indices: tuple[Index, ...]) -> dict[Index, Array]:
    """The derivatives at tensor Gauss points of [-1, 1]²."""
    ones = np.ones(2)
    return derivatives(square(nodes)[0], -ones, ones, degree, indices)


@cache
def square(nodes: int) -> tuple[Array, Array]:
    """Tensor Gauss points (N, 2) and weights (N,) of [-1, 1]²."""
    z, w = gauss(nodes)
    x = np.stack(np.meshgrid(z, z, indexing="ij"), axis=-1).reshape(-1, 2)
    return x, np.outer(w, w).ravel()


def decay(coefficients: Array, degree: int) -> float:
    """By how much the coefficients (n, m) fall over two degrees at the end of the expansion: the
    root of the share of the last two shells of that of the two before.
    """
    i, j = exponents(degree)
    shells = np.zeros(degree + 1)
    np.add.at(shells, i + j, (coefficients**2).sum(axis=1))
    if degree < 4:
        return 1.0
    last, before = shells[-2:].sum(), shells[-4:-2].sum()
    if last <= 1e-28 * shells.sum():
        return 0.0
    return float(np.sqrt(last / before)) if before > 0 else 1.0
