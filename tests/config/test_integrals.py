"""Integrals in formulas become unknown numbers where a problem is read."""

from __future__ import annotations

from typing import Any

import pytest

from kanpde.config.problem.conditions import MeanConfig
from kanpde.config.problem.statement import ProblemConfig, problem_tree
from kanpde.config.validate import validate_problem
from kanpde.errors import ConfigError


def read(**keys: Any) -> ProblemConfig:
    tree: dict[str, Any] = {
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "equations": ["-laplacian(u) = 1"],
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
    }
    return validate_problem(tree | keys, "my.yaml")


def means(problem: ProblemConfig) -> list[tuple[str | None, tuple[str, ...]]]:
    return [(c.equation, c.parts) for c in problem.conditions if isinstance(c, MeanConfig)]


def test_every_integral_is_one_number_wherever_it_stands() -> None:
    problem = read(
        equations=["-laplacian(u) = integral( u**2 ) + 2*total"],
        definitions={"total": "integral(dn(u), left) + integral(u**2)"},
        quantities={"share": "u/integral(u**2)"},
        parameters={"integral_1": 7},
    )
    assert problem.equations == ("-laplacian(u) = integral_2 + 2*total",)
    assert problem.definitions == {"total": "integral_3 + integral_2"}
    assert problem.quantities == {"share": "u/integral_2"}
    assert tuple(problem.unknown_parameters) == ("integral_2", "integral_3")
    assert means(problem) == [("u**2 = integral_2", ()), ("dn(u) = integral_3", ("left",))]


def test_a_condition_without_a_part_says_what_an_integral_is() -> None:
    problem = read(
        unknown_parameters={"V": 0},
        conditions=[
            {"part": ["right", "bottom", "top"], "equation": "u = 0"},
            {"part": "left", "equation": "u = V"},
            {"equation": "2*pi = integral(dot([x, y], grad(u)), left)", "name": "charge"},
        ],
    )
    assert means(problem) == [("dot([x, y], grad(u)) = 2*pi", ("left",))]
    assert problem.conditions[-1].name == "charge"
    assert tuple(problem.unknown_parameters) == ("V",)


def test_what_is_written_reads_back() -> None:
    problem = read(equations=["-laplacian(u) = integral(u, top)"])
    assert validate_problem(problem_tree(problem), "my.yaml") == problem


def test_a_mean_over_a_part_is_no_condition_on_all_of_it() -> None:
    with pytest.raises(ConfigError, match="no condition on the part left"):
        read(
            conditions=[
                {"part": ["right", "bottom", "top"], "equation": "u = 0"},
                {"mean": "u = 1", "part": "left"},
            ]
        )


def test_a_name_of_the_problem_comes_first() -> None:
    assert read(parameters={"integral": 2}, equations=["-laplacian(u) = integral"]).equations


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"equations": ["u = integral(u, left, 3)"]}, "equations[0]: 'u = integral(u, left, 3)'"),
        ({"equations": ["u = integral(u"]}, "the bracket of integral( is not closed"),
        ({"equations": ["u = integral(integral(u))"]}, "an integral of an integral"),
        ({"equations": ["u = integral(u, hole)"]}, "unknown part 'hole'"),
        ({"time": {"interval": [0, 1]}, "equations": ["u = integral(u)"]}, "time: does not go"),
        (
            {"conditions": [{"equation": "integral(u) + integral(x*u) = 1"}]},
            "without a part a condition says what one integral is",
        ),
        (
            {"conditions": [{"integral": "u = 1", "part": ["left", "top"]}]},
            "a mean or an integral is taken over one part",
        ),
    ],
)
def test_what_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**keys)
    assert message in str(caught.value)
