"""Waves on a line as runs that a search compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.errors import ConfigError
from kanpde.marching.converging import Converged, Run, converge
from kanpde.marching.lines.statement import shortened
from kanpde.marching.ordinary.search import apart
from kanpde.marching.strings.pieces import Pieces
from kanpde.marching.strings.statement import Array, Waves, waves
from kanpde.marching.strings.steps import March, Slab
from kanpde.problem.posing import posed as posed_problem
from kanpde.problem.problem import Problem
from kanpde.progress import Progress
from kanpde.trial.networks.both_ways import BothWays
from kanpde.trial.networks.carried import Carried
from kanpde.trial.piecewise import PiecewiseInTime
from kanpde.trial.solution import TrialSolution

SHORTER = 0.7
"""The slabs of each further march, or two might have the same ones."""

SMALLEST, SAMPLES = 1e-13, 20_000
"""Smallest local error, and points at which marches are compared."""


@dataclass(frozen=True)
class WaveRun:
    """A march of waves."""

    posed: Waves
    parts: tuple[Slab, ...]
    ended: str | None = None
    rough: float = 0.0
    left: float = 0.0

    @property
    def slabs(self) -> int:
        """How many."""
        return len(self.parts)

    @property
    def edges(self) -> Array:
        """When slabs begin and end, (J + 1,)."""
        ends = [slab.t + slab.h for slab in self.parts]
        if self.ended is None:
            ends[-1] = self.posed.times[1]
        return np.array([self.posed.times[0], *ends])

    @property
    def end(self) -> float:
        """When it ended."""
        return float(self.edges[-1])

    @property
    def problem(self) -> Problem:
        """Until the march ended."""
        return shortened(self.posed.problem, self.end)

    @cached_property
    def trial(self) -> PiecewiseInTime:
        """A KAN of two ways on each slab."""
        lower, upper = self.posed.ends
        half = (upper - lower) / 2
        solutions = []
        for slab, end in zip(self.parts, self.edges[1:], strict=True):
            carry = self.posed.speed * (end - slab.t) / 2 / half
            ways = [
                Carried(
                    torch.from_numpy((pieces.breaks - lower) / half - 1),
                    torch.from_numpy(pieces.coefficients[None, :, :, None]),
                    sign * carry,
                )
                for pieces, sign in ((slab.right, 1.0), (slab.left, -1.0))
            ]
            sides = torch.from_numpy(np.array([[lower, slab.t], [upper, end]]))
            solutions.append(TrialSolution(BothWays(*ways), sides[0], sides[1]))
        return PiecewiseInTime(solutions, self.edges.tolist())

    @property
    def arrays(self) -> Mapping[str, Array]:
        """Edges, breaks and coefficients."""
        numbered = {}
        for k, slab in enumerate(self.parts):
            for way, pieces in (("right", slab.right), ("left", slab.left)):
                numbered[f"{way}{k}"] = pieces.breaks
                numbered[f"{way}_coefficients{k}"] = pieces.coefficients
        return {"edges": self.edges, **numbered}

    def difference(self, before: Run) -> float:
        """At points that fill space and time evenly, as far as this march came."""
        return apart(self, before, SAMPLES)


def prepare(config: Config) -> Waves:
    """The waves of a config; ConfigError where it has others."""
    check(config)
    problem = posed_problem(config.problem)
    known = waves(problem)
    if known is None:
        raise ConfigError(
            f"problem '{problem.name}': has no waves of one speed on a line; give trial and schedule"
        )
    return known


def search(config: Config, progress: Progress, posed: Waves) -> Converged:
    """March until the tolerance is met."""

    def run(error: float, number: int, stopped: Callable[[], bool], before: Run | None) -> Run:
        march = March(posed, error, SHORTER**number, stopped).run()
        return WaveRun(posed, tuple(march.slabs), march.ended, march.rough)

    return converge(config, progress, run, SMALLEST)


def restored(posed: Waves, arrays: Mapping[str, Array]) -> WaveRun:
    """A march from the numbers of a file."""
    edges = arrays["edges"]
    parts = []
    for k in range(len(edges) - 1):
        right, left = (
            Pieces(arrays[f"{way}{k}"], arrays[f"{way}_coefficients{k}"])
            for way in ("right", "left")
        )
        parts.append(Slab(float(edges[k]), float(edges[k + 1] - edges[k]), right, left))
    return WaveRun(posed, tuple(parts))
