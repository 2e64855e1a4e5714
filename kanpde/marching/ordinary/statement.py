"""Initial value problems: equations in one coordinate whose conditions all stand at one end.

    F_e(t, u, u', u'', …) = 0,  e = 1 … m,      u_i^(k) = y_ik  at the start,  k < q_i

with q_i the highest derivative of unknown i in any equation. An unknown with q_i = 0 is algebraic:
its equations say what it is (an index of 1 is enough), and a condition on it must agree with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kanpde.domains.box import Box
from kanpde.errors import ConfigError
from kanpde.expressions import Derivative, Node, jets, partial
from kanpde.expressions.evaluate import Unknown, evaluate
from kanpde.marching.ordinary.past import Lag, lags, with_delays
from kanpde.marching.stops import Stops
from kanpde.problem.conditions import BoundaryCondition
from kanpde.problem.problem import Problem

Array = NDArray[np.float64]

STEPS = 50
"""Steps of Newton's method for initial values that are given by nonlinear conditions."""

AGREE = 1e-9
"""Conditions at the start agree when what is left of them is below this share of their terms."""


@dataclass(frozen=True)
class Statement:
    """What a march needs of an initial value problem.

    `start` is where the conditions stand and `end` the other end of the interval; `orders` (m,) are
    those of the unknowns, `initial` holds u_i^(k) at the start, k < q_i, for each.
    """

    problem: Problem
    start: float
    end: float
    orders: tuple[int, ...]
    initial: tuple[Array, ...]

    @property
    def equations(self) -> tuple[Node, ...]:
        """F_e, m of them."""
        return self.problem.equations

    @cached_property
    def slopes(self) -> tuple[tuple[int, Derivative, Node], ...]:
        """∂F_e/∂u_i^(j) where it is not identically zero: number of the equation, jet, formula."""
        return tuple(
            (number, jet, partial(node, jet))
            for number, node in enumerate(self.equations)
            for jet in sorted(jets(node), key=lambda jet: (jet.unknown, jet.index))
        )

    @cached_property
    def stops(self) -> Stops:
        """Where equations jump or have kinks whatever the unknowns are, and what delays make of
        it.
        """
        stops = Stops.of(self.equations, 0, (self.start, self.end), np.zeros(1))
        return with_delays(stops, self.lags)

    @cached_property
    def lags(self) -> tuple[Lag, ...]:
        """Which unknowns stand for others at earlier places."""
        return lags(self.problem)


def is_ordinary(problem: Problem) -> bool:
    """Whether a problem is an initial value problem, so that a march can solve it."""
    return _start_part(problem) is not None


def statement(problem: Problem) -> Statement:
    """The initial value problem; ConfigError where its conditions give too few initial values or
    contradict each other.
    """
    part = _start_part(problem)
    assert part is not None
    lower, upper = float(problem.domain.lower[0]), float(problem.domain.upper[0])
    at_lower = part == problem.domain.parts[0]
    start, end = (lower, upper) if at_lower else (upper, lower)
    if problem.config.delays and not at_lower:
        raise ConfigError(
            f"problem.conditions: with unknowns at earlier places they stand at the start, x ="
            f" {lower:g}, found all at x = {upper:g}"
        )
    orders = _orders(problem)
    return Statement(problem, start, end, orders, _initial(problem, start, at_lower, orders))


def is_plain(problem: Problem) -> bool:
    """Whether a problem is equations with weight one for unknown functions on one domain."""
    config = problem.config
    other_kind = (
        config.energy is not None
        or config.fit is not None
        or bool(config.unknown_parameters)
        or bool(config.ranges)
        or bool(config.regions)
        or any(weight != 1.0 for weight in problem.weights)
    )
    return not other_kind


def _start_part(problem: Problem) -> str | None:
    """The part where all conditions stand; None for any other kind of problem."""
    if not is_plain(problem) or problem.config.time or not isinstance(problem.domain, Box):
        return None
    if problem.domain.dimension != 1 or len(problem.equations) != len(problem.unknowns):
        return None
    plain = all(
        isinstance(condition, BoundaryCondition) and condition.data is None
        for condition in problem.conditions
    )
    parts = {condition.part for condition in problem.conditions}
    if not plain or len(parts) != 1:
        return None
    orders = _orders(problem)
    for condition in problem.conditions:
        if any(jet.index[0] >= max(1, orders[jet.unknown]) for jet in jets(condition.node)):
            return None
    given = {(jet.unknown, jet.index[0]) for c in problem.conditions for jet in jets(c.node)}
    enough = len(problem.conditions) >= sum(orders)
    needed = {(i, k) for i, order in enumerate(orders) for k in range(order)}
    return parts.pop() if enough and needed <= given else None


def _orders(problem: Problem) -> tuple[int, ...]:
    """The highest derivative of each unknown in any equation, (m,)."""
    orders = [0] * len(problem.unknowns)
    for node in problem.equations:
        for jet in jets(node):
            orders[jet.unknown] = max(orders[jet.unknown], jet.index[0])
    return tuple(orders)


def _initial(
    problem: Problem, start: float, at_lower: bool, orders: tuple[int, ...]
) -> tuple[Array, ...]:
    """u_i^(k) at the start from the conditions there, by Newton's method: one step where they are
    linear.
    """
    present = sorted(
        {jet for c in problem.conditions for jet in jets(c.node)},
        key=lambda jet: (jet.unknown, jet.index),
    )
    nodes = [condition.node for condition in problem.conditions]
    partials = [partial(node, jet) for node in nodes for jet in present]
    x = torch.tensor([[start]], dtype=torch.float64)
    normal = torch.tensor([[-1.0 if at_lower else 1.0]], dtype=torch.float64)
    values = np.zeros(len(present))
    for attempt in (0.0, 1.0):
        values[:] = attempt
        for _ in range(STEPS):
            known: dict[Unknown, Tensor] = {
                jet: torch.tensor([v]) for jet, v in zip(present, values, strict=True)
            }
            rows = torch.cat(evaluate(nodes, x, normal, known)).numpy()
            matrix = torch.cat(evaluate(partials, x, normal, known)).numpy()
            matrix = matrix.reshape(len(nodes), len(present))
            if not (np.isfinite(rows).all() and np.isfinite(matrix).all()):
                break
            size = np.abs(matrix) @ np.abs(values) + np.abs(rows - matrix @ values)
            if (np.abs(rows) <= AGREE * np.maximum(size, 1e-300)).all() and _full(matrix):
                step = np.linalg.lstsq(matrix, rows, rcond=None)[0]
                return _by_unknown(present, values - step, orders)
            values = values - np.linalg.lstsq(matrix, rows, rcond=None)[0]
    raise ConfigError(
        f"problem '{problem.name}': the conditions at x = {start:g} do not determine the values"
        f" there, found {len(nodes)} for {len(present)} of them; give one for each derivative below"
        f" the highest, none twice"
    )


def _full(matrix: Array) -> bool:
    return bool(np.linalg.matrix_rank(matrix) == matrix.shape[1])


def _by_unknown(
    present: list[Derivative], values: Array, orders: tuple[int, ...]
) -> tuple[Array, ...]:
    known = {(jet.unknown, jet.index[0]): v for jet, v in zip(present, values, strict=True)}
    counts = [max(1, order) if (i, 0) in known else order for i, order in enumerate(orders)]
    return tuple(
        np.array([known[i, k] for k in range(count)], dtype=float) for i, count in enumerate(counts)
    )
