"""One slab of an evolution on a line: splines of x times polynomials of t that meet the equations
at points of space and Radau instants.

    ∂_x^a ∂_t^b u_i = B^(a) [ Σ_k y_ik (h c)^{k-b} / (k-b)! + h^{q_i-b} Σ_l V_il I_{q_i-b}[ℓ_l](c) ]

with coefficients y_ik (K,) of the splines at the start and V_i (K, s) of the highest derivatives
by t; see `ordinary.collocation` for the integrals I. Newton's matrix is banded but for periods.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from kanpde.expressions import Derivative
from kanpde.marching.lines.banded import Band, Block, Factors
from kanpde.marching.lines.space import Line, Local
from kanpde.marching.lines.statement import Array, Evolution, Rows, values
from kanpde.marching.ordinary.collocation import Rule, rule

ITERATIONS = 10
CONVERGED = 1e-2
ROUNDING = 1e-13
GROWS, KEPT = 4.0, 0.2
"""Changes that grow by the first factor go nowhere; factors are kept while changes fall to the
second one.
"""

NOISE = 4 * float(np.finfo(np.float64).eps)
"""What rounding leaves of each product of a derivative and a coefficient."""

Slopes = dict[Derivative, Array]
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
    """Rows with their positions (n,), the splines there, and (n s, 2) points of space and time."""

    rows: Rows
    s: Array
    local: Local
    points: torch.Tensor

    @classmethod
    def at(cls, rows: Rows, s: Array, local: Local, where: tuple[Line, Array]) -> _Placed:
        """Rows at positions of a line and all of some instants (s,)."""
        line, instants = where
        x = line.x(s)
        points = np.stack([np.repeat(x, len(instants)), np.tile(instants, len(x))], axis=1)
        return cls(rows, s, local, torch.from_numpy(points))


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
        instants = t + h * table.nodes
        placed = []
        for rows in evolution.rows:
            end = np.array([rows.normal])  # -1 or 1, as the positions of the ends are
            order = None if rows.at is None else evolution.spatial[rows.at]
            s = end if order is None else line.points(order)
            local = line.local(end) if order is None else line.met(order)
            placed.append(_Placed.at(rows, s, local, (line, instants)))
        return cls(evolution, t, h, line, state, table, tuple(placed))

    def solve(self, top: Array, allowed: Array) -> Strip | None:
        """Newton's method from highest derivatives (m, K, s); None where it does not converge.

        Its last change is below a share of what may be added to each unknown, (m,), or rounding.
        """
        before, factors = math.inf, None
        for _ in range(ITERATIONS):
            right, slopes = self._rows(top, needs_slopes=factors is None)
            if factors is None:
                factors = self._factors(slopes, top.shape)
            step = None if factors is None else factors.solve(right)
            if step is None:
                return None
            top = top - step.reshape(top.shape)
            change = self._change(step.reshape(top.shape), top, allowed)
            if change <= 1.0:
                return Strip(self.t, self.h, self.line, self.state, top)
            if not change <= GROWS * before:
                return None
            if change > KEPT * before:
                factors = None
            before = change
        return None

    def astray(self, top: Array) -> Array:
        """How fast ∂_t u runs away from equations of second order by t between the points where
        they are met, beyond rounding, as a root mean square, (m,); zero for other unknowns.
        """
        rates, instants = np.zeros(len(top)), self.t + self.h * self.table.nodes
        for rows in self.evolution.rows:
            newest = Derivative(-1 if rows.at is None else rows.at, (0, 2))
            if [jet for jet, _ in rows.slopes if jet.index[1] == 2] != [newest]:
                continue
            s = self.line.between(self.evolution.spatial[newest.unknown])
            local = self.line.local(s)
            placed = _Placed.at(rows, s, local, (self.line, instants))
            right, (slopes,) = replace(self, placed=(placed,))._rows(top, needs_slopes=True)
            rounding = np.zeros_like(right)
            for jet, slope in slopes.items():
                size = np.abs(self._by_time(jet.unknown, jet.index[1], top[jet.unknown]))
                values = np.abs(local.values[jet.index[0]])
                largest = np.einsum("nw,nws->ns", values, size[local.columns])
                rounding += np.abs(slope) * NOISE * largest.ravel()
            away = np.maximum(np.abs(right) - rounding, 0.0) / np.abs(slopes[newest])
            rates[newest.unknown] = math.sqrt(float((away**2).mean()))
        return rates

    def _change(self, step: Array, top: Array, allowed: Array) -> float:
        """How large a step is, in units of the change that is small enough."""
        unknowns = range(len(top))
        moved = np.array([self._by_time(i, 0, step[i], zero=True) for i in unknowns])
        size = np.array([self._by_time(i, 0, top[i]) for i in unknowns])
        limit = np.maximum(CONVERGED * allowed, ROUNDING * self.line.rms(size) + 1e-300)
        return float((self.line.rms(moved) / limit).max())

    def _by_time(self, i: int, b: int, top: Array, zero: bool = False) -> Array:
        """∂_t^b of one unknown's coefficients at the instants, (K, s); without what comes from the
        start if `zero`.
        """
        order = self.evolution.orders[i]
        state = 0 * self.state[i] if zero else self.state[i]
        integral = self.table.at_nodes[order - b]
        return _in_time(state, top, self.h, self.table.nodes, integral, (order, b))

    def _rows(self, top: Array, needs_slopes: bool) -> tuple[Array, list[Slopes]]:
        """All rows, (m K s,), and the derivatives of each formula by its jets."""
        fields: dict[tuple[int, int], Array] = {}
        rights, slopes = [], []
        for placed in self.placed:
            known = {}
            for jet, _ in placed.rows.slopes:
                key = (jet.unknown, jet.index[1])
                if key not in fields:
                    fields[key] = self._by_time(*key, top[jet.unknown])
                value = placed.local.apply(jet.index[0], fields[key])
                known[jet] = torch.from_numpy(value.reshape(-1))
            right, by_jet = values(placed.rows, placed.points, known, needs_slopes)
            rights.append(right)
            slopes.append(by_jet)
        return np.concatenate(rights), slopes

    @cached_property
    def _band(self) -> Band:
        """Where the entries of Newton's matrix stand."""
        positions = [placed.s for placed in self.placed]
        columns = [placed.local.columns for placed in self.placed]
        return Band.of(self.line, positions, columns, len(self.table.nodes))

    def _factors(self, slopes: list[Slopes], shape: tuple[int, ...]) -> Factors | None:
        """Newton's matrix, factored; None where that is not possible."""
        stages = shape[2]
        blocks = [
            block
            for number, (placed, by_jet) in enumerate(zip(self.placed, slopes, strict=True))
            for block in self._blocks(placed.local, by_jet, number, stages)
        ]
        return self._band.factored(blocks)

    def _blocks(self, local: Local, slopes: Slopes, formula: int, stages: int) -> list[Block]:
        """The parts of Newton's matrix for the rows of one formula, by unknown."""
        n, w = local.columns.shape
        blocks = []
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
            blocks.append(Block(formula, unknown, block))
        return blocks
