"""Which points closed outlines enclose: chords by the ray to the right of a point, and what lies
between a bent piece and its chord.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kanpde.numerics import chebyshev
from kanpde.numerics.quadrature import Array

Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


def crosses_ray(a: Array, b: Array, x: Array) -> Flags:
    """Whether the horizontal ray to the right from each of the points `x` (N, 2) crosses the
    segment a → b; (N,).
    """
    spans = (a[1] > x[:, 1]) != (b[1] > x[:, 1])
    side = (b[0] - a[0]) * (x[:, 1] - a[1]) - (b[1] - a[1]) * (x[:, 0] - a[0])
    return np.asarray(spans & ((side > 0) == (b[1] > a[1])))


def in_cap(bend: Array, x: Array) -> Flags:
    """Whether points (N, 2) lie between a curve (K, 2) over its chord and the chord, which counts
    as on the right of the curve, as for `crosses_ray`.
    """
    a, b = chebyshev.at(bend, np.array([0.0, 1.0]))
    chord = b - a
    square = float(chord @ chord)
    away = x - a
    along = away @ chord / square
    height = (chord[0] * away[:, 1] - chord[1] * away[:, 0]) / square
    nodes = chebyshev.at(bend, chebyshev.lobatto(len(bend))) - a
    heights = (chord[0] * nodes[:, 1] - chord[1] * nodes[:, 0]) / square
    reach = 2 * float(np.abs(heights).max())
    near = np.flatnonzero((along > 0) & (along < 1) & (np.abs(height) <= reach))
    inside: NDArray[np.bool_] = np.zeros(len(x), dtype=bool)
    if not len(near):
        return inside
    s = chebyshev.inverted(bend @ chord / square, along[near] + a @ chord / square)
    on_curve = chebyshev.at(bend, s) - a
    top = (chord[0] * on_curve[:, 1] - chord[1] * on_curve[:, 0]) / square
    at = height[near]
    inside[near] = ((at > 0) & (at < top)) | ((at <= 0) & (at > top))
    return inside


def encloses(bends: Array, x: Array) -> Flags:
    """Whether closed outlines of curves (B, K, 2), each a graph over its chord, enclose points
    (N, 2).
    """
    ends = np.array([0.0, 1.0])
    inside: NDArray[np.bool_] = np.zeros(len(x), dtype=bool)
    for bend in bends:
        a, b = chebyshev.at(bend, ends)
        inside ^= crosses_ray(a, b, x) ^ in_cap(bend, x)
    return inside
