"""The largest eigenvalues of a linear operator, by a block Krylov space.

    T Q = Q H + rest,    H y = θ y:    θ ≈ an eigenvalue of T, Q y its vector

Blocks of several vectors see eigenvalues of the same multiplicity. What is new is made orthogonal
to all vectors twice; the space grows until the residuals of the wanted pairs are small.

Source: Saad, Numerical Methods for Large Eigenvalue Problems (2011), §6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kanpde.numerics.quadrature import Array

Complex = NDArray[np.complex128]

SMALL = 1e-11
"""Residuals of eigenpairs, relative to θ, that are small enough."""

DEPENDENT = 1e-13
"""New vectors shorter than this share of those before the projection say nothing new."""

NEGLIGIBLE = 1e-11
"""Eigenvalues below this share of the largest are those of the null space."""


@dataclass(frozen=True)
class Ritz:
    """Eigenvalues θ (K,) with their vectors (N, K) and relative residuals (K,), the largest
    first.
    """

    values: Complex
    vectors: Complex
    residuals: Array


@dataclass(frozen=True)
class Sizes:
    """How many eigenvalues are given (`count`), how many of them, the largest, must have small
    residuals (`settled`), and the dimension of the space at which it ends in any case (`most`).
    """

    count: int
    settled: int
    most: int


def largest(operator: Callable[[Array], Array], start: Array, sizes: Sizes) -> Ritz:
    """The eigenvalues of largest modulus, as many as there are up to a number.

    Args:
        operator: T of vectors (N, p); its matrix is real.
        start: the first block (N, p).
        sizes: how many are wanted, and how large the space may become.
    """
    basis, _ = np.linalg.qr(start)
    projected = np.zeros((basis.shape[1], 0))
    block = basis
    while True:
        image = operator(block)
        length = np.linalg.norm(image, axis=0).max()
        parts = np.zeros((basis.shape[1], block.shape[1]))
        for _ in range(2):
            part = basis.T @ image
            image = image - basis @ part
            parts += part
        fresh, upper = np.linalg.qr(image)
        kept = np.abs(np.diag(upper)) > DEPENDENT * length
        size = projected.shape[1]
        grown = np.zeros((basis.shape[1] + int(kept.sum()), size + block.shape[1]))
        grown[: len(projected), :size] = projected
        grown[: len(parts), size:] = parts
        grown[len(parts) :, size:] = upper[kept]
        projected, block = grown, fresh[:, kept]
        square, rest = projected[: projected.shape[1]], projected[projected.shape[1] :]
        ended = not kept.any() or projected.shape[1] >= sizes.most
        if ended or projected.shape[1] >= sizes.count:
            ritz = _pairs(square, rest, sizes.count)
            small = ritz.residuals[: sizes.settled] <= SMALL
            if ended or (len(small) == sizes.settled and small.all()):
                return Ritz(ritz.values, basis @ ritz.vectors, ritz.residuals)
        basis = np.concatenate([basis, block], axis=1)


def _pairs(square: Array, rest: Array, count: int) -> Ritz:
    """The eigenpairs of H, their vectors in the basis."""
    values, vectors = np.linalg.eig(square)
    order = np.argsort(-np.abs(values), kind="stable")
    order = order[np.abs(values[order]) > NEGLIGIBLE * np.abs(values).max(initial=0.0)]
    last = order[count - 1 : count + 1]
    if len(last) == 2 and values[last[0]].imag and values[last[1]] == np.conj(values[last[0]]):
        count += 1  # a pair is not cut
    order = order[:count]
    values, vectors = values[order], vectors[:, order]
    residuals = np.linalg.norm(rest @ vectors, axis=0) / np.abs(values)
    return Ritz(values.astype(complex), vectors.astype(complex), residuals)
