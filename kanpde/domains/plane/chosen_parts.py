"""Parts of a boundary that are chosen by a test of points and normals.

    part k = {x on ∂Ω: test_k(x, n(x)), and no earlier test},    what no test chooses keeps its name

Curves in the plane are cut where the choice changes, found by bisection between samples; facets of
a mesh go by their middle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from kanpde.domains.mesh import Indices
from kanpde.domains.plane.curves import Curve
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array

Test = Callable[[Array, Array], Array]
"""Which of points (N, d) with outward unit normals (N, d) are chosen, (N,)."""

SAMPLES, HALVINGS = 2000, 60
"""Points of a curve between which the choice changes once at most, and bisections."""


def cut(curves: tuple[Curve, ...], tests: Mapping[str, Test]) -> tuple[Curve, ...]:
    """Curves cut and renamed.

    Args:
        curves: the boundary of a plane domain.
        tests: by the name of the part.

    Raises:
        ConfigError: a test chooses nothing.
    """
    pieces = [piece for curve in curves for piece in _pieces(curve, tests)]
    require(tests, {piece.part for piece in pieces})
    return tuple(pieces)


def require(tests: Mapping[str, Test], present: set[str]) -> None:
    """ConfigError where a test chooses nothing."""
    for name in tests:
        if name not in present:
            raise ConfigError(
                f"problem.parts.{name}: it holds nowhere on the boundary, or an earlier part took"
                " its place; change the comparison"
            )


def chosen(x: Array, normal: Array, tests: Mapping[str, Test]) -> Indices:
    """The number (N,) of the first test that holds at each point, -1 where none does."""
    number = np.full(len(x), -1, dtype=np.int64)
    for place, test in reversed(list(enumerate(tests.values()))):
        number[test(x, normal)] = place
    return number


def _pieces(curve: Curve, tests: Mapping[str, Test]) -> list[Curve]:
    """A curve cut where the choice changes."""

    def numbers(shares: Array) -> Indices:
        return chosen(curve.at(shares), curve.normal(shares), tests)

    shares = (np.arange(SAMPLES) + 0.5) / SAMPLES
    if curve.closed:
        shares = np.append(shares, shares[0] + 1)
    at_shares = numbers(shares)
    changes = np.flatnonzero(at_shares[1:] != at_shares[:-1])
    low, high = shares[changes], shares[changes + 1]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        before = numbers(middle) == at_shares[changes]
        low, high = np.where(before, middle, low), np.where(before, high, middle)
    breaks = high.tolist()
    if not breaks:
        return [_renamed(curve, int(at_shares[0]), tests)]
    ends = [*breaks, breaks[0] + 1] if curve.closed else [0.0, *breaks, 1.0]
    pieces = []
    for first, last in pairwise(ends):
        number = numbers(np.array([(first + last) / 2]))
        pieces.append(_renamed(curve.cut(first, last), int(number[0]), tests))
    return pieces


def _renamed(curve: Curve, number: int, tests: Mapping[str, Test]) -> Curve:
    return curve if number < 0 else replace(curve, part=list(tests)[number])
