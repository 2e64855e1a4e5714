"""Means and integrals over parts, and the numbers that they say."""

from __future__ import annotations

import math
from typing import Any

import pytest

from kanpde.config.validate import validate_problem
from kanpde.errors import ConfigError
from kanpde.expressions import Constant, Number
from kanpde.problem.problem import Problem


def build(**keys: Any) -> Problem:
    tree: dict[str, Any] = {
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [2, 1]}},
        "equations": ["laplacian(u) = 0"],
        "conditions": [
            {"part": "boundary", "equation": "dn(u) = nx*y + ny*x"},
            {"integral": "u = 1", "part": "right"},
        ],
        "exact": {"u": "x*y"},
    }
    return Problem.create(validate_problem(tree | keys, "my.yaml"))


def test_an_integral_over_a_part_holds_for_the_exact_solution_or_is_refused() -> None:
    build()
    flux = {"part": "boundary", "equation": "dn(u) = nx*y + ny*x"}
    for wrong in ({"integral": "u = 2", "part": "right"}, {"mean": "u = 3", "part": "top"}):
        with pytest.raises(ConfigError, match="exact does not satisfy the condition on the mean"):
            build(conditions=[flux, wrong])


def test_an_integral_may_hold_the_normal() -> None:
    flux = {"part": "boundary", "equation": "dn(u) = nx*y + ny*x"}
    fixed = {"mean": "u = 0.5"}
    build(conditions=[flux, fixed, {"integral": "dn(u) + nx = 3/2", "part": "right"}])


def test_numbers_that_integrals_say_follow_from_the_exact_solution() -> None:
    problem = build(
        equations=["laplacian(u) = 1 - integral(u) + (integral(u**2, top) - 8/3)*u"],
        conditions=[{"part": "boundary", "equation": "u = x*y"}],
    )
    values = [problem.true[Constant(k)] for k in range(2)]
    assert [v.value for v in values if isinstance(v, Number)] == pytest.approx([1.0, 8 / 3])


def test_an_exact_solution_that_misses_an_integral_term() -> None:
    with pytest.raises(ConfigError, match="exact does not satisfy the equation"):
        build(
            equations=["laplacian(u) = 1.1 - integral(u)"],
            conditions=[{"part": "boundary", "equation": "u = x*y"}],
        )


def test_the_right_side_of_an_integral_is_a_number() -> None:
    with pytest.raises(ConfigError, match="the right side of an integral is a number"):
        build(conditions=[{"part": "boundary", "equation": "u = x*y"}, {"integral": "u = x"}])


def test_a_named_number_needs_its_value_in_exact_where_no_mean_holds_it() -> None:
    keys = {
        "unknown_parameters": {"V": 0},
        "conditions": [
            {"part": ["right", "bottom", "top"], "equation": "u = x*y"},
            {"part": "left", "equation": "u = V"},
            {"integral": "dn(u) = -1/2", "part": "left"},
        ],
    }
    with pytest.raises(ConfigError, match="missing key 'V'"):
        build(**keys)
    problem = build(**keys, exact={"u": "x*y", "V": 0})
    assert math.isclose(problem.true[Constant(0)].value, 0.0)  # type: ignore[attr-defined]
