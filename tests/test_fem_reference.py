"""The finite-element reference converges at its order, and the shipped problem `poisson_holes` agrees with it."""

from __future__ import annotations

import numpy as np
import pytest
from check_holes import everywhere
from fem_holes import Array, inverse_map, quadrature, ray_map, relative_l2, solve_plate

import kanpde


def cubic(x: Array) -> Array:
    """Re z³, harmonic."""
    return np.asarray(x[0] ** 3 - 3 * x[0] * x[1] ** 2)


def test_quadrature_measures_the_half_quadrant() -> None:
    points, weights = quadrature()
    assert weights.sum() == pytest.approx((1 - 0.04 * np.pi) / 2, rel=1e-13)
    assert np.all((points[:, 0] >= 0) & (points[:, 0] <= points[:, 1]) & (points[:, 1] <= 1))
    assert np.all(np.linalg.norm(points - 0.6, axis=1) >= 0.2)


def test_ray_map_is_inverted_from_every_symmetric_image() -> None:
    st = np.random.default_rng(0).uniform([0, 0], [1, 2], (200, 2))
    points = ray_map(st[:, 0], st[:, 1])[0].T
    images = everywhere(points, np.ones(len(points)))[0]
    assert np.abs(inverse_map(images) - np.tile(st, (8, 1)).T).max() < 1e-12


def test_jacobian_is_the_derivative_of_the_ray_map() -> None:
    s, t = np.random.default_rng(1).uniform([[0.1], [1.1]], [[0.9], [1.9]], (2, 50))
    step = 1e-6
    by_s = (ray_map(s + step, t)[0] - ray_map(s - step, t)[0]) / (2 * step)
    by_t = (ray_map(s, t + step)[0] - ray_map(s, t - step)[0]) / (2 * step)
    assert np.abs(np.stack([by_s, by_t], axis=1) - ray_map(s, t)[1]).max() < 1e-8


@pytest.mark.parametrize("degree", [3, 4])
def test_finite_elements_converge_at_order_degree_plus_one(degree: int) -> None:
    points, weights = quadrature()
    coarse, fine = (relative_l2(solve_plate(c, degree, cubic)(points), cubic(points.T), weights) for c in (4, 16))
    assert np.log2(coarse / fine) / 2 > degree + 0.7
    assert fine < 1e-6


def test_plate_reference_is_converged_and_keeps_the_boundary_values() -> None:
    points, weights = quadrature()
    coarse, fine = solve_plate(2, 4), solve_plate(3, 6)
    assert relative_l2(coarse(points), fine(points), weights) < 2e-4
    angle = np.linspace(0, 2 * np.pi, 50)
    circle = 0.6 + 0.2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert np.abs(fine(circle)).max() < 1e-10
    assert np.abs(fine(np.array([[1.0, 0.3], [-1.0, -0.7], [0.5, 1.0], [0.0, -1.0]])) - 1).max() < 1e-10


def test_poisson_holes_agrees_with_finite_elements() -> None:
    half, weights = quadrature(16)
    reference = np.tile(solve_plate(3, 6)(half), 8)
    points, w = everywhere(half, weights)
    solution = kanpde.solve("poisson_holes")
    assert relative_l2(np.asarray(solution(points))[:, 0], reference, w) < 2e-3
