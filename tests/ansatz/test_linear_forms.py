"""Directions that stand in formulas, and points on which their linear forms take all values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde import api
from kanpde.ansatz.linear_forms import formula_directions
from kanpde.assembly.lengthwise import spread
from kanpde.config import BoxShape
from kanpde.domains import build_domain
from kanpde.problem.problem import Problem


def tree(equation: str, data: str, d: int = 5) -> dict[str, Any]:
    return {
        "problem": {
            "name": "forms",
            "unknowns": ["u"],
            "domain": {"box": {"lower": -1, "upper": 1, "dimensions": d}},
            "definitions": {"w": "tanh(2*x1 + x2 - x5 + 0.5)"},
            "equations": [equation],
            "conditions": [{"part": "boundary", "equation": data}],
        },
        "seconds": 60,
    }


def directions(equation: str, data: str) -> tuple[tuple[float, ...], ...]:
    return formula_directions(Problem.create(api.configure(tree(equation, data)).problem))


def test_forms_of_calls_powers_and_data_are_read_once() -> None:
    found = directions("-laplacian(u) = w + (x1 + x2)**4 + exp(-x1 - x2)", "u = 2*w + x3")
    rows = np.array(found)
    wanted = np.array([[2, 1, 0, 0, -1], [1, 1, 0, 0, 0]])
    lengths = np.linalg.norm(wanted, axis=1, keepdims=True)
    assert len(rows) == 2
    assert (np.abs(rows[:, None] - wanted / lengths).max(axis=2) < 1e-12).any(axis=1).all()


def test_functions_of_one_coordinate_are_read_beside_forms_alone() -> None:
    assert directions("-laplacian(u) = exp(x4)", "u = x1*x2") == ()
    found = directions("-laplacian(u) = exp(x4) + sin(x1 + x2)", "u = 0")
    assert (0.0, 0.0, 0.0, 1.0, 0.0) in found and len(found) == 2


def test_a_sum_takes_all_of_its_values_on_points_that_are_moved() -> None:
    domain = build_domain(BoxShape((-1.0,) * 6, (1.0,) * 6), None)
    rng = np.random.default_rng(0)
    points = domain.interior(1000, "sobol", rng)
    moved = spread(points, domain, [(1, 1, 1, 1, 1, 1), (1, -1, 0, 0, 0, 0)])
    assert np.ptp(points.x.sum(axis=1)) < 10 < 11.7 < np.ptp(moved.x.sum(axis=1)) <= 12
    assert domain.contains(moved.x).all() and moved.w.sum() == pytest.approx(64.0)
    face = spread(domain.part("x2_max", 500, "sobol", rng), domain, [(1, 1, 1, 1, 1, 1)])
    assert (face.x[:, 1] == 1).all() and np.ptp(face.x.sum(axis=1)) > 9.5


def test_a_ridge_in_five_coordinates_is_found_by_the_direction_of_its_formula() -> None:
    solution = kanpde.solve(tree("-laplacian(u) = 12*w*(1 - w**2)", "u = w"))
    x = np.random.default_rng(1).uniform(-1, 1, (2000, 5))
    exact = np.tanh(2 * x[:, 0] + x[:, 1] - x[:, 4] + 0.5)
    error = np.linalg.norm(solution(x)[:, 0] - exact) / np.linalg.norm(exact)
    estimate = solution.result.estimate
    assert estimate is not None and error < 1e-7 and error <= 10 * estimate
