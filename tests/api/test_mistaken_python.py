"""Python as users of other packages write it: an error that says what to write, or a short text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde.errors import ConfigError


def rod(equations: Callable[..., Any]) -> kanpde.Problem:
    return kanpde.Problem(
        unknowns="u",
        domain={"interval": [0, 1]},
        equations=equations,
        conditions={"boundary": "u = 0"},
    )


def test_a_problem_is_shown_in_a_line() -> None:
    assert repr(rod(lambda u: u.xx == -1)) == "<Problem 'problem': u at (x)>"


@pytest.mark.parametrize(
    ("equations", "remedy"),
    [
        (lambda u, x: u.xx == torch.sin(x), "write np.sin for torch.sin"),
        (lambda u, x: u.xx == np.where(x > 0.5, 1, 0), r"with where\(x > 0.5, 1, 0\)"),
        (lambda u: u.dxx == 1, "derivatives are written as u.x, u.xx"),
    ],
)
def test_an_equation_that_cannot_be_read_says_what_to_write(
    equations: Callable[..., Any], remedy: str
) -> None:
    with pytest.raises(ConfigError, match=remedy):
        rod(equations)


@pytest.mark.parametrize(
    ("keys", "remedy"),
    [
        ({"epochs": 100}, "iterations belong to a stage"),
        ({"tolerence": 1e-3}, "did you mean 'tolerance'"),
    ],
)
def test_keywords_are_keys_of_a_file(keys: dict[str, Any], remedy: str) -> None:
    with pytest.raises(ConfigError, match=remedy):
        kanpde.solve(rod(lambda u: u.xx == -1), **keys)


def test_what_a_solution_lacks_is_named_as_it_is_here() -> None:
    solution = kanpde.solve(rod(lambda u: u.xx == -1), output={"plots": False})
    with pytest.raises(AttributeError, match=r"call it: solution\(points\)"):
        solution.predict  # noqa: B018
    with pytest.raises(AttributeError, match="relative_l2"):
        solution.error  # noqa: B018
