"""Contract of the spline bases: what a B-spline is, and the same numbers as scipy's."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
import torch
from core_helpers import gap, uniform
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline
from torch import Tensor

from kanpde.errors import ConfigError, NumericalError
from kanpde.trial.bases import SplineGrid, local_basis

pytestmark = pytest.mark.usefixtures("one_thread")

LOWER, UPPER = (
    torch.tensor([-1.0, 0.5], dtype=torch.float64),
    torch.tensor([1.0, 3.0], dtype=torch.float64),
)
DEGREES = (1, 2, 3, 5, 11, 13)


def even(degree: int, intervals: int) -> SplineGrid:
    return SplineGrid.even(LOWER, UPPER, intervals, degree)


def ragged(degree: int, intervals: int) -> SplineGrid:
    """Breakpoints whose spacings differ by a factor of up to eight."""
    steps = torch.cumsum(uniform(2, intervals, seed=intervals, lower=0.25, upper=2.0), dim=1)
    share = torch.cat([torch.zeros(2, 1, dtype=torch.float64), steps / steps[:, -1:]], dim=1)
    return SplineGrid.given(LOWER[:, None] + (UPPER - LOWER)[:, None] * share, degree)


def clamped(degree: int, intervals: int) -> SplineGrid:
    """The same with repeated ends."""
    return SplineGrid.given(ragged(degree, intervals).breakpoints, degree, clamped=True)


GRIDS = {
    f"{make.__name__}-p{p}-G{g}": make(p, g)
    for make in (even, ragged, clamped)
    for p in DEGREES
    for g in (1, 2, 7)
}


@pytest.fixture(params=list(GRIDS))
def grid(request: pytest.FixtureRequest) -> SplineGrid:
    return GRIDS[request.param]


def inside(grid: SplineGrid, count: int = 40, seed: int = 1) -> Tensor:
    """Random points of each row's grid and both of its ends, (I, N)."""
    ends = torch.tensor([[0.0, 1.0]] * 2, dtype=torch.float64)
    share = torch.cat([uniform(2, count, seed=seed, lower=0.0), ends], dim=1)
    z = grid.lower[:, None] * (1 - share) + grid.upper[:, None] * share
    return torch.minimum(torch.maximum(z, grid.lower[:, None]), grid.upper[:, None])


def coefficients(grid: SplineGrid, outputs: int = 3, seed: int = 2) -> Tensor:
    return uniform(outputs, 2, grid.size, seed=seed)


def oracle(grid: SplineGrid, c: Tensor, z: Tensor, order: int) -> Tensor:
    """The same splines by scipy, (O, I, N)."""
    rows = []
    for i in range(2):
        spline = BSpline(grid.knots[i].numpy(), c[:, i].T.numpy(), grid.degree)
        rows.append(torch.tensor(spline(z[i].numpy(), nu=order)).T)
    return torch.stack(rows, dim=1)


def dense(grid: SplineGrid, z: Tensor) -> list[Tensor]:
    """All basis functions of each row at z (I, N): one (N, K) per row."""
    return [grid.row(i).collocation(z[i : i + 1]) for i in range(2)]


# Contract
# --------------------------------------------------------------------------------------------------


def test_values_and_all_derivatives_are_those_of_scipy(grid: SplineGrid) -> None:
    z, c = inside(grid), coefficients(grid)
    for order in range(grid.degree + 1):
        assert gap(grid.evaluate(z, c, order), oracle(grid, c, z, order)) < 1e-12, order


@pytest.mark.parametrize("degree", [1, 3])
def test_at_a_breakpoint_the_highest_derivative_is_that_of_the_right(degree: int) -> None:
    grid = ragged(degree, 7)
    z, c = grid.breakpoints[:, 1:-1], coefficients(grid)
    assert gap(grid.evaluate(z, c, degree), oracle(grid, c, z, degree)) < 1e-12


