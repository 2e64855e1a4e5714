"""What makes a solution implausible, beside the size of its residuals.

    Σ w |F| > 0.2 Σ w |b|  of a linear problem F = L u + b, with zero data on the boundary
    |u| ≪ |data|,    u = const of a nonlinear problem

Reads neither `exact` nor a reference.
"""

from __future__ import annotations

import numpy as np
import torch

from kanpde.expressions import jets
from kanpde.numerics.quadrature import Array
from kanpde.problem.conditions import BoundaryCondition
from kanpde.problem.findings import Affine, Finding, affine
from kanpde.problem.problem import Problem
from kanpde.results.fields import formula_values
from kanpde.results.passed_over import passed_over
from kanpde.results.passed_through import passed_through
from kanpde.trial.piecewise import AnyTrial
from kanpde.trial.surrogate import Surrogate

STANDS = 0.2
"""A residual above this share of the source does not fall."""

NOTHING, SAME = 1e-6, 1e-6
"""Values below the first, beside the data, are zero; their spread beside their size of a constant
is below the second.
"""

CONSTANT = "constant solution"
"""The name of a finding."""

INSIDE, ON_PART = 2000, 64
"""Points at which a solution is looked at."""


def doubts(problem: Problem, trial: AnyTrial) -> tuple[Finding, ...]:
    """What speaks against the solution of a problem."""
    doubtful = (*_standing(problem, trial), *_trivial(problem, trial))
    return (*doubtful, *passed_over(problem, trial), *passed_through(problem, trial))


def _standing(problem: Problem, trial: AnyTrial) -> list[Finding]:
    """Equations of a linear problem with zero boundary data whose residual stays beside their
    source.
    """
    wished = problem.energy is not None or any(weight != 1 for weight in problem.weights)
    if wished or problem.regions or not problem.is_linear or not _zero_data(problem):
        return []
    if isinstance(trial, Surrogate):
        return []  # of weak solutions, whose second derivatives do not converge at corners
    if problem.probed.features:
        return []  # the points below may miss the source, and then nothing stands beside it
    rule = problem.domain.quadrature(INSIDE)
    residuals = formula_values(problem.equations, trial, _tensor(trial, rule.x))
    findings = []
    for name, node, residual in zip(problem.names, problem.equations, residuals, strict=True):
        row = affine(node, rule.x)
        if row is None or not rule.w @ np.abs(row.rest) > 0:
            continue
        share = float(rule.w @ np.abs(residual) / (rule.w @ np.abs(row.rest)))
        if share > STANDS:
            why = " (resonance)" if _may_resonate(row) else ""
            sentence = (
                f"no solution was found: the residual of '{name}' stays at {share:.0%} of its"
                f" source; it is not resolved, or there is no solution{why}"
            )
            findings.append(Finding("no solution", sentence))
    return findings


def _may_resonate(row: Affine) -> bool:
    """Whether an equation holds values beside derivatives."""
    orders = {jet.order for jet in row.slopes}
    return 0 in orders and len(orders) > 1


def _zero_data(problem: Problem) -> bool:
    """Whether nothing but sources drives a linear problem."""
    for condition in problem.conditions:
        if condition.data is not None:
            return False
        if isinstance(condition, BoundaryCondition):
            rule = problem.domain.part_quadrature(condition.part, ON_PART)
            row = affine(condition.node, rule.x, rule.normal)
            if row is None or row.rest.any():
                return False
    return True


def _trivial(problem: Problem, trial: AnyTrial) -> list[Finding]:
    """A solution that is zero though its data are not, or constant though it need not be."""
    if problem.regions or problem.config.fit is not None:
        return []
    x = problem.domain.quadrature(INSIDE).x
    values = trial.evaluate(_tensor(trial, x)).detach().double().numpy()
    largest = np.abs(values).max(axis=0)
    findings = []
    for number, name in enumerate(problem.unknowns):
        data = _largest_data(problem, number)
        if largest[number] < NOTHING * data:
            sentence = (
                f"{name} is zero everywhere, but its conditions ask for values up to {data:.3g}:"
                f" they are not met"
            )
            findings.append(Finding("zero solution", sentence))
    constant = (np.ptp(values, axis=0) <= SAME * largest).all()
    if not findings and constant and not problem.is_linear:
        level = ", ".join(
            f"{name} = {value:.4g}" for name, value in zip(problem.unknowns, values[0], strict=True)
        )
        sentence = (
            f"the solution is constant ({level}); the problem is nonlinear and may have another"
            f" one: give a start, or solutions: 2, or check that this one is meant"
        )
        findings.append(Finding(CONSTANT, sentence))
    return findings


def _largest_data(problem: Problem, unknown: int) -> float:
    """The largest value that a condition gives to an unknown by itself."""
    largest = 0.0
    for condition in problem.conditions:
        held = jets(condition.node)
        alone = len(held) == 1 and all(jet.unknown == unknown and not jet.order for jet in held)
        if not alone or not isinstance(condition, BoundaryCondition):
            continue
        rule = problem.domain.part_quadrature(condition.part, ON_PART)
        row = affine(condition.node, rule.x, rule.normal)
        if row is not None:
            (slope,) = row.slopes.values()
            largest = max(largest, float(np.abs(row.rest / slope).max()))
    return largest


def _tensor(trial: AnyTrial, x: Array) -> torch.Tensor:
    return torch.tensor(x).to(trial.scale.dtype)
