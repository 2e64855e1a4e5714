"""Where formulas have kinks and jumps across planes, and the cells that stand there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from patch_helpers import SIDES, problem_tree

import kanpde
from kanpde.api.solving import configure
from kanpde.expressions import Scope, parse_expression
from kanpde.patches.covers import cover_of
from kanpde.problem.kinks import kinks, switch_by_unknowns
from kanpde.problem.problem import Problem

SCOPE = Scope(coordinates=("x", "y"), unknowns=("u",), parameters={"a": 0.3})

PLACES = {
    "where(x < a, 1, 0)": ([0.3], []),
    "abs(2*x - 1)*heaviside(y - 0.25)": ([0.5], [0.25]),
    "where(0.2 < y <= 0.6 and abs(x - 0.5) < 0.05, 1, 0)": ([0.45, 0.5, 0.55], [0.2, 0.6]),
    "max(x**2 - 0.25, 0)": ([0.5], []),
    "sign(x*(y - 0.1)**3)": ([], [0.1]),
    "sign(cos(3*pi*x))": ([1 / 6, 0.5, 5 / 6], []),
    "min(exp(-y), 0.5)": ([], [np.log(2)]),
    "abs(x - y) + max(u, 0) + abs(x + 1)": ([], []),
    "sign(sin(200*x))": ([], []),
    "where(x < 1e-9, 1, 0)": ([], []),
}


@pytest.mark.parametrize("formula", PLACES)
def test_places_along_both_axes(formula: str) -> None:
    places = kinks([parse_expression(formula, SCOPE)], np.zeros(2), np.ones(2))
    for along, expected in zip(places, PLACES[formula], strict=True):
        assert along == pytest.approx(np.array(expected), abs=1e-14)


def problem(**keys: Any) -> Problem:
    tree = {"problem": problem_tree(**keys)}
    return Problem.create(configure(tree).problem)


def test_first_lines_of_boxes_and_plane_domains_stand_at_kinks() -> None:
    equation = "-laplacian(u) = where(x < 0.37 and y > 0.9, 1, 0)"
    cover = cover_of(problem(equations=[equation]))
    assert cover.lines[0] == pytest.approx([0, 0.37, 0.58, 0.79, 1])
    disk = {"disk": {"center": [0, 0], "radius": 1}}
    round_ = problem(
        domain=disk, equations=[equation], conditions=[{"part": "boundary", "equation": "u = 0"}]
    )
    assert 0.37 in cover_of(round_).lines[0] and 0.9 in cover_of(round_).lines[1]


def test_a_source_that_jumps_is_solved_to_rounding() -> None:
    exact = "where(x < 0.3, 0.255*x - 0.5*x**2, 0.045*(1 - x))"
    tree = problem_tree(
        domain={"interval": [0, 1]},
        equations=["-dxx(u) = where(x < 0.3, 1, 0)"],
        conditions=[{"part": ["left", "right"], "equation": "u = 0"}],
        exact={"u": exact},
    )
    solution = kanpde.solve({"problem": tree, "output": {"vtu": False, "plots": False}})
    assert solution.relative_l2["u"] < 1e-13


def test_data_with_a_kink_are_met_exactly() -> None:
    exact = "max(x - 0.37, 0)**2*sin(3*y) + abs(y - 0.6)*(y - 0.6)"
    tree = problem_tree(
        definitions={"f": "manufactured"},
        equations=["-laplacian(u) = f"],
        conditions=[{"part": SIDES, "equation": f"u = {exact}"}],
        exact={"u": exact},
    )
    solution = kanpde.solve({"problem": tree, "output": {"vtu": False, "plots": False}})
    assert solution.relative_l2["u"] < 1e-11


@pytest.mark.parametrize(
    ("formula", "switches"),
    [
        ("min(-laplacian(u), u - x**2)", True),
        ("where(u > 0.5, u, 1)", True),
        ("abs(u)*u", True),
        ("where(x > 0.5, u, u**2) + abs(x)*u", False),
        ("sqrt(u**2 + 1)", False),
    ],
)
def test_formulas_that_switch_by_unknowns_are_told(formula: str, switches: bool) -> None:
    assert switch_by_unknowns([parse_expression(formula, SCOPE)]) == switches


@pytest.mark.parametrize("test", ["(t - 0.3138)**2 < 1e-10", "abs(t - 0.3138) < 1e-5"])
def test_a_pulse_shorter_than_the_samples_has_two_ends(test: str) -> None:
    scope = Scope(coordinates=("t",), time=False, unknowns=(), where="here")
    node = parse_expression(f"where({test}, 5, 0)", scope)
    (places,) = kinks([node], np.array([0.0]), np.array([1.0]))
    ends = [place for place in places if abs(place - 0.3138) < 2e-5]
    np.testing.assert_allclose(sorted(ends)[:1] + sorted(ends)[-1:], [0.31379, 0.31381], atol=1e-9)
