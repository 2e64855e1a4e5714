"""Unknowns at earlier places: how they are read, and what a march makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.config.problem.statement import ProblemConfig, problem_tree
from kanpde.config.validate import validate_problem
from kanpde.errors import ConfigError
from kanpde.marching.ordinary.statement import statement
from kanpde.problem.problem import Problem


def tree(equation: str = "dt(u) = -u(t - 1)", **keys: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "name": "late",
        "unknowns": ["u"],
        "time": {"interval": [0, 3]},
        "equations": [equation],
        "history": {"u": "1"},
        "conditions": [{"part": "initial", "equation": "u = 1"}],
    }
    return {key: value for key, value in (whole | keys).items() if value is not None}


def read(equation: str = "dt(u) = -u(t - 1)", **keys: Any) -> ProblemConfig:
    return validate_problem(tree(equation, **keys), "my.yaml")


def solved(equation: str = "dt(u) = -u(t - 1)", **keys: Any) -> kanpde.Solution:
    file = {"problem": tree(equation, **keys), "output": {"vtu": False, "plots": False}}
    return kanpde.solve(file, progress=False)


def test_an_unknown_at_an_earlier_place_is_an_unknown() -> None:
    problem = read("dt(u) = -u(t - tau)*u(-1 + t) + u(t - 2)", parameters={"tau": "2/2"})
    assert problem.unknowns == ("u", "u_ago_1", "u_ago_2")
    assert problem.equations[0] == "dt(u) = -u_ago_1*u_ago_1 + u_ago_2"
    assert problem.delays["u_ago_2"].by == 2.0
    assert validate_problem(problem_tree(problem), "written.yaml") == problem


def test_no_delay_is_no_unknown() -> None:
    assert read("dt(u) = -u(t)", history=None).unknowns == ("u",)


@pytest.mark.parametrize(
    ("equation", "keys", "reason"),
    [
        ("dt(u) = -u(t + 1)", {}, "is the future of u"),
        ("dt(u) = -u(t/2)", {}, "a delay that is a number"),
        ("dt(u) = -u(t - u)", {}, "a delay that is a number"),
        ("dt(u) = -u(t, 1)", {}, r"is u\(t - 1\), found"),
        ("dt(u) = -u(t - 1)", {"history": None}, "needed before the start"),
        ("dt(u) = -u(t - 1)", {"history": {"u": "1", "v": "1"}}, "'v' is held at no earlier"),
        ("dt(u) = -u(t - 1)", {"history": {"u": "u"}}, "a history is known"),
        ("dt(u) = -u", {}, "leave it out"),
        ("dt(u) = -u", {"history": {"w": "1"}}, "no real unknown"),
        ("dt(u) = dxx(u) - u(t - 1)", {"domain": {"interval": [0, 1]}}, "take one coordinate"),
        ("dt(u) = -u(t - 1)", {"metric": "polar"}, "does not go with unknowns at earlier"),
    ],
)
def test_what_is_refused(equation: str, keys: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        read(equation, **keys)


def test_conditions_hold_no_earlier_place() -> None:
    with pytest.raises(ConfigError, match="stands in equations"):
        read(conditions=[{"part": "initial", "equation": "u(t - 1) = 1"}])


def test_a_polynomial_by_steps() -> None:
    """u' = -u(t - 1) after 1: 1 - t, then 1 - t + (t - 1)²/2, then less (t - 2)³/6."""
    solution = solved(history={"u": "1"})
    t = np.array([0.5, 1.5, 2.5])
    steps = 1 - t + np.maximum(t - 1, 0) ** 2 / 2 - np.maximum(t - 2, 0) ** 3 / 6
    assert np.abs(solution(t[:, None])[:, 0] - steps).max() < 1e-12


def test_slabs_end_where_derivatives_jump() -> None:
    problem = read("dt(u) = -u(t - 1) + u(t - 2.5)", time={"interval": [0, 4]})
    assert statement(Problem.create(problem)).stops.instants.tolist() == [1, 2, 2.5, 3, 3.5]
    kink = {"u": "abs(t + 0.25)"}
    problem = read("dt(u) = -u(t - 1)", history=kink, time={"interval": [0, 2]})
    assert statement(Problem.create(problem)).stops.instants == pytest.approx([0.75, 1, 1.75])


def test_two_delays_on_an_interval_with_a_known_solution() -> None:
    """u = cos x: u'' + u(x - π/2) + u(x - π) = sin x - 2 cos x, after a history that ends there."""
    solution = solved(
        "dxx(u) + u(x - pi/2) + u(x - pi) = sin(x) - 2*cos(x)",
        time=None,
        domain={"interval": [1, 8]},
        history={"u": "wave"},
        definitions={"wave": "cos(x)"},
        conditions=[{"part": "left", "equation": ["u = cos(1)", "dx(u) = -sin(1)"]}],
        free=["right"],
        exact={"u": "wave"},
    )
    x = np.linspace(1, 8, 50)
    assert np.abs(solution(x[:, None])[:, 0] - np.cos(x)).max() < 1e-10


def test_delays_are_not_solved_in_other_ways() -> None:
    both = [{"part": part, "equation": "u = 1"} for part in ("left", "right")]
    with pytest.raises(ConfigError, match="all conditions at the start"):
        solved("dxx(u) = -u(x - 1)", time=None, domain={"interval": [0, 3]}, conditions=both)
    at_the_end = [{"part": "right", "equation": "u = 1"}]
    with pytest.raises(ConfigError, match="stand at the start"):
        solved(
            "dx(u) = -u(x - 1)",
            time=None,
            domain={"interval": [0, 3]},
            conditions=at_the_end,
            free=["left"],
        )
    with pytest.raises(ConfigError, match="all conditions at the start"):
        solved("dt(u) = -dt(u(t - 1))")
    with pytest.raises(ConfigError, match="leave these out"):
        kanpde.solve({"problem": tree(), "trial": {"width": [4]}}, progress=False)
