"""Numbers of a solution: integrals, means and values at points put into formulas, with what two
levels differ by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from kanpde.config.problem.numbers import AT, MEAN
from kanpde.expressions import Constant, Derivative
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.polynomials import gauss
from kanpde.numerics.quadrature import PointSet
from kanpde.problem.numbers import Functional
from kanpde.problem.problem import Problem
from kanpde.results.fields import formula_values
from kanpde.trial.piecewise import AnyTrial

NODES, PANELS, MANY = 10, 200, 40_000
"""Gauss nodes of a panel, panels of a line, and points elsewhere."""

ROUNDING = 20 * float(np.finfo(np.float64).eps)


class Rule(NamedTuple):
    """Where an integral is taken: points with weights, and the region (N,) of each where the domain
    has regions.
    """

    points: PointSet
    region: NDArray[np.int64] | None = None


Rules = Callable[[str | None], Rule]
"""The rule of a part of the boundary, or of the domain."""


class Value(NamedTuple):
    """A number of a solution, and how wrong it may be; None where that cannot be told."""

    value: float
    estimate: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data; None where a formula has no value."""
        pair = zip(self._fields, self, strict=True)
        return {key: each if each is not None and isfinite(each) else None for key, each in pair}


def plain_rules(problem: Problem) -> Rules:
    """Rules of the domain itself, whatever the trial solution is made of."""

    def rule(part: str | None) -> Rule:
        domain = problem.domain
        if part is not None:
            points = domain.part_quadrature(part, MANY)
        elif domain.dimension == 1 and not problem.regions:
            points = panels(float(domain.lower[0]), float(domain.upper[0]))
        else:
            points = domain.quadrature(MANY)
        if not problem.regions:
            return Rule(points)
        if part is None:
            region = problem.region_of(torch.tensor(points.x))
            assert region is not None
            return Rule(points, region.numpy())
        number = problem.regions.index(part.split(".")[0])
        return Rule(points, np.full(len(points.x), number))

    return rule


def panels(lower: float, upper: float) -> PointSet:
    """Gauss points of many panels of an interval."""
    z, w = gauss(NODES)
    ends = np.linspace(lower, upper, PANELS + 1)
    half = np.diff(ends)[:, None] / 2
    x = ends[:-1, None] + half * (1 + z)
    return PointSet(x.reshape(-1, 1), (half * w).ravel())


def numbers(problem: Problem, trial: AnyTrial, rules: Rules) -> dict[str, float]:
    """The value of every number of a problem."""
    known: dict[str | None, Rule] = {}
    found = {}
    for number in problem.numbers:
        values = []
        for functional in number.functionals:
            rule = None
            if functional.word != AT:
                if functional.part not in known:
                    known[functional.part] = rules(functional.part)
                rule = known[functional.part]
            values.append(_value(functional, problem, trial, rule))
        place = [0.0] * problem.domain.dimension + values
        row = torch.tensor([place], dtype=torch.float64)
        constants = dict(enumerate(trial.constants.values.detach()))
        jet: dict[Derivative | Constant, torch.Tensor] = {
            Constant(k): each for k, each in constants.items()
        }
        (value,) = evaluate([number.outer], row, jet=jet)
        found[number.name] = float(value[0])
    return found


def untold(problem: Problem, trial: AnyTrial) -> dict[str, Value]:
    """The numbers of a solution beside which there is no other one."""
    found = numbers(problem, trial, plain_rules(problem)) if problem.numbers else {}
    return {name: Value(value) for name, value in found.items()}


def compared(
    rich: Mapping[str, float], coarse: Mapping[str, float], poor: Mapping[str, float], left: float
) -> dict[str, Value]:
    """The numbers of the richer of two solutions, where the share `left` of what they differ by is
    left, and those of it by a coarser rule.
    """
    told = {}
    for name, value in rich.items():
        apart = left * abs(value - poor[name]) + abs(value - coarse[name])
        told[name] = Value(value, max(apart, ROUNDING * abs(value)))
    return told


def _value(functional: Functional, problem: Problem, trial: AnyTrial, rule: Rule | None) -> float:
    count = len(problem.regions)
    if rule is None:
        x = torch.tensor([functional.point], dtype=torch.float64)
        (value,) = formula_values(functional.nodes, trial, x, (problem.region_of(x), count))
        return float(value[0])
    points = rule.points
    x, w = torch.tensor(points.x), points.w
    normal = None if points.normal is None else torch.tensor(points.normal)
    region = None if rule.region is None else torch.tensor(rule.region)
    (values,) = formula_values(functional.nodes, trial, x, (region, count), normal)
    total = float(w @ values)
    return total / float(w.sum()) if functional.word == MEAN else total
