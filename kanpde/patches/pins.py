"""Rows of conditions at points and on means, which pin what the other conditions leave free.

    point    V h^{(d-1)/2} F(x_0) = 0               in every patch that holds x_0
    mean     ω_j (∫_j F dx - M_j) = 0,  Σ_j M_j = 0    one partial mean M_j for every patch

A dense row over all patches would couple each with every other. The partial means are added up
along the tree of the elimination instead, two at a time (`elimination.merged`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kanpde.expressions import Node
from kanpde.numerics.polynomials import gauss
from kanpde.numerics.quadrature import Array
from kanpde.patches.affine import Affine, functional, indices_of
from kanpde.patches.cells import Cover, Points
from kanpde.patches.layout import Patch
from kanpde.patches.outflow import condition_factor
from kanpde.patches.rows import Rows, Sums, boundary, interior
from kanpde.problem.conditions import MeanCondition, PointCondition
from kanpde.problem.problem import Problem


@dataclass(frozen=True)
class Pins:
    """Conditions at points (d,), or (d - 1,) of space at all times, and on means over the domain or
    a part of its boundary.
    """

    unknowns: int
    points: tuple[tuple[Affine, Array], ...]
    means: tuple[tuple[Affine, str | None], ...]

    @classmethod
    def of(
        cls,
        problem: Problem,
        region: int = 0,
        take: Callable[[Node, float], Affine] = Affine.of,
    ) -> Pins:
        """Of a problem, those that hold the unknowns of one region."""
        unknowns = len(problem.unknowns)
        first = region * unknowns
        points, means = [], []
        for condition in problem.conditions:
            if not isinstance(condition, PointCondition | MeanCondition):
                continue
            affine = take(condition.node, condition.weight)
            if all(first <= unknown < first + unknowns for unknown, _, _ in affine.slopes):
                numbered = affine.numbered(first)
                if isinstance(condition, PointCondition):
                    points.append((numbered, np.array(condition.point)))
                else:
                    means.append((numbered, condition.over))
        return cls(unknowns, tuple(points), tuple(means))

    def added(self, cover: Cover, patches: Sequence[Patch], rows: Sequence[Rows]) -> list[Rows]:
        """The rows of patches with those of the pins."""
        if not self.points and not self.means:
            return list(rows)
        pairs = zip(patches, rows, strict=True)
        return [self._pinned(cover, patch, of_patch) for patch, of_patch in pairs]

    def _pinned(self, cover: Cover, patch: Patch, rows: Rows) -> Rows:
        matrix, right = [rows.matrix], [rows.right]
        for affine, place in self.points:
            points = _at(cover, patch, place)
            if points is not None:
                values, constant, factor = self._on(affine, patch, rows, points)
                weights = np.sqrt(points.w) * factor
                matrix.append(values * weights[:, None])
                right.append(-constant * weights)
        sums = self._sums(cover, patch, rows) if self.means else None
        return replace(rows, matrix=np.concatenate(matrix), right=np.concatenate(right), sums=sums)

    def _sums(self, cover: Cover, patch: Patch, rows: Rows) -> Sums:
        inside = interior(cover, patch)
        normal = np.full_like(inside.x, patch.dimension**-0.5)
        points = Points(inside.x, inside.w, normal)
        matrix, right, factors = [], [], []
        rims = boundary(cover, patch) if any(part for _, part in self.means) else {}
        for affine, part in self.means:
            over = points if part is None else rims.get(part)
            if over is None:  # its share of the sum is 0
                matrix.append(np.zeros(rows.matrix.shape[1]))
                right.append(0.0)
                factors.append(1.0)
                continue
            values, constant, factor = self._on(affine, patch, rows, over)
            scale = factor * patch.size ** ((patch.dimension - 1) / 2) / over.w.sum()
            matrix.append(scale * (over.w @ values))
            right.append(-scale * (over.w @ constant))
            factors.append(scale)
        return Sums(np.array(matrix), np.array(right), np.array(factors))

    def _on(
        self, affine: Affine, patch: Patch, rows: Rows, points: Points
    ) -> tuple[Array, Array, float]:
        """F of every polynomial (N, m·n) at points, its constant (N,), and the factor of values."""
        slopes, constant = affine.at(points.x, points.normal)
        indices = indices_of([affine])
        table = patch.table(points.x, indices)
        n = patch.count
        values = functional(affine, slopes, table, n, self.unknowns)
        full, _, _ = condition_factor(affine, slopes, points, (patch, rows.scales))
        return values, constant, full


def is_pinned(problem: Problem) -> bool:
    """Whether conditions at points or on means fix what others leave free."""
    return any(isinstance(each, PointCondition | MeanCondition) for each in problem.conditions)


def _at(cover: Cover, patch: Patch, place: Array) -> Points | None:
    """The point, or points of the line of a point of space in time, in a patch; None where the
    patch does not hold it. One on a common side is in both patches.
    """
    space, dimension = len(place), patch.dimension
    x, w = [], []
    for cell in patch.cells:
        low, high = cover.box(cell)
        slack = cover.tolerance(cell)
        if (place < low[:space] - slack).any() or (place > high[:space] + slack).any():
            continue
        h = cover.size(cell)
        if space == dimension:
            x.append(place[None])
            w.append(np.array([np.prod(h) ** ((dimension - 1) / dimension)]))
            continue
        z, weights = gauss(patch.degree + 3)
        times = (low[-1] + high[-1] + z * h[-1]) / 2
        x.append(np.column_stack([np.tile(place, (len(z), 1)), times]))
        across = np.prod(h[:space]) ** ((space - 1) / space)
        w.append(weights * h[-1] / 2 * across)
    if not x:
        return None
    points = np.concatenate(x)
    return Points(points, np.concatenate(w), np.full_like(points, dimension**-0.5))
