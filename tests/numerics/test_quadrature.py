"""Rules on the unit cube: weights sum to one, points inside, the polynomial degree that each rule
integrates.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import roots_legendre
from scipy.stats import qmc

from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import (
    KINDS,
    LARGEST_GAUSS_PANEL,
    Layout,
    PointSet,
    chebyshev,
    cube,
    cube_quadrature,
    gauss,
    per_axis,
    periodic,
    tensor,
)
from kanpde.numerics.sobol import TABLED, sobol


def layout(kind: str, jitter: float = 1.0, seed: int = 0) -> Layout:
    return Layout(kind, np.random.default_rng(seed), jitter)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dimension", [0, 1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 37, 100])
def test_every_kind_fills_the_open_cube(kind: str, dimension: int, count: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        u, w = cube(count, dimension, layout(kind))
    assert u.shape == (len(w), dimension)
    assert ((u > 0) & (u < 1)).all()
    assert (w > 0).all() and w.sum() == pytest.approx(1.0, rel=1e-13)
    assert len(np.unique(u, axis=0)) == len(u)


@pytest.mark.parametrize("kind", ["sobol", "latin_hypercube"])
def test_sequences_take_any_count_and_dimension(kind: str) -> None:
    u, w = cube(777, 12, layout(kind))
    assert u.shape == (777, 12) and w.shape == (777,)
    assert np.abs(u.mean(axis=0) - 0.5).max() < 0.01


def test_a_latin_hypercube_has_one_point_in_every_row() -> None:
    u, _ = cube(50, 2, layout("latin_hypercube"))
    for axis in range(2):
        assert sorted(np.floor(50 * u[:, axis])) == list(range(50))


@pytest.mark.parametrize("dimension", [1, 2, 5, TABLED, TABLED + 1])
@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_sobol_points_are_those_of_scipy_to_the_last_bit(dimension: int, count: int) -> None:
    ours, theirs = np.random.default_rng(3), np.random.default_rng(3)
    for _ in range(2):  # each call draws another scramble
        drawn = qmc.Sobol(dimension, scramble=True, rng=theirs).random_base2(10)
        assert np.array_equal(sobol(count, dimension, ours), drawn[:count])
    assert ours.random() == theirs.random()


@pytest.mark.parametrize("count", range(1, LARGEST_GAUSS_PANEL + 1))
def test_the_table_of_gauss_rules_is_that_of_scipy(count: int) -> None:
    nodes, weights = roots_legendre(count)
    u, w = gauss(count)
    assert u == pytest.approx((nodes + 1) / 2, rel=0, abs=2e-16)
    assert w == pytest.approx(weights / 2, rel=1e-14)


@pytest.mark.parametrize("count", [1, 2, 7, 20, 64, 65, 200])
def test_gauss_integrates_polynomials(count: int) -> None:
    u, w = gauss(count)
    assert len(u) >= count and ((u > 0) & (u < 1)).all()
    for degree in range(min(2 * count, 40)):
        assert w @ u**degree == pytest.approx(1 / (degree + 1), rel=1e-13)
    if count == 7:
        assert w @ u**14 != pytest.approx(1 / 15, rel=1e-13)


@pytest.mark.parametrize("shift", [-0.25, -0.1, 0.0, 0.25])
def test_chebyshev_nodes_and_cells(shift: float) -> None:
    u, w = chebyshev(40, shift)
    assert np.all(np.diff(u) > 0) and w.sum() == pytest.approx(1.0, rel=1e-14)
    assert 0 < u[0] < (1 - np.cos(0.75 * np.pi / 40)) / 2 * (1 + 1e-12)
    edges = np.concatenate([[0.0], np.cumsum(w)])
    assert ((u > edges[:-1]) & (u < edges[1:])).all()
    if shift == 0:
        assert u == pytest.approx((1 - np.cos((np.arange(40) + 0.5) * np.pi / 40)) / 2, rel=1e-12)
        errors = [
            abs(np.dot(v, np.exp(x)) - np.expm1(1.0)) for x, v in (chebyshev(20), chebyshev(40))
        ]
        assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.05)


def test_the_trapezoidal_rule_on_a_closed_curve_is_spectral() -> None:
    for turn in (0.0, 0.3):
        u, w = periodic(24, turn)
        assert w @ np.exp(np.cos(2 * np.pi * u)) == pytest.approx(1.2660658777520082, rel=1e-14)


def test_grid_points_stay_in_their_cells() -> None:
    still, _ = cube(100, 2, layout("grid", 0.0))
    assert still[0] == pytest.approx([0.05, 0.05])
    for jitter in (0.3, 1.0):
        moved, _ = cube(100, 2, layout("grid", jitter))
        assert 0.2 * jitter < 20 * np.abs(moved - still).max() <= jitter


def test_jitter_and_seed() -> None:
    for kind in KINDS:
        same = [cube(64, 2, layout(kind, 1.0, 5))[0] for _ in range(2)]
        assert np.array_equal(*same)
        assert np.array_equal(*(cube(64, 2, layout(kind, 0.0, seed))[0] for seed in (1, 2)))
        assert np.array_equal(*(cube(64, 2, layout(kind, 1.0, seed))[0] for seed in (1, 2))) == (
            kind == "gauss"
        )


def test_cube_quadrature_is_a_product_up_to_four_coordinates() -> None:
    for dimension in (1, 2, 3, 4):
        u, w = cube_quadrature(4000, dimension)
        assert len(w) == pytest.approx(4000, rel=0.1)
        assert w @ np.prod(u**5, axis=1) == pytest.approx(6.0**-dimension, rel=1e-12)
    u, w = cube_quadrature(4000, 6)
    assert u.shape == (4000, 6) and np.array_equal(u, cube_quadrature(4000, 6)[0])
    assert w @ np.prod(u, axis=1) == pytest.approx(2.0**-6, rel=1e-2)


def test_tensor_and_per_axis() -> None:
    u, w = tensor(
        [(np.array([0.25, 0.75]), np.array([0.5, 0.5])), (np.array([0.1]), np.array([1.0]))]
    )
    assert u.tolist() == [[0.25, 0.1], [0.75, 0.1]] and w.tolist() == [0.5, 0.5]
    assert [per_axis(4900, 2), per_axis(12167, 3), per_axis(5, 0), per_axis(1, 3)] == [70, 23, 1, 1]


def test_product_rules_are_refused_in_many_coordinates() -> None:
    with pytest.raises(
        ConfigError,
        match="'chebyshev' is a product rule for at most 3 coordinates, found 5; use 'sobol'",
    ):
        cube(100, 5, layout("chebyshev"))


@pytest.mark.parametrize(
    ("x", "w", "normal", "message"),
    [
        (np.zeros(3), np.ones(3), None, r"x must be \(N, d\) and w \(N,\)"),
        (np.zeros((3, 2)), np.ones((3, 1)), None, r"found \(3, 2\) and \(3, 1\)"),
        (np.zeros((0, 2)), np.ones(0), None, "N ≥ 1"),
        (np.full((1, 2), np.nan), np.ones(1), None, "points must be finite"),
        (np.zeros((1, 2)), np.zeros(1), None, "weights positive"),
        (np.zeros((1, 2)), np.ones(1), np.ones((1, 2)), "normals must be unit vectors"),
        (np.zeros((1, 2)), np.ones(1), np.ones((1, 1)), r"of shape \(1, 2\), found \(1, 1\)"),
    ],
)
def test_point_sets_check_themselves(
    x: np.ndarray, w: np.ndarray, normal: np.ndarray | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        PointSet(x, w, normal)


def test_point_sets_are_read_only_copies() -> None:
    x = np.zeros((2, 1))
    points = PointSet(x, np.ones(2))
    x[0] = 5.0
    assert len(points) == 2 and points.x[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        points.x[0] = 1.0


def test_layouts_check_themselves() -> None:
    with pytest.raises(
        ConfigError,
        match="must be one of grid, chebyshev, sobol, latin_hypercube, gauss, found 'random'",
    ):
        layout("random")
    with pytest.raises(ConfigError, match=r"jitter: must lie in \[0, 1\], found -0.1"):
        layout("sobol", -0.1)


@pytest.mark.parametrize("shift", [-0.25, -0.1, 0.0, 0.2, 0.25])
@pytest.mark.parametrize("count", [2, 7, 40])
def test_chebyshev_weights_are_the_cells_about_their_nodes(count: int, shift: float) -> None:
    """A node is the middle in θ of its cell, but for the two at the ends, whatever the phase."""
    nodes, weights = chebyshev(count, shift)
    edges = np.arccos(1 - 2 * np.clip(np.concatenate([[0.0], np.cumsum(weights)]), 0, 1))
    middles = (edges[1:] + edges[:-1]) / 2
    assert np.allclose(weights.sum(), 1.0, rtol=1e-14)
    assert np.allclose(np.arccos(1 - 2 * nodes)[1:-1], middles[1:-1], atol=1e-7)
    assert (edges[:-1] < np.arccos(1 - 2 * nodes)).all()
    assert (edges[1:] > np.arccos(1 - 2 * nodes)).all()


def test_phases_fall_to_both_sides_of_zero_and_shrink_with_the_jitter() -> None:
    for jitter in (1.0, 0.3):
        drawn = layout("chebyshev", jitter)
        shifts = np.array([drawn.shift() for _ in range(300)]) / (0.25 * jitter)
        turns = np.array([drawn.turn() for _ in range(300)]) / (0.5 * jitter)
        for phases in (shifts, turns):
            assert phases.min() < -0.9 and phases.max() > 0.9 and abs(phases.mean()) < 0.2
            assert np.abs(phases).max() <= 1.0


@given(
    coefficients=st.lists(st.floats(-1, 1), min_size=1, max_size=20),
    extra=st.integers(0, 5),
)
def test_gauss_rules_integrate_polynomials_of_twice_their_size(
    coefficients: list[float], extra: int
) -> None:
    nodes, weights = gauss((len(coefficients) + 1) // 2 + extra)
    whole = sum(c / (k + 1) for k, c in enumerate(coefficients))
    values = np.polynomial.polynomial.polyval(nodes, coefficients)
    assert abs(weights @ values - whole) < 1e-13 * len(coefficients)


@given(count=st.integers(1, 60), turn=st.floats(-0.5, 0.5), phase=st.floats(0, 6.3))
def test_the_periodic_rule_integrates_every_wave_that_it_resolves(
    count: int, turn: float, phase: float
) -> None:
    nodes, weights = periodic(count, turn)
    for waves in {1, count // 2, count - 1} - {0, count}:
        assert abs(weights @ np.cos(2 * np.pi * waves * nodes + phase)) < 1e-12
