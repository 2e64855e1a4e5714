"""Directions of the source: where the source of an equation in two coordinates is a sum of few
ridge functions,

    f(x) ≈ Σ_q g_q(a_q · x),

the solution of an equation with constant coefficients often is one of the same directions a_q. They
are found by projection pursuit: the direction whose splines lower the residual of the fit most is
added, then all angles are refined by Gauss-Newton steps with the splines eliminated (variable
projection, Kaufman's form), until the fit is exact or no direction helps. Only the equation is
read. A plane wave is one ridge, a product of two sines two of them. A source that is radial about a
point, f(x) ≈ g(|x - a|²), gives the centre of a radial unit in the same way.

Sources: Friedman & Stuetzle, J. Amer. Stat. Assoc. 76 (1981); Kaufman, BIT 15 (1975).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from kanpde.expressions import jets
from kanpde.expressions.evaluate import evaluate
from kanpde.optimizers.linear_algebra import back_substituted, fit, thin
from kanpde.problem.problem import Problem
from kanpde.trial.bases import SplineGrid

MOST = 6
"""Directions, at most."""

ANGLES, POINTS, DENSE, SEED = 120, 2400, 40_000, 0
"""Angles of the scan; points of a fit, points among which the centre of a radial source is the one
with the largest value, and the seed of both.
"""

NEAR = 0.1
"""Standard deviation of the points around that centre, as a share of the domain's size."""

DEGREE, COARSE, FINE = 11, 64, 192
"""Of the splines; intervals while directions are added, and for the last refinement."""

EXACT, USEFUL = 1e-9, 1e-3
"""Relative residual of the fit that ends the search, and the one above which it has failed."""

LEAVES = 0.8
"""A direction after which more than this share of the residual remains is not taken; after the
first of two equal waves √½ and a little remains.
"""

STEPS, LAST = 4, 20
"""Most Gauss-Newton steps after each new direction, and at the end."""


def source_directions(problem: Problem) -> tuple[tuple[float, ...], ...]:
    """Unit directions in the problem's own coordinates; none where the source is no sum of few
    ridge functions.
    """
    if len(problem.equations) != 1 or problem.domain.dimension != 2:
        return ()
    x, f = _source(problem, _uniform(problem, POINTS))
    if f is None:
        return ()
    angles = _pursued(_scaled(problem, x), f)
    vectors = torch.stack([torch.cos(angles), torch.sin(angles)], dim=1) / _size(problem)
    vectors /= vectors.norm(dim=1, keepdim=True)
    return tuple((a, b) for a, b in vectors.tolist())


def source_centers(problem: Problem) -> tuple[tuple[float, ...], ...]:
    """The point in the problem's own coordinates about which the source is radial; none where there
    is no such point.
    """
    if len(problem.equations) != 1 or problem.domain.dimension != 2:
        return ()
    x, f = _source(problem, _uniform(problem, DENSE))
    if f is None:
        return ()
    centre = x[f.abs().argmax()]
    near = centre + NEAR * _size(problem) * torch.randn(
        POINTS, 2, generator=_generator(), dtype=x.dtype
    )
    x, f = _source(problem, torch.cat([near, x[:POINTS]]))
    if f is None:
        return ()
    far = 1.05 * float((torch.maximum(x.amax(0) - centre, centre - x.amin(0)) ** 2).sum())
    residual, jacobian = _radial_fit(centre, x, f, far)
    for _ in range(LAST):
        moved = centre + fit(jacobian, residual[:, None])[:, 0].clamp(-0.1, 0.1)
        before, (residual, jacobian) = float(residual.norm()), _radial_fit(moved, x, f, far)
        if float(residual.norm()) < before:
            centre = moved
        if float(residual.norm()) > 0.9 * before:
            break
    return (tuple(centre.tolist()),) if float(residual.norm()) < USEFUL else ()


def _radial_fit(centre: Tensor, x: Tensor, f: Tensor, far: float) -> tuple[Tensor, Tensor]:
    """As `_fit`, with splines of r / √far, even about r = 0: knots that are even in r."""
    offset = x - centre
    z = (offset.square().sum(1) / far)[None]
    levels = torch.linspace(0, 1, COARSE + 1, dtype=x.dtype)
    grid = SplineGrid.given(levels[None] ** 2, DEGREE)
    matrix = _matrix(grid, z, 0)
    residual, q, coefficients = _solved(matrix, f)
    slope = _matrix(grid, z, 1) @ coefficients
    return residual, _deflated(slope[:, None] * (-2 * offset / far), q)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)


def _size(problem: Problem) -> Tensor:
    return torch.tensor(problem.domain.upper - problem.domain.lower, dtype=torch.float64)


def _uniform(problem: Problem, count: int) -> Tensor:
    lower = torch.tensor(problem.domain.lower, dtype=torch.float64)
    return lower + _size(problem) * torch.rand(
        count, 2, generator=_generator(), dtype=torch.float64
    )


def _scaled(problem: Problem, x: Tensor) -> Tensor:
    return 2 * (x - torch.tensor(problem.domain.lower, dtype=torch.float64)) / _size(problem) - 1


