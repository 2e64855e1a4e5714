"""What a slab passes through between its instants, where terms of the equations are narrow in the
unknowns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.polynomial import legendre

from kanpde.expressions import Derivative
from kanpde.marching.ordinary.collocation import rule
from kanpde.marching.passing import passes
from kanpde.marching.plane.slab import Solved
from kanpde.marching.plane.statement import TIME, Evolution
from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import Cover
from kanpde.patches.kans import tiles_of
from kanpde.patches.linearisation import Pieces
from kanpde.problem.passages import Numbers, Passages, Paths, Spans
from kanpde.trial.patchwork import Locator

THROUGH = 3
"""Halvings of a slab that passes through what is narrow."""

PLACES = 24
"""Places of the space at which a slab is followed."""


@dataclass(frozen=True)
class Passing:
    """The terms of an evolution that may be narrow in the unknowns, on cells over its space."""

    evolution: Evolution
    cover: Cover

    @cached_property
    def passages(self) -> Passages:
        """Those of the equations."""
        nodes = [formula.node for formula in self.evolution.equations]
        return Passages.of(nodes, self.evolution.dimension + 1)

    @cached_property
    def _places(self) -> Array:
        return self.evolution.space.interior(PLACES, "sobol", np.random.default_rng(0)).x

    def is_passed(self, solved: Solved, sizes: Array, error: float) -> bool:
        """Whether a slab with unknowns of some sizes (m,) passes through what is narrow between its
        instants.
        """
        passages = self.passages
        if not passages.terms:
            return False
        domain, lines = self.evolution.problem.domain, len(self._places)
        paths = self._paths(solved)
        even = Spans.of(np.linspace(0.0, 1.0, 10), lines)
        sides = domain.upper - domain.lower
        scales = passages.scales(paths(even.line, even.begin), sizes, sides)
        table = rule(solved.operator.radau.stages)
        instants = (table.nodes, partial(table.at, folds=0))
        return passes(passages, paths, lines, instants, scales, error * sides[-1] / solved.h)

    def _paths(self, solved: Solved) -> Paths:
        """The solution at the places from the start of a slab to its end."""
        m, x = self.evolution.unknowns, self._places
        series = solved.series()
        count = len(series[0])
        flat = [of.transpose(1, 0, 2).reshape(of.shape[1], -1) for of in series]
        pieces = Pieces(solved.patches, flat, Locator(tiles_of(self.cover, solved.patches)))
        known = {}
        for jet in self.passages.jets:
            alpha, power = jet.index[:TIME], jet.index[TIME]
            numbered = [Derivative(jet.unknown + m * k, alpha) for k in range(count)]
            in_time = legendre.legder(np.array(pieces.at(x, numbered, None)), power)
            known[jet] = in_time * (2 / solved.h) ** power

        def paths(line: Numbers, at: Array) -> Array:
            columns = [x[line], (solved.t + solved.h * at)[:, None]]
            for in_time in known.values():
                table = legendre.legvander(2 * at - 1, len(in_time) - 1)
                columns.append(np.einsum("nk,kn->n", table, in_time[:, line])[:, None])
            return np.hstack(columns)

        return paths
