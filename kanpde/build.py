"""Config → objects: a problem, a trial solution, collocation points and their assembly."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde import shipped
from kanpde.adaptive import Supply
from kanpde.budget import check_budget
from kanpde.characteristics import characteristics
from kanpde.collocation import Collocation, Needs, collocate, samples
from kanpde.config import (
    Config,
    TrialConfig,
)
from kanpde.constants import Constants
from kanpde.energy import EnergyObjective, quadrature
from kanpde.errors import ConfigError
from kanpde.expressions import parse_expression
from kanpde.formulas import Formulas
from kanpde.lifting import lift
from kanpde.networks import KAN, MLP, Circles, Enriched, build_kan, build_mlp, build_nodes
from kanpde.networks.scaled import scale
from kanpde.periodic import wrap
from kanpde.problem import Problem
from kanpde.pursuit import source_directions
from kanpde.radial import multipoles, points_on_holes, radial_units
from kanpde.residual import Assembly, terms
from kanpde.trial import TrialSolution

_NONE = {
    "characteristic": "only a linear equation in two coordinates with constant coefficients of the highest order, and no"
    " elliptic one, has characteristic directions",
    "source": "only an equation in two coordinates whose source is a sum of few ridge functions has directions of its source",
}


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
    check_budget(config)
    problem = Problem.create(config.problem)
    dtype = dtype_of(config)
    lifting, conditions = lift(problem) if config.trial.lifting else (None, problem.conditions)
    wrapping, circles = None, None
    if config.trial.periodic:
        wrapping = wrap(problem, lifting)
        circles, conditions = wrapping.circles, tuple(c for c in conditions if c.kind != "periodic")
    left = replace(problem, conditions=conditions)
    lower, upper = (torch.tensor(side).to(dtype) for side in (problem.domain.lower, problem.domain.upper))
    network = enriched(build_network(config.trial, problem, config.seed, dtype, circles), config.trial, problem)
    unknown = config.problem.unknown_parameters.values()
    constants = Constants([one.start for one in unknown], [one.positive for one in unknown], dtype)
    trial = TrialSolution(network, lower, upper, lifting, config.trial.derivatives, constants, wrapping)
    if problem.energy is not None:
        points = quadrature(left, config.sampler, dtype)
        return Parts(problem, trial, points, EnergyObjective(left, points, config.weights, trial))
    if problem.data is not None:
        points = samples(problem.data[0], dtype)
        return Parts(problem, trial, points, Assembly(terms(left, points, config.weights), trial))
    averaged = any(condition.kind == "mean" for condition in left.conditions)
    needs = Needs(circles.axes if circles else (), points_on_holes(config.trial, problem))
    points = collocate(problem.domain, left.parts, config.sampler, config.seed, dtype, averaged, needs)
    time = None if config.problem.time is None else problem.coordinates.index("t")
    supply = Supply(problem.domain, config.seed, time)
    return Parts(problem, trial, points, Assembly(terms(left, points, config.weights), trial), supply)


def dtype_of(config: Config) -> torch.dtype:
    """The number format of a config."""
    return {"float64": torch.float64, "float32": torch.float32}[config.dtype]


def build_network(
    trial: TrialConfig, problem: Problem, seed: int, dtype: torch.dtype, circles: Circles | None = None
) -> KAN | MLP:
    """The network of a trial config, of points on `circles` if given; a KAN of too low a degree is refused with the reason."""
    generator = torch.Generator().manual_seed(seed)
    shape = [circles.inputs if circles else problem.domain.dimension, *trial.width, len(problem.outputs)]
    if trial.kind == "mlp":
        return build_mlp(shape, trial.activation, trial.start, trial.scale, generator, dtype)
    check_degree(trial, problem)
    radial, chosen = radial_units(trial, problem, generator), None if circles else _chosen(trial, problem)
    base = trial.base == "silu"
    clamped = trial.ends == "clamped"
    sizes, start = (trial.degree, trial.intervals), "paper" if trial.start == "scaled" else trial.start
    if trial.on == "nodes":
        functions = list(zip(trial.bases, *sizes, strict=True))
        kan = build_nodes(shape, functions, start, base, generator, dtype, chosen)
    else:
        kan = build_kan(shape, *sizes, start, base, generator, dtype, radial, chosen, clamped, trial.bases)
    if trial.start == "scaled":
        scale(kan, 1 / (1 + trial.margin), generator)
    if trial.start == "ridge" and len(shape) > 2:
        if circles:
            circles.fill(kan)
        kan.shrink_lines(1 + trial.margin, len(radial))
    return kan


def enriched(network: KAN | MLP, trial: TrialConfig, problem: Problem) -> KAN | MLP | Enriched:
    """The network with the functions of `trial.functions` and the `trial.multipoles` beside it, if there are any."""
    about = multipoles(trial, problem)
    if not (trial.functions or about):
        return network
    scope = replace(Formulas.of(problem.config).scope, unknowns=())
    functions = [
        parse_expression(text, replace(scope, where=f"trial.functions[{k}]")) for k, text in enumerate(trial.functions)
    ]
    lower, upper = (torch.tensor(side).to(network.outer) for side in (problem.domain.lower, problem.domain.upper))
    return Enriched(network, functions, lower, upper, about)


def _chosen(trial: TrialConfig, problem: Problem) -> Tensor:
    """The directions of the first units in the network's coordinates, (n, d); the others are even."""
    found = trial.directions
    if trial.start == "ridge" and trial.width and isinstance(found, str) and found != "even":
        found = (characteristics if found == "characteristic" else source_directions)(problem)
        if not found:
            raise ConfigError(f"trial.directions: {_NONE[str(trial.directions)]}; '{problem.name}' has none, use even")
        if trial.width and len(found) > trial.width[0]:
            raise ConfigError(
                f"trial.directions: '{problem.name}' has {len(found)} {trial.directions} directions; raise trial.width"
            )
    half = (problem.domain.upper - problem.domain.lower) / 2
    vectors = [] if isinstance(found, str) else [np.array(vector) * half for vector in found]
    return torch.tensor(np.array(vectors).reshape(-1, len(half)))


def check_degree(trial: TrialConfig, problem: Problem) -> None:
    """ConfigError when a KAN's splines have too few continuous derivatives for the problem; other bases have all."""
    splines = [degree for degree, basis in zip(trial.degree, trial.bases, strict=True) if basis == "bspline"]
    order = problem.order
    lowest = min(splines, default=order + 1)
    if lowest < order + 1:
        raise ConfigError(
            f"trial.degree: problem '{problem.name}' takes {order} derivatives and its residual must be continuous, but a"
            f" degree-{lowest} spline has only {lowest - 1} continuous ones; use degree ≥ {order + 1} (≥ {order + 4} for accuracy)"
        )


def make_problem(name: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The problem node that `problem(**parameters)` of problems/NAME.py returns; ConfigError if it has no such function."""
    path = shipped.problem_python(name)
    spec = importlib.util.spec_from_file_location(f"kanpde_problem_{name}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"problems/{name}.py: cannot be loaded as a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function = getattr(module, "problem", None)
    if not callable(function):
        raise ConfigError(f"problems/{name}.py: needs a function problem(**parameters) that returns a problem node")
    try:
        node = function(**parameters)
    except TypeError as error:
        raise ConfigError(f"problems/{name}.py: {error}") from error
    if not isinstance(node, Mapping):
        raise ConfigError(f"problems/{name}.py: problem() must return a mapping, found {type(node).__name__}")
    return node
