"""One slab of an initial value problem: polynomials that meet the equations at Radau points.

    u_i^(q_i)(t + h c) = Σ_l V_il ℓ_l(c),    u_i^(j) = Σ_{k=j}^{q_i-1} y_ik (h c)^{k-j} / (k-j)!
                                                        + h^{q_i-j} Σ_l V_il I_{q_i-j}[ℓ_l](c)

with Lagrange's polynomials ℓ_l at the s Radau points of (0, 1], their n-fold integrals I_n from 0,
and F_e = 0 at these points: the method Radau IIA, which damps stiff parts and has order 2s - 1 at
the end of a slab. Integrals instead of derivatives keep the matrices well conditioned. An n-fold
integral is n times that of the polynomial through the values at the points, as if every derivative
were an unknown: integrated exactly the method would be stable for short slabs only.

Source: Hairer & Wanner, Solving Ordinary Differential Equations II, Springer 1996, IV.5, IV.8.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.polynomial import legendre
from torch import Tensor

from kanpde.expressions.evaluate import Unknown, evaluate
from kanpde.marching.ordinary.past import Lag
from kanpde.marching.ordinary.statement import Array, Statement

ITERATIONS = 12
"""Steps of Newton's method at most; it doubles the digits with each where it converges."""

CONVERGED = 1e-3
"""Newton's last change as a share of what a slab may add."""

ROUNDING = 8 * float(np.finfo(np.float64).eps)
GROWS = 4.0
"""An iteration whose change grows by this factor goes nowhere."""

MOST_ORDER = 4


@dataclass(frozen=True)
class Rule:
    """The s Radau points (s,) in (0, 1] and, for n = 0 … 4, the n-fold integrals of Lagrange's
    polynomials at them (s, s) and as Legendre coefficients on [0, 1], (s, s) or (s + 1, s).
    """

    nodes: Array
    at_nodes: tuple[Array, ...]
    series: tuple[Array, ...]

    def at(self, points: Array, folds: int) -> Array:
        """The integrals at other points of [0, 1], (N, s)."""
        series = self.series[folds]
        return np.asarray(legendre.legvander(2 * points - 1, len(series) - 1) @ series)


@cache
def rule(stages: int) -> Rule:
    """The rule with so many points: roots of P_s - P_{s-1} on [-1, 1], the last is 1."""
    ends = np.zeros(stages + 1)
    ends[-2:] = -1.0, 1.0
    roots = np.sort(legendre.legroots(ends).real)
    roots[-1] = 1.0
    series = [np.linalg.inv(legendre.legvander(roots, stages - 1))]
    # half, since [0, 1] is half as long as [-1, 1]
    once = 0.5 * legendre.legint(series[0], lbnd=-1, axis=0)
    series.append(once)
    values = legendre.legvander(roots, stages)
    for _ in range(MOST_ORDER - 1):
        series.append(once @ (values @ series[-1]))
    at_nodes = [legendre.legvander(roots, len(table) - 1) @ table for table in series]
    return Rule((roots + 1) / 2, tuple(map(np.asarray, at_nodes)), tuple(map(np.asarray, series)))


@dataclass(frozen=True)
class Piece:
    """The solution on one slab from t over a length h (negative towards smaller t): values `state`
    of u_i^(k) at t, and the highest derivatives `top` (m, s) at the Radau points.
    """

    t: float
    h: float
    state: tuple[Array, ...]
    top: Array

    @property
    def stages(self) -> int:
        """s."""
        return int(self.top.shape[1])

    def values(self, points: Array, orders: Sequence[int], derivative: int = 0) -> Array:
        """u^(j) at points (N,) of [0, 1], (m, N); unknowns of an order below j give their
        highest.
        """
        table = rule(self.stages)
        rows = []
        for top, state, order in zip(self.top, self.state, orders, strict=True):
            j = min(derivative, order)
            integral = table.at(points, order - j) @ top
            rows.append(
                _taylor(state[:order], self.h, points, j) + self.h ** (order - j) * integral
            )
        return np.array(rows)

    def end(self, orders: Sequence[int]) -> tuple[Array, ...]:
        """u_i^(k) at the end, k < q_i."""
        one = np.ones(1)
        table = rule(self.stages)
        states = []
        for top, state, order in zip(self.top, self.state, orders, strict=True):
            ends = [
                _taylor(state[:order], self.h, one, j)[0]
                + self.h ** (order - j) * float((table.at_nodes[order - j] @ top)[-1])
                for j in range(order)
            ]
            states.append(np.array(ends))
        return tuple(states)

    def legendre(self, orders: Sequence[int]) -> Array:
        """Legendre coefficients on the slab, from its start to its end, (m, s + max q)."""
        table, count = rule(self.stages), self.stages + max(orders)
        series = np.zeros((len(self.top), count))
        for row, top, state, order in zip(series, self.top, self.state, orders, strict=True):
            integral = table.series[order] @ top
            row[: len(integral)] = self.h**order * integral
            power: Array = np.ones(1)  # c^k / k!
            for k in range(order):
                row[: k + 1] += state[k] * self.h**k * power
                power = np.asarray(0.5 * legendre.legint(power, lbnd=-1))
        return series


def _taylor(state: Array, h: float, points: Array, j: int) -> Array:
    """Σ_{k ≥ j} y_k (h c)^{k-j} / (k-j)! at points c (N,)."""
    total = np.zeros(len(points))
    for k in range(j, len(state)):
        total += state[k] * (h * points) ** (k - j) / math.factorial(k - j)
    return total


