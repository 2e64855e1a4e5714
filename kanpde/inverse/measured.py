"""Measured values as rows, each in units of its noise.

    r_j = F(x_j, u(x_j), ∂u(x_j), …, c_j) / σ_g

with the columns c_j measured at x_j. Where a condition g gives no noise, σ_g begins as the size of
F for u = 0 and is estimated from what is left of its rows afterwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from kanpde.assembly.residual import Assembly
from kanpde.assembly.terms import Term, measured_terms
from kanpde.expressions.evaluate import evaluate
from kanpde.problem.problem import Problem
from kanpde.trial.constants import Constants
from kanpde.trial.patchwork import Patchwork
from kanpde.trial.piecewise import AnyTrial
from kanpde.trial.solution import TrialSolution

Array = NDArray[np.float64]

ROUNDING = 1e-9
"""No noise is taken to be below this share of the size of its values."""

FEWEST, CHANCE = 8, 2.5
"""Fewer rows tell nothing of neighbours; standard deviations that are no chance."""


WITHIN = 1.5
"""Root mean square of rows in units of given noise that is no misfit."""

NOTICED = 1e-3
"""A misfit below this share of the size of the values may be smooth."""


@dataclass(frozen=True)
class Measured:
    """All measured conditions of a problem: `terms`, the number of the condition of each row
    (n,), the typical `sizes` of F by condition, and whether each is given its noise.
    """

    terms: tuple[Term, ...]
    group: NDArray[np.int64]
    sizes: Array
    given: NDArray[np.bool_]

    @classmethod
    def of(cls, problem: Problem) -> Measured:
        """The measured values of a problem."""
        terms = tuple(measured_terms(problem, torch.zeros(1, dtype=torch.float64)))
        given = [c.noise for c in problem.conditions if c.data is not None]
        group = np.repeat(np.arange(len(terms)), [len(term.x) for term in terms])
        sizes = np.array([_size(term) for term in terms])
        return cls(terms, group, sizes, np.array(given, dtype=bool))

    def __len__(self) -> int:
        return len(self.group)

    def rows(self, trial: AnyTrial) -> Array:
        """F (n,) at the measured points, divided by the noise where that is given."""
        with torch.no_grad():
            rows = Assembly(list(self.terms), trial).residuals(trial)
        return np.asarray(torch.cat(rows).double().numpy())

    def first_noise(self) -> Array:
        """σ by condition to begin with."""
        return np.where(self.given, 1.0, self.sizes)

    def noise(self, rows: Array, constants: float) -> Array:
        """σ by condition from rows (n,) that are left after so many constants were fitted."""
        count = np.bincount(self.group, minlength=len(self.terms))
        squares = np.bincount(self.group, rows**2, minlength=len(self.terms))
        free = np.maximum(count * (1 - constants / len(rows)), 1e-300)
        estimated = np.maximum(np.sqrt(squares / free), ROUNDING * self.sizes)
        return np.where(self.given, 1.0, estimated)

    def misfit(self, rows: Array) -> float:
        """The root mean square of rows (n,) relative to the sizes of their conditions."""
        return float(np.sqrt(np.square(rows / self.sizes[self.group]).mean()))

    def is_random(self, rows: Array) -> bool:
        """Whether rows (n,) of neighbours are no more alike than by chance: of n independent ones
        the mean product of neighbours has a standard deviation of at most √(2/n) of their mean
        square, and of about √(1.5/n) where a part of them are each other's. Too few tell nothing.
        """
        products: list[Array] = []
        for number, term in enumerate(self.terms):
            here = rows[self.group == number]
            if len(here) >= FEWEST and here.any():
                nearest = _nearest(term.x.numpy())
                products.append(here * here[nearest] / np.square(here).mean())
        if not products:
            return False
        every = np.concatenate(products)
        return bool(every.mean() <= CHANCE * math.sqrt(1.5 / len(every)))

    def missed(self, rest: Array) -> str | None:
        """A warning where values without a given noise are missed by more than it can be: `rest`
        (n,) are their rows in their own units.
        """
        share = self.misfit(rest)
        if self.given.all() or share <= NOTICED or self.is_random(rest):
            return None
        start = f"not met: the measured values are missed by {share:.1%} of their size, and"
        most = int(np.bincount(self.group).max())
        if most < FEWEST:
            return f"{start} {most} are too few to tell whether that is their noise: give `noise`"
        return (
            f"{start} not by chance: neighbours are missed in the same direction; the equations do"
            f" not describe them, or the constants are wrong: give other starts"
        )


def _nearest(x: Array) -> NDArray[np.int64]:
    """The number of the nearest other point of each (N, d), sides scaled to one."""
    from scipy.spatial import cKDTree

    sides = np.maximum(np.ptp(x, axis=0), 1e-300)
    _, numbers = cKDTree(x / sides).query(x / sides, k=2)
    return np.asarray(numbers)[:, 1]


def _size(term: Term) -> float:
    """The root mean square of F for u = 0, one where that is zero."""
    zero = torch.zeros_like(term.x[:, 0])
    values = evaluate([term.node], term.known, jet=lambda leaf: zero if _is_jet(leaf) else zero[0])
    size = float(values[0].square().mean().sqrt())
    return size if np.isfinite(size) and size > 0 else 1.0


def _is_jet(leaf: object) -> bool:
    return hasattr(leaf, "unknown")


def with_constants(trial: AnyTrial, values: Array, positive: list[bool]) -> AnyTrial:
    """A solution at constants that knows them."""
    constants = Constants(values.tolist(), positive)
    if isinstance(trial, Patchwork | TrialSolution):
        trial.constants = constants
    else:
        trial.each[-1].constants = constants
    return trial
