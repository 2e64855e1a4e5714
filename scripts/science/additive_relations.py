"""Relations among columns without a target: functions φ_i of few columns whose sum hardly varies,
Σ_i φ_i(x_i) ≈ 0.

    min over φ of  Var(Σ_i φ_i(x_i)) / Σ_i Var(φ_i(x_i))

Were the columns independent, as they become when each is shuffled for itself, the quotient would be
1 for every choice of φ; it is 0 for an exact relation. The layer Σ_i φ_i is linear in its spline
coefficients, so the best φ belong to the smallest singular value s of the columns' centred splines,
orthonormal column by column, and the quotient is s²: no training, no start.
Sources: Liu et al., KAN, arXiv 2404.19756, section 4.3 (one layer that separates real rows from
shuffled ones, by gradient descent); Donnell, Buja & Stuetzle, Ann. Statist. 22 (1994), additive
principal components of smallest variance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from kanpde.trial.bases import SplineGrid
from scripts.common.small_kan import DEGREE, Array

INTERVALS = 12
RANK = 1e-7
"""Combinations of splines whose values are smaller than this share of the largest do not count: few
points reach them.
"""


@dataclass(frozen=True)
class Relation:
    """Names of the columns, φ_i at the fitted rows (N, n), the root of the quotient there and at
    the other rows.
    """

    names: tuple[str, ...]
    functions: Array
    fitted: float
    held_out: float


@dataclass(frozen=True)
class _Column:
    """Splines of one column at the fitted rows (N, k), orthonormal and centred, and the same
    splines at the other rows.
    """

    fitted: Array
    other: Array


def relations(fitted: Mapping[str, Array], other: Mapping[str, Array], most: int) -> list[Relation]:
    """The relations of every two to `most` columns, the smallest quotient first.

    A relation of some of its columns comes once: a set that holds an exact one (root of the
    quotient below 1e-3) is left out.
    """
    columns = {name: _column(values, other[name]) for name, values in fitted.items()}
    relations_found: list[Relation] = []
    for size in range(2, most + 1):
        exact = [set(relation.names) for relation in relations_found if relation.fitted < 1e-3]
        for names in combinations(columns, size):
            if not any(subset <= set(names) for subset in exact):
                relations_found.append(_relation(names, columns))
    return sorted(relations_found, key=lambda relation: relation.fitted)


def _column(values: Array, other: Array) -> _Column:
    ends = torch.tensor([values.min(), values.max()], dtype=torch.float64)
    grid = SplineGrid.even(ends[:1], ends[1:], INTERVALS, DEGREE)
    at, elsewhere = (_splines(grid, x) for x in (values, other))
    mean = at.mean(0)
    u, sizes, directions = np.linalg.svd(at - mean, full_matrices=False)
    resolved = sizes > RANK * sizes[0]
    return _Column(u[:, resolved], (elsewhere - mean) @ (directions[resolved].T / sizes[resolved]))


def _splines(grid: SplineGrid, values: Array) -> Array:
    """All K splines at values (N,), (N, K)."""
    interval, local = grid.basis(torch.from_numpy(values)[None], 0)
    full = np.zeros((len(values), grid.size))
    columns = interval.numpy()[0][:, None] + np.arange(grid.degree + 1)
    np.put_along_axis(full, columns, local.numpy()[0, :, 0].T, axis=1)
    return full


def _relation(names: tuple[str, ...], columns: Mapping[str, _Column]) -> Relation:
    parts = [columns[name] for name in names]
    *_, directions = np.linalg.svd(np.hstack([part.fitted for part in parts]), full_matrices=False)
    pieces = list(_pieces(directions[-1], [part.fitted.shape[1] for part in parts]))
    at = np.column_stack([part.fitted @ c for part, c in zip(parts, pieces, strict=True)])
    elsewhere = np.column_stack([part.other @ c for part, c in zip(parts, pieces, strict=True)])
    return Relation(names, at, quotient(at), quotient(elsewhere))


def _pieces(direction: Array, sizes: list[int]) -> Iterator[Array]:
    start = 0
    for size in sizes:
        yield direction[start : start + size]
        start += size


def quotient(functions: Array) -> float:
    """The root of Var(Σ_i φ_i) / Σ_i Var(φ_i) for values (N, n)."""
    return float(np.sqrt(functions.sum(1).var() / functions.var(0).sum()))
