"""Config → objects: a problem, a trial solution, collocation points and their assembly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from kanpde.ansatz.lifting import lift
from kanpde.ansatz.network import build_network, enriched
from kanpde.ansatz.periodic import wrap
from kanpde.ansatz.radial_units import points_on_holes
from kanpde.assembly.collocation import Collocation, Needs, collocate, samples
from kanpde.assembly.energy import EnergyObjective, quadrature
from kanpde.assembly.residual import Assembly, terms
from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.problem.conditions import MeanCondition, PeriodicCondition
from kanpde.problem.problem import Problem
from kanpde.solver.adaptive import Supply
from kanpde.solver.budget import check_budget
from kanpde.trial.constants import Constants
from kanpde.trial.solution import TrialSolution


@dataclass(frozen=True)
class Parts:
    """Everything a solve needs, built from one config."""

    problem: Problem
    trial: TrialSolution
    points: Collocation
    assembly: Assembly | EnergyObjective
    supply: Supply | None = None


def build(config: Config) -> Parts:
    """Build everything; ConfigError or BudgetError name the key to change."""
    check(config)  # for a config that was changed in Python and not validated again
    check_budget(config)
    problem = Problem.create(config.problem)
    dtype = dtype_of(config)
    lifting, conditions = lift(problem) if config.trial.lifting else (None, problem.conditions)
    wrapping, circles = None, None
    if config.trial.periodic:
        wrapping = wrap(problem, lifting)
        circles, conditions = (
            wrapping.circles,
            tuple(c for c in conditions if not isinstance(c, PeriodicCondition)),
        )
    left = replace(problem, conditions=conditions)
    lower, upper = (
        torch.tensor(side).to(dtype) for side in (problem.domain.lower, problem.domain.upper)
    )
    network = enriched(
        build_network(config.trial, problem, config.seed, dtype, circles), config.trial, problem
    )
    unknown = config.problem.unknown_parameters.values()
    constants = Constants([one.start for one in unknown], [one.positive for one in unknown], dtype)
    trial = TrialSolution(
        network, lower, upper, lifting, config.trial.derivatives, constants, wrapping
    )
    if problem.energy is not None:
        points = quadrature(left, config.sampler, dtype)
        return Parts(problem, trial, points, EnergyObjective(left, points, config.weights, trial))
    if problem.data is not None:
        points = samples(problem.data[0], dtype)
        return Parts(problem, trial, points, Assembly(terms(left, points, config.weights), trial))
    averaged = any(isinstance(condition, MeanCondition) for condition in left.conditions)
    needs = Needs(circles.axes if circles else (), points_on_holes(config.trial, problem))
    points = collocate(
        problem.domain, left.parts, config.sampler, config.seed, dtype, averaged, needs
    )
    time = None if config.problem.time is None else problem.coordinates.index("t")
    supply = Supply(problem.domain, config.seed, time)
    return Parts(
        problem, trial, points, Assembly(terms(left, points, config.weights), trial), supply
    )


def dtype_of(config: Config) -> torch.dtype:
    """The number format of a config."""
    return {"float64": torch.float64, "float32": torch.float32}[config.dtype]
