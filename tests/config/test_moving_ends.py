"""Intervals whose ends are formulas: how they are put on fixed ones, and what is solved there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.config.problem.statement import ProblemConfig, problem_tree
from kanpde.config.validate import validate_problem
from kanpde.errors import ConfigError

MELT: dict[str, Any] = {
    "name": "melt",
    "unknowns": ["u", {"s": "time"}],
    "domain": {"interval": {"lower": 0, "upper": "s"}},
    "time": {"interval": [0.1, 1]},
    "equations": ["dt(u) = dxx(u)"],
    "conditions": [
        {"part": "left", "equation": "u = 1"},
        {"part": "right", "equation": ["u = 0", "dt(s) = -dx(u)"]},
        {"part": "initial", "equation": ["s = 0.4", "u = 1 - x/0.4"]},
    ],
}


def read(**keys: Any) -> ProblemConfig:
    return validate_problem(MELT | keys, "my.yaml")


def solved(**keys: Any) -> kanpde.Solution:
    file = {"problem": keys, "output": {"vtu": False, "plots": False}}
    return kanpde.solve(file, progress=False)


def test_an_end_that_is_solved_for_is_an_unknown_that_does_not_depend_on_the_share() -> None:
    problem = read()
    assert problem.unknowns == ("u", "s")
    assert problem.coordinates == ("x_share", "t")
    assert problem.equations[1] == "d(s, x_share) = 0"
    assert problem.equations[0].endswith("= d(u, x_share, x_share) / s ** 2")
    assert problem.conditions[2].equation == "d(s, t) = -(d(u, x_share) / s ** 1)"
    # initial values are known formulas
    assert "0.4 * x_share" in problem.conditions[-1].equation
    assert "x_place" in problem.quantities
    assert validate_problem(problem_tree(problem), "written.yaml") == problem


def test_names_of_equations_stay_and_the_first_place_may_stand_on_either_side() -> None:
    start = {"part": "initial", "equation": ["0.4 = s", "u = 1 - x/s"]}
    heat = {"name": "x", "equation": "dt(u) = dxx(u) + x"}
    problem = read(equations=[heat], conditions=[*MELT["conditions"][:2], start])
    assert problem.names[0] == "x"
    assert problem.conditions[-1].equation == "u = 1 - 0.4 * x_share / 0.4"


def test_ends_that_are_numbers_of_parameters_are_numbers() -> None:
    ends = {"interval": [0, "2*a"]}
    problem = read(unknowns=["u"], domain=ends, parameters={"a": 0.5}, conditions=[
        {"part": ["left", "right"], "equation": "u = 0"},
        {"part": "initial", "equation": "u = sin(pi*x)"},
    ])  # fmt: skip
    assert problem.domain.upper == 1.0
    assert problem.equations == ("dt(u) = dxx(u)",)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"unknowns": ["u", "s"]}, "write {s: time}"),
        ({"domain": {"interval": [True, "s"]}}, "'s' is of time alone"),
        ({"equations": ["dt(u) = dxx(u"]}, "cannot be read as a formula"),
        ({"domain": {"interval": [0, "x"]}}, "found 'x'"),
        ({"domain": {"interval": [0, "t"]}}, "'s' is of time alone"),
        ({"domain": {"interval": [0, 1]}}, "'s' is of time alone"),
        ({"domain": {"disk": {"center": [0, 0], "radius": 1}}}, "'s' is of time alone"),
        ({"unknowns": [{"u": "complex"}, {"s": "time"}]}, "real unknowns"),
        ({"metric": "spherical"}, "does not go with ends that are formulas"),
        ({"equations": ["dt(u) = dxx(u) + integral(u)"]}, r"integral\(...\) does not go"),
        ({"conditions": [{"point": [0.1], "equation": "u = 0"}]}, "condition with 'point'"),
        ({"domain": {"interval": {"lower": 0, "upper": "s", "name": "rod"}}}, "has no name"),
    ],
)
def test_what_is_refused(keys: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        read(**keys)


def test_a_moving_interval_with_fluxes() -> None:
    """u = e^{-t} cos x between sin(t)/5 and 2 + t/2."""
    solution = solved(
        unknowns=["u"],
        domain={"interval": {"lower": "sin(t)/5", "upper": "2 + t/2"}},
        time={"interval": [0, 0.2]},
        equations=["dt(u) = laplacian(u)"],
        conditions=[
            {"part": "left", "equation": "dn(u) = exp(-t)*sin(x)"},
            {"part": "right", "equation": "dn(u) + u = exp(-t)*(cos(x) - sin(x))"},
            {"part": "initial", "equation": "u = cos(x)"},
        ],
    )
    share, t = np.array([0.0, 0.3, 1.0]), np.array([0.05, 0.2, 0.15])
    x = np.sin(t) / 5 + share * (2 + t / 2 - np.sin(t) / 5)
    values = solution(np.column_stack([share, t]))[:, 0]
    assert np.abs(values - np.exp(-t) * np.cos(x)).max() < 1e-8


def test_a_range_of_lengths() -> None:
    solution = solved(
        unknowns=["u"],
        domain={"interval": {"lower": 0, "upper": "L"}},
        parameter_ranges={"L": [1, 2]},
        equations=["-dxx(u) = 2"],
        conditions=[{"part": "boundary", "equation": "u = 0"}],
    )
    share, length = np.array([0.25, 0.75]), np.array([1.2, 1.7])
    x = share * length
    values = solution(np.column_stack([share, length]))[:, 0]
    assert np.abs(values - x * (length - x)).max() < 1e-8
