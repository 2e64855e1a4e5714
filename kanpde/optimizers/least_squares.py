"""One linear least-squares solve:  min over c of ‖M c - y‖² + ε² ‖D (c + c₀)‖².

D are the column norms of M (at least SHORTEST of the longest), c₀ the coefficients that c is added
to: a Newton step must not leave there what an earlier one put into coefficients that no row sees,
whose size costs digits.

A solve that is to keep what no row determines has c₀ = 0 and D = the longest column for all of
them: then a coefficient that no row sees stays to the bit, and one that the rows hardly see moves
no more than they need.

The columns are scaled to length one and an ε-multiple of the identity is stacked below, so that a
rank-deficient basis (the same constants and low polynomials live in every hidden unit) costs no
digits: QR of this matrix keeps what the SVD keeps at a fraction of its price; the normal equations
would lose half of them. `linear_algebra` does the QR.
Source: Golub & Van Loan, Matrix Computations, 2013, §5.3, §6.1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kanpde.errors import NumericalError
from kanpde.optimizers import linear_algebra
from kanpde.optimizers.windowed_qr import Windows

SHORTEST = 1e-9
"""Columns shorter than this share of the longest are not scaled up to length one: functions that
hardly any point reaches would get coefficients without any limit. It limits them, it does not make
them small.
"""

ALIKE = 1.0
"""In place of SHORTEST: every coefficient is held by the same force, however long its column."""

NOT_FINITE = (
    "least squares: the matrix or the right-hand side is not finite; check coefficients and sources"
)


def solve(
    matrix: Tensor,
    right: Tensor,
    regularisation: float,
    blocks: int = 1,
    present: Tensor | None = None,
    shortest: float = SHORTEST,
) -> Tensor:
    """The coefficients (P,) for a matrix (R + P, P) whose last P rows are free (zero); it and
    `right` (R + P,) are overwritten.

    They are added to the `present` ones (P,), by default none. `shortest` is SHORTEST or ALIKE.

    The columns fall into `blocks` of equal size, one per unknown, each with its own longest column.
    `regularisation` is ε relative to column length one, dimensionless; it is raised to 450 units of
    rounding of the dtype. Raises NumericalError when the matrix or the solution is not finite.
    """
    _check(right)
    lengths, epsilon = equilibrate(matrix, regularisation, blocks, shortest)
    if present is not None:
        right[-len(lengths) :] = -epsilon * lengths * present
    factors = linear_algebra.factor(matrix, len(lengths))
    top, _ = factors.split(right[:, None])
    return _finite(factors.back(top)[:, 0] / lengths)


def solve_in_windows(
    windows: Windows,
    values: Tensor,
    right: Tensor,
    regularisation: float,
    blocks: int = 1,
    present: Tensor | None = None,
    shortest: float = SHORTEST,
) -> Tensor:
    """The same for a matrix (R, P) that has windows and whose numbers (E,) alone are given, with
    `right` (R,).
    """
    _check(right)
    values = values[windows.order]
    lengths = _limited(windows.lengths(values), blocks, shortest)
    epsilon = _floor(regularisation, values)
    wanted = torch.zeros_like(lengths) if present is None else -epsilon * lengths * present
    return _finite(windows.solve(values, right, wanted, lengths, epsilon) / lengths)


def _check(right: Tensor) -> None:
    if not bool(right.isfinite().all()):
        raise NumericalError(NOT_FINITE)


def _finite(solution: Tensor) -> Tensor:
    if not bool(solution.isfinite().all()):
        raise NumericalError(
            "least squares: the solution is not finite; raise `regularisation` or lower the"
            " resolution"
        )
    return solution


def equilibrate(
    matrix: Tensor, regularisation: float, blocks: int = 1, shortest: float = SHORTEST
) -> tuple[Tensor, float]:
    """Scale the columns of `solve`'s matrix and write ε I into its free rows; the lengths (P,) and
    ε.

    No length is taken to be below `shortest` times the longest.
    """
    lengths = _limited(matrix.norm(dim=0), blocks, shortest)
    epsilon = _floor(regularisation, matrix)
    matrix /= lengths
    matrix[-len(lengths) :].fill_diagonal_(epsilon)
    return lengths, epsilon


def _limited(lengths: Tensor, blocks: int, shortest: float) -> Tensor:
    if not bool(lengths.isfinite().all()):
        raise NumericalError(NOT_FINITE)
    longest = lengths.reshape(blocks, -1).amax(1, keepdim=True)
    least = torch.where(longest > 0, shortest * longest, torch.ones_like(longest))
    return torch.maximum(lengths.reshape(blocks, -1), least).reshape(-1)


def _floor(regularisation: float, matrix: Tensor) -> float:
    return max(regularisation, 450 * torch.finfo(matrix.dtype).eps)