def test_derivatives_beyond_the_degree_are_zero(grid: SplineGrid) -> None:
    z, c = inside(grid), coefficients(grid)
    for order in (grid.degree + 1, grid.degree + 3):
        assert torch.equal(
            grid.evaluate(z, c, order), torch.zeros(3, 2, z.shape[1], dtype=torch.float64)
        )


def test_functions_are_positive_and_sum_to_one_up_to_both_ends(grid: SplineGrid) -> None:
    for matrix in dense(grid, inside(grid)):
        assert (matrix >= -1e-15).all()
        assert torch.allclose(
            matrix.sum(1), torch.ones(len(matrix), dtype=torch.float64), rtol=0, atol=1e-13
        )


def test_derivatives_of_the_functions_sum_to_zero(grid: SplineGrid) -> None:
    _, values = grid.basis(inside(grid), 2)
    for k in (1, 2):
        assert (values[k].sum(0).abs() <= 1e-12 * values[k].abs().max() + 1e-300).all()


def test_support_is_local(grid: SplineGrid) -> None:
    z = inside(grid)
    for i, matrix in enumerate(dense(grid, z)):
        first, last = grid.knots[i, : grid.size], grid.knots[i, grid.degree + 1 :]
        outside = (z[i][:, None] < first - 1e-13) | (z[i][:, None] > last + 1e-13)
        assert (matrix[outside].abs() <= 1e-14).all()
        assert ((matrix != 0).sum(1) <= grid.degree + 1).all()


def test_polynomials_up_to_the_degree_are_reproduced(grid: SplineGrid) -> None:
    """The coefficients of z^q are its polar form at the knots: e_q(t_{m+1}, …, t_{m+p}) / binom(p,
    q).
    """
    z, p = inside(grid), grid.degree
    for q in {0, 1, 2, p - 1, p} & set(range(p + 1)):
        windows = grid.knots[:, 1:-1].unfold(1, p, 1)
        polar = sum(
            windows[..., list(chosen)].prod(-1) for chosen in combinations(range(p), q)
        ) / math.comb(p, q)
        c = (polar if isinstance(polar, Tensor) else torch.full((2, grid.size), polar)).expand(
            1, 2, grid.size
        )
        assert gap(grid.evaluate(z, c.contiguous())[0], z**q) < 2e-12 * max(1, 3 ** (q - 3)), q


def test_greville_points_hold_every_line_exactly(grid: SplineGrid) -> None:
    z = torch.cat([inside(grid), grid.lower[:, None] - 5, grid.upper[:, None] + 0.1], dim=1)
    c = (2 * grid.greville() - 0.3)[None]
    assert gap(grid.evaluate(z, c)[0], 2 * z - 0.3) < 1e-13
    assert gap(grid.evaluate(z, c, 1)[0], torch.full_like(z, 2.0)) < 1e-12


def test_the_right_end_belongs_to_the_last_interval(grid: SplineGrid) -> None:
    end = grid.upper[:, None]
    interval, values = grid.basis(end, 0)
    assert (interval == grid.intervals - 1).all()
    assert torch.allclose(
        values[0].sum(0), torch.ones(2, 1, dtype=torch.float64), rtol=0, atol=1e-13
    )
    c = coefficients(grid)
    assert (
        gap(
            grid.evaluate(end, c),
            grid.evaluate(end - 1e-14 * (grid.upper - grid.lower)[:, None], c),
        )
        < 1e-11
    )


def test_only_p_plus_one_functions_are_evaluated_whatever_the_intervals() -> None:
    for intervals in (1, 200):
        _, values = even(3, intervals).basis(uniform(2, 9), 2)
        assert values.shape == (3, 4, 2, 9)


# Outside the grid
# --------------------------------------------------------------------------------------------------


