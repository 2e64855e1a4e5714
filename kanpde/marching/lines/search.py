"""Evolutions on a line as runs that a search compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.config.solve.defaults import TOLERANCE
from kanpde.errors import ConfigError
from kanpde.marching.converging import BELIEVED, Converged, Run, converge
from kanpde.marching.lines.space import Line
from kanpde.marching.lines.statement import Array, Evolution, evolution, shortened
from kanpde.marching.lines.steps import March, march
from kanpde.marching.ordinary.search import apart
from kanpde.problem.posing import posed
from kanpde.problem.problem import Problem
from kanpde.progress import Progress
from kanpde.trial.networks.products import Products
from kanpde.trial.piecewise import PiecewiseInTime
from kanpde.trial.solution import TrialSolution

SHORTER = 0.7
"""The first and the longest slabs of each further march, or two might have the same ones."""

SMALLEST, LEAST, BELOW = 1e-11, 1e-13, 0.01
"""The smallest local error, and where the tolerance is small this share of it, but no less than the
second: below it cannot be told from rounding, which high derivatives meet before.
"""

SAMPLES = 20_000
"""Points at which marches are compared."""


@dataclass(frozen=True)
class LineRun:
    """A march of an evolution: `edges` (J + 1,) in time, and on each slab its splines with the
    coefficients (m, K, P) by Legendre polynomials of t.
    """

    posed: Evolution
    edges: Array
    lines: tuple[Line, ...]
    coefficients: tuple[Array, ...]
    ended: str | None
    rough: float
    left: float = 0.0

    @property
    def slabs(self) -> int:
        """How many."""
        return len(self.lines)

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
        solutions = []
        for number, (line, coefficients) in enumerate(
            zip(self.lines, self.coefficients, strict=True)
        ):
            network = Products(line.grid, torch.from_numpy(coefficients))
            sides = torch.from_numpy(
                np.array([[lower, self.edges[number]], [upper, self.edges[number + 1]]])
            )
            solutions.append(TrialSolution(network, sides[0], sides[1]))
        return PiecewiseInTime(solutions, self.edges.tolist())

    @property
    def arrays(self) -> Mapping[str, Array]:
        """Edges, knots and coefficients."""
        numbered = {f"knots{k}": line.breakpoints for k, line in enumerate(self.lines)}
        numbered |= {f"coefficients{k}": rows for k, rows in enumerate(self.coefficients)}
        return {"edges": self.edges, "graded": np.array(self.lines[0].graded), **numbered}

    def difference(self, before: Run) -> float:
        """At points that fill space and time evenly, as far as this march came."""
        return apart(self, before, SAMPLES)


def prepare(config: Config) -> Evolution:
    """The evolution of a config; ConfigError says what is wrong with it."""
    check(config)
    problem = posed(config.problem)
    evolving = evolution(problem)
    if evolving is None:
        raise ConfigError(
            f"problem '{problem.name}': is no evolution on a line whose ends have as many"
            f" conditions as its equations need; give trial and schedule"
        )
    return evolving


def search(config: Config, progress: Progress, posed: Evolution) -> Converged:
    """March until the tolerance is met; NumericalError where no slab can be solved."""

    def run(error: float, number: int, stopped: Callable[[], bool], before: Run | None) -> Run:
        return as_run(posed, march(posed, error, stopped, SHORTER**number))

    believed = BELIEVED if posed.fits else 1.0
    tolerance = config.tolerance or TOLERANCE[config.dtype]
    finest = max(LEAST, min(SMALLEST, BELOW * tolerance))
    return converge(config, progress, run, finest, believed=believed)


def as_run(posed: Evolution, marched: March) -> LineRun:
    """A march as a field of its own."""
    strips = marched.strips
    edges = [posed.times[0], *(strip.t + strip.h for strip in strips)]
    if marched.ended is None:
        edges[-1] = posed.times[1]
    return LineRun(
        posed,
        np.array(edges),
        tuple(strip.line for strip in strips),
        tuple(strip.legendre(posed.orders) for strip in strips),
        marched.ended,
        marched.rough,
    )


def restored(posed: Evolution, arrays: Mapping[str, Array]) -> LineRun:
    """A march from the numbers of a file."""
    numbers = range(len(arrays["edges"]) - 1)
    graded = tuple(arrays.get("graded", np.zeros(0)).tolist())  # absent in older files
    lines = tuple(Line(arrays[f"knots{k}"], posed.periodic, *posed.ends, graded) for k in numbers)
    coefficients = tuple(arrays[f"coefficients{k}"] for k in numbers)
    return LineRun(posed, arrays["edges"], lines, coefficients, None, 0.0)
