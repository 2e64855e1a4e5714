"""One time slab: a problem of its own that starts from the end of the slab before.

On a slab [t_k, t_{k+1}] the equations and the conditions in space stay; the initial conditions become  ∂_t^j u = ∂_t^j u_{k-1}  at
t_k, for j below the order of the equations in t. Newton starts from the coefficients of the slab before. A `stretched` trial
solution gets its map from the state at t_k, and its points follow the map.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde.build import Parts, build_network, check_degree, dtype_of
from kanpde.collocation import Collocation, Points, collocate
from kanpde.conditions import Condition
from kanpde.config import Config
from kanpde.domains import SpaceTime
from kanpde.errors import ConfigError
from kanpde.expressions import Jet as Unknown
from kanpde.expressions import differentiate, is_zero, jets, linear_parts, negate
from kanpde.expressions.evaluate import evaluate
from kanpde.jets import JetSpace
from kanpde.networks import KAN, MLP, build_stretched
from kanpde.problem import Problem
from kanpde.residual import Assembly, Term, terms
from kanpde.stretch import FINE, Stretch, density
from kanpde.trial import TrialSolution

SOONER = 2
"""How many times more points the start of a slab has than an instant inside."""


@dataclass(frozen=True)
class Slab:
    """One slab ready to solve."""

    start: float
    end: float
    parts: Parts
    stretch: Stretch | None


def build_slab(config: Config, problem: Problem, interval: tuple[float, float], before: Slab | None) -> Slab:
    """The parts of a slab; `before` is solved."""
    start, end = interval
    domain = problem.domain
    if not isinstance(domain, SpaceTime):
        raise ConfigError("slabs: the problem has no time; remove the key")
    cut = SpaceTime(domain.space, start, end)
    kept = tuple(c for c in problem.conditions if _holds(c, start, end, first=before is None))
    posed = replace(problem, domain=cut, conditions=kept)
    dtype = dtype_of(config)
    stretch = None
    if config.trial.start == "stretched":
        stretch = _stretch(posed, before, min(config.trial.intervals))
        if stretch.periodic:
            posed = replace(posed, conditions=tuple(c for c in kept if c.kind != "periodic"))
        network: KAN | MLP = _stretched(config, posed, stretch, dtype)
        points = _points(config, posed, stretch, dtype)
    else:
        network = build_network(config.trial, posed, config.seed, dtype)
        parts = tuple(dict.fromkeys((*posed.parts, *(("initial",) if before else ()))))
        points = collocate(cut, parts, config.sampler, config.seed, dtype)
    if before is not None:
        network.set_outer(before.parts.trial.net.outer)
    lower, upper = (torch.tensor(side).to(dtype) for side in (cut.lower, cut.upper))
    trial = TrialSolution(network, lower, upper, None, config.trial.derivatives)
    found = terms(posed, points, config.weights)
    if before is not None:
        found += _continuity(config, posed, points.parts["initial"].x, before.parts.trial)
    return Slab(start, end, Parts(posed, trial, points, Assembly(found, trial)), stretch)


def _holds(condition: Condition, start: float, end: float, first: bool) -> bool:
    """Whether a condition belongs to a slab: initial ones to the first, points to the slab whose time they have."""
    if condition.point is not None:
        return start < condition.point[-1] <= end or (first and condition.point[-1] == start)
    return first or condition.part != "initial"


def _continuity(config: Config, problem: Problem, x: Tensor, before: TrialSolution) -> list[Term]:
    """u and its lower time derivatives at the start are those of the slab before."""
    found = []
    half = float(problem.domain.upper[-1] - problem.domain.lower[-1]) / 2
    space = len(problem.coordinates) - 1
    for unknown, name in enumerate(problem.unknowns):
        order = max((j.index[-1] for e in problem.equations for j in jets(e) if j.unknown == unknown), default=0)
        for k in range(order):
            alpha = (*[0] * space, k)
            with torch.no_grad():
                data = before.jet(before.locate(x, JetSpace.closure([alpha], space + 1))).derivative(alpha)[unknown]
            weight = config.weights.conditions * (half ** (2 * k) if config.weights.scaled else 1.0)
            found.append(Term(f"start {name}" + "'" * k, False, Unknown(unknown, alpha), x, None, weight, data=data))
    return found


def _stretched(config: Config, problem: Problem, stretch: Stretch, dtype: torch.dtype) -> KAN:
    trial = config.trial
    if len(trial.width) != 1 or problem.domain.dimension != 2 or trial.base != "none":
        raise ConfigError(
            "trial.start: stretched needs a kan with one hidden layer, base none, and one coordinate of space beside the time;"
            " use ridge"
        )
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


def _stretch(problem: Problem, before: Slab | None, intervals: int) -> Stretch:
    """The map of the network's coordinate that the state at the start of a slab asks for."""
    half = (problem.domain.upper[0] - problem.domain.lower[0]) / 2
    periodic = any(condition.kind == "periodic" for condition in problem.conditions)
    even = replace(Stretch.none(-1.0, 1.0), periodic=periodic)
    s = even.x if before is None or before.stretch is None else before.stretch.inverse(np.linspace(-1, 1, FINE))
    s[0], s[-1] = -1.0, 1.0
    x = np.stack([problem.domain.lower[0] + half * (s + 1), np.full(FINE, problem.domain.lower[1])], axis=1)
    found = _initial(problem, torch.tensor(x)) if before is None else _state(before.parts.trial, torch.tensor(x))
    if found is None:
        return even
    derivatives = found * half ** np.arange(4)[:, None, None]
    return Stretch.equidistributing(s, density(s, derivatives, 2.0, periodic), periodic, intervals)