def _source(problem: Problem, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """The points inside the domain and the source there, of norm one; None where it is zero or not
    finite.
    """
    x = x[torch.tensor(problem.domain.contains(x.numpy()))]
    (node,) = problem.equations
    source = evaluate([node], x, None, dict.fromkeys(jets(node), torch.zeros_like(x[:, 0])))[0]
    if not bool(source.isfinite().all()) or float(source.abs().max()) == 0:
        return x, None
    return x, source / source.norm()


def _pursued(s: Tensor, f: Tensor) -> Tensor:
    """Angles of the directions in scaled coordinates s (N, 2), for values f (N,) of norm one."""
    scan = math.pi * torch.arange(ANGLES, dtype=s.dtype) / ANGLES
    bases = [thin(_splines(_ridge(s, angle), COARSE, 0))[0] for angle in scan]
    angles, best = s.new_zeros(0), f
    while len(angles) < MOST and float(best.norm()) > EXACT:
        gains = torch.stack([(q.T @ best).norm() for q in bases])
        candidates = torch.cat([angles, scan[int(gains.argmax())][None]])
        more, residual = _refined(candidates, s, f, intervals=COARSE, steps=STEPS)
        if float(residual.norm()) > LEAVES * float(best.norm()):
            break
        angles, best = more, residual
    if not len(angles) or float(best.norm()) > USEFUL:
        return s.new_zeros(0)
    return _refined(angles, s, f, intervals=FINE, steps=LAST)[0]


def _refined(
    angles: Tensor, s: Tensor, f: Tensor, intervals: int, steps: int
) -> tuple[Tensor, Tensor]:
    """Angles after Gauss-Newton steps that lower the residual of the fit, and that residual
    (N,).
    """
    residual, jacobian = _fit(angles, s, f, intervals)
    for _ in range(steps):
        step = fit(jacobian, residual[:, None])[:, 0].clamp(-0.05, 0.05)
        share = 1.0
        new_residual, new_jacobian = _fit(angles + step, s, f, intervals)
        while float(new_residual.norm()) >= float(residual.norm()) and share > 1e-2:
            share /= 4
            new_residual, new_jacobian = _fit(angles + share * step, s, f, intervals)
        before, after = float(residual.norm()), float(new_residual.norm())
        if after < before:
            angles, residual, jacobian = angles + share * step, new_residual, new_jacobian
        if after > 0.9 * before:
            break
    return angles, residual


def _fit(angles: Tensor, s: Tensor, f: Tensor, intervals: int) -> tuple[Tensor, Tensor]:
    """The residual (N,) of the best splines for these angles, and its derivatives by the angles
    with the opposite sign, (N, n).
    """
    ridges = [_ridge(s, angle) for angle in angles]
    matrix = torch.cat([_splines(z, intervals, 0) for z in ridges], dim=1)
    residual, q, coefficients = _solved(matrix, f)
    turns = []
    for angle, z, c in zip(angles, ridges, coefficients.reshape(len(angles), -1), strict=True):
        slope = _splines(z, intervals, 1) @ c
        turns.append(slope * (_ridge(s, angle + 1e-5) - _ridge(s, angle - 1e-5)) / 2e-5)
    return residual, _deflated(torch.stack(turns, dim=1), q)


def _solved(matrix: Tensor, f: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The residual of the best coefficients, the orthonormal factor (N + K, K), and the
    coefficients.
    """
    lengths = matrix.norm(dim=0).clamp_min(1e-9)
    stacked = torch.cat([matrix / lengths, 1e-12 * torch.eye(matrix.shape[1], dtype=f.dtype)])
    q, triangle = thin(stacked)
    top = (q[: len(f)].T @ f)[:, None]
    coefficients = back_substituted(triangle, top)[:, 0] / lengths
    return f - matrix @ coefficients, q, coefficients


def _deflated(turns: Tensor, q: Tensor) -> Tensor:
    """The part of a change (N, n) that is orthogonal to the splines."""
    moved = torch.cat([turns, turns.new_zeros(q.shape[1], turns.shape[1])])
    return (moved - q @ (q.T @ moved))[: len(turns)]


def _ridge(s: Tensor, angle: Tensor) -> Tensor:
    """z = a·s / |a|_1 ∈ [-1, 1], (N,)."""
    a = torch.stack([torch.cos(angle), torch.sin(angle)])
    return s @ (a / a.abs().sum())


def _splines(z: Tensor, intervals: int, order: int) -> Tensor:
    """All spline functions on [-1, 1] or their first derivatives at z, (N, K)."""
    ends = z.new_ones(1)
    grid = SplineGrid.even(-ends, ends, intervals, DEGREE)
    return _matrix(grid, z[None], order)


def _matrix(grid: SplineGrid, z: Tensor, order: int) -> Tensor:
    """The derivatives of one order of all functions of one grid at z (1, N), (N, K)."""
    interval, values = grid.basis(z, order)
    count = z.shape[1]
    matrix = z.new_zeros(grid.size, count)
    matrix.scatter_(0, grid.slots(interval).reshape(-1, count), values[order].reshape(-1, count))
    return matrix.T
