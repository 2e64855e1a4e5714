"""Config → objects: a problem, a trial solution, collocation points and their assembly."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde import shipped
from kanpde.adaptive import Supply
from kanpde.characteristics import characteristics
from kanpde.collocation import Collocation, collocate, samples
from kanpde.config import (
    CombinedShape,
    Config,
    DiskShape,
    ExtendGrid,
    OptimizerStage,
    ProblemConfig,
    RegionsShape,
    Shape,
    TrialConfig,
    added_points,
)
from kanpde.constants import Constants
from kanpde.domains import MeshDomain, Planar
from kanpde.energy import EnergyObjective, quadrature
from kanpde.errors import BudgetError, ConfigError
from kanpde.expressions import parse_expression
from kanpde.formulas import Formulas
from kanpde.lifting import lift
from kanpde.networks import KAN, MLP, Enriched, Radial, build_kan, build_mlp, build_nodes
from kanpde.networks.scaled import scale
from kanpde.problem import Problem
from kanpde.pursuit import source_centers, source_directions
from kanpde.residual import Assembly, terms
from kanpde.trial import TrialSolution

MOST_PARAMETERS = 20_000_000
"""Trained numbers of one trial solution."""

MOST_BYTES = 12 << 30
"""Memory that one step may take."""

_NONE = {
    "characteristic": "only a linear equation in two coordinates with constant coefficients of the highest order, and no"
    " elliptic one, has characteristic directions",
    "source": "only an equation in two coordinates whose source is a sum of few ridge functions has directions of its source",
}
_MATRICES = ("variable_projection", "levenberg_marquardt", "broyden")


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
    left = replace(problem, conditions=conditions)
    lower, upper = (torch.tensor(side).to(dtype) for side in (problem.domain.lower, problem.domain.upper))
    network = enriched(build_network(config.trial, problem, config.seed, dtype), config.trial, problem)
    unknown = config.problem.unknown_parameters.values()
    constants = Constants([one.start for one in unknown], [one.positive for one in unknown], dtype)
    trial = TrialSolution(network, lower, upper, lifting, config.trial.derivatives, constants)
    if problem.energy is not None:
        points = quadrature(left, config.sampler, dtype)
        return Parts(problem, trial, points, EnergyObjective(left, points, config.weights, trial))
    if problem.data is not None:
        points = samples(problem.data[0], dtype)
        return Parts(problem, trial, points, Assembly(terms(left, points, config.weights), trial))
    averaged = any(condition.kind == "mean" for condition in left.conditions)
    points = collocate(problem.domain, left.parts, config.sampler, config.seed, dtype, averaged)
    time = None if config.problem.time is None else problem.coordinates.index("t")
    supply = Supply(problem.domain, config.seed, time)
    return Parts(problem, trial, points, Assembly(terms(left, points, config.weights), trial), supply)


def dtype_of(config: Config) -> torch.dtype:
    """The number format of a config."""
    return {"float64": torch.float64, "float32": torch.float32}[config.dtype]


def build_network(trial: TrialConfig, problem: Problem, seed: int, dtype: torch.dtype) -> KAN | MLP:
    """The network of a trial config; a KAN of too low a degree is refused with the reason."""
    generator = torch.Generator().manual_seed(seed)
    shape = [problem.domain.dimension, *trial.width, len(problem.outputs)]
    if trial.kind == "mlp":
        return build_mlp(shape, trial.activation, trial.start, trial.scale, generator, dtype)
    check_degree(trial, problem)
    radial, chosen = _radial_units(trial, problem, generator), _chosen(trial, problem)
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
        kan.shrink_lines(1 + trial.margin, len(radial))
    return kan


def enriched(network: KAN | MLP, trial: TrialConfig, problem: Problem) -> KAN | MLP | Enriched:
    """The network with the functions of `trial.functions` beside it, if there are any."""
    if not trial.functions:
        return network
    scope = replace(Formulas.of(problem.config).scope, unknowns=())
    functions = [
        parse_expression(text, replace(scope, where=f"trial.functions[{k}]")) for k, text in enumerate(trial.functions)
    ]
    lower, upper = (torch.tensor(side).to(network.outer) for side in (problem.domain.lower, problem.domain.upper))
    return Enriched(network, functions, lower, upper)


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


def _radial_units(trial: TrialConfig, problem: Problem, generator: torch.Generator) -> list[Radial]:
    """`trial.radial` units per round hole, their centres on a circle of half its radius, turned at random; and the `centers`."""
    holes = round_holes(problem)
    if trial.radial == 0 or problem.config.time is not None:
        holes = []
    units = []
    for hole in holes:
        turn = float(torch.rand(1, generator=generator, dtype=torch.float64))
        for k in range(trial.radial):
            angle = 2 * math.pi * (k + turn) / trial.radial
            offset = 0.5 * hole.radius if trial.radial > 1 else 0.0
            centre = np.array(hole.center) + offset * np.array([math.cos(angle), math.sin(angle)])
            units.append(_radial(problem, centre, (hole.radius - offset) ** 2))
    width = trial.width[0] if trial.width else 0
    if units and len(units) >= width:
        raise ConfigError(
            f"trial.radial: {trial.radial} units for each of {len(holes)} holes leave none of {width} hidden units;"
            " lower trial.radial or raise trial.width"
        )
    if trial.start != "ridge" or not trial.width or trial.centers == "none":
        return units
    centers = source_centers(problem) if isinstance(trial.centers, str) else trial.centers
    if not centers:
        raise ConfigError(f"trial.centers: the source of '{problem.name}' is not radial about a point; use none")
    if len(units) + len(centers) > width:
        raise ConfigError(f"trial.centers: {len(centers)} do not fit into {width} hidden units; raise trial.width")
    return units + [_radial(problem, np.array(centre), _gap(problem, np.array(centre)) ** 2) for centre in centers]


def _gap(problem: Problem, point: np.ndarray[Any, Any]) -> float:
    """At most the distance of a point to the domain, where that is known; a unit about it has a geometric grid then."""
    domain = problem.domain
    return max(0.0, float(domain.region.level(point[None])[0])) if isinstance(domain, Planar) else 0.0


def _radial(problem: Problem, centre: np.ndarray[Any, Any], low: float) -> Radial:
    """The squared distance to a point: in the network's coordinates s = (x - middle) / half it is Σ half² (s - centre)²."""
    lower, upper = problem.domain.lower, problem.domain.upper
    middle, half = (lower + upper) / 2, (upper - lower) / 2
    far = np.maximum(abs(centre - lower), abs(upper - centre))
    return Radial(tuple(((centre - middle) / half).tolist()), tuple((half**2).tolist()), low, float((far**2).sum()))


