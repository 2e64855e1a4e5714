"""Sums of products of functions of one coordinate as chains: values and ranks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kanpde.expressions import Scope, parse_expression
from kanpde.expressions.evaluate import evaluate
from kanpde.products.chains import entries, ranks
from kanpde.products.separable import chain_of, terms_of
from kanpde.products.univariate import Array, Axis


def chain_and_wanted(formula: str, count: int) -> tuple[list[Array], Array, Array]:
    """The chain of a sum of products, its values and those of the formula at random points."""
    scope = Scope(tuple(f"x{k}" for k in range(1, count + 1)))
    node = parse_expression(formula, scope)
    x = np.random.default_rng(0).uniform(0.5, 1, (20, count))

    def along(axis: int, factor: object) -> Array:
        (values,) = evaluate((factor,), torch.tensor(x))  # type: ignore[arg-type]
        return np.broadcast_to(values.numpy(), (20,))

    chain = chain_of(terms_of(node), count, [20] * count, along)
    (wanted,) = evaluate((node,), torch.tensor(x))
    return chain, entries(chain, [np.eye(20)] * count), wanted.numpy()


@pytest.mark.parametrize(
    ("formula", "count", "rank"),
    [
        ("sum(i, sin(2*pi*x[i])*prod(j, j != i, cos(pi*x[j]/2)))", 30, 2),
        ("sum(i, i*x[i])", 12, 2),
        ("prod(i, x[i]) + 2*prod(i, sin(x[i])) - 3", 8, 3),
        ("sum(i, i < 8, x[i]*x[i + 1])", 8, 3),
        ("sum(i, sum(j, j > i, x[i]*x[j]))", 8, 6),
        ("x1*x2*x3*x4 + x1*x2*x3*exp(x4) + sin(x1)*x2*x3*x4", 4, 2),
        ("3*x1*x2", 4, 1),
    ],
)
def test_chains_hold_the_sum_with_few_ranks(formula: str, count: int, rank: int) -> None:
    chain, values, wanted = chain_and_wanted(formula, count)
    np.testing.assert_allclose(values, wanted, rtol=1e-12)
    assert max(ranks(chain)) <= rank


def test_the_formulas_of_solves_go_through_it() -> None:
    from kanpde.products.factors import Values

    count = 60
    scope = Scope(tuple(f"x{k}" for k in range(1, count + 1)))
    formula = "1 + exp(-sum(i, x[i]))*sum(i, sin(2*x[i])*prod(j, j != i, cos(x[j]/9)))"
    axes = tuple(Axis(0.0, 1.0, 5) for _ in range(count))
    chain = Values(axes, 1e-12).of(parse_expression(formula, scope))
    assert max(ranks(chain)) == 3