def test_outside_the_spline_goes_on_as_its_tangent(grid: SplineGrid) -> None:
    c, ends = coefficients(grid), torch.stack([grid.lower, grid.upper], dim=1)
    value, slope = grid.evaluate(ends, c), grid.evaluate(ends, c, 1)
    for far in (1e-3, 0.7, 1e3):
        beyond = torch.tensor([[-far, far]], dtype=torch.float64)
        z = ends + beyond
        assert gap(grid.evaluate(z, c), value + (z - ends) * slope) < 1e-13
        assert gap(grid.evaluate(z, c, 1), slope) < 1e-13
        for order in (2, 3):
            assert not grid.evaluate(z, c, order).any()


def test_an_infinite_input_is_not_taken_for_a_number() -> None:
    z = torch.tensor([[math.inf, -math.inf], [0.0, 1.0]], dtype=torch.float64)
    grid = even(3, 4)
    assert not grid.evaluate(z, coefficients(grid))[:, 0].isfinite().any()


@pytest.mark.parametrize("make", [even, ragged])
def test_a_nan_input_gives_nan_and_no_crash(make: Callable[[int, int], SplineGrid]) -> None:
    grid = make(3, 4)
    z = torch.tensor([[math.nan], [1.0]], dtype=torch.float64)
    values = grid.evaluate(z, coefficients(grid))
    assert values[:, 0].isnan().all() and values[:, 1].isfinite().all()


# Derivatives by autograd
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [even, ragged])
def test_autograd_through_the_local_basis(make: Callable[[int, int], SplineGrid]) -> None:
    grid = make(4, 3)
    z = torch.cat(
        [inside(grid)[:, :3], grid.lower[:, None] - 0.4, grid.upper[:, None] + 0.3], dim=1
    )

    def values(points: Tensor) -> Tensor:
        return local_basis(points, grid, 2)[1]

    assert torch.autograd.gradcheck(values, (z.requires_grad_(),))
    assert torch.autograd.gradgradcheck(values, (z,))


# Another grid, the same function
# -------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_nested_refinement_of_a_uniform_grid_is_exact(degree: int, factor: int) -> None:
    grid = even(degree, 4)
    finer, c = SplineGrid.even(LOWER, UPPER, 4 * factor, degree), coefficients(grid)
    moved = grid.transfer(c, finer)
    z = torch.cat([inside(grid), LOWER[:, None] - 2, UPPER[:, None] + 2], dim=1)
    assert moved.shape == (3, 2, finer.size)
    assert gap(finer.evaluate(z, moved), grid.evaluate(z, c)) < 1e-12
    assert gap(finer.evaluate(z, moved, 1), grid.evaluate(z, c, 1)) < 1e-11


@settings(max_examples=30, deadline=None)
@given(
    degree=st.integers(1, 7),
    extra=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6, unique=True),
)
def test_knot_insertion_anywhere_is_exact(degree: int, extra: list[float]) -> None:
    grid = ragged(degree, 4)
    more = LOWER[:, None] + (UPPER - LOWER)[:, None] * torch.tensor(extra, dtype=torch.float64)
    points = torch.sort(torch.cat([grid.breakpoints, more], dim=1), dim=1).values
    if bool((points.diff(dim=1) < 1e-3).any()):
        return
    finer, c, z = SplineGrid.given(points, degree), coefficients(grid), inside(grid)
    assert gap(finer.evaluate(z, grid.transfer(c, finer)), grid.evaluate(z, c)) < 1e-10


@pytest.mark.parametrize("degree", DEGREES)
def test_clamped_ends_stay_clamped_and_refine_exactly(degree: int) -> None:
    grid, c = clamped(degree, 3), coefficients(clamped(degree, 3))
    breakpoints = grid.breakpoints
    finer = grid.over(
        torch.cat([breakpoints, (breakpoints[:, 1:] + breakpoints[:, :-1]) / 2], dim=1)
        .sort(dim=1)
        .values
    )
    assert torch.equal(finer.knots[:, :degree], grid.lower[:, None].expand(-1, degree))
    assert torch.equal(finer.knots[:, -degree:], grid.upper[:, None].expand(-1, degree))
    z = torch.cat([inside(grid), LOWER[:, None] - 2, UPPER[:, None] + 2], dim=1)
    assert gap(finer.evaluate(z, grid.transfer(c, finer)), grid.evaluate(z, c)) < 1e-11


