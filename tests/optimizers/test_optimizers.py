"""Contract of the optimizers: a linear least-squares problem is solved, and every way to end is
named.
"""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import gap, uniform
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from kanpde.errors import NumericalError
from kanpde.optimizers import LBFGS, Adam, Iterative, NonFiniteError, solve

pytestmark = pytest.mark.usefixtures("one_thread")

METHODS: dict[str, Callable[[list[nn.Parameter]], Iterative]] = {
    "adam": lambda parameters: Adam(parameters, 0.05),
    "lbfgs": lambda parameters: LBFGS(parameters, 0.0),
}


def stacked(matrix: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """A system with the free rows below that `solve` asks for, stored by columns."""
    extra = matrix.shape[1]
    rows = torch.cat([matrix, matrix.new_zeros(extra, extra)])
    return rows.T.contiguous().T, torch.cat([right, right.new_zeros(extra)])


def solved(matrix: Tensor, right: Tensor, regularisation: float = 1e-13) -> Tensor:
    return solve(*stacked(matrix, right), regularisation)


# One linear solve
# --------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(columns=st.integers(1, 12), more=st.integers(0, 30), seed=st.integers(0, 10_000))
def test_a_consistent_system_is_solved(columns: int, more: int, seed: int) -> None:
    matrix, wanted = (
        uniform(columns + more + 8, columns, seed=seed),
        uniform(columns, seed=seed + 1),
    )
    assert gap(solved(matrix, matrix @ wanted), wanted) < 1e-9


def test_an_inconsistent_system_is_solved_as_numpy_does_and_its_residual_is_orthogonal() -> None:
    matrix, right = uniform(40, 7), uniform(40, seed=1)
    solution = solved(matrix, right)
    assert (
        gap(solution, torch.tensor(np.linalg.lstsq(matrix.numpy(), right.numpy(), rcond=None)[0]))
        < 1e-11
    )
    assert (matrix.T @ (matrix @ solution - right)).abs().max() < 1e-11


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-4, 3), min_size=6, max_size=6))
def test_columns_of_any_scale_cost_no_digits(powers: list[int]) -> None:
    scale = 10.0 ** torch.tensor(powers, dtype=torch.float64)
    matrix, wanted = uniform(30, 6), uniform(6, seed=3, lower=0.5)
    solution = solved(matrix * scale, matrix @ wanted) * scale
    assert gap(solution, wanted) < 1e-11


def test_unknowns_in_any_units_cost_no_digits() -> None:
    """Two unknowns, one block of columns each: metres beside gigapascals."""
    matrix, wanted = uniform(40, 8), uniform(8, seed=3, lower=0.5)
    scale = torch.tensor([1e-14] * 4 + [1e9] * 4, dtype=torch.float64)
    solution = solve(*stacked(matrix * scale, matrix @ wanted), 1e-13, blocks=2) * scale
    assert gap(solution, wanted) < 1e-11


def test_a_step_takes_back_what_no_row_sees() -> None:
    """Two equal columns with large opposite coefficients: the sum of both is what the rows see."""
    matrix = uniform(20, 2)[:, [0, 1, 0]]
    wanted, present = uniform(3, seed=3), torch.tensor([1e3, 0.0, -1e3], dtype=torch.float64)
    rows, right = stacked(matrix, matrix @ (wanted - present))
    solution = present + solve(rows, right, 1e-6, present=present)
    assert (
        gap(matrix @ solution, matrix @ wanted) < 1e-6
        and abs(float(solution[0] - solution[2])) < 1e-6
    )


def test_a_rank_deficient_system_is_fitted_with_small_coefficients() -> None:
    matrix = uniform(50, 6)
    doubled = torch.cat([matrix, matrix, matrix @ uniform(6, 3, seed=4)], dim=1)
    right = matrix @ uniform(6, seed=5)
    solution = solved(doubled, right)
    assert gap(doubled @ solution, right) < 1e-11
    assert solution.abs().max() < 1e2


@pytest.mark.parametrize("empty", [[0, 1, 2], [3], [7]], ids=["leading", "middle", "last"])
def test_an_empty_column_gets_zero_and_disturbs_nothing(empty: list[int]) -> None:
    """The trap: with empty leading columns torch's default driver on the CPU returns zeros
    everywhere.
    """
    matrix, wanted = uniform(30, 8), uniform(8, seed=2)
    matrix[:, empty] = 0
    wanted[empty] = 0
    solution = solved(matrix, matrix @ wanted)
    assert not solution[empty].any() and gap(solution, wanted) < 1e-11


def test_fewer_rows_than_columns_is_still_a_fit() -> None:
    matrix, right = uniform(4, 9), uniform(4, seed=2)
    assert gap(matrix @ solved(matrix, right), right) < 1e-11


def test_regularisation_shrinks_in_units_of_column_length() -> None:
    """For one column of any length c = y·m / |m|² / (1 + ε²)."""
    column, right = 1e6 * uniform(20, 1), uniform(20, seed=1)
    plain = (column[:, 0] @ right) / column.square().sum()
    assert gap(solved(column, right, 0.5), (plain / 1.25)[None]) < 1e-12


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["matrix", "right"])
def test_a_system_that_is_not_finite_is_refused(bad: float, where: str) -> None:
    matrix, right = uniform(10, 3), uniform(10)
    (matrix if where == "matrix" else right)[2] = bad
    with pytest.raises(
        NumericalError, match="the matrix or the right-hand side is not finite; check coefficients"
    ):
        solved(matrix, right)


