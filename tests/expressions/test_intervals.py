"""Enclosures of values and slopes on boxes hold every value at points, and get tight."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kanpde.expressions import Scope, differentiate, parse_expression
from kanpde.expressions.evaluate import evaluate
from kanpde.expressions.intervals import enclose

SCOPE = Scope(coordinates=("x", "y"), time=False, unknowns=(), where="here")
FORMULAS = [
    "x*y - 3*x + 2", "(x - y)**2/(1 + x**2)", "exp(-(x**2 + y**2)/0.1)", "tanh(20*(x - y**2))",
    "sin(7*x)*cos(3*y + 1)", "log(2 + x*y)", "sqrt(2.5 + x)", "(1.5 + x)**y", "atan2(y, x + 3)",
    "abs(x - 0.2)", "sinh(x) + cosh(2*y)", "atan(9*x*y)", "asin(x/3) - acos(y/3)", "tan(x*y)",
    "(2 + x)**(-3)", "exp(sin(5*x*y))/(2 + y)**1.5", "1/(x**2 + 0.01)", "x**3*y**2",
    "erf(3*x*y) - erfc(x + y)", "gamma(x + 3)*lgamma(2.2 + y)", "max(x, y, 0.3)",
    "besselj(0, 5*x) + besselj(3, 4*x*y)", "min(x*y, 0.1)**2", "heaviside(x - y)*y",
    "where(x > y and y < 0.4, exp(x), sin(3*y))", "atan2(y, x)*x", "x - 2*atan2(x, y)",
]  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_value_and_slope_at_a_point_is_enclosed(formula: str) -> None:
    node = parse_expression(formula, SCOPE)
    slopes = [differentiate(node, axis) for axis in (0, 1)]
    rng = np.random.default_rng(1)
    for size in (1.9, 0.5, 0.02):
        lower = rng.uniform(-1, 1 - size / 2, (40, 2))
        upper = lower + size * rng.uniform(0.1, 0.5, (40, 2))
        enclosure = enclose(node, lower, upper)[node]
        for _ in range(20):
            x = torch.tensor(lower + rng.uniform(size=(40, 2)) * (upper - lower))
            value, *gradient = (each.numpy() for each in evaluate([node, *slopes], x))
            for ends, exact in (
                (enclosure.values, value),
                (enclosure.slopes, np.stack(gradient, 1)),
            ):
                slack = 1e-9 * (1 + np.abs(exact))
                assert (ends[0] <= exact + slack).all() and (exact - slack <= ends[1]).all()


def test_enclosures_get_tight_like_the_square_of_the_box() -> None:
    """Natural intervals of a difference of what is nearly equal are as wide as the box."""
    node = parse_expression("sin(x)*exp(y) - sin(x + 0.001)*exp(y)", SCOPE)
    widths = []
    for size in (1e-2, 1e-3):
        lower = np.full((1, 2), 0.3)
        ends = enclose(node, lower, lower + size)[node].values
        widths.append(float((ends[1] - ends[0])[0]))
    assert widths[1] < widths[0] / 60