def round_holes(problem: Problem) -> list[DiskShape]:
    """The disks that a plane shape or any region is cut by, or the circles that the holes of a mesh resemble."""
    shape = problem.config.domain
    if isinstance(problem.domain, MeshDomain):
        return [DiskShape((float(c[0]), float(c[1])), radius) for c, radius in problem.domain.round_holes()]
    return [hole for one in (shape.shapes if isinstance(shape, RegionsShape) else (shape,)) for hole in _cut(one)]


def _cut(shape: Shape) -> list[DiskShape]:
    if not isinstance(shape, CombinedShape) or shape.operation != "difference":
        return []
    return [operand for operand in shape.operands[1:] if isinstance(operand, DiskShape)]


def parameter_count(trial: TrialConfig, coordinates: int, unknowns: int) -> int:
    """P of a trial config, without building it."""
    shape = [coordinates, *trial.width, unknowns]
    edges = [a * b for a, b in pairwise(shape)]
    added = len(trial.functions) * unknowns
    if trial.kind == "mlp":
        return sum(edges) + sum(shape[1:]) + added
    base = 1 if trial.base == "silu" else 0
    if trial.on == "nodes":
        added += sum(edges[:-1]) + sum(trial.width)
        edges = [*trial.width[:-1], edges[-1]]
    return added + sum(e * (g + p + base) for e, g, p in zip(edges, trial.intervals, trial.degree, strict=True))


