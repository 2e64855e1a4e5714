"""Unknown fields, and constants where equations have no solution of their own: all at once.

    min over c, θ of  Σ_j (F_j/σ)² + Λ² Σ_e ‖E_e‖² + Λ² Σ_b ‖B_b‖² + μ Σ_i ‖∂³a_i‖²

for coefficients c of all unknowns and constants θ, with rows F of the measured values, E of the
equations and B of the conditions relative to the size of their terms. Λ is so large that equations
bind. Those unknowns a that there are no equations for are as smooth as generalised cross-validation
says,

    μ = argmin n ‖F‖² / (n - tr A(μ))²,

A the matrix from measured to fitted values. From a large μ on, every smaller one begins with the
solution of the one before, by Gauss and Newton; the equations are linear in a alone in most problems,
and nearly so along this way.

Standard deviations are those of the Gaussian posterior, whose intervals hold on average over the
domain. Sources: Wahba, Spline Models for Observational Data, SIAM 1990, chapters 4 and 5; Engl, Hanke
& Neubauer, Regularization of Inverse Problems, Kluwer 1996.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

from kanpde.expressions import (
    Constant,
    Derivative,
    Node,
    constants,
    is_linear,
    jets,
    partial,
)
from kanpde.expressions.evaluate import Unknown, evaluate
from kanpde.inverse.constants import Numbers
from kanpde.inverse.least_squares import Array
from kanpde.inverse.measured import Measured
from kanpde.inverse.tensor import Tensor
from kanpde.numerics.jets import MultiIndex
from kanpde.problem.conditions import BoundaryCondition, PointCondition
from kanpde.problem.problem import Problem

BINDS = 100.0
"""Λ: how much more equations count than measured values, all relative to their sizes."""

FIRST = (0.1, 3.0)
"""The same on the way from fields that follow the measured values."""

SMOOTH, SIDE = 3, 24
"""Derivatives of unknown fields that are to be small, and points on a side of a rectangle."""

MERIT, HALVES, SLACK = 3.0, 6, 0.01
"""Λ by which a step is judged, since a whole one leaves what is not linear in the equations; how
often it is halved, and the share by which sums of squares may grow.
"""

ITERATIONS, SETTLED = 12, 1e-11
"""Steps of Gauss and Newton, and the change relative to the solution that is none."""


@dataclass(frozen=True)
class Rows:
    """A formula at points: its derivatives by jets and by constants, weights (N,) of its rows, and
    columns (N, c) known there.
    """

    node: Node
    slopes: tuple[tuple[Derivative, Node], ...]
    by_constants: tuple[tuple[Constant, Node], ...]
    x: Array
    known: torch.Tensor
    normal: torch.Tensor | None
    weights: Array
    binds: bool

    @classmethod
    def of(
        cls,
        node: Node,
        x: Array,
        weights: Array,
        binds: bool,
        normal: Array | None = None,
        columns: torch.Tensor | None = None,
    ) -> Rows:
        """The rows of a formula at points (N, d)."""
        present = sorted(jets(node), key=lambda jet: (jet.unknown, jet.index))
        slopes = tuple((jet, partial(node, jet)) for jet in present)
        by_constants = tuple((leaf, partial(node, leaf)) for leaf in constants(node))
        known = torch.from_numpy(np.array(x))
        if columns is not None:
            known = torch.cat([known, columns], dim=1)
        outward = None if normal is None else torch.from_numpy(np.array(normal))
        return cls(node, slopes, by_constants, np.array(x), known, outward, weights, binds)


@dataclass(frozen=True)
class State:
    """Coefficients (m, n) of all unknowns and numbers s (q,)."""

    coefficients: Array
    s: Array

    @property
    def flat(self) -> Array:
        """All of them in a row."""
        return np.concatenate([self.coefficients.ravel(), self.s])


@dataclass(frozen=True)
class Fitted:
    """A minimiser: its state, what is left of the measured rows (n,), the trace of A, and R of the
    matrix of all rows, whose inverse is the posterior's.
    """

    state: State
    rest: Array
    trace: float
    triangle: Array
    total: float

    @property
    def score(self) -> float:
        """Generalised cross-validation."""
        n = len(self.rest)
        return n * float(self.rest @ self.rest) / max(n - self.trace, 1e-3 * n) ** 2


@dataclass
class System:
    """All rows on one space, with factors of the measured conditions (n,)."""

    problem: Problem
    space: Tensor
    measured: Measured
    numbers: Numbers
    free: tuple[int, ...]

    def __post_init__(self) -> None:
        self.tables: dict[tuple[int, MultiIndex], Array] = {}
        self.triangles: dict[int, tuple[Array, Array] | None] = {}
        self.rows = self._equations() + self._conditions()
        self.data = [
            Rows.of(
                term.node,
                term.x.numpy(),
                np.ones(len(term.x)),
                False,
                columns=term.columns,
            )
            for term in self.measured.terms
        ]
        self.rough = self._roughness()

    def _equations(self) -> list[Rows]:
        x, w = self.space.points()
        return [Rows.of(node, x, np.sqrt(w), True) for node in self.problem.equations]

    def _conditions(self) -> list[Rows]:
        rows = []
        domain = self.problem.domain
        for condition in self.problem.conditions:
            if isinstance(condition, BoundaryCondition):
                points = domain.part_quadrature(condition.part, SIDE)
                w = np.sqrt(points.w / points.w.sum())
                rows.append(Rows.of(condition.node, points.x, w, True, points.normal))
            elif isinstance(condition, PointCondition):
                x = condition.at(domain, SIDE)
                rows.append(Rows.of(condition.node, x, np.full(len(x), len(x) ** -0.5), True))
        return rows

    def _roughness(self) -> Array:
        """The square root (r, n) of the mean square of all third derivatives over the unit box."""
        x, w = self.space.points()
        sides = self.space.upper - self.space.lower
        blocks = []
        for index in product(range(SMOOTH + 1), repeat=self.space.dimension):
            if sum(index) != SMOOTH:
                continue
            times = math.factorial(SMOOTH) / math.prod(math.factorial(i) for i in index)
            scale = math.sqrt(times) * float(np.prod(sides ** np.array(index)))
            blocks.append(scale * np.sqrt(w)[:, None] * self.space.table(x, index))
        return np.asarray(np.linalg.qr(np.concatenate(blocks), mode="r"))

    def table(self, number: int, rows: Rows, index: MultiIndex) -> Array:
        """∂^α of all functions at the points of rows, kept for the next time."""
        key = (number, index)
        if key not in self.tables:
            self.tables[key] = self.space.table(rows.x, index)
        return self.tables[key]

    def linear(self, number: int, rows: Rows, state: State) -> tuple[Array, Array]:
        """F (N,) and its derivatives (N, m n + q)."""
        at, slopes, chain = self._evaluated(number, rows, state)
        n = self.space.size
        matrix = np.zeros((len(at), state.coefficients.size + len(state.s)))
        for (jet, _), slope in zip(rows.slopes, slopes, strict=False):
            table = self.table(number, rows, jet.index)
            matrix[:, jet.unknown * n : (jet.unknown + 1) * n] += slope[:, None] * table
        for (leaf, _), slope in zip(rows.by_constants, slopes[len(rows.slopes) :], strict=True):
            matrix[:, state.coefficients.size + leaf.index] += slope * chain[leaf.index]
        return at, matrix

    def sizes(self, state: State) -> Array:
        """The size of the terms of every formula that binds, from root mean squares of all
        derivatives over the domain.
        """
        x, w = self.space.points()
        typical: dict[Derivative, float] = {}
        sizes = []
        for number, rows in enumerate(self.rows, start=len(self.data)):
            at, slopes, _ = self._evaluated(number, rows, state)
            size, linear = np.zeros(len(at)), np.zeros(len(at))
            for (jet, _), slope in zip(rows.slopes, slopes, strict=False):
                coefficients = state.coefficients[jet.unknown]
                if jet not in typical:
                    if (-1, jet.index) not in self.tables:
                        self.tables[-1, jet.index] = self.space.table(x, jet.index)
                    there = self.tables[-1, jet.index] @ coefficients
                    typical[jet] = math.sqrt(float(w @ there**2))
                here = self.table(number, rows, jet.index) @ coefficients
                size, linear = size + np.abs(slope) * typical[jet], linear + slope * here
            size = size + np.abs(at - linear)
            weighted = rows.weights * size
            total = math.sqrt(float(weighted @ weighted))
            sizes.append(total if total > 0 else 1.0)
        return np.array(sizes)

    def _evaluated(self, number: int, rows: Rows, state: State) -> tuple[Array, list[Array], Array]:
        """F (N,), its derivatives by jets and constants, (N,) each, and ∂k/∂s (q,)."""
        values = self.numbers.values(state.s)
        known: dict[Unknown, torch.Tensor] = {
            jet: torch.from_numpy(
                self.table(number, rows, jet.index) @ state.coefficients[jet.unknown]
            )
            for jet, _ in rows.slopes
        }
        for place, value in enumerate(values):
            known[Constant(place)] = torch.tensor(value, dtype=torch.float64)
        nodes = [
            rows.node,
            *(node for _, node in rows.slopes),
            *(node for _, node in rows.by_constants),
        ]
        at, *slopes = [value.numpy() for value in evaluate(nodes, rows.known, rows.normal, known)]
        return at, slopes, np.where(self.numbers.positive, values, 1.0)

    def right(self, state: State, noise: Array, smooth: float, binds: Array) -> Array:
        """All rows, the measured ones first; `binds` are the weights of the formulas that bind."""
        rights = [self.measured_rows(state, noise)]
        heavy = self._heavy(noise)
        for number, rows in enumerate(self.rows, start=len(self.data)):
            at = self._evaluated(number, rows, state)[0]
            rights.append(heavy * binds[number - len(self.data)] * rows.weights * at)
        weight = math.sqrt(smooth) * heavy
        rights += [weight * self.rough @ state.coefficients[unknown] for unknown in self.free]
        return np.concatenate(rights)

    def measured_rows(self, state: State, noise: Array) -> Array:
        """The measured rows (n,) in units of their noise."""
        parts = [
            self._evaluated(number, rows, state)[0] / size
            for number, (rows, size) in enumerate(zip(self.data, noise, strict=True))
        ]
        return np.concatenate(parts)

    def matrix(
        self, state: State, noise: Array, smooth: float, binds: Array
    ) -> tuple[Array, Array, int]:
        """Matrix and rows, and how many of them are measured ones, which stand first; those that
        are linear are brought to triangles.
        """
        rights, matrices = [], []
        for number, (rows, size) in enumerate(zip(self.data, noise, strict=True)):
            compressed = self._compressed(number, rows, state)
            if compressed is None:
                at, matrix = self.linear(number, rows, state)
            else:
                q, matrix = compressed
                at = q.T @ self._evaluated(number, rows, state)[0]
            rights.append(at / size)
            matrices.append(matrix / size)
        count = sum(map(len, rights))
        heavy = self._heavy(noise)
        for number, rows in enumerate(self.rows, start=len(self.data)):
            at, matrix = self.linear(number, rows, state)
            factor = heavy * binds[number - len(self.data)] * rows.weights
            rights.append(factor * at)
            matrices.append(factor[:, None] * matrix)
        n, weight = self.space.size, math.sqrt(smooth) * heavy
        for unknown in self.free:
            block = np.zeros((len(self.rough), matrices[0].shape[1]))
            block[:, unknown * n : (unknown + 1) * n] = weight * self.rough
            matrices.append(block)
            rights.append(weight * self.rough @ state.coefficients[unknown])
        return np.concatenate(matrices), np.concatenate(rights), count

    def _heavy(self, noise: Array) -> float:
        """What a formula of size one counts as much as: all measured values."""
        by_row = (self.measured.sizes / noise)[self.measured.group]
        return float(np.linalg.norm(by_row))

    def _compressed(self, number: int, rows: Rows, state: State) -> tuple[Array, Array] | None:
        """Q (N, r) and R (r, m n + q) of the derivatives of a measured condition that is linear,
        where it has more rows than they have columns.
        """
        if number not in self.triangles:
            used = {jet.unknown for jet, _ in rows.slopes}
            few = len(used) * self.space.size < len(rows.x)
            if few and is_linear(rows.node) and not rows.by_constants:
                matrix = self.linear(number, rows, state)[1]
                columns = np.flatnonzero(matrix.any(axis=0))
                q, triangle = np.linalg.qr(matrix[:, columns])
                wide = np.zeros((len(columns), matrix.shape[1]))
                wide[:, columns] = triangle
                self.triangles[number] = (q, wide)
            else:
                self.triangles[number] = None
        return self.triangles[number]

    def fit(
        self,
        state: State,
        noise: Array,
        smooth: float,
        most: int = ITERATIONS,
        binds: float = BINDS,
    ) -> Fitted:
        """Gauss and Newton from a state with noise (by condition) and a weight of smoothness."""
        fitted: Fitted | None = None
        by_size = binds / self.sizes(state)
        for _ in range(most):
            matrix, right, count = self.matrix(state, noise, smooth, by_size)
            if not (np.isfinite(matrix).all() and np.isfinite(right).all()):
                break  # which the sum of squares tells
            scale = np.linalg.norm(matrix, axis=0)
            scale = np.where(scale > 0, scale, 1.0)
            q, triangle = np.linalg.qr(matrix / scale)
            trace = float(np.square(q[:count]).sum())
            fitted = Fitted(state, right[:0], trace, triangle * scale, 0.0)
            step = -np.linalg.lstsq(triangle, q.T @ right, rcond=1e-14)[0] / scale
            merit = np.minimum(by_size, MERIT / self.sizes(state))
            state, moved = self._moved(state, step, (noise, smooth, merit))
            if moved <= SETTLED:
                break
        if fitted is None:
            fitted = Fitted(state, right[:0], 0.0, np.eye(matrix.shape[1]), math.inf)
        right = self.right(state, noise, smooth, by_size)
        rest = self.measured_rows(state, noise)
        return Fitted(state, rest, fitted.trace, fitted.triangle, float(right @ right))

    def _moved(
        self, state: State, step: Array, weights: tuple[Array, float, Array]
    ) -> tuple[State, float]:
        """The state after a step, halved until the sum of squares with other weights does not grow,
        and how far that is, relative to the state.
        """
        shape = state.coefficients.shape
        size = math.prod(shape)
        rows = self.right(state, *weights)
        total = float(rows @ rows)
        share = 1.0
        for _ in range(HALVES):
            new = State(
                state.coefficients + share * step[:size].reshape(shape),
                state.s + share * step[size:],
            )
            rows = self.right(new, *weights)
            if np.isfinite(rows).all() and float(rows @ rows) <= total * (1 + SLACK):
                length = float(np.linalg.norm(new.flat))
                return new, share * float(np.linalg.norm(step)) / max(length, 1e-300)
            share /= 2
        return state, 0.0


def unknown_fields(problem: Problem) -> tuple[int, ...]:
    """The numbers of the unknowns that there are no equations for: those of least order."""
    missing = len(problem.unknowns) - len(problem.equations)
    orders = [0] * len(problem.unknowns)
    for node in problem.equations:
        for jet in jets(node):
            orders[jet.unknown] = max(orders[jet.unknown], jet.order)
    ranked = sorted(range(len(orders)), key=lambda number: (orders[number], -number))
    return tuple(sorted(ranked[: max(0, missing)]))


def begun(problem: Problem, space: Tensor, numbers: Numbers, free: Sequence[int]) -> State:
    """Unknowns at zero, free fields at one, constants at their starts."""
    zero = (0,) * space.dimension
    x, w = space.points()
    table = space.table(x, zero)
    one = np.linalg.lstsq(np.sqrt(w)[:, None] * table, np.sqrt(w), rcond=None)[0]
    coefficients = np.zeros((len(problem.unknowns), space.size))
    for number in free:
        coefficients[number] = one
    return State(coefficients, numbers.first)
