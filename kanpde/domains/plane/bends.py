"""Smooth plane curves that are no circles, as polynomials in the share s of their arc length.

    x(s) = Σ_k c_k T_k(2s − 1),    |dx/ds| = length

Pieces of an ellipse or of any smooth level set f = 0 are met by them to 1e-12 of their length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import final

import numpy as np

from kanpde.numerics import chebyshev
from kanpde.numerics.outlines import in_cap
from kanpde.numerics.quadrature import Array, gauss

COUNT = 24
"""Coefficients of a curve."""

TAIL = 1e-12
"""Last coefficients, as a share of the length, of a curve that is met."""

ROUNDING = 1e-14
"""The same as a share of the coordinates."""

STEEPEST = 0.6
"""Angle by which the direction of a curve may differ from that of its chord."""

SAMPLES = 48
"""Points by which a curve is looked at."""

STEPS = 6
"""Newton's steps to the nearest point."""

CONVERGED = 1e-13

MOST_HALVINGS = 12
"""How often a curve is halved to be met by polynomials."""

SHIFT = 0.0371
"""Where pieces of an ellipse begin: not at a vertex."""


@final
@dataclass(frozen=True, eq=False)
class Bend:
    """The curve with the given `coefficients` (K, 2), of the boundary part `part`."""

    coefficients: Array
    part: str

    @property
    def closed(self) -> bool:
        """A bend never closes on itself."""
        return False

    @cached_property
    def _slopes(self) -> tuple[Array, Array]:
        """Coefficients of dx/ds and d²x/ds²."""
        first = chebyshev.derivative(self.coefficients)
        return first, chebyshev.derivative(first)

    @cached_property
    def _samples(self) -> Array:
        return self.at(np.linspace(0.0, 1.0, SAMPLES + 1))

    @cached_property
    def length(self) -> float:
        """∫ |dx/ds| ds."""
        s, w = gauss(SAMPLES)
        speed = np.linalg.norm(chebyshev.at(self._slopes[0], s), axis=1)
        return float(w @ speed)

    @cached_property
    def turn(self) -> float:
        """By what angle the direction changes."""
        x, y = chebyshev.at(self._slopes[0], np.linspace(0.0, 1.0, SAMPLES)).T
        return float(np.abs(np.diff(np.unwrap(np.arctan2(y, x)))).sum())

    def at(self, s: Array) -> Array:
        """Points (N, 2) at the shares `s` (N,)."""
        return chebyshev.at(self.coefficients, s)

    def normal(self, s: Array) -> Array:
        """Unit normals (N, 2) on the right of the curve."""
        x, y = chebyshev.at(self._slopes[0], s).T
        return np.asarray(np.stack([y, -x], axis=1) / np.hypot(x, y)[:, None])

    def curvature(self, s: Array) -> Array:
        """By what angle the curve turns to the left per length (N,)."""
        (x, y), (xx, yy) = (chebyshev.at(slope, s).T for slope in self._slopes)
        return np.asarray((x * yy - y * xx) / np.hypot(x, y) ** 3)

    def locate(self, points: Array) -> Array:
        """The shares s (N,) of the nearest points to points (N, 2); beyond an end s < 0 or s > 1,
        by the tangent there.
        """
        apart = np.linalg.norm(points[:, None] - self._samples, axis=2)
        s = apart.argmin(axis=1) / SAMPLES
        first, second = self._slopes
        for _ in range(STEPS):
            gap, slope = self.at(s) - points, chebyshev.at(first, s)
            value = np.sum(gap * slope, axis=1)
            bend = np.sum(slope**2, axis=1) + np.sum(gap * chebyshev.at(second, s), axis=1)
            bend = np.maximum(bend, 0.1 * np.sum(slope**2, axis=1))
            before, s = s, np.clip(s - value / bend, 0.0, 1.0)
            if np.abs(s - before).max(initial=0.0) < CONVERGED:
                break
        for end in (0.0, 1.0):
            here = np.array([end])
            slope = chebyshev.at(first, here)[0]
            beyond = (points - self.at(here)) @ slope / float(slope @ slope)
            outside = (s == end) & ((beyond < 0) if end == 0.0 else (beyond > 0))
            s = np.where(outside, end + beyond, s)
        return np.asarray(s)

    @cached_property
    def _box(self) -> tuple[Array, Array]:
        ends = self.at(self.extremes())
        return ends.min(axis=0), ends.max(axis=0)

    def distance(self, points: Array) -> Array:
        """How far points (N, 2) are from the curve, or, away from the box around it, from that."""
        low, high = self._box
        away = np.maximum(np.maximum(low - points, points - high), 0.0)
        least = np.hypot(away[:, 0], away[:, 1])
        near = np.flatnonzero(least < self.length / SAMPLES)
        if len(near):
            nearest = self.at(np.clip(self.locate(points[near]), 0.0, 1.0))
            least[near] = np.linalg.norm(points[near] - nearest, axis=1)
        return np.asarray(least)

    def cut(self, first: float, last: float) -> Bend:
        """The piece between two shares."""
        return replace(self, coefficients=chebyshev.restricted(self.coefficients, first, last))

    def reversed(self) -> Bend:
        """The same points, walked backwards."""
        return self.cut(1.0, 0.0)

    def extremes(self) -> Array:
        """The shares (N,) of points that span the bounding box."""
        return self._cuts((0, 1))

    def monotone(self) -> tuple[Bend, ...]:
        """Pieces that meet every vertical line at most once."""
        return tuple(self.cut(p, q) for p, q in pairwise(self._cuts((0,))))

    def _cuts(self, axes: tuple[int, ...]) -> Array:
        """0, the increasing shares at which a coordinate is largest or least, and 1."""
        turning = [chebyshev.roots(self._slopes[0][:, axis]) for axis in axes]
        shares = np.sort(np.concatenate(turning))
        return np.array([0.0, *shares[(shares > 1e-9) & (shares < 1 - 1e-9)], 1.0])

    def height(self, x: Array) -> Array:
        """The ordinate y (N,) above abscissae (N,) of a monotone piece."""
        s = chebyshev.inverted(self.coefficients[:, 0], x)
        return chebyshev.at(self.coefficients[:, 1], s)

    def moment(self, origin: Array) -> float:
        """½ ∫ (x − o)·n ds along the curve."""
        s, w = gauss(SAMPLES)
        (x, y), (dx, dy) = (self.at(s) - origin).T, chebyshev.at(self._slopes[0], s).T
        return float(w @ (x * dy - y * dx)) / 2

    def in_cap(self, x: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether points (N, 2) lie between the curve and its chord."""
        return in_cap(self.coefficients, x)


def bend_of(place: Callable[[Array], Array], part: str) -> Bend | None:
    """A curve from any of its parametrisations over [0, 1]; None where it is not smooth enough, or
    too long, for one polynomial over its chord.
    """
    bend = Bend(chebyshev.arc_length(place, COUNT), part)
    coefficients = bend.coefficients
    if not np.isfinite(coefficients).all():
        return None
    chord = bend.at(np.array([0.0, 1.0]))
    across = bend.normal(np.linspace(0.0, 1.0, SAMPLES)) @ (chord[1] - chord[0])
    steepest = float(np.abs(across).max()) > np.sin(STEEPEST) * np.linalg.norm(chord[1] - chord[0])
    tail, size = (float(np.abs(some).max()) for some in (coefficients[-3:], coefficients))
    return None if steepest or tail > TAIL * bend.length + ROUNDING * size else bend


def bends_of(place: Callable[[Array], Array], part: str) -> list[Bend] | None:
    """The same by as many pieces as it takes; None where even short ones are not met."""

    def between(first: float, last: float, depth: int) -> list[Bend] | None:
        bend = bend_of(lambda t: place(first + (last - first) * t), part)
        if bend is not None:
            return [bend]
        if depth == 0:
            return None
        middle = (first + last) / 2
        before = between(first, middle, depth - 1)
        behind = between(middle, last, depth - 1) if before is not None else None
        return None if before is None or behind is None else [*before, *behind]

    return between(0.0, 1.0, MOST_HALVINGS)


def ellipse(center: Array, radii: tuple[float, float], angle: float, part: str) -> tuple[Bend, ...]:
    """The ellipse with given half axes, the first one turned by an angle (radians) to the left."""
    along = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    def place(t: Array) -> Array:
        phi = 2 * np.pi * (t + SHIFT)
        return np.asarray(center + np.stack([np.cos(phi), np.sin(phi)], 1) * radii @ along)

    bends = bends_of(place, part)
    assert bends is not None
    return tuple(bends)
