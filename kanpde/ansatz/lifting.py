"""Exact Dirichlet lifting: u = g + D·N satisfies the boundary values for every N.

On a box D is the product over the axes of (x - a), (b - x) or both, zero exactly on the sides with
values. The extension g is built axis by axis: the differences that remain on the sides are blended,

    g ← g + Σ_sides  ω_side(x) (g_side - g|_side),

with ω linear between two opposite sides and 1 for a single one; where sides meet their values must
agree. On any other domain D is a `distance` function of the parts with values, and g, where they
are several formulas, their mean with weights 1 / D_part.

Source: the Coons patch and transfinite interpolation, Gordon & Hall, Numer. Math. 21 (1973);
weights by inverse distance: Rvachev, Sheiko, Shapiro & Tsukanov, Comput. Aided Geom. Des. 18
(2001).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import torch

from kanpde.domains import Domain
from kanpde.errors import ConfigError
from kanpde.expressions import (
    Coordinate,
    Node,
    Normal,
    Number,
    add,
    depends_on_normal,
    divide,
    jets,
    linear_parts,
    multiply,
    negate,
    substitute,
)
from kanpde.expressions.evaluate import evaluate
from kanpde.problem.conditions import BoundaryCondition, Condition
from kanpde.problem.problem import Problem
from kanpde.trial.solution import Lifting

NOTE = (
    "not smooth: its second derivatives grow without bound at re-entrant corners, at ends of parts"
    " or where formulas change; compare with trial.lifting: false"
)


class _Dirichlet(NamedTuple):
    """The condition u = value for one unknown, by its number, on one part."""

    unknown: int
    part: str
    value: Node


class _Ansatz(NamedTuple):
    """g and D of one unknown, and whether both have all derivatives up to the boundary."""

    extension: Node
    factor: Node
    smooth: bool


@dataclass(frozen=True)
class _Side:
    """A face x_axis = at of the box, and the value that one unknown takes there."""

    part: str
    axis: int
    at: float
    upper: bool
    value: Node


def lift(problem: Problem) -> tuple[Lifting, tuple[Condition, ...]]:
    """The lifting of all Dirichlet conditions, and the conditions that remain in the residual.

    Raises ConfigError when there is nothing to lift, no distance function, or values disagree where
    parts meet.
    """
    values: list[dict[str, Node]] = [{} for _ in problem.unknowns]
    remaining: list[Condition] = []
    for condition in problem.conditions:
        dirichlet = _dirichlet(condition, problem.domain)
        if dirichlet is None or dirichlet.part in values[dirichlet.unknown]:
            remaining.append(condition)
        else:
            values[dirichlet.unknown][dirichlet.part] = dirichlet.value
    if not any(values):
        raise ConfigError(
            f"trial.lifting: problem '{problem.name}' has no condition of the form u = g to lift;"
            " set it to false"
        )
    ansatz_of = _on_box if problem.domain.box else _inside
    ansatz = [ansatz_of(values_of_unknown, problem.domain) for values_of_unknown in values]
    lifted = tuple(
        (condition.name, condition.node)
        for condition in problem.conditions
        if condition not in remaining
    )
    lifting = Lifting(
        extensions=tuple(pair.extension for pair in ansatz),
        factors=tuple(pair.factor for pair in ansatz),
        lifted=lifted,
        note="" if all(pair.smooth for pair in ansatz) else NOTE,
    )
    return lifting, tuple(remaining)


def _dirichlet(condition: Condition, domain: Domain) -> _Dirichlet | None:
    """The condition as u = value if it reads c·u = g with a constant c, and g has a meaning
    inside the domain.
    """
    derivatives = jets(condition.node)
    if not isinstance(condition, BoundaryCondition) or len(derivatives) != 1:
        return None
    (jet,) = derivatives
    try:
        coefficients, source = linear_parts(condition.node)
    except ValueError:
        return None
    factor = coefficients.get(jet)
    if (
        jet.order > 0
        or not isinstance(factor, Number)
        or (depends_on_normal(source) and not domain.box)
    ):
        return None
    return _Dirichlet(jet.unknown, condition.part, negate(divide(source, factor)))


def _on_box(values: Mapping[str, Node], domain: Domain) -> _Ansatz:
    """g and D by Coons patches."""
    sides = []
    for part, value in values.items():
        points = domain.part_quadrature(part, 4)
        assert points.normal is not None
        axis = int(abs(points.normal[0]).argmax())
        upper = bool(points.normal[0, axis] > 0)
        at = float((domain.upper if upper else domain.lower)[axis])
        fixed: dict[Node, Node] = {Coordinate(axis): Number(at)}
        fixed |= {Normal(k): Number(float(n)) for k, n in enumerate(points.normal[0])}
        on_side = substitute(value, fixed)
        sides.append(_Side(part=part, axis=axis, at=at, upper=upper, value=on_side))
    extension = _extension(sides, domain)
    _check_corners(sides, extension, domain)
    return _Ansatz(extension, _factor(sides, domain), smooth=True)


def _inside(values: Mapping[str, Node], domain: Domain) -> _Ansatz:
    """g and D by distance functions: a formula that agrees with all values is the extension, else
    they are mixed.
    """
    from kanpde.ansatz.distance_functions import distance

    if not values:
        return _Ansatz(Number(0.0), Number(1.0), smooth=True)
    groups: dict[Node, list[str]] = {}
    for part, value in values.items():
        groups.setdefault(value, []).append(part)
    meet = _check_meetings(values, domain)
    factor = distance(domain, values)
    for value in groups:
        if all(_agree(value, other, part, domain) for part, other in values.items()):
            return _Ansatz(value, factor.node, factor.smooth)
    distances = [distance(domain, parts) for parts in groups.values()]
    nodes = [function.node for function in distances]
    weights = [multiply(*nodes[:k], *nodes[k + 1 :]) for k in range(len(distances))]
    mixed = add(*(multiply(value, weight) for value, weight in zip(groups, weights, strict=True)))
    smooth = not meet and all(function.smooth for function in (factor, *distances))
    return _Ansatz(divide(mixed, add(*weights)), factor.node, smooth)


def _agree(ours: Node, theirs: Node, part: str, domain: Domain) -> bool:
    """Whether two formulas are the same up to rounding on a part."""
    if ours == theirs:
        return True
    a, b = evaluate([ours, theirs], torch.tensor(domain.part_quadrature(part, 64).x))
    return float((a - b).abs().max()) <= 1e-14 * float(b.abs().max().clamp_min(1e-2))


def _check_meetings(values: Mapping[str, Node], domain: Domain) -> bool:
    """Whether parts with different formulas meet; ConfigError when these differ by more than 1e-10
    of their size there.
    """
    meet = False
    for first, second in combinations(values, 2):
        x = domain.common_points(first, second)
        if not len(x) or values[first] == values[second]:
            continue
        meet = True
        ours, theirs = evaluate([values[first], values[second]], torch.tensor(x))
        worst = float((ours - theirs).abs().max())
        if not worst <= 1e-10 * (1 + float(theirs.abs().max())):
            raise ConfigError(
                f"trial.lifting: boundary values disagree where '{first}' meets '{second}' (by"
                f" {worst:.1e}), so no continuous lifting exists; set it to false"
            )
    return meet


def _extension(sides: Sequence[_Side], domain: Domain) -> Node:
    """g, axis by axis."""
    total: Node = Number(0.0)
    for axis in sorted({side.axis for side in sides}):
        on_axis = [side for side in sides if side.axis == axis]
        parts = []
        for side in on_axis:
            present = substitute(total, {Coordinate(axis): Number(side.at)})
            lacking = add(side.value, negate(present))
            parts.append(multiply(_blend(side, domain), lacking) if len(on_axis) == 2 else lacking)
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
        ours, theirs = evaluate([extension, side.value], x)
        worst = float((ours - theirs).abs().max())
        if not worst <= 1e-10 * (1 + float(theirs.abs().max())):
            raise ConfigError(
                f"trial.lifting: boundary values disagree where '{side.part}' meets another side"
                f" (by {worst:.1e}), so no smooth lifting exists; set it to false"
            )
