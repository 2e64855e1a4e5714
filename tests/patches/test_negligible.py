"""Unknowns that are zero, or nothing beside what their equations balance."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from patch_helpers import SQUARE, problem_of, tree_of

import kanpde
from kanpde.patches.covers import cover_of
from kanpde.patches.elimination import Elimination
from kanpde.patches.estimates import compared, slowness
from kanpde.patches.levels import Cells, Ground, Level
from kanpde.patches.negligible import MOST, away
from kanpde.patches.statement import Statement
from kanpde.problem.problem import Problem

U, V = "sin(3*x)*cos(3*y)", "-cos(3*x)*sin(3*y)"


def stokes(pressure: str) -> dict[str, object]:
    """A flow whose pressure is given, with the forces that drive it."""
    return {
        "unknowns": ["u", "v", "p"],
        "domain": SQUARE,
        "definitions": {"q": pressure, "f": f"18*{U} + dx(q)", "g": f"18*({V}) + dy(q)"},
        "equations": [
            "-laplacian(u) + dx(p) = f",
            "-laplacian(v) + dy(p) = g",
            "dx(u) + dy(v) = 0",
        ],
        "conditions": [
            {"part": "boundary", "equation": [f"u = {U}", f"v = {V}"]},
            {"point": [0.5, 0.5], "equation": "p = q"},
        ],
    }


def solved_twice(problem: Problem, cells: int) -> tuple[Ground, Level, Level]:
    """The ground, and the levels of degrees 8 and 6 on the same cells."""
    cover = cover_of(problem, cells)
    ground, statement = Ground(cover, problem.domain.quadrature(500)), Statement.of(problem)
    poor, rich = (
        ground.solved(
            statement,
            Cells.of(cover, dict.fromkeys(cover.start(), degree)),
            Elimination(cover.counts),
        )
        for degree in (6, 8)
    )
    return ground, rich, poor


@cache
def two_levels(pressure: str) -> tuple[Problem, Ground, Level, Level]:
    """Degrees 6 and 8 on the same cells."""
    problem = problem_of(**stokes(pressure))
    return problem, *solved_twice(problem, 2)


def test_a_pressure_that_is_zero_counts_by_what_viscosity_would_make_of_it() -> None:
    problem, ground, rich, poor = two_levels("0*x")
    plain = ground.distances(rich.values, poor.values)
    assert plain[2] > 1.0 and plain[:2].max() < 1e-4
    told = away(problem, ground, rich, poor.values, 1e-5)
    np.testing.assert_array_equal(told.relative[:2], plain[:2])
    assert told.beside[:2].tolist() == [0.0, 0.0]
    viscous = 9 * ground.norm(rich.values[:, :1])
    assert told.beside[2] == pytest.approx(viscous, rel=0.2)
    gap = ground.norm((rich.values - poor.values)[:, 2:])
    assert told.relative[2] == pytest.approx(gap / told.beside[2], rel=0.2)
    checked = compared(ground, rich, poor, 0.0, told)
    (note,) = checked.notes(("u", "v", "p"))
    assert note.startswith("p is nothing beside what its equations balance")


@pytest.mark.parametrize(("pressure", "tolerance"), [("0.01*x", 1e-6), ("0.0005*x", 0.1)])
def test_a_small_pressure_keeps_its_own_size(pressure: str, tolerance: float) -> None:
    """Even where the tolerance is large: more than 1e-5 is no nothing."""
    problem, ground, rich, poor = two_levels(pressure)
    plain = ground.distances(rich.values, poor.values)
    told = away(problem, ground, rich, poor.values, tolerance)
    np.testing.assert_array_equal(told.relative, plain)
    assert not told.beside.any()
    assert MOST < 0.0005


def test_sources_give_an_unknown_no_size() -> None:
    """u follows a source that oscillates, and is small beside source times length squared: it is
    not resolved, and that shows beside a v which is.
    """
    problem = problem_of(
        unknowns=["u", "v"],
        equations=["-laplacian(u) = sin(300*x)*sin(300*y)", "-laplacian(v) = 1"],
        conditions=[{"part": "boundary", "equation": ["u = 0", "v = x"]}],
    )
    ground, rich, poor = solved_twice(problem, 1)
    told = away(problem, ground, rich, poor.values, 1e-5)
    assert told.relative[0] > 0.3 and not told.beside.any()


def test_a_flow_without_a_pressure_is_solved_to_the_tolerance() -> None:
    solution = kanpde.solve(tree_of({"cells": 2}, **stokes("0*x")), tolerance=1e-6)
    assert solution.result.exit_code == 0
    assert any("p is nothing beside" in sentence for sentence in solution.result.verdict.sentences)
    points = np.random.default_rng(0).uniform(size=(200, 2))
    assert np.abs(solution(points)[:, 2]).max() < 1e-5


@pytest.mark.parametrize(
    ("falls", "left"),
    [
        (0.9, 9.0),
        (0.5, 1.0),
        (0.07, 1.0),
        (0.04, 0.75),
        (1e-4, 3 / 99),
        (1e-12, 9 / 997),
        (2.0, 9.0),
    ],
)
def test_what_is_left_of_a_difference_follows_the_fall_of_the_rows(
    falls: float, left: float
) -> None:
    assert slowness(falls, 1.0) == pytest.approx(left)
    assert slowness(1.0, 0.0) == 1.0
