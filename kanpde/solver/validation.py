"""Rows of a table that are held back from training and judge what it led to."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kanpde.assembly.residual import Assembly
from kanpde.assembly.terms import Term
from kanpde.domains import Domain
from kanpde.solver.build import Parts
from kanpde.trial.solution import TrialSolution

PROBES, BEYOND = 4000, 0.5
"""Uniform points without values, and how far beyond the range of the values, in units of it, a
trial solution may go there: one with a peak between the rows is not believed.
"""


@dataclass(frozen=True)
class Validation:
    """Points x (N, d) and values y (N, m) that judge; `mean` and `deviation` (m,) are those of all
    values of the table, `middle` and `size` (m,) those of the range of the values that are trained
    on, `probes` points of the domain.
    """

    x: Tensor
    y: Tensor
    mean: Tensor
    deviation: Tensor
    middle: Tensor
    size: Tensor
    probes: Tensor

    def error(self, trial: TrialSolution) -> float:
        """Root mean square error over the deviation, dimensionless; infinite where it is not a
        number or the trial solution has a peak between the rows.
        """
        misfit = (trial.evaluate(self.x) - self.y) / self.deviation
        error = float(misfit.square().mean().sqrt())
        distance = ((trial.evaluate(self.probes) - self.middle) / self.size).abs()
        believed = math.isfinite(error) and float(distance.max()) < 0.5 + BEYOND
        return error if believed else math.inf

    def relative(self, trial: TrialSolution) -> float | None:
        """‖u - y‖ / ‖y‖ over the rows, dimensionless; None where all values are zero."""
        size = float(self.y.norm())
        return float((trial.evaluate(self.x) - self.y).norm()) / size if size else None


@dataclass(frozen=True)
class Training:
    """The other rows in the order of the draw: points x (N, d), values y (N, m) less their mean
    over their deviation, and the terms of a residual at them.
    """

    x: Tensor
    y: Tensor
    terms: tuple[Term, ...]

    def first(self, count: int) -> tuple[Term, ...]:
        """The terms at the first `count` rows."""
        return tuple(_at(term, torch.arange(min(count, len(self.x)))) for term in self.terms)

    def aimed(self, columns: Tensor) -> tuple[Term, ...]:
        """The terms at the first rows with other values (n, m) to be met there."""
        return tuple(replace(term, columns=columns) for term in self.first(len(columns)))


def split(parts: Parts, share: float, seed: int) -> tuple[Validation, Training]:
    """Draw a share of the rows of a problem's table by the seed for validation; the rest is
    trained on.
    """
    data = parts.problem.data
    assert data is not None and isinstance(parts.assembly, Assembly)
    x, y = (torch.tensor(numbers).to(parts.trial.scale) for numbers in data[:2])
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    count = round(share * len(x))
    judges, rest = order[:count], order[count:]
    mean, deviation = y.mean(0), y.std(0)
    deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
    low, high = y[rest].aminmax(dim=0)
    size = (high - low).clamp_min(1e-12 * deviation)
    probes = torch.tensor(_inside(parts.problem.domain)).to(x)
    terms = tuple(_at(term, rest) for term in parts.assembly.terms)
    return (
        Validation(x[judges], y[judges], mean, deviation, (low + high) / 2, size, probes),
        Training(x[rest], (y[rest] - mean) / deviation, terms),
    )


def _inside(domain: Domain) -> np.ndarray:
    """Uniform points of the domain, (n, d)."""
    cube = np.random.default_rng(0).random((PROBES, domain.dimension))
    points = domain.lower + (domain.upper - domain.lower) * cube
    return points[domain.contains(points)]


def _at(term: Term, rows: Tensor) -> Term:
    """A term of a table at some of its rows, each of the same weight as before."""
    assert term.columns is not None
    return replace(term, x=term.x[rows], columns=term.columns[rows])
