"""Inequalities beside equations: what is read of them, and mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from kanpde.api import configure
from kanpde.config.problem.inequalities import Complementarity, complementarity
from kanpde.config.problem.statement import problem_tree
from kanpde.errors import ConfigError


def string(entry: Any, **keys: Any) -> dict[str, Any]:
    return {
        "problem": {
            "unknowns": ["u"],
            "domain": {"interval": [0, 1]},
            "equations": [entry],
            "conditions": [{"part": "boundary", "equation": "u = 0"}],
            **keys,
        }
    }


@pytest.mark.parametrize(
    ("inequality", "equation"),
    [
        ("u >= x - 1", "min(-dxx(u) - (2), u - (x - 1)) = 0"),
        ("x - 1 <= u", "min(-dxx(u) - (2), u - (x - 1)) = 0"),
        ("u <= x", "max(-dxx(u) - (2), u - x) = 0"),
        ("0 <= u <= x", "max(min(-dxx(u) - (2), u - (0)), u - (x)) = 0"),
        ("x >= u >= 0", "max(min(-dxx(u) - (2), u - (0)), u - (x)) = 0"),
    ],
)
def test_an_inequality_is_an_equation_with_min_and_max(inequality: str, equation: str) -> None:
    config = configure(string({"equation": "-dxx(u) = 2", "inequality": inequality}))
    (text,) = config.problem.equations
    assert text.replace("(x)", "x") == equation.replace("(x)", "x")
    again = configure({"problem": problem_tree(config.problem)})
    assert again.problem.equations == config.problem.equations


def test_a_condition_takes_one() -> None:
    tree = string("-dxx(u) = 2")
    tree["problem"]["conditions"] = [
        {"part": "left", "equation": "dn(u) = 1", "inequality": "u >= 0"},
        {"part": "right", "equation": "u = 0"},
    ]
    condition = configure(tree).problem.conditions[0]
    assert condition.equation == "min(dn(u) - (1), u - (0)) = 0"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"equation": "-dxx(u) = 2", "inequality": "u = 0"}, "must be u >= g"),
        ({"equation": "-dxx(u) = 2", "inequality": "0 <= u >= 0"}, "must be u >= g"),
        ({"equation": "-dxx(u) = 2", "inequality": "u >="}, "must be u >= g"),
        ({"inequality": "u >= 0"}, "stands beside an equation"),
        ({"equation": "-dxx(u) = 2", "inequalty": "u >= 0"}, "did you mean 'inequality'"),
    ],
)
def test_mistakes_are_told(entry: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        configure(string(entry))


def test_a_key_of_the_problem_is_told_its_place() -> None:
    with pytest.raises(ConfigError, match="write it beside an equation"):
        configure(string("-dxx(u) = 2", inequalities=["u >= 0"]))


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("min(-dxx(u), u - 1) = 0", Complementarity("-dxx(u)", lower="u - 1")),
        ("max(-dxx(u), u - 1) = 0", Complementarity("-dxx(u)", upper="u - 1")),
        (
            "min(max(-dxx(u), u - 1), u) = 0",
            Complementarity("-dxx(u)", lower="u", upper="u - 1"),
        ),
        ("min(-dxx(u), u - 1) = 1", None),
        ("-dxx(u) = min(u, 1)", None),
    ],
)
def test_equations_with_min_and_max_are_seen(text: str, known: Complementarity | None) -> None:
    assert complementarity(text) == known