def solve(
    statement: Statement,
    t: float,
    h: float,
    state: tuple[Array, ...],
    top: Array,
    allowed: Array,
    past: Sequence[Piece] = (),
) -> Piece | None:
    """The slab from t over h by Newton's method from highest derivatives `top` (m, s), behind the
    pieces of the `past`; None where that does not converge.

    Its last change is below the share CONVERGED of what may be added to each unknown, `allowed`
    (m,), or is rounding.
    """
    problem = _Slab.of(statement, t, h, state, top.shape[1], past)
    change, before = math.inf, math.inf
    piece = Piece(t, h, state, top)
    for _ in range(ITERATIONS):
        step = problem.step(piece.top)
        if step is None:
            return None
        piece = Piece(t, h, state, piece.top - step)
        moved = np.abs(problem.moved(step)).max(axis=1)
        size = np.abs(problem.jets(piece.top, 0)).max(axis=1)
        if not np.isfinite(size).all():
            return None
        change = float((moved / np.maximum(CONVERGED * allowed, ROUNDING * size + 1e-300)).max())
        if change <= 1.0:
            return piece
        if change > GROWS * before:
            return None
        before = change
    return None


def _earlier(
    delays: Sequence[Lag], pieces: Sequence[Piece], orders: Sequence[int], t: float, x: Array
) -> dict[Lag, Array]:
    """The values (N,) of the delayed unknowns at points (N,) of the slab that begins at t, as far as
    the march was there before.
    """
    known = {}
    start = pieces[0].t if pieces else t
    for lag in delays:
        at = x - lag.by
        if not pieces or at.mean() < start:
            continue  # the history, which its equation states
        first = np.array([piece.t for piece in pieces])
        number = np.clip(np.searchsorted(first, at, "right") - 1, 0, len(pieces) - 1)
        values = np.empty(len(at))
        for k in np.unique(number):
            here, piece = number == k, pieces[k]
            share = np.clip((at[here] - piece.t) / piece.h, 0.0, 1.0)
            values[here] = piece.values(share, orders)[lag.of]
        known[lag] = values
    return known


@dataclass(frozen=True)
class _Slab:
    """A slab's equations at its Radau points `x` (s, 1), with the values (s,) of the `past` there."""

    statement: Statement
    h: float
    state: tuple[Array, ...]
    table: Rule
    x: Tensor
    past: Mapping[Lag, Array]

    @classmethod
    def of(
        cls,
        statement: Statement,
        t: float,
        h: float,
        state: tuple[Array, ...],
        stages: int,
        pieces: Sequence[Piece],
    ) -> _Slab:
        table = rule(stages)
        # where a delay is over at the end, formulas are those of the near side
        x = statement.stops.inside(t + h * table.nodes)
        past = _earlier(statement.lags, pieces, statement.orders, t, x)
        return cls(statement, h, state, table, torch.tensor(x)[:, None], past)

    def integral(self, unknown: int, derivative: int) -> Array:
        """The matrix (s, s) from highest derivatives to u^(j) at the points."""
        folds = self.statement.orders[unknown] - derivative
        return np.asarray(self.h**folds * self.table.at_nodes[folds])

    def jet(self, top: Array, unknown: int, derivative: int) -> Array:
        """u^(j) of one unknown at the points, (s,)."""
        order = self.statement.orders[unknown]
        taylor = _taylor(self.state[unknown][:order], self.h, self.table.nodes, derivative)
        return np.asarray(taylor + self.integral(unknown, derivative) @ top[unknown])

    def jets(self, top: Array, derivative: int) -> Array:
        """The same of all unknowns, (m, s)."""
        return np.array([self.jet(top, i, derivative) for i in range(len(top))])

    def moved(self, step: Array) -> Array:
        """What a step (m, s) changes of u at the points, (m, s)."""
        return np.array([self.integral(i, 0) @ row for i, row in enumerate(step)])

    def step(self, top: Array) -> Array | None:
        """Newton's step (m, s), to be subtracted; None where a number is not finite or the matrix
        is singular.
        """
        slopes, equations = self.statement.slopes, self.statement.equations
        present = {jet for _, jet, _ in slopes}
        known: dict[Unknown, Tensor] = {
            jet: torch.from_numpy(self.jet(top, jet.unknown, jet.index[0])) for jet in present
        }
        nodes = [*equations, *(node for _, _, node in slopes)]
        values = torch.stack(evaluate(nodes, self.x, jet=known)).numpy()
        rows, factors = values[: len(equations)], values[len(equations) :]
        for lag, earlier_values in self.past.items():
            rows[lag.equation] = self.jet(top, lag.name, 0) - earlier_values
        m, s = top.shape
        matrix = np.zeros((m, s, m, s))
        for (number, jet, _), factor in zip(slopes, factors, strict=True):
            integral = self.integral(jet.unknown, jet.index[0])
            matrix[number, :, jet.unknown, :] += factor[:, None] * integral
        for lag in self.past:
            matrix[lag.equation] = 0.0
            matrix[lag.equation, :, lag.name, :] = self.integral(lag.name, 0)
        return _solved(matrix.reshape(m * s, m * s), rows.reshape(-1), (m, s))


def _solved(matrix: Array, rows: Array, shape: tuple[int, int]) -> Array | None:
    """The solution of a square system whose rows and columns may have any size."""
    if not (np.isfinite(matrix).all() and np.isfinite(rows).all()):
        return None
    by_row = np.abs(matrix).max(axis=1)
    if not by_row.all():
        return None
    matrix = matrix / by_row[:, None]
    by_column = np.abs(matrix).max(axis=0)
    if not by_column.all():
        return None
    try:
        solution = np.linalg.solve(matrix / by_column, rows / by_row) / by_column
    except np.linalg.LinAlgError:
        return None
    return solution.reshape(shape) if np.isfinite(solution).all() else None
