"""A scrambled Sobol sequence: points that fill the unit cube more evenly than random ones.

    x_{n+1} = x_n ⊕ v_c / 2³⁰,    c the number of trailing ones of n,    x_0 = a random shift

Coordinate j has direction numbers v_1, v_2, …, from the recurrence of a primitive polynomial over
GF(2), each multiplied by a random lower triangular matrix of bits (a linear matrix scramble).
Points and draws from the generator are those of `scipy.stats.qmc.Sobol`, to the last bit; that
module takes longer to import than many problems to solve.

Source: Joe & Kuo, SIAM J. Sci. Comput. 30 (2008) 2635–2654 (the numbers below are the first of
new-joe-kuo-6.21201); Bratley & Fox, ACM Trans. Math. Softw. 14 (1988) 88–100 (algorithm 659);
Matoušek, J. Complexity 14 (1998) 527–556 (the scramble).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bits = NDArray[np.uint32]

BITS = 30
"""Binary digits of a coordinate."""

# Coordinate by coordinate: the polynomial's bits, then the first direction numbers m_1, m_2, …
_START: tuple[tuple[int, tuple[int, ...]], ...] = (
    (1, (1,)),
    (3, (1,)),
    (7, (1, 3)),
    (11, (1, 3, 1)),
    (13, (1, 1, 1)),
    (19, (1, 1, 3, 3)),
    (25, (1, 3, 5, 13)),
    (37, (1, 1, 5, 5, 17)),
    (41, (1, 1, 5, 5, 5)),
    (47, (1, 1, 7, 11, 19)),
    (55, (1, 1, 5, 1, 1)),
    (59, (1, 1, 1, 3, 11)),
    (61, (1, 3, 5, 5, 31)),
    (67, (1, 3, 3, 9, 7, 49)),
    (91, (1, 1, 1, 15, 21, 21)),
    (97, (1, 3, 1, 13, 27, 49)),
    (103, (1, 1, 1, 15, 7, 5)),
    (109, (1, 3, 1, 15, 13, 25)),
    (115, (1, 1, 5, 5, 19, 61)),
    (131, (1, 3, 7, 11, 23, 15, 103)),
)

TABLED = len(_START)
"""Coordinates whose direction numbers stand here; those of more come from scipy."""


def sobol(count: int, dimension: int, rng: np.random.Generator) -> Array:
    """The first `count` points of a sequence scrambled by `rng`, (count, dimension), in [0, 1).

    The next power of two of points is balanced: every half, quarter, … of an axis holds as many.
    """
    if dimension > TABLED:
        from scipy.stats import qmc

        drawn = qmc.Sobol(dimension, scramble=True, rng=rng).random_base2((count - 1).bit_length())
        return np.asarray(drawn[:count], dtype=np.float64)
    rng = rng.spawn(1)[0]  # as scipy does: the caller's own stream stays where it was
    digits = rng.integers(2, size=(dimension, BITS), dtype=np.uint32)
    shift = digits @ (2 ** np.arange(BITS, dtype=np.uint32))
    scramble = np.tril(rng.integers(2, size=(dimension, BITS, BITS), dtype=np.uint32))
    directions = _scrambled(np.stack([_directions(*_START[j]) for j in range(dimension)]), scramble)
    # a Gray code changes one bit at a time, so every point is the one before ⊕ one column
    steps = np.arange(1, count, dtype=np.int64)
    changed = np.log2(steps & -steps).astype(np.int64)
    points = np.concatenate([shift[None, :], directions.T[changed]])
    np.bitwise_xor.accumulate(points, axis=0, out=points)
    return np.asarray(points * (1.0 / 2**BITS), dtype=np.float64)


def _directions(polynomial: int, start: tuple[int, ...]) -> Bits:
    """The direction numbers v_1 … v_30 of a coordinate as fractions of 2³⁰, (30,)."""
    degree = polynomial.bit_length() - 1
    numbers = list(start) if degree else [1] * BITS
    for k in range(len(numbers), BITS):
        number = numbers[k - degree] ^ (numbers[k - degree] << degree)
        for i in range(1, degree):
            if polynomial >> (degree - i) & 1:
                number ^= numbers[k - i] << i
        numbers.append(number)
    return np.array([m << (BITS - 1 - k) for k, m in enumerate(numbers)], dtype=np.uint32)


def _scrambled(directions: Bits, matrices: Bits) -> Bits:
    """Direction numbers (d, 30) times lower triangular matrices of bits (d, 30, 30) with ones on
    the diagonal.
    """
    places = np.arange(BITS - 1, -1, -1, dtype=np.uint32)
    columns = (directions[:, :, None] >> places) & 1  # (d, direction, digit from the first)
    matrices = matrices | np.eye(BITS, dtype=np.uint32)
    product = (columns @ matrices.transpose(0, 2, 1)) & 1
    return np.asarray(product @ (1 << places), dtype=np.uint32)
