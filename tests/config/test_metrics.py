"""The metric of a problem: words, factors, and where it stands."""

from __future__ import annotations

from typing import Any

import pytest

from kanpde.config.problem.statement import ProblemConfig, problem_tree
from kanpde.config.validate import validate_problem
from kanpde.errors import ConfigError
from kanpde.problem.problem import Problem
from kanpde.problem.wellposedness import remarks

SHELL: dict[str, Any] = {
    "unknowns": ["u"],
    "domain": {
        "rectangle": {"lower": [1, 0], "upper": [2, 3.141592653589793], "inputs": ["r", "theta"]}
    },
    "metric": "spherical",
    "equations": ["laplacian(u) = 0"],
    "conditions": [{"part": ["left", "right"], "equation": "u = cos(theta)/r**2"}],
    "free": ["bottom", "top"],
    "exact": {"u": "cos(theta)/r**2"},
}


def read(**keys: Any) -> ProblemConfig:
    return validate_problem(SHELL | keys, "my.yaml")


def test_a_word_gives_the_factors_of_its_coordinates() -> None:
    problem = read()
    assert problem.metric == ("1", "r", "r*sin(theta)")
    assert validate_problem(problem_tree(problem), "my.yaml") == problem
    assert read(metric=["1", "r", "r*sin(theta)"]) == problem


def test_an_axis_takes_no_condition() -> None:
    """`Problem.create` puts the exact solution into the equation."""
    assert not remarks(Problem.create(read()))
    flat = read(metric=["1", "1"], exact=None)
    assert any(
        "'top' has 0 conditions" in found.sentence for found in remarks(Problem.create(flat))
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"metric": "sferical"}, "did you mean 'spherical'"),
        ({"metric": ["1"]}, "at least 2 elements"),
        (
            {
                "domain": {"disk": {"center": [0, 0], "radius": 1}},
                "conditions": [{"part": "boundary", "equation": "u = 0"}],
                "free": [],
            },
            "takes an interval, a rectangle",
        ),
        (
            {
                "domain": {"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}},
                "conditions": [{"part": "boundary", "equation": "u = 0"}],
                "free": [],
                "metric": "polar",
            },
            "at most 2 coordinates",
        ),
    ],
)
def test_a_message_says_what_is_wrong(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(**keys)
