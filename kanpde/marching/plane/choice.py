"""Which evolutions in the plane and in space are marched, and which may be one problem of patches in space and time."""

from __future__ import annotations

from kanpde.marching.plane.statement import Evolution, evolution
from kanpde.problem.problem import Problem

PLANE = 2

FAR = 0.01
"""Data at the start that are away by more from the conditions make layers that no field follows."""


def marches(problem: Problem) -> bool:
    """Whether an evolution is marched at once: patches in space and time cover boxes only."""
    posed = None if problem.domain.box else evolution(problem)
    if posed is None or posed.dimension <= PLANE:
        return posed is not None
    from kanpde.domains.space.skin import skin_of  # bodies are loaded where there is one

    return skin_of(posed.space) is not None


def may_march(problem: Problem) -> bool:
    """Whether an evolution on a box, which patches in space and time cover too, can be marched:
    every unknown has a rate (a pressure has none).
    """
    posed = evolution(problem) if problem.domain.box else None
    return posed is not None and min(posed.orders) > 0


def only_marches(posed: Evolution) -> bool:
    """Whether one field of patches in space and time would not see the solution on a plane box:
    data at the start jump, or do not fit, and fade.
    """
    if not isinstance(posed, Evolution):  # a line
        return False
    fades = max(posed.orders) == 1
    return posed.dimension == PLANE and fades and (posed.misfit > FAR or posed.jumps)
