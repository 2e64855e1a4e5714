"""QR by products of matrices keeps the digits that Householder's reflections keep, on the matrices
that the solver builds: condition 1e13, rank far below the number of columns.
"""

from __future__ import annotations

import math

import pytest
import torch
from core_helpers import SIDES, SQUARE, gap, parts, problem_node, uniform
from torch import Tensor

from kanpde.assembly.outer_system import OuterSystem
from kanpde.errors import NumericalError
from kanpde.optimizers.least_squares import equilibrate
from kanpde.optimizers.linear_algebra import Factor, cholesky_qr
from kanpde.optimizers.linear_algebra.cholesky_qr import CholeskyQR
from kanpde.optimizers.linear_algebra.householder import Blocked, OneCall, by_columns

pytestmark = pytest.mark.usefixtures("one_thread")


def deficient() -> tuple[Tensor, Tensor, int]:
    """The scaled matrix of a Poisson problem on ε I, what random coefficients give, and P: units
    share low polynomials, so the rank is far below P.
    """
    wave = problem_node(
        SQUARE,
        ["laplacian(u) = -2*pi**2*sin(pi*x)*sin(pi*y)"],
        [{"part": SIDES, "equation": "u = 0"}],
    )
    trial = {"kind": "kan", "width": [24], "degree": [5, 9], "intervals": [2, 8]}
    built = parts(wave, trial=trial, sampler={"interior": 900, "boundary": 120})
    count = built.trial.net.outer.numel()
    matrix = OuterSystem(built.assembly, built.trial).matrix(count)
    equilibrate(matrix, 1e-13)
    right = matrix @ uniform(count, 1, seed=7)
    right[-count:] = 0
    return matrix, right, count


def misfit(factors: Factor, matrix: Tensor, right: Tensor, count: int) -> float:
    """How far the solution is from meeting the rows, relative."""
    solution = factors.back(factors.split(right)[0])
    rows = matrix[:-count] @ solution - right[:-count]
    return float(rows.norm() / right.norm())


def test_no_back_end_loses_digits_where_the_matrix_is_rank_deficient() -> None:
    matrix, right, count = deficient()
    values = torch.linalg.svdvals(matrix)
    assert float(values[0] / values[-1]) > 1e12 and int((values < 1e-10).sum()) > 20
    back_ends: dict[str, Factor] = {
        "one call": OneCall(*torch.geqrf(matrix)),
        "blocked": Blocked.of(by_columns(matrix), count),
        "cholesky": CholeskyQR.of(matrix, count),
    }
    for name, factors in back_ends.items():
        assert misfit(factors, matrix, right, count) < 1e-13, name


def test_one_pass_of_cholesky_qr_would_lose_them(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, right, count = deficient()
    twice = misfit(CholeskyQR.of(matrix, count), matrix, right, count)
    monkeypatch.setattr(cholesky_qr, "NEAR", math.inf)
    once = misfit(CholeskyQR.of(matrix, count), matrix, right, count)
    assert once > 30 * twice


def test_where_single_precision_is_of_no_use_shifts_do_its_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without R₀ rounding makes XᵀX indefinite; the identity is added and more passes follow."""

    def identity(matrix: Tensor) -> Tensor:
        return torch.eye(matrix.shape[1], dtype=matrix.dtype)

    matrix, right, count = deficient()
    monkeypatch.setattr(cholesky_qr, "_first_triangle", identity)
    assert misfit(CholeskyQR.of(matrix, count), matrix, right, count) < 1e-13


def test_cholesky_qr_factors_a_rank_deficient_matrix_without_rows_of_epsilon() -> None:
    half = uniform(60, 8)
    matrix = torch.cat([half, half, half @ uniform(8, 4, seed=1)], dim=1)
    factors = CholeskyQR.of(matrix, 0)
    solution = factors.back(factors.split(half @ uniform(8, 1, seed=2))[0])
    assert gap(matrix @ solution, half @ uniform(8, 1, seed=2)) < 1e-11


def test_cholesky_qr_that_finds_no_orthonormal_columns_says_so() -> None:
    with pytest.raises(NumericalError, match="no orthonormal columns after 5 passes; raise `regu"):
        CholeskyQR.of(torch.full((20, 4), math.nan).double(), 0)
