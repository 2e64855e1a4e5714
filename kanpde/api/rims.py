"""Where a solution rests on its obstacle, by solves with u = g on guesses of it
(`problem.free_boundaries`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from kanpde.api.outcome import Outcome, Plan
from kanpde.config import Config
from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.conditions import BoundaryConfig, ConditionConfig
from kanpde.config.problem.intervals import IntervalShape
from kanpde.config.problem.shapes import BoxShape, Shape
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.domains import Domain
from kanpde.errors import ConfigError, NumericalError
from kanpde.expressions import Node, differentiate, is_linear
from kanpde.numerics.quadrature import Array
from kanpde.problem.complementarity import Obstacle, pressed_on
from kanpde.problem.free_boundaries import (
    Intervals,
    Star,
    resting_in_the_plane,
    resting_on_a_line,
)
from kanpde.progress import Overdue, Progress, Silent
from kanpde.results.fields import formula_values
from kanpde.trial.piecewise import AnyTrial

FINER = 0.1
"""The tolerance of solves between ends, as a share of that of the solution."""

STEPS, SETTLED, EACH = 8, 1e-9, 0.12
"""Most steps of a rim, the share of the domain that the last one may have, and its seconds' share."""

NEAR, LOOSEST, COARSE = 0.3, 1e-3, 1e-5
"""In the plane the last step counts by its square: it may be this share of the root of the
tolerance, times the domain. Solves on the way have tolerances between these two, a share FINER of
the square of the step before, which is how long the next one is.
"""

BESIDE = 1e-9
"""How far outside of a rim u is looked at, as a share of the domain."""

Rest = Intervals | Star


