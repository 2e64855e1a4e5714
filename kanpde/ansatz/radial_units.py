"""Units of the first layer that are squared distances |x - a|²: to points in holes, or to the
centre of a radial source; and the multipoles about the centres of round holes, which are added to
the network.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from kanpde.ansatz.projection_pursuit import source_centers
from kanpde.config import (
    BallShape,
    CombinedShape,
    DiskShape,
    RegionsShape,
    Shape,
    TrialConfig,
)
from kanpde.errors import ConfigError
from kanpde.problem.problem import Problem
from kanpde.trial.networks import Multipoles, Radial

MOST_MULTIPOLES = 4096
"""Multipoles about all holes of a domain."""
POINTS_PER_MULTIPOLE = 2
"""Least number of boundary points on a hole for each of its multipoles: between fewer points their
sum is not determined.
"""


def radial_units(trial: TrialConfig, problem: Problem, generator: torch.Generator) -> list[Radial]:
    """`trial.radial` units per round hole, their centres on a circle of half its radius, turned at
    random; and the `centers`.
    """
    holes = round_holes(problem)
    if trial.radial == 0 or problem.config.time is not None:
        holes = []
    units = []
    for hole in holes:
        turn = float(torch.rand(1, generator=generator, dtype=torch.float64))
        offset = 0.5 * hole.radius if trial.radial > 1 else 0.0
        for direction in _around(trial.radial, turn, len(hole.center)):
            centre = np.array(hole.center) + offset * direction
            units.append(_radial(problem, centre, low=(hole.radius - offset) ** 2))
    width = trial.width[0] if trial.width else 0
    if units and len(units) >= width:
        raise ConfigError(
            f"trial.radial: {trial.radial} units for each of {len(holes)} holes leave none of"
            f" {width} hidden units; lower trial.radial or raise trial.width"
        )
    if trial.start != "ridge" or not trial.width or trial.centers == "none":
        return units
    centers = source_centers(problem) if isinstance(trial.centers, str) else trial.centers
    if not centers:
        raise ConfigError(
            f"trial.centers: the source of '{problem.name}' is not radial about a point; use none"
        )
    if len(units) + len(centers) > width:
        raise ConfigError(
            f"trial.centers: {len(centers)} do not fit into {width} hidden units; raise trial.width"
        )
    for centre in map(np.array, centers):
        units.append(_radial(problem, centre, low=_gap(problem, centre) ** 2))
    return units


def multipoles(trial: TrialConfig, problem: Problem) -> list[Multipoles]:
    """The multipoles up to order `trial.multipoles` about the centre of each round hole;
    ConfigError where there is no such hole.
    """
    if trial.multipoles == 0:
        return []
    name, holes = problem.name, round_holes(problem)
    if not holes:
        raise ConfigError(
            f"trial.multipoles: no disk or ball is cut out of the domain of '{name}'; use 0"
        )
    groups = [Multipoles(tuple(hole.center), hole.radius, trial.multipoles) for hole in holes]
    total = sum(group.count for group in groups)
    if total > MOST_MULTIPOLES:
        raise ConfigError(
            f"trial.multipoles: order {trial.multipoles} about {len(holes)} holes asks for {total}"
            f" functions, more than {MOST_MULTIPOLES}; lower it"
        )
    return groups


def points_on_holes(trial: TrialConfig, problem: Problem) -> dict[str, int]:
    """How many boundary points the parts around round holes need for their multipoles, by name; a
    mesh has no such names.
    """
    from kanpde.domains import MeshDomain

    if isinstance(problem.domain, MeshDomain):
        return {}
    pairs = zip(round_holes(problem), multipoles(trial, problem), strict=False)
    return {hole.parts[0]: POINTS_PER_MULTIPOLE * group.count for hole, group in pairs}


def _around(count: int, turn: float, dimension: int) -> list[np.ndarray[Any, Any]]:
    """Evenly spread directions: of a circle in the plane, of a Fibonacci spiral on the sphere in
    space.
    """
    if dimension == 2:
        angles = [2 * math.pi * (k + turn) / count for k in range(count)]
        return [np.array([math.cos(angle), math.sin(angle)]) for angle in angles]
    heights = [1 - (2 * k + 1) / count for k in range(count)]
    angles = [math.pi * ((math.sqrt(5) - 1) * k + 2 * turn) for k in range(count)]
    directions = []
    for h, angle in zip(heights, angles, strict=True):
        across = math.sqrt(1 - h * h)
        directions.append(np.array([across * math.cos(angle), across * math.sin(angle), h]))
    return directions


def _gap(problem: Problem, point: np.ndarray[Any, Any]) -> float:
    """At most the distance of a point to the domain, where that is known; a unit about it has a
    geometric grid then.
    """
    from kanpde.domains import Planar, Solid

    domain = problem.domain
    if not isinstance(domain, Planar | Solid):
        return 0.0
    body = domain.region if isinstance(domain, Planar) else domain.body
    return max(0.0, float(body.level(point[None])[0]))


def _radial(problem: Problem, centre: np.ndarray[Any, Any], low: float) -> Radial:
    """The squared distance to a point: in the network's coordinates s = (x - middle) / half it is Σ
    half² (s - centre)².
    """
    lower, upper = problem.domain.lower, problem.domain.upper
    middle, half = (lower + upper) / 2, (upper - lower) / 2
    far = np.maximum(abs(centre - lower), abs(upper - centre))
    return Radial(
        centre=tuple(((centre - middle) / half).tolist()),
        scales=tuple((half**2).tolist()),
        low=low,
        high=float((far**2).sum()),
    )


def round_holes(problem: Problem) -> list[DiskShape | BallShape]:
    """The disks or balls that a shape or any region is cut by, or the circles that the holes of a
    mesh resemble.
    """
    shape = problem.config.domain
    from kanpde.domains import MeshDomain

    if isinstance(problem.domain, MeshDomain):
        circles = problem.domain.round_holes()
        return [DiskShape((float(x), float(y)), radius) for (x, y), radius in circles]
    regions = shape.shapes if isinstance(shape, RegionsShape) else (shape,)
    return [hole for region in regions for hole in _cut(region)]


def _cut(shape: Shape) -> list[DiskShape | BallShape]:
    """The disks or balls that are cut out of a shape."""
    if not isinstance(shape, CombinedShape) or shape.operation != "difference":
        return []
    return [operand for operand in shape.operands[1:] if isinstance(operand, DiskShape | BallShape)]
