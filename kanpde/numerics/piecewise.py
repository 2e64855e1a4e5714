"""Continuous piecewise polynomials of one coordinate.

On an interval with ends x_e: two straight lines and, of degree j ≥ 2, (P_j - P_{j-2})/√(2(2j - 1)), so
that values meet at the ends. Source: Schwab, p- and hp-Finite Element Methods, Oxford 1998, ch. 3.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Array = NDArray[Any]

SHRINKING = 0.15
"""By how much intervals shrink from layer to layer."""

EXTRA = 2
"""Gauss points of an interval beyond its degree."""


@dataclass(frozen=True, eq=False)
class Line:
    """Piecewise polynomials on intervals with ends `places` (E + 1,), continuous."""

    places: Array
    degree: int

    @classmethod
    def graded(cls, ends: Sequence[float], degree: int, layers: int) -> Line:
        """Between given ends, with so many thinner intervals at both sides of all but the outermost."""
        places = [ends[0]]
        for start, end in itertools.pairwise(ends):
            steps = (end - start) / 2 * SHRINKING ** np.arange(1, layers + 1)
            if start > ends[0]:
                places += list(start + steps[::-1])
            if end < ends[-1]:
                places += list(end - steps)
            places.append(end)
        return cls(np.array(places), degree)

    @property
    def count(self) -> int:
        """The number of functions."""
        return (len(self.places) - 1) * self.degree + 1

    @cached_property
    def widths(self) -> Array:
        """(E,)."""
        return np.diff(self.places)

    @cached_property
    def points(self) -> Array:
        """Gauss points of every interval, (E, g)."""
        z = legendre.leggauss(self.degree + EXTRA)[0]
        return self.places[:-1, None] + (z + 1) / 2 * self.widths[:, None]

    @cached_property
    def weights(self) -> Array:
        """Their weights, (E, g)."""
        return legendre.leggauss(self.degree + EXTRA)[1] / 2 * self.widths[:, None]

    def nodal(self, order: int) -> Array:
        """Derivatives of the functions of every interval at its Gauss points, (E, g, degree + 1)."""
        z = legendre.leggauss(self.degree + EXTRA)[0]
        rate = (2 / self.widths) ** order
        return rate[:, None, None] * functions(z, self.degree, order)

    @cached_property
    def numbers(self) -> Array:
        """Which functions those of an interval are, (E, degree + 1)."""
        starts = np.arange(len(self.places) - 1) * self.degree
        return np.asarray(starts[:, None] + np.arange(self.degree + 1))

    def rows(self, x: Array, order: int = 0) -> tuple[Array, Array]:
        """The numbers of the functions at points (N,) and their derivatives, both (N, degree + 1)."""
        element = np.clip(
            np.searchsorted(self.places, x, side="right") - 1, 0, len(self.widths) - 1
        )
        z = 2 * (x - self.places[element]) / self.widths[element] - 1
        rate = (2 / self.widths[element]) ** order
        return self.numbers[element], rate[:, None] * functions(z, self.degree, order)


def functions(z: Array, degree: int, order: int = 0) -> Array:
    """Derivatives of the functions of [-1, 1] at points (N,), (N, degree + 1)."""
    table = np.zeros((degree + 1, degree + 1))
    table[0, 0], table[1, 0] = 0.5, -0.5
    table[:2, degree] = 0.5
    for j in range(2, degree + 1):
        table[j, j - 1] = 1 / np.sqrt(2 * (2 * j - 1))
        table[j - 2, j - 1] = -table[j, j - 1]
    derived = legendre.legder(table, order) if order else table
    if not len(derived):
        return np.zeros((len(z), degree + 1))
    return np.asarray(legendre.legvander(z, len(derived) - 1) @ derived)


def joined_rows(parts: Sequence[tuple[Array, Array]], lines: Sequence[Line]) -> tuple[Array, Array]:
    """The numbers (N, n_1 n_2 …) and values of products of functions, from those of every line."""
    numbers, values = parts[0]
    for (more, others), line in zip(parts[1:], lines[1:], strict=True):
        numbers = (numbers[:, :, None] * line.count + more[:, None]).reshape(len(numbers), -1)
        values = (values[:, :, None] * others[:, None]).reshape(len(values), -1)
    return numbers, values
