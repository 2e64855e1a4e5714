"""The indices of a system in the sense of Agmon, Douglis and Nirenberg.

    order of unknown o in equation e  ≤  d_o - c_e,   equality along a perfect matching

with the least c ≥ 0 that satisfy it. In a stable norm unknown o is measured with d_o derivatives,
equation e with c_e: the momentum of Stokes' equations with none, their divergence with one, the
velocity with two and the pressure with one.

Source: Volevich, Mat. Sb. 68 (1965) 373-416 (indices from a matching); Pryce, BIT 41 (2001) 364-394
(the iteration).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from kanpde.patches.scales import Term

Orders = Sequence[Sequence[int | None]]
"""Orders[e][o], None where equation e does not have unknown o."""


class StableOrders(NamedTuple):
    """The offsets c of the equations and the indices d of the unknowns."""

    equations: tuple[int, ...]
    unknowns: tuple[int, ...]

    @property
    def grading(self) -> float:
        """Power of the distance to a corner: half the highest order, at least one."""
        return max(1.0, max(self.unknowns, default=0) / 2)


def stable_orders(terms: Sequence[Sequence[Term]], unknowns: int) -> StableOrders:
    """The indices of equations with the given terms."""
    orders: list[list[int | None]] = []
    for of_equation in terms:
        row: list[int | None] = [None] * unknowns
        for term in of_equation:
            row[term.unknown] = max(sum(term.alpha), row[term.unknown] or 0)
        orders.append(row)
    return indices(orders)


def leading(terms: Sequence[Term], offset: int, unknowns: Sequence[int]) -> list[Term]:
    """The terms that say how large an equation is: those of the unknowns of the highest index where
    one of them is of its full order, otherwise all. A pressure has the size that balances them.
    """
    highest = max(unknowns, default=0)
    chosen = [term for term in terms if unknowns[term.unknown] == highest]
    full = [term for term in chosen if sum(term.alpha) == highest - offset and term.size > 0]
    return chosen if full else list(terms)


def indices(orders: Orders) -> StableOrders:
    """The offsets c of the equations and the indices d of the unknowns.

    Without a perfect matching all equations are offset to the highest order.
    """
    unknowns = len(orders[0]) if orders else 0
    highest = [max((row[o] or 0 for row in orders), default=0) for o in range(unknowns)]
    matching = _matching(orders) if len(orders) == unknowns else None
    if matching is None:
        most = max(highest, default=0)
        offsets = tuple(most - max((order or 0 for order in row), default=0) for row in orders)
        return StableOrders(offsets, tuple(highest))
    offsets = (0,) * len(orders)
    while True:
        degrees = tuple(_largest(orders, offsets, o) for o in range(unknowns))
        raised = tuple(degrees[o] - (orders[e][o] or 0) for e, o in enumerate(matching))
        if raised == offsets:
            return StableOrders(offsets, degrees)
        offsets = raised


def _largest(orders: Orders, offsets: Sequence[int], unknown: int) -> int:
    """The index of an unknown for given offsets."""
    present = [(row[unknown], c) for row, c in zip(orders, offsets, strict=True)]
    return max(order + c for order, c in present if order is not None)


def _matching(orders: Orders) -> list[int] | None:
    """The unknown of every equation such that the sum of orders is largest, None without one."""
    count = len(orders)

    @cache
    def best(equation: int, free: int) -> tuple[int, tuple[int, ...]] | None:
        if equation == count:
            return 0, ()
        candidates = []
        for unknown, order in enumerate(orders[equation]):
            if order is None or not free >> unknown & 1:
                continue
            rest = best(equation + 1, free & ~(1 << unknown))
            if rest is not None:
                candidates.append((order + rest[0], (unknown, *rest[1])))
        return max(candidates, default=None)

    matched = best(0, (1 << count) - 1)
    return None if matched is None else list(matched[1])
