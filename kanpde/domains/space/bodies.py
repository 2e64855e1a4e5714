"""Bodies in space, combined from balls and upright prisms: level functions and horizontal slices.

    ball: |x − c| − R,   prism over a plane region B: max(φ_B(x, y), z_0 − z, z − z_1),
    A ∪ B: min(φ_A, φ_B),   A ∩ B: max(φ_A, φ_B),   A \\ B: max(φ_A, −φ_B)

A slice at a height is a combination in the plane: of disks for the balls and of the bases of the
prisms. It changes its kind at the ends of prisms and where a sphere touches a wall, an edge or
another sphere from the side of its pole:

    z = c_z ± √(R² − δ²),   δ the horizontal distance of the centre to a point of the wall where it is extreme

Source: Ricci, The Computer Journal 16 (1973) 157–160.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, product
from typing import final

import numpy as np

from kanpde.domains.base import Domain
from kanpde.domains.plane.curves import Arc, Curve
from kanpde.domains.plane.regions import Combination, DiskRegion, Region, combined_level
from kanpde.domains.space.ball import Ball
from kanpde.numerics.quadrature import Array


@final
@dataclass(frozen=True, eq=False)
class BallBody:
    """A ball; its sphere is the one part of `domain`."""

    domain: Ball

    @property
    def ends(self) -> tuple[float, float]:
        """The heights of the poles."""
        height, radius = float(self.domain.center[2]), self.domain.radius
        return height - radius, height + radius

    def level(self, x: Array) -> Array:
        """The level function (N,) at points (N, 3)."""
        return np.asarray(
            np.linalg.norm(x - self.domain.center, axis=1) - self.domain.radius, dtype=np.float64
        )

    def slice(self, z: float, above: bool) -> Region | None:
        """The disk at height `z`; None beyond the poles and at them."""
        low, high = self.ends
        if not low < z < high:
            return None
        radius = float(np.sqrt((z - low) * (high - z)))
        return DiskRegion(self.domain.center[:2], radius, self.domain.part_name)

    def primitives(self) -> tuple[Primitive, ...]:
        """The ball alone."""
        return (self,)


@final
@dataclass(frozen=True, eq=False)
class Prism:
    """A plane region `base` raised from `lower` to `upper`; `domain` has the same walls and `caps`
    as parts.
    """

    domain: Domain
    base: Region
    lower: float
    upper: float
    caps: tuple[str, str]

    @property
    def ends(self) -> tuple[float, float]:
        """The heights of the caps."""
        return self.lower, self.upper

    def level(self, x: Array) -> Array:
        """The level function (N,) at points (N, 3)."""
        beyond_caps = np.maximum(self.lower - x[:, 2], x[:, 2] - self.upper)
        return np.maximum(self.base.level(x[:, :2]), beyond_caps)

    def slice(self, z: float, above: bool) -> Region | None:
        """The base where the prism stands just above (or just below) the height `z`; None
        elsewhere.
        """
        inside = self.lower <= z < self.upper if above else self.lower < z <= self.upper
        return self.base if inside else None

    def primitives(self) -> tuple[Primitive, ...]:
        """The prism alone."""
        return (self,)


Primitive = BallBody | Prism


@final
@dataclass(frozen=True, eq=False)
class CombinedBody:
    """The union or intersection of bodies, or (`difference`) the first without the others."""

    operation: str
    operands: tuple[Body, ...]

    def level(self, x: Array) -> Array:
        """The level function (N,) at points (N, 3)."""
        return combined_level(self.operation, [operand.level(x) for operand in self.operands])

    def slice(self, z: float, above: bool) -> Region | None:
        """The slice just above (or just below) the height `z`; None where it is empty because
        operands do not reach there.
        """
        first, *others = (operand.slice(z, above) for operand in self.operands)
        return combined(self.operation, first, *others)

    def primitives(self) -> tuple[Primitive, ...]:
        """All balls and prisms, in the order of the operands."""
        return tuple(primitive for operand in self.operands for primitive in operand.primitives())


Body = Primitive | CombinedBody


def combined(operation: str, first: Region | None, *others: Region | None) -> Region | None:
    """A combination of plane regions of which None are empty."""
    present = tuple(other for other in others if other is not None)
    if first is None and operation != "union":
        return None
    if operation == "intersection" and len(present) < len(others):
        return None
    operands = present if first is None else (first, *present)
    if len(operands) > 1:
        return Combination(operation, operands)
    return operands[0] if operands else None


def box_around(body: Body) -> tuple[Array, Array]:
    """The corners (3,) of a box around a body, not always the smallest: of a difference that of the
    first operand.
    """
    if not isinstance(body, CombinedBody):
        return body.domain.lower, body.domain.upper
    lower, upper = zip(*(box_around(operand) for operand in body.operands), strict=True)
    if body.operation == "union":
        return np.min(lower, axis=0), np.max(upper, axis=0)
    if body.operation == "difference":
        return lower[0], upper[0]
    return np.max(lower, axis=0), np.min(upper, axis=0)


def critical_heights(body: Body, tolerance: float) -> list[float]:
    """Heights where slices change their kind: ends of prisms, and points of spheres on the boundary
    of the body.
    """
    primitives = body.primitives()
    prisms = [primitive for primitive in primitives if isinstance(primitive, Prism)]
    balls = [primitive for primitive in primitives if isinstance(primitive, BallBody)]
    points = [np.array([*ball.domain.center[:2], end]) for ball in balls for end in ball.ends]
    for ball, prism in product(balls, prisms):
        points += _touching(ball.domain, prism)
    for first, second in combinations(balls, 2):
        points += _ring(first.domain, second.domain)
    heights = [end for prism in prisms for end in prism.ends]
    on_boundary = np.abs(body.level(np.reshape(points, (-1, 3)))) <= tolerance
    for point, counts in zip(points, on_boundary, strict=True):
        if counts:
            heights.append(float(point[2]))
    return heights


def _touching(ball: Ball, prism: Prism) -> Iterator[Array]:
    """Points of a sphere above and below the points of a prism's walls whose horizontal distance to
    the centre is extreme.
    """
    for curve in chain.from_iterable(prism.base.primitives()):
        for x, y in _extreme(curve, ball.center[:2]):
            squared = ball.radius**2 - (x - ball.center[0]) ** 2 - (y - ball.center[1]) ** 2
            if squared > 0:
                for sign in (-1.0, 1.0):
                    yield np.array([x, y, ball.center[2] + sign * np.sqrt(squared)])


def _extreme(curve: Curve, point: Array) -> Array:
    """The ends of a curve, and its points nearest to and farthest from `point` (2,)."""
    candidates = [point]
    if isinstance(curve, Arc):  # the point opposite on the circle is the farthest
        candidates.append(2 * curve.center - point)
    feet = curve.locate(np.stack(candidates))
    return curve.at(np.array([0.0, 1.0, *feet[(feet > 0) & (feet < 1)]]))


def _ring(first: Ball, second: Ball) -> list[Array]:
    """The lowest and the highest point of the circle in which two spheres meet."""
    axis = second.center - first.center
    distance = float(np.linalg.norm(axis))
    if not abs(first.radius - second.radius) < distance < first.radius + second.radius:
        return []
    m = axis / distance
    along = (distance**2 + first.radius**2 - second.radius**2) / (2 * distance)
    level = float(np.hypot(m[0], m[1]))
    if level < 1e-12:
        return [first.center + along * m]
    up = (np.array([0.0, 0.0, 1.0]) - m[2] * m) / level
    return [
        first.center + along * m + sign * np.sqrt(first.radius**2 - along**2) * up
        for sign in (-1.0, 1.0)
    ]
