"""Whether the type of an equation fits its conditions.

    C u_t + Σ_{|α|=q} A_α ∂^α u + … = 0:  modes e^{iξx} grow like the eigenvalues of -C^{-1} i^q Σ A_α ξ^α
    ∫_Ω div(K ∇u) dx = ∮ n·K ∇u ds

Started at `initial` those eigenvalues may have no positive real part, which grows with |ξ|^q
(Petrovskii's condition); an elliptic equation of order q takes q/2 conditions on every part.
Source: Kreiss & Lorenz, Initial-Boundary Value Problems, 1989, ch. 2; Hadamard, 1923.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kanpde.errors import ConfigError
from kanpde.expressions import Derivative, Node, add, differentiate, jets, linear_parts, number
from kanpde.expressions import multiply as times
from kanpde.numerics.jets import unit
from kanpde.numerics.quadrature import Array
from kanpde.problem.conditions import BoundaryCondition, periodic_parts
from kanpde.problem.findings import Affine, Finding, affine, numbers
from kanpde.problem.problem import Problem
from kanpde.problem.solvability import distinct, has_data, inside

DIRECTIONS = 8
"""Random wave vectors beside those along the axes."""

GROWTH, SHARE = 1e-4, 0.1
"""A real part above this share of the largest eigenvalue is growth, at more than so many of the
points it is refused.
"""

SAME, UNBALANCED = 1e-8, 1e-3
"""Coefficients agree to the first, relative to their size; fluxes must to the second."""

INFINITE = 1e8
"""Coefficients on a part that are larger than those inside by this factor have a pole there."""

INSIDE, ON_PART = 4000, 400
"""Points of the integrals of a balance."""


def require(problem: Problem) -> None:
    """ConfigError where an equation runs backward in time, or fluxes cannot balance."""
    if has_data(problem) or problem.regions or problem.config.ranges:
        return
    if problem.config.time is not None:
        _require_forward(problem)
    elif problem.domain.dimension > 1:
        _require_balance(problem)


def remarks(problem: Problem) -> tuple[Finding, ...]:
    """Elliptic equations with conditions that are not those of their type."""
    if has_data(problem) or problem.regions or problem.config.ranges:
        return ()
    if len(problem.equations) != 1 or len(problem.unknowns) != 1:
        return ()
    if problem.config.time is not None:
        return _cauchy_in_time(problem)
    return _elliptic(problem) if problem.domain.dimension > 1 else ()


def _waves(dimension: int) -> Array:
    """Unit vectors (n, dimension)."""
    random = np.random.default_rng(3).normal(size=(DIRECTIONS, dimension))
    random /= np.linalg.norm(random, axis=1)[:, None]
    return np.concatenate([np.eye(dimension), random])


@dataclass(frozen=True)
class _Evolution:
    """The leading terms at N points: C (N, m, m) of ∂_t^k, and the eigenvalues (N, n, m) of
    -C^{-1} i^q Σ A_α ξ^α for n wave vectors.
    """

    leading: Array
    rates: np.ndarray[tuple[int, ...], np.dtype[np.complex128]]


def _evolution(problem: Problem, k: int) -> _Evolution | None:
    """None where the equations are not solved for the k-th derivatives in time of all unknowns,
    or mix derivatives in time and space.
    """
    m, x = len(problem.unknowns), inside(problem)
    if len(problem.equations) != m:
        return None
    leads, symbols = np.zeros((len(x), m, m)), []
    rows = [_leading(node, x) for node in problem.equations]
    every = [jet for row in rows if row is not None for jet in row]
    if None in rows or any(jet.index[-1] and any(jet.index[:-1]) for jet in every):
        return None
    q = max((jet.order for jet in every if not jet.index[-1]), default=0)
    timed = [jet.index[-1] for jet in every]
    if q == 0 or max(timed) != k:
        return None
    for wave in _waves(problem.domain.dimension - 1):
        symbol = np.zeros((len(x), m, m))
        for number_, row in enumerate(rows):
            for jet, values in (row or {}).items():
                if jet.index[-1] == k:
                    leads[:, number_, jet.unknown] = values
                elif jet.order == q and not jet.index[-1]:
                    weight = np.prod(wave ** np.array(jet.index[:-1]))
                    symbol[:, number_, jet.unknown] += values * weight
        symbols.append(symbol)
    determinant = np.linalg.det(leads)
    finite = np.isfinite(leads).all() and all(np.isfinite(each).all() for each in symbols)
    if not finite or not ((determinant > 0).all() or (determinant < 0).all()):
        return None
    rates = [np.linalg.eigvals(-np.linalg.solve(leads, each) * 1j**q) for each in symbols]
    return _Evolution(leads, np.stack(rates, axis=1))


def _leading(node: Node, x: Array) -> dict[Derivative, Array] | None:
    """The coefficients of all derivatives at points, None where one depends on unknowns."""
    row = affine(node, x)
    return None if row is None else {jet: row.slopes[jet] for jet in row.slopes if jet.order}


def _ends(problem: Problem) -> tuple[int, int]:
    """The numbers of conditions at the start and at the end of time."""
    start = sum("initial" in condition.parts for condition in problem.conditions)
    end = sum("final" in condition.parts for condition in problem.conditions)
    return start, end


def _require_forward(problem: Problem) -> None:
    """Equations of first order in time may not amplify short waves in the direction of time that
    their conditions give.
    """
    start, end = _ends(problem)
    evolution = _evolution(problem, 1)
    if evolution is None or bool(start) == bool(end):
        return
    rates = evolution.rates.real * (1.0 if start else -1.0)
    growing = rates.max(axis=(1, 2)) > GROWTH * np.abs(evolution.rates).max()
    if np.mean(growing) > SHARE:
        at = inside(problem)[int(growing.argmax())]
        place = ", ".join(f"{value:.3g}" for value in at)
        given = "initial" if start else "final"
        raise ConfigError(
            f"problem.equations: ill-posed, backward in time from '{given}': short waves are"
            f" amplified without bound, for example at ({place}), so the solution does not depend"
            f" on the data continuously; change the sign of the highest derivatives in space, or"
            f" give the state at the other end of time"
        )


def _cauchy_in_time(problem: Problem) -> tuple[Finding, ...]:
    start, end = _ends(problem)
    evolution = _evolution(problem, 2)
    if evolution is None or start < 2 or end:
        return ()
    if np.mean(evolution.rates.real.max(axis=(1, 2)) > 0) <= SHARE:
        return ()
    sentence = (
        "ill-posed: the equation is elliptic in time and space, and both its value and its rate are"
        " given on 'initial' (a Cauchy problem): errors of the data grow without bound; give one"
        " of them on 'final'"
    )
    return (Finding("ill-posed", sentence),)


def _elliptic(problem: Problem) -> tuple[Finding, ...]:
    """Every part of an elliptic equation of order q has q/2 conditions."""
    row = affine(problem.equations[0], inside(problem))
    if row is None or row.order % 2 or not _is_elliptic(row, problem.domain.dimension):
        return ()
    half = row.order // 2
    counts = _counts(problem, half)
    few = [part for part, count in counts.items() if count < half]
    many = [part for part, count in counts.items() if count > half]
    wanted = f"an elliptic equation of order {row.order} takes {half} on every part"
    findings = []
    for part in few:
        kind = "ill-posed (a Cauchy problem)" if many else "under-determined"
        sentence = f"{kind}: '{part}' has {counts[part]} conditions, {wanted}"
        findings.append(Finding("ill-posed" if many else "under-determined", sentence))
    if many and not few:
        part = many[0]
        sentence = f"over-determined: '{part}' has {counts[part]} conditions, {wanted}"
        findings.append(Finding("over-determined", sentence))
    return tuple(findings)


def _counts(problem: Problem, usual: int) -> dict[str, int]:
    """How many conditions stand on every part that is not periodic and not singular."""
    paired = periodic_parts(problem.conditions)
    counts: dict[str, int] = {}
    for part in problem.domain.parts:
        count = distinct(problem, part)
        usable = part not in paired
        if usable and count != usual:
            usable = _regular_on(problem, problem.domain.part_quadrature(part, 16).x)
        if usable:
            counts[part] = count
    return counts


def _is_elliptic(row: Affine, dimension: int) -> bool:
    """Whether the leading terms vanish for no wave vector."""
    values = []
    for wave in _waves(dimension):
        top = np.zeros_like(row.rest)
        for jet, slope in row.slopes.items():
            if jet.order == row.order:
                top = top + slope * np.prod(wave ** np.array(jet.index))
        values.append(top)
    symbol = np.stack(values, axis=1)
    signs = np.sign(symbol)
    definite = np.isfinite(symbol).all() and (signs == signs[:, :1]).all() and signs.all()
    return row.order > 0 and bool(definite)


def _regular_on(problem: Problem, x: Array) -> bool:
    row, usual = affine(problem.equations[0], x), affine(problem.equations[0], inside(problem))
    if row is None or usual is None:
        return False
    top = [np.abs(slope).max() for jet, slope in row.slopes.items() if jet.order == row.order]
    # sin(pi) is 1e-16, so infinite is what exceeds all values inside by far
    most = INFINITE * max(np.abs(slope).max() for slope in usual.slopes.values())
    finite = all((np.abs(slope) <= most).all() for slope in row.slopes.values())
    return finite and min(top) > 0


def _require_balance(problem: Problem) -> None:
    """Where the derivatives of u alone appear, and only its flux is given, the flux out of the
    domain is the integral of the source.
    """
    if len(problem.equations) != 1 or len(problem.unknowns) != 1:
        return
    flux = _flux(problem)
    if flux is None:
        return
    source, through, size = flux
    if abs(source - through) > UNBALANCED * size:
        raise ConfigError(
            f"problem.conditions: incompatible Neumann data, the equation needs a flux of"
            f" {source:.6g} (the integral of its source) through the boundary, the conditions give"
            f" {through:.6g}; no solution exists whatever the mean, correct the source or the flux"
        )


def _flux(problem: Problem) -> tuple[float, float, float] | None:
    """∫ div(K∇u) dx by the equation, ∮ n·K∇u ds by the conditions, and the size of the terms;
    None where they do not say it.
    """
    if not _only_fluxes(problem):
        return None
    conductivity = _conductivity(problem)
    if conductivity is None:
        return None
    tensor, rest = conductivity
    trace = add(*(tensor[i][i] for i in range(len(tensor))))
    sign = float(np.sign(numbers((trace,), inside(problem))[0].mean()))  # of k in k*dn(u)
    points = problem.domain.quadrature(INSIDE)
    (source,) = numbers((rest,), points.x)
    inner, size = -float(points.w @ source), float(points.w @ np.abs(source))
    paired, through = periodic_parts(problem.conditions), 0.0
    for part in problem.domain.parts:
        if part in paired:
            continue
        on_part = _through(problem, part, tensor)
        if on_part is None:
            return None
        w, values = on_part
        through += float(w @ values)
        size += float(w @ np.abs(values))
    return sign * inner, sign * through + 0.0, size


def _only_fluxes(problem: Problem) -> bool:
    """Whether every part has a condition, and none holds a value."""
    for condition in problem.conditions:
        holds_value = any(jet.order == 0 for jet in jets(condition.node))
        if isinstance(condition, BoundaryCondition) and holds_value:
            return False
    covered = set(problem.parts) | periodic_parts(problem.conditions)
    return covered >= set(problem.domain.parts)


def _through(problem: Problem, part: str, tensor: list[list[Node]]) -> tuple[Array, Array] | None:
    """Weights and values (N,) of n·K∇u on a part; None where no condition gives it."""
    points, d = problem.domain.part_quadrature(part, ON_PART), problem.domain.dimension
    assert points.normal is not None
    k = np.stack([np.stack(numbers(tuple(row), points.x), axis=1) for row in tensor], axis=1)
    conormal = np.einsum("nij,nj->ni", k, points.normal)
    for condition in problem.conditions:
        if not isinstance(condition, BoundaryCondition) or condition.part != part:
            continue
        row = affine(condition.node, points.x, points.normal)
        if row is None or any(jet.order != 1 for jet in row.slopes):
            return None
        along = row.row(tuple(Derivative(0, unit(i, d, 1)) for i in range(d)))
        share = np.sum(along * conormal, axis=1) / np.sum(conormal * conormal, axis=1)
        away = np.abs(along - share[:, None] * conormal).max()
        if not np.isfinite(share).all() or not share.all() or away > SAME * np.abs(along).max():
            return None
        return points.w, -row.rest / share
    return None


def _conductivity(problem: Problem) -> tuple[list[list[Node]], Node] | None:
    """K (d, d) and b of an equation div(K∇u) + b = 0, None for any other."""
    (equation,) = problem.equations
    try:
        slopes, rest = linear_parts(equation)
    except ValueError:
        return None
    if any(jet.order not in (1, 2) for jet in slopes) or not slopes:
        return None
    d, zero = problem.domain.dimension, number(0.0)
    tensor: list[list[Node]] = [[zero for _ in range(d)] for _ in range(d)]
    for i in range(d):
        for j in range(d):
            index = tuple(np.add(unit(i, d, 1), unit(j, d, 1)).tolist())
            share = number(1.0 if i == j else 0.5)
            tensor[i][j] = times(share, slopes.get(Derivative(0, index), zero))
    x = inside(problem)
    for i in range(d):
        drift = add(*(differentiate(tensor[j][i], j) for j in range(d)))
        first = slopes.get(Derivative(0, unit(i, d, 1)), zero)
        a, b = numbers((drift, first), x)
        if not np.abs(a - b).max() <= SAME * max(np.abs(a).max(), np.abs(b).max(), 1e-300):
            return None
    return (tensor, rest) if jets(equation) else None
