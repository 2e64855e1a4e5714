"""Contract of the windowed QR: the fit of the dense solve from matrices of local functions, and
only where it pays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from core_helpers import LINE, config, gap, generator, problem_node, uniform
from torch import Tensor

from kanpde.api import prepare
from kanpde.assembly.outer_system import OuterSystem
from kanpde.errors import NumericalError
from kanpde.optimizers import solve, solve_in_windows
from kanpde.optimizers.linear_algebra import triangles
from kanpde.optimizers.windowed_qr import Windows
from kanpde.progress import Silent
from kanpde.solver.build import build
from kanpde.solver.loop import Solver
from kanpde.trial.bases import SplineGrid

pytestmark = pytest.mark.usefixtures("one_thread")

UNITS, DEGREE, INTERVALS = 3, 5, 120


def splines(at: Tensor) -> Tensor:
    """Values at points (R,) of splines, (R, P): two units are the same, the third is half an
    interval off.
    """
    shifts = torch.tensor([[0], [0], [1 / INTERVALS]]).to(at)
    grid = SplineGrid.even(
        -torch.ones(UNITS).to(at) - 0.03, torch.ones(UNITS).to(at) + 0.03, INTERVALS, DEGREE
    )
    interval, values = grid.basis(at - shifts, 0)
    matrix = at.new_zeros(UNITS * grid.size, len(at))
    return matrix.scatter_(
        0, grid.slots(interval).reshape(-1, len(at)), values[0].reshape(-1, len(at))
    ).T


def system(rows: int = 1800, noise: float = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Matrix, right-hand side and positions of a fit at random points in no order."""
    at = uniform(rows)
    return splines(at), torch.sin(9 * at) + noise * uniform(rows, seed=1), at


def periodic() -> tuple[Tensor, Tensor, Tensor]:
    """The same with rows that couple both ends."""
    matrix, right, at = system()
    near = torch.linspace(-1, -0.99, 8, dtype=torch.float64)
    jump = torch.sin(9 * near) - torch.sin(9 * (near + 1.99))
    return (
        torch.cat([matrix, splines(near) - splines(near + 1.99)]),
        torch.cat([right, jump]),
        torch.cat([at, near]),
    )


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


def planned(matrix: Tensor, position: Tensor) -> Windows | None:
    """The windows for the numbers of a matrix that are not zero."""
    return Windows.of(*matrix.nonzero().T, matrix.shape[1], position)


def solved(
    matrix: Tensor,
    right: Tensor,
    position: Tensor | None,
    regularisation: float = 1e-13,
    present: Tensor | None = None,
) -> Tensor:
    """The fit in windows, of the dense matrix where there are none or no positions are given."""
    windows = None if position is None else planned(matrix, position)
    if windows is not None:
        return solve_in_windows(
            windows, matrix[tuple(matrix.nonzero().T)], right, regularisation, 1, present
        )
    extra = matrix.shape[1]
    stacked = torch.cat([matrix, matrix.new_zeros(extra, extra)]).T.contiguous().T
    return solve(stacked, torch.cat([right, right.new_zeros(extra)]), regularisation, 1, present)


def used(matrix: Tensor, position: Tensor) -> Windows:
    """The windows, which must pay here."""
    windows = planned(matrix, position)
    assert windows is not None
    return windows


def widest(windows: Windows) -> int:
    """The most columns that any window holds."""
    return max(len(block.columns) for block in windows.blocks)


@pytest.mark.parametrize("make", [system, periodic, mean, wide])
def test_the_fit_is_that_of_the_dense_solve(
    make: Callable[[], tuple[Tensor, Tensor, Tensor]],
) -> None:
    matrix, right, position = make()
    assert (planned(matrix, position) is None) is (make is mean)
    windowed, dense = solved(matrix, right, position), solved(matrix, right, None)
    assert gap(matrix @ windowed, matrix @ dense) < 1e-12


def test_a_step_from_present_coefficients_is_that_of_the_dense_solve() -> None:
    matrix, right, position = system()
    present = 1e3 * torch.sin(torch.arange(matrix.shape[1], dtype=torch.float64) ** 2)
    used(matrix, position)
    windowed, dense = (solved(matrix, right, at, 1e-3, present) for at in (position, None))
    assert gap(windowed, dense) < 1e-6
    assert gap(windowed, solved(matrix, right, None, 1e-3)) > 1e-3


def test_noise_is_fitted_as_closely_as_by_the_dense_solve() -> None:
    """Values differ as they do between two orders of the rows, by rounding times condition times
    noise; the minimum is flat.
    """
    matrix, right, position = system(noise=0.1)
    windowed, dense = (
        float((matrix @ solved(matrix, right, at) - right).norm()) for at in (position, None)
    )
    assert abs(windowed - dense) < 1e-6 * dense


def test_columns_of_any_scale_and_strong_regularisation_agree_too() -> None:
    matrix, right, position = system()
    matrix = matrix * 10.0 ** (6 * uniform(matrix.shape[1], seed=3))
    lengths = matrix.norm(dim=0)
    windowed, dense = (solved(matrix, right, at, 1e-3) * lengths for at in (position, None))
    assert gap(windowed, dense) < 1e-9


