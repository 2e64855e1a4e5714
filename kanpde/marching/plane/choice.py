"""Which evolutions in the plane are marched, and which may be one problem of patches in space and time."""

from __future__ import annotations

from kanpde.marching.plane.statement import evolution
from kanpde.problem.problem import Problem


def marches(problem: Problem) -> bool:
    """Whether an evolution in the plane is marched: patches in space and time cover boxes only."""
    return not problem.domain.box and evolution(problem) is not None


def may_march(problem: Problem) -> bool:
    """Whether an evolution on a box, which patches in space and time cover too, can be marched:
    every unknown has a rate (a pressure has none).
    """
    posed = evolution(problem) if problem.domain.box else None
    return posed is not None and min(posed.orders) > 0