@dataclass(frozen=True)
class Rims:
    """The search for the rim of what a solution of one equation rests on."""

    config: Config
    at: Callable[..., Plan]
    obstacle: Obstacle

    @property
    def _tolerance(self) -> float:
        return self.config.tolerance or TOLERANCE[self.config.dtype]

    def _gap(self) -> tuple[str, Node]:
        """u - g, which is 0 where it rests."""
        obstacle = self.obstacle
        text, node = obstacle.text.lower, obstacle.lower
        if text is None or node is None:
            text, node = obstacle.text.upper, obstacle.upper
        assert text is not None
        assert node is not None
        return text, node

    def resting(self, rest: Rest) -> Config:
        """The equation outside of a set, u = g in it."""
        obstacle = self.obstacle
        problem = self.config.problem
        inside, (gap, _) = rest.formula(problem.coordinates), self._gap()
        if is_linear(obstacle.equation):
            text = f"where({inside}, {gap}, {obstacle.text.equation}) = 0"
        else:  # as a source, since no coefficient of second order may jump there
            (name,) = problem.unknowns
            text = pressed_on(obstacle.text.equation, gap, name, inside)
        equations = list(problem.equations)
        equations[obstacle.number] = text
        stated = replace(problem, equations=tuple(equations), exact=None, reference=None)
        return replace(self.config, problem=stated)

    def found(self, rough: Outcome, progress: Progress, until: float) -> Rest | None:
        """Where the solution rests, None where Newton's method does not settle."""
        obstacle = self.obstacle
        if obstacle.lower is not None and obstacle.upper is not None:
            return None
        sign = 1.0 if obstacle.lower is not None else -1.0
        _, node = self._gap()
        domain = rough.problem.domain

        def gap(x: Array) -> Array:
            return sign * formula_values([node], rough.trial, torch.tensor(x))[0]

        try:
            if domain.dimension == 1:
                ends = float(domain.lower[0]), float(domain.upper[0])
                return self._on_a_line(resting_on_a_line(gap, *ends), ends, progress)
            star = resting_in_the_plane(
                gap, lambda x: domain.contains(x), domain.lower, domain.upper
            )
            return None if star is None else self._in_the_plane(star, domain, (progress, until))
        except (ConfigError, NumericalError, Overdue):
            return None

    def _on_a_line(
        self, rest: Intervals, domain: tuple[float, float], progress: Progress
    ) -> Intervals | None:
        length = domain[1] - domain[0]
        ends = rest.ends.copy()
        for _ in range(STEPS):
            inner = ends[(ends > domain[0]) & (ends < domain[1])]
            if not len(inner):
                return None
            steps: dict[float, float] = {}
            edges = [domain[0], *ends.ravel().tolist(), domain[1]]
            for low, high in zip(edges[::2], edges[1::2], strict=True):
                if high > low:
                    steps |= self._steps_between(low, high, domain)
            moved = np.array([[a + steps.get(a, 0.0) for a in row] for row in ends.tolist()])
            flat = moved.ravel()
            if (np.diff(flat) <= 0).any() or flat[0] < domain[0] or flat[-1] > domain[1]:
                return None
            largest = float(np.abs(moved - ends).max())
            ends = moved
            progress.message(f"the ends of where it rests moved by {largest:.1e}")
            if largest <= SETTLED * length:
                return Intervals(ends)
        return None

    def _steps_between(
        self, low: float, high: float, domain: tuple[float, float]
    ) -> dict[float, float]:
        """The steps of those ends of a gap that are no ends of the domain."""
        text, node = self._gap()
        obstacle = self.obstacle
        problem = self.config.problem
        conditions: list[ConditionConfig] = []
        steps = {}
        for place, outer, part in ((low, domain[0], 0), (high, domain[1], 1)):
            name = problem.domain.parts[part]
            if place == outer:
                conditions += [
                    replace(each, parts=(name,), whole=False)
                    for each in problem.conditions
                    if isinstance(each, BoundaryConfig) and name in each.parts
                ]
            else:
                conditions.append(BoundaryConfig(parts=(name,), equation=f"{text} = 0"))
        between = replace(
            problem,
            domain=_cut(problem.domain, low, high),
            equations=(f"{obstacle.text.equation} = 0",),
            conditions=tuple(conditions),
            exact=None,
            reference=None,
            quantities=FrozenMap(),
            vectors=FrozenMap(),
            numbers=FrozenMap(),
        )
        config = replace(self.config, problem=between, tolerance=FINER * self._tolerance)
        trial = self.at(config).run(Silent()).trial
        inner = [place for place in (low, high) if place not in domain]
        slope = differentiate(node, 0)
        x = torch.tensor(inner, dtype=torch.float64)[:, None]
        first, second = formula_values([slope, differentiate(slope, 0)], trial, x)
        for place, a, b in zip(inner, first, second, strict=True):
            steps[place] = float(np.clip(-a / b, -(high - low) / 2, (high - low) / 2))
        return steps

    def _in_the_plane(
        self, star: Star, domain: Domain, course: tuple[Progress, float]
    ) -> Star | None:
        progress, until = course
        _, node = self._gap()
        size = float((domain.upper - domain.lower).max())
        slopes = [differentiate(node, axis) for axis in (0, 1)]
        nodes = [*slopes, *(differentiate(slopes[i], j) for i, j in ((0, 0), (0, 1), (1, 1)))]
        side = BESIDE * size * (1.0 if star.inside else -1.0)
        goal = NEAR * self._tolerance**0.5 * size
        before = np.inf
        for _ in range(STEPS):
            tolerance = min(LOOSEST, max(COARSE, FINER * (before / size) ** 2))
            each = replace(
                self.resting(star),
                tolerance=tolerance,
                seconds=max(1.0, EACH * (self.config.seconds or SECONDS)),
            )
            trial: AnyTrial = self.at(each).run(Silent()).trial
            x, _, n = star.rim()
            values = formula_values(nodes, trial, torch.tensor(x + side * n))
            along = values[0] * n[:, 0] + values[1] * n[:, 1]
            twice = (
                values[2] * n[:, 0] ** 2
                + 2 * values[3] * n[:, 0] * n[:, 1]
                + values[4] * n[:, 1] ** 2
            )
            steps = -along / twice
            largest = float(np.abs(steps).max())
            progress.message(f"the rim of where it rests moved by {largest:.1e}")
            if not np.isfinite(largest) or largest > min(0.3 * size, 2 * before):
                return None
            star, before = star.moved(steps), largest
            if largest <= goal:
                return star
            if time.perf_counter() > until:
                return None
        return None


def _cut(shape: Shape, low: float, high: float) -> Shape:
    """The part of a shape on a line between two ends."""
    if isinstance(shape, IntervalShape):
        return replace(shape, lower=low, upper=high)
    assert isinstance(shape, BoxShape)
    return replace(shape, lower=(low,), upper=(high,))
