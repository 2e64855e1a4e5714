"""What a nonlinear solve begins with: the unknowns as functions of the coordinates.

Every way to solve takes the same thing, values at points, and makes its own trial solution of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch

from kanpde.config.problem.gridded_fields import Grid
from kanpde.config.solve.starts import StartConfig
from kanpde.errors import ConfigError
from kanpde.expressions import Node, jets, parse_expression
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.quadrature import Array
from kanpde.problem.formulas import Formulas
from kanpde.problem.problem import Problem

Start = Callable[[Array], Array]
"""The unknowns (N, m) at points (N, d)."""


def stated(problem: Problem, starts: Mapping[str, StartConfig], runs: Mapping[str, Start]) -> Start:
    """The start that a file states; unknowns without one begin at zero.

    Args:
        problem: what is solved.
        starts: what each unknown begins with.
        runs: a single unknown (N, 1) by name, where that is of a run.

    Raises:
        ConfigError: a formula is none of the coordinates, now, or has no value at a point, later.
    """
    nodes = {name: _node(problem, name, each) for name, each in starts.items() if each.run is None}

    def values(x: Array) -> Array:
        columns = np.zeros((len(x), len(problem.unknowns)))
        for column, name in zip(columns.T, problem.unknowns, strict=True):
            if name in runs:
                column[:] = runs[name](x)[:, 0]
            elif name in nodes:
                column[:] = evaluate([nodes[name]], torch.tensor(x))[0].numpy()
                if not np.isfinite(column).all():
                    at = x[~np.isfinite(column)][0].tolist()
                    raise ConfigError(f"start.{name}: has no finite value at {at}; change it")
        return columns

    return values


def _node(problem: Problem, name: str, start: StartConfig) -> Node:
    """A formula of the coordinates alone."""
    scope, where = Formulas.of_one(problem.config).scope, f"start.{name}"
    if start.table is not None:
        grids: Mapping[str, Grid] = {"table": start.table}
        scope = replace(scope, grids=grids, definitions={}, parameters={})
        return parse_expression("table", replace(scope, where=where))
    assert start.formula is not None
    node = parse_expression(start.formula, replace(scope, where=where))
    if jets(node):
        raise ConfigError(
            f"{where}: must be a formula of the coordinates, found unknowns in"
            f" {start.formula[:60]!r}; write it without them"
        )
    return node
