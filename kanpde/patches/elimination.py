"""The least-squares system of all patches, by elimination: first the coefficients of each patch,
then the traces of the faces inside ever larger groups of patches.

    min over c, τ  Σ_j |A_j c_j - b_j|² + |G_j c_j - T_j τ_j|²

QR of [[A_j, 0, b_j], [G_j, -T_j, 0]] leaves a small block on τ_j, and QR of two stacked blocks
eliminates the faces that no other patch has (nested dissection, see `order`).
No normal equations are formed. Blocks are kept for the next level: those whose patches are
unchanged are not computed again.

Source: George, SIAM J. Numer. Anal. 10 (1973) 345–363; Martinsson, J. Comput. Phys. 242 (2013).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch

from kanpde.numerics.quadrature import Array
from kanpde.optimizers.linear_algebra import back_substituted, factor
from kanpde.patches.faces import face_rows
from kanpde.patches.layout import Patch
from kanpde.patches.order import Tree, dissection
from kanpde.patches.outflow import Weak
from kanpde.patches.rows import REGULAR, Rows

FaceKey = tuple[object, ...]
Traces = dict[FaceKey, Array]

INVERSE_STEPS = 4
"""Each divides what is not the smallest singular value by the square of the gap to the next."""

_numbers = count()


@dataclass(frozen=True)
class Block:
    """What a group of patches says of the traces on its outer faces: |matrix τ - right|².

    `faces` are their keys with the number of traces of each, in the order of the columns. `head`
    (k, k + t + 1) holds the rows by which what was eliminated (`inner`) follows from τ.
    """

    number: int
    faces: tuple[tuple[FaceKey, int], ...]
    matrix: Array
    right: Array
    inner: tuple[tuple[FaceKey, int], ...]
    head: Array
    rest: float = 0.0

    def eliminated(self, traces: Mapping[FaceKey, Array]) -> Array:
        """The eliminated numbers for given traces."""
        k = len(self.head)
        right = self.head[:, -1]
        if self.faces:
            outer = np.concatenate([traces[key] for key, _ in self.faces])
            right = right - self.head[:, k:-1] @ outer
        triangle, rows = torch.tensor(self.head[:, :k]), torch.tensor(right)[:, None]
        return np.asarray(back_substituted(triangle, rows)[:, 0].numpy())

    def residual(self, traces: Mapping[FaceKey, Array]) -> float:
        """The sum of the squared rows of a patch for given traces."""
        if not self.faces:
            return self.rest + float(self.right @ self.right)
        outer = np.concatenate([traces[key] for key, _ in self.faces])
        return self.rest + float(np.sum((self.matrix @ outer - self.right) ** 2))

    @property
    def condition(self) -> float:
        """The smallest over the largest pivot of what was eliminated here."""
        pivots = np.abs(np.diag(self.head[:, : len(self.head)]))
        return float(pivots.min() / pivots.max()) if len(pivots) else 1.0

    @property
    def weakest(self) -> float:
        """About the smallest singular value of what was eliminated here, over the largest pivot,
        by inverse iteration: QR without pivoting does not reveal the rank on its diagonal.
        """
        upper = torch.tensor(self.head[:, : len(self.head)])
        if not len(upper) or not bool((upper.diagonal() != 0).all()):
            return float(len(upper) == 0)
        # the transpose of R, turned upside down, is an upper triangle again
        turned = upper.T.flip(0, 1).contiguous()
        vector = torch.from_numpy(np.random.default_rng(0).standard_normal((len(upper), 1)))
        for _ in range(INVERSE_STEPS):
            vector = vector / vector.norm()
            lower_solution = back_substituted(turned, vector.flip(0)).flip(0)
            vector = back_substituted(upper, lower_solution)
        return float(vector.norm() ** -0.5 / upper.diagonal().abs().max())


def triangle(matrix: Array) -> Array:
    """R of the QR of a matrix, an upper trapezoid; the matrix is overwritten."""
    return np.asarray(factor(torch.from_numpy(matrix)).triangle.numpy())


def eliminated(patch: Patch, rows: Rows) -> Block:
    """The block of one patch: its coefficients are gone."""
    n = rows.matrix.shape[1]
    # the coefficients of a cut cell may be determined to rounding only
    norms = np.linalg.norm(rows.matrix, axis=0)
    small = np.diag(REGULAR * np.maximum(norms, 1e-9 * norms.max()))
    stacked = np.zeros((len(rows.matrix) + n, n + 1))
    stacked[: len(rows.matrix), :n] = rows.matrix
    stacked[: len(rows.matrix), n] = rows.right
    stacked[len(rows.matrix) :, :n] = small
    first = triangle(stacked)
    pieces = [face_rows(patch, face, d, rows) for face, d in patch.faces]
    keys = tuple(
        ((*face.key, d), taken.shape[1])
        for (face, d), (_, taken) in zip(patch.faces, pieces, strict=True)
    )
    traces = sum(number for _, number in keys)
    below = sum(len(matrix) for matrix, _ in pieces)
    system = np.zeros((n + below, n + traces + 1))
    system[:n, :n], system[:n, -1] = first[:n, :n], first[:n, n]
    at = column = n
    for matrix, taken in pieces:
        to, end = at + len(matrix), column + taken.shape[1]
        system[at:to, :n], system[at:to, column:end] = matrix, -taken
        at, column = to, end
    r = triangle(system)
    rest = float(first[n, n] ** 2) if len(first) > n else 0.0
    rest += float(r[n + traces, -1] ** 2) if len(r) > n + traces else 0.0
    outer = r[n : n + traces]
    return Block(next(_numbers), keys, outer[:, n:-1], outer[:, -1], (), r[:n], rest)


def merged(first: Block, second: Block) -> Block:
    """The block of two: the traces of the faces that both have are gone."""
    common = {key for key, _ in first.faces} & {key for key, _ in second.faces}
    inner = tuple(pair for pair in first.faces if pair[0] in common)
    outer = tuple(pair for pair in (*first.faces, *second.faces) if pair[0] not in common)
    start: dict[FaceKey, int] = {}
    width = 0
    for key, number in (*inner, *outer):
        start[key] = width
        width += number
    stacked = np.zeros((len(first.right) + len(second.right), width + 1))
    top = 0
    for block in (first, second):
        to, column = top + len(block.right), 0
        for key, number in block.faces:
            stacked[top:to, start[key] : start[key] + number] = block.matrix[
                :, column : column + number
            ]
            column += number
        stacked[top:to, -1] = block.right
        top = to
    r = triangle(stacked)
    k = sum(number for _, number in inner)
    return Block(next(_numbers), outer, r[k:width, k:-1], r[k:width, -1], inner, r[:k])


@dataclass
class Elimination:
    """The trees of blocks of one level after the other, those of the last level kept.

    Args:
        counts: first cells along every axis.
    """

    counts: Sequence[int]

    def __post_init__(self) -> None:
        self._leaves: dict[tuple[object, ...], Block] = {}
        self._weak: dict[tuple[object, ...], Weak] = {}
        self._merged: dict[tuple[int, int], Block] = {}

    def missing(self, patches: Sequence[Patch]) -> list[Patch]:
        """The patches whose blocks are not known yet."""
        return [patch for patch in patches if patch.key not in self._leaves]

    def add(self, patch: Patch, rows: Rows) -> None:
        """Eliminate the coefficients of one patch."""
        self._leaves[patch.key] = eliminated(patch, rows)
        self._weak[patch.key] = rows.weak

    def missed(self, patches: Sequence[Patch], coefficients: Sequence[Array]) -> Array:
        """What solved patches miss where conditions at an outflow are weak, (J, d + 1): see
        `Weak.missed`.
        """
        return np.array(
            [
                self._weak[patch.key].missed(of_patch)
                for patch, of_patch in zip(patches, coefficients, strict=True)
            ]
        )

    def widths(self, patches: Sequence[Patch]) -> Array:
        """The widths (J, 2, d) of layers that are not resolved: see `Weak.widths`."""
        return np.array([self._weak[patch.key].widths() for patch in patches])

    def solve(self, patches: Sequence[Patch]) -> tuple[list[Array], Array, tuple[float, float]]:
        """Solve for all coefficients.

        Returns:
            Coefficients (m·n,) and the sum of the squared rows of each patch; the smallest
            relative pivot, and the smallest singular value of the block that couples the whole
            domain. Where either is near rounding, or the second falls when the space is enriched,
            the problem has no unique solution.
        """
        leaves = [self._leaves[patch.key] for patch in patches]
        self._leaves = {patch.key: leaf for patch, leaf in zip(patches, leaves, strict=True)}
        self._weak = {patch.key: self._weak[patch.key] for patch in patches}
        used: dict[tuple[int, int], Block] = {}
        order: list[Block] = []
        tree = dissection([patch.cells[0] for patch in patches], self.counts)
        _merge(tree, leaves, self._merged, (used, order))
        self._merged = used
        traces: Traces = {}
        for block in reversed(order):
            values, at = block.eliminated(traces) if len(block.head) else np.zeros(0), 0
            for key, number in block.inner:
                traces[key] = values[at : at + number]
                at += number
        coefficients = [leaf.eliminated(traces) for leaf in leaves]
        squares = np.array([leaf.residual(traces) for leaf in leaves])
        pivot = min((block.condition for block in order), default=1.0)
        whole = order[-1] if order else leaves[0]
        return coefficients, squares, (pivot, whole.weakest)


def _merge(
    tree: Tree,
    leaves: Sequence[Block],
    known: Mapping[tuple[int, int], Block],
    kept: tuple[dict[tuple[int, int], Block], list[Block]],
) -> Block:
    """The block of a whole tree; those of its groups are `kept` by the numbers of their halves and
    in the order in which they follow from each other.
    """
    if isinstance(tree, int):
        return leaves[tree]
    used, order = kept
    first, second = (_merge(half, leaves, known, kept) for half in tree)
    key = (first.number, second.number)
    used[key] = known.get(key) or merged(first, second)
    order.append(used[key])
    return used[key]
