"""Cardinal B-splines: on even knots every piece is one of p + 1 polynomials, worked out once and
exactly.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache


@lru_cache(maxsize=64)
def cardinal_pieces(degree: int, order: int) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Coefficients of s^j, s = u - 1/2, of the k-th derivative of function r on an interval of
    length one: [k][r][j].

    By the recursion in exact fractions, so every entry is correctly rounded:
    B_r^j(u) = [ (r + 1 - u) B_r^{j-1}(u) + (u + j - r) B_{r-1}^{j-1}(u) ] / j.
    """
    level = [[Fraction(1)]]
    half = Fraction(1, 2)
    for j in range(1, degree + 1):
        nothing = [Fraction(0)] * j
        padded = [nothing, *level, nothing]
        level = []
        for r in range(j + 1):
            falling = _times(padded[r + 1], r + half, -1)
            rising = _times(padded[r], j - r + half, 1)
            level.append([(a + b) / j for a, b in zip(falling, rising, strict=True)])
    table = []
    for _ in range(order + 1):
        table.append(tuple(tuple(map(float, piece)) for piece in level))
        level = [_differentiated(piece) for piece in level]
    return tuple(table)


def _differentiated(polynomial: list[Fraction]) -> list[Fraction]:
    """The derivative, padded by a zero to as many coefficients."""
    return [*(k * c for k, c in enumerate(polynomial) if k), Fraction(0)]


def _times(polynomial: list[Fraction], constant: Fraction, slope: int) -> list[Fraction]:
    """polynomial(s) · (constant + slope·s)."""
    product = [constant * c for c in polynomial] + [Fraction(0)]
    for k, c in enumerate(polynomial):
        product[k + 1] += slope * c
    return product