def test_clamped_ends_keep_a_high_degree_on_one_interval_well_conditioned() -> None:
    z = torch.cos(math.pi * (torch.arange(60, dtype=torch.float64) + 0.5) / 60)[None]
    ones = torch.ones(1, dtype=torch.float64)
    even = SplineGrid.even(-ones, ones, 1, 19)
    conditions = []
    for grid in (even, SplineGrid.given(even.breakpoints, 19, clamped=True)):
        matrix = grid.collocation(z)
        conditions.append(float(torch.linalg.cond(matrix / matrix.norm(dim=0))))
    assert conditions[1] < 1e6 < 1e12 < conditions[0]


@pytest.mark.parametrize("degree", [1, 3, 5])
def test_knot_insertion_agrees_with_scipy(degree: int) -> None:
    grid, knot = ragged(degree, 4), 0.123
    c = coefficients(grid, outputs=1)
    padded = np.r_[c[0, 0].numpy(), np.zeros(degree + 1)]
    expected = BSpline(grid.knots[0].numpy(), padded, degree).insert_knot(knot)
    points = torch.sort(
        torch.cat([grid.breakpoints[0], torch.tensor([knot], dtype=torch.float64)])
    ).values
    finer = SplineGrid.given(points[None], degree)
    moved = grid.row(0).transfer(c[:, :1], finer)
    z = inside(grid)[:1]
    assert gap(finer.evaluate(z, moved)[0, 0], torch.tensor(expected(z[0].numpy()))) < 1e-12


def test_a_refit_on_other_knots_keeps_polynomials_and_nearly_keeps_the_rest() -> None:
    for degree in (3, 5, 9):
        grid, finer = even(degree, 5), even(degree, 8)
        z = inside(grid)
        smooth = torch.sin(2 * grid.greville())[None]
        line = (0.7 - grid.greville())[None]
        assert gap(finer.evaluate(z, grid.transfer(line, finer)), grid.evaluate(z, line)) < 1e-12
        assert gap(finer.evaluate(z, grid.transfer(smooth, finer)), grid.evaluate(z, smooth)) < 2e-3


def test_a_refit_gets_better_with_the_intervals() -> None:
    grid = even(3, 5)
    z, smooth = inside(grid), torch.sin(3 * grid.greville())[None]
    misfits = []
    for intervals in (8, 16, 32):
        finer = even(3, intervals)
        misfits.append(
            gap(finer.evaluate(z, grid.transfer(smooth, finer)), grid.evaluate(z, smooth))
        )
    assert misfits[-1] < misfits[0] / 4 and misfits == sorted(misfits, reverse=True), misfits


def test_a_refit_onto_a_wider_grid_keeps_a_line_where_no_old_knot_was() -> None:
    """The trap: the first columns have no old interval; a pivoted QR in torch 2.13 returned zeros
    there.
    """
    grid = even(3, 4)
    wider = SplineGrid.even(LOWER - 3, UPPER + 1, 9, 3)
    c = (2 - grid.greville())[None]
    z = torch.cat([inside(grid), LOWER[:, None] - 2.9, UPPER[:, None] + 0.9], dim=1)
    assert gap(wider.evaluate(z, grid.transfer(c, wider)), grid.evaluate(z, c)) < 1e-12


def test_a_refit_of_another_degree_keeps_a_cubic() -> None:
    grid, z = even(3, 4), inside(even(3, 4))
    windows = grid.knots[:, 1:-1].unfold(1, 3, 1)
    cubic = windows.prod(-1)[None]
    for degree in (5, 7):
        higher = even(degree, 6)
        assert gap(higher.evaluate(z, grid.transfer(cubic, higher))[0], z**3) < 1e-11


