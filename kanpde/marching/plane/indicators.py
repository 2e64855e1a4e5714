"""What a slab may add to the error, from the ends of its expansions in time and space.

    time:    |a_s| min(1, |a_s|/|a_{s-1}|),   a_k Legendre coefficients in t, in L2 over the space
    space:   Σ_i Σ_stages b ∫ tail_i² / (ε² |Ω| size_i²)
             + C b (now_i / size_i) ∫ |grad tail_i|² / (ε ∫ |grad u_i|²)

relative to the unknowns, for a local error ε; now_i is the root mean square of u_i on the slab, size_i
that over the time. The tail of a patch are the last shells of its polynomials. The second term is
for corners: errors of the energy there, squared, are errors of u everywhere (measured on an L-shape:
an error of 2.7e-3 for ε = 3e-4 without it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kanpde.marching.plane.cells import tails
from kanpde.marching.plane.rows import first_derivatives
from kanpde.marching.plane.slab import Solved

Array = NDArray[np.float64]

SINGULAR = 3.0
"""C."""

NOTHING = 1e-10
"""An unknown of this share of the others does not count."""


@dataclass(frozen=True)
class Indicated:
    """Of a slab: what time adds relative to the unknowns, by patch what space adds as a share of
    what it may, coefficients (n, C) of the patches with equal weights, and the mean squares (m,) of
    the unknowns.
    """

    in_time: float
    in_space: Array
    columns: list[Array]
    squares: Array


@dataclass(frozen=True)
class _Norms:
    """Integrals over the space (m,) each: of u² and its squared slopes on the mean over the slab,
    and of the squares of the last two Legendre coefficients.
    """

    values: Array
    slopes: Array
    last: Array
    before: Array

    @classmethod
    def of(cls, solved: Solved, in_slab: Array) -> _Norms:
        """Of a slab, with the weights (s,) of its stages."""
        sums = np.zeros((4, solved.operator.evolution.unknowns))
        dimension = solved.operator.evolution.dimension
        zero, slopes = (0,) * dimension, first_derivatives(dimension)
        for of_patch, states, series in zip(
            solved.operator.rows, solved.states, solved.series(), strict=True
        ):
            table, w = of_patch.table, of_patch.inside.w
            sums[0] += in_slab @ np.einsum("n,snm->sm", w, (table[zero] @ states[1:]) ** 2)
            for index in slopes:
                sums[1] += in_slab @ np.einsum("n,snm->sm", w, (table[index] @ states[1:]) ** 2)
            sums[2] += w @ (table[zero] @ series[-1]) ** 2
            sums[3] += w @ (table[zero] @ series[-2]) ** 2
        return cls(*sums)


def counted(sizes: Array) -> Array:
    """Sizes (m,) by which errors are divided, infinite where an unknown does not count."""
    if not sizes.any():
        return np.ones_like(sizes)
    return np.where(sizes > NOTHING * sizes.max(), sizes, np.inf)


def indicated(solved: Solved, sizes: Array, error: float) -> Indicated:
    """What a slab adds, for a local error and sizes (m,) that the unknowns have at other times."""
    in_slab = solved.operator.radau.weights
    evolution = solved.operator.evolution
    area, norms = evolution.space.measure, _Norms.of(solved, in_slab)
    squares = norms.values / area
    by = counted(np.maximum(sizes, np.sqrt(squares)))
    last, before = np.sqrt(norms.last / area), np.sqrt(norms.before / area)
    ratio = np.minimum(1.0, last / np.maximum(before, np.finfo(float).tiny))
    in_time = float((last * ratio / by).max()) / math.sqrt(2 * len(in_slab) + 1)
    # an unknown without slopes is measured by one across the domain
    length = float((evolution.space.upper - evolution.space.lower).max())
    steep = np.maximum(norms.slopes, area * (by / length) ** 2)
    of_values = np.asarray(np.kron(in_slab, 1 / by**2) / (error**2 * area), dtype=np.float64)
    present = np.sqrt(squares) / by
    of_slopes = np.asarray(np.kron(in_slab, present / steep) * SINGULAR / error, dtype=np.float64)
    columns = [states[1:].swapaxes(0, 1).reshape(states.shape[1], -1) for states in solved.states]
    in_space = np.zeros(len(columns))
    for number, (rows, of_patch) in enumerate(zip(solved.operator.rows, columns, strict=True)):
        in_space[number] = tails(rows, of_patch, of_values, (0,) * evolution.dimension)
        for index in first_derivatives(evolution.dimension):
            in_space[number] += tails(rows, of_patch, of_slopes, index)
    weighted = [of_patch * np.sqrt(of_values) for of_patch in columns]
    return Indicated(in_time, in_space, weighted, squares)
