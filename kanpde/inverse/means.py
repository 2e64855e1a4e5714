"""Unknown constants from conditions on means and integrals, by solves at constants.

    G_i(k) = mean of F_i(x, u(k), k) = 0,   k <- k - (∂G/∂k)^-1 G(k)

| problem | ∂G/∂k | steps |
|---|---|---|
| affine in the unknowns and the constants together | differences of 1 | one |
| any other | differences of a share, then Broyden's updates | until they are below the tolerance |

A step counts by what it changes u, relative to the size of u.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from kanpde.assembly.residual import Assembly
from kanpde.assembly.terms import Term
from kanpde.errors import NumericalError
from kanpde.expressions import constants, is_linear, jets, partial, substitute
from kanpde.expressions.simplify import ZERO
from kanpde.inverse.least_squares import Array
from kanpde.inverse.measured import with_constants
from kanpde.patches.integration import of_cells
from kanpde.problem.conditions import MeanCondition
from kanpde.problem.problem import Problem
from kanpde.results.numbers import MANY, panels
from kanpde.trial.patchwork import Patchwork
from kanpde.trial.piecewise import AnyTrial

SHARE = 0.01
"""Steps of differences as a share of a constant, or of 1."""

STEPS = 12
"""Most steps of Newton's method."""

SAMPLES = 1000


def is_affine(problem: Problem) -> bool:
    """Whether all formulas are affine in the unknowns and the constants together."""
    nodes = [*problem.equations, *(condition.node for condition in problem.conditions)]
    slopes = [partial(node, each) for node in nodes for each in constants(node)]
    if any(jets(slope) or constants(slope) for slope in slopes):
        return False
    at_zero = (substitute(node, dict.fromkeys(constants(node), ZERO)) for node in nodes)
    return all(map(is_linear, at_zero))


@dataclass(frozen=True)
class Means:
    """The averages G (q,) of a solution at constants (q,)."""

    problem: Problem
    conditions: tuple[MeanCondition, ...]

    def of(self, trial: AnyTrial, values: Array) -> Array:
        """G of a solution."""
        trial = with_constants(trial, values, [False] * len(values))
        terms = []
        for condition in self.conditions:
            x, w, normal = self._rule(condition, trial)
            terms.append(Term("mean", False, condition.node, x, normal, 1.0, average=w / w.sum()))
        with torch.no_grad():
            rows = Assembly(terms, trial).residuals(trial)
        return np.asarray(torch.cat(rows).double().numpy())

    def samples(self, trial: AnyTrial) -> Array:
        """u at points that are the same for all solutions, (N·m,)."""
        x = self.problem.domain.interior(SAMPLES, "sobol", np.random.default_rng(0)).x
        return np.asarray(trial.evaluate(torch.tensor(x)).double().numpy()).ravel()

    def _rule(
        self, condition: MeanCondition, trial: AnyTrial
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        domain = self.problem.domain
        if domain.dimension == 1 and condition.over is None:
            points = panels(float(domain.lower[0]), float(domain.upper[0]))
        elif domain.dimension > 1 and isinstance(trial, Patchwork):
            points, _ = of_cells(self.problem, trial, condition.over)
        else:
            points = condition.rule(domain, MANY)
        normal = None if points.normal is None else torch.tensor(points.normal)
        return torch.tensor(points.x), torch.tensor(points.w), normal


@dataclass(frozen=True)
class Found:
    """Constants (q,) with (∂G/∂k)^-1 (q, q) and what each changes u by, relative to its size, (q,)."""

    values: Array
    inverse: Array
    reach: Array
    solves: int

    def step(self, rest: Array) -> Array:
        """What G = `rest` (q,) leaves to change the constants by."""
        return np.asarray(-self.inverse @ rest)

    def effect(self, step: Array) -> float:
        """What a step (q,) changes u by, relative to its size."""
        return float(np.abs(step) @ self.reach)


Solve = Callable[[Array], AnyTrial]


def found(means: Means, solve: Solve, starts: Array, tolerance: float) -> Found:
    """The constants at which all means are 0; NumericalError where they do not say what these are."""
    values, affine = starts, is_affine(means.problem)
    first = solve(values)
    rest, u = means.of(first, values), means.samples(first)
    columns, changes = [], []
    for number in range(len(values)):
        step = np.zeros(len(values))
        step[number] = 1.0 if affine else SHARE * max(1.0, abs(values[number]))
        trial = solve(values + step)
        columns.append((means.of(trial, values + step) - rest) / step[number])
        changes.append((means.samples(trial) - u) / step[number])
    jacobian = np.array(columns).T
    solves = 1 + len(values)
    for _ in range(1 if affine else STEPS):
        known = _known(means.problem, values, jacobian, changes, u, solves)
        step = known.step(rest)
        values = values + step
        u = u + np.array(changes).T @ step
        if affine or known.effect(step) <= tolerance:
            break
        trial = solve(values)
        solves += 1
        there, u = means.of(trial, values), means.samples(trial)
        jacobian = jacobian + np.outer(there, step) / (
            step @ step
        )  # Broyden: J step = there - rest
        rest = there
    return _known(means.problem, values, jacobian, changes, u, solves)


def _known(
    problem: Problem, values: Array, jacobian: Array, changes: list[Array], u: Array, solves: int
) -> Found:
    try:
        inverse: Array = np.asarray(np.linalg.inv(jacobian), dtype=np.float64)
    except np.linalg.LinAlgError:
        inverse = np.full_like(jacobian, np.inf)
    if not np.isfinite(inverse).all() or np.linalg.cond(jacobian) > 1e12:
        names = ", ".join(problem.constants)
        raise NumericalError(
            f"problem '{problem.name}': its means and integrals do not say what {names} is; give a"
            f" condition that depends on it"
        )
    size = float(np.linalg.norm(u)) or 1.0
    reach = np.sqrt(np.square(np.array(changes)).sum(axis=1)) / size
    return Found(values, inverse, reach, solves)
