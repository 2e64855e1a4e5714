"""Jets of a chain of products equal nested autograd, and its values the definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.polynomial import legendre

from kanpde.numerics.jets import JetSpace, by_autograd
from kanpde.products.chains import added, rounded, scaled
from kanpde.products.univariate import padded
from kanpde.trial.chain import ProductChain

BONDS, DEGREES = (1, 2, 3, 1), (3, 5, 4)
LOWER, UPPER = (-1.0, 0.0, 2.0), (1.0, 3.0, 2.5)


def chain() -> ProductChain:
    generator = np.random.default_rng(0)
    cores = [
        generator.standard_normal((BONDS[k], n + 1, BONDS[k + 1])) for k, n in enumerate(DEGREES)
    ]
    return ProductChain(LOWER, UPPER, cores)


def points(count: int = 20) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(1).uniform(LOWER, UPPER, (count, 3)))


def test_values_are_products_of_matrices_of_legendre_polynomials() -> None:
    trial, x = chain(), points(5)
    for number, place in enumerate(x.numpy()):
        product = np.ones((1, 1))
        for k, core in enumerate(trial.cores):
            z = 2 * (place[k] - LOWER[k]) / (UPPER[k] - LOWER[k]) - 1
            degree = DEGREES[k]
            values = legendre.legvander(np.array([z]), degree)[0]
            values = values * np.sqrt(2 * np.arange(degree + 1) + 1)
            product = product @ np.einsum("n,anb->ab", values, core.detach().numpy())
        assert float(trial.evaluate(x)[number, 0]) == pytest.approx(product[0, 0], rel=1e-12)


def test_several_functions_stand_in_the_last_core() -> None:
    trial, x = chain(), points(5)
    cores = [core.detach().numpy() for core in trial.cores]
    both = ProductChain(LOWER, UPPER, [*cores[:-1], np.concatenate([cores[-1], -2 * cores[-1]], 2)])
    space = JetSpace.closure([(1, 0, 2)], 3)
    jets, single = (each.jet(each.locate(x, space)).data for each in (both, trial))
    assert both.outputs == 2
    torch.testing.assert_close(both.evaluate(x), trial.evaluate(x) * torch.tensor([1.0, -2.0]))
    torch.testing.assert_close(jets[:, 1:], -2 * single)


@pytest.mark.parametrize(
    "indices",
    [[(2, 0, 0), (0, 2, 0), (0, 0, 2)], [(1, 1, 0), (1, 0, 1), (0, 1, 1)], [(1, 2, 1), (0, 0, 4)]],
)
def test_jets_equal_autograd(indices: list[tuple[int, ...]]) -> None:
    trial, x = chain(), points()
    space = JetSpace.closure(indices, 3)
    closed = trial.jet(trial.locate(x, space)).data
    nested = by_autograd(trial, x, space).data
    torch.testing.assert_close(closed, nested, rtol=1e-9, atol=1e-9)


def test_values_are_differentiable_by_the_coefficients() -> None:
    trial = chain()
    trial(points()).square().sum().backward()
    assert all(core.grad is not None and bool(core.grad.any()) for core in trial.cores)


def test_the_share_outside_is_that_of_the_worst_coordinate() -> None:
    x = points(4)
    x[0, 1] = 3.5
    assert chain().outside_share(x) == 0.25


def test_more_degrees_keep_the_function_and_its_jets() -> None:
    trial, x = chain(), points()
    finer = ProductChain(LOWER, UPPER, padded([c.detach().numpy() for c in trial.cores], (9, 9, 9)))
    space = JetSpace.closure([(2, 0, 1), (0, 2, 0)], 3)
    jets, wanted = (each.jet(each.locate(x, space)).data for each in (finer, trial))
    assert finer.degrees == [9, 9, 9]
    torch.testing.assert_close(jets, wanted, rtol=1e-10, atol=1e-10)


def test_products_that_are_not_needed_are_pruned() -> None:
    """The same function twice has twice the ranks, half of which go."""
    trial, x = chain(), points()
    cores = [core.detach().numpy() for core in trial.cores]
    twice = added(cores, scaled(cores, 2.0))
    pruned = ProductChain(LOWER, UPPER, rounded(twice, 1e-12))
    assert ProductChain(LOWER, UPPER, twice).ranks == [4, 6] and pruned.ranks == trial.ranks
    torch.testing.assert_close(pruned.evaluate(x), 3 * trial.evaluate(x), rtol=1e-10, atol=1e-10)
