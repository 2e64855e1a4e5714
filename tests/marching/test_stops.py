"""Slabs end where formulas of time jump: no polynomial of t goes over a jump."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kanpde.config import validate_problem
from kanpde.marching.lines import steps as lines
from kanpde.marching.lines.statement import Evolution, evolution
from kanpde.marching.ordinary import steps as ordinary
from kanpde.marching.ordinary.pieces import Series
from kanpde.marching.ordinary.statement import Statement, statement
from kanpde.marching.stops import Stops
from kanpde.problem.problem import Problem


def in_time(equation: str, start: str, **time: float) -> Statement:
    tree: dict[str, Any] = {
        "name": "posed",
        "unknowns": ["y"],
        "time": time,
        "equations": [equation],
        "conditions": [{"part": "initial", "equation": start}],
    }
    return statement(Problem.create(validate_problem(tree, "test")))


def heated(condition: str) -> Evolution:
    """Heat from 0 with an insulated left end."""
    tree: dict[str, Any] = {
        "name": "posed",
        "unknowns": ["u"],
        "domain": {"interval": {"lower": 0, "upper": 1}},
        "time": {"interval": [0, 1]},
        "equations": ["dt(u) = dxx(u)"],
        "conditions": [
            {"part": "initial", "equation": "u = 0"},
            {"part": "left", "equation": "dx(u) = 0"},
            {"part": "right", "equation": condition},
        ],
    }
    posed = evolution(Problem.create(validate_problem(tree, "test")))
    assert posed is not None
    return posed


def test_an_equation_that_is_switched_is_solved_to_rounding() -> None:
    """Slabs that shrank towards the jump left an error of 1e-8."""
    posed = in_time("dt(y) = -5*(y - where(t < 1.3, 1, 2))", "y = 0", **{"from": 0, "to": 4})
    marched = ordinary.march(posed, 1e-10, lambda: False)
    t = np.linspace(0.0, 4.0, 401)
    found = Series.of(marched.pieces, posed.orders)(t)[:, 0]
    at = 1 - math.exp(-6.5)
    exact = np.where(t < 1.3, 1 - np.exp(-5 * t), 2 + (at - 2) * np.exp(-5 * (t - 1.3)))
    assert np.abs(found - exact).max() < 1e-11
    ends = [piece.t + piece.h for piece in marched.pieces]
    assert min(abs(end - 1.3) for end in ends) < 1e-13


def test_a_switch_at_the_end_is_not_reached() -> None:
    """The last Radau point is the end: with delays as long as time no slab went there."""
    posed = in_time("dt(y) = where(t < 1, 1, 1e6)", "y = 0", **{"from": 0, "to": 1})
    marched = ordinary.march(posed, 1e-8, lambda: False)
    assert marched.ended is None
    assert Series.of(marched.pieces, posed.orders)(np.ones(1))[0, 0] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("start", "end"), [(0.0, 10.0), (10.0, 0.0)])
def test_stops_come_one_after_the_other_in_either_direction(start: float, end: float) -> None:
    posed = in_time("dt(y) = sign(sin(t))", "y = 0", **{"from": 0, "to": 10})
    stops = Stops.of(posed.equations, 0, (start, end), np.zeros(1))
    t, seen = start, []
    while t != end:
        stop = stops.after(t)
        assert abs(stops.before(stop) - t) <= abs(stop - t)
        seen.append(stop)
        t = stop
    inside = [math.pi, 2 * math.pi, 3 * math.pi]
    expected = [*inside, 10.0] if end > start else [*inside[::-1], 0.0]
    assert np.allclose(seen, expected, atol=1e-12)


def test_a_flux_that_is_switched_on_has_knots_towards_its_end_from_then_on() -> None:
    """With the knots of the time before the march was rough by 1e-5."""
    marched = lines.march(heated("dx(u) = where(t > 0.4, 1, 0)"), 1e-5, lambda: False)
    assert marched.ended is None and marched.rough < 1e-5
    graded = [(strip.t, strip.line.graded) for strip in marched.strips]
    assert all(places == (() if t < 0.4 else (1.0,)) for t, places in graded)
    last = marched.strips[-1]
    x = np.array([0.0, 0.5, 1.0])
    coefficients = last.at(np.ones(1), (1,))[0, :, 0]
    found = last.line.local(2 * x - 1).apply(0, coefficients)
    series = sum(
        -2 / np.pi**2 * (-1) ** n / n**2 * np.exp(-((n * np.pi) ** 2) * 0.6) * np.cos(n * np.pi * x)
        for n in range(1, 8)
    )
    assert np.abs(found - (0.6 + (3 * x**2 - 1) / 6 + series)).max() < 1e-5
