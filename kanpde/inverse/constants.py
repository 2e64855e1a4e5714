"""Unknown constants as numbers that least squares may move, and where else they may begin.

A positive constant is k = exp(s), any other k = s. From a start other ones lie up to DECADES away,
in logarithms; those that may be negative begin with either sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kanpde.config.problem.unknowns import UnknownParameter
from kanpde.inverse.least_squares import Array
from kanpde.numerics.sobol import sobol

DECADES = 3.0
LARGEST = 250.0
"""No logarithm is further from zero."""

SEED = 0


@dataclass(frozen=True)
class Numbers:
    """The unknown constants of a problem: `names`, `starts` (q,) and which are `positive` (q,)."""

    names: tuple[str, ...]
    starts: Array
    positive: np.ndarray

    @classmethod
    def of(cls, constants: Mapping[str, UnknownParameter]) -> Numbers:
        """From the statement of a problem."""
        entries = constants.values()
        starts = np.array([entry.start for entry in entries], dtype=float)
        return cls(tuple(constants), starts, np.array([entry.positive for entry in entries]))

    @property
    def first(self) -> Array:
        """s (q,) of the given starts."""
        return self.raw(self.starts)

    def raw(self, values: Array) -> Array:
        """s (q,) of constants."""
        logarithms = np.log(np.maximum(np.abs(values), 1e-300))
        return np.where(self.positive, logarithms, values)

    def values(self, s: Array) -> Array:
        """The constants (q,) of numbers s."""
        powers = np.exp(np.clip(s, -LARGEST, LARGEST))
        return np.where(self.positive, powers, s)

    def units(self, s: Array) -> Array:
        """What counts as a change of its own size of each number, (q,)."""
        size = np.maximum(np.abs(s), np.abs(self.starts))
        return np.where(self.positive, 1.0, np.where(size > 0, size, 1.0))

    def elsewhere(self, count: int) -> list[Array]:
        """Other starts s, so many, spread evenly in logarithms."""
        q = len(self.starts)
        spread = sobol(count, 2 * q, np.random.default_rng(SEED))
        away = 10 ** (DECADES * (2 * spread[:, :q] - 1))
        sizes = np.where(self.starts == 0, 1.0, self.starts)
        signs = np.where(self.positive | (spread[:, q:] < 0.7), 1.0, -1.0)
        return [self.raw(row) for row in signs * sizes * away]
