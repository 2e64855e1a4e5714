"""QR of a matrix whose rows, sorted by a position, touch few neighbouring columns each: splines along one coordinate.

The sorted rows are taken block by block. A block's window holds every column whose first row is not after the block and whose
last is not before it. The block's rows, what is left of the earlier windows and an ε-row per new column become triangular, the
columns that no later row touches are finished, the rest goes on. Columns are eliminated in the order of their last rows, so one
that is touched from end to end (a periodic condition couples both ends, a global function) stays in every window until the last.
With k columns in a window R rows cost about 2 R k² instead of 2 R P².
Source: Reid, Comput. J. 10, 1967; Lawson & Hanson, Solving Least Squares Problems, 1995, ch. 27; Cox, IMA J. Numer. Anal. 1, 1981.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BLOCK = 1.5
"""Rows of a block in units of the mean number of columns whose first and last row enclose a row."""

FEWEST = 128
"""Rows of a block at least: shorter ones cost more in calls than they save in operations."""

SAMPLE = 16
"""Of so many columns one is looked at before the zeros of the whole matrix are."""

WORTHWHILE = 1 / 6
"""Windows are used where they need less than this share of the operations of the whole matrix; one of theirs takes two to five
times as long."""


@dataclass(frozen=True)
class Windows:
    """Rows by position and how many of them make a block; columns by the block that finishes them, and where each begins."""

    rows: Tensor
    block: int
    columns: Tensor
    begins: Tensor
    ends: Tensor

    @classmethod
    def of(cls, matrix: Tensor, position: Tensor) -> Windows | None:
        """The windows of a matrix (R, P) with rows at `position` (R,), or None where they would not pay."""
        count, unknowns = matrix.shape
        rows = position.argsort(stable=True)
        for share in (SAMPLE, 1):
            first, last = _spans(matrix[:, ::share], rows)
            block = max(FEWEST, round(BLOCK * share * float((last - first + 1).sum()) / count))
            begins, ends = first // block, last // block
            size = share * _held(begins, ends, -(-count // block)) + 1.0
            work = (2 * block * size**2 + 4 / 3 * size**3).sum()
            if work > WORTHWHILE * (2 * count + 4 / 3 * unknowns) * unknowns**2:
                return None
        columns = np.lexsort((begins, ends))
        begins, ends = begins[columns], ends[columns]
        return cls(rows, block, *(torch.from_numpy(each) for each in (columns, begins, ends)))

    def solve(self, matrix: Tensor, right: Tensor, lengths: Tensor, epsilon: float) -> Tensor:
        """The minimiser s (P,) of ‖M D⁻¹ s - y‖² + ε² ‖s‖² with D the diagonal of `lengths`."""
        by_column, kept = matrix.T, matrix.new_zeros(0, 1)
        window, finished = self.columns[:0], []
        for number, start in enumerate(range(0, len(self.rows), self.block)):
            rows = self.rows[start : start + self.block]
            new = (self.begins == number).nonzero()[:, 0]
            old, window = window, torch.cat([window, new]).sort().values
            size, held, below = len(window), len(old), len(old) + len(rows)
            columns = self.columns[window]
            stack = matrix.new_zeros(size + 1, below + len(new))
            stack[torch.searchsorted(window, old), :held] = kept[:, :-1].T
            stack[size, :held] = kept[:, -1]
            torch.div(by_column[columns[:, None], rows], lengths[columns, None], out=stack[:size, held:below])
            stack[size, held:below] = right[rows]
            stack[torch.searchsorted(window, new), torch.arange(below, below + len(new), device=new.device)] = epsilon
            triangle = torch.linalg.qr(stack.T, mode="r").R
            done = int((self.ends[window] == number).sum())
            finished.append((columns, triangle[:done]))
            kept, window = triangle[done:size, done:], window[done:]
        solution = torch.zeros_like(lengths)
        for columns, triangle in reversed(finished):
            done = len(triangle)
            known = triangle[:, -1:] - triangle[:, done:-1] @ solution[columns[done:], None]
            solution[columns[:done]] = torch.linalg.solve_triangular(triangle[:, :done], known, upper=True)[:, 0]
        return solution


def _spans(matrix: Tensor, rows: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """First and last place among the sorted rows where each column (of P) is not zero; 0 and 0 where it is empty."""
    touched = matrix.T.numpy() != 0
    counts = np.count_nonzero(touched, axis=1)
    place = np.empty(len(rows), dtype=np.int64)
    place[rows.numpy()] = np.arange(len(rows))
    places = place[np.flatnonzero(touched) % len(rows)]
    filled = counts > 0
    starts = (counts.cumsum() - counts)[filled]
    first, last = np.zeros_like(counts), np.zeros_like(counts)
    first[filled], last[filled] = np.minimum.reduceat(places, starts), np.maximum.reduceat(places, starts)
    return first, last


def _held(begins: np.ndarray, ends: np.ndarray, blocks: int) -> np.ndarray:
    """How many columns the window of each block holds."""
    began, ended = (np.bincount(each, minlength=blocks) for each in (begins, ends))
    return np.asarray(began.cumsum() - ended.cumsum() + ended)
