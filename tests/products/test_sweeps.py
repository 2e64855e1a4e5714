"""Sweeps over the cores: the inverse of a sum of one-coordinate matrices."""

from __future__ import annotations

import numpy as np
import pytest

from kanpde.products.chains import Array, Chain, centred, mapped, norm, of_factors, ranks, zero
from kanpde.products.sweeps import NotConvergedError, solved_by_sweeps


def dense(chain: Chain) -> Array:
    """All entries of a chain."""
    result = np.ones((1, 1))
    for core in chain:
        result = np.tensordot(result, core, axes=(-1, 0))
    return result.reshape([core.shape[1] for core in chain])


def matrices(skewness: float, sizes: tuple[int, ...]) -> list[Array]:
    """Positive matrices of several sizes, and not symmetric ones."""
    generator = np.random.default_rng(1)
    result = []
    for n in sizes:
        square = generator.standard_normal((n, n))
        result.append(square @ square.T / n + np.eye(n) + skewness * (square - square.T))
    return result


@pytest.mark.parametrize("skewness", [0.0, 0.3])
@pytest.mark.parametrize("sizes", [(4, 5), (3, 6, 4, 5), (2, 1, 7, 3, 4)])
def test_the_solution_meets_the_equation(skewness: float, sizes: tuple[int, ...]) -> None:
    generator = np.random.default_rng(2)
    given = matrices(skewness, sizes)
    source = of_factors([generator.standard_normal(n) for n in sizes])
    solution, change = solved_by_sweeps(given, source, 1e-11)
    image = np.zeros(sizes)
    for k, matrix in enumerate(given):
        image += np.moveaxis(np.tensordot(matrix, dense(solution), axes=(1, k)), 0, k)
    np.testing.assert_allclose(image, dense(source), atol=1e-8 * np.abs(dense(source)).max())
    assert change <= 1e-10


def test_ranks_grow_to_what_the_tolerance_asks_for() -> None:
    n, d = 12, 8
    laplacian = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    source = of_factors([np.ones(n)] * d)
    coarse, _ = solved_by_sweeps([laplacian] * d, source, 1e-3)
    fine, _ = solved_by_sweeps([laplacian] * d, source, 1e-9)
    assert max(ranks(coarse)) < max(ranks(fine)) <= 20


def test_a_source_of_zeros_is_not_swept() -> None:
    with pytest.raises(NotConvergedError, match="zeros"):
        solved_by_sweeps([np.eye(3)] * 3, zero([3] * 3), 1e-6)


def test_centres_carry_the_norm() -> None:
    generator = np.random.default_rng(3)
    chain = [generator.standard_normal(s) for s in ((1, 4, 2), (2, 5, 3), (3, 4, 1))]
    row = generator.standard_normal((1, 5))
    traced = mapped(chain, [np.eye(4), row, np.eye(4)])
    centre = centred(chain)[1]
    assert np.linalg.norm(np.tensordot(row, centre, axes=(1, 1))) == pytest.approx(norm(traced))
