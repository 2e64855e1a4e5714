"""Places along one axis where narrow features of a problem ask for cells, knots or slabs."""

from __future__ import annotations

import math

import numpy as np

from kanpde.numerics.quadrature import Array
from kanpde.problem.feature_search import Feature
from kanpde.problem.problem import Problem

ACROSS = 0.9
"""A feature lies across an axis where its direction is this much along it."""

NARROW, MOST = 0.004, 8
"""Share of the domain below which splines may not see a feature by themselves, and the most that
have knots of their own.
"""


def inside(problem: Problem) -> list[Feature]:
    """The features of equations: those whose place is on no side of the domain, nor exact."""
    lower, upper = problem.domain.lower, problem.domain.upper
    return [
        feature
        for feature in problem.probed.features
        if not feature.sharp and bool(((lower < feature.place) & (feature.place < upper)).all())
    ]


def graded(problem: Problem, axis: int) -> Array:
    """Rising places inside the domain around each of them: its middle, and ever further away by a
    factor of two from its width on.
    """
    lower, upper = float(problem.domain.lower[axis]), float(problem.domain.upper[axis])
    places = [np.zeros(0)]
    for feature in problem.probed.features:
        if feature.sharp or abs(feature.direction[axis]) <= ACROSS:
            continue
        width = feature.width * (upper - lower)
        steps = width * 2.0 ** np.arange(-1, math.ceil(math.log2(1 / feature.width)) + 1)
        places.append(feature.place[axis] + np.concatenate([-steps, [0.0], steps]))
    every = np.unique(np.concatenate(places))
    return np.asarray(every[(every > lower) & (every < upper)])


def narrow_inside(problem: Problem) -> tuple[float, ...]:
    """Positions in [-1, 1] along the first axis of narrow features of the equations of a problem on
    a line with time; none of many.
    """
    lower, upper = float(problem.domain.lower[0]), float(problem.domain.upper[0])
    places = {
        2 * (feature.place[0] - lower) / (upper - lower) - 1
        for feature in inside(problem)
        if feature.width < NARROW and abs(feature.direction[0]) > ACROSS
    }
    return tuple(sorted(places)) if len(places) <= MOST else ()
