"""Periodic conditions by construction: the network sees each periodic coordinate as a point on a
circle (`networks.circles`).

    u = g + D·N,     ∂_i^k u(a) = ∂_i^k u(b) for every N if it holds for N, g and D

So all derivatives agree at the two sides, also those of higher order than the conditions demand.
"""

from __future__ import annotations

import numpy as np
import torch

from kanpde.errors import ConfigError
from kanpde.expressions import jets
from kanpde.numerics.jets import JetSpace
from kanpde.problem.conditions import PeriodicCondition
from kanpde.problem.problem import Problem
from kanpde.trial.networks import Circles
from kanpde.trial.networks.enriched import jet_of
from kanpde.trial.solution import Lifting, Wrapping

POINTS = 64
"""Points of a side at which a lifting is checked."""


def wrap(problem: Problem, lifting: Lifting | None) -> Wrapping:
    """The circles of all periodic conditions; ConfigError where their sides are not as far apart as
    the domain is wide, or a lifting is not periodic as they ask.
    """
    periodic = [c for c in problem.conditions if isinstance(c, PeriodicCondition)]
    for condition in periodic:
        _check_width(condition, problem)
    if lifting is not None:
        for condition in periodic:
            _check(condition, problem, lifting)
    axes = {int(np.abs(np.array(condition.shift)).argmax()) for condition in periodic}
    circles = Circles(tuple(sorted(axes)), problem.domain.dimension)
    return Wrapping(circles, tuple((condition.name, condition.node) for condition in periodic))


def _check_width(condition: PeriodicCondition, problem: Problem) -> None:
    """On a circle everything is periodic, beside the two sides too."""
    shift = np.abs(np.array(condition.shift))
    width = problem.domain.upper - problem.domain.lower
    along = int(shift.argmax())
    whole = np.where(np.arange(len(shift)) == along, width, 0.0)
    if np.abs(shift - whole).max() > 1e-9 * width.max():
        raise ConfigError(
            "trial.periodic: needs sides that are as far apart as the domain is wide, but"
            f" '{condition.name}' is {shift[along]:.6g} of {width[along]:.6g}; set it to false"
        )


def _check(condition: PeriodicCondition, problem: Problem, lifting: Lifting) -> None:
    """ConfigError where g or D of the unknown differ between the two sides by more than 1e-10 of
    their size.
    """
    (jet,) = jets(condition.node)
    x = torch.tensor(problem.domain.part_quadrature(condition.part, POINTS).x)
    nodes = (lifting.extensions[jet.unknown], lifting.factors[jet.unknown])
    space = JetSpace.closure([jet.index], problem.domain.dimension)
    opposite = x + torch.tensor(condition.shift)
    first = jet_of(nodes, x, space).derivative(jet.index)
    second = jet_of(nodes, opposite, space).derivative(jet.index)
    worst = float((first - second).abs().max())
    if not worst <= 1e-10 * (1 + float(first.abs().max())):
        raise ConfigError(
            "trial.lifting: with trial.periodic the lifted values must be periodic too, but"
            f" '{condition.name}' fails for them (by {worst:.1e}); set one of the two to false"
        )
