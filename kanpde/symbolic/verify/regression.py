"""A formula beside the data of a regression: root mean square misfits, which are no proof of
anything.

    RMSE² = 1/N Σ (u(x_k) - y_k)²

The rows are those of the table fitted to, and of its test; of a regression from a formula they are
values of that formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kanpde.expressions import Node, jets
from kanpde.numerics.quadrature import Array
from kanpde.problem.problem import Problem
from kanpde.symbolic.search.models import values
from kanpde.symbolic.verify.translate import translate
from kanpde.symbolic.verify.verify import Check, Verdict


def sets(problem: Problem, x: Sequence[Any], points: Array) -> list[tuple[str, Array, Array]]:
    """What is fitted to: its name, inputs (N, d) and values (N, m); `points` (M, d) are those where
    a formula gives the values.
    """
    if problem.data is not None:
        inputs, outputs, test_inputs, test_outputs = problem.data
        found = [(f"the {len(inputs)} rows", inputs, outputs)]
        if test_inputs is not None and test_outputs is not None:
            found.append((f"the {len(test_inputs)} rows of the test", test_inputs, test_outputs))
        return found
    at = dict(zip(x, points.T, strict=True))
    y = np.zeros((len(points), len(problem.unknowns)))
    for node in problem.equations:  # u - f(x) = 0
        k = next(k for k in range(len(problem.unknowns)) if _holds(node, k))
        y[:, k] = -values(translate(node, x, [0] * len(problem.unknowns)), at)
    return [(f"{len(points)} values", points, y)]


def _holds(node: Node, k: int) -> bool:
    return any(jet.unknown == k for jet in jets(node))


def checks(
    found: Sequence[tuple[str, Array, Array]],
    x: Sequence[Any],
    expressions: Sequence[Any],
    names: Sequence[str],
) -> tuple[Check, ...]:
    """A Check per unknown and set of rows."""
    made = []
    for what, points, y in found:
        at = dict(zip(x, points.T, strict=True))
        for k, (name, expression) in enumerate(zip(names, expressions, strict=True)):
            with np.errstate(all="ignore"):
                apart = np.asarray(values(expression, at), float) - y[:, k]
            made.append(Check(f"{name} at {what}", Verdict.FITS, float(np.sqrt(np.mean(apart**2)))))
    return tuple(made)
