"""Points where given values jump along the boundary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kanpde.api.solving import configure
from kanpde.problem.discontinuities import Discontinuity, discontinuities
from kanpde.problem.posing import posed

SQUARE = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
HALF_DISK = {
    "intersection": [
        {"disk": {"center": [0, 0], "radius": 1, "name": "arc"}},
        {"rectangle": {"lower": [-2, 0], "upper": [2, 2]}},
    ]
}


def found(top: str, sides: str = "u = 0", **keys: Any) -> list[Discontinuity]:
    problem = {
        "name": "jumps",
        "unknowns": ["u"],
        "domain": SQUARE,
        "equations": ["laplacian(u) = 0"],
        "conditions": [
            {"part": "top", "equation": top},
            {"part": ["left", "right", "bottom"], "equation": sides},
        ],
    } | keys
    return discontinuities(posed(configure({"problem": problem}).problem))


def test_corners_between_parts_with_different_values() -> None:
    both = found("u = 1")
    assert sorted(each.place for each in both) == [(0.0, 1.0), (1.0, 1.0)]
    assert {(each.first, each.second) for each in both} == {("top", "left"), ("top", "right")}
    assert all(each.unknowns == frozenset({0}) for each in both)


@pytest.mark.parametrize("top", ("u = 4*x*(1 - x)", "u = 0", "3*u = 1 - (2*x - 1)**2"))
def test_values_that_meet_do_not_jump(top: str) -> None:
    assert found(top) == []


def test_a_flux_beside_a_value_is_no_jump() -> None:
    assert found("dn(u) = 1") == []


def test_a_step_within_a_part() -> None:
    (step,) = found("u = heaviside(x - 0.3)", sides="u = heaviside(x - 0.5)*y")[:1]
    assert step.second == "" and step.first == "top"
    np.testing.assert_allclose(step.place, (0.3, 1.0), atol=1e-6)


def test_two_parts_that_meet_twice_have_two_corners() -> None:
    conditions = [
        {"part": "arc", "equation": "u = 1"},
        {"part": "bottom", "equation": "u = 0"},
    ]
    both = found("", domain=HALF_DISK, conditions=conditions, free=["left", "right", "top"])
    np.testing.assert_allclose(
        sorted(each.place for each in both), [(-1.0, 0.0), (1.0, 0.0)], atol=1e-12
    )
