"""Which evolutions in the plane are marched, and which are one problem of patches in space and time."""

from __future__ import annotations

from kanpde.marching.plane.statement import evolution
from kanpde.problem.problem import Problem


def marches(problem: Problem) -> bool:
    """Whether an evolution in the plane is marched: patches in space and time cover boxes only."""
    return not problem.domain.box and evolution(problem) is not None
