"""Whether a linear problem has a solution with zero data that is not zero: an eigenvalue.

    σ = min_v (‖L v‖²/s² + Σ ‖B v‖²)^{1/2} / ‖v‖,    v a polynomial of total degree p

At an eigenvalue σ falls with p like the error of the polynomials, elsewhere it settles at the
distance to the nearest eigenvalue. Where it is 0 there is no solution, or more than one. What
polynomials do not resolve (many waves, corners) is not noticed here.
Source: Trefethen & Embree, Spectra and Pseudospectra, 2005, §39, for the rectangular pencil.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre

from kanpde.expressions import Derivative, jets
from kanpde.numerics.quadrature import Array
from kanpde.problem.conditions import (
    BoundaryCondition,
    Condition,
    MeanCondition,
    PeriodicCondition,
    PointCondition,
)
from kanpde.problem.findings import Affine, Finding, affine
from kanpde.problem.problem import Problem

DEGREES: Mapping[int, tuple[int, int]] = {1: (16, 24), 2: (10, 14), 3: (7, 10)}
"""Two degrees by number of coordinates."""

SYSTEMS = (4, 6)
"""The same of systems in space, whose matrices are large."""

POINTS: Mapping[int, tuple[int, int]] = {1: (80, 1), 2: (500, 60), 3: (1500, 400)}
"""Points inside and on a part."""

SINGULAR, FALLING = (1e-5, 1e-3), (0.2, 0.02)
"""σ below the first and falling to the second, from one degree to the next, is that of an
eigenvalue: close to it slowly, farther away fast (0.085 to 4e-4 for the first mode of a cube).
"""

ROUNDING = 1e-9
"""σ below is 0, however it falls."""

SEED = 11

DEPENDENT = 1e-9
"""Polynomials whose pivots are below this share of the largest are not independent."""


def remarks(problem: Problem) -> tuple[Finding, ...]:
    """A warning where the problem sits at an eigenvalue."""
    posed = _posed(problem)
    if posed is None:
        return ()
    solid = problem.domain.dimension == 3 and len(problem.unknowns) > 1
    degrees = SYSTEMS if solid else DEGREES[problem.domain.dimension]
    coarse, fine = (posed.smallest(degree) for degree in degrees)
    pairs = zip(SINGULAR, FALLING, strict=True)
    falls = any(fine < limit and fine < share * coarse for limit, share in pairs)
    if not falls and not fine < ROUNDING:
        return ()
    sentence = (
        f"resonance: with zero data the equations and conditions have a solution that is not zero"
        f" (to {fine:.0e}), so there is no solution, or more than one; change the frequency, the"
        f" coefficients or the conditions"
    )
    return (Finding("resonance", sentence),)


@dataclass(frozen=True)
class _Rows:
    """Rows of one equation or condition: coefficients at points x (N, d), each times `weights`
    (N,); less those at x + shift, or averaged.
    """

    coefficients: Affine
    x: Array
    weights: Array
    shift: Array | None = None
    average: bool = False


@dataclass(frozen=True)
class _Posed:
    """A problem with zero data as rows, and the points and weights of ‖v‖."""

    problem: Problem
    rows: tuple[_Rows, ...]
    x: Array
    w: Array

    def smallest(self, degree: int) -> float:
        """σ over the polynomials of a total degree."""
        table = _Table(self.problem, degree)
        inside = table.values(self.x, (0,) * self.x.shape[1]) * np.sqrt(self.w)[:, None]
        triangle = np.linalg.qr(inside)[1]
        pivots = np.abs(np.diag(triangle))
        if len(inside) < len(triangle) or pivots.min() < DEPENDENT * pivots.max():
            return np.inf  # too few points to tell polynomials apart
        m = len(self.problem.unknowns)
        blocks = []
        for rows in self.rows:
            block = self._matrix(rows, rows.x, table)
            if rows.shift is not None:
                block -= self._matrix(rows, rows.x + rows.shift, table)
            block *= rows.weights[:, None]
            blocks.append(block.sum(axis=0, keepdims=True) if rows.average else block)
        stacked = np.concatenate(blocks)
        n = len(triangle)
        scaled = [
            np.linalg.solve(triangle.T, stacked[:, k * n : (k + 1) * n].T).T for k in range(m)
        ]
        return float(np.linalg.svd(np.concatenate(scaled, axis=1), compute_uv=False)[-1])

    def _matrix(self, rows: _Rows, x: Array, table: _Table) -> Array:
        m, n = len(self.problem.unknowns), table.count
        matrix = np.zeros((len(x), m * n))
        for jet, slope in rows.coefficients.slopes.items():
            part = slope[:, None] * table.values(x, jet.index)
            matrix[:, jet.unknown * n : (jet.unknown + 1) * n] += part
        return matrix


@dataclass(frozen=True)
class _Table:
    """Products of Legendre polynomials on the bounding box, up to a total degree."""

    problem: Problem
    degree: int

    @property
    def powers(self) -> list[tuple[int, ...]]:
        """Degrees by coordinate."""
        d = self.problem.domain.dimension
        every = itertools.product(range(self.degree + 1), repeat=d)
        return [power for power in every if sum(power) <= self.degree]

    @property
    def count(self) -> int:
        """How many polynomials there are."""
        return len(self.powers)

    def values(self, x: Array, index: Sequence[int]) -> Array:
        """∂^α of all polynomials at points (N, d), (N, n)."""
        lower, upper = self.problem.domain.lower, self.problem.domain.upper
        factors = []
        for axis, times in enumerate(index):
            z = (2 * x[:, axis] - lower[axis] - upper[axis]) / (upper[axis] - lower[axis])
            rate = (2 / (upper[axis] - lower[axis])) ** times
            slopes = legendre.legder(np.eye(self.degree + 1), m=times) if times else None
            basis = np.eye(self.degree + 1) if slopes is None else slopes
            factors.append(rate * legendre.legval(z, basis).T if len(basis) else 0.0 * z[:, None])
        columns = [
            np.prod([factor[:, k] for factor, k in zip(factors, power, strict=True)], axis=0)
            for power in self.powers
        ]
        return np.stack(columns, axis=1)


def _posed(problem: Problem) -> _Posed | None:
    """None where the problem is not linear, steady, on one region, and given at its whole
    boundary.
    """
    config, d = problem.config, problem.domain.dimension
    plain = config.time is None and not config.regions and not config.ranges and d in POINTS
    square = len(problem.equations) == len(problem.unknowns) and problem.energy is None
    if not plain or not square or problem.constants or config.fit is not None:
        return None
    if config.eigen is not None:
        return None  # the equations of modes sit at eigenvalues
    if not _doubtful(problem):
        return None
    ends = {part for condition in problem.conditions for part in condition.parts}
    if d == 1 and len(ends & set(problem.domain.parts)) < len(problem.domain.parts):
        return None  # what grows from a start is no eigenfunction
    inside, on_part = POINTS[d]
    points = problem.domain.interior(inside, "sobol", np.random.default_rng(SEED))
    w = points.w / points.w.sum()
    size = float(np.max(problem.domain.upper - problem.domain.lower))
    rows: list[_Rows] = []
    for node in problem.equations:
        row = affine(node, points.x)
        if row is None or not _finite(row):
            return None
        rows.append(_Rows(row, points.x, np.sqrt(w) / _scale(row, size)))
    for condition in problem.conditions:
        given = _condition(problem, condition, on_part)
        if given is None:
            return None
        rows.append(given)
    return _Posed(problem, tuple(rows), points.x, w)


def _doubtful(problem: Problem) -> bool:
    """Whether values stand in the equations, or some unknown has none on the boundary: without
    either an eigenvalue is no concern.
    """
    if any(jet.order == 0 for node in problem.equations for jet in jets(node)):
        return True
    given: set[int] = set()
    for condition in problem.conditions:
        if isinstance(condition, BoundaryCondition):
            given |= {jet.unknown for jet in jets(condition.node) if jet.order == 0}
    return len(given) < len(problem.unknowns)


def _condition(problem: Problem, condition: Condition, count: int) -> _Rows | None:
    """The rows of a condition, each of which counts like a value of v."""
    d = problem.domain.dimension
    size = float(np.max(problem.domain.upper - problem.domain.lower))
    shift, average, normal = None, False, None
    match condition:
        case MeanCondition():
            rule = condition.rule(problem.domain, POINTS[d][0])
            x, w, average, normal = rule.x, rule.w / rule.w.sum(), True, rule.normal
        case PointCondition(point=point):
            x, w = np.array([point]), np.ones(1)
        case BoundaryCondition() | PeriodicCondition():
            rng = np.random.default_rng(SEED)  # a product rule has symmetric blind spots
            rule = problem.domain.part(condition.part, count, "sobol", rng)
            x, w, normal = rule.x, np.sqrt(rule.w / rule.w.sum()), rule.normal
            shift = None if condition.shift is None else np.array(condition.shift)
        case _:
            return None
    row = affine(condition.node, x, normal)
    if row is None or not _finite(row):
        return None
    return _Rows(row, x, w / _scale(row, size), shift, average)


def _finite(row: Affine) -> bool:
    return bool(row.slopes) and all(np.isfinite(slope).all() for slope in row.slopes.values())


def _scale(row: Affine, size: float) -> float:
    """The largest coefficient, each with the derivative of a wave as long as the domain."""
    sizes = [_weight(jet, size) * np.abs(slope).max() for jet, slope in row.slopes.items()]
    return float(max(sizes))


def _weight(jet: Derivative, size: float) -> float:
    return float((np.pi / size) ** jet.order)
