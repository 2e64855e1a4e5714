"""A formula beside the data of a regression: root mean square misfits, which prove nothing.

    RMSE² = 1/N Σ (u(x_k) - y_k)²

The rows are those of the table fitted to, and of its test; of a regression from a formula they are
values of that formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kanpde.expressions import jets
from kanpde.numerics.quadrature import Array
from kanpde.problem.problem import Problem
from kanpde.symbolic.search.models import values
from kanpde.symbolic.verify.translate import translate
from kanpde.symbolic.verify.verify import Check, Verdict


class DataSet(NamedTuple):
    """What is fitted to: a name for messages, inputs (N, d) and values (N, m)."""

    name: str
    inputs: Array
    values: Array


def sets(problem: Problem, x: Sequence[Any], points: Array) -> list[DataSet]:
    """The rows fitted to, and those of the test.

    Args:
        problem: a regression.
        x: its coordinates as symbols.
        points: (M, d), where values are taken if a formula gives them.
    """
    if problem.data is not None:
        inputs, outputs, test_inputs, test_outputs = problem.data
        rows = [DataSet(f"the {len(inputs)} rows", inputs, outputs)]
        if test_inputs is not None and test_outputs is not None:
            name = f"the {len(test_inputs)} rows of the test"
            rows.append(DataSet(name, test_inputs, test_outputs))
        return rows
    at = dict(zip(x, points.T, strict=True))
    zeros = [0] * len(problem.unknowns)
    y = np.zeros((len(points), len(problem.unknowns)))
    for node in problem.equations:  # u - f(x) = 0
        unknowns = {jet.unknown for jet in jets(node)}
        y[:, min(unknowns)] = -values(translate(node, x, zeros), at)
    return [DataSet(f"{len(points)} values", points, y)]


def checks(
    rows: Sequence[DataSet],
    x: Sequence[Any],
    expressions: Sequence[Any],
    names: Sequence[str],
) -> tuple[Check, ...]:
    """A Check per unknown and set of rows, with the root mean square misfit as its residual.

    `expressions` are the formulas of the unknowns `names` in the symbols `x`.
    """
    results = []
    for data in rows:
        at = dict(zip(x, data.inputs.T, strict=True))
        for k, (name, expression) in enumerate(zip(names, expressions, strict=True)):
            with np.errstate(all="ignore"):
                apart = np.asarray(values(expression, at), float) - data.values[:, k]
            rmse = float(np.sqrt(np.mean(apart**2)))
            results.append(Check(f"{name} at {data.name}", Verdict.FITS, rmse))
    return tuple(results)
