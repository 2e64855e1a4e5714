"""Config → objects: a problem, a trial solution, collocation points and their assembly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from kanpde.ansatz.lifting import lift
from kanpde.ansatz.network import build_network, enriched
from kanpde.ansatz.periodic import wrap
from kanpde.ansatz.projection_pursuit import source_centers, source_directions
from kanpde.ansatz.radial_units import points_on_holes
from kanpde.assembly.collocation import Collocation, Needs, collocate, samples
from kanpde.assembly.energy import EnergyObjective, quadrature
from kanpde.assembly.objective import Objective
from kanpde.assembly.own_points import with_own_points
from kanpde.assembly.residual import Assembly, terms
from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.errors import ConfigError
from kanpde.problem.conditions import MeanCondition, PeriodicCondition
from kanpde.problem.problem import Problem
from kanpde.solver.adaptive import PointSource
from kanpde.solver.budget import check_budget
from kanpde.trial.constants import Constants
from kanpde.trial.networks import Circles, Own
from kanpde.trial.solution import TrialSolution


@dataclass(frozen=True)
class Parts:
    """Everything a solve needs, built from one config."""

    problem: Problem
    trial: TrialSolution
    points: Collocation
    assembly: Objective
    source: PointSource | None = None


def build(config: Config, problem: Problem | None = None, module: nn.Module | None = None) -> Parts:
    """Build everything, on the `problem` of the config where that is made already, and with the
    `module` where the trial solution is one of the user's own; ConfigError or BudgetError name the
    key to change.
    """
    check(config)  # for a config that was changed in Python and not validated again
    check_budget(config)
    problem = Problem.create(config.problem) if problem is None else problem
    trial, posed = _trial(config, problem, module)
    dtype = dtype_of(config)
    if problem.energy is not None:
        points = quadrature(posed, config.sampler, dtype)
        energy = EnergyObjective(posed, points, config.weights, trial)
        return Parts(problem, trial, points, energy)
    if problem.data is not None:
        points = samples(problem.data[0], dtype)
        return Parts(problem, trial, points, Assembly(terms(posed, points, config.weights), trial))
    circles = trial.wrapping.circles if trial.wrapping else None
    points = _collocation(config, posed, circles)
    time = None if config.problem.time is None else problem.coordinates.index("t")
    source = PointSource(problem.domain, config.seed, time)
    assembly = Assembly(terms(posed, points, config.weights), trial)
    return Parts(problem, trial, points, assembly, source)


def with_directions(config: Config, problem: Problem) -> Config:
    """The config with the directions and the centre of the source of its `problem` written out, so
    that they are searched for once.

    A search for a tolerance sets both itself.
    """
    trial = config.trial
    if trial.start != "ridge" or not trial.width or config.tolerance is not None:
        return config
    directions = source_directions(problem) if trial.directions == "source" else ()
    centers = source_centers(problem) if trial.centers == "source" else ()
    trial = replace(
        trial, directions=directions or trial.directions, centers=centers or trial.centers
    )
    return replace(config, trial=trial)


def dtype_of(config: Config) -> torch.dtype:
    """The number format of a config."""
    return {"float64": torch.float64, "float32": torch.float32}[config.dtype]


def _trial(
    config: Config, problem: Problem, module: nn.Module | None
) -> tuple[TrialSolution, Problem]:
    """The trial solution, and the problem with the conditions that it does not meet by
    construction.
    """
    dtype = dtype_of(config)
    lifting, conditions = lift(problem) if config.trial.lifting else (None, problem.conditions)
    wrapping = wrap(problem, lifting) if config.trial.periodic else None
    circles = wrapping.circles if wrapping else None
    if wrapping is not None:
        conditions = tuple(c for c in conditions if not isinstance(c, PeriodicCondition))
    lower, upper = (
        torch.tensor(side).to(dtype) for side in (problem.domain.lower, problem.domain.upper)
    )
    network: nn.Module
    if config.trial.kind == "module":
        network = _own(module, problem, circles, dtype)
    else:
        built = build_network(config.trial, problem, config.seed, dtype, circles)
        network = enriched(built, config.trial, problem)
    unknown = config.problem.unknown_parameters.values()
    constants = Constants(
        [parameter.start for parameter in unknown],
        [parameter.positive for parameter in unknown],
        dtype,
    )
    trial = TrialSolution(
        network, lower, upper, lifting, config.trial.derivatives, constants, wrapping
    )
    return trial, replace(problem, conditions=conditions)


def _own(
    module: nn.Module | None, problem: Problem, circles: Circles | None, dtype: torch.dtype
) -> Own:
    """The user's module as a network."""
    if module is None:
        raise ConfigError(
            "trial.kind: a module of your own comes from Python: kanpde.solve(problem,"
            " module=net), kanpde.load(run, module=net)"
        )
    inputs = circles.inputs if circles else problem.domain.dimension
    return Own(module, inputs, len(problem.outputs), dtype)


def _collocation(config: Config, problem: Problem, circles: Circles | None) -> Collocation:
    """The points of equations and conditions, where no table and no energy gives them."""
    averaged = any(isinstance(condition, MeanCondition) for condition in problem.conditions)
    directions = config.trial.directions
    needs = Needs(
        circles.axes if circles else (),
        points_on_holes(config.trial, problem),
        () if isinstance(directions, str) else directions,
    )
    sampled = collocate(
        problem.domain,
        problem.parts,
        config.sampler,
        config.seed,
        dtype_of(config),
        averaged,
        needs,
    )
    return with_own_points(sampled, config.sampler.points, problem.domain, dtype_of(config))
