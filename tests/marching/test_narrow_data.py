"""Narrow features of data and sources that travel, or stay at a place: points must not miss them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.problem.feature_places import graded, narrow_inside
from kanpde.results.passed_over import passed_over

MIDDLE, WIDTH = 0.3137, 1e-4


def on_a_line(equation: str, conditions: dict[str, Any]) -> dict[str, Any]:
    problem = {
        "name": "narrow",
        "unknowns": ["u"],
        "domain": {"interval": [0, 1]},
        "time": {"interval": [0, 1]},
        "equations": [equation],
        "conditions": [{"part": part, "equation": text} for part, text in conditions.items()],
    }
    return {"problem": problem, "output": {"vtu": False, "plots": False}}


def pulse(s: Any) -> Any:
    return np.exp(-(((s - MIDDLE) / WIDTH) ** 2))


def test_a_pulse_that_comes_in_at_an_end_travels() -> None:
    entering = f"u = sin(3*t) + exp(-((t - {MIDDLE})/{WIDTH})**2)"
    tree = on_a_line("dt(u) + dx(u) = 0", {"initial": "u = -sin(3*x)", "left": entering})
    tree["problem"]["free"] = ["right"]
    solution = kanpde.solve(tree)
    t = 0.5 + MIDDLE + WIDTH * np.linspace(-3, 3, 50)
    exact = np.sin(3 * (t - 0.5)) + pulse(t - 0.5)
    assert solution(np.stack([0 * t + 0.5, t], 1))[:, 0] == pytest.approx(exact, abs=1e-6)


def test_a_pulse_of_a_string_travels() -> None:
    conditions = {
        "initial": ["u = sin(pi*x)", "dt(u) = 0"],
        "left": f"u = exp(-((t - {MIDDLE})/{WIDTH})**2)",
        "right": "u = 0",
    }
    solution = kanpde.solve(on_a_line("dtt(u) = dxx(u)", conditions))
    t = 0.5 + MIDDLE + WIDTH * np.linspace(-3, 3, 50)
    exact = np.cos(np.pi * t) + pulse(t - 0.5)
    assert solution(np.stack([0 * t + 0.5, t], 1))[:, 0] == pytest.approx(exact, abs=1e-6)


def test_heat_from_a_narrow_source_at_a_place() -> None:
    """Its coefficients by sin kπx are those of the whole line."""
    source = f"exp(-((x - {MIDDLE})/{WIDTH})**2)/{WIDTH}"
    conditions = {"initial": "u = sin(pi*x)", "left": "u = 0", "right": "u = 0"}
    solution = kanpde.solve(on_a_line(f"dt(u) = 0.1*dxx(u) + {source}", conditions))
    x, k = np.array([0.1, 0.3, 0.5, 0.9]), np.arange(1, 5000)
    rate = 0.1 * (k * np.pi) ** 2
    strength = 2 * np.sqrt(np.pi) * np.sin(k * np.pi * MIDDLE)
    strength *= np.exp(-((k * np.pi * WIDTH) ** 2) / 4) / rate * (1 - np.exp(-rate))
    exact = np.sin(np.pi * x) * np.exp(-rate[0]) + np.sin(np.pi * np.outer(x, k)) @ strength
    assert solution(np.stack([x, 0 * x + 1], 1))[:, 0] == pytest.approx(exact, rel=1e-5)


def test_what_a_solution_passed_over_is_told() -> None:
    """Forty points miss what patches see."""
    source = f"exp(-((x - {MIDDLE})/{WIDTH})**2)"
    problem = {
        "name": "passed",
        "unknowns": ["u"],
        "domain": {"interval": [0, 1]},
        "equations": [f"dxx(u) = {source} + 1e-3"],
        "conditions": [{"part": ["left", "right"], "equation": "u = 0"}],
    }
    few = {"trial": {"width": [6], "intervals": 4}, "sampler": {"interior": 40}}
    missed = kanpde.solve({"problem": problem, **few})
    assert [finding.kind for finding in passed_over(missed.problem, missed.trial)] == ["not seen"]
    assert missed.result.exit_code == 8
    seen = kanpde.solve({"problem": problem})
    assert passed_over(seen.problem, seen.trial) == []


def test_what_a_product_with_a_sum_leaves_is_judged_beside_the_terms_of_the_sum() -> None:
    """-(…) is a factor -1 times a sum: the sizes of its factors say nothing."""
    sheet = f"1 + 1e3*exp(-((x - {MIDDLE})/1e-3)**2)"
    problem = {
        "name": "sheet",
        "unknowns": ["u"],
        "domain": {"interval": [0, 1]},
        "equations": [f"-d(dx(u)/({sheet}), x) = 0"],
        "conditions": [
            {"part": "left", "equation": "u = 0"},
            {"part": "right", "equation": "u = 1"},
        ],
    }
    solution = kanpde.solve({"problem": problem})
    assert solution.problem.probed.features
    assert passed_over(solution.problem, solution.trial) == []


def test_terms_that_vanish_across_a_feature_say_nothing() -> None:
    """On x = 0 both terms of the condition of u are below the error of the solve."""
    problem = {
        "name": "plain",
        "unknowns": ["u", "v"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "definitions": {"g": "sin(4*pi*x)*sin(3*pi*y)", "h": "sin(4*pi*y)*cos(3*pi*x)"},
        "equations": ["laplacian(u) = laplacian(g)", "laplacian(v) = laplacian(h)"],
        "conditions": [
            {"part": ["left", "right", "bottom", "top"], "equation": ["u = g", "v = h"]}
        ],
    }
    solution = kanpde.solve({"problem": problem})
    assert solution.problem.probed.features
    assert passed_over(solution.problem, solution.trial) == []


def test_places_around_a_feature_double_their_distance() -> None:
    tree = on_a_line(
        f"dt(u) = dxx(u) + exp(-((x - {MIDDLE})/1e-3)**2)",
        {"initial": "u = 0", "left": "u = 0", "right": f"u = exp(-((t - {MIDDLE})/1e-2)**2) - 1"},
    )
    from kanpde.api.solving import configure
    from kanpde.problem.problem import Problem

    problem = Problem.create(configure(tree).problem)
    gaps = np.diff(graded(problem, 0))
    middle = int(np.argmin(np.abs(graded(problem, 0) - MIDDLE)))
    assert gaps[middle + 2] == pytest.approx(2 * gaps[middle + 1])
    assert narrow_inside(problem) == pytest.approx((2 * MIDDLE - 1,), abs=1e-3)
    assert abs(graded(problem, 1) - MIDDLE).min() < 1e-3