def check_budget(config: Config) -> None:
    """Refuse what cannot fit, before any work is done; BudgetError says how much it is and which keys to lower."""
    sizes = len(config.problem.coordinates), config.problem.outputs
    count = parameter_count(config.trial, *sizes)
    if count > MOST_PARAMETERS:
        raise BudgetError(
            f"trial: {count} parameters are more than {MOST_PARAMETERS}; lower trial.width, trial.intervals or trial.degree"
        )
    rows = _most_rows(config)
    needed = working_bytes(config, rows, *sizes)
    if needed > MOST_BYTES:
        stages = {stage.optimizer for stage in config.schedule if isinstance(stage, OptimizerStage)}
        instead = ", or take gauss_newton_cg or lbfgs, which hold no such matrix" if stages & set(_MATRICES) else ""
        raise BudgetError(
            f"this run would take about {needed / 2**30:.0f} GiB for {rows} rows and {count} parameters, more than"
            f" {MOST_BYTES / 2**30:.0f} GiB; lower sampler.interior, sampler.boundary, trial.width or trial.intervals{instead}"
        )


def _most_rows(config: Config) -> int:
    """About how many residual rows a run has."""
    if config.problem.fit is not None and config.problem.fit.train is not None:
        return len(config.problem.fit.train) * len(config.problem.unknowns)
    interior = config.sampler.interior + added_points(config.schedule)
    return interior * _rows_per_point(config.problem) + config.sampler.boundary


def _rows_per_point(problem: ProblemConfig) -> int:
    """One per equation; an energy has one for every unknown and first derivative."""
    return len(problem.equations) or len(problem.unknowns) * (1 + len(problem.coordinates))


def working_bytes(config: Config, rows: int, coordinates: int, unknowns: int) -> int:
    """A rough upper bound of the memory of one step, in bytes.

    A least-squares solve holds its matrix three times (rows × outer parameters), variable projection and Levenberg-Marquardt
    hold the Jacobian of all parameters four times, Broyden the inverse Hessian three times; a gradient step holds about twelve
    numbers per edge (unit of an MLP) and point, one that is itself differentiated three times as many.
    """
    shape, trial = [coordinates, *config.trial.width, unknowns], config.trial
    number = 8 if config.dtype == "float64" else 4
    for stage in config.schedule:
        if isinstance(stage, ExtendGrid):
            finest = stage.intervals if isinstance(stage.intervals, tuple) else (stage.intervals,) * trial.layers
            trial = replace(trial, intervals=finest)
    outer = shape[-2] * (trial.intervals[-1] + trial.degree[-1] if trial.kind == "kan" else 1) * unknowns
    edges = max(a * b for a, b in pairwise(shape)) if trial.kind == "kan" else sum(shape)
    if any(basis != "bspline" for basis in trial.bases):
        edges *= max(g + p for g, p in zip(trial.intervals, trial.degree, strict=True))  # all functions at every point
    count, gradient = parameter_count(trial, coordinates, unknowns), 12 * rows * edges
    takes = {
        "least_squares": 3 * (rows + outer) * outer,
        "variable_projection": 4 * (rows + outer) * count,
        "levenberg_marquardt": 4 * (rows + count) * count,
        "broyden": 3 * count**2 + gradient,
        "gauss_newton_cg": 3 * gradient,
    }
    stages = [stage.optimizer for stage in config.schedule if isinstance(stage, OptimizerStage)]
    return max([16 * rows * coordinates, *(takes.get(stage, gradient) for stage in stages)]) * number


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
