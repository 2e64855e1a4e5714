"""Oriented plane curves: a segment a → b, a circular arc c + R (cos φ, sin φ), φ from `start` to
`start + sweep`, and any other smooth curve as a polynomial (`bends`).

Walked with the domain on the left, the unit normal on the right points outward. By Green's theorem
a closed chain of curves encloses the area ½ ∮ (x − o)·n ds, for any origin o, with the closed forms

    segment: ½ (a − o) × (b − o),      arc: ½ R ∫ (R + (c − o)·(cos φ, sin φ)) dφ

`s` in [0, 1] is the share of the arc length. Points are float64, dimensionless, shape (N, 2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import final

import numpy as np

from kanpde.domains.plane.bends import Bend
from kanpde.numerics.quadrature import Array

TURN = 2 * np.pi


@final
@dataclass(frozen=True, eq=False)
class Segment:
    """The straight segment from `a` (2,) to `b` (2,), of the boundary part `part`."""

    a: Array
    b: Array
    part: str

    @property
    def closed(self) -> bool:
        """A segment never closes on itself."""
        return False

    @cached_property
    def length(self) -> float:
        """The distance from a to b."""
        return float(np.linalg.norm(self.b - self.a))

    def at(self, s: Array) -> Array:
        """Points (N, 2) at the shares `s` (N,); the ends are hit exactly."""
        return np.asarray((1.0 - s)[:, None] * self.a + s[:, None] * self.b, dtype=np.float64)

    def normal(self, s: Array) -> Array:
        """Unit normals (N, 2) on the right of the curve."""
        along = (self.b - self.a) / self.length
        return np.tile([along[1], -along[0]], (len(s), 1))

    def locate(self, points: Array) -> Array:
        """The shares s (N,) of the orthogonal projections of points (N, 2)."""
        return np.asarray((points - self.a) @ (self.b - self.a) / self.length**2, dtype=np.float64)

    def cut(self, first: float, last: float) -> Segment:
        """The piece between two shares."""
        ends = self.at(np.array([first, last]))
        return Segment(ends[0], ends[1], self.part)

    def reversed(self) -> Segment:
        """The same points, walked backwards."""
        return Segment(self.b, self.a, self.part)

    def extremes(self) -> Array:
        """The shares (N,) of points that span the bounding box: both ends."""
        return np.array([0.0, 1.0])

    def monotone(self) -> tuple[Segment | Arc, ...]:
        """Pieces that meet every vertical line at most once: the segment itself."""
        return (self,)

    def height(self, x: Array) -> Array:
        """The ordinate y (N,) above abscissae (N,)."""
        return np.asarray(
            self.a[1] + (x - self.a[0]) * ((self.b - self.a)[1] / (self.b - self.a)[0]),
            dtype=np.float64,
        )

    def moment(self, origin: Array) -> float:
        """½ ∫ (x − o)·n ds along the segment."""
        p, q = self.a - origin, self.b - origin
        return float(p[0] * q[1] - p[1] * q[0]) / 2


@final
@dataclass(frozen=True, eq=False)
class Arc:
    """The arc of the circle (`center`, `radius`) from angle `start` over `sweep` (negative:
    clockwise).
    """

    center: Array
    radius: float
    start: float
    sweep: float
    part: str

    @property
    def closed(self) -> bool:
        """Whether the arc is a full circle."""
        return abs(self.sweep) >= TURN

    @property
    def length(self) -> float:
        """R |sweep|."""
        return self.radius * abs(self.sweep)

    @property
    def turn(self) -> float:
        """By what angle the direction changes."""
        return abs(self.sweep)

    def at(self, s: Array) -> Array:
        """Points (N, 2) at the shares `s` (N,)."""
        return np.asarray(self.center + self.radius * self._radial(s), dtype=np.float64)

    def normal(self, s: Array) -> Array:
        """Unit normals (N, 2) on the right of the curve."""
        return np.asarray(self._radial(s) * np.sign(self.sweep), dtype=np.float64)

    def _radial(self, s: Array) -> Array:
        angle = self.start + s * self.sweep
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def locate(self, points: Array) -> Array:
        """The shares s (N,) of the radial projections of points (N, 2); outside the arc s < 0 or s
        > 1.
        """
        offset = points - self.center
        angle = np.arctan2(offset[:, 1], offset[:, 0])
        turned = np.mod((angle - self.start) * np.sign(self.sweep), TURN)
        # the far half of the gap counts as before the start, the near half as behind the end
        before = turned > (abs(self.sweep) + TURN) / 2
        shares = np.where(before, turned - TURN, turned) / abs(self.sweep)
        return np.asarray(shares, dtype=np.float64)

    def cut(self, first: float, last: float) -> Arc:
        """The piece between two shares; on a full circle `last` may exceed 1."""
        start = self.start + first * self.sweep
        return replace(self, start=start, sweep=(last - first) * self.sweep)

    def reversed(self) -> Arc:
        """The same points, walked backwards."""
        return replace(self, start=self.start + self.sweep, sweep=-self.sweep)

    def monotone(self) -> tuple[Segment | Arc, ...]:
        """Pieces that meet every vertical line at most once: cut where the tangent is vertical (φ a
        multiple of π).
        """
        ends = self._cuts(np.pi)
        return tuple(self.cut(p, q) for p, q in pairwise(ends))

    def extremes(self) -> Array:
        """The shares (N,) of points that span the bounding box: both ends and the quarters in
        between.
        """
        return self._cuts(np.pi / 2)

    def _cuts(self, step: float) -> Array:
        """0, the increasing shares of the angles that are multiples of `step`, and 1."""
        low, high = sorted((self.start, self.start + self.sweep))
        angles = step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
        shares = (angles - self.start) / self.sweep
        return np.array([0.0, *np.sort(shares[(shares > 1e-9) & (shares < 1 - 1e-9)]), 1.0])

    def height(self, x: Array) -> Array:
        """The ordinate y (N,) above abscissae (N,) of a monotone arc."""
        side = np.sign(np.sin(self.start + self.sweep / 2))
        across = np.abs(x - self.center[0])
        root = np.sqrt(np.maximum(self.radius - across, 0.0) * (self.radius + across))
        return np.asarray(self.center[1] + side * root, dtype=np.float64)

    def moment(self, origin: Array) -> float:
        """½ ∫ (x − o)·n ds along the arc."""
        end = self.start + self.sweep
        swept = np.array([np.sin(end) - np.sin(self.start), np.cos(self.start) - np.cos(end)])
        return float(self.radius * self.sweep + (self.center - origin) @ swept) * self.radius / 2


Curve = Segment | Arc | Bend


def split(curve: Curve, points: Array, closest: float) -> list[Curve]:
    """The pieces of a curve between break `points` (N, 2) on it; points nearer than `closest` count
    as one.
    """
    gap = closest / curve.length
    shares = curve.locate(points)
    if curve.closed:
        return _split_closed(curve, np.sort(np.mod(shares, 1.0)), gap)
    ends = [0.0]
    for share in np.sort(shares):
        if share - ends[-1] > gap and share < 1 - gap:
            ends.append(float(share))
    return [curve.cut(p, q) for p, q in pairwise([*ends, 1.0])]


def _split_closed(curve: Curve, shares: Array, gap: float) -> list[Curve]:
    """The pieces of a closed curve between increasing shares in [0, 1), which wrap around."""
    breaks: list[float] = []
    for share in shares:
        if not breaks or (share - breaks[-1] > gap and share - breaks[0] < 1 - gap):
            breaks.append(float(share))
    if not breaks:
        return [curve]
    return [curve.cut(p, q) for p, q in pairwise([*breaks, breaks[0] + 1])]
