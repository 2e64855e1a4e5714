"""Which cells cover the domain of a problem."""

from __future__ import annotations

import numpy as np

from kanpde.domains import Composite
from kanpde.errors import ConfigError
from kanpde.numerics.local_functions import of_network
from kanpde.numerics.quadrature import Array
from kanpde.patches.boxes import BoxCover
from kanpde.patches.cells import Cover
from kanpde.patches.fluxes import Surfaces
from kanpde.patches.plane import PlaneCover
from kanpde.patches.regions import regions_cover
from kanpde.problem.conditions import PeriodicCondition, periodic_parts
from kanpde.problem.problem import Problem

FIRST = (4, 4, 1)
"""First cells along the longest side, by the number of coordinates: in space the degree of few
cells is raised first.
"""

SPACE = 3

SAMPLES, SAME = 64, 1e-9
"""Points of periodic parts, and how flat they must be as a share of the domain."""


def cover_of(
    problem: Problem, cells: int | None = None, network: str = "kan", skew: Array | None = None
) -> Cover:
    """Cells over a box in any number of coordinates, space and time included, or over a plane
    domain, or over regions of such; ConfigError where it is none.

    Args:
        problem: its domain and the parts with conditions.
        cells: first cells along the longest side, by default `FIRST`.
        network: the kind of network on every cell.
        skew: what coordinates are multiplied by to be those of the problem (see `problem.skewed`).
    """
    # in skewed coordinates a cell beside a vertical side may hold what lies beyond another side,
    # and points of the vertical one must not be taken for its own
    cover = _cover(problem, cells, skew is None)
    cover.skew = skew
    for each in (cover, *cover.members):
        each.functions = of_network(network)
    return cover


def _cover(problem: Problem, cells: int | None, sided: bool) -> Cover:
    domain, time = problem.domain, problem.config.time is not None
    if problem.pieces is not None:
        domain = problem.pieces.domain
    if isinstance(domain, Composite):
        first = cells or FIRST[domain.dimension - 1]
        return regions_cover(domain, first, domain.dimension - time, problem.kinks)
    count = cells or FIRST[domain.dimension - 1]
    periodic = periodic_axes(problem)
    if domain.dimension == SPACE and not domain.box:
        from kanpde.patches.solids import SolidCover  # bodies are loaded where there is one

        return SolidCover(domain, cells or 1, problem.kinks)
    if not domain.box:
        return PlaneCover(domain, count, periodic, kinks=problem.kinks, sided=sided)
    paired = periodic_parts(problem.conditions)
    parts = [condition.part for condition in problem.conditions if condition.part]
    constrained = [part for part in parts if part not in paired]
    space = domain.dimension - time
    cover = BoxCover(domain, count, constrained, space, periodic, kinks=problem.kinks)
    fluxes = Surfaces.of(problem).fluxes if space == domain.dimension == 2 else None
    if fluxes is not None:
        cover.tips = fluxes.tips(domain.lower, domain.upper)
    return cover


def periodic_axes(problem: Problem) -> tuple[int, ...]:
    """The axes along which the domain repeats itself; ConfigError where the two parts of a periodic
    condition are not its opposite sides.
    """
    axes = set()
    domain = problem.domain
    extent = domain.upper - domain.lower
    for condition in problem.conditions:
        if isinstance(condition, PeriodicCondition):
            shift = np.abs(condition.shift)
            axis = int(shift.argmax())
            sides = [domain.part_quadrature(part, SAMPLES).x[:, axis] for part in condition.parts]
            flat = max(float(np.ptp(side)) for side in sides)
            if max(abs(shift.sum() - extent[axis]), flat) > SAME * extent.max():
                raise ConfigError(
                    f"trial.patches: needs periodic parts that are opposite sides of the domain,"
                    f" found {condition.parts[0]} and {condition.parts[1]} within it or slanted;"
                    f" remove trial.patches"
                )
            axes.add(axis)
    return tuple(sorted(axes))