def test_single_precision_is_solved_to_its_own_rounding() -> None:
    matrix, wanted = uniform(40, 6).float(), uniform(6, seed=1).float()
    solution = solved(matrix, matrix @ wanted, 0.0)
    assert solution.dtype == torch.float32 and gap(solution, wanted) < 1e-3


# Steps on all parameters
# ---------------------------------------------------------------------------------------------


class Quadratic:
    """½ |A p - y|² with a known minimum, over two parameters of different shapes."""

    def __init__(self) -> None:
        self.matrix = uniform(20, 6) + 2 * torch.eye(20, 6, dtype=torch.float64)
        self.right = uniform(20, seed=1)
        self.parameters = [
            nn.Parameter(torch.zeros(2, 2).double()),
            nn.Parameter(torch.zeros(2).double()),
        ]
        self.calls = 0

    def __call__(self) -> Tensor:
        self.calls += 1
        together = torch.cat([p.reshape(-1) for p in self.parameters])
        return (self.matrix @ together - self.right).square().sum() / 2

    @property
    def lowest(self) -> float:
        best = solved(self.matrix, self.right)
        return float((self.matrix @ best - self.right).square().sum() / 2)


@pytest.fixture(params=list(METHODS))
def method(request: pytest.FixtureRequest) -> Callable[[list[nn.Parameter]], Iterative]:
    return METHODS[request.param]


def test_a_linear_least_squares_problem_is_solved(
    method: Callable[[list[nn.Parameter]], Iterative],
) -> None:
    problem = Quadratic()
    optimizer, before = method(problem.parameters), float(problem().detach())
    for _ in range(80):
        moved = optimizer.advance(problem, 10)
        assert moved.steps <= 10 and math.isfinite(moved.objective)
    assert float(problem().detach()) - problem.lowest < 1e-6 * (before - problem.lowest)


def test_the_state_goes_on_to_the_same_bits(
    method: Callable[[list[nn.Parameter]], Iterative],
) -> None:
    straight, first = Quadratic(), Quadratic()
    whole, half = method(straight.parameters), method(first.parameters)
    for _ in range(4):
        whole.advance(straight, 3)
    for _ in range(2):
        half.advance(first, 3)
    file = io.BytesIO()
    torch.save(half.state(), file)
    file.seek(0)
    second = Quadratic()
    second.parameters = [nn.Parameter(p.detach().clone()) for p in first.parameters]
    again = method(second.parameters)
    again.load(torch.load(file, weights_only=True))
    for _ in range(2):
        again.advance(second, 3)
    assert all(
        torch.equal(a, b) for a, b in zip(straight.parameters, second.parameters, strict=True)
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_objective_that_is_not_finite_is_an_error_before_any_step(
    method: Callable[[list[nn.Parameter]], Iterative], bad: float
) -> None:
    problem = Quadratic()
    optimizer = method(problem.parameters)
    with pytest.raises(NonFiniteError):
        optimizer.advance(lambda: problem() * bad, 5)
    assert not any(p.any() for p in problem.parameters)


def test_a_nan_inside_the_line_search_is_our_error_not_an_index_error() -> None:
    """The trap: strong-Wolfe L-BFGS of torch raises IndexError when the objective turns NaN in its
    line search.
    """
    parameter = nn.Parameter(torch.tensor([1.0], dtype=torch.float64))

    def cliff() -> Tensor:
        return torch.log(parameter).sum() + 50 * parameter.sum()

    with pytest.raises(NonFiniteError):
        for _ in range(20):
            LBFGS([parameter], 0.0).advance(cliff, 10)


def test_a_nan_gradient_of_a_finite_objective_is_our_error(
    method: Callable[[list[nn.Parameter]], Iterative],
) -> None:
    parameter = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = method([parameter])
    with pytest.raises(NonFiniteError):
        for _ in range(3):
            optimizer.advance(lambda: torch.sqrt(parameter).sum() * 0 + parameter.sum(), 10)


def test_lbfgs_stalls_at_the_minimum() -> None:
    problem = Quadratic()
    optimizer = LBFGS(problem.parameters, 0.0)
    moved = [optimizer.advance(problem, 20) for _ in range(12)]
    assert float(problem().detach()) - problem.lowest < 1e-12
    assert moved[-1].stalled


def test_lbfgs_stalls_within_its_tolerance() -> None:
    problem, strict = Quadratic(), Quadratic()
    loose, tight = LBFGS(problem.parameters, 1e-3), LBFGS(strict.parameters, 0.0)
    for _ in range(10):
        if loose.advance(problem, 5).stalled:
            break
    else:
        pytest.fail("a tolerance of 1e-3 was never reached")
    for _ in range(10):
        tight.advance(strict, 5)
    assert problem.calls < strict.calls


def test_adam_follows_its_formula() -> None:
    """The first step of Adam is lr · g / (|g| + ε) whatever the size of g."""
    problem = Quadratic()
    Adam(problem.parameters, 0.05).advance(problem, 1)
    for parameter in problem.parameters:
        assert gap(parameter.detach().abs(), torch.full_like(parameter, 0.05)) < 1e-6


def test_states_are_plain_enough_for_a_checkpoint(
    method: Callable[[list[nn.Parameter]], Iterative],
) -> None:
    problem = Quadratic()
    optimizer = method(problem.parameters)
    optimizer.advance(problem, 4)

    def plain(value: Any) -> bool:
        if isinstance(value, dict):
            return all(isinstance(k, str | int) and plain(v) for k, v in value.items())
        if isinstance(value, list | tuple):
            return all(plain(v) for v in value)
        return value is None or isinstance(value, bool | int | float | str | Tensor)

    assert plain(copy.deepcopy(optimizer.state()))