def test_windows_are_small_and_a_periodic_condition_adds_the_columns_of_one_end() -> None:
    local, coupled = (
        widest(used(matrix, position)) for matrix, _, position in (system(), periodic())
    )
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
    assert planned(matrix, aimless) is None
    assert torch.equal(solved(matrix, right, aimless), solved(matrix, right, None))


def test_a_full_matrix_is_left_to_the_dense_solve() -> None:
    assert planned(uniform(200, 40), uniform(200)) is None


def test_empty_columns_get_zero_and_disturb_nothing() -> None:
    matrix, right, position = system()
    empty = [0, 17, matrix.shape[1] - 1]
    matrix[:, empty] = 0
    assert not any(
        set(empty) & set(block.columns.tolist()) for block in used(matrix, position).blocks
    )
    solution = solved(matrix, right, position)
    assert not solution[empty].any()
    assert gap(matrix @ solution, matrix @ solved(matrix, right, None)) < 1e-12


def test_a_place_named_twice_is_the_sum_of_both_numbers() -> None:
    matrix, right, position = system()
    rows, columns = matrix.nonzero().T
    values = matrix[rows, columns]
    windows = Windows.of(
        torch.cat([rows, rows]), torch.cat([columns, columns]), matrix.shape[1], position
    )
    assert windows is not None
    solution = solve_in_windows(windows, torch.cat([3 * values, -2 * values]), right, 1e-13)
    assert gap(matrix @ solution, matrix @ solved(matrix, right, None)) < 1e-12


def test_a_sample_of_the_places_promises_no_less() -> None:
    """What is not worthwhile for a part of the rows is not for all."""
    for make in (system, periodic, mean, wide):
        matrix, _, position = make()
        rows, columns = matrix.nonzero().T
        some = rows % 16 == 0
        sampled = Windows.of(rows[some], columns[some], matrix.shape[1], position)
        assert sampled is not None or planned(matrix, position) is None


def test_fewer_rows_than_columns_is_still_a_fit() -> None:
    matrix, right, position = system(350)
    used(matrix, position)
    assert (
        gap(matrix @ solved(matrix, right, position), matrix @ solved(matrix, right, None)) < 1e-10
    )


def test_the_same_system_gives_the_same_bits() -> None:
    matrix, right, position = periodic()
    assert torch.equal(solved(matrix, right, position), solved(matrix, right, position))


def test_single_precision_is_fitted_to_its_own_rounding() -> None:
    matrix, right, position = (each.float() for each in system())
    windowed, dense = solved(matrix, right, position), solved(matrix, right, None)
    assert windowed.dtype == torch.float32
    assert gap(matrix @ windowed, matrix @ dense) < 1e-4


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_system_that_is_not_finite_is_refused(bad: float) -> None:
    matrix, right, position = system()
    right[2] = bad
    with pytest.raises(NumericalError, match="not finite; check coefficients"):
        solved(matrix, right, position)


# From a problem
# --------------------------------------------------------------------------------------------------

STRING = problem_node(
    LINE, ["dxx(u) - u = sin(9*x)"], [{"part": ["left", "right"], "equation": "dx(u) = 0"}]
)
LOCAL = {"kind": "kan", "width": [2], "degree": [3, 5], "intervals": [1, 80], "start": "ridge"}
SCHEDULE = [{"optimizer": "least_squares"}]


def test_every_row_has_the_position_of_its_point() -> None:
    conditions = [{"part": ["left", "right"], "equation": "dx(u) = 0"}, {"mean": "u = 0"}]
    line = problem_node(LINE, ["dxx(u) = x"], conditions)
    assembly = build(config(line, trial=LOCAL, schedule=SCHEDULE)).assembly
    positions = assembly.positions.split([term.rows for term in assembly.terms])
    for term, position in zip(assembly.terms, positions, strict=True):
        if term.average is None:
            assert torch.equal(position, term.x[:, 0])
        else:
            assert position.shape == (1,) and abs(float(position)) < 1e-12


def test_the_solver_uses_windows_and_finds_what_it_finds_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan, chosen, values = OuterSystem._plan, [], []
    at = torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None]
    for pays in (True, False):

        def of(rows: OuterSystem, pays: bool = pays) -> Windows | None:
            chosen.append(plan(rows))
            return chosen[-1] if pays else None

        monkeypatch.setattr(OuterSystem, "_plan", of)
        settings = config(STRING, trial=LOCAL, schedule=SCHEDULE)
        built = build(settings)
        Solver(built.trial, built.assembly, settings.schedule, Silent()).run()
        values.append(built.trial.evaluate(at))
    assert len(chosen) == 2 and None not in chosen
    assert gap(*values) < 1e-9


