"""Where a bend meets segments, circles and other bends.

    (x(s) − a)·n = 0,    |x(s) − c|² = R²,    x(s) = y(t)

The first two are roots of polynomials in s, the third is found by Newton's method from where chords
of both come near.
"""

from __future__ import annotations

import numpy as np

from kanpde.domains.plane.bends import Bend
from kanpde.numerics import chebyshev
from kanpde.numerics.quadrature import Array

CHORDS = 32
"""Chords of a bend by which it is seen whether another one is near."""

STEPS = 12
NEARLY = 1e-10
"""What may be left of the gap between two bends after Newton's steps, as a share of their length."""


def with_segment(bend: Bend, a: Array, b: Array, tolerance: float) -> Array:
    """Meeting points (N, 2) with the segment a → b, among them ends of either on the other."""
    length = float(np.linalg.norm(b - a))
    along = (b - a) / length
    normal = np.array([along[1], -along[0]])
    apart = bend.coefficients @ normal
    apart[0] -= a @ normal
    if _is_far(apart, bend.length):
        return np.empty((0, 2))
    x = bend.at(_roots(apart, bend.length, tolerance))
    share = (x - a) @ along
    hit = (share >= -tolerance) & (share <= length + tolerance)
    hit &= np.abs((x - a) @ normal) <= tolerance
    ends = np.stack([a, b])
    nearest = bend.at(np.clip(bend.locate(ends), 0.0, 1.0))
    on = np.linalg.norm(ends - nearest, axis=1) <= tolerance
    return np.concatenate([x[hit], ends[on]])


def with_circle(bend: Bend, center: Array, radius: float, tolerance: float) -> Array:
    """Meeting points (N, 2) with a full circle."""
    nodes = chebyshev.lobatto(2 * len(bend.coefficients) - 1)
    away = np.sum((bend.at(nodes) - center) ** 2, axis=1)
    apart = chebyshev.interpolated((away - radius**2) / (2 * radius))
    distance = np.abs(np.sqrt(away) - radius)
    if distance.min() > bend.length:
        return np.empty((0, 2))
    x = bend.at(_roots(apart, bend.length, tolerance))
    near = np.abs(np.linalg.norm(x - center, axis=1) - radius) <= tolerance
    return np.asarray(x[near])


def with_bend(first: Bend, second: Bend, tolerance: float) -> Array:
    """Meeting points (N, 2) of two bends that do not lie on each other."""
    shares = np.linspace(0.0, 1.0, CHORDS + 1)
    apart = np.linalg.norm(first.at(shares)[:, None] - second.at(shares), axis=2)
    reach = (first.length + second.length) / CHORDS
    i, j = np.nonzero(apart <= reach)
    if not len(i):
        return np.empty((0, 2))
    s, t = shares[i], shares[j]
    for _ in range(STEPS):
        gap = first.at(s) - second.at(t)
        u, v = _direction(first, s), -_direction(second, t)
        cross = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        cross = np.where(np.abs(cross) < NEARLY * first.length * second.length, np.inf, cross)
        s = np.clip(s - (gap[:, 0] * v[:, 1] - gap[:, 1] * v[:, 0]) / cross, 0.0, 1.0)
        t = np.clip(t - (u[:, 0] * gap[:, 1] - u[:, 1] * gap[:, 0]) / cross, 0.0, 1.0)
    x = first.at(s)
    met = np.linalg.norm(x - second.at(t), axis=1) <= max(tolerance, NEARLY * first.length)
    return np.asarray(x[met])


def _direction(bend: Bend, s: Array) -> Array:
    normal = bend.normal(s)
    return np.stack([-normal[:, 1], normal[:, 0]], axis=1) * bend.length


def _is_far(apart: Array, length: float) -> bool:
    """Whether a distance of a bend is nowhere zero, by its middle."""
    return abs(float(chebyshev.at(apart, np.array([0.5]))[0])) > 0.51 * length


def _roots(apart: Array, length: float, tolerance: float) -> Array:
    """The shares at which a distance is nothing, or least and within the tolerance."""
    slack = tolerance / length
    touching = chebyshev.roots(chebyshev.derivative(apart))
    touching = touching[np.abs(chebyshev.at(apart, touching)) <= tolerance]
    ends = np.array([0.0, 1.0])
    ends = ends[np.abs(chebyshev.at(apart, ends)) <= tolerance]
    if len(touching):
        return np.concatenate([touching, ends])
    return np.concatenate([chebyshev.roots(apart, slack), ends])
