"""The elimination in space: normal equations of traces, corrected by the rows themselves.

    leaf      |P (b; T τ)|²,   P = I - Q Qᵀ,   (A; G) = Q R:     gram  TᵀT - WᵀW,   W = Q_Gᵀ T
    merge     gram = gram_1 + gram_2, its inner traces gone:       see `linear_algebra.normal`
    solution  τ from the normal equations, then τ + δ with  gram δ = Σ_j M_jᵀ (b_j - M_j τ)

In space a group of patches has thousands of traces, and QR of its blocks is nearly all of the work:
46 cells of degree 12 took 43 CPU s, 5 with normal equations. Traces are scaled and the system is that
of a domain cut into few cells: its condition is about 1e3, its square 1e6, so that one correction
gives what QR gives. Where a pivot falls below `SUSPICIOUS` the elimination is done by QR instead.

Source: Björck, Numerical Methods for Least Squares Problems (1996), §6.6; Martinsson, J. Comput.
Phys. 242 (2013).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from kanpde.numerics.quadrature import Array
from kanpde.optimizers.linear_algebra import back_substituted, condensed, factor, thin
from kanpde.patches.blocks import Block, FaceKey, Traces, numbers

SUSPICIOUS = 3e-7
"""Pivots of inner traces, over the norm of their column, that normal equations do not resolve."""

CORRECTIONS, SETTLED, ASTRAY = 5, 1e-13, 1e-9
"""Most corrections of the traces, the share of them below which one is the last, and the share above
which the last one says that they do not settle.
"""


@dataclass(frozen=True)
class Piece:
    """Rows of the leaf's G, the columns of τ, and T there."""

    rows: slice
    columns: slice
    taken: Array


@dataclass(frozen=True)
class Projected(Block):
    """The block of one patch: `basis` Q (n + below, n), the first right side `top` (n,), and the
    `pieces` of T; matrix and right side are not formed.
    """

    basis: Array = field(default_factory=lambda: np.zeros((0, 0)))
    top: Array = field(default_factory=lambda: np.zeros(0))
    pieces: tuple[Piece, ...] = ()

    @property
    def _lower(self) -> Array:
        return self.basis[len(self.top) :]

    @property
    def gram(self) -> Array:
        """(M b)ᵀ (M b), (t + 1, t + 1)."""
        n = len(self.top)
        across = self.head[:, n:]
        gram = -(across.T @ across)
        for piece in self.pieces:
            gram[piece.columns, piece.columns] += piece.taken.T @ piece.taken
        gram[-1, -1] += self.top @ self.top
        return gram

    @property
    def rooted(self) -> Block:
        """The same block with a matrix of as many rows as there are traces, by QR."""
        n, count = len(self.top), self.head.shape[1] - len(self.top) - 1
        rows = np.zeros((len(self.basis), count + 1))
        rows[:n, -1] = self.top
        for piece in self.pieces:
            rows[n:][piece.rows, piece.columns] = -piece.taken
        rows -= self.basis @ (self.basis.T @ rows)
        upper = np.asarray(factor(torch.from_numpy(rows)).triangle.numpy())
        rest = self.rest + float(upper[count, -1] ** 2) if len(upper) > count else self.rest
        return Block(
            number=next(numbers),
            faces=self.faces,
            matrix=upper[:count, :-1],
            right=upper[:count, -1],
            inner=self.inner,
            head=self.head,
            rest=rest,
            data=self.data,
        )

    def _left(self, traces: Mapping[FaceKey, Array]) -> Array:
        """P (b; T τ), (n + below,)."""
        rows = np.zeros(len(self.basis))
        rows[: len(self.top)] = self.top
        if self.faces:
            outer = np.concatenate([traces[key] for key, _ in self.faces])
            below = rows[len(self.top) :]
            for piece in self.pieces:
                below[piece.rows] = piece.taken @ outer[piece.columns]
        return np.asarray(rows - self.basis @ (self.basis.T @ rows))

    def gradient(self, traces: Mapping[FaceKey, Array]) -> Array:
        """Mᵀ (b - M τ), (t,)."""
        below = self._left(traces)[len(self.top) :]
        gradient = np.zeros(self.head.shape[1] - len(self.top) - 1)
        for piece in self.pieces:
            gradient[piece.columns] -= piece.taken.T @ below[piece.rows]
        return gradient

    def residual(self, traces: Mapping[FaceKey, Array]) -> float:
        """The sum of the squared rows of the patch for given traces."""
        return self.rest + float(np.sum(self._left(traces) ** 2))


@dataclass(frozen=True)
class Condensed(Block):
    """The block of a group: its Gram matrix `square` (t + 1, t + 1) alone."""

    square: Array = field(default_factory=lambda: np.zeros((1, 1)))

    @property
    def gram(self) -> Array:
        """(M b)ᵀ (M b), (t + 1, t + 1)."""
        return self.square

    @cached_property
    def is_sound(self) -> bool:
        """Whether no inner trace is too weak for normal equations."""
        return self.condition > SUSPICIOUS


