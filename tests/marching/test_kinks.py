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
REPEATING = [{"periodic": ["left", "right"]}]


def evolution_of(equation: str, start: Any, sides: list[dict[str, Any]]) -> Any:
    tree = tree_of(equation, start, sides, 1.0)
    return evolution(Problem.create(validate_problem(tree["problem"], "test")))


def heat_by_series(start: str, x: np.ndarray) -> np.ndarray:
    """u at points (N, 2): a hat between cold ends, a step between insulated ones, or a ramp that
    repeats.
    """
    if start == "ramp":
        n = 2 * np.pi * np.arange(1, 2000)
        decays = np.exp(-np.outer(x[:, 1], n**2))
        waves = np.sin(np.outer(x[:, 0], n))
        return np.asarray(0.5 - 2 * (waves * decays) @ (1 / n))
    k = np.arange(1, 4000) * np.pi
    decays = np.exp(-np.outer(x[:, 1], k**2))
    if start == "hat":
        modes = np.sin(np.outer(x[:, 0], k))
        return np.asarray((modes * decays) @ (8 * np.sin(k / 2) / k**2))
    modes = np.cos(np.outer(x[:, 0], k))
    return np.asarray(0.3 + (modes * decays) @ (2 * np.sin(0.3 * k) / k))


@pytest.mark.parametrize(
    ("name", "start", "sides"),
    [
        ("hat", "u = min(2*x, 2 - 2*x)", HELD),
        ("step", "u = where(x < 0.3, 1, 0)", INSULATED),
        pytest.param("ramp", "u = x", REPEATING, marks=pytest.mark.slow),
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


@pytest.mark.parametrize(
    ("start", "places"),
    [
        ("u = cos(2*pi*x)", []),
        ("u = x", [-1, 1]),
        ("u = x*(1 - x)", [-1, 1]),
        ("u = abs(x - 0.25)", [-0.5, -1, 1]),
        ("u = exp(-200*(x - 0.5)**2)", []),
    ],
)
def test_the_seam_is_a_kink_where_initial_values_do_not_go_on(
    start: str, places: list[float]
) -> None:
    evolving = evolution_of("dt(u) = dxx(u)", start, REPEATING)
    assert evolving.kinks.tolist() == places
    assert evolving.fits is (not places)


def test_u_xx_does_not_grow_on_graded_knots_that_repeat() -> None:
    """At the knots, or for degree 11, some eigenvalues are far above zero."""
    from scipy.linalg import eigvals

    even = Line(np.linspace(-1.0, 1.0, 17), True, 0.0, 1.0, graded=(0.1, -1.0, 1.0))
    line = even.adapted(Stretch.none(-1.0, 1.0, True), 16)
    local = line.local(line.points(2))
    value, bend = np.zeros((2, line.size, line.size))
    for columns, rows in zip(local.columns.T, local.values.transpose(2, 0, 1), strict=True):
        value[np.arange(line.size), columns] += rows[0]
        bend[np.arange(line.size), columns] += rows[2]
    heat = eigvals(bend, value)
    assert np.linalg.cond(value) < 100
    assert heat.real.max() < 1e-10 * np.abs(heat).max()
    assert np.abs(heat.imag).max() < 1e-10 * np.abs(heat).max()


def test_a_run_on_graded_knots_that_repeat_is_loaded_to_the_same_bits(tmp_path: Any) -> None:
    tree = tree_of("dt(u) = dxx(u)", "u = x", REPEATING, 0.1)
    solution = kanpde.solve(tree, out=tmp_path / "run", tolerance=1e-2)
    points = np.array([[0.01, 1e-6], [0.2, 0.01], [0.9, 0.1]])
    assert np.array_equal(kanpde.load(tmp_path / "run")(points), solution(points))
