"""One time slab: a problem of its own that starts from the end of the slab before.

On a slab [t_k, t_{k+1}] the equations and the conditions in space stay; the initial conditions
become  ∂_t^j u = ∂_t^j u_{k-1}  at t_k, for j below the order of the equations in t. Newton starts
from the coefficients of the slab before. A `stretched` trial solution gets its map from the state
at t_k, and its points follow the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde.ansatz.network import build_network, check_degree
from kanpde.assembly.collocation import Collocation, Points, collocate, held_out
from kanpde.assembly.residual import Assembly, Term, terms
from kanpde.config import Config
from kanpde.domains import SpaceTime
from kanpde.expressions import Derivative, differentiate, is_zero, jets, linear_parts, negate
from kanpde.expressions.evaluate import evaluate
from kanpde.marching.equidistribution import FINE, Stretch, density
from kanpde.numerics.jets import JetSpace
from kanpde.problem.conditions import Condition, PeriodicCondition
from kanpde.problem.problem import Problem
from kanpde.solver.build import Parts, dtype_of
from kanpde.trial.bases import SplineGrid
from kanpde.trial.networks import KAN, MLP, build_stretched
from kanpde.trial.solution import TrialSolution

DERIVATIVES = 5
"""Derivatives by x that tell over which length a state changes."""

CHECKS = 4000
"""Held-out points of a slab whose points do not follow a map."""

SOONER = 2
"""How many times more points the start of a slab has than an instant inside."""


@dataclass(frozen=True)
class Slab:
    """One slab ready to solve; `checked` are its terms at held-out points with the share of each
    row in a mean over the slab.

    With scaled weights an equation with u_t counts by half the slab's length: its residual is then
    what it adds to u, and the root of the objective at held-out points is the slab's local error.
    """

    start: float
    end: float
    parts: Parts
    checked: tuple[tuple[Term, Tensor], ...]

    def light(self) -> Slab:
        """The slab without what only its solve needs."""
        return replace(
            self, parts=replace(self.parts, assembly=Assembly((), self.parts.trial)), checked=()
        )


def build_slab(
    config: Config,
    problem: Problem,
    interval: tuple[float, float],
    before: Slab | None,
    guess: Slab | None = None,
) -> Slab:
    """The parts of a slab; `before` is solved. A solved `guess` of the same slab shows where its
    knots are needed.
    """
    start, end = interval
    domain = problem.domain
    assert isinstance(domain, SpaceTime)
    cut = SpaceTime(domain.space, start, end)
    kept = tuple(
        c for c in problem.conditions if _holds(c, domain, start, end, first=before is None)
    )
    posed = replace(problem, domain=cut, conditions=kept)
    if config.trial.start == "stretched":
        base = _with_map(config, posed, before, guess)
    else:
        base = _without_map(config, posed, continues=before is not None)
    if before is not None:
        outer = before.parts.trial.net.outer
        if outer.shape == base.network.outer.shape:
            base.network.set_outer(outer)
    dtype = dtype_of(config)
    lower, upper = (torch.tensor(side).to(dtype) for side in (cut.lower, cut.upper))
    trial = TrialSolution(base.network, lower, upper, None, config.trial.derivatives)
    trained = _terms(config, base.problem, base.points, before)
    # an error does not depend on weights
    even = replace(config, weights=replace(config.weights, terms={}))
    checked = _terms(even, base.problem, base.checks, before)
    return Slab(
        start,
        end,
        Parts(base.problem, trial, base.points, Assembly(trained, trial)),
        tuple((term, _shares(term, base.checks)) for term in checked),
    )


@dataclass(frozen=True)
class _Base:
    """The problem that a network leaves to solve on a slab, its points, and held-out points to
    check it.
    """

    problem: Problem
    network: KAN | MLP
    points: Collocation
    checks: Collocation


def _with_map(config: Config, problem: Problem, before: Slab | None, guess: Slab | None) -> _Base:
    """A stretched network on points that follow its map; it meets periodic conditions itself."""
    dtype, solved = dtype_of(config), [slab for slab in (before, guess) if slab]
    stretch = _stretch(problem, solved, min(config.trial.intervals), guess is not None)
    if stretch.periodic:
        kept = tuple(c for c in problem.conditions if not isinstance(c, PeriodicCondition))
        problem = replace(problem, conditions=kept)
    return _Base(
        problem,
        _stretched(config, problem, stretch, dtype),
        _points(config, problem, stretch, dtype, unseen=False),
        _points(config, problem, stretch, dtype, unseen=True),
    )


def _without_map(config: Config, problem: Problem, continues: bool) -> _Base:
    """A network as on one domain; a slab that `continues` one has points at its start."""
    dtype = dtype_of(config)
    parts = tuple(dict.fromkeys((*problem.parts, *(("initial",) if continues else ()))))
    return _Base(
        problem,
        build_network(config.trial, problem, config.seed, dtype),
        collocate(problem.domain, parts, config.sampler, config.seed, dtype),
        held_out(problem.domain, parts, CHECKS, dtype),
    )


def _terms(
    config: Config, problem: Problem, points: Collocation, before: Slab | None
) -> list[Term]:
    posed_terms = terms(problem, points, config.weights)
    if before is not None:
        posed_terms += _continuity(config, problem, points.parts["initial"].x, before.parts.trial)
    return posed_terms


def _shares(term: Term, points: Collocation) -> Tensor:
    """What each row counts in a mean over space, (R,)."""
    for at in (points.interior, *points.parts.values()):
        if torch.equal(at.x, term.x):
            return at.w / at.w.sum()
    return term.x.new_full((term.rows,), 1 / term.rows)


def _holds(condition: Condition, domain: SpaceTime, start: float, end: float, first: bool) -> bool:
    """Whether a condition belongs to a slab: initial ones to the first, points to the slab whose
    time they have, if any.
    """
    if condition.point is not None and len(condition.point) == domain.dimension:
        return start < condition.point[-1] <= end or (first and condition.point[-1] == start)
    return first or condition.part != "initial"


def _continuity(config: Config, problem: Problem, x: Tensor, before: TrialSolution) -> list[Term]:
    """u and its lower time derivatives at the start are those of the slab before."""
    continuity = []
    half = float(problem.domain.upper[-1] - problem.domain.lower[-1]) / 2
    space = len(problem.coordinates) - 1
    for unknown, name in enumerate(problem.unknowns):
        order = max(
            (j.index[-1] for e in problem.equations for j in jets(e) if j.unknown == unknown),
            default=0,
        )
        for k in range(order):
            alpha = (*[0] * space, k)
            with torch.no_grad():
                data = before.jet(
                    before.locate(x, JetSpace.closure([alpha], space + 1))
                ).derivative(alpha)[unknown]
            weight = config.weights.conditions * (half ** (2 * k) if config.weights.scaled else 1.0)
            continuity.append(
                Term(
                    f"start {name}" + "'" * k,
                    False,
                    Derivative(unknown, alpha),
                    x,
                    None,
                    weight,
                    data=data,
                )
            )
    return continuity


def _stretched(config: Config, problem: Problem, stretch: Stretch, dtype: torch.dtype) -> KAN:
    trial = config.trial
    check_degree(trial, problem)
    knots, coefficients = stretch.spline(trial.intervals[0], trial.degree[0])
    return build_stretched(
        torch.tensor(knots).to(dtype),
        torch.tensor(coefficients).to(dtype),
        trial.width[0],
        trial.intervals[1],
        trial.degree[1],
        trial.spread,
        len(problem.unknowns),
        stretch.periodic,
    )


def _stretch(problem: Problem, solved: Sequence[Slab], intervals: int, guessed: bool) -> Stretch:
    """The map of the network's coordinate that the state at the start of a slab asks for, and a
    guess of the slab.
    """
    half = (problem.domain.upper[0] - problem.domain.lower[0]) / 2
    periodic = any(isinstance(condition, PeriodicCondition) for condition in problem.conditions)
    even = replace(Stretch.none(-1.0, 1.0), periodic=periodic)
    s = even.x if not solved else _sites(solved[-1].parts.trial)
    start, end = problem.domain.lower[1], problem.domain.upper[1]
    states = []
    for number, slab in enumerate(solved):
        for t in (
            (start, (start + end) / 2, end) if guessed and number == len(solved) - 1 else (start,)
        ):
            x = np.stack([problem.domain.lower[0] + half * (s + 1), np.full(FINE, t)], axis=1)
            states.append(_state(slab.parts.trial, torch.tensor(x)))
    if not solved or (guessed and len(solved) == 1):
        x = np.stack([problem.domain.lower[0] + half * (s + 1), np.full(FINE, start)], axis=1)
        first = _initial(problem, torch.tensor(x))
        if first is None:
            return even
        states.append(first)
    scale = half ** np.arange(DERIVATIVES + 1)[:, None, None]
    wanted = np.max([density(s, state * scale, 2.0, periodic) for state in states], axis=0)
    return Stretch.equidistributing(s, wanted, periodic, intervals)


def _sites(trial: TrialSolution) -> np.ndarray[Any, np.dtype[np.float64]]:
    """FINE positions in [-1, 1], as dense as the knots of a trial solution."""
    network = trial.network
    assert isinstance(network, KAN)
    grid = network.stack[0].grid
    assert isinstance(grid, SplineGrid)
    knots = grid.breakpoints[0].double().numpy()
    s = np.interp(np.linspace(0, len(knots) - 1, FINE), np.arange(len(knots)), knots)
    s[0], s[-1] = -1.0, 1.0
    return np.asarray(s)


def _state(trial: TrialSolution, x: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    """u and DERIVATIVES by x of every unknown at points x (M, 2), (6, m, M)."""
    space = JetSpace.closure([(DERIVATIVES, 0)], 2)
    with torch.no_grad():
        return trial.jet(trial.locate(x.to(trial.scale.dtype), space)).data.double().numpy()


def _initial(problem: Problem, x: Tensor) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """The same of the initial values, where every unknown that moves has a condition u = f(x);
    others count as zero.
    """
    derivatives = np.zeros((DERIVATIVES + 1, len(problem.unknowns), len(x)))
    seen = False
    for condition in problem.conditions:
        present = jets(condition.node)
        if condition.part != "initial" or len(present) != 1:
            continue
        (jet,) = present
        factors, rest = linear_parts(condition.node)
        if any(jet.index) or not is_zero(differentiate(factors[jet], 0)):
            continue
        node = negate(rest)
        size = evaluate([factors[jet]], x)[0].numpy()
        for k in range(DERIVATIVES + 1):
            derivatives[k, jet.unknown] = evaluate([node], x)[0].numpy() / size
            node = differentiate(node, 0)
        seen = True
    return derivatives if seen else None


def _points(
    config: Config, problem: Problem, stretch: Stretch, dtype: torch.dtype, unseen: bool
) -> Collocation:
    """Points even in ξ times Chebyshev instants; the seed moves each within its cell. Held-out ones
    stand anywhere in their cells, even in t, and weigh as much as their cells are long.
    """
    rng = np.random.default_rng((config.seed, 1) if unseen else config.seed)
    domain, jitter = problem.domain, 1.0 if unseen else config.sampler.jitter / 2
    lower, upper = domain.lower, domain.upper
    instants = config.trial.width[0] + 2

    def along(count: int) -> tuple[Any, Any]:
        ends = stretch.inverse(np.linspace(-1, 1, count + 1))
        x = stretch.inverse(
            (2 * np.arange(count) + 1 + jitter * rng.uniform(-1, 1, count)) / count - 1
        )
        return lower[0] + (upper[0] - lower[0]) * (x + 1) / 2, np.diff(ends) if unseen else np.ones(
            count
        )

    def times(count: int) -> Any:
        cells = (np.arange(count) + 0.5 + jitter * rng.uniform(-0.5, 0.5, count)) / count
        return lower[1] + (upper[1] - lower[1]) * (
            cells if unseen else (1 - np.cos(np.pi * cells)) / 2
        )

    (x, w), t = along(max(2, config.sampler.interior // instants)), times(instants)
    inside = np.stack([np.repeat(x, len(t)), np.tile(t, len(x))], axis=1), np.repeat(w, len(t))
    begin, wb = along(SOONER * len(x))
    begin, wb = np.concatenate([lower[:1], begin, upper[:1]]), np.concatenate([wb[:1], wb, wb[-1:]])
    parts = {"initial": (np.stack([begin, np.full(len(begin), lower[1])], axis=1), wb)}
    for part in problem.parts:
        if part not in ("initial", "final"):
            place = domain.part(part, 1, "gauss", rng).x[0, 0]
            t = times(2 * instants)
            parts[part] = np.stack([np.full(len(t), place), t], axis=1), np.ones(len(t))
    normals = {part: domain.part(part, 1, "gauss", rng).normal for part in parts}
    return Collocation(
        _weighted(*inside, None, dtype),
        {part: _weighted(*at, normals[part], dtype) for part, at in parts.items()},
    )


def _weighted(x: Any, w: Any, normal: Any, dtype: torch.dtype) -> Points:
    """Points (N, 2) of relative weights (N,) with one normal."""
    at = torch.tensor(x).to(dtype)
    normals = (
        None
        if normal is None
        else torch.tensor(normal[:1]).to(dtype).expand(len(at), -1).contiguous()
    )
    return Points(at, torch.tensor(w / w.sum()).to(dtype), normals)
