"""Integral operators of Volterra and Fredholm as sums of products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.config.problem.formula_trees import parsed, value_of
from kanpde.config.problem.statement import ProblemConfig, problem_tree
from kanpde.config.validate import validate_problem
from kanpde.errors import ConfigError


def read(equation: str, **keys: Any) -> ProblemConfig:
    tree: dict[str, Any] = {
        "unknowns": ["u"],
        "domain": {"interval": [0, 2]},
        "equations": [f"dx(u) + u = {equation}"],
        "conditions": [{"part": "left", "equation": "u = 1"}],
        "free": ["right"],
    }
    return validate_problem(tree | keys, "my.yaml")


def kernel_of(problem: ProblemConfig, count: int) -> float:
    """The largest error of Σ l_j(x) K(x_j, s) for cos(x - s) exp(x s/9)."""
    worst = 0.0
    for x in np.linspace(0, 2, 7):
        for s in np.linspace(0, 2, 7):
            at = {f"past_{k}": share(problem, k, s) for k in range(1, count + 1)}
            right = problem.equations[0].split(" = ")[1]
            value = value_of(parsed(right), at | {"x": x}, problem.definitions)
            worst = max(worst, abs(float(value) - math.cos(x - s) * math.exp(x * s / 9)))
    return worst


def share(problem: ProblemConfig, number: int, s: float) -> float:
    """What the derivative of an unknown of the past is at s, where u is 1."""
    text = problem.equations[number].split(" = ")[1]
    return float(value_of(parsed(text), {"x": s, "u": 1.0}, {}))


def test_a_kernel_of_one_product_is_one_unknown() -> None:
    problem = read("integral(exp(s - x)*u(s), s, 0, x)")
    assert problem.unknowns == ("u", "past_1")
    assert [c.equation for c in problem.conditions] == ["u = 1", "past_1 = 0"]
    assert validate_problem(problem_tree(problem), "my.yaml") == problem


def test_sums_of_products_are_near_the_kernel() -> None:
    problem = read("integral(cos(x - s)*exp(x*s/9)*u(s), s, 0, x)")
    assert kernel_of(problem, len(problem.unknowns) - 1) < 1e-8


def test_terms_and_functions_of_what_is_unknown() -> None:
    problem = read("integral(2*u(s)**2/(1 + s) - sin(d(u(s), s)), s, 0, x)")
    assert len(problem.unknowns) == 3
    assert "u ** 2" in problem.equations[1]
    assert problem.equations[2].startswith("dx(past_2) = 1.0 * -1.0*")
    assert "sin(d(u, x))" in problem.equations[2]


def test_over_all_of_an_interval_it_is_a_number() -> None:
    problem = read("integral(exp(x*s)*u(s), s, 0, 2)")
    assert problem.unknowns == ("u",)
    assert len(problem.unknown_parameters) > 4


def test_a_memory_is_solved() -> None:
    tree = {
        "problem": {
            "unknowns": ["u"],
            "time": {"interval": [0, 2]},
            "equations": ["u = 1 + integral((t - s)*u(s), s, 0, t)"],
            "conditions": [],
        },
        "output": {"vtu": False, "plots": False},
    }
    solution = kanpde.solve(tree)
    assert abs(solution(np.array([[2.0]]))[0, 0] - math.cosh(2)) < 1e-10


@pytest.mark.parametrize(
    ("equation", "keys", "message"),
    [
        ("integral(exp(x*u(s)), s, 0, x)", {}, "x and an unknown stand in one factor"),
        ("integral(u(s)/sqrt(abs(x - s)), s, 0, x)", {}, "it is made of numbers"),
        ("integral(u(s)/(x - s), s, 0, x)", {}, "not finite|no sum of 16 products"),
        ("integral(tanh(40*(x - s))*u(s), s, 0, x)", {}, "no sum of 16 products"),
        ("integral(u, s, 0, x)", {}, r"is u\(s\), found u"),
        ("integral(u(s - 1), s, 0, x)", {}, r"is u\(s\), found u\(s - 1\)"),
        ("integral(u(s), x, 0, x)", {}, "cannot be the variable"),
        ("integral(u(s), s, 1, x)", {}, "begins at x = 0 and ends at x or at 2"),
        ("integral(u(s), s, 0, t)", {}, "up to t, or up to x on an interval"),
        ("integral(u(s), s, 0, x)", {"exact": {"u": "1"}}, "exact: does not go with integral"),
    ],
)
def test_a_message_says_what_is_wrong(equation: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(equation, **keys)
