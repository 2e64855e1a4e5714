"""Formulas as chains have the values of the formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kanpde.expressions import Scope, parse_expression
from kanpde.expressions.evaluate import evaluate
from kanpde.products.chains import entries, ranks
from kanpde.products.factors import NotProductsError, Values
from kanpde.products.univariate import Axis

NAMES = ("x", "y", "z", "w")
AXES = tuple(Axis(-0.5, 1.0, 22) for _ in NAMES)
SCOPE = Scope(coordinates=NAMES, unknowns=())


def error(text: str) -> tuple[float, list[int]]:
    """Largest difference at random points, relative to the largest value, and the ranks."""
    node = parse_expression(text, SCOPE)
    chain = Values(AXES, 1e-12).of(node)
    x = np.random.default_rng(0).uniform(-0.5, 1.0, (300, 4))
    rows = [axis.values(x[:, k]) @ axis.projection for k, axis in enumerate(AXES)]
    (wanted,) = evaluate((node,), torch.tensor(x))
    exact = np.broadcast_to(wanted.numpy(), 300)
    return float(np.abs(entries(chain, rows) - exact).max() / np.abs(exact).max()), ranks(chain)


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("3", 1),
        ("sin(2*x)*exp(y)*cos(z + 1)/(2 + w)", 1),
        ("x + y**2 + sin(z) - w", 2),
        ("exp(x + y*z - w**2)", 14),
        ("sin(x + 2*y - z + 3*w)", 2),
        ("cos(2*(x + y + z*w))", 24),
        ("(x + y + z + w)**3", 4),
        ("1/(4 + x + y + z + w)", 12),
        ("sqrt(5 + x*y + z*w)", 12),
        ("exp(-0.5*(x + y + z + w))", 1),
        ("log(6 + x + y + z + w)*x", 12),
        ("x*y + z*w + (x + y)*(z - w)", 4),
    ],
)
def test_a_formula_is_a_sum_of_few_products(text: str, most: int) -> None:
    difference, present = error(text)
    assert difference < 1e-10
    assert max(present) <= most


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("abs(x + y - 0.3)", "no polynomial of low degree"),
        ("(2 + x)**(y + z)", "a power of several arguments"),
        ("1/(x + y)", "no finite range|without value|no polynomial"),
        ("atan2(x + 2, y + 2)", "several arguments"),
    ],
)
def test_other_formulas_are_refused(text: str, reason: str) -> None:
    with pytest.raises(NotProductsError, match=reason):
        error(text)
