"""Exact Dirichlet lifting on boxes: u = g + D·N satisfies the boundary values for every N.

D is the product over the axes of (x - a), (b - x) or both, zero exactly on the sides with values. The extension g is built
axis by axis: blend what the sides still lack,

    g ← g + Σ_sides  ω_side(x) (g_side - g|_side),

with ω linear between two opposite sides and 1 for a single one; where sides meet their values must agree.
Source: the Coons patch and transfinite interpolation, Gordon & Hall, Numer. Math. 21 (1973).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kanpde.conditions import Condition
from kanpde.domains import Domain
from kanpde.errors import ConfigError
from kanpde.expressions import (
    Coordinate,
    Node,
    Number,
    add,
    divide,
    jets,
    linear_parts,
    multiply,
    negate,
    substitute,
)
from kanpde.expressions.evaluate import evaluate
from kanpde.problem import Problem
from kanpde.trial import Lifting


@dataclass(frozen=True)
class _Side:
    """A face x_axis = at of the box, and the value that one unknown takes there."""

    part: str
    axis: int
    at: float
    upper: bool
    value: Node


def lift(problem: Problem) -> tuple[Lifting, tuple[Condition, ...]]:
    """The lifting of all Dirichlet conditions, and the conditions that are left to the residual.

    Raises ConfigError when the domain is no box, there is nothing to lift, or values disagree where sides meet.
    """
    if not problem.domain.box:
        raise ConfigError("trial.lifting: needs an interval, a rectangle or a box; set it to false")
    sides: list[list[_Side]] = [[] for _ in problem.unknowns]
    left: list[Condition] = []
    for condition in problem.conditions:
        found = _dirichlet(condition, problem.domain)
        if found is None or any(side.part == found[1].part for side in sides[found[0]]):
            left.append(condition)
        else:
            sides[found[0]].append(found[1])
    if not any(sides):
        raise ConfigError(
            f"trial.lifting: problem '{problem.name}' has no condition of the form u = g to lift; set it to false"
        )
    lifted = [_extension(own, problem.domain) for own in sides]
    for own, extension in zip(sides, lifted, strict=True):
        _check_corners(own, extension, problem.domain)
    factors = tuple(_factor(own, problem.domain) for own in sides)
    return Lifting(tuple(lifted), factors), tuple(left)


def _dirichlet(condition: Condition, domain: Domain) -> tuple[int, _Side] | None:
    """(unknown, side) if the condition reads c·u = g with a constant c."""
    found = jets(condition.node)
    if condition.kind != "equation" or condition.part is None or len(found) != 1:
        return None
    (jet,) = found
    try:
        coefficients, rest = linear_parts(condition.node)
    except ValueError:
        return None
    factor = coefficients.get(jet)
    if jet.order > 0 or not isinstance(factor, Number):
        return None
    points = domain.part_quadrature(condition.part, 4)
    assert points.normal is not None
    axis = int(abs(points.normal[0]).argmax())
    upper = bool(points.normal[0, axis] > 0)
    at = float((domain.upper if upper else domain.lower)[axis])
    value = substitute(negate(divide(rest, factor)), {Coordinate(axis): Number(at)})
    return jet.unknown, _Side(condition.part, axis, at, upper, value)


def _extension(sides: Sequence[_Side], domain: Domain) -> Node:
    total: Node = Number(0.0)
    for axis in sorted({side.axis for side in sides}):
        here = [side for side in sides if side.axis == axis]
        parts = []
        for side in here:
            lacking = add(side.value, negate(substitute(total, {Coordinate(axis): Number(side.at)})))
            parts.append(multiply(_blend(side, domain), lacking) if len(here) == 2 else lacking)
        total = add(total, *parts)
    return total


def _blend(side: _Side, domain: Domain) -> Node:
    """Linear along the axis: 1 on the side, 0 on the opposite one."""
    low, high = float(domain.lower[side.axis]), float(domain.upper[side.axis])
    opposite = low if side.upper else high
    return divide(add(Coordinate(side.axis), Number(-opposite)), Number(side.at - opposite))


def _factor(sides: Sequence[_Side], domain: Domain) -> Node:
    """Product of the distances to the sides, each scaled by the length of its axis."""
    factors: list[Node] = []
    for side in sides:
        length = float(domain.upper[side.axis] - domain.lower[side.axis])
        distance = add(Coordinate(side.axis), Number(-side.at))
        factors.append(divide(distance, Number(-length if side.upper else length)))
    return multiply(*factors) if factors else Number(1.0)


def _check_corners(sides: Sequence[_Side], extension: Node, domain: Domain) -> None:
    for side in sides:
        x = torch.tensor(domain.part_quadrature(side.part, 64).x)
        ours, given = evaluate([extension, side.value], x)
        worst = float((ours - given).abs().max())
        if not worst <= 1e-10 * (1 + float(given.abs().max())):
            raise ConfigError(
                f"trial.lifting: boundary values disagree where '{side.part}' meets another side (by {worst:.1e}), so no"
                " smooth lifting exists; set it to false"
            )
