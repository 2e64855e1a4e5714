"""One slab of an evolution on a line: splines of x times polynomials of t that meet the equations
at points of space and Radau instants.

    ∂_x^a ∂_t^b u_i = B^(a) [ Σ_k y_ik (h c)^{k-b} / (k-b)! + h^{q_i-b} Σ_l V_il I_{q_i-b}[ℓ_l](c) ]

with coefficients y_ik (K,) of the splines at the start and V_i (K, s) of the highest derivatives
by t; see `ordinary.collocation` for the integrals I. Newton's matrix is banded but for periods.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.linalg import splu

from kanpde.expressions import Derivative
from kanpde.marching.lines.space import Line, Local
from kanpde.marching.lines.statement import Array, Evolution, Rows, values
from kanpde.marching.ordinary.collocation import Rule, rule

ITERATIONS = 10
CONVERGED = 1e-2
ROUNDING = 1e-13
GROWS = 4.0
State = tuple[Array, ...]
"""For each unknown the coefficients (q_i, K) of its derivatives by t."""


@dataclass(frozen=True)
class Strip:
    """The solution on a slab from t over h: splines on `line`, coefficients of the `state` at t,
    and of the highest derivatives by t, `top` (m, K, s).
    """

    t: float
    h: float
    line: Line
    state: State
    top: Array

    def at(self, c: Array, orders: tuple[int, ...], derivative: int = 0) -> Array:
        """The coefficients of ∂_t^b u at instants c (N,) of [0, 1], (m, K, N)."""
        table = rule(self.top.shape[2])
        return np.array(
            [
                _in_time(
                    self.state[i],
                    self.top[i],
                    self.h,
                    c,
                    table.at(c, order - min(derivative, order)),
                    (order, min(derivative, order)),
                )
                for i, order in enumerate(orders)
            ]
        )

    def end(self, orders: tuple[int, ...]) -> State:
        """The coefficients of all lower derivatives by t at the end."""
        one = np.ones(1)
        by_order = [self.at(one, orders, b)[:, :, 0] for b in range(max(orders))]
        return tuple(
            np.array([by_order[b][i] for b in range(order)]).reshape(order, self.line.size)
            for i, order in enumerate(orders)
        )

    def legendre(self, orders: tuple[int, ...]) -> Array:
        """Coefficients (m, K, P) of the splines by Legendre polynomials of t."""
        count = self.top.shape[2] + max(orders)
        nodes, _ = np.polynomial.legendre.leggauss(count)
        matrix = np.linalg.inv(np.polynomial.legendre.legvander(nodes, count - 1))
        return np.asarray(self.at((nodes + 1) / 2, orders) @ matrix.T)


def _in_time(
    state: Array, top: Array, h: float, c: Array, integral: Array, order: tuple[int, int]
) -> Array:
    """∂_t^b of one unknown's coefficients at instants c (N,), (K, N)."""
    q, b = order
    total = h ** (q - b) * (top @ integral.T)
    for k in range(b, q):
        total = total + state[k][:, None] * (h * c) ** (k - b) / math.factorial(k - b)
    return np.asarray(total)


@dataclass(frozen=True)
class _Placed:
    """Rows with their points: the splines there, and (n s, 2) points of space and time."""

    rows: Rows
    local: Local
    points: torch.Tensor


