"""Rows of a patch in space that fall apart into systems with columns of their own.

    rows a, b with |a_j| = |b_j| for all j   →   (a + b)/√2, (a - b)/√2

On a whole cell with constant coefficients, derivatives take even polynomials to even or odd ones, and
what conditions say on opposite faces differs in signs alone: sums and differences of such rows see
half of the columns each. Poisson's equation on a cube falls into eight systems, so that QR of its
rows takes a 64th; so does elasticity, where parities of the components differ.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kanpde.numerics.polynomials import Indices
from kanpde.numerics.quadrature import Array


def turned(matrix: Array, right: Array) -> Array:
    """Rows (R, n) with their right sides (R,) as (R, n + 1), sums and differences of two that are
    alike but for signs in their place.
    """
    out = np.concatenate([matrix, right[:, None]], axis=1)
    places: dict[int, list[int]] = {}
    for number, row in enumerate(matrix):
        places.setdefault(hash(np.abs(row).tobytes()), []).append(number)
    for alike in places.values():
        for a, b in zip(alike[::2], alike[1::2], strict=False):
            first, second = out[a].copy(), out[b]
            out[a], out[b] = (first + second) / np.sqrt(2.0), (first - second) / np.sqrt(2.0)
    return out


def parts(rows: Array) -> Iterator[tuple[Indices, Indices]]:
    """The rows and the columns of every system that rows (R, n) fall into; rows of zeros are in
    none, columns of zeros are one each.
    """
    reached = rows != 0.0
    left = np.ones(rows.shape[1], dtype=np.bool_)
    while left.any():
        columns = np.zeros(len(left), dtype=np.bool_)
        columns[left.argmax()] = True
        while True:
            mine = reached[:, columns].any(axis=1)
            wider = columns | reached[mine].any(axis=0)
            if (wider == columns).all():
                break
            columns = wider
        left &= ~columns
        yield np.flatnonzero(mine), np.flatnonzero(columns)
