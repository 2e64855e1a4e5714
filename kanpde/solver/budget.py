"""How many parameters and how much memory a config asks for, before anything is built.

With R rows, A derivatives of order up to k, and of a layer I inputs, O outputs and r functions that
are not zero at a point (p + 1 of a spline, all of another basis), the numbers that a step holds are

    features of the outer layer      R I (r (k + 2) + Σ|α|)   of a KAN, R A (I + 1) of an MLP
    a gradient                       2 R Σ_layers (I O (r + k + 1) + I r (k + 2))   of a KAN
                                     7 R A Σ hidden units      of an MLP
    the matrix of a step             copies × height × width, see the table of optimizers

Measured by `python -m scripts memory`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from kanpde.assembly.collocation import COUNT
from kanpde.assembly.outer_system import KEPT, POINTS
from kanpde.config import (
    Config,
    ExtendGrid,
    OptimizerStage,
    ProblemConfig,
    Sizes,
    TrialConfig,
    added_points,
)
from kanpde.config.solve.optimizers import Matrix
from kanpde.errors import BudgetError
from kanpde.expressions import jets
from kanpde.numerics.jets import JetSpace
from kanpde.optimizers.linear_algebra.householder import WIDTH, is_short
from kanpde.problem.formulas import Formulas
from kanpde.solver import memory

MOST_PARAMETERS = 20_000_000
"""Trained numbers of one trial solution."""

OF_KAN, OF_MLP = 2, 5
"""How often the features of a piece of points are held while they are made."""

MEASURED = 5
"""How often the jets of the inputs are held when a solution is measured."""

NARROW = 8
"""Numbers for each one of a matrix of splines along one coordinate: its place and its order too."""


def parameter_count(trial: TrialConfig, inputs: int, unknowns: int) -> int:
    """P of a trial config, without building it."""
    shape = [inputs, *trial.width, unknowns]
    edges = [a * b for a, b in pairwise(shape)]
    added = len(trial.functions) * unknowns
    if trial.kind in ("mlp", "module"):
        return sum(edges) + sum(shape[1:]) + added
    base = 1 if trial.base == "silu" else 0
    if trial.on == "nodes":
        added += sum(edges[:-1]) + sum(trial.width)
        edges = [*trial.width[:-1], edges[-1]]
    return added + sum(
        e * (g + p + base) for e, g, p in zip(edges, trial.intervals, trial.degree, strict=True)
    )


def check_budget(config: Config) -> None:
    """Refuse what cannot fit, before any work is done; BudgetError says how much it is and which
    keys to lower.
    """
    sizes = config.inputs, config.problem.outputs
    count = parameter_count(config.trial, *sizes)
    if count > MOST_PARAMETERS:
        raise BudgetError(
            f"trial: {count} parameters are more than {MOST_PARAMETERS}; lower trial.width,"
            f" trial.intervals or trial.degree"
        )
    rows = _most_rows(config)
    short = memory.shortage(working_bytes(config, rows, *sizes))
    if short is not None:
        matrices = [stage.traits.matrix for stage in _optimizer_stages(config)]
        wide = any(matrix is not None and matrix.wide == "parameters" for matrix in matrices)
        instead = ", or take gauss_newton_cg or lbfgs, which hold no such matrix" if wide else ""
        raise BudgetError(
            f"this run, for {rows} rows and {count} parameters, would take {short}; lower"
            f" sampler.interior, sampler.boundary, trial.width or trial.intervals, or raise"
            f" {memory.VARIABLE}{instead}"
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


def working_bytes(config: Config, rows: int, inputs: int, unknowns: int) -> int:
    """The memory of the largest step, in bytes."""
    trial, space = _finest(config), _derivatives(config.problem)
    shape = [inputs, *trial.width, unknowns]
    outer = unknowns * _columns(trial, shape)
    sizes = Sizes(rows, outer, parameter_count(trial, inputs, unknowns))
    # rows of several equations share the features of a point
    points = rows // max(1, _rows_per_point(config.problem))
    kept, gradient = _kept(trial, shape, space, points), points * _gradient(trial, shape, space)
    most = 16 * rows * inputs
    for stage in _optimizer_stages(config):
        matrix, dense = stage.traits.matrix, 0
        if stage.traits.outer_only:
            dense = kept + _least_squares(config, sizes, shape, trial)
        elif matrix is not None:
            dense = _dense(matrix, sizes) + (kept if stage.traits.needs_rows else 0)
        most = max(most, dense + stage.traits.gradients * gradient)
    return most * (8 if config.dtype == "float64" else 4) + report_bytes(config.problem)


def report_bytes(problem: ProblemConfig) -> int:
    """The memory of measuring a solution at points that were not trained on, which any solve does at
    its end: mostly jets of the inputs, whose numbers grow with the square of the coordinates.
    """
    dimension = len(problem.coordinates)
    points = COUNT.get(dimension, 20_000)
    jets_of_inputs = points * dimension * len(_derivatives(problem).indices)
    return memory.WORKING + MEASURED * 8 * jets_of_inputs


def check_report(problem: ProblemConfig) -> None:
    """BudgetError where even that does not fit, for solves that hold little beside it."""
    short = memory.shortage(report_bytes(problem))
    if short is not None:
        raise BudgetError(f"measuring a solution would take {short}; raise {memory.VARIABLE}")


def _dense(matrix: Matrix, sizes: Sizes) -> int:
    """Numbers of the copies of a matrix; one that is factored in panels is overwritten."""
    tall, wide = matrix.shape(sizes)
    return matrix.numbers(sizes) - (0 if is_short(tall, wide) else tall * wide)


def _finest(config: Config) -> TrialConfig:
    """The trial on the finest grid that its schedule makes."""
    trial = config.trial
    for stage in config.schedule:
        if isinstance(stage, ExtendGrid):
            given = stage.intervals
            finest = given if isinstance(given, tuple) else (given,) * trial.layers
            trial = replace(trial, intervals=finest)
    return trial


def _derivatives(problem: ProblemConfig) -> JetSpace:
    """The derivatives that the equations need at a point."""
    formulas, dimension = Formulas.of(problem), len(problem.coordinates)
    nodes = formulas.equations
    if formulas.energy is not None:  # it needs first derivatives, its equations second ones
        units = [tuple(int(i == k) for i in range(dimension)) for k in range(dimension)]
        return JetSpace.closure(units, dimension)
    indices = {jet.index for node in nodes for jet in jets(node)}
    return JetSpace.closure(indices, dimension)


def _columns(trial: TrialConfig, shape: list[int]) -> int:
    """Parameters of the outer layer for one unknown."""
    if trial.kind in ("mlp", "module"):
        return shape[-2] + 1
    return shape[-2] * (trial.intervals[-1] + trial.degree[-1] + (trial.base == "silu"))


def _functions(trial: TrialConfig, layer: int) -> int:
    """Functions of a layer that are not zero at a point, for each of its inputs."""
    if trial.bases[layer] != "bspline":
        return trial.intervals[layer] + trial.degree[layer]
    return trial.degree[layer] + 1 + (trial.base == "silu")


def _features(trial: TrialConfig, shape: list[int], space: JetSpace) -> int:
    """Numbers of the features of the outer layer at a point."""
    if trial.kind in ("mlp", "module"):
        return len(space.indices) * (shape[-2] + 1)
    factors = sum(sum(index) for index in space.indices)
    return shape[-2] * (_functions(trial, -1) * (space.order + 2) + factors)


def _gradient(trial: TrialConfig, shape: list[int], space: JetSpace) -> int:
    """Numbers at a point that a gradient by all parameters holds."""
    if trial.kind in ("mlp", "module"):
        return 7 * len(space.indices) * sum(shape[1:-1])
    total = 0
    for layer, (before, after) in enumerate(pairwise(shape)):
        functions = _functions(trial, min(layer, trial.layers - 1))
        total += before * after * (functions + space.order + 1)
        total += before * functions * (space.order + 2)
    return 2 * total


def _kept(trial: TrialConfig, shape: list[int], space: JetSpace, points: int) -> int:
    """Numbers of features that are kept between two uses, and of the piece at work."""
    features = counted = _features(trial, shape, space)
    pieces = OF_MLP
    if trial.kind == "kan":  # the factors of the chain rule are not counted there
        counted, pieces = shape[-2] * _functions(trial, -1) * (space.order + 2), OF_KAN
    return features * (min(points, KEPT // max(1, counted)) + pieces * min(points, POINTS))


def _least_squares(config: Config, sizes: Sizes, shape: list[int], trial: TrialConfig) -> int:
    """Numbers of one solve for the outer layer."""
    splines = trial.kind == "kan" and trial.bases[-1] == "bspline"
    if splines and len(shape) == 2 and config.inputs == 1:
        return NARROW * sizes.rows * _functions(trial, -1)
    height = sizes.rows + sizes.outer
    if not is_short(height, sizes.outer):
        return height * (sizes.outer + 3 * WIDTH)
    return 2 * height * sizes.outer


def _optimizer_stages(config: Config) -> list[OptimizerStage]:
    return [stage for stage in config.schedule if isinstance(stage, OptimizerStage)]
