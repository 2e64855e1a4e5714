"""Equations Σ_k c_k m_k(x) = 0 that points meet, with two or three of the monomials m_k of degree
two at most.
"""

from __future__ import annotations

import math
from itertools import combinations, combinations_with_replacement

import numpy as np

from scripts.common.small_kan import Array


def monomials(names: tuple[str, ...], x: Array) -> dict[str, Array]:
    """The monomials of degree two at most in the columns of x (N, d), by name."""
    values = {"1": np.ones(len(x))}
    for degree in (1, 2):
        for chosen in combinations_with_replacement(range(len(names)), degree):
            squared = degree == 2 and len(set(chosen)) == 1
            name = names[chosen[0]] + "²" if squared else "".join(names[i] for i in chosen)
            values[name] = x[:, list(chosen)].prod(1)
    return values


def equations(names: tuple[str, ...], x: Array) -> list[tuple[dict[str, float], float]]:
    """Equations Σ c m = 0 of two or three monomials at points x (M, d), the likeliest first: c by
    name, the first -1, and misfit.

    The misfit is the smallest singular value of the columns at length one, dimensionless; a third
    term counts as a third of a digit (as in `kanpde.symbolic.search.univariate`).
    """
    terms, equations_found = monomials(names, x), []
    for chosen in (c for size in (2, 3) for c in combinations(terms, size)):
        columns = np.column_stack([terms[name] for name in chosen])
        lengths = np.linalg.norm(columns, axis=0)
        _, sizes, directions = np.linalg.svd(columns / lengths, full_matrices=False)
        c = directions[-1] / lengths
        if c[0] != 0:
            by_name = dict(zip(chosen, (-c / c[0]).tolist(), strict=True))
            equations_found.append((by_name, max(float(sizes[-1]), 1e-15)))
    return sorted(
        equations_found, key=lambda equation: math.log10(equation[1]) + len(equation[0]) / 3
    )
