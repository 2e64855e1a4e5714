"""Residuals beside the size of the terms that they are made of."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import kanpde
from kanpde.assembly.relative_residuals import _steepest, share


def shares(problem: dict[str, Any], **keys: Any) -> dict[str, float]:
    tree = {
        "problem": {
            "name": "shares",
            "unknowns": ["u"],
            "domain": {"rectangle": {"lower": [0, 0], "upper": [2, 1]}},
            **problem,
        },
        "schedule": [{"optimizer": "least_squares"}],
        **keys,
    }
    residuals = kanpde.solve(tree).result.metrics.relative_residuals
    return {**residuals["equations"], **residuals["conditions"]}


SIDES = ["left", "right", "bottom", "top"]
FEW = {"trial": {"width": [6], "intervals": 2}, "sampler": {"interior": 200}}


@pytest.mark.parametrize("factor", ("1", "1e-9", "1e7"))
def test_units_of_an_equation_do_not_matter(factor: str) -> None:
    problem = {
        "equations": [f"-{factor}*laplacian(u) = {factor}*exp(x)"],
        "conditions": [{"part": SIDES, "equation": "u = 0"}],
    }
    assert shares(problem, **FEW)["equation 1"] == pytest.approx(0.0726, rel=0.01)


def test_what_is_zero_is_not_judged_beside_rounding() -> None:
    """Second derivatives of u = x, and an unknown that vanishes."""
    problem = {
        "unknowns": ["u", "v"],
        "equations": ["laplacian(u) = 0", "laplacian(v) - v = 0"],
        "conditions": [{"part": SIDES, "equation": ["u = x", "v = 0"]}],
    }
    assert max(shares(problem, **FEW).values()) < 1e-3


def test_rows_beside_terms_of_size_zero() -> None:
    zero, one = torch.zeros(3), torch.ones(3)
    assert share(zero, zero) == 0.0
    assert share(one, zero) == math.inf
    assert share(one, 2 * one) == 0.5


def test_a_condition_that_is_missed_shows_beside_the_solution_inside() -> None:
    problem = {
        "equations": ["laplacian(u) - 100*u = -100"],
        "conditions": [{"part": SIDES, "equation": "u = 0"}],
    }
    coarse = shares(problem, trial={"width": [2], "intervals": 1, "degree": 3})
    assert max(coarse[side] for side in SIDES) > 0.05


def test_a_derivative_along_a_side_is_judged_beside_the_steepest_one_of_its_order() -> None:
    """u(x, y, t) that hardly depends on y: dn(u) = 0 below and above is not missed by rounding."""
    rms = {(0, 0, 0): 1.0, (1, 0, 0): 2.0, (0, 1, 0): 1e-7, (0, 0, 1): 5.0, (1, 1, 0): 3.0}
    steepest = _steepest({index: torch.tensor([size]) for index, size in rms.items()}, 2)
    assert steepest[0, 1, 0].tolist() == [2.0]
    assert steepest[0, 0, 1].tolist() == [5.0] and steepest[1, 1, 0].tolist() == [3.0]


def test_an_unknown_that_is_zero_is_judged_beside_what_its_equations_would_make_of_it() -> None:
    """v is 0, and what is computed for it an error of 1e-11: v = 0 on the sides is met."""
    sides = ["left", "right", "bottom", "top"]
    problem = {
        "name": "still",
        "unknowns": ["u", "v"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "definitions": {"g": "sin(pi*x)*sin(pi*y)"},
        "equations": [
            "3*dxx(u) + dyy(u) + 2*dxy(v) = 3*dxx(g) + dyy(g)",
            "3*dyy(v) + dxx(v) + 2*dxy(u) = 2*dxy(g)",
        ],
        "conditions": [{"part": sides, "equation": ["u = 0", "v = 0"]}],
    }
    solution = kanpde.solve({"problem": problem, "tolerance": 1e-4})
    shares = solution.result.metrics.relative_residuals["conditions"]
    assert max(shares[side] for side in sides) < 1e-9