def test_a_refit_that_loses_the_function_is_refused() -> None:
    grid = even(1, 64)
    c = (
        torch.tensor([1.0, -1.0], dtype=torch.float64)
        .repeat(33)[: grid.size]
        .expand(1, 2, grid.size)
    )
    with pytest.raises(
        NumericalError, match=r"refit of input 0: relative misfit .* more intervals"
    ):
        grid.transfer(c.contiguous(), even(1, 3))


# Grids check themselves
# ----------------------------------------------------------------------------------------------


def test_knots_of_an_even_grid_and_its_sizes() -> None:
    grid = even(3, 4)
    assert (grid.intervals, grid.size, grid.knots.shape) == (4, 7, (2, 11))
    assert torch.allclose(grid.lower, LOWER) and torch.allclose(grid.upper, UPPER)
    assert torch.allclose(
        grid.breakpoints,
        torch.stack([torch.linspace(-1, 1, 5), torch.linspace(0.5, 3, 5)]).double(),
    )


@pytest.mark.parametrize(
    "breakpoints",
    [[[0.0, 1.0, 1.0]], [[0.0, 2.0, 1.0]], [[0.0, math.nan, 1.0]], [[0.0, 1.0, math.inf]]],
    ids=["repeated", "unsorted", "nan", "infinite"],
)
def test_breakpoints_must_increase(breakpoints: list[list[float]]) -> None:
    with pytest.raises(
        ConfigError, match="breakpoints must increase strictly; remove repeated or unsorted ones"
    ):
        SplineGrid.given(torch.tensor(breakpoints, dtype=torch.float64), 3)


def test_degree_zero_and_empty_grids_are_refused() -> None:
    with pytest.raises(ConfigError, match="needs degree ≥ 1 and ≥ 1 interval, found 0, 4"):
        SplineGrid.even(LOWER, UPPER, 4, 0)
    with pytest.raises(
        ConfigError, match="needs lower < upper and ≥ 1 interval, found 0 intervals"
    ):
        SplineGrid.even(LOWER, UPPER, 0, 3)
    with pytest.raises(ConfigError, match="needs lower < upper"):
        SplineGrid.even(UPPER, UPPER, 4, 3)


def test_single_precision_stays_single() -> None:
    grid = SplineGrid.even(LOWER.float(), UPPER.float(), 6, 5)
    z, c = inside(even(5, 6)), coefficients(even(5, 6))
    values = grid.evaluate(z.float(), c.float())
    assert values.dtype == torch.float32
    assert gap(values.double(), even(5, 6).evaluate(z, c)) < 1e-5


def test_breakpoints_stay_apart_where_most_inputs_are_one_number() -> None:
    inputs = torch.full((2, 50), 0.6, dtype=torch.float64)
    inputs[:, 0], inputs[:, 1] = LOWER, UPPER
    updated = even(3, 6).updated(inputs, 1.0, 0.0)
    assert bool((updated.breakpoints.diff(dim=1) > 1e-4).all())


@given(
    degree=st.integers(1, 6),
    intervals=st.integers(1, 6),
    mix=st.floats(0.0, 1.0),
    seed=st.integers(0, 99),
)
def test_an_updated_grid_reaches_its_inputs_and_splines_on_it_sum_to_one(
    degree: int, intervals: int, mix: float, seed: int
) -> None:
    inputs = torch.rand(2, 20, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    grid = even(degree, intervals).updated(3 * inputs - 1, mix, 0.1)
    assert bool((grid.lower <= (3 * inputs - 1).amin(1)).all())
    assert bool((grid.upper >= (3 * inputs - 1).amax(1)).all())
    ones = torch.ones_like(coefficients(grid))
    z = grid.lower[:, None] + (grid.upper - grid.lower)[:, None] * inputs
    assert gap(grid.evaluate(z, ones), torch.ones_like(grid.evaluate(z, ones))) < 1e-12
