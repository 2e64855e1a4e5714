"""Corners of a plate where two free edges meet: no force acts there.

    n₁·H t₁ - n₂·H t₂ = 0,   H = ∇∇u,   t ⊥ n

with the normals n of both edges: the twisting moment of an isotropic plate does not jump. Conditions
along the edges do not say it: u = x y satisfies all of a free quarter-plane, with a force at its
corner.

Source: Timoshenko & Woinowsky-Krieger, Theory of Plates and Shells (McGraw-Hill, 1959), section 22.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from kanpde.domains.outline import ENDS, SMOOTH, outline
from kanpde.domains.plane.curves import Curve
from kanpde.expressions import jets
from kanpde.numerics.polynomials import Index
from kanpde.numerics.quadrature import Array
from kanpde.patches.layout import Patch
from kanpde.patches.scales import Scales
from kanpde.problem.problem import Problem

PLATE, FREE = 4, 2
"""Order of the equation of a plate, and the lowest order of the conditions on a free edge."""

NEAR = 1e-9
"""A corner as near to the box of a patch as this share of its size is in it."""

SECOND: tuple[Index, ...] = ((2, 0), (1, 1), (0, 2))


@dataclass(frozen=True)
class FreeCorner:
    """A corner `at` (2,) of the `parts` where an unknown is free; `twist` (3,) are the coefficients
    of ∂_x²u, ∂_x∂_y u and ∂_y²u in the jump of the twisting moment.
    """

    unknown: int
    at: Array
    parts: frozenset[str]
    twist: Array
    convex: bool

    @property
    def place(self) -> str:
        """Its coordinates in brackets."""
        return f"({self.at[0]:.4g}, {self.at[1]:.4g})"

    def row(self, patch: Patch, scales: Scales, unknowns: int) -> Array:
        """The row (1, m·n) of a patch, with the factor of a second derivative on the boundary."""
        squared = [
            scales.value(self.unknown, axis, float(size), patch.sizes) ** 2
            for axis, size in enumerate(patch.sizes)
        ]
        factor = np.sqrt(np.mean(squared)) * patch.size**2.5
        table = patch.table(self.at[None], SECOND)
        twist = sum(c * table[index] for c, index in zip(self.twist, SECOND, strict=True))
        assert isinstance(twist, np.ndarray)
        matrix = np.zeros((1, unknowns, twist.shape[1]))
        matrix[:, self.unknown] = factor * twist
        return matrix.reshape(1, -1)

    def is_in(self, patch: Patch, parts: Collection[str]) -> bool:
        """Whether a patch with these boundary parts has the corner."""
        near = NEAR * (patch.upper - patch.lower)
        inside = (self.at >= patch.lower - near) & (self.at <= patch.upper + near)
        return bool(inside.all()) and not self.parts.isdisjoint(parts)


def free_corners(problem: Problem) -> tuple[FreeCorner, ...]:
    """The corners between free edges of every unknown of fourth order in the plane."""
    if problem.domain.dimension != 2 or problem.config.time is not None or problem.regions:
        return ()
    corners: list[FreeCorner] = []
    for unknown in range(len(problem.unknowns)):
        present = [jet for node in problem.equations for jet in jets(node)]
        order = max((jet.order for jet in present if jet.unknown == unknown), default=0)
        parts = free_parts(problem, unknown) if order == PLATE else set()
        if parts:
            corners += _between(outline(problem.domain), parts, unknown)
    return tuple(corners)


def free_parts(problem: Problem, unknown: int) -> set[str]:
    """The parts with conditions on derivatives of second order and higher alone."""
    lowest: dict[str, int] = {}
    for condition in problem.conditions:
        for jet in jets(condition.node):
            if jet.unknown == unknown and condition.part:
                known = lowest.get(condition.part, jet.order)
                lowest[condition.part] = min(known, jet.order)
    return {part for part, order in lowest.items() if order >= FREE}


def _between(curves: tuple[Curve, ...], parts: Collection[str], unknown: int) -> list[FreeCorner]:
    starts = np.array([curve.at(ENDS)[0] for curve in curves])
    corners = []
    for curve in curves:
        end, before = curve.at(ENDS)[1], curve.normal(ENDS)[1]
        follower = curves[int(np.linalg.norm(starts - end, axis=1).argmin())]
        after = follower.normal(ENDS)[0]
        turn = float(before[0] * after[1] - before[1] * after[0])
        if abs(turn) <= SMOOTH or not {curve.part, follower.part} <= set(parts):
            continue
        twist = _twist(before) - _twist(after)
        names = frozenset((curve.part, follower.part))
        unit = twist / np.linalg.norm(twist)
        corners.append(FreeCorner(unknown, end, names, unit, convex=turn > 0))
    return corners


def _twist(normal: Array) -> Array:
    """The coefficients of n·H t in the three second derivatives, with t = n turned to the left."""
    a, b = normal
    return np.array([-a * b, a * a - b * b, a * b])