LONG = {**LOCAL, "intervals": [1, 200]}
SLAB = {"kind": "kan", "start": "stretched", "width": [6], "degree": [7, 7], "intervals": [96, 96]}
MARCHED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "linear": (
        problem_node(
            LINE, ["dxx(u) - u = sin(9*x)"], [{"part": ["left", "right"], "equation": "u = 0"}]
        ),
        LONG,
    ),
    "nonlinear": (
        problem_node(
            LINE, ["dxx(u) - u**3 = 1"], [{"part": ["left", "right"], "equation": "u = 0"}]
        ),
        LONG,
    ),
    "shift": (
        problem_node(LINE, ["dxx(u) - u = sin(pi*x)"], [{"periodic": ["left", "right"]}]),
        LONG,
    ),
    "several": (
        problem_node(
            LINE,
            ["p = dx(u)", "dx(p) - u*p = sin(9*x)"],
            [{"part": ["left", "right"], "equation": "u = 0"}],
            unknowns=["u", "p"],
        ),
        LONG,
    ),
    "lifted": (
        problem_node(
            LINE, ["dxx(u) - u = sin(9*x)"], [{"part": ["left", "right"], "equation": "u = 0"}]
        ),
        {**LONG, "lifting": True},
    ),
    "base": (
        problem_node(
            LINE, ["dxx(u) - u = sin(9*x)"], [{"part": ["left", "right"], "equation": "u = 0"}]
        ),
        {**LONG, "base": "silu"},
    ),
    "periodic grid": (
        problem_node(
            LINE,
            ["dt(u) + u*dx(u) = 0.1*dxx(u)"],
            [{"part": "initial", "equation": "u = cos(pi*x)"}, {"periodic": ["left", "right"]}],
            time={"interval": [0, 0.02]},
        ),
        SLAB,
    ),
}


def local(case: str) -> OuterSystem:
    """The rows of a problem whose functions are local, at random outer parameters."""
    node, trial = MARCHED[case]
    sampler = {"interior": 2400 if trial is SLAB else 800, "boundary": 40}
    _, built = prepare(config(node, trial=trial, schedule=SCHEDULE, sampler=sampler)).first()
    built.trial.net.set_outer(0.1 * uniform(*built.trial.net.outer.shape))
    return OuterSystem(built.assembly, built.trial)


@pytest.mark.parametrize("case", list(MARCHED))
def test_the_numbers_at_their_places_are_the_dense_matrix(case: str) -> None:
    rows = local(case)
    places, matrix = rows.places(), rows.matrix()
    assert places is not None
    placed = torch.zeros_like(matrix).index_put_(places, rows.numbers(), accumulate=True)
    assert gap(placed, matrix) < 1e-14
    assert len(places[0]) < matrix.numel() / 4
    sampled = rows.places(16)
    assert sampled is not None and set(zip(*(p.tolist() for p in sampled), strict=True)) < set(
        zip(*(p.tolist() for p in places), strict=True)
    )


@pytest.mark.parametrize("case", list(MARCHED))
def test_a_step_in_windows_is_that_of_the_dense_matrix_to_the_same_bits_again(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = local(case)
    step, again = rows.step(1e-13), local(case).step(1e-13)
    assert (
        rows._windows is not None
        and torch.equal(step, again)
        and torch.equal(rows.step(1e-13), step)
    )
    matrix = rows.matrix()
    monkeypatch.setattr(OuterSystem, "_plan", lambda rows: None)
    windowed, dense = (matrix @ s.T.reshape(-1) for s in (step, local(case).step(1e-13)))
    assert gap(windowed, dense) < 1e-9


@pytest.mark.parametrize("case", ["nonlinear", "shift", "several", "periodic grid"])
def test_what_is_not_kept_is_evaluated_anew_to_the_same_bits(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = local(case)
    wanted = kept.step(1e-13)
    monkeypatch.setattr("kanpde.assembly.outer_system.KEPT", 1000)
    some = local(case)
    assert torch.equal(some.step(1e-13), wanted)
    assert len(some._kept) < len(kept._kept)


def test_a_mean_and_an_mlp_leave_nothing_to_windows() -> None:
    conditions = [{"part": ["left", "right"], "equation": "dx(u) = 0"}, {"mean": "u = 0"}]
    line = problem_node(LINE, ["dxx(u) = x"], conditions)
    for node, trial in (
        (line, LONG),
        (STRING, {"kind": "mlp", "width": [20], "start": "features"}),
    ):
        built = build(config(node, trial=trial, schedule=SCHEDULE))
        rows = OuterSystem(built.assembly, built.trial)
        assert rows.places() is None
        rows.step(1e-13)
        assert rows._windows is None


@pytest.mark.parametrize(
    "columns, rows", [(1, 128), (80, 128), (182, 240), (250, 375), (700, 1050)]
)
def test_panels_stay_below_what_openblas_shares_among_threads(columns: int, rows: int) -> None:
    """Beyond that a window of some hundred columns takes up to a thousand times as long where cores
    are not free.
    """
    wide = triangles.panel_width(columns, rows)
    assert 1 <= wide <= min(columns, triangles.PANEL)
    if columns < 300:
        assert wide * columns <= 2**10
        assert wide * columns * rows <= 2**18
    else:
        assert wide == triangles.PANEL, "large windows gain by threads"
