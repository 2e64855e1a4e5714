"""Contract of the windowed QR: the fit of the dense solve from matrices of local functions, and only where it pays."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from core_helpers import LINE, config, gap, generator, problem_node, uniform
from torch import Tensor

from kanpde.bases import SplineGrid
from kanpde.build import build
from kanpde.errors import NumericalError
from kanpde.optimizers import solve
from kanpde.optimizers.envelope import Windows
from kanpde.solver import Solver
from kanpde.types import Silent

pytestmark = pytest.mark.usefixtures("one_thread")

UNITS, DEGREE, INTERVALS = 3, 5, 120


def splines(at: Tensor) -> Tensor:
    """Values at points (R,) of splines, (R, P): two units are the same, the third is half an interval off."""
    shifts = torch.tensor([[0], [0], [1 / INTERVALS]]).to(at)
    grid = SplineGrid.even(-torch.ones(UNITS).to(at) - 0.03, torch.ones(UNITS).to(at) + 0.03, INTERVALS, DEGREE)
    interval, values = grid.basis(at - shifts, 0)
    matrix = at.new_zeros(UNITS * grid.size, len(at))
    return matrix.scatter_(0, grid.slots(interval).reshape(-1, len(at)), values[0].reshape(-1, len(at))).T


def system(rows: int = 1800, noise: float = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Matrix, right-hand side and positions of a fit at random points in no order."""
    at = uniform(rows)
    return splines(at), torch.sin(9 * at) + noise * uniform(rows, seed=1), at


def periodic() -> tuple[Tensor, Tensor, Tensor]:
    """The same with rows that couple both ends."""
    matrix, right, at = system()
    left = torch.linspace(-1, -0.99, 8, dtype=torch.float64)
    jump = torch.sin(9 * left) - torch.sin(9 * (left + 1.99))
    return torch.cat([matrix, splines(left) - splines(left + 1.99)]), torch.cat([right, jump]), torch.cat([at, left])


def mean() -> tuple[Tensor, Tensor, Tensor]:
    """The same with a row that touches every column, which leaves nothing to gain."""
    matrix, right, at = system()
    return (
        torch.cat([matrix, matrix.mean(0)[None]]),
        torch.cat([right, right.mean()[None]]),
        torch.cat([at, 0 * at[:1]]),
    )


def wide() -> tuple[Tensor, Tensor, Tensor]:
    """The same with functions that live everywhere."""
    matrix, right, at = system()
    return torch.cat([matrix, torch.stack([torch.exp(at), torch.cos(at)], 1)], 1), right, at


def solved(
    matrix: Tensor,
    right: Tensor,
    position: Tensor | None,
    regularisation: float = 1e-13,
    present: Tensor | None = None,
) -> Tensor:
    extra = matrix.shape[1]
    stacked = torch.cat([matrix, matrix.new_zeros(extra, extra)]).T.contiguous().T
    return solve(stacked, torch.cat([right, right.new_zeros(extra)]), regularisation, 1, position, present)


def used(matrix: Tensor, position: Tensor) -> Windows:
    """The windows, which must pay here."""
    windows = Windows.of(matrix, position)
    assert windows is not None
    return windows


def widest(windows: Windows) -> int:
    """The most columns that any window holds."""
    numbers = torch.arange(int(windows.ends.max()) + 1)[:, None]
    return int(((windows.begins <= numbers) & (numbers <= windows.ends)).sum(1).max())


@pytest.mark.parametrize("made", [system, periodic, mean, wide])
def test_the_fit_is_that_of_the_dense_solve(made: Callable[[], tuple[Tensor, Tensor, Tensor]]) -> None:
    matrix, right, position = made()
    assert (Windows.of(matrix, position) is None) is (made is mean)
    found, wanted = solved(matrix, right, position), solved(matrix, right, None)
    assert gap(matrix @ found, matrix @ wanted) < 1e-12


def test_a_step_from_present_coefficients_is_that_of_the_dense_solve() -> None:
    matrix, right, position = system()
    present = 1e3 * torch.sin(torch.arange(matrix.shape[1], dtype=torch.float64) ** 2)
    used(matrix, position)
    found, wanted = (solved(matrix, right, at, 1e-3, present) for at in (position, None))
    assert gap(found, wanted) < 1e-6
    assert gap(found, solved(matrix, right, None, 1e-3)) > 1e-3


def test_noise_is_fitted_as_closely_as_by_the_dense_solve() -> None:
    """Values differ as they do between two orders of the rows, by rounding times condition times noise; the minimum is flat."""
    matrix, right, position = system(noise=0.1)
    found, wanted = (float((matrix @ solved(matrix, right, at) - right).norm()) for at in (position, None))
    assert abs(found - wanted) < 1e-6 * wanted


