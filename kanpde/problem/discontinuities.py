"""Points where given values of an unknown jump along the boundary, from the data alone.

    F(x, u) = a(x) u - g(x) = 0 on two parts that meet, or on one:   |g - λ g'| > 0 at a point

No solution is continuous there, and what is measured with a derivative less has no bound: at the
corners of a sliding lid the velocity is bounded and the pressure grows like 1/r.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kanpde.expressions import jets
from kanpde.numerics.quadrature import Array
from kanpde.problem.conditions import BoundaryCondition
from kanpde.problem.findings import PARALLEL, Affine, affine, multiple_of
from kanpde.problem.problem import Problem

SAMPLES = 48
"""Points of a part or of the domain where formulas are compared."""

DIFFERENT = 1e-6
"""Right sides differ by more than this share."""

MOST_CHARTED = 4
"""Coordinates of a box whose corners are looked at."""

ASIDE = 1e-6
"""Share of the domain's sides from a jump to where it is looked at from both sides."""


@dataclass(frozen=True)
class Discontinuity:
    """A point (d,) where values jump: those of the conditions on two parts, or on the first one
    alone, and the unknowns that these hold.
    """

    place: tuple[float, ...]
    first: str
    second: str
    unknowns: frozenset[int]


def discontinuities(problem: Problem) -> list[Discontinuity]:
    """All of a problem without regions, in at most four coordinates."""
    if problem.regions or problem.domain.dimension > MOST_CHARTED:
        return []
    return [*_between(problem), *_within(problem)]


def _between(problem: Problem) -> Iterator[Discontinuity]:
    """Where the values that two parts give differ at a point that they share."""
    for first, second in itertools.combinations(_values(problem), 2):
        same = jets(first.node) == jets(second.node)
        if first.part == second.part or not same or first.node == second.node:
            continue
        held = frozenset(jet.unknown for jet in jets(first.node))
        for place in _jumps(problem, first, second):
            yield Discontinuity(tuple(place.tolist()), first.part, second.part, held)


def _within(problem: Problem) -> Iterator[Discontinuity]:
    """Where the values that one part gives jump."""
    domain = problem.domain
    jumping = [feature for feature in problem.probed.features if feature.kind == "jump"]
    for condition, feature in itertools.product(_values(problem) if jumping else (), jumping):
        if feature.where != f"the condition on '{condition.part}'":
            continue
        step = ASIDE * (domain.upper - domain.lower) * np.array(feature.direction)
        beside = affine(condition.node, np.array(feature.place) + np.outer([-1.0, 1.0], step))
        if beside is not None and abs(np.diff(beside.rest)[0]) > DIFFERENT * _size(beside):
            held = frozenset(jet.unknown for jet in jets(condition.node))
            yield Discontinuity(feature.place, condition.part, "", held)


def _values(problem: Problem) -> list[BoundaryCondition]:
    """The conditions on a part that hold no derivatives."""
    values = []
    for condition in problem.conditions:
        plain = all(jet.order == 0 for jet in jets(condition.node)) and condition.weight > 0
        if plain and isinstance(condition, BoundaryCondition):
            values.append(condition)
    return values


def _jumps(problem: Problem, first: BoundaryCondition, second: BoundaryCondition) -> Array:
    """The common points (N, d) where two conditions give different values, relative to the largest
    on their parts.
    """
    x = _shared(problem, first.part, second.part)
    if not len(x):
        return x
    size = 0.0
    rows: list[Affine] = []
    for condition in (first, second):
        row = affine(condition.node, x, np.zeros_like(x))
        on_part = problem.domain.part_quadrature(condition.part, SAMPLES)
        beside = affine(condition.node, on_part.x, on_part.normal)
        if row is None or beside is None:
            return x[:0]
        size = max(size, _size(beside))
        rows.append(row)
    multiple = multiple_of(*rows)
    if multiple is None:
        return x[:0]
    return np.asarray(x[np.abs(rows[1].rest - multiple * rows[0].rest) > DIFFERENT * size])


def _size(row: Affine) -> float:
    """The largest value."""
    return float(np.abs(row.rest).max())


def _shared(problem: Problem, first: str, second: str) -> Array:
    """Points (N, d) that two parts have in common: all corners of a box, else what the domain
    knows.
    """
    domain, d = problem.domain, problem.domain.dimension
    known = domain.common_points(first, second)
    sides = {"initial", "final"}.isdisjoint((first, second))
    if len(known) or not domain.box or not sides or not 1 < d <= MOST_CHARTED:
        return known
    cube = np.array(list(itertools.product((0.0, 1.0), repeat=d - 1)))
    a, b = domain.chart(first, cube)[0], domain.chart(second, cube)[0]
    gaps = np.abs(a[:, None] - b[None]).max(axis=2).min(axis=1)
    corners: Array = a[gaps < PARALLEL * float(np.max(domain.upper - domain.lower))]
    return corners
