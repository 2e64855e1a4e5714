"""Curves as polynomials on [0, 1], in Chebyshev polynomials  x(s) = Σ_k c_k T_k(2s − 1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev

from kanpde.numerics.quadrature import Array

REAL = 1e-5
"""Imaginary part of a root that counts as a double one: rounding parts two by its own root."""

NEGLIGIBLE = 1e-15
"""Last coefficients below this share of the largest are left out when roots are looked for."""

STEPS = 14
"""Newton's steps, or halvings, to the place of a value."""

ROUNDING = 1e-14

FEW = 256
"""Points up to which cosines are faster than recurrences."""


@cache
def lobatto(count: int) -> Array:
    """Points (count,) in [0, 1], both ends among them, that are densest there."""
    return np.asarray((1 - np.cos(np.pi * np.arange(count) / (count - 1))) / 2)


@cache
def _inverse(count: int) -> Array:
    """Coefficients from values, (count, count): a cosine transform."""
    k = np.arange(count)
    halves = np.where((k == 0) | (k == count - 1), 0.5, 1.0)
    signs = np.where(k % 2, -1.0, 1.0)[:, None]
    cosines = np.cos(np.pi * np.outer(k, k) / (count - 1))
    return np.asarray(2 / (count - 1) * signs * halves[:, None] * cosines * halves)


def interpolated(values: Array) -> Array:
    """Coefficients (K, …) from values (K, …) at the points of `lobatto`."""
    return np.asarray(np.tensordot(_inverse(len(values)), values, axes=1))


def at(coefficients: Array, s: Array) -> Array:
    """Values (N, …) at s (N,) in [0, 1] from coefficients (K,) or (K, 2)."""
    degree = len(coefficients) - 1
    if len(s) > FEW:
        table = chebyshev.chebvander(2 * s - 1, degree)
    else:
        angle = np.arccos(np.clip(2 * s - 1, -1.0, 1.0))
        table = np.cos(angle[:, None] * np.arange(degree + 1))
    return np.asarray(table @ coefficients)


def derivative(coefficients: Array) -> Array:
    """Coefficients (K − 1, …) of d/ds."""
    return np.asarray(2 * chebyshev.chebder(coefficients))


def integral(coefficients: Array) -> Array:
    """Coefficients (K + 1, …) of the integral from 0."""
    return np.asarray(chebyshev.chebint(coefficients, lbnd=-1) / 2)


def restricted(coefficients: Array, first: float, last: float) -> Array:
    """The same polynomial on [first, last] instead of [0, 1]."""
    nodes = lobatto(len(coefficients))
    return interpolated(at(coefficients, first + (last - first) * nodes))


def roots(coefficients: Array, slack: float = 0.0) -> Array:
    """The real roots (R,) in [0, 1] of a polynomial (K,), those at most `slack` outside moved in."""
    size = float(np.abs(coefficients).max())
    if size == 0.0:
        return np.empty(0)
    trimmed = chebyshev.chebtrim(coefficients, NEGLIGIBLE * size)
    if len(trimmed) < 2:
        return np.empty(0)
    every = np.asarray(chebyshev.chebroots(trimmed))
    real = (every.real[np.abs(every.imag) < REAL] + 1) / 2
    inside = real[(real >= -slack) & (real <= 1 + slack)]
    return np.sort(np.clip(inside, 0.0, 1.0))


def inverted(coefficients: Array, values: Array) -> Array:
    """s (N,) with p(s) = values (N,) of a polynomial (K,) that is monotone on [0, 1]; at an end
    where it does not reach.
    """
    slopes = derivative(coefficients)
    ends = at(coefficients, np.array([0.0, 1.0]))
    rising = ends[1] > ends[0]
    nodes = lobatto(4 * len(coefficients))
    table = at(coefficients, nodes)
    order = 1 if rising else -1
    place = np.clip(np.searchsorted(order * table, order * values), 1, len(nodes) - 1)
    low, high = nodes[place - 1], nodes[place]
    s = (low + high) / 2
    for _ in range(STEPS):
        gap = at(coefficients, s) - values
        beyond = (gap > 0) == rising
        low, high = np.where(beyond, low, s), np.where(beyond, s, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = s - gap / at(slopes, s)
        # rounding moves what has converged across an end
        inside = (newton > low - ROUNDING) & (newton < high + ROUNDING)
        before = s
        s = np.where(inside, np.clip(newton, low, high), (low + high) / 2)
        if np.abs(s - before).max(initial=0.0) < ROUNDING:
            break
    s = np.where(order * values >= order * ends[1], 1.0, s)
    return np.asarray(np.where(order * values <= order * ends[0], 0.0, s))


def arc_length(place: Callable[[Array], Array], count: int) -> Array:
    """A curve by its arc length: coefficients (count, 2) of x(s), from any of its parametrisations.

    Args:
        place: points (N, 2) at parameters (N,) in [0, 1].
        count: how many coefficients.
    """
    slopes = derivative(interpolated(place(lobatto(count))))
    speed = np.linalg.norm(at(slopes, lobatto(2 * count)), axis=1)
    length = integral(interpolated(speed))
    total = float(at(length, np.ones(1))[0])
    return interpolated(place(inverted(length, total * lobatto(count))))
