"""How far a solution is beyond an obstacle, at most: at points of the domain, where the obstacle has
a kink, and nearer and nearer to where it is missed most; and values on parts that are beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from kanpde.domains import Domain
from kanpde.errors import ConfigError
from kanpde.expressions import Node, Number, jets, substitute
from kanpde.numerics.quadrature import Array
from kanpde.problem.complementarity import Obstacle
from kanpde.problem.conditions import BoundaryCondition
from kanpde.problem.findings import affine, numbers
from kanpde.problem.kinks import kinks
from kanpde.problem.problem import Problem
from kanpde.results.fields import formula_values
from kanpde.trial.piecewise import AnyTrial

SAMPLES, ON_PART = 4000, 400

ROUNDING = 1e-9
"""What a value may be beyond an obstacle, as a share of the larger of both."""

WORST, AROUND, ROUNDS, NEARER = 20, 40, 6, 0.2
"""So many of the worst points have so many new points around them, each time this much nearer."""


def penetration(obstacle: Obstacle, trial: AnyTrial, domain: Domain) -> float:
    """The largest of g - u and u - h, 0 where there is none."""
    sides = ((obstacle.lower, -1.0), (obstacle.upper, 1.0))
    return max(
        (_beyond(node, sign, obstacle, trial, domain) for node, sign in sides if node is not None),
        default=0.0,
    )


def _beyond(node: Node, sign: float, obstacle: Obstacle, trial: AnyTrial, domain: Domain) -> float:
    most = 0.0
    for part in obstacle.on:
        points = domain.part_quadrature(part, SAMPLES)
        normal = None if points.normal is None else torch.tensor(points.normal)
        (values,) = formula_values([node], trial, torch.tensor(points.x), normal=normal)
        most = max(most, float((sign * values).max()))
    if obstacle.on:
        return most
    x = domain.quadrature(SAMPLES).x
    x = np.concatenate([x, *_on_kinks(node, x, domain)])
    radius = (domain.upper - domain.lower) / len(x) ** (1 / domain.dimension)
    rng = np.random.default_rng(0)
    for _ in range(ROUNDS):
        (values,) = formula_values([node], trial, torch.tensor(x))
        most = max(most, float((sign * values).max()))
        worst = x[np.argsort(sign * values)[-WORST:]]
        moves = rng.uniform(-1, 1, (len(worst), AROUND, domain.dimension)) * radius
        near = (worst[:, None] + moves).reshape(-1, domain.dimension)
        x = np.concatenate([worst, near[domain.contains(near, 0.0)]])
        radius = radius * NEARER
    return most


def _on_kinks(node: Node, x: Array, domain: Domain) -> list[Array]:
    """The points moved onto planes where a formula has a kink, as far as they are inside."""
    moved = []
    for axis, places in enumerate(kinks((node,), domain.lower, domain.upper)):
        for place in places:
            on_plane = x.copy()
            on_plane[:, axis] = place
            moved.append(on_plane[domain.contains(on_plane, 0.0)])
    return moved


def require_room(problem: Problem, known: Sequence[Obstacle]) -> None:
    """ConfigError where a condition gives a value that an inequality beside an equation forbids."""
    sample = problem.domain.quadrature(ON_PART).x
    for condition in problem.conditions:
        present = list(jets(condition.node))
        if not isinstance(condition, BoundaryCondition) or len(present) != 1 or present[0].order:
            continue
        rule = problem.domain.part_quadrature(condition.part, ON_PART)
        row = affine(condition.node, rule.x, rule.normal)
        if row is None:
            continue
        value = -row.rest / row.slopes[present[0]]
        for obstacle in (each for each in known if not each.on):
            for gap, sign, word in (
                (obstacle.lower, -1.0, "below"),
                (obstacle.upper, 1.0, "above"),
            ):
                if gap is None or present[0] not in jets(gap):
                    continue
                at_zero = substitute(gap, {present[0]: Number(0.0)})
                inside, bound = (numbers((at_zero,), x)[0] for x in (sample, rule.x))
                beyond = sign * (value + bound)
                worst = int(beyond.argmax())
                if beyond[worst] > ROUNDING * max(np.abs(inside).max(), abs(value[worst])):
                    place = ", ".join(f"{x:.4g}" for x in rule.x[worst])
                    name = problem.unknowns[present[0].unknown]
                    raise ConfigError(
                        f"problem.conditions: {name} = {value[worst] + 0.0:.4g} on '{condition.part}' near"
                        f" ({place}) lies {word} the bound {-bound[worst]:.4g} of the inequality;"
                        f" change one of them"
                    )
