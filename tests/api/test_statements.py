"""Problems stated in Python: the formulas are those of a file, functions become the equations that
they say, and mistakes are answered in one line.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.api.tracing import Traced, call, d, equation_of
from kanpde.errors import ConfigError

LINE: dict[str, Any] = {"unknowns": "u", "domain": {"interval": [0, 1]}}


def test_a_problem_of_functions_is_solved() -> None:
    problem = kanpde.Problem(
        **LINE,
        time={"interval": [0, 1]},
        parameters={"a": 0.1},
        equations=lambda u, a: u.t == a * u.xx,
        conditions={
            "initial": lambda u, x: u == np.sin(np.pi * x),
            "left": "u = 0",
            "right": lambda u: u,
        },
    )
    assert isinstance(problem, kanpde.Problem)
    solution = kanpde.solve(problem)
    assert solution.u(0.5, 1.0) == pytest.approx(np.exp(-0.1 * np.pi**2), abs=1e-6)


def test_texts_lists_and_mappings_are_those_of_a_file() -> None:
    problem = kanpde.Problem(
        unknowns=["u", "v"],
        domain={"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        equations=["laplacian(u) = v", {"equation": lambda v: v.xx + v.yy, "name": "outer"}],
        conditions=[{"part": "boundary", "equation": ["u = 0", lambda v, x: v - x]}],
        name="plate",
    )
    config = problem.config
    assert config.name == "plate"
    assert config.equations == ("laplacian(u) = v", "(dxx(v) + dyy(v)) = 0")
    assert config.names == ("equation 1", "outer")
    assert [condition.equation for condition in config.conditions] == ["u = 0", "(v - x) = 0"]


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda u, x: u.xx + 2 * u**2 - 1, "((dxx(u) + (2 * (u ** 2))) - 1) = 0"),
        (lambda u, x: -u.x / x == 1.5, "((-dx(u)) / x) = 1.5"),
        (lambda u, x: np.exp(-x) * np.arctan(u), "(exp((-x)) * atan(u)) = 0"),
        (lambda u, x: 1 - abs(u) == np.float64(2) ** x, "(1 - abs(u)) = (2 ** x)"),
        (lambda u: np.pi * u, "(3.141592653589793 * u) = 0"),
        (lambda u: u.n, "dn(u) = 0"),
        (lambda u: call("laplacian", u), "laplacian(u) = 0"),
        (lambda u: d(u, "x1", "x1"), "d(u, x1, x1) = 0"),
        (lambda: "u = 1", "u = 1"),
    ],
)
def test_a_function_becomes_the_equation_that_it_says(function: Any, text: str) -> None:
    assert equation_of(function, ("u", "x"), "equations") == text


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda w: w, r"equations: the argument 'w' is no name of the problem .*names: u, x"),
        (lambda u: u.q, r"u\.q: derivatives are written as u\.x, u\.xx"),
        (lambda u: 1 if u else 2, r"'u' has no value while an equation is read"),
        (lambda u: np.arcsinh(u), r"numpy\.arcsinh cannot stand in an equation, did you mean"),
        (lambda u: np.add(u, 1, where=True), r"numpy\.add with options cannot stand"),
        (lambda u: [u], "list cannot stand in an equation; write it as text"),
        (lambda u: u + "x", "str cannot stand in an equation"),
        (lambda u: 1 / 0 * u, "division by zero"),
    ],
)
def test_what_is_no_equation_is_answered(function: Any, message: str) -> None:
    with pytest.raises((ConfigError, ZeroDivisionError), match=message):
        kanpde.Problem(**LINE, equations=function, conditions={"boundary": "u = 0"})


def test_mistakes_name_the_key_as_in_a_file() -> None:
    with pytest.raises(ConfigError, match="no condition on the part right"):
        kanpde.Problem(**LINE, equations="dxx(u) = 1", conditions={"left": "u = 0"})
    with pytest.raises(ConfigError, match="conditions: must be a mapping of parts to equations"):
        kanpde.Problem(**LINE, equations="dxx(u) = 1", conditions="u = 0")
    with pytest.raises(ConfigError, match="widht: unknown key"):
        kanpde.Problem(**LINE, equations="dxx(u) = 1", conditions={"boundary": "u = 0"}, widht=1)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "missing key 'domain' .without it, `time` is the only coordinate"),
        ({"domain": {"interval": [0, 1]}, "unknowns": 5}, "unknowns: must be"),
        ({"domain": {"interval": [0, 1]}, "parameters": 5}, "parameters: must be a mapping"),
    ],
)
def test_what_is_no_list_and_no_mapping_is_answered(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kanpde.Problem(**{"unknowns": "u", "equations": "dxx(u) = 1", **keys})


def test_names_have_no_truth_value_and_no_order() -> None:
    with pytest.raises(ConfigError, match="cannot decide an if"):
        bool(Traced("u"))
    with pytest.raises(TypeError):
        _ = Traced("u") < 1  # type: ignore[operator]
