"""How many parameters and how much memory a config asks for, before anything is built."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from kanpde.config import (
    Config,
    ExtendGrid,
    OptimizerStage,
    ProblemConfig,
    Sizes,
    TrialConfig,
    added_points,
)
from kanpde.errors import BudgetError

MOST_PARAMETERS = 20_000_000
"""Trained numbers of one trial solution."""

MOST_BYTES = 12 << 30
"""Memory that one step may take."""


def parameter_count(trial: TrialConfig, inputs: int, unknowns: int) -> int:
    """P of a trial config, without building it."""
    shape = [inputs, *trial.width, unknowns]
    edges = [a * b for a, b in pairwise(shape)]
    added = len(trial.functions) * unknowns
    if trial.kind == "mlp":
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
    needed = working_bytes(config, rows, *sizes)
    if needed > MOST_BYTES:
        matrices = [stage.traits.matrix for stage in _optimizer_stages(config)]
        wide = any(matrix is not None and matrix.wide == "parameters" for matrix in matrices)
        instead = ", or take gauss_newton_cg or lbfgs, which hold no such matrix" if wide else ""
        raise BudgetError(
            f"this run would take about {needed / 2**30:.0f} GiB for {rows} rows and {count}"
            f" parameters, more than"
            f" {MOST_BYTES / 2**30:.0f} GiB; lower sampler.interior, sampler.boundary, trial.width"
            f" or trial.intervals{instead}"
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
    """A rough upper bound of the memory of one step, in bytes.

    Which matrix an optimizer holds, and how often, stands in the table of optimizers. A gradient
    step holds about twelve numbers per edge (unit of an MLP) and point.
    """
    shape, trial = [inputs, *config.trial.width, unknowns], config.trial
    number = 8 if config.dtype == "float64" else 4
    for stage in config.schedule:
        if isinstance(stage, ExtendGrid):
            finest = (
                stage.intervals
                if isinstance(stage.intervals, tuple)
                else (stage.intervals,) * trial.layers
            )
            trial = replace(trial, intervals=finest)
    outer = (
        shape[-2]
        * (trial.intervals[-1] + trial.degree[-1] if trial.kind == "kan" else 1)
        * unknowns
    )
    edges = max(a * b for a, b in pairwise(shape)) if trial.kind == "kan" else sum(shape)
    if any(basis != "bspline" for basis in trial.bases):
        edges *= max(
            g + p for g, p in zip(trial.intervals, trial.degree, strict=True)
        )  # all functions at every point
    count, gradient = parameter_count(trial, inputs, unknowns), 12 * rows * edges
    most, sizes = 16 * rows * inputs, Sizes(rows, outer, count)
    for stage in _optimizer_stages(config):
        matrix = stage.traits.matrix
        dense = 0 if matrix is None else matrix.numbers(sizes)
        most = max(most, dense + stage.traits.gradients * gradient)
    return most * number


def _optimizer_stages(config: Config) -> list[OptimizerStage]:
    return [stage for stage in config.schedule if isinstance(stage, OptimizerStage)]
