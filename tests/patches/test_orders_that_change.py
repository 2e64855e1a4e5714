"""Equations that are of order zero on one side of a curve: u is known there, and no flux is tied."""

from __future__ import annotations

import numpy as np

import kanpde


def test_a_membrane_that_is_held_in_a_circle() -> None:
    problem = {
        "unknowns": ["u"],
        "domain": {"disk": {"center": [0, 0], "radius": 1}},
        "equations": ["where(x**2 + y**2 < 0.25, u - 1, -laplacian(u)) = 0"],
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
    }
    solution = kanpde.solve({"problem": problem}, tolerance=1e-4, seconds=600)
    radii = np.linspace(0.05, 0.95, 19)
    x = radii[:, None] * np.array([[0.6, 0.8]])
    wanted = np.where(radii < 0.5, 1.0, np.log(radii) / np.log(0.5))
    assert np.abs(solution(x)[:, 0] - wanted).max() < 1e-4
    assert solution.result.exit_code == 0
