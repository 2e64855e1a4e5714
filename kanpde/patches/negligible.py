"""Unknowns that are nothing beside what their equations would make of them.

    size of u_o by equation e:   S_eo = max ‖a ∂^α u_i‖ / max ‖b‖/L^|β|,   its terms a ∂^α u_i and b ∂^β u_o

with the terms of all other unknowns that are known by now, and the least of all such equations. A
pressure that is zero has no relative error, however well it is known: what is computed for it is
the error. Where u_o is at most the tolerance times S_o it is nothing against the terms that it
balances, and its error counts relative to S_o. Sources count nowhere: what they make of an unknown
alone is its size, however fast they oscillate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kanpde.errors import NumericalError
from kanpde.expressions import Derivative
from kanpde.numerics.quadrature import Array
from kanpde.patches.kans import tiles_of
from kanpde.patches.levels import ROUNDING, Ground, Level
from kanpde.patches.linearisation import Linearised, Pieces
from kanpde.patches.rows import lengths_of
from kanpde.problem.problem import Problem
from kanpde.trial.patchwork import Locator

KNOWN = 0.5
"""An unknown that changes by a larger share of itself says nothing of the size of others."""

FAR = 10.0
"""One whose change is below so many times the least one is as well known as that."""

MOST = 1e-5
"""However large the tolerance is, more than this share of its size is no nothing."""

POINTS = 1000
"""Points at which terms are measured."""


@dataclass(frozen=True)
class Without:
    """A solution in which some unknowns are zero."""

    whole: Pieces
    zero: frozenset[int]

    def at(self, x: Array, wanted: Sequence[Derivative], normal: Array | None) -> list[Array]:
        """The jets (N,) at points (N, d)."""
        jets = self.whole.at(x, wanted, normal)
        pairs = zip(wanted, jets, strict=True)
        return [np.zeros(len(x)) if jet.unknown in self.zero else values for jet, values in pairs]


class Away(NamedTuple):
    """The relative L2 difference (m,) of every unknown, and the size (m,) that its equations would
    give it where that is what the difference is relative to, else 0.
    """

    relative: Array
    beside: Array


def away(problem: Problem, ground: Ground, level: Level, previous: Array, tolerance: float) -> Away:
    """How far the unknowns of a level are from values (N, m) at the sample points."""
    relative = ground.distances(level.values, previous)
    beside, least = np.zeros(len(relative)), relative.min()
    if not least < KNOWN or ground.cover.members:
        return Away(relative, beside)
    w = ground.weights
    sizes = np.sqrt((w * level.values**2).sum(axis=0) / w.sum(axis=0))
    for unknown in np.flatnonzero(relative > FAR * least):
        unsure = frozenset({int(unknown), *np.flatnonzero(relative >= KNOWN).tolist()})
        size = balancing(problem, ground, level, int(unknown), unsure)
        if sizes[unknown] <= min(tolerance, MOST) * size:
            beside[unknown] = size
            relative[unknown] = max(ROUNDING, relative[unknown] * sizes[unknown] / size)
    return Away(relative, beside)


def balancing(
    problem: Problem, ground: Ground, level: Level, unknown: int, unsure: frozenset[int]
) -> float:
    """S_o of an unknown, 0 where no equation couples it to another one that is not `unsure`."""
    x, lengths = ground.sample.x[:: max(1, len(ground.sample.x) // POINTS)], lengths_of(problem)
    state = Pieces(
        level.patches, level.coefficients, Locator(tiles_of(ground.cover, level.patches))
    )
    known = Without(state, unsure)
    found = []
    for node in problem.equations:
        equation = Linearised.at_state(node, 1.0, known)
        wanted = [Derivative(number, index) for number, index, _ in equation.slopes]
        if unknown not in {jet.unknown for jet in wanted}:
            continue
        try:
            slopes, _ = equation.at(x)
        except NumericalError:  # a formula without a value where an unknown is zero
            return 0.0
        jets = known.at(x, wanted, None)
        own = terms = 0.0
        for jet, slope, values in zip(wanted, slopes, jets, strict=True):
            if jet.unknown == unknown:
                own = max(own, _rms(slope) / float(np.prod(lengths**jet.index)))
            else:
                terms = max(terms, _rms(slope * values))
        if own > 0.0 and terms > 0.0:
            found.append(terms / own)
    return min(found, default=0.0)


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))
