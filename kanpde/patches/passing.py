"""Cells that see what the solution of a level passes through: terms of the equations that are narrow
in the unknowns (`problem.passages`), along lines through every patch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import Cell, Cover
from kanpde.patches.layout import Patch
from kanpde.patches.levels import Level
from kanpde.patches.newton import Newton
from kanpde.patches.probing import resolved
from kanpde.problem.passages import Numbers, Passages, Spans
from kanpde.problem.problem import Problem

Solution = Callable[[Array], Array]
"""Coordinates and jets (N, d + J) at points (N, d)."""

OFFSETS, MARKS = (0.5, 0.18, 0.82), np.linspace(0.01, 0.99, 9)
"""Where in a patch lines go along an axis, and positions along them."""


@dataclass(frozen=True)
class Passing:
    """The terms of a problem on one domain, whose error may be `tolerance`."""

    problem: Problem
    cover: Cover
    tolerance: float

    @cached_property
    def passages(self) -> Passages:
        """Those of the equations; none of several regions."""
        one = not self.cover.members and self.problem.pieces is None
        return Passages.of(self.problem.equations if one else (), self.cover.dimension)

    def finer(self, newton: Newton | None, level: Level) -> dict[Cell, int] | None:
        """The cells of a level split until they see what its solution passes through, None where
        they do.
        """
        if newton is None or level.stall or not self.passages.terms:
            return None
        state, sizes = newton.state(level), np.abs(level.values).max(axis=0)

        def solution(x: Array) -> Array:
            return np.column_stack([x, *state.at(x, self.passages.jets, None)])

        def look(patches: list[Patch]) -> Array:
            return self._between(patches, solution, sizes)

        if not len(look(level.patches)):
            return None
        cells = resolved(self.cover, newton.system(level).systems, level.degrees, look)
        return None if _same(cells, level.degrees) else cells

    def _between(self, patches: list[Patch], solution: Solution, sizes: Array) -> Array:
        """Points (N, d) on lines through patches at which a term may bend."""
        d, domain = self.cover.dimension, self.cover.domain
        lower, upper = (
            np.array([getattr(of, end) for of in patches]) for end in ("lower", "upper")
        )
        kinds = list(product(range(d), OFFSETS if d > 1 else OFFSETS[:1]))

        def paths(line: Numbers, at: Array) -> Array:
            patch, kind = np.divmod(line, len(kinds))
            axis, offset = np.array(kinds)[kind].T
            shares = np.repeat(offset[:, None], d, axis=1)
            shares[np.arange(len(at)), axis.astype(int)] = at
            x = lower[patch] + (upper[patch] - lower[patch]) * shares
            points = np.full((len(x), d + len(self.passages.jets)), np.nan)
            inside = domain.contains(x, 0.0)
            points[inside] = solution(x[inside])
            return points

        spans = Spans.of(MARKS, len(patches) * len(kinds))
        even = paths(spans.line, spans.begin)
        scales = self.passages.scales(even, sizes, domain.upper - domain.lower)
        further = self.passages.between(paths, spans, scales, self.tolerance)
        return paths(further.line, further.begin)[:, :d]


def _same(cells: Mapping[Cell, int], others: Mapping[Cell, int]) -> bool:
    return len(cells) == len(others)