@dataclass(frozen=True)
class System:
    """The equations of a slab, to be solved for the highest derivatives."""

    evolution: Evolution
    t: float
    h: float
    line: Line
    state: State
    table: Rule
    placed: tuple[_Placed, ...]

    @classmethod
    def of(
        cls, evolution: Evolution, t: float, h: float, line: Line, state: State, stages: int
    ) -> System:
        """The system with so many Radau instants."""
        table = rule(stages)
        placed = []
        for rows in evolution.rows:
            if rows.at is None:
                s = np.array([rows.normal])
            else:
                s = line.points(evolution.spatial[rows.at])
            instants = t + h * table.nodes
            x = line.x(s)
            points = np.stack([np.repeat(x, stages), np.tile(instants, len(x))], axis=1)
            placed.append(_Placed(rows, line.local(s), torch.from_numpy(points)))
        return cls(evolution, t, h, line, state, table, tuple(placed))

    def solve(self, top: Array, allowed: Array) -> Strip | None:
        """Newton's method from highest derivatives (m, K, s); None where it does not converge.

        Its last change is below a share of what may be added to each unknown, (m,), or rounding.
        """
        before, orders = math.inf, self.evolution.orders
        for _ in range(ITERATIONS):
            step = self._step(top)
            if step is None:
                return None
            top = top - step
            moved = np.array([self._by_time(i, 0, step[i], zero=True) for i in range(len(orders))])
            size = np.array([self._by_time(i, 0, top[i]) for i in range(len(orders))])
            if not np.isfinite(size).all():
                return None
            limit = np.maximum(CONVERGED * allowed, ROUNDING * _rms(size) + 1e-300)
            change = float((_rms(moved) / limit).max())
            if change <= 1.0:
                return Strip(self.t, self.h, self.line, self.state, top)
            if change > GROWS * before:
                return None
            before = change
        return None

    def _by_time(self, i: int, b: int, top: Array, zero: bool = False) -> Array:
        """∂_t^b of one unknown's coefficients at the instants, (K, s); without what comes from the
        start if `zero`.
        """
        order = self.evolution.orders[i]
        state = 0 * self.state[i] if zero else self.state[i]
        integral = self.table.at_nodes[order - b]
        return _in_time(state, top, self.h, self.table.nodes, integral, (order, b))

    def _step(self, top: Array) -> Array | None:
        m, size, stages = top.shape
        fields: dict[tuple[int, int], Array] = {}
        rights: list[Array] = []
        entries: list[tuple[Array, Array, Array]] = []
        first = 0
        for placed in self.placed:
            known = {}
            for jet, _ in placed.rows.slopes:
                key = (jet.unknown, jet.index[1])
                if key not in fields:
                    fields[key] = self._by_time(*key, top[jet.unknown])
                value = placed.local.apply(jet.index[0], fields[key])
                known[jet] = torch.from_numpy(value.reshape(-1))
            right, slopes = values(placed.rows, placed.points, known)
            rights.append(right)
            entries += self._entries(placed.local, slopes, first, (size, stages))
            first += len(right)
        if first != m * size * stages:
            raise AssertionError(f"{first} rows for {m * size * stages} unknowns")
        data, row, column = (np.concatenate(parts) for parts in zip(*entries, strict=True))
        matrix = coo_matrix((data, (row, column)), shape=(first, first)).tocsc()
        solution = _solved(matrix, np.concatenate(rights))
        return None if solution is None else solution.reshape(m, size, stages)

    def _entries(
        self, local: Local, slopes: dict[Derivative, Array], first: int, shape: tuple[int, int]
    ) -> list[tuple[Array, Array, Array]]:
        """Values, rows and columns of Newton's matrix for the rows of one formula, by unknown."""
        size, stages = shape
        n, w = local.columns.shape
        row = (
            first + (np.arange(n) * stages)[:, None, None, None] + np.arange(stages)[:, None, None]
        )
        entries = []
        for unknown in sorted({jet.unknown for jet in slopes}):
            block = np.zeros((n, stages, w, stages))
            order = self.evolution.orders[unknown]
            for b in range(order + 1):
                by_place = np.zeros((n, stages, w))
                for jet, slope in slopes.items():
                    if jet.unknown == unknown and jet.index[1] == b:
                        factor = slope.reshape(n, stages)
                        by_place += factor[:, :, None] * local.values[jet.index[0]][:, None, :]
                integral = self.h ** (order - b) * self.table.at_nodes[order - b]
                block += by_place[..., None] * integral[None, :, None, :]
            base = unknown * size * stages
            column = base + local.columns[:, None, :, None] * stages + np.arange(stages)
            shape4 = block.shape
            entries.append(
                (
                    block.ravel(),
                    np.broadcast_to(row, shape4).ravel(),
                    np.broadcast_to(column, shape4).ravel(),
                )
            )
        return entries


def _rms(values_by_unknown: Array) -> Array:
    """The largest root mean square over the splines at any instant, (m,)."""
    return np.asarray(np.sqrt((values_by_unknown**2).mean(axis=1)).max(axis=1))


def _solved(matrix: csc_matrix, right: Array) -> Array | None:
    """The solution of a sparse square system whose rows may have any size."""
    if not (np.isfinite(matrix.data).all() and np.isfinite(right).all()):
        return None
    by_row = abs(matrix).max(axis=1).toarray().ravel()
    if not by_row.all():
        return None
    scaled = matrix.multiply(1 / by_row[:, None]).tocsc()
    by_column = abs(scaled).max(axis=0).toarray().ravel()
    if not by_column.all():
        return None
    scaled = scaled.multiply(1 / by_column[None, :]).tocsc()
    try:
        solution = splu(scaled).solve(right / by_row) / by_column
    except RuntimeError:  # exactly singular
        return None
    return np.asarray(solution) if np.isfinite(solution).all() else None
