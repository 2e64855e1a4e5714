"""The least-squares systems of all shifts of a slab, eliminated as in `patches.elimination`, with
the factors kept: further right sides cost no further factorization.

    min over c, τ  Σ_j |A_j(λ_k) c_j - b_jk|² + |G_j c_j - T_j τ_j|²,    k = 1 … K

The systems of all shifts have the same rows and differ in one complex number, so that their blocks
are factored together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kanpde.marching.plane.deadline import NEVER, Deadline
from kanpde.marching.plane.rows import SPACE, PatchRows
from kanpde.optimizers.linear_algebra.stacked import Stacked, substituted
from kanpde.parallel.threads import each, follow
from kanpde.patches.faces import face_rows
from kanpde.patches.order import dissection, pairs_of
from kanpde.patches.rows import REGULAR

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

DETERMINED = 1e-8
"""Pivots in space below this share of their column call for rows that keep coefficients small."""

FaceKey = tuple[object, ...]
Widths = tuple[tuple[FaceKey, int], ...]
Traces = dict[FaceKey, Tensor]


@dataclass(frozen=True)
class Outer:
    """The rows (K, t, t) of a group on the traces of its outer faces."""

    faces: Widths
    matrix: Tensor


@dataclass(frozen=True)
class Leaf:
    """One patch: `first` factors its rows, `second` the triangle of them with the rows of its
    faces; `columns` of both are coefficients, then `inner` traces, then those of `outer`.
    """

    first: Stacked
    second: Stacked
    count: int
    inner: Widths
    outer: Outer

    @property
    def eliminated(self) -> int:
        """How many numbers are eliminated."""
        return self.count + sum(width for _, width in self.inner)

    def forward(self, right: Tensor) -> tuple[Tensor, Tensor]:
        """Right sides (K, R, C) turned: those of what is eliminated, and those on outer traces."""
        below = self.first.householder.shape[1] - right.shape[1]
        top = self.first.turned(torch.nn.functional.pad(right, (0, 0, 0, below)))[:, : self.count]
        rest = self.second.householder.shape[1] - self.count
        turned = self.second.turned(torch.nn.functional.pad(top, (0, 0, 0, rest)))
        k = self.eliminated
        return turned[:, :k], turned[:, k : k + self.outer.matrix.shape[1]]


@dataclass(frozen=True)
class Group:
    """Two groups whose common traces, `inner`, are eliminated."""

    factor: Stacked
    inner: Widths
    outer: Outer

    @property
    def eliminated(self) -> int:
        """How many numbers are eliminated."""
        return sum(width for _, width in self.inner)

    def forward(self, right: Tensor) -> tuple[Tensor, Tensor]:
        """Right sides (K, t, C) of both halves turned, as in `Leaf`."""
        turned = self.factor.turned(right)
        k = self.eliminated
        return turned[:, :k], turned[:, k : k + self.outer.matrix.shape[1]]


def leaf_of(rows: PatchRows, shifts: Complex) -> Leaf:
    """The leaf of a patch for shifts (K,), those over the length of the slab."""
    count = rows.matrices[0].shape[1]
    first = _first(rows, shifts)
    pieces = [
        ((*face.key, degree), *face_rows(rows.patch, face, degree, rows.faces))
        for face, degree in rows.patch.faces
    ]
    inner, outer = _faces_of(pieces)
    column: dict[FaceKey, int] = {}
    width = count
    for key, traces in (*inner, *outer):
        column[key] = width
        width += traces
    below = np.zeros((sum(len(matrix) for _, matrix, _ in pieces), width))
    at = 0
    for key, matrix, taken in pieces:
        to = at + len(matrix)
        below[at:to, :count] = matrix
        below[at:to, column[key] : column[key] + taken.shape[1]] = -taken
        at = to
    if pieces:
        system = torch.zeros((len(shifts), count + len(below), width), dtype=torch.complex128)
        system[:, :count, :count] = first.triangle
        system[:, count:] = torch.from_numpy(below)
        second = Stacked.of(system)
    else:
        second = Stacked(first.triangle, torch.zeros_like(first.tau))
    k = count + sum(traces for _, traces in inner)
    below_traces = second.triangle_from(k)
    return Leaf(first, second, count, inner, Outer(outer, below_traces))


def _first(rows: PatchRows, shifts: Complex) -> Stacked:
    """The factors of the rows of a patch, with rows that keep coefficients small; in space only where
    the patch alone does not determine them.
    """
    height, count = rows.matrices[0].shape
    stacked = np.zeros((len(shifts), height + count, count), dtype=complex)
    for power, matrix in enumerate(rows.matrices):
        stacked[:, :height] += (shifts**power)[:, None, None] * matrix
    if rows.patch.dimension >= SPACE and height >= count:
        alone = Stacked.of(torch.from_numpy(stacked[:, :height]))
        pivots = alone.householder.diagonal(dim1=1, dim2=2).abs()
        lengths = alone.triangle.norm(dim=1)
        if bool((pivots > DETERMINED * lengths).all()):
            return alone
    norms = np.linalg.norm(stacked[0], axis=0)
    small = REGULAR * np.maximum(norms, 1e-9 * norms.max())
    stacked[:, range(height, height + count), range(count)] = small
    return Stacked.of(torch.from_numpy(stacked))


def _faces_of(pieces: Sequence[tuple[FaceKey, Array, Array]]) -> tuple[Widths, Widths]:
    """The faces that a patch has twice, across a period, and all others, with their traces."""
    widths: dict[FaceKey, int] = {}
    times: dict[FaceKey, int] = {}
    for key, _, taken in pieces:
        widths[key] = taken.shape[1]
        times[key] = times.get(key, 0) + 1
    inner = tuple((key, width) for key, width in widths.items() if times[key] == 2)
    outer = tuple((key, width) for key, width in widths.items() if times[key] == 1)
    return inner, outer


def merged(first: Outer, second: Outer) -> Group:
    """The group of two."""
    common = {key for key, _ in first.faces} & {key for key, _ in second.faces}
    inner = tuple(pair for pair in first.faces if pair[0] in common)
    outer = tuple(pair for pair in (*first.faces, *second.faces) if pair[0] not in common)
    start: dict[FaceKey, int] = {}
    width = 0
    for key, traces in (*inner, *outer):
        start[key] = width
        width += traces
    split = first.matrix.shape[1]
    height = split + second.matrix.shape[1]
    stacked = first.matrix.new_zeros((len(first.matrix), height, width))
    for rows, half in ((slice(0, split), first), (slice(split, height), second)):
        column = 0
        for key, traces in half.faces:
            part = half.matrix[:, :, column : column + traces]
            stacked[:, rows, start[key] : start[key] + traces] = part
            column += traces
    factor = Stacked.of(stacked)
    k = sum(traces for _, traces in inner)
    return Group(factor, inner, Outer(outer, factor.triangle_from(k)))


@dataclass(frozen=True)
class Kept:
    """Factors that may be used again: leaves by the `id` of their rows, groups by those of their
    halves, all of which are alive as long as what this was made from.
    """

    leaves: Mapping[int, Leaf]
    groups: Mapping[tuple[int, int], Group]


@dataclass(frozen=True)
class Factored:
    """The factors of a level for all shifts: leaves by the numbers of their patches, and groups in
    the order in which they follow from each other with the places of their halves (leaves are
    places below their number, the k-th group is J + k).
    """

    leaves: tuple[Leaf, ...]
    groups: tuple[tuple[Group, int, int], ...]

    @classmethod
    def of(
        cls,
        rows: Sequence[PatchRows],
        shifts: Complex,
        counts: Sequence[int],
        kept: Kept | None = None,
        deadline: Deadline = NEVER,
    ) -> Factored:
        """The factors of patches for shifts (K,) over the length of the slab; those `kept` of the
        same rows are used again. OutOfTime where the `deadline` is over.
        """
        known = kept or Kept({}, {})

        def factored_leaf(of_patch: PatchRows) -> Leaf:
            deadline.require()
            return known.leaves.get(id(of_patch)) or leaf_of(of_patch, shifts)

        leaves = tuple(each(factored_leaf, rows))
        tree = dissection([of_patch.patch.cells[0] for of_patch in rows], counts)
        pairs, count = pairs_of(tree, len(leaves)), len(leaves)

        def group_of(number: int, before: Sequence[Group]) -> Group:
            deadline.require()
            made = iter(before)
            first, second = (leaves[k] if k < count else next(made) for k in pairs[number])
            group = known.groups.get((id(first), id(second)))
            return group or merged(first.outer, second.outer)

        # a group whose halves are leaves waits for nothing
        waits = [[half - count for half in pair if half >= count] for pair in pairs]
        groups = follow(group_of, waits)
        return cls(
            leaves,
            tuple((group, *pair) for group, pair in zip(groups, pairs, strict=True)),
        )

    def kept(self, rows: Sequence[PatchRows]) -> Kept:
        """All factors by what they are of; `rows` are those of the leaves."""
        places = (*self.leaves, *(group for group, _, _ in self.groups))
        return Kept(
            {id(of_patch): leaf for of_patch, leaf in zip(rows, self.leaves, strict=True)},
            {(id(places[i]), id(places[j])): group for group, i, j in self.groups},
        )

    @property
    def bytes(self) -> int:
        """Memory."""
        factors = [factor for leaf in self.leaves for factor in (leaf.first, leaf.second)]
        factors += [group.factor for group, _, _ in self.groups]
        return sum(factor.householder.nbytes for factor in factors)

    def solve(self, rights: Sequence[Complex]) -> list[Complex]:
        """Coefficients (K, m·n) of every patch for its right sides (K, R)."""
        count = len(self.leaves)
        forward = each(
            lambda k: self.leaves[k].forward(torch.from_numpy(rights[k])[:, :, None]), range(count)
        )
        kept: list[Tensor] = [mine for mine, _ in forward]
        passed: list[Tensor] = [further for _, further in forward]
        for group, first, second in self.groups:
            mine, further = group.forward(torch.cat([passed[first], passed[second]], dim=1))
            kept.append(mine)
            passed.append(further)
        traces: Traces = {}
        for (group, _, _), turned in zip(
            reversed(self.groups), reversed(kept[count:]), strict=True
        ):
            _back(group.factor, turned, (group.inner, group.outer.faces), traces, 0)

        def coefficients(k: int) -> Complex:
            leaf = self.leaves[k]
            return _back(leaf.second, kept[k], (leaf.inner, leaf.outer.faces), traces, leaf.count)

        return each(coefficients, range(count))


def _back(
    factor: Stacked, right: Tensor, faces: tuple[Widths, Widths], traces: Traces, count: int
) -> Complex:
    """What was eliminated, for known outer traces; inner traces are added to the known ones, the
    first `count` numbers are given back.
    """
    inner, outer = faces
    k = right.shape[1]
    if outer:
        known = torch.cat([traces[key] for key, _ in outer], dim=1)
        right = right - factor.householder[:, :k, k:] @ known
    values = substituted(factor.householder[:, :k, :k], right)
    at = count
    for key, width in inner:
        traces[key] = values[:, at : at + width]
        at += width
    return np.asarray(values[:, :count, 0].numpy())
