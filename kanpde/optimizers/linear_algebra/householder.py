"""QR by Householder's reflections on the CPU: one call of LAPACK for a short factorization, panels
of columns for a long one.

A panel of w columns is factored by LAPACK, its reflections are gathered,

    H₁ … H_w = I - V T Vᵀ,    T⁻¹ = diag(1/τ) + the strict upper triangle of Vᵀ V,

and the columns to its right take them by products of matrices. The rows of V fall into a head, one
row per column, and a tail. In a plain matrix the head of V is unit lower triangular and the tail
all rows below. Where a triangle stands on other rows (ε I on A), the head is in the triangle and
that of V is I: what the zeros of the triangle save.

Measured, one thread, time against one call for (A; ε I) as a dense matrix: A 2000 × 800 0.9, 5700 ×
1184 0.7, 3000 × 2500 0.6, 9700 × 5360 0.8 (16 against 21 s). Between two calls Python answers
signals: at the last of these sizes after 0.4 s at most.
Sources: Golub & Van Loan, Matrix Computations, 2013, §5.2; Schreiber & Van Loan, SIAM J. Sci. Stat.
Comput. 10 (1989); Puglisi, ibid. 13 (1992), for T.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.parallel.threads import each

PIECE = 10**10
"""Operations of one call, about: 0.3 s of one core at 30 Gflop/s, 5 s of one at 2. No clock is
asked, so the same matrix is cut alike everywhere.
"""

WIDTH = 128
"""Columns of a panel. Of 32 … 512 it was the fastest at 2000 × 800 and within 15 % of the fastest
at 5700 × 1184 and 3000 × 2500.
"""

NARROWEST = 16
"""Columns of a panel at least, however many rows it has."""


WIDE = 256
"""Columns that one of several threads works on at a time, and of a panel of `upper`; as fast on one
thread as one call from 1300 × 900 on.
"""

SHARED = 4 * 10**8
"""Operations of one call of `upper` and of a product in normal equations; more are shared by threads."""


def is_short(rows: int, columns: int) -> bool:
    """Whether QR of so large a matrix is one piece."""
    return 2 * rows * columns**2 <= PIECE


def by_columns(matrix: Tensor) -> Tensor:
    """A copy (N, P) stored by columns."""
    copy: Tensor = torch.empty_like(matrix.T, memory_format=torch.contiguous_format).T
    return copy.copy_(matrix)


def factor(matrix: Tensor, triangular: int) -> OneCall | Blocked:
    """The factors of a matrix (N, P), which is overwritten, whose last `triangular` rows are an
    upper triangle.
    """
    if is_short(*matrix.shape):
        return OneCall(*torch.geqrf(matrix))
    return Blocked.of(matrix, triangular)


def upper(matrix: Tensor) -> Tensor:
    """R (min(N, P), P) of a matrix (N, P), which is overwritten: where it is large by panels whose
    reflections are applied to the columns at their right by all threads.
    """
    total, unknowns = matrix.shape
    if 2 * total * unknowns**2 <= SHARED:
        return torch.geqrf(matrix)[0][: min(total, unknowns)].triu()
    for first in range(0, min(total, unknowns), WIDE):
        last = min(first + WIDE, unknowns)
        factored, tau = torch.geqrf(matrix[first:, first:last])
        matrix[first:, first:last] = factored

        def turn(
            some: slice, first: int = first, of: tuple[Tensor, Tensor] = (factored, tau)
        ) -> None:
            rows = matrix[first:, some]
            rows.copy_(torch.ormqr(*of, rows, left=True, transpose=True))

        each(turn, runs(last, unknowns))
    return matrix[: min(total, unknowns)].triu()


def runs(first: int, last: int) -> list[slice]:
    """Columns from the first on in runs that threads share."""
    return [slice(low, min(low + WIDE, last)) for low in range(first, last, WIDE)]


@dataclass(frozen=True)
class OneCall:
    """LAPACK's own form: reflections (N, P) below the triangle, and their τ."""

    householder: Tensor
    tau: Tensor

    @property
    def triangle(self) -> Tensor:
        """R (min(N, P), P)."""
        return self.householder[: len(self.tau)].triu()

    def split(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Q₁ᵀ and Q₂ᵀ of rows (N, K): (P, K) and (N - P, K)."""
        turned = self._turned(rows, True)
        return turned[: len(self.tau)], turned[len(self.tau) :]

    def join(self, top: Tensor | None, rest: Tensor | None) -> Tensor:
        """Q₁ top + Q₂ rest, (N, K)."""
        given = top if rest is None else rest
        assert given is not None
        count = len(self.tau)
        zeros = given.new_zeros(len(self.householder), given.shape[1])
        return self._turned(
            torch.cat(
                [
                    zeros[:count] if top is None else top,
                    zeros[count:] if rest is None else rest,
                ]
            ),
            False,
        )

    def back(self, top: Tensor) -> Tensor:
        """R⁻¹ top (P, K)."""
        triangle = self.householder[: len(self.tau)]
        solution: Tensor = torch.linalg.solve_triangular(triangle, top, upper=True)
        return solution

    def _turned(self, rows: Tensor, transpose: bool) -> Tensor:
        """Qᵀ rows or Q rows, (N, K)."""
        pieces = list(_pieces(rows.shape[1], 4 * self.householder.numel()))
        turned = [
            torch.ormqr(self.householder, self.tau, rows[:, some], left=True, transpose=transpose)
            for some in pieces
        ]
        return turned[0] if len(turned) == 1 else torch.cat(turned, dim=1)


@dataclass(frozen=True)
class _Panel:
    """I - V T Vᵀ on the rows `head` and `tail`; V is `unit` (w, w), or the identity, above the
    `tail` of the storage's `columns`.
    """

    columns: slice
    head: slice
    tail: slice
    unit: Tensor | None
    weights: Tensor

    @classmethod
    def of(cls, storage: Tensor, columns: slice, head: slice, tail: slice, plain: bool) -> _Panel:
        """Factor these rows of these columns in place: R in the head, V below."""
        width = columns.stop - columns.start
        stacked = torch.cat([storage[head, columns], storage[tail, columns]])
        factored, tau = torch.geqrf(stacked)
        storage[head, columns], storage[tail, columns] = factored[:width].triu(), factored[width:]
        below = storage[tail, columns]
        gram, unit = below.T @ below, None
        if plain:
            unit = factored[:width].tril(-1).fill_diagonal_(1.0)
            gram += unit.T @ unit
        # diag(τ) T⁻¹ = I + diag(τ) U is inverted: a column of zeros has τ = 0
        scaled = tau[:, None] * gram.triu(1)
        weights = torch.linalg.solve_triangular(
            scaled, torch.diag(tau), upper=True, unitriangular=True
        )
        return cls(columns, head, tail, unit, weights)

    def turn(self, storage: Tensor, rows: Tensor, transpose: bool) -> None:
        """Take rows (N, K) to (I - V Tᵀ Vᵀ) rows, or with T, in place."""
        below = storage[self.tail, self.columns]
        weights = self.weights.T if transpose else self.weights

        def turn_some(some: slice) -> None:
            head, tail = rows[self.head, some], rows[self.tail, some]
            lifted = head if self.unit is None else self.unit.T @ head
            pulled = weights @ (below.T @ tail + lifted)
            head -= pulled if self.unit is None else self.unit @ pulled
            tail.addmm_(below, pulled, alpha=-1)

        pieces = _pieces(rows.shape[1], 4 * below.numel())
        each(turn_some, [some for piece in pieces for some in runs(piece.start, piece.stop)])


@dataclass(frozen=True)
class Blocked:
    """The reflections of one panel after the other in `storage` (N, P), with the triangle from row
    `start` on.
    """

    storage: Tensor
    panels: tuple[_Panel, ...]
    start: int

    @classmethod
    def of(cls, matrix: Tensor, triangular: int, upper: bool = False) -> Blocked:
        """The factors of a matrix (N, P), which is overwritten, whose last `triangular` rows are an
        upper triangle.

        If the rows above it are `upper` triangular too, their zeros are left out.
        """
        total, unknowns = matrix.shape
        start, count, panels = total - triangular, min(total, unknowns), []
        if triangular:
            matrix[start:].triu_()
        else:
            start = 0
        widest = math.isqrt(PIECE // (2 * total))
        width = max(NARROWEST, min(WIDTH, widest))
        for first in range(0, count, width):
            last = min(first + width, count)
            head = slice(start + first, start + last)
            tail = slice(last, total)
            if triangular:
                tail = slice(0, min(last, start) if upper else start)
            panel = _Panel.of(matrix, slice(first, last), head, tail, not triangular)
            panel.turn(matrix, matrix[:, last:], True)
            panels.append(panel)
        return cls(matrix, tuple(panels), start)

    @property
    def triangle(self) -> Tensor:
        """R (min(N, P), P)."""
        return self._top.triu()

    @property
    def _top(self) -> Tensor:
        return self.storage[self.start : self.start + min(self.storage.shape)]

    def split(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Q₁ᵀ and Q₂ᵀ of rows (N, K): (P, K) and (N - P, K)."""
        turned = by_columns(rows)
        for panel in self.panels:
            panel.turn(self.storage, turned, True)
        stop = self.start + len(self._top)
        return turned[self.start : stop], torch.cat([turned[: self.start], turned[stop:]])

    def join(self, top: Tensor | None, rest: Tensor | None) -> Tensor:
        """Q₁ top + Q₂ rest, (N, K)."""
        given = top if rest is None else rest
        assert given is not None
        turned = given.new_zeros(given.shape[1], len(self.storage)).T
        stop = self.start + len(self._top)
        if top is not None:
            turned[self.start : stop] = top
        if rest is not None:
            turned[: self.start], turned[stop:] = rest[: self.start], rest[self.start :]
        for panel in reversed(self.panels):
            panel.turn(self.storage, turned, False)
        return turned

    def back(self, top: Tensor) -> Tensor:
        """R⁻¹ top (P, K)."""
        solution: Tensor = torch.linalg.solve_triangular(self._top, top, upper=True)
        return solution


def _pieces(columns: int, operations: int) -> Iterator[slice]:
    """Runs of columns that take no more than PIECE `operations`, so many for each column; at least
    one run.
    """
    size = max(1, PIECE // max(operations, 1))
    for first in range(0, max(columns, 1), size):
        yield slice(first, min(first + size, columns))
