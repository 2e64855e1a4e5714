"""Arithmetic of chains equals that of full arrays, and rounding keeps its promise."""

from __future__ import annotations

import numpy as np
import pytest

from kanpde.products.chains import (
    MOST_RANK,
    Array,
    Chain,
    LateError,
    RankError,
    added,
    entries,
    inner,
    mapped,
    multiplied,
    norm,
    of_factors,
    ranks,
    rounded,
    scaled,
    total,
    until,
)

SIZES = (3, 4, 2, 5)


def random_chain(rank: int, seed: int) -> Chain:
    generator = np.random.default_rng(seed)
    bonds = (1, rank, rank, rank, 1)
    return [generator.standard_normal((bonds[k], n, bonds[k + 1])) for k, n in enumerate(SIZES)]


def full(chain: Chain) -> Array:
    result = np.ones((1, 1))
    for core in chain:
        result = np.tensordot(result, core, axes=(-1, 0))
    return result.reshape([core.shape[1] for core in chain])


A, B = random_chain(2, 0), random_chain(3, 1)


def test_sums_products_and_maps_are_those_of_the_arrays() -> None:
    matrices = [np.random.default_rng(k).standard_normal((n + 1, n)) for k, n in enumerate(SIZES)]
    np.testing.assert_allclose(full(added(A, B)), full(A) + full(B))
    np.testing.assert_allclose(full(multiplied(A, B)), full(A) * full(B))
    np.testing.assert_allclose(full(scaled(A, -2.5)), -2.5 * full(A))
    image = np.einsum("abcd,pa,qb,rc,sd->pqrs", full(A), *matrices)
    np.testing.assert_allclose(full(mapped(A, matrices)), image)


def test_norm_and_inner_product_are_those_of_the_arrays() -> None:
    assert norm(A) == pytest.approx(np.linalg.norm(full(A)))
    assert inner(A, B) == pytest.approx(np.sum(full(A) * full(B)))


def test_rounding_finds_the_rank_of_a_sum_of_equal_terms() -> None:
    doubled = rounded(added(A, A), 1e-13)
    assert ranks(doubled) == ranks(A)
    np.testing.assert_allclose(full(doubled), 2 * full(A), atol=1e-12)


@pytest.mark.parametrize("relative", [1e-1, 1e-2, 1e-6])
def test_rounding_errs_by_no_more_than_it_is_told(relative: float) -> None:
    noisy = added(A, scaled(B, 0.3 * relative))
    near = rounded(noisy, relative)
    assert np.linalg.norm(full(near) - full(noisy)) <= relative * np.linalg.norm(full(noisy))


def test_rounding_in_a_weighted_norm_keeps_what_weighs() -> None:
    weights = [np.array([1.0, 1e-12, 1e-12]), *(np.ones(n) for n in SIZES[1:])]
    heavy = of_factors([np.array([1.0, 0, 0]), *(np.ones(n) for n in SIZES[1:])])
    light = scaled(random_chain(2, 5), 1.0)
    light[0][:, 0] = 0.0
    near = rounded(added(heavy, light), 1e-3, weights)
    assert ranks(near) == [1, 1, 1]
    np.testing.assert_allclose(full(near)[0], 1.0, rtol=1e-2)


def test_a_total_is_the_sum_of_all() -> None:
    parts = [random_chain(2, seed) for seed in range(5)]
    np.testing.assert_allclose(full(total(parts, 1e-14)), sum(map(full, parts)), atol=1e-11)


def test_entries_contract_rows_of_matrices() -> None:
    rows = [np.random.default_rng(k).standard_normal((6, n)) for k, n in enumerate(SIZES)]
    wanted = np.einsum("abcd,pa,pb,pc,pd->p", full(A), *rows)
    np.testing.assert_allclose(entries(A, rows), wanted)


def test_a_product_of_too_many_terms_is_refused() -> None:
    wide = [np.ones((1, 2, MOST_RANK)), np.ones((MOST_RANK, 2, 1))]
    with pytest.raises(RankError, match="a product of ranks 200 and 200"):
        multiplied(wide, wide)


def test_arithmetic_ends_at_a_moment_that_is_past() -> None:
    chain = of_factors([np.ones(3), np.ones(4)])
    with until(0.0), pytest.raises(LateError):
        total([chain, chain], 1e-8)
    assert ranks(total([chain, chain], 1e-8)) == [1]