def test_columns_of_any_scale_and_strong_regularisation_agree_too() -> None:
    matrix, right, position = system()
    matrix = matrix * 10.0 ** (6 * uniform(matrix.shape[1], seed=3))
    lengths = matrix.norm(dim=0)
    found, wanted = (solved(matrix, right, at, 1e-3) * lengths for at in (position, None))
    assert gap(found, wanted) < 1e-9


def test_windows_are_small_and_a_periodic_condition_adds_the_columns_of_one_end() -> None:
    local, coupled = (widest(used(matrix, position)) for matrix, _, position in (system(), periodic()))
    ends = UNITS * (DEGREE + 3)
    assert local <= 4 * ends
    assert local < coupled <= local + 2 * ends


def test_the_order_of_the_rows_changes_nothing_but_rounding() -> None:
    matrix, right, position = system()
    order = torch.randperm(len(right), generator=generator())
    moved = solved(matrix[order], right[order], position[order])
    assert gap(matrix @ moved, matrix @ solved(matrix, right, position)) < 1e-12


def test_positions_that_say_nothing_cost_no_digits() -> None:
    matrix, right, position = system()
    aimless = position[torch.randperm(len(right), generator=generator())]
    assert Windows.of(matrix, aimless) is None
    assert torch.equal(solved(matrix, right, aimless), solved(matrix, right, None))


def test_a_full_matrix_is_left_to_the_dense_solve() -> None:
    assert Windows.of(uniform(200, 40), uniform(200)) is None


def test_empty_columns_get_zero_and_disturb_nothing() -> None:
    matrix, right, position = system()
    empty = [0, 17, matrix.shape[1] - 1]
    matrix[:, empty] = 0
    found = solved(matrix, right, position)
    assert not found[empty].any()
    assert gap(matrix @ found, matrix @ solved(matrix, right, None)) < 1e-12


def test_fewer_rows_than_columns_is_still_a_fit() -> None:
    matrix, right, position = system(350)
    used(matrix, position)
    assert gap(matrix @ solved(matrix, right, position), matrix @ solved(matrix, right, None)) < 1e-10


def test_the_same_system_gives_the_same_bits() -> None:
    matrix, right, position = periodic()
    assert torch.equal(solved(matrix, right, position), solved(matrix, right, position))


def test_single_precision_is_fitted_to_its_own_rounding() -> None:
    matrix, right, position = (each.float() for each in system())
    found, wanted = solved(matrix, right, position), solved(matrix, right, None)
    assert found.dtype == torch.float32
    assert gap(matrix @ found, matrix @ wanted) < 1e-4


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_system_that_is_not_finite_is_refused(bad: float) -> None:
    matrix, right, position = system()
    right[2] = bad
    with pytest.raises(NumericalError, match="not finite; check coefficients"):
        solved(matrix, right, position)


# From a problem ------------------------------------------------------------------------------------------------------

STRING = problem_node(LINE, ["dxx(u) - u = sin(9*x)"], [{"part": ["left", "right"], "equation": "dx(u) = 0"}])
LOCAL = {"kind": "kan", "width": [2], "degree": [3, 5], "intervals": [1, 80], "start": "ridge"}
SCHEDULE = [{"optimizer": "least_squares"}]


def test_every_row_has_the_position_of_its_point() -> None:
    conditions = [{"part": ["left", "right"], "equation": "dx(u) = 0"}, {"mean": "u = 0"}]
    line = problem_node(LINE, ["dxx(u) = x"], conditions)
    assembly = build(config(line, trial=LOCAL, schedule=SCHEDULE)).assembly
    found = assembly.positions.split([term.rows for term in assembly.terms])
    for term, position in zip(assembly.terms, found, strict=True):
        if term.average is None:
            assert torch.equal(position, term.x[:, 0])
        else:
            assert position.shape == (1,) and abs(float(position)) < 1e-12


def test_the_solver_uses_windows_and_finds_what_it_finds_without(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, chosen, values = Windows.of, [], []
    at = torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None]
    for pays in (True, False):

        def of(matrix: Tensor, position: Tensor, pays: bool = pays) -> Windows | None:
            chosen.append(plan(matrix, position))
            return chosen[-1] if pays else None

        monkeypatch.setattr(Windows, "of", of)
        found = config(STRING, trial=LOCAL, schedule=SCHEDULE)
        made = build(found)
        Solver(made.trial, made.assembly, found.schedule, Silent()).run()
        values.append(made.trial.evaluate(at))
    assert len(chosen) == 2 and None not in chosen
    assert gap(*values) < 1e-9
