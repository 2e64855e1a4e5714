"""Transports along a line as runs that a search compares."""

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
from kanpde.marching.transport.statement import Array, Transport, transport
from kanpde.marching.transport.steps import March, Slab
from kanpde.problem.posing import posed as posed_problem
from kanpde.problem.problem import Problem
from kanpde.progress import Progress
from kanpde.trial.networks.carried import Carried
from kanpde.trial.networks.travelled import Travelled
from kanpde.trial.piecewise import PiecewiseInTime
from kanpde.trial.solution import TrialSolution

SHORTER = 0.7
"""The longest slabs of each further march, or two might have the same ones."""

SMALLEST, SAMPLES = 1e-13, 20_000
"""Smallest local error, and points at which marches are compared."""


@dataclass(frozen=True)
class TransportRun:
    """A march of a transport."""

    posed: Transport
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
        """A KAN with multiplication nodes on each slab."""
        lower, upper = self.posed.ends
        half = (upper - lower) / 2
        ends, travel = self.posed.evolution.ends, self.posed.travel
        edge = None
        if travel.coefficients.shape[1] > 2:
            within = (2 * travel.edges - ends[0] - ends[1]) / (ends[1] - ends[0])
            series = travel.coefficients / half
            series[:, 0] -= lower / half + 1
            edge = Travelled(torch.from_numpy(within), torch.from_numpy(series))
        solutions = []
        for slab, end in zip(self.parts, self.edges[1:], strict=True):
            network = Carried(
                torch.from_numpy((slab.labels - lower) / half - 1),
                torch.from_numpy(slab.coefficients[None]),
                self.posed.speed * (end - slab.t) / 2 / half,
                self.posed.periodic,
                edge,
            )
            sides = torch.from_numpy(np.array([[ends[0], slab.t], [ends[1], end]]))
            solutions.append(TrialSolution(network, sides[0], sides[1]))
        return PiecewiseInTime(solutions, self.edges.tolist())

    @property
    def arrays(self) -> Mapping[str, Array]:
        """Edges, labels and coefficients."""
        numbered = {f"labels{k}": slab.labels for k, slab in enumerate(self.parts)}
        numbered |= {f"carried{k}": slab.coefficients for k, slab in enumerate(self.parts)}
        return {"edges": self.edges, **numbered}

    def difference(self, before: Run) -> float:
        """At points that fill space and time evenly, as far as this march came."""
        return apart(self, before, SAMPLES)


def prepare(config: Config) -> Transport:
    """The transport of a config; ConfigError where it is none."""
    check(config)
    problem = posed_problem(config.problem)
    known = transport(problem)
    if known is None:
        raise ConfigError(
            f"problem '{problem.name}': is no transport along a line at a speed that keeps its sign and"
            f" does not change with time; give trial and schedule"
        )
    return known


def search(config: Config, progress: Progress, posed: Transport) -> Converged:
    """March until the tolerance is met; NumericalError where no slab can be solved."""

    def run(error: float, number: int, stopped: Callable[[], bool], before: Run | None) -> Run:
        march = March(posed, error, SHORTER**number, stopped).run()
        return TransportRun(posed, tuple(march.slabs), march.ended, march.rough)

    return converge(config, progress, run, SMALLEST)


def restored(posed: Transport, arrays: Mapping[str, Array]) -> TransportRun:
    """A march from the numbers of a file."""
    edges = arrays["edges"]
    parts = tuple(
        Slab(
            float(edges[k]),
            float(edges[k + 1] - edges[k]),
            arrays[f"labels{k}"],
            arrays[f"carried{k}"],
        )
        for k in range(len(edges) - 1)
    )
    return TransportRun(posed, parts)
