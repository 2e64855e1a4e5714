"""Points of a box moved so that linear forms take all of their values on them.

    x ← (1 - ρ) c(t) + ρ x,    ρ = 4 t (1 - t),    c(t) on the diagonal on which a·x grows fastest

The sum of many coordinates stays near its mean at points that are spread evenly over a box: a spline
of it would have no points where it ends. With t even over [0, 1] so is a·x, nearly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kanpde.domains import Domain
from kanpde.numerics.quadrature import Array, PointSet

LEAST = 4
"""Coordinates from which on points are moved."""


def spread(points: PointSet, domain: Domain, directions: Sequence[Sequence[float]]) -> PointSet:
    """Every second point moved along one direction after the other; those of a face stay on it."""
    x, w = points.x.copy(), points.w
    if not directions or not domain.box or x.shape[1] < LEAST:
        return points
    sides = domain.upper - domain.lower
    free = np.ptp(x, axis=0) > 0
    moved = np.arange(0, len(x), 2)
    for number, direction in enumerate(directions):
        some = moved[number :: len(directions)]
        steps: Array = (np.arange(len(some))[:, None] + 0.5) / max(1, len(some))
        slopes = np.asarray(direction)
        unit = np.where(slopes > 0, steps, 1 - steps)
        rate = 4 * steps * (1 - steps)
        placed = (1 - rate) * (domain.lower + unit * sides) + rate * x[some]
        x[some] = np.where(free & (slopes != 0), placed, x[some])
    return PointSet(x, w, points.normal)
