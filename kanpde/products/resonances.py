"""Whether a family of systems has no solution somewhere in its ranges.

    A(p) v = 0, v ≠ 0:    between parameters at which A has other numbers of negative eigenvalues, or determinants of
                          other signs, an eigenvalue passes zero

There u is unbounded, its mean over the ranges does not exist, and no chain is near it.
"""

from __future__ import annotations

import itertools

import numpy as np

from kanpde.products.reduction import Array, Family

MOST_SIZE = 1200
"""Of matrices that are decomposed as dense ones."""

SAMPLED, CORNERS = 24, 6
"""Random parameters that are looked at, and up to how many parameters all corners of their box."""

SYMMETRIC = 1e-12


def unbounded_between(family: Family, names: tuple[str, ...]) -> str:
    """A sentence with two sets of parameters between which an eigenvalue passes zero, or nothing."""
    ranges = family.ranges
    if len(family.mass.indptr) - 1 > MOST_SIZE:
        return ""
    parameters = list(ranges.mixed(SAMPLED, np.random.default_rng(5)))
    if len(names) <= CORNERS:
        ends = zip(ranges.lower, ranges.upper, strict=True)
        parameters = [np.array(corner) for corner in itertools.product(*ends)] + parameters
    first = _signature(family, parameters[0])
    for other in parameters[1:]:
        if _signature(family, other) != first:
            places = [_words(names, p) for p in (parameters[0], other)]
            return (
                f"between {places[0]} and {places[1]} an eigenvalue of the operator passes zero, and u is"
                f" unbounded there; give parameter_ranges without such places"
            )
    return ""


def _signature(family: Family, parameters: Array) -> int:
    """A number that changes where an eigenvalue passes zero: how many are negative, of a matrix that is
    symmetric, else the sign of the determinant.
    """
    matrix = family.system(parameters)[0].toarray()
    if np.abs(matrix - matrix.T).max() <= SYMMETRIC * np.abs(matrix).max():
        return int((np.linalg.eigvalsh(matrix) < 0).sum())
    return int(np.linalg.slogdet(matrix)[0])


def _words(names: tuple[str, ...], parameters: Array) -> str:
    values = ", ".join(f"{name} = {p:.4g}" for name, p in zip(names, parameters, strict=True))
    return f"({values})"
