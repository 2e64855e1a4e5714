"""Equations that hold in one region, and unknowns that live in one."""

from __future__ import annotations

from typing import Any

import pytest

import kanpde
from kanpde.config.problem.statement import ProblemConfig, problem_tree
from kanpde.config.validate import validate_problem
from kanpde.errors import ConfigError

CHANNEL: dict[str, Any] = {
    "unknowns": ["T", {"v": "channel"}],
    "domain": {
        "regions": {
            "channel": {"rectangle": {"lower": [0, 0], "upper": [1, 1], "name": "channel"}},
            "wall": {"rectangle": {"lower": [0, 1], "upper": [1, 2], "name": "wall"}},
        }
    },
    "equations": [
        "laplacian(T) = 2",
        {"region": "channel", "equation": "-laplacian(v) = 2"},
    ],
    "conditions": [
        {"part": "channel_bottom", "equation": ["T = x**2", "v = 0"]},
        {"part": ["channel_left", "channel_right"], "equation": ["T = x**2", "v = y*(1 - y)"]},
        {"part": ["wall_left", "wall_right", "wall_top"], "equation": "T = x**2"},
        {
            "interface": ["channel_top", "wall_bottom"],
            "equation": ["jump(T) = 0", "jump(dn(T)) = 0", "channel(v) = 0"],
        },
    ],
    "exact": {"T": "x**2", "v": {"channel": "y*(1 - y)", "wall": 0}},
}


def read(**keys: Any) -> ProblemConfig:
    return validate_problem(CHANNEL | keys, "my.yaml")


def test_an_unknown_is_0_where_it_does_not_live() -> None:
    problem = read()
    assert problem.unknowns == ("T", "v")
    assert problem.equations == ("laplacian(T) = 2", "equation_1 = 0")
    texts = {name: region.definitions["equation_1"] for name, region in problem.regional.items()}
    assert texts == {"channel": "-laplacian(v) - (2)", "wall": "v - (0)"}
    assert validate_problem(problem_tree(problem), "my.yaml") == problem


def test_an_equation_may_name_several_regions() -> None:
    both = {"region": ["wall", "channel"], "equation": "laplacian(T) = 2"}
    problem = read(equations=[both, CHANNEL["equations"][1]])
    assert problem.equations == ("equation_1 = 0", "equation_2 = 0")


def test_patches_solve_it() -> None:
    tree = {"problem": CHANNEL, "output": {"vtu": False, "plots": False}}
    solution = kanpde.solve(tree)
    assert max(solution.relative_l2.values()) < 1e-12


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"unknowns": ["T", "v"]}, "region 'wall' has 1 equations for 2 unknowns"),
        ({"unknowns": ["T", {"v": "chanel"}]}, "did you mean 'channel'"),
        (
            {"equations": ["laplacian(T) = 2", {"region": "pipe", "equation": "v = 0"}]},
            "must be one of channel, wall",
        ),
        (
            {"equations": ["laplacian(T) = 2", {"region": "channel", "equation": "v"}]},
            "exactly one '='",
        ),
        ({"domain": {"disk": {"center": [0, 0], "radius": 1}}}, "this domain has none"),
    ],
)
def test_a_message_says_what_is_missing(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(**keys)
