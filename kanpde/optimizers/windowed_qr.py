"""QR of a matrix whose rows, sorted by a position, touch few neighbouring columns each: splines
along one coordinate.

The sorted rows are taken block by block. A block's window holds every column whose first row is not
after the block and whose last is not before it. The block's rows, what is left of the earlier
windows and an ε-row per new column become triangular, the columns that no later row touches are
finished, the rest goes on. Columns are eliminated in the order of their last rows, so one that is
touched from end to end (a periodic condition couples both ends, a global function) stays in every
window until the last. With k columns in a window R rows cost about 2 R k² instead of 2 R P²; the
triangle on top of them costs nothing (LAPACK's tpqrt).
Source: Reid, Comput. J. 10, 1967; Lawson & Hanson, Solving Least Squares Problems, 1995, ch. 27;
Cox, IMA J. Numer. Anal. 1, 1981.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from kanpde.optimizers.linear_algebra import back_substituted, on_rows

BLOCK = 1.5
"""Rows of a block in units of the mean number of columns whose first and last row enclose a row."""

FEWEST = 128
"""Rows of a block at least: shorter ones cost more in calls than they save in operations."""

WORTHWHILE = 1 / 6
"""Windows are used where they need less than this share of the operations of the whole matrix; one
of theirs takes two to five times as long.
"""


@dataclass(frozen=True)
class _Block:
    """One step of the elimination: a triangle of kept rows and one ε per new column, and below it
    `rows`, stored by columns.

    `columns` are those of the window in the order of elimination; `old` and `new` say where in it
    the kept ones and the new ones stand; the first `done` are finished. Numbers `first` … `last` -
    1 go to `targets` among the flattened rows.
    """

    rows: Tensor
    columns: Tensor
    old: Tensor
    new: Tensor
    done: int
    first: int
    last: int
    targets: Tensor


@dataclass(frozen=True)
class Windows:
    """How a matrix (R, P) is eliminated whose numbers stand at known places; `order` (E,) brings
    them into that of the blocks.

    `columns` (E,) are theirs in that order.
    """

    blocks: tuple[_Block, ...]
    order: Tensor
    columns: Tensor
    unknowns: int

    @classmethod
    def of(cls, rows: Tensor, columns: Tensor, unknowns: int, position: Tensor) -> Windows | None:
        """The windows for numbers at rows (E,) and columns (E,), rows at `position` (R,), or None
        where they would not pay.

        Fewer places need no more operations: a sample of them can show that all would not pay.
        """
        sorted_rows = position.argsort(stable=True)
        count = len(sorted_rows)
        place = torch.empty_like(sorted_rows)
        place[sorted_rows] = torch.arange(count, device=sorted_rows.device)
        at = place[rows]
        first = at.new_full((unknowns,), count).scatter_reduce_(0, columns, at, "amin").numpy()
        last = at.new_full((unknowns,), -1).scatter_reduce_(0, columns, at, "amax").numpy()
        block = max(FEWEST, round(BLOCK * float((last - first + 1).clip(0).sum()) / count))
        begins, ends = np.where(last < 0, -1, first // block), last // block
        size = _widths(begins, ends, -(-count // block)) + 1.0
        work = (2 * block * size**2 + 4 / 3 * size**3).sum()
        if work > WORTHWHILE * (2 * count + 4 / 3 * unknowns) * unknowns**2:
            return None
        return cls._planned(sorted_rows, at.numpy(), columns.numpy(), block, begins, ends)

    @classmethod
    def _planned(
        cls,
        rows: Tensor,
        at: np.ndarray,
        columns: np.ndarray,
        size: int,
        begins: np.ndarray,
        ends: np.ndarray,
    ) -> Windows:
        """The blocks of `size` rows for numbers at the places `at` of the sorted rows.

        Columns live from block to block, empty ones (-1) in none.
        """
        number = at // size
        blocks = -(-len(rows) // size)
        order = np.argsort(number.astype(np.uint16) if blocks <= 1 << 16 else number, kind="stable")
        bounds = np.concatenate([[0], np.bincount(number, minlength=blocks).cumsum()])
        eliminated = np.lexsort((begins, ends))
        rank, table = np.empty(len(ends), dtype=np.int64), np.empty(len(ends), dtype=np.int64)
        rank[eliminated] = np.arange(len(ends))
        window, steps = rank[:0], []
        for k, (low, high) in enumerate(pairwise(bounds)):
            old, new = window, np.sort(rank[begins == k])
            window = np.union1d(old, new)
            table[window] = np.arange(len(window))
            block_rows, chosen = rows[k * size : (k + 1) * size], order[low:high]
            targets = table[rank[columns[chosen]]] * len(block_rows) + (at[chosen] - k * size)
            done = int((ends[eliminated[window]] == k).sum())
            steps.append(
                _Block(
                    rows=block_rows,
                    columns=torch.from_numpy(eliminated[window]),
                    old=torch.from_numpy(table[old]),
                    new=torch.from_numpy(table[new]),
                    done=done,
                    first=int(low),
                    last=int(high),
                    targets=torch.from_numpy(targets),
                )
            )
            window = window[done:]
        return cls(
            tuple(steps), torch.from_numpy(order), torch.from_numpy(columns[order]), len(ends)
        )

    def lengths(self, values: Tensor) -> Tensor:
        """The lengths (P,) of the columns for numbers in the order of the blocks."""
        return values.new_zeros(self.unknowns).index_add_(0, self.columns, values.square()).sqrt_()

    def solve(
        self, values: Tensor, right: Tensor, wanted: Tensor, lengths: Tensor, epsilon: float
    ) -> Tensor:
        """The minimiser s (P,) of ‖M D⁻¹ s - y‖² + ‖ε s - w‖², D the diagonal of `lengths`, y =
        `right` (R,), w = `wanted` (P,).
        """
        scaled, kept, finished = values / lengths[self.columns], values.new_zeros(0, 1), []
        for block in self.blocks:
            size = len(block.columns)
            top, below = (
                values.new_zeros(size + 1, size + 1),
                values.new_zeros(size + 1, len(block.rows)),
            )
            top[block.old, block.old[:, None]] = kept[:, :-1]
            top[size, block.old] = kept[:, -1]
            top[block.new, block.new] = epsilon
            top[size, block.new] = wanted[block.columns[block.new]]
            below.view(-1).index_add_(0, block.targets, scaled[block.first : block.last])
            below[size] = right[block.rows]
            triangle = on_rows(top, below)
            finished.append((block.columns, triangle[: block.done]))
            kept = triangle[block.done : size, block.done :]
        solution = wanted / epsilon
        for columns, triangle in reversed(finished):
            done = len(triangle)
            known = triangle[:, -1:] - triangle[:, done:-1] @ solution[columns[done:], None]
            solution[columns[:done]] = back_substituted(triangle[:, :done], known)[:, 0]
        return solution


def _widths(begins: np.ndarray, ends: np.ndarray, blocks: int) -> np.ndarray:
    """How many columns the window of each block holds."""
    began, ended = (np.bincount(each[each >= 0], minlength=blocks) for each in (begins, ends))
    return np.asarray(began.cumsum() - ended.cumsum() + ended)
