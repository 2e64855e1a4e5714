"""Sums of matrices inverted along the indices of a core, far from normal ones too."""

from __future__ import annotations

import numpy as np
import pytest

from kanpde.products.spectra import Spectrum, along, solve
from kanpde.products.univariate import Array, Axis, Functional


def by_time(degree: int) -> Array:
    """d/dt on [0, 0.1] of polynomials that are zero at the start."""
    start = Functional((1.0,), 0)
    axis = Axis(0.0, 0.1, degree, (start,))
    return axis.reduced(axis.projection @ axis.nodal(1))


def symmetric(size: int) -> Array:
    square = np.random.default_rng(size).standard_normal((size, size))
    return square @ square.T + np.eye(size)


@pytest.mark.parametrize("places", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_a_derivative_by_time_keeps_its_digits(places: tuple[int, ...]) -> None:
    """Through its eigenvectors, whose condition is 1e12 at degree 24, only four are left."""
    matrices = [by_time(24) if k in places else symmetric(3 + k) for k in range(3)]
    shape = tuple(len(matrix) for matrix in matrices)
    wanted = np.random.default_rng(0).standard_normal(shape)
    found = solve([Spectrum.of(matrix) for matrix in matrices], wanted)
    image = sum(
        along([matrix if k == m else None for m in range(3)], found)
        for k, matrix in enumerate(matrices)
    )
    np.testing.assert_allclose(image, wanted, atol=1e-11)


@pytest.mark.parametrize("matrix", [symmetric(6), by_time(6), by_time(24)])
def test_the_exponential_of_every_form(matrix: Array) -> None:
    time = 0.01
    series, power = np.eye(len(matrix)), np.eye(len(matrix))
    for k in range(1, 60):
        power = power @ (-time / 16 * matrix) / k
        series = series + power
    for _ in range(4):
        series = series @ series
    np.testing.assert_allclose(Spectrum.of(matrix).decay(time).real, series, atol=1e-9)
