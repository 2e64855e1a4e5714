"""The least-squares system of all patches, by elimination: first the coefficients of each patch,
then the traces of the faces inside ever larger groups of patches.

    min over c, τ  Σ_j |A_j c_j - b_j|² + |G_j c_j - T_j τ_j|²

QR of [[A_j, 0, b_j], [G_j, -T_j, 0]] leaves a small block on τ_j, and QR of two stacked blocks
eliminates the faces that no other patch has (nested dissection, see `order`).
In the plane no normal equations are formed; in space see `normal`. Blocks whose patches a level
leaves alone are not computed again. A sum over all patches that is 0 has one unknown for every
block, its part M: of two blocks M_1 + M_2 = M, so that M_2 gives way to M - M_1; M of all is 0.

Source: George, SIAM J. Numer. Anal. 10 (1973) 345–363; Martinsson, J. Comput. Phys. 242 (2013).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.numerics.quadrature import Array
from kanpde.parallel.ranks import present
from kanpde.parallel.threads import each, follow
from kanpde.patches.blocks import (
    SUM,
    Block,
    FaceKey,
    Traces,
    numbers,
    substitute,
    substituted,
)
from kanpde.patches.fronts import tree_of
from kanpde.patches.layout import Patch
from kanpde.patches.leaves import Ties, eliminated, triangle
from kanpde.patches.normal import Projected, corrected, merged_normal
from kanpde.patches.order import Tree, over_leaves, pairs_of
from kanpde.patches.outflow import Weak
from kanpde.patches.rows import Rows
from kanpde.patches.sharing import Share, climbed, gathered, joined
from kanpde.patches.stacking import has_sums, order_of, stacked

WEAK = 1e-7
"""Smallest singular values that normal equations do not resolve."""

Merge = Callable[[Block, Block], Block | None]


def merged(first: Block, second: Block) -> Block:
    """The block of two: the traces of the faces that both have are gone."""
    number = next(numbers)
    totals = tuple(
        ((SUM, which, number), *pair)
        for which, pair in enumerate(zip(_sums(first), _sums(second), strict=True))
    )
    parts = {key for total in totals for key in total[1:]}
    common = {key for key, _ in first.faces} & {key for key, _ in second.faces} | parts
    inner = tuple(pair for pair in first.faces if pair[0] in common)
    outer = tuple(pair for pair in (*first.faces, *second.faces) if pair[0] not in common)
    outer += tuple((total[0], 1) for total in totals)
    start: dict[FaceKey, int] = {}
    width = 0
    for key, count_of_traces in (*inner, *outer):
        start[key] = width
        width += count_of_traces
    stacked = np.zeros((len(first.right) + len(second.right), width + 1), order="F")
    split = len(first.right)
    _place(stacked[:split], first, start)
    start |= {of_second: start[total] for total, _, of_second in totals}
    _place(stacked[split:], second, start)
    for total, of_first, _ in totals:
        stacked[split:, start[of_first]] = -stacked[split:, start[total]]
    r = triangle(stacked)
    k = sum(width_of_face for _, width_of_face in inner)
    matrix, right = r[k:width, k:-1], r[k:width, -1]
    return Block(number, outer, matrix, right, inner, r[:k], totals=totals)


def _sums(block: Block) -> list[FaceKey]:
    """The keys of the parts of sums of a block."""
    return [key for key, _ in block.faces if key[0] == SUM]


def _place(stacked: Array, block: Block, start: Mapping[FaceKey, int]) -> None:
    """Write the rows of a block into columns that begin where its faces `start`."""
    column = 0
    for key, width in block.faces:
        at = start[key]
        stacked[:, at : at + width] = block.matrix[:, column : column + width]
        column += width
    stacked[:, -1] = block.right


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
        self._mine: tuple[int, ...] = ()
        self._count = 0

    def is_known(self, patches: Sequence[Patch]) -> bool:
        """Whether the block of a leaf is known."""
        return _key(patches) in self._leaves

    def missing(self, patches: Sequence[Patch]) -> list[Patch]:
        """The patches whose blocks are not known yet."""
        return [patch for patch in patches if not self.is_known([patch])]

    @property
    def data(self) -> float:
        """The sum of the squared right sides of all patches of the last level."""
        pairs = zip(self._mine, self._leaves.values(), strict=True)
        each_leaf = gathered(
            {number: np.array(leaf.data) for number, leaf in pairs}, self._count, ()
        )
        return float(sum(each_leaf.tolist()))

    def add(self, patch: Patch, rows: Rows) -> None:
        """Eliminate the coefficients of one patch."""
        self.join([patch], [rows])

    def missed(self, patches: Sequence[Patch], coefficients: Sequence[Array]) -> Array:
        """What solved patches miss where conditions at an outflow are weak, (J, d + 1): see
        `Weak.missed`.
        """
        missed = {k: weak.missed(coefficients[k]) for k, weak in self._weak_of(patches)}
        return gathered(missed, len(patches), (patches[0].dimension + 1,))

    def widths(self, patches: Sequence[Patch]) -> Array:
        """The widths (J, 2, d) of layers that are not resolved: see `Weak.widths`."""
        widths = {k: weak.widths() for k, weak in self._weak_of(patches)}
        return gathered(widths, len(patches), (2, patches[0].dimension))

    def _weak_of(self, patches: Sequence[Patch]) -> list[tuple[int, Weak]]:
        """The numbers of the patches that this rank knows, with what is weak there."""
        known = self._weak
        return [(k, known[patch.key]) for k, patch in enumerate(patches) if patch.key in known]

    def join(
        self, patches: Sequence[Patch], rows: Sequence[Rows], ties: Ties | None = None
    ) -> None:
        """Eliminate the coefficients of the patches of one leaf."""
        self.keep(patches, rows, eliminated(patches, rows, ties))

    def keep(self, patches: Sequence[Patch], rows: Sequence[Rows], block: Block) -> None:
        """Know the block of a leaf, made of these rows by `eliminated`."""
        self._leaves[_key(patches)] = block
        for patch, of_patch in zip(patches, rows, strict=True):
            self._weak[patch.key] = of_patch.weak

    def solve(
        self, patches: Sequence[Patch], groups: Sequence[tuple[int, ...]] | None = None
    ) -> tuple[list[Array], Array, tuple[float, float]]:
        """Solve for all coefficients.

        Args:
            patches: all patches of a level.
            groups: the numbers of those of each leaf, by default one patch is one leaf.

        Returns:
            Coefficients (m·n,) and the sum of the squared rows of each patch (that of a leaf for
            each of its patches in equal shares); the smallest relative pivot, and the smallest
            singular value of the block that couples the whole domain. Where either is near
            rounding, or the second falls when the space is enriched, the problem has no unique
            solution.
        """
        if groups is None:
            groups = [(number,) for number in range(len(patches))]
        share = self.share(patches, groups)
        groups, self._mine, self._count = [groups[k] for k in share.mine], share.mine, len(groups)
        members = [[patches[number] for number in group] for group in groups]
        leaves = [self._leaves[_key(of_leaf)] for of_leaf in members]
        self._leaves = {_key(of_leaf): leaf for of_leaf, leaf in zip(members, leaves, strict=True)}
        self._weak = {patch.key: self._weak[patch.key] for of_leaf in members for patch in of_leaf}
        traces, condition = self._traces(share, leaves, patches)
        parts: dict[int, Array] = {}
        squares: dict[int, Array] = {}
        solved = each(lambda leaf: (leaf.eliminated(traces), leaf.residual(traces)), leaves)
        unknowns = 0
        for group, of_leaf, leaf, (values, square) in zip(
            groups, members, leaves, solved, strict=True
        ):
            sizes = [patch.count for patch in of_leaf]
            values = values[: len(values) - sum(width for _, width in leaf.inner)]
            unknowns = len(values) // sum(sizes)
            ends = np.cumsum(sizes)[:-1] * unknowns
            squares |= dict.fromkeys(group, np.array(square / len(group)))
            parts |= zip(group, np.split(values, ends), strict=True)
        unknowns = int(present().agreed(unknowns))
        sizes = [unknowns * patch.count for patch in patches]
        return joined(parts, sizes), gathered(squares, len(patches), ()), condition

    def share(self, patches: Sequence[Patch], groups: Sequence[tuple[int, ...]]) -> Share:
        """Which leaves of a level, made of the patches of `groups`, are those of this rank."""
        members = [[patches[number] for number in group] for group in groups]
        if present().count > 1:  # ranks share dyadic halves, which are alike in work
            tree = over_leaves([of_leaf[0].cells[0] for of_leaf in members], self.counts)
        else:
            tree = tree_of(members, self.counts)
        return Share.of(tree, members, present())

    def _traces(
        self, share: Share, leaves: Sequence[Block], patches: Sequence[Patch]
    ) -> tuple[Traces, tuple[float, float]]:
        """All traces on faces of the leaves of this rank; the smallest relative pivot, and the
        smallest singular value of the whole.
        """
        traces: Traces = {}
        order: list[Block] = []
        if present().count > 1:
            weakest = np.zeros(1)
            if share.tree is not None:
                order = self._merge_by_qr(share.tree, leaves)
                own = order or [leaves[0].rooted]
                groups, traces, weakest = climbed(share, own, patches, merged)
                substitute(order, traces)
                order += groups
            pivot = min((block.condition for block in order), default=1.0)
            pivots = gathered({present().number: np.array(pivot)}, present().count, ())
            return traces, (float(pivots.min()), float(present().summed(weakest)[0]))
        assert share.tree is not None
        order, normal = self._merge_all(share.tree, leaves)
        traces = substituted(order, leaves[0])
        if normal:
            settled = corrected(traces, leaves, order)
            if settled is None:
                order = self._merge_by_qr(share.tree, leaves)
            traces = settled or substituted(order, leaves[0])
        pivot = min((block.condition for block in order), default=1.0)
        return traces, (pivot, (order or leaves)[-1].weakest)

    def leaves(self, patches: Sequence[Patch]) -> list[Block]:
        """The blocks of patches that are known, one patch each."""
        return [self._leaves[_key([patch])] for patch in patches]

    def heads(self, patches: Sequence[Patch]) -> tuple[list[Block], list[Block]]:
        """The leaves of patches that are known, one patch each, and the groups of their tree, each
        after its halves, by QR: what R of all rows consists of.
        """
        leaves = self.leaves(patches)
        self._leaves = {_key([patch]): leaf for patch, leaf in zip(patches, leaves, strict=True)}
        self._weak = {patch.key: self._weak[patch.key] for patch in patches}
        tree = tree_of([(patch,) for patch in patches], self.counts)
        return leaves, self._merge_by_qr(tree, leaves)

    def _merge_all(self, tree: Tree, leaves: Sequence[Block]) -> tuple[list[Block], bool]:
        """The groups of a tree, each after its halves, and whether they follow from normal
        equations; those of the level before are used again.
        """
        if all(isinstance(leaf, Projected) for leaf in leaves):
            order = self._merged_all(tree, leaves, _normal)
            if order is not None and (order or leaves)[-1].weakest > WEAK:
                return order, True
        return self._merge_by_qr(tree, leaves), False

    def _merge_by_qr(self, tree: Tree, leaves: Sequence[Block]) -> list[Block]:
        """The groups of a tree, each after its halves."""
        leaves = each(lambda leaf: leaf.rooted, leaves)
        order = order_of(tree, [[key for key, _ in leaf.faces] for leaf in leaves])

        def merge(first: Block, second: Block) -> Block:
            sums = has_sums(first) or has_sums(second)
            return merged(first, second) if sums else stacked(first, second, order)

        groups = self._merged_all(tree, leaves, merge)
        assert groups is not None
        return groups

    def _merged_all(self, tree: Tree, leaves: Sequence[Block], merge: Merge) -> list[Block] | None:
        """The groups of a tree, each after its halves, those of the level before among them; None
        where one cannot be merged.
        """
        groups, count = pairs_of(tree, len(leaves)), len(leaves)

        def block_of(number: int, merged_before: Sequence[Block | None]) -> Block | None:
            before = iter(merged_before)
            first, second = (
                leaves[half] if half < count else next(before) for half in groups[number]
            )
            if first is None or second is None:
                return None
            return self._merged.get((first.number, second.number)) or merge(first, second)

        # a group whose halves are leaves waits for nothing
        waits = [[half - count for half in pair if half >= count] for pair in groups]
        order = follow(block_of, waits)
        blocks = [block for block in order if block is not None]
        if len(blocks) < len(order):
            return None
        numbers_of = [*(leaf.number for leaf in leaves), *(block.number for block in blocks)]
        self._merged = {
            (numbers_of[first], numbers_of[second]): block
            for (first, second), block in zip(groups, blocks, strict=True)
        }
        return blocks


def _normal(first: Block, second: Block) -> Block | None:
    """The block of two by normal equations, None where they do not suffice."""
    block = merged_normal(first, second)
    return block if block is not None and block.is_sound else None


def _key(patches: Sequence[Patch]) -> tuple[object, ...]:
    """Equal for leaves with equal blocks."""
    return tuple(patch.key for patch in patches)