def projected(
    first: Array, faces: Sequence[tuple[FaceKey, Array, Array]], *, rest: float, data: float
) -> Projected:
    """The block of one patch.

    Args:
        first: the triangle (n, n + 1) of its rows with their right side.
        faces: key, G and T of each face.
        rest: the squared rows that its coefficients cannot meet.
        data: the sum of its squared right sides.
    """
    n = first.shape[1] - 1
    widths = tuple((key, taken.shape[1]) for key, _, taken in faces)
    system = np.concatenate([first[:n, :n], *(matrix for _, matrix, _ in faces)])
    basis, upper = (np.asarray(part.numpy()) for part in thin(torch.from_numpy(system)))
    pieces, row, column = [], 0, 0
    across = np.empty((n, sum(width for _, width in widths)))
    for _, matrix, taken in faces:
        piece = Piece(slice(row, row + len(matrix)), slice(column, column + taken.shape[1]), taken)
        across[:, piece.columns] = -(basis[n:][piece.rows].T @ taken)
        pieces.append(piece)
        row, column = piece.rows.stop, piece.columns.stop
    top = np.array(first[:n, n])
    return Projected(
        number=next(numbers),
        faces=widths,
        matrix=np.zeros((0, column)),
        right=np.zeros(0),
        inner=(),
        head=np.concatenate([upper, across, (basis[:n].T @ top)[:, None]], axis=1),
        rest=rest,
        data=data,
        basis=basis,
        top=top,
        pieces=tuple(pieces),
    )


def merged_normal(first: Block, second: Block) -> Condensed | None:
    """The block of two without the traces of the faces that both have; None where they are not
    determined to rounding.
    """
    common = {key for key, _ in first.faces} & {key for key, _ in second.faces}
    inner = tuple(pair for pair in first.faces if pair[0] in common)
    outer = tuple(pair for pair in (*first.faces, *second.faces) if pair[0] not in common)
    start: dict[FaceKey, int] = {}
    width = 0
    for key, traces in (*inner, *outer):
        start[key] = width
        width += traces
    gram = np.zeros((width + 1, width + 1))
    for block in (first, second):
        _add(gram, block, start)
    count = sum(traces for _, traces in inner)
    parts = condensed(torch.from_numpy(gram), count)
    if parts is None:
        return None
    head, rest = (np.asarray(part.numpy()) for part in parts)
    empty = np.zeros((0, width - count))
    return Condensed(next(numbers), outer, empty, np.zeros(0), inner, head, square=rest)


def _add(gram: Array, block: Block, start: Mapping[FaceKey, int]) -> None:
    """Add the Gram matrix of a block to one whose faces `start` somewhere, its right side last."""
    runs: list[tuple[int, int, int]] = []
    at = 0
    for to, width in (*((start[key], width) for key, width in block.faces), (len(gram) - 1, 1)):
        before = runs[-1] if runs else (0, 0, 0)
        if runs and before[1] + before[2] == to:
            runs[-1] = (before[0], before[1], before[2] + width)
        else:
            runs.append((at, to, width))
        at += width
    square = block.gram
    for row, to_row, height in runs:
        for column, to_column, width in runs:
            piece = square[row : row + height, column : column + width]
            gram[to_row : to_row + height, to_column : to_column + width] += piece


def corrected(traces: Traces, leaves: Sequence[Block], order: Sequence[Block]) -> Traces | None:
    """Traces of the normal equations with corrections from the rows of the leaves; None where these
    do not settle.

    Args:
        traces: the solution of the normal equations.
        leaves: the blocks of all leaves.
        order: the groups, each after its two halves.
    """
    change = largest = 0.0
    for _ in range(CORRECTIONS):
        gradient = {key: np.zeros(len(values)) for key, values in traces.items()}
        for leaf in leaves:
            at = 0
            of_leaf = leaf.gradient(traces) if leaf.faces else np.zeros(0)
            for key, width in leaf.faces:
                gradient[key] += of_leaf[at : at + width]
                at += width
        step = _solved(gradient, order)
        traces = {key: values + step[key] for key, values in traces.items()}
        largest = max((np.abs(values).max(initial=0.0) for values in traces.values()), default=0.0)
        change = max((np.abs(values).max(initial=0.0) for values in step.values()), default=0.0)
        if change <= SETTLED * largest:
            break
    return traces if change <= ASTRAY * largest else None


def _solved(gradient: Traces, order: Sequence[Block]) -> Traces:
    """The solution δ of gram δ = gradient, from the heads of all groups."""
    known: dict[int, Array] = {}
    for block in order:
        count = len(block.head)
        if not count:
            continue
        right = np.concatenate([gradient[key] for key, _ in block.inner])
        upper = torch.from_numpy(np.ascontiguousarray(block.head[:, :count]))
        rows = torch.from_numpy(right)[:, None]
        part = np.asarray(back_substituted(upper, rows, transpose=True)[:, 0].numpy())
        known[block.number] = part
        passed, at = block.head[:, count:-1].T @ part, 0
        for key, width in block.faces:
            gradient[key] = gradient[key] - passed[at : at + width]
            at += width
    solution: Traces = {}
    for block in reversed(order):
        count, at = len(block.head), 0
        if not count:
            continue
        right = known[block.number]
        if block.faces:
            outer = np.concatenate([solution[key] for key, _ in block.faces])
            right = right - block.head[:, count:-1] @ outer
        upper = torch.from_numpy(np.ascontiguousarray(block.head[:, :count]))
        values = back_substituted(upper, torch.from_numpy(right)[:, None])[:, 0].numpy()
        for key, width in block.inner:
            solution[key] = values[at : at + width]
            at += width
    return solution
