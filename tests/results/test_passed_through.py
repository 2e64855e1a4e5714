"""Terms that are narrow in the unknowns: seen by patches, told of where nothing sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.results.passed_through import passed_through
from kanpde.results.solution import Solution

PLACE, WIDTH = 0.61371, 1e-3


def solved(**keys: Any) -> Solution:
    """u = x, and v from a source where u has one value."""
    source = f"exp(-((u - {PLACE})/{WIDTH})**2)/({WIDTH}*sqrt(pi))"
    problem = {
        "name": "band",
        "unknowns": ["u", "v"],
        "domain": {"interval": [0, 1]},
        "equations": ["dxx(u) = 0", f"-dxx(v) = {source}"],
        "conditions": [
            {"part": "left", "equation": ["u = 0", "v = 0"]},
            {"part": "right", "equation": ["u = 1", "v = 0"]},
        ],
    }
    return kanpde.solve({"problem": problem, **keys})


def test_patches_see_where_a_term_acts() -> None:
    solution = solved(tolerance=1e-4)
    x = np.array([0.2, 0.8])
    exact = [0.2 * (1 - PLACE), 0.2 * PLACE]  # Green's function
    assert solution.result.exit_code == 0
    assert solution(x[:, None])[:, 1] == pytest.approx(exact, rel=1e-4)
    assert passed_through(solution.problem, solution.trial) == []


def test_what_no_point_meets_is_told_with_its_place() -> None:
    few = {"trial": {"width": [6], "intervals": 4}, "sampler": {"interior": 40}}
    missed = solved(**few)
    (finding,) = passed_through(missed.problem, missed.trial)
    assert finding.kind == "not seen"
    assert "u = 0.61" in finding.sentence
    assert missed.result.exit_code == 8