def _state(trial: TrialSolution, x: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    """u and three derivatives by x of every unknown, (4, m, M)."""
    space = JetSpace.closure([(3, 0)], 2)
    with torch.no_grad():
        return trial.jet(trial.locate(x.to(trial.scale.dtype), space)).data.double().numpy()


def _initial(problem: Problem, x: Tensor) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """The same of the initial values, where every unknown that moves has a condition u = f(x); others count as zero."""
    found = np.zeros((4, len(problem.unknowns), len(x)))
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
        for k in range(4):
            found[k, jet.unknown] = evaluate([node], x)[0].numpy() / size
            node = differentiate(node, 0)
        seen = True
    return found if seen else None


def _points(config: Config, problem: Problem, stretch: Stretch, dtype: torch.dtype) -> Collocation:
    """Points even in ξ times Chebyshev instants; the seed moves each within its cell."""
    rng = np.random.default_rng(config.seed)
    domain, jitter = problem.domain, config.sampler.jitter
    lower, upper = domain.lower, domain.upper
    instants = config.trial.width[0] + 2

    def along(count: int) -> Any:
        cells = (np.arange(count) + 0.5 + jitter * rng.uniform(-0.25, 0.25, count)) / count
        return lower[0] + (upper[0] - lower[0]) * (stretch.inverse(2 * cells - 1) + 1) / 2

    def times(count: int) -> Any:
        cells = (np.arange(count) + 0.5 + jitter * rng.uniform(-0.25, 0.25, count)) / count
        return lower[1] + (upper[1] - lower[1]) * (1 - np.cos(np.pi * cells)) / 2

    x, t = along(max(2, config.sampler.interior // instants)), times(instants)
    inside = np.stack([np.repeat(x, len(t)), np.tile(t, len(x))], axis=1)
    begin = np.concatenate([lower[:1], along(SOONER * len(x)), upper[:1]])
    parts = {"initial": np.stack([begin, np.full(len(begin), lower[1])], axis=1)}
    for part in problem.parts:
        if part not in ("initial", "final"):
            place = domain.part(part, 1, "gauss", rng).x[0, 0]
            t = times(2 * instants)
            parts[part] = np.stack([np.full(len(t), place), t], axis=1)
    normals = {part: domain.part(part, 1, "gauss", rng).normal for part in parts}
    return Collocation(
        _even(inside, None, dtype), {part: _even(at, normals[part], dtype) for part, at in parts.items()}
    )


def _even(x: Any, normal: Any, dtype: torch.dtype) -> Points:
    """Points (N, 2) of equal weight with one normal."""
    at = torch.tensor(x).to(dtype)
    normals = None if normal is None else torch.tensor(normal[:1]).to(dtype).expand(len(at), -1).contiguous()
    return Points(at, at.new_full((len(at),), 1 / len(at)), normals)
