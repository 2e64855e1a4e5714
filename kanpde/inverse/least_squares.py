"""The method of Levenberg and Marquardt for few unknown numbers and rows that are dear to compute.

    min_s ‖r(s)‖²,    (JᵀJ + λ diag JᵀJ) δ = -Jᵀ r

The derivatives J are differences, one more solve for each number, at the first point and where the
rows fall by less than half of what J promises; between two such points J follows Broyden's rule.

Sources: Moré, The Levenberg-Marquardt algorithm, LNM 630, 1978; Broyden, Math. Comp. 19 (1965) 577.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = Callable[[Array], Array | None]
"""The rows (n,) at numbers s (q,), None where there are none."""

FIRST, LEAST, MOST = 1e-3, 1e-12, 1e6
"""Damping λ: the first, the smallest, and one at which nothing more can be hoped for."""

SMALLER, LARGER = 0.1, 8.0
PROMISED = 0.5
FARTHEST = 3.0
"""No number moves by more of its own units in one step."""

SETTLED = 1e-7
"""A step that promises to lower the sum of squares by such a share is none."""


@dataclass(frozen=True)
class Point:
    """Numbers s (q,) with their rows (n,) and derivatives (n, q)."""

    s: Array
    rows: Array
    jacobian: Array

    @property
    def total(self) -> float:
        """The sum of squared rows."""
        return float(self.rows @ self.rows)


def differences(rows: Rows, s: Array, at: Array, steps: Array) -> Array | None:
    """∂r/∂s (n, q) at s, where the rows are `at`, by steps (q,) in one direction or, where there
    are no rows, in the other.
    """
    columns = []
    for number, step in enumerate(steps):
        for size in (step, -step):
            moved = s.copy()
            moved[number] += size
            there = rows(moved)
            if there is not None:
                columns.append((there - at) / size)
                break
        else:
            return None
    return np.stack(columns, axis=1)


def fit(
    rows: Rows,
    start: Array,
    step: Callable[[Array], Array],
    units: Callable[[Array], Array],
    most: int,
    enough: float = 0.0,
) -> Point | None:
    """The least squares from a start (q,), after so many steps at most.

    `step` gives the differences (q,) at numbers s, `units` what counts as a change of their own size;
    a sum of squares below `enough` needs no more
    steps. None where there are no rows or no derivatives at the start.
    """
    at = rows(start)
    jacobian = None if at is None else differences(rows, start, at, step(start))
    if at is None or jacobian is None:
        return None
    point, damping, new = Point(start, at, jacobian), FIRST, True
    for _ in range(most):
        if point.total <= enough:
            break
        delta, promised = _step(point, damping, units(point.s))
        if promised <= SETTLED * point.total and new:
            break
        there = rows(point.s + delta)
        total = math.inf if there is None else float(there @ there)
        gain = (point.total - total) / promised if promised > 0 else -math.inf
        if gain > 0:
            assert there is not None
            point = Point(point.s + delta, there, _updated(point, delta, there))
            damping, new = max(LEAST, SMALLER * damping), False
        elif new:
            damping *= LARGER
        if gain < PROMISED and not new:
            again = differences(rows, point.s, point.rows, step(point.s))
            if again is None:
                break
            point, new = Point(point.s, point.rows, again), True
        if damping > MOST:
            break
    return point


def _step(point: Point, damping: float, units: Array) -> tuple[Array, float]:
    """The step (q,), and what it promises to take from the sum of squares."""
    scale = np.linalg.norm(point.jacobian, axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    matrix = np.vstack([point.jacobian / scale, math.sqrt(damping) * np.eye(len(scale))])
    right = np.concatenate([-point.rows, np.zeros(len(scale))])
    delta = np.linalg.lstsq(matrix, right, rcond=None)[0] / scale
    delta = delta / max(1.0, float((np.abs(delta) / units).max()) / FARTHEST)
    after = point.rows + point.jacobian @ delta
    return delta, point.total - float(after @ after)


def _updated(point: Point, delta: Array, there: Array) -> Array:
    """Derivatives that give the change of the rows along the last step."""
    missed = there - point.rows - point.jacobian @ delta
    return point.jacobian + np.outer(missed, delta) / float(delta @ delta)
