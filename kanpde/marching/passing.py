"""What a solved slab passes through between the instants at which it meets the equations.

Terms that are narrow in the unknowns (`problem.passages`) are compared with the polynomial of t
through their values at the Radau points of a slab, at instants between which they may bend.
"""

from __future__ import annotations

import numpy as np

from kanpde.marching.pulses import UNSEEN, Interpolate
from kanpde.numerics.quadrature import Array
from kanpde.problem.passages import Passages, Paths, Spans

EVEN = 25
"""Instants of a slab between which terms are looked at."""

BEYOND = 0.5
"""A term that jumps may lie by this share of the range of its values at the points outside of it."""


def passes(
    passages: Passages,
    paths: Paths,
    lines: int,
    instants: tuple[Array, Interpolate],
    scales: Array,
    least: float,
) -> bool:
    """Whether a slab does not resolve what the solution passes through.

    Args:
        passages: terms of the equations.
        paths: the solution on the slab at some places, from its start to its end.
        lines: how many places these are.
        instants: where in it the equations are met, from 0 to 1, and interpolation from there.
        scales: the sizes of all equations.
        least: what a piece that bends times its length, as a share of the slab's, may be.
    """
    nodes, interpolate = instants
    further = passages.between(paths, Spans.of(np.linspace(0, 1, EVEN), lines), scales, least)
    exact = passages.values(paths(further.line, further.begin))
    for line in np.unique(further.line):
        mine = further.line == line
        met = np.append(0.0, nodes)  # the start is met by the slab before
        seen = passages.values(paths(np.full(len(met), line), met))
        through = seen[:, 1:] @ interpolate(further.begin[mine]).T
        if _hides(passages, scales, (seen, exact[:, mine], through)):
            return True
    return False


def _hides(passages: Passages, scales: Array, values: tuple[Array, Array, Array]) -> bool:
    """Whether terms at the start and the points of a slab, (T, s + 1), do not tell what they are at
    others, (T, N), where polynomials through the former are the last of the `values`.
    """
    for term, seen, exact, through in zip(passages.terms, *values, strict=True):
        loudest = max(np.abs(seen).max(), np.abs(exact).max(), scales[term.equation])
        away, allowed = np.abs(exact - through).max(), UNSEEN * loudest
        if term.jumps:
            low, high = seen.min(), seen.max()
            away = np.maximum(exact - high, low - exact).max()
            allowed += BEYOND * (high - low)
        if away > allowed:
            return True
    return False
