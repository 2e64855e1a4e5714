"""Curves on which a formula changes its sign, found from its values alone.

    q(x) = c + b·x + a |x|²,    |∇q| = 1 where q = 0:   a line where a = 0, else a circle of radius 1/(2a)

A formula may be written in many ways: x + y < 1, sqrt(x**2 + y**2) < 0.3 and exp(-x**2 - y**2) > 0.9
are a line and two circles. So its zeros are found between points by bisection, and lines and circles
are fitted to them. Where none of these meets them to rounding, the whole set where q is negative is
outlined by smooth curves, or left alone where it has corners or crosses itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kanpde.domains.base import length_scale
from kanpde.domains.plane.bends import COUNT, Bend
from kanpde.domains.plane.level_sets import negative
from kanpde.domains.plane.regions import OutlinedRegion
from kanpde.numerics import chebyshev
from kanpde.numerics.quadrature import Array

ZEROS, HALVINGS = 400, 60
"""Zeros that are looked for, and bisections to each of them."""

NEIGHBOURS, FEWEST = 8, 6
"""Zeros beside each other to which a curve is fitted first, and how many it must meet."""

MARGINS = 0.0371, 0.0293
"""How far curves are followed below and beyond the box of the domain, as shares of it; symmetric
curves are not to meet the points of a grid.
"""

EXACT = 1e-10
"""How near to its zeros a curve runs, as a share of the domain."""


@dataclass(frozen=True)
class LevelCurve:
    """q = 0 with its coefficients (c, b_1, b_2, a)."""

    coefficients: tuple[float, float, float, float]

    @classmethod
    def line(cls, normal: Array, offset: float) -> LevelCurve:
        """normal·x = offset, with a unit normal (2,)."""
        return cls((-offset, float(normal[0]), float(normal[1]), 0.0))

    @classmethod
    def circle(cls, center: Array, radius: float) -> LevelCurve:
        """|x - center| = radius."""
        x, y = (float(along) for along in center)
        return cls(
            ((x * x + y * y - radius**2) / (2 * radius), -x / radius, -y / radius, 0.5 / radius)
        )

    @property
    def radius(self) -> float | None:
        """Of a circle, None of a line."""
        a = self.coefficients[3]
        return 0.5 / a if a else None

    @property
    def center(self) -> Array:
        """Of a circle; of a line its point nearest to the origin."""
        c, *b, a = self.coefficients
        return np.array(b) * (-1 / (2 * a) if a else -c)

    @property
    def axis(self) -> int | None:
        """The axis that a line stands across, None of any other curve."""
        _, b_1, b_2, a = self.coefficients
        return None if a or (b_1 and b_2) else int(b_1 == 0)

    def at(self, x: Array) -> Array:
        """q (N,) at points (N, 2), about their distance to the curve."""
        radius = self.radius
        if radius is None:
            return np.asarray(x @ np.array(self.coefficients[1:3]) + self.coefficients[0])
        away = np.sum((x - self.center) ** 2, axis=1)
        return np.asarray((away - radius**2) / (2 * radius))

    def below(self, x: Array) -> NDArray[np.bool_]:
        """Whether q < 0 at points (N, 2)."""
        return np.asarray(self.at(x) < 0)


@dataclass(frozen=True)
class LevelSet:
    """The boundary of the region where a formula, `values`, is negative, as far as a box reaches."""

    values: Callable[[Array], Array]
    region: OutlinedRegion

    @property
    def axis(self) -> None:
        """It stands across no axis."""
        return None

    @property
    def outlines(self) -> Array:
        """All pieces as polynomials (B, n, 2) in the share of their length (`numerics.outlines`)."""
        nodes = chebyshev.lobatto(COUNT)
        return np.array([chebyshev.interpolated(piece.at(nodes)) for piece in self.region.curves])

    @property
    def middles(self) -> Array:
        """A point (N, 2) of every bend."""
        bends = [curve for curve in self.region.curves if isinstance(curve, Bend)]
        return np.concatenate([bend.at(np.array([0.5])) for bend in bends])

    def below(self, x: Array) -> NDArray[np.bool_]:
        """Whether points (N, 2) are inside."""
        return np.asarray(self.values(x) < 0)

    def at(self, x: Array) -> Array:
        """The distance (N,) of points (N, 2) to the curve, negative inside."""
        return self.region.level(x)


AnyCurve = LevelCurve | LevelSet


def level_curves(
    values: Callable[[Array], Array], x: Array, box: tuple[Array, Array]
) -> list[AnyCurve] | None:
    """The curves between points (N, 2) at which a formula has values of both signs; None where they
    are not known, as where they are not smooth.

    Args:
        values: the formula, from points to values (N,).
        x: points.
        box: the corners of that of the domain.
    """
    size = length_scale(*box)
    at_points = values(x)
    positive = at_points > 0
    if not np.isfinite(at_points).all() or positive.all() or not positive.any():
        return None
    left = _zeros(values, x, positive)
    found: list[AnyCurve] = []
    while len(left):
        pair = _first(left, EXACT * size)
        if pair is None:
            whole = _outlined(values, x, box)
            return None if whole is None else [whole]
        curve, on = pair
        found.append(curve)
        left = left[~on]
    return found


def _outlined(
    values: Callable[[Array], Array], x: Array, box: tuple[Array, Array]
) -> LevelSet | None:
    """All curves of a formula at once, None where they are not what points (N, 2) see."""
    below, beyond = (margin * float((box[1] - box[0]).max()) for margin in MARGINS)
    region = negative(values, box[0] - below, box[1] + beyond, "")
    if region is None or not any(isinstance(curve, Bend) for curve in region.curves):
        return None
    return LevelSet(values, region) if ((region.level(x) < 0) == (values(x) < 0)).all() else None


def _zeros(values: Callable[[Array], Array], x: Array, positive: NDArray[np.bool_]) -> Array:
    """Zeros (Z, 2) between neighbouring points of both signs."""
    from scipy.spatial import cKDTree

    inside, outside = x[positive], x[~positive]
    few, many = sorted((inside, outside), key=len)
    distance, other = map(np.asarray, cKDTree(many).query(few))
    nearest = np.argsort(distance, kind="stable")[:ZEROS]
    low, high = few[nearest], many[other[nearest]]
    rising = values(high) > 0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        beyond = ((values(middle) > 0) == rising)[:, None]
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.asarray((low + high) / 2)


def _first(points: Array, near: float) -> tuple[LevelCurve, NDArray[np.bool_]] | None:
    """A curve through some of the points and which of them it meets."""
    for seed in points:
        order = np.argsort(np.linalg.norm(points - seed, axis=1), kind="stable")
        curve = _fitted(points[order[:NEIGHBOURS]], near)
        for _ in range(2):  # few neighbours know a circle less well than all its points
            if curve is not None:
                curve = _fitted(points[np.abs(curve.at(points)) < near], near)
        if curve is not None:
            return curve, np.asarray(np.abs(curve.at(points)) < near)
    return None


def _fitted(points: Array, near: float) -> LevelCurve | None:
    """The line or circle through points (N, 2), None where they are on none."""
    if len(points) < FEWEST:
        return None
    middle = points.mean(axis=0)
    away = points - middle
    normal = np.linalg.svd(away, full_matrices=False)[2][-1]
    if np.abs(away @ normal).max() < near:
        normal = np.where(np.abs(normal) < near, 0.0, normal)
        normal /= np.linalg.norm(normal)
        return LevelCurve.line(normal, float(normal @ middle))
    scale = float(np.linalg.norm(away, axis=1).max())
    away = away / scale
    square = np.sum(away**2, axis=1)
    table = np.column_stack([np.ones(len(away)), away, square])
    c, b_1, b_2, a = np.linalg.svd(table, full_matrices=False)[2][-1]
    discriminant = b_1**2 + b_2**2 - 4 * a * c
    if abs(a) * scale < near or discriminant <= 0:
        return None
    center = middle - scale * np.array([b_1, b_2]) / (2 * a)
    curve = LevelCurve.circle(center, float(scale * np.sqrt(discriminant) / abs(2 * a)))
    return curve if np.abs(curve.at(points)).max() < near else None


def are_one(first: AnyCurve, second: AnyCurve, size: float) -> bool:
    """Whether two curves are the same to rounding."""
    if isinstance(first, LevelSet) and isinstance(second, LevelSet):
        pairs = ((first, second), (second, first))
        away = max(np.abs(one.at(other.middles)).max() for one, other in pairs)
        return bool(away < 10 * EXACT * size)
    if isinstance(first, LevelSet) or isinstance(second, LevelSet):
        return False
    known = [np.array(curve.coefficients) for curve in (first, second)]
    scale = np.array([1 / size, 1.0, 1.0, size])
    away = min(float(np.abs((known[0] - sign * known[1]) * scale).max()) for sign in (1, -1))
    return away < 10 * EXACT


def sides(curves: Sequence[AnyCurve], x: Array) -> NDArray[np.bool_]:
    """On which side of every curve points (N, 2) are: whether q < 0, (N, K)."""
    return np.array([curve.below(x) for curve in curves]).reshape(len(curves), len(x)).T
