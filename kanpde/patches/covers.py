"""Which cells cover the domain of a problem."""

from __future__ import annotations

from kanpde.patches.boxes import BoxCover
from kanpde.patches.cells import Cover
from kanpde.patches.plane import PlaneCover
from kanpde.problem.problem import Problem

FIRST = (4, 4, 1)
"""First cells along the longest side, by the number of coordinates: in space the degree of few
cells is raised first.
"""


def cover_of(problem: Problem, cells: int | None = None) -> Cover:
    """Cells over a box in any number of coordinates, space and time included, or over a plane
    domain; ConfigError where it is neither.

    Args:
        problem: its domain and the parts with conditions.
        cells: first cells along the longest side, by default `FIRST`.
    """
    domain, time = problem.domain, problem.config.time is not None
    count = cells or FIRST[domain.dimension - 1]
    if not domain.box:
        return PlaneCover(domain, count)
    constrained = [condition.part for condition in problem.conditions if condition.part]
    return BoxCover(domain, count, constrained, domain.dimension - time)
