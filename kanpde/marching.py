"""Time slabs: each is a problem of its own that starts from the end of the one before.

On a slab [t_k, t_{k+1}] the equations and the conditions in space stay; the initial conditions become  ∂_t^j u = ∂_t^j u_{k-1}  at
t_k, for j below the order of the equations in t. Newton starts from the coefficients of the slab before. A `stretched` trial
solution gets its map from the state at t_k, and its points follow the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde.build import Parts, build, build_network, check_budget, check_degree, dtype_of
from kanpde.checkpoint import Store
from kanpde.collocation import Collocation, Points, collocate
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
from kanpde.result import StopReason
from kanpde.slabs import Slabs
from kanpde.solution import History, StageResult
from kanpde.solver import Solver
from kanpde.stretch import FINE, Stretch, density
from kanpde.trial import TrialSolution
from kanpde.types import Progress


@dataclass(frozen=True)
class Marched:
    """What all slabs together give; `points` are those of the first."""

    problem: Problem
    trial: Slabs
    points: Collocation
    history: History
    stages: tuple[StageResult, ...]
    reason: StopReason
    seconds: float


def in_slabs(config: Config) -> bool:
    """Whether a config is solved slab by slab."""
    return config.slabs > 1 or config.trial.start == "stretched"


def prepare(config: Config) -> Parts:
    """Build everything that a solve needs first; ConfigError or BudgetError name the key to change."""
    if not in_slabs(config):
        return build(config)
    check_budget(config)
    problem = Problem.create(config.problem)
    edges = _edges(config, problem)
    return build_slab(config, problem, (edges[0], edges[1]), None).parts


def _edges(config: Config, problem: Problem) -> list[float]:
    if config.problem.time is None:
        raise ConfigError("trial.start: stretched needs a problem with time; use ridge")
    if config.trial.lifting:
        raise ConfigError("trial.lifting: not with time slabs; set it to false")
    edges: list[float] = np.linspace(problem.domain.lower[-1], problem.domain.upper[-1], config.slabs + 1).tolist()
    return edges


def march(
    config: Config, progress: Progress, folder: Path | None = None, again: bool = False, read_only: bool = False
) -> Marched:
    """Solve slab after slab; with a run folder every slab keeps its checkpoints, and `again` goes on from them.

    Where a slab is stopped, the slabs before it and its own state are the result. `read_only` solves nothing.
    """
    problem = Problem.create(config.problem)
    edges = _edges(config, problem)
    slabs: list[Slab] = []
    runs: list[tuple[History, tuple[StageResult, ...]]] = []
    reason, seconds = StopReason.FINISHED, 0.0
    for k, interval in enumerate(pairwise(edges)):
        store = None if folder is None else Store.at(folder, f"slab{k + 1:05d}", make=not read_only)
        if read_only and slabs and store is not None and not store.any:
            break
        slab = build_slab(config, problem, interval, slabs[-1] if slabs else None)
        told = _Told(progress, k * len(config.schedule), config.slabs * len(config.schedule))
        solver = Solver(slab.parts.trial, slab.parts.assembly, config.schedule, told, store)
        if read_only or (again and store is not None and store.any):
            solver.resume(config.trial)
        history, stages, reason = solver.outcome() if read_only else solver.run()
        runs.append((history, stages))
        slabs.append(slab)
        seconds += solver.seconds
        if reason in (StopReason.INTERRUPTED, StopReason.TERMINATED, StopReason.NON_FINITE):
            break
    trial = Slabs([slab.parts.trial for slab in slabs], [slab.start for slab in slabs] + [slabs[-1].end])
    return Marched(
        problem,
        trial,
        slabs[0].parts.points,
        _joined([history for history, _ in runs]),
        tuple(
            replace(stage, name=f"slab {k}: {stage.name}") for k, (_, found) in enumerate(runs, 1) for stage in found
        ),
        StopReason.FINISHED if reason in (StopReason.SOLVED, StopReason.TOLERANCE) else reason,
        seconds,
    )


def _joined(histories: Sequence[History]) -> History:
    """Steps, seconds and stages count on from slab to slab."""
    step: list[int] = []
    objective: list[float] = []
    seconds: list[float] = []
    stage: list[int] = []
    events: list[tuple[int, str]] = []
    steps, time, stages = 0, 0.0, 0
    for one in histories:
        step += [steps + k for k in one.step]
        seconds += [time + s for s in one.seconds]
        stage += [stages + k for k in one.stage]
        events += [(steps + k, text) for k, text in one.events]
        objective += one.objective
        if one.step:
            steps, time, stages = step[-1], seconds[-1], stage[-1] + 1
    return History(tuple(step), tuple(objective), tuple(seconds), tuple(stage), tuple(events))


@dataclass(frozen=True)
class _Told:
    """An observer that counts the stages of all slabs."""

    inner: Progress
    first: int
    total: int

    @property
    def stop(self) -> StopReason | None:
        return self.inner.stop

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        self.inner.stage_started(self.first + index, self.total, name, steps)

    def step(self, done: int, objective: float) -> None:
        self.inner.step(done, objective)

    def stage_finished(self, index: int, objective: float, reason: StopReason) -> None:
        self.inner.stage_finished(self.first + index, objective, reason)

    def message(self, text: str) -> None:
        self.inner.message(text)


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
    kept = tuple(c for c in problem.conditions if before is None or c.part != "initial")
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
    if len(trial.width) != 1 or problem.domain.dimension != 2 or trial.kind != "kan":
        raise ConfigError(
            "trial.start: stretched needs a kan with one hidden layer and one coordinate of space beside the time; use ridge"
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
    return Stretch.equidistributing(s, density(derivatives, 2.0), periodic, intervals)


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
