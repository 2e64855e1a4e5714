"""Unknowns without a finite L2 norm, where given values jump along the boundary.

    u_i jumps at x_0   →   u_o ~ r^{d_o - d_i},   in the L2 of the plane where d_o > d_i - 1

with the distance r from x_0 and the indices d of `offsets`: of a flow the velocity has two, the
pressure one, so that it grows like 1/r at the corners of a sliding lid. What is beyond the
resolution there is all of its norm, however fine the cells are, and a relative error in L2 means
something outside a neighbourhood only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kanpde.numerics.quadrature import Array
from kanpde.patches.statement import Statement
from kanpde.patches.verdict import point
from kanpde.problem.discontinuities import discontinuities
from kanpde.problem.problem import Problem

NEAR = 0.05
"""What is left out, as a share of the shortest side of the domain."""

PLANE = 2


@dataclass(frozen=True)
class Unbounded:
    """All points (K, d) where given values jump, those where unknowns have no bound, by their
    number, with the unknowns that jump there, and what is left out around them.
    """

    jumps: Array | None = None
    places: Mapping[int, Array] = field(default_factory=dict)
    jumping: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    distance: float = 0.0

    @classmethod
    def of(cls, problem: Problem, statement: Statement | None) -> Unbounded:
        """Of a steady problem in the plane, with a linear system of it where there is one."""
        steady = problem.domain.dimension == PLANE and problem.config.time is None
        if not steady or statement is None or problem.regions:
            return cls()
        indices = statement.systems[0].stable.unknowns
        places: dict[int, list[tuple[float, ...]]] = {}
        jumping: dict[int, set[int]] = {}
        known = discontinuities(problem)
        for found in known:
            for number, index in enumerate(indices):
                causes = {i for i in found.unknowns if index <= indices[i] - 1}
                if causes and found.place not in places.setdefault(number, []):
                    places[number].append(found.place)
                jumping.setdefault(number, set()).update(causes)
        kept = {number: np.array(of_one) for number, of_one in places.items() if of_one}
        causes_of = {number: tuple(sorted(jumping[number])) for number in kept}
        shortest = float((problem.domain.upper - problem.domain.lower).min())
        jumps = np.array([found.place for found in known]) if known else None
        return cls(jumps, kept, causes_of, NEAR * shortest)

    def counted(self, x: Array, unknowns: int) -> Array | None:
        """Which points (N, d) count for every unknown, (N, m) of ones and zeros; None where all."""
        if not self.places:
            return None
        counts = np.ones((len(x), unknowns))
        for number, places in self.places.items():
            away = np.linalg.norm(x[:, None] - places, axis=2).min(axis=1)
            counts[away < self.distance, number] = 0.0
        return counts

    def notes(self, names: Sequence[str]) -> tuple[str, ...]:
        """A sentence for every unknown without a bound."""
        return tuple(
            f"{names[number]} is unbounded at {', '.join(point(place, 4) for place in places)},"
            f" where given values of {', '.join(names[i] for i in self.jumping[number])} jump: its"
            f" estimate leaves out a distance of {self.distance:.3g} around"
            for number, places in self.places.items()
        )
