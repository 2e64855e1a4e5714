"""Jets of a chain of products equal nested autograd, and its values the definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.polynomial import legendre

from kanpde.numerics.jets import JetSpace, by_autograd
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
