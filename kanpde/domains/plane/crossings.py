"""Where plane curves meet: closed forms for segment/segment, segment/circle and circle/circle, and
what `bend_crossings` finds of bends.

Circles at distance d with radii r, R meet at c + α e ± h e⊥ with e from centre to centre, α = (d² +
r² − R²)/(2d) and h = √((d+r+R)(r+R−d)(d−r+R)(d+r−R))/(2d); a line at distance δ from the centre
cuts off a chord of half length √((r−δ)(r+δ)). Curves nearer to touching than `tolerance` are taken
to touch in one point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from kanpde.domains.mesh import Indices
from kanpde.domains.plane import bend_crossings
from kanpde.domains.plane.bends import Bend
from kanpde.domains.plane.curves import Arc, Curve, Segment
from kanpde.numerics.quadrature import Array


@final
@dataclass(frozen=True, eq=False)
class Pool:
    """Segments a → b (S, 2), full circles (C, 2), (C,) and bends of several shapes, each with the
    number of its owner.
    """

    a: Array
    b: Array
    segment_owner: Indices
    centers: Array
    radii: Array
    circle_owner: Indices
    bends: tuple[tuple[Bend, int], ...] = ()

    @staticmethod
    def of(primitives: Sequence[Sequence[Curve]]) -> Pool:
        """The curves of shapes; the owner of a curve is the index of its shape."""
        segments: list[tuple[Segment, int]] = []
        circles: list[tuple[Arc, int]] = []
        bends: list[tuple[Bend, int]] = []
        for owner, curves in enumerate(primitives):
            for curve in curves:
                if isinstance(curve, Segment):
                    segments.append((curve, owner))
                elif isinstance(curve, Arc):
                    circles.append((curve, owner))
                else:
                    bends.append((curve, owner))
        return Pool(
            a=np.array([s.a for s, _ in segments]).reshape(-1, 2),
            b=np.array([s.b for s, _ in segments]).reshape(-1, 2),
            segment_owner=np.array([i for _, i in segments], dtype=np.int64),
            centers=np.array([c.center for c, _ in circles]).reshape(-1, 2),
            radii=np.array([c.radius for c, _ in circles]),
            circle_owner=np.array([i for _, i in circles], dtype=np.int64),
            bends=tuple(bends),
        )

    def without(self, owner: int) -> Pool:
        """The curves of all other shapes."""
        segments, circles = self.segment_owner != owner, self.circle_owner != owner
        return Pool(
            a=self.a[segments],
            b=self.b[segments],
            segment_owner=self.segment_owner[segments],
            centers=self.centers[circles],
            radii=self.radii[circles],
            circle_owner=self.circle_owner[circles],
            bends=tuple((bend, i) for bend, i in self.bends if i != owner),
        )


def meeting_points(curve: Curve, others: Pool, tolerance: float) -> Array:
    """The points (N, 2) where `curve` meets `others`; coincident circles give none."""
    if isinstance(curve, Bend):
        return _bend_others(curve, others, tolerance)
    bent = []
    for bend, _ in others.bends:
        if isinstance(curve, Segment):
            bent.append(bend_crossings.with_segment(bend, curve.a, curve.b, tolerance))
        else:
            bent.append(bend_crossings.with_circle(bend, curve.center, curve.radius, tolerance))
    if isinstance(curve, Segment):
        like = _segment_segments(curve, others.a, others.b, tolerance)
        unlike = _segments_circles(
            a=curve.a[None],
            b=curve.b[None],
            centers=others.centers,
            radii=others.radii,
            tolerance=tolerance,
        )
    else:
        like = _circle_circles(curve, others.centers, others.radii, tolerance)
        unlike = _segments_circles(
            a=others.a,
            b=others.b,
            centers=curve.center[None],
            radii=np.array([curve.radius]),
            tolerance=tolerance,
        )
    return np.concatenate([like, unlike, *bent])


def _bend_others(bend: Bend, others: Pool, tolerance: float) -> Array:
    found = [np.empty((0, 2))]
    for a, b in zip(others.a, others.b, strict=True):
        found.append(bend_crossings.with_segment(bend, a, b, tolerance))
    for center, radius in zip(others.centers, others.radii, strict=True):
        found.append(bend_crossings.with_circle(bend, center, float(radius), tolerance))
    for other, _ in others.bends:
        found.append(bend_crossings.with_bend(bend, other, tolerance))
    return np.concatenate(found)


def _segment_segments(segment: Segment, a: Array, b: Array, tolerance: float) -> Array:
    """Crossings with segments a → b (M, 2), and all their ends that lie on `segment` (this covers
    overlaps).
    """
    along, directions = segment.b - segment.a, b - a
    cross = along[0] * directions[:, 1] - along[1] * directions[:, 0]
    lengths = np.linalg.norm(directions, axis=1)
    skew = np.abs(cross) > 1e-12 * segment.length * lengths
    offset = (a - segment.a)[skew]
    s = (offset[:, 0] * directions[skew, 1] - offset[:, 1] * directions[skew, 0]) / cross[skew]
    t = (offset[:, 0] * along[1] - offset[:, 1] * along[0]) / cross[skew]
    near, slack = tolerance / segment.length, tolerance / lengths[skew]
    hit = (s >= -near) & (s <= 1 + near) & (t >= -slack) & (t <= 1 + slack)
    ends = np.concatenate([a, b])
    share = np.clip(segment.locate(ends), 0.0, 1.0)
    on = np.linalg.norm(ends - segment.at(share), axis=1) <= tolerance
    return np.concatenate([segment.at(s[hit]), ends[on]])


def _segments_circles(a: Array, b: Array, centers: Array, radii: Array, tolerance: float) -> Array:
    """Meeting points of segments a → b (M, 2) and circles, with M = 1 or one circle."""
    length = np.linalg.norm(b - a, axis=1)
    along = (b - a) / length[:, None]
    offset = centers - a
    foot = np.sum(offset * along, axis=1)
    distance = np.abs(offset[:, 0] * along[:, 1] - offset[:, 1] * along[:, 0])
    touches = np.abs(distance - radii) <= tolerance
    half = np.where(touches, 0.0, np.sqrt(np.maximum(radii - distance, 0.0) * (radii + distance)))
    points = []
    for s, meets in (
        (foot - half, touches | (distance < radii)),
        (foot + half, ~touches & (distance < radii)),
    ):
        hit = meets & (s >= -tolerance) & (s <= length + tolerance)
        points.append((a + s[:, None] * along)[hit])
    return np.concatenate(points)


def _circle_circles(circle: Arc, centers: Array, radii: Array, tolerance: float) -> Array:
    """Meeting points of the full circle of an arc with circles (M, 2), (M,)."""
    r = circle.radius
    d = np.linalg.norm(centers - circle.center, axis=1)
    apart = d > tolerance
    d, big = d[apart], radii[apart]
    e = (centers[apart] - circle.center) / d[:, None]
    touches = (np.abs(d - (r + big)) <= tolerance) | (np.abs(d - np.abs(r - big)) <= tolerance)
    product = (d + r + big) * (r + big - d) * (d - r + big) * (d + r - big)
    crosses = ~touches & (product > 0)
    along = (d**2 + (r - big) * (r + big)) / (2 * d)
    across = np.sqrt(np.maximum(product, 0.0)) / (2 * d)
    normal = np.stack([-e[:, 1], e[:, 0]], axis=1)
    points = [circle.center + np.sign(along[touches])[:, None] * r * e[touches]]
    for sign in (-1.0, 1.0):
        points.append(
            (circle.center + along[:, None] * e + sign * across[:, None] * normal)[crosses]
        )
    return np.concatenate(points)
