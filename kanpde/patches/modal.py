"""The rows of an equation on a whole cell, in space of a condition too, by modes instead of by points.

    Σ_x w(x) |A c - f|²(x)  =  |cell| Σ_β |(A c - f)_β|²,      products φ_β of Legendre polynomials

The products of degree below the number of Gauss nodes along every axis are orthonormal at the
points, so that both sums are the same. Constant coefficients take polynomials of total degree p to
polynomials of total degree p: all modes beyond see the given f alone and are one row. Of (p + 1)^3
rows C(p + 3, 3) at most are left, a sixth, in the plane and of second order (p - 1) p/2 + 1 of (p + 2)²,
and their numbers follow from tables of one dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np

from kanpde.expressions import Node
from kanpde.numerics.polynomials import Index, Indices, exponents, gauss, legendre, slopes
from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import Cover, Points
from kanpde.patches.layout import Patch

Term = tuple[int, Index, float]
"""A constant coefficient of ∂^α of an unknown: (unknown, α, coefficient)."""

Rows = tuple[Array, Array]
"""Matrix (R, m·n) and right-hand side (R,)."""


PLANE, OPERATORS = 2, 256
"""Coordinates in which the matrices of derivatives are small, and how many of them are kept."""


def has_modes(cover: Cover, patch: Patch) -> bool:
    """Whether a patch is a whole cell in several coordinates, and of polynomials."""
    part = cover.inside(patch.cells[0])
    of_polynomials = patch.functions.are_polynomials and patch.dimension > 1
    return of_polynomials and len(patch.cells) == 1 and part is not None and part.whole


def is_constant(slopes: Array, normal: Array | None = None, share: Array | None = None) -> bool:
    """Whether coefficients (S, N), normals (N, d) and shares (N,) are the same at all points."""
    same = bool((slopes == slopes[:, :1]).all())
    for of_points in (normal, share):
        same = same and (of_points is None or bool((of_points == of_points[:1]).all()))
    return same


def constant_terms(formula: Sequence[tuple[int, Index, Node]], values: Array) -> list[Term]:
    """The coefficients of a formula whose values (S, N) are the same at all points."""
    at_first = values[:, 0].tolist()
    return [
        (unknown, index, value)
        for (unknown, index, _), value in zip(formula, at_first, strict=True)
    ]


def inside(terms: Sequence[Term], given: Array, patch: Patch, unknowns: int) -> Rows:
    """The rows of an equation Σ a ∂^α u + given = 0 on a whole cell; the first is √|cell| times the
    mean.

    Args:
        terms: its constant coefficients.
        given: the rest (N,) at tensor Gauss points.
        patch: the cell with its degree.
        unknowns: m.
    """
    extent, alpha = patch.upper - patch.lower, exponents(patch.degree, patch.dimension)
    blocks = np.zeros((len(alpha), unknowns, len(alpha)))
    for unknown, index, coefficient in terms:
        scale = float(np.prod((2.0 / extent) ** np.array(index)))
        blocks[:, unknown] += coefficient * scale * _differentiated(patch.degree, index)
    return _with_rest(blocks, given, alpha, float(np.prod(extent)))


def on_face(terms: Sequence[Term], given: Array, rim: Points, patch: Patch, unknowns: int) -> Rows:
    """The rows of a condition on the face of a whole cell that lies in the boundary, as `inside`;
    `rim` are tensor Gauss points of the face.
    """
    assert rim.normal is not None
    extent, degree = patch.upper - patch.lower, patch.degree
    normal = int(np.abs(rim.normal[0]).argmax())
    end = float(np.sign(rim.normal[0, normal]))
    alpha, beta = exponents(degree, patch.dimension), exponents(degree, patch.dimension - 1)
    along = [axis for axis in range(patch.dimension) if axis != normal]
    blocks = np.zeros((len(beta), unknowns, len(alpha)))
    for unknown, index, coefficient in terms:
        scale = float(np.prod((2.0 / extent) ** np.array(index)))
        at_end = legendre(np.array([end]), degree)[0] @ _derived(degree, index[normal])
        block = np.tile(coefficient * scale * at_end[alpha[:, normal]], (len(beta), 1))
        for place, axis in enumerate(along):
            block *= _derived(degree, index[axis])[beta[:, place][:, None], alpha[:, axis]]
        blocks[:, unknown] += block
    return _with_rest(blocks, given, beta, float(np.prod(extent[along])))


def add(matrix: list[Array], right: list[Array], rows: Rows, factors: tuple[float, float]) -> None:
    """Add rows times the first factor; the first of them, a mean, once more times the second."""
    weight, mean = factors
    matrix.append(rows[0] * weight)
    right.append(rows[1] * weight)
    if mean:
        matrix.append(matrix[-1][:1] * mean)
        right.append(right[-1][:1] * mean)


def turned(rows: Array, dimension: int) -> Array:
    """Rows (N, …) at tensor Gauss points, each times the root of its weight, as those of all modes:
    the same sums of squares.
    """
    nodes = round(len(rows) ** (1 / dimension))
    grid = rows.reshape(*(nodes,) * dimension, -1)
    for axis in range(dimension):
        grid = np.moveaxis(np.tensordot(_rotation(nodes), grid, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(grid).reshape(rows.shape)


def _with_rest(blocks: Array, given: Array, modes: Indices, measure: float) -> Rows:
    """Rows (R + 1, m·n) of the modes (R, d) that a formula reaches, and one of all others."""
    matrix, root = blocks.reshape(len(blocks), -1), np.sqrt(measure)
    reached = np.asarray(matrix.any(axis=1))
    reached[0] = True
    coefficients, kept = _coefficients(given, modes.shape[1]), tuple(modes[reached].T)
    right = coefficients[kept]
    coefficients[kept] = 0.0
    rest = np.sqrt(np.sum(coefficients**2))
    below = np.zeros((1, matrix.shape[1]))
    return root * np.concatenate([matrix[reached], below]), -root * np.append(right, rest)


def _coefficients(values: Array, dimension: int) -> Array:
    """The coefficients (nodes, …, nodes) of all products, from values at tensor Gauss points."""
    nodes = round(len(values) ** (1 / dimension))
    grid = values.reshape((nodes,) * dimension)
    for _ in range(dimension):
        # the last axis becomes the first: after all of them their order is the old one
        grid = np.tensordot(_analysis(nodes), grid, axes=(1, dimension - 1))
    return np.array(grid)


@cache
def _analysis(nodes: int) -> Array:
    """From values at Gauss nodes to coefficients of normalised Legendre polynomials."""
    z, w = gauss(nodes)
    return np.ascontiguousarray((legendre(z, nodes - 1) * (w / 2)[:, None]).T)


@cache
def _rotation(nodes: int) -> Array:
    """The orthogonal matrix from rows at Gauss nodes to those of normalised Legendre polynomials."""
    z, w = gauss(nodes)
    return np.ascontiguousarray((legendre(z, nodes - 1) * np.sqrt(w / 2)[:, None]).T)


def _differentiated(degree: int, index: Index) -> Array:
    """∂^α of all products of total degree `degree` in the same ones (n, n); small ones are kept."""
    made = _kept if len(index) <= PLANE else _made
    return made(degree, index)


def _made(degree: int, index: Index) -> Array:
    alpha = exponents(degree, len(index))
    matrix = np.ones((len(alpha),) * 2)
    for column, times in zip(alpha.T, index, strict=True):
        matrix *= _derived(degree, times)[column[:, None], column]
    return matrix


_kept = lru_cache(maxsize=OPERATORS)(_made)


@cache
def _derived(degree: int, times: int) -> Array:
    """D with L^(times) = L D for normalised Legendre polynomials."""
    return np.asarray(np.linalg.matrix_power(slopes(degree), times))
