"""Initial values with kinks and jumps that diffusion smooths: knots are graded to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.config import validate_problem
from kanpde.marching.equidistribution import Stretch
from kanpde.marching.lines.space import Line
from kanpde.marching.lines.statement import evolution
from kanpde.problem.problem import Problem
from kanpde.progress import StopReason


def tree_of(equation: str, start: Any, sides: list[dict[str, Any]], end: float) -> dict[str, Any]:
    return {
        "problem": {
            "name": "rough",
            "unknowns": ["u"],
            "domain": {"interval": {"lower": 0, "upper": 1}},
            "time": {"interval": [0, end]},
            "equations": [equation],
            "conditions": [{"part": "initial", "equation": start}, *sides],
        },
        "output": {"vtu": False, "plots": False},
    }


INSULATED = [{"part": ["left", "right"], "equation": "dx(u) = 0"}]
HELD = [{"part": ["left", "right"], "equation": "u = 0"}]


def evolution_of(equation: str, start: Any, sides: list[dict[str, Any]]) -> Any:
    tree = tree_of(equation, start, sides, 1.0)
    return evolution(Problem.create(validate_problem(tree["problem"], "test")))


def heat_by_series(start: str, x: np.ndarray) -> np.ndarray:
    """u at points (N, 2): a hat between cold ends, or a step between insulated ones."""
    k = np.arange(1, 4000) * np.pi
    decays = np.exp(-np.outer(x[:, 1], k**2))
    if start == "hat":
        modes = np.sin(np.outer(x[:, 0], k))
        return (modes * decays) @ (8 * np.sin(k / 2) / k**2)
    modes = np.cos(np.outer(x[:, 0], k))
    return np.asarray(0.3 + (modes * decays) @ (2 * np.sin(0.3 * k) / k))


@pytest.mark.parametrize(
    ("name", "start", "sides"),
    [
        ("hat", "u = min(2*x, 2 - 2*x)", HELD),
        ("step", "u = where(x < 0.3, 1, 0)", INSULATED),
    ],
)
def test_rough_initial_values_that_diffusion_smooths_are_solved(
    name: str, start: str, sides: list[dict[str, Any]]
) -> None:
    solution = kanpde.solve(tree_of("dt(u) = dxx(u)", start, sides, 0.1))
    x = np.random.default_rng(0).uniform([0.0, 0.0], [1.0, 0.1], (300, 2))
    exact = heat_by_series(name, x)
    error = np.linalg.norm(solution(x)[:, 0] - exact) / np.linalg.norm(exact)
    estimate = solution.result.verdict.estimate["u"]
    assert solution.stop_reason is StopReason.ACCURATE
    assert estimate is not None
    assert error < 3 * estimate < 3e-6


def test_a_jump_is_a_knot_with_knots_of_its_own_on_both_sides() -> None:
    even = Line(np.linspace(-1.0, 1.0, 17), False, 0.0, 1.0, graded=(-0.4, 0.1))
    line = even.adapted(Stretch.none(-1.0, 1.0), 16)
    assert line.intervals == 16
    for place in (-0.4, 0.1):
        away = np.sort(np.abs(line.breakpoints - place))
        assert away[0] == 0.0
        assert 1e-9 < away[1] < 2e-8
        assert away[2] == pytest.approx(away[1])
    width = np.diff(line.breakpoints)
    nearest = np.min(np.abs(line.breakpoints[:, None] - [-0.4, 0.1]), axis=1)
    outer = np.maximum(nearest[1:], nearest[:-1])
    assert (width <= np.maximum(1.01 * outer, 0.126)).all()


def test_knots_are_graded_where_diffusion_smooths_what_jumps() -> None:
    step, wave = "u = where(x < 0.25, 1, 0)", "u = sin(pi*x)"
    assert evolution_of("dt(u) = dxx(u)", step, HELD).kinks.tolist() == [-0.5]
    assert not evolution_of("dt(u) = dxx(u)", step, HELD).fits
    assert evolution_of("dt(u) = dxx(u)", wave, HELD).fits
    advected = evolution_of("dtt(u) = dxx(u)", [step, "dt(u) = 0"], HELD)
    assert not len(advected.kinks)
