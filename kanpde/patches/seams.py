"""What holds between the pieces that formulas with jumps cut a domain into.

    [u_l] = 0,    Σ_l [a_kl ∂_n u_l] + Σ_{l,j} D_klj ∂_j u_l + D_kl u_l + D_k = 0

a_kl = Σ_ij a_klij n_i n_j with the coefficients of ∂_ij u_l in equation k, one value on each side, and D
what the equation has concentrated on the seam (`problem.concentrated`), of which the derivatives along
the seam count. Where the equation is a divergence, D_klj n_j = [a_kl]: the flux is continuous. Where
nothing is concentrated, as in k Δu, ∂_n u is. An unknown without second derivatives, as a pressure, is
not continuous; the terms b·∇p of an equation add [b·n p] to its flux.

Source: the jump conditions of divergence equations, e.g. Evans, Partial Differential Equations
(2010), 3.4.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.expressions import Number
from kanpde.numerics.polynomials import Index
from kanpde.numerics.quadrature import Array
from kanpde.patches.affine import Affine
from kanpde.patches.interfaces import Interface
from kanpde.patches.support import SECOND, orders_of
from kanpde.problem.concentrated import Edge, edges_of
from kanpde.problem.conditions import PeriodicCondition
from kanpde.problem.pieces import Jumps, Pieces, Seam
from kanpde.problem.problem import Problem

PROBES = 200
"""Points of a seam at which the form of the equations is looked at."""

BESIDE = 1e-8
"""How far beside a seam tests have the signs of its sides, as a share of the domain."""

CLOSE = 1e-6
"""How near the strength of a flux is to the jump of its coefficient, as a share of the largest."""

VALUE, FIRST = (0, 0), ((1, 0), (0, 1))


@dataclass(frozen=True)
class Balance:
    """The flux of one equation through a seam, a formula like an `Affine`.

    Attributes:
        sides: the equation on the first piece and on the second.
        edges: what it has concentrated.
        step: BESIDE as a length.
        continuous: the unknowns with second derivatives.
        first: the numbers of the first unknown of both pieces.
        divergence: whether a_kl jumps with the flux; else that of the second piece is taken.
    """

    sides: tuple[Affine, Affine]
    edges: tuple[Edge, ...]
    step: float
    continuous: frozenset[int]
    first: tuple[int, int]
    divergence: bool = True
    weight: float = 1.0

    @property
    def slopes(self) -> tuple[tuple[int, Index, None], ...]:
        """The unknowns, numbered through all pieces, and their derivatives in the formula."""
        present = sorted({unknown for side in self.sides for unknown, _, _ in side.slopes})
        return tuple(
            (first + unknown, index, None)
            for first in self.first
            for unknown in present
            for index in ((*FIRST, VALUE) if unknown in self.continuous else (VALUE,))
        )

    def at(self, x: Array, normal: Array | None = None) -> tuple[Array, Array]:
        """Slopes (S, N) and constant (N,) at points (N, 2) of the seam, whose normals (N, 2) are
        outward of the first piece.
        """
        assert normal is not None
        across = self.diffusions(x, normal)
        totals: dict[tuple[int, Index], Array] = {}
        for sign, first, side in zip((-1.0, 1.0), self.first, across, strict=True):
            for unknown, values in side.items():
                if unknown in self.continuous:
                    for axis, index in enumerate(FIRST):
                        totals[first + unknown, index] = sign * values * normal[:, axis]
                else:
                    totals[first + unknown, VALUE] = sign * values
        strengths, constant = self.strengths(x, normal)
        for unknown in {unknown for unknown, _ in strengths}:
            along = [strengths.get((unknown, index), np.zeros(len(x))) for index in FIRST]
            through = along[0] * normal[:, 0] + along[1] * normal[:, 1]
            beyond = self.first[1] + unknown
            for axis, index in enumerate(FIRST):
                of_index = along[axis] - through * normal[:, axis]
                totals[beyond, index] = totals.get((beyond, index), 0.0) + of_index
            if (unknown, VALUE) in strengths:
                totals[beyond, VALUE] = strengths[unknown, VALUE]
        zero = np.zeros(len(x))
        return np.array([totals.get(each[:2], zero) for each in self.slopes]), constant

    def diffusions(self, x: Array, normal: Array) -> list[dict[int, Array]]:
        """a_kl, or b·n of an unknown without second derivatives, on both sides."""
        both: list[dict[int, Array]] = []
        for side in self.sides if self.divergence else (self.sides[1],) * 2:
            of_side: dict[int, Array] = {}
            for (unknown, index, _), values in zip(side.slopes, side.at(x)[0], strict=True):
                if sum(index) == (SECOND if unknown in self.continuous else 1):
                    power = np.prod(normal ** np.array(index), axis=1)
                    of_side[unknown] = of_side.get(unknown, 0.0) + values * power
            both.append(of_side)
        return both

    def strengths(self, x: Array, normal: Array) -> tuple[dict[tuple[int, Index], Array], Array]:
        """D at points of the seam, by unknown and derivative, and what holds no unknown."""
        sums: dict[tuple[int, Index], Array] = {}
        constant = np.zeros(len(x))
        for edge in self.edges:
            change = edge.changes(x, self.step * normal)
            if change.any():
                slopes, rest = edge.strengths(x)
                constant = constant + np.where(change, rest, 0.0)
                for jet, values in slopes.items():
                    sums[jet] = sums.get(jet, 0.0) + np.where(change, values, 0.0)
        return sums, constant

    def checked(self, x: Array, normal: Array) -> Balance | None:
        """The formula as a divergence or not, by points of the seam; None where it is neither."""
        touched = [edge for edge in self.edges if edge.changes(x, self.step * normal).any()]
        if any(edge.constant is None for edge in touched):
            return None
        mine = Balance(self.sides, tuple(touched), self.step, self.continuous, self.first)
        strengths, constant = mine.strengths(x, normal)
        values = [constant, *strengths.values()]
        wrong = any(
            sum(index) > 1 or unknown not in self.continuous for unknown, index in strengths
        )
        if wrong or not all(np.isfinite(some).all() for some in values):
            return None
        before, behind = mine.diffusions(x, normal)
        zero, gaps, jumps, sizes = np.zeros(len(x)), [0.0], [0.0], [0.0]
        for unknown in {*before, *behind}:
            jump = behind.get(unknown, zero) - before.get(unknown, zero)
            through = sum(
                strengths.get((unknown, index), zero) * normal[:, axis]
                for axis, index in enumerate(FIRST)
            )
            jumps.append(float(np.abs(through).max()))
            gaps.append(float(np.abs(through - jump).max()))
            sizes.append(
                float(np.abs([before.get(unknown, zero), behind.get(unknown, zero)]).max())
            )
        near = CLOSE * max(sizes)
        if max(gaps) <= near:
            return mine
        plain = Balance(mine.sides, mine.edges, self.step, self.continuous, self.first, False)
        return plain if max(jumps) <= near else None


def with_pieces(problem: Problem) -> Pieces | None:
    """The pieces of a steady linear problem of second order in the plane, with what holds between
    them known; None where it is not, or where there is nothing to cut.
    """
    if problem.config.time is not None or not problem.is_linear or problem.regions:
        return None
    if problem.order != SECOND or len(problem.equations) != len(problem.unknowns):
        return None
    if any(isinstance(condition, PeriodicCondition) for condition in problem.conditions):
        return None
    concentrated = tuple(
        (edge.plain, edge.plain_strengths) for edge in edges_of(problem) if not edge.is_empty
    )
    pieces = Pieces.of(problem.domain, Jumps(problem.equations, concentrated), problem.kinks)
    if pieces is None or any(_balances(problem, pieces, seam) is None for seam in pieces.seams):
        return None
    return pieces


def seams_of(problem: Problem, pieces: Pieces) -> tuple[Interface, ...]:
    """The conditions on all seams."""
    count = len(problem.unknowns)
    interfaces = []
    for seam in pieces.seams:
        balances = _balances(problem, pieces, seam)
        assert balances is not None
        first = tuple(piece * count for piece in seam.pieces)
        values = [
            Affine(
                tuple(
                    (start + unknown, VALUE, Number(sign))
                    for start, sign in zip(first, (1.0, -1.0), strict=True)
                ),
                Number(0.0),
            )
            for unknown, order in enumerate(orders_of(problem))
            if order == SECOND
        ]
        interfaces.append(Interface(seam.pieces, seam.part, (*values, *balances)))
    return tuple(interfaces)


def _balances(problem: Problem, pieces: Pieces, seam: Seam) -> list[Balance] | None:
    """The fluxes of all equations of second order through a seam, None where one is unclear."""
    points = pieces.domain.members[seam.pieces[0]].part_quadrature(seam.part, PROBES)
    assert points.normal is not None
    orders, count = orders_of(problem), len(problem.unknowns)
    extent = float((problem.domain.upper - problem.domain.lower).max())
    known = _by_equation(edges_of(problem), len(problem.equations))
    balances, plain = [], 0
    for number, edges in enumerate(known):
        first, second = (Affine.of(pieces.equations[piece][number]) for piece in seam.pieces)
        highest = [
            max((sum(index) for _, index, _ in side.slopes), default=0) for side in (first, second)
        ]
        if min(highest) == 0 and max(highest) == SECOND:
            plain += 1  # one side is known without derivatives: its values are all that hold
            continue
        if highest[0] < SECOND:
            continue
        balance = Balance(
            sides=(first, second),
            edges=edges,
            step=BESIDE * extent,
            continuous=frozenset(k for k, order in enumerate(orders) if order == SECOND),
            first=(seam.pieces[0] * count, seam.pieces[1] * count),
        ).checked(points.x, points.normal)
        if balance is None:
            return None
        balances.append(balance)
    return balances if len(balances) + plain == orders.count(SECOND) else None


def _by_equation(edges: Sequence[Edge], count: int) -> list[tuple[Edge, ...]]:
    return [tuple(edge for edge in edges if edge.equation == number) for number in range(count)]
