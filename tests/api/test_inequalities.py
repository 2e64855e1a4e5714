"""Problems with inequalities, solved: on a line, with a rim in the plane, on a side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.errors import ConfigError

A = 0.05278640450004206
"""The string rests where |x - 1/2| < A."""


def string(equation: str) -> dict[str, Any]:
    return {
        "unknowns": ["u"],
        "domain": {"interval": [0, 1]},
        "equations": [equation],
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
    }


def at(x: Any) -> Any:
    away = np.abs(x - 0.5)
    return np.where(away < A, 0.1 - 2 * away**2, 0.1 - 2 * A**2 - 4 * A * (away - A))


def test_a_string_over_a_parabola(tmp_path: Path) -> None:
    text = "min(-dxx(u), u - (0.1 - 2*(x - 0.5)**2)) = 0"
    solution = kanpde.solve({"problem": string(text)}, out=tmp_path / "run", seconds=600)
    x = np.linspace(0, 1, 203)[:, None]
    assert np.abs(solution(x)[:, 0] - at(x[:, 0])).max() < 1e-12
    assert solution.result.exit_code == 0
    assert np.array_equal(kanpde.load(tmp_path / "run")(x), solution(x))


def test_a_nonlinear_string_is_below_two_humps() -> None:
    text = "max(u + 0.2*sin(3*pi*x), -dxx(u) + u**3) = 0"
    solution = kanpde.solve({"problem": string(text)}, seconds=600)
    x = np.linspace(0, 1, 2001)[:, None]
    gap = -solution(x)[:, 0] - 0.2 * np.sin(3 * np.pi * x[:, 0])
    assert solution.result.exit_code == 0
    assert gap.min() > -1e-11
    assert (gap < 1e-11).sum() > 100  # it rests on both humps


def test_a_side_that_is_touched_everywhere() -> None:
    problem = {
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "equations": ["-laplacian(u) = -2"],
        "conditions": [
            {"part": "bottom", "equation": "dn(u) = 0", "inequality": "u >= 0.05"},
            {"part": "top", "equation": "u = 0.3"},
            {"part": ["left", "right"], "equation": "dn(u) = 0"},
        ],
    }
    solution = kanpde.solve({"problem": problem}, seconds=600)
    x = np.random.default_rng(0).random((50, 2))
    wanted = x[:, 1] ** 2 - 0.75 * x[:, 1] + 0.05
    assert np.abs(solution(x)[:, 0] - wanted).max() < 1e-7
    (estimate,) = solution.result.verdict.estimate.values()
    assert 1e-9 < estimate < 1e-6  # what the penalty gives way counts


def test_a_kink_that_is_passed_between_the_points_counts_as_error() -> None:
    """The tent is touched at one point: a string that hangs through it there is off by as much."""
    text = "min(-dxx(u), u - (0.3 - abs(x - 0.45))) = 0"
    solution = kanpde.solve({"problem": string(text)}, seconds=600)
    missed = 0.3 - float(solution(np.array([[0.45]]))[0, 0])
    estimate = solution.result.estimate
    assert estimate is not None and estimate > missed > 1e-7
    assert solution.result.exit_code == 8


def test_an_obstacle_above_the_value_on_a_side_is_refused() -> None:
    text = "min(-dxx(u), u - (0.1 + 0.2*sin(pi*x))) = 0"
    with pytest.raises(ConfigError, match=r"on 'left' near .* lies below the bound 0.1"):
        kanpde.solve({"problem": string(text)})
