"""The rows of all patches and their factor R, with which any right side is solved for.

    min over x = (c, τ) of |A x - b|²:    x ← x + (RᵀR)⁻¹ Aᵀ (b - A x)   from x = 0, twice

R is what the elimination of the patches leaves (`patches.elimination`), block by block: Rᵀ from the
leaves up the tree, R from the root down. Its Q is not kept; the second step makes up for the squared
condition of RᵀR.

Source: Björck, Linear Algebra Appl. 88/89 (1987) 31-48 (corrected seminormal equations).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from kanpde.numerics.polynomials import size
from kanpde.numerics.quadrature import Array
from kanpde.optimizers.linear_algebra import back_substituted
from kanpde.patches.blocks import SUM, Block, FaceKey, Traces
from kanpde.patches.cells import Cover
from kanpde.patches.elimination import Elimination
from kanpde.patches.faces import face_rows
from kanpde.patches.layout import Patch
from kanpde.patches.statement import Statement


@dataclass(frozen=True)
class Leaf:
    """The rows of one patch: `matrix` A and `rate` B (R, m·n) of equations and conditions, and of
    every trace its key with the rows matrix c - taken τ.
    """

    matrix: Array
    rate: Array
    joins: tuple[tuple[FaceKey, Array, Array], ...]


@dataclass
class Factors:
    """The factors of one level after the other, those of patches that stay kept.

    Args:
        statement: the rows of an eigenproblem, with 2m unknowns.
        cover: what is known of the cells.
    """

    statement: Statement
    cover: Cover
    elimination: Elimination = field(init=False)

    def __post_init__(self) -> None:
        self.elimination = Elimination(self.cover.counts)
        self._leaves: dict[object, Leaf] = {}

    def of(self, patches: Sequence[Patch]) -> Factored:
        """The factor of all patches of a level."""
        known = self._leaves
        missing = [(k,) for k, patch in enumerate(patches) if patch.key not in known]
        for some in self.statement.chunks(patches, missing):
            self._add(patches, some)
        self._leaves = {patch.key: known[patch.key] for patch in patches}
        blocks, order = self.elimination.heads(patches)
        leaves = [self._leaves[patch.key] for patch in patches]
        return Factored(leaves, blocks, order, [_Head.of(block) for block in (*blocks, *order)])

    def _add(self, patches: Sequence[Patch], some: Sequence[tuple[int, ...]]) -> None:
        """Eliminate some patches."""
        unknowns = self.statement.unknowns // 2
        for number, rows in self.statement.rows(self.cover, patches, some).items():
            patch = patches[number]
            width = unknowns * size(patch.degree, patch.dimension)
            sums = rows.sums and replace(rows.sums, matrix=rows.sums.matrix[:, :width])
            fixed = replace(
                rows, matrix=rows.matrix[:, :width], orders=rows.orders[:unknowns], sums=sums
            )
            self.elimination.add(patch, fixed)
            (block,) = self.elimination.leaves([patch])
            joins = [
                ((*face.key, degree), *face_rows(patch, face, degree, fixed))
                for face, degree in patch.faces
            ]
            for which, factor in enumerate(sums.factors if sums else ()):
                row = sums.matrix[which : which + 1] if sums else np.zeros((0, width))
                joins.append(((SUM, which, block.number), row, np.full((1, 1), factor)))
            self._leaves[patch.key] = Leaf(fixed.matrix, rows.matrix[:, width:], tuple(joins))


@dataclass(frozen=True)
class _Head:
    """What is eliminated in a block, as R⁻¹ and R⁻ᵀ like it: the triangle, the columns (k, t) of the
    outer traces, and the keys of these.
    """

    triangle: torch.Tensor
    outer: Array
    faces: tuple[tuple[FaceKey, int], ...]

    @classmethod
    def of(cls, block: Block) -> _Head:
        """Of a block."""
        k = len(block.head)
        upper = torch.from_numpy(np.ascontiguousarray(block.head[:, :k]))
        return cls(upper, np.ascontiguousarray(block.head[:, k:-1]), block.faces)

    def up(self, gradient: Array, pull: Traces) -> Array:
        """R⁻ᵀ of the gradient of what is eliminated; what it leaves is taken from the outer traces."""
        half = self._back(gradient, transpose=True)
        outer, at = self.outer.T @ half, 0
        for key, width in self.faces:
            pull[key] = pull.get(key, 0.0) - outer[at : at + width]
            at += width
        return half

    def down(self, half: Array, traces: Traces) -> Array:
        """What is eliminated, from the outer traces."""
        if self.faces:
            half = half - self.outer @ np.concatenate([traces[key] for key, _ in self.faces])
        return self._back(half)

    def _back(self, rows: Array, transpose: bool = False) -> Array:
        """R⁻¹ or R⁻ᵀ of rows (k, K)."""
        right = torch.from_numpy(np.ascontiguousarray(rows))
        return np.asarray(back_substituted(self.triangle, right, transpose=transpose).numpy())


@dataclass(frozen=True)
class Solved:
    """Coefficients (m·n, K) of every patch and all traces (t, K)."""

    coefficients: list[Array]
    traces: Traces


@dataclass(frozen=True)
class Factored:
    """The rows of patches with the blocks of R: those of the patches, and of the groups of the
    tree, each after its halves.
    """

    leaves: list[Leaf]
    blocks: list[Block]
    order: list[Block]
    heads: list[_Head]

    @property
    def sizes(self) -> list[int]:
        """The number of coefficients of every patch."""
        return [leaf.matrix.shape[1] for leaf in self.leaves]

    @property
    def weakest(self) -> float:
        """About the smallest singular value of the block that couples the whole domain, relative."""
        return (self.order[-1] if self.order else self.blocks[0]).weakest

    @property
    def pivot(self) -> float:
        """The smallest relative pivot."""
        return min((block.condition for block in self.order), default=1.0)

    def inverted(self, vectors: Sequence[Array]) -> Solved:
        """-A⁺ B of coefficients (m·n, K) of every patch."""
        pairs = zip(self.leaves, vectors, strict=True)
        return self.solve([-leaf.rate @ vector for leaf, vector in pairs])

    def solve(self, right: Sequence[Array]) -> Solved:
        """Least squares for right sides (R, K) of the equations and conditions of every patch."""
        count = right[0].shape[1]
        pairs = zip(self.leaves, right, strict=True)
        first = self._normal([leaf.matrix.T @ b for leaf, b in pairs], self._zeros(count))
        # the second step makes up for the squared condition
        second = self._normal(*self._gradient(right, first, count))
        both = zip(first.coefficients, second.coefficients, strict=True)
        traces = {key: values + second.traces[key] for key, values in first.traces.items()}
        return Solved([a + b for a, b in both], traces)

    def squares(self, right: Sequence[Array], solved: Solved) -> Array:
        """The sums of the squared rows (J, K) of every patch."""
        sums = []
        for leaf, b, c in zip(self.leaves, right, solved.coefficients, strict=True):
            total = ((leaf.matrix @ c - b) ** 2).sum(axis=0)
            for key, matrix, taken in leaf.joins:
                total = total + ((matrix @ c - taken @ solved.traces[key]) ** 2).sum(axis=0)
            sums.append(total)
        return np.array(sums)

    def _zeros(self, count: int) -> Traces:
        """A trace of zeros for every key."""
        return {
            key: np.zeros((taken.shape[1], count))
            for leaf in self.leaves
            for key, _, taken in leaf.joins
        }

    def _gradient(
        self, right: Sequence[Array], solved: Solved, count: int
    ) -> tuple[list[Array], Traces]:
        """Aᵀ (b - A x), for coefficients and traces."""
        pull, gradient = self._zeros(count), []
        for leaf, b, c in zip(self.leaves, right, solved.coefficients, strict=True):
            of_patch = leaf.matrix.T @ (b - leaf.matrix @ c)
            for key, matrix, taken in leaf.joins:
                rest = taken @ solved.traces[key] - matrix @ c
                of_patch += matrix.T @ rest
                pull[key] = pull[key] - taken.T @ rest
            gradient.append(of_patch)
        return gradient, pull

    def _normal(self, gradient: Sequence[Array], pull: Traces) -> Solved:
        """(RᵀR)⁻¹ of a gradient."""
        halves, first_group = [], len(self.blocks)
        leaves, groups = self.heads[:first_group], self.heads[first_group:]
        for head, block, of_patch in zip(leaves, self.blocks, gradient, strict=True):
            inner = [pull[key] for key, _ in block.inner]
            halves.append(head.up(np.concatenate([of_patch, *inner]), pull))
        of_groups = []
        for head, block in zip(groups, self.order, strict=True):
            for total, first, second in block.totals:
                # M_2 has given way to M - M_1
                pull[total] = pull[second]
                pull[first] = pull[first] - pull[second]
            inner = [pull[key] for key, _ in block.inner]
            of_groups.append(head.up(np.concatenate(inner), pull) if inner else None)
        root = self.order[-1] if self.order else self.blocks[0]
        count = gradient[0].shape[1]
        # the sum over all patches is 0
        traces = {key: np.zeros((width, count)) for key, width in root.faces}
        for head, block, half in zip(groups[::-1], self.order[::-1], of_groups[::-1], strict=True):
            if half is not None:
                _spread(block.inner, head.down(half, traces), traces)
            for total, first, second in block.totals:
                traces[second] = traces[total] - traces[first]
        coefficients = []
        for head, block, half, width in zip(leaves, self.blocks, halves, self.sizes, strict=True):
            values = head.down(half, traces)
            coefficients.append(values[:width])
            _spread(block.inner, values[width:], traces)
        return Solved(coefficients, traces)


def _spread(keys: Sequence[tuple[FaceKey, int]], values: Array, traces: Traces) -> None:
    """Put values one after the other under their keys."""
    at = 0
    for key, width in keys:
        traces[key] = values[at : at + width]
        at += width
