"""The door: tolerances, estimates, files, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from patch_helpers import EDGES, LSHAPE, SIDES, problem_tree, tree_of

import kanpde
from kanpde.api.solving import configure
from kanpde.errors import ConfigError
from kanpde.numerics.jets import JetSpace, by_autograd
from kanpde.patches.levels import Cells
from kanpde.patches.preparation import prepare
from kanpde.patches.search import _Search
from kanpde.patches.sharing import clock
from kanpde.progress import Silent, StopReason
from kanpde.trial.networks import KAN
from kanpde.trial.patchwork import Patchwork


def corner_problem(**trial: Any) -> dict[str, Any]:
    """A singular harmonic function on the L-shape, turned so that θ is smooth inside."""
    # the missing quarter is x > 0, y < 0; atan2 jumps where its arguments say θ = -3π/4
    angle = "(atan2(-x - y, y - x) + 3*pi/4)"
    exact = f"(x**2 + y**2)**(1/3)*sin(2/3*{angle})"
    return tree_of(
        trial,
        domain=LSHAPE,
        exact={"u": exact},
        conditions=[{"part": EDGES, "equation": f"u = {exact}"}],
    )


def test_an_estimate_bounds_the_error_at_a_corner() -> None:
    solution = kanpde.solve(corner_problem(), tolerance=1e-4, seconds=600)
    error, estimate = solution.relative_l2["u"], solution.result.estimate
    assert error is not None and estimate is not None
    assert solution.stop_reason is StopReason.TOLERANCE
    assert estimate <= 1e-4
    assert error <= 3 * estimate
    assert estimate <= 30 * error


def test_what_is_not_reached_is_told_and_exits_8() -> None:
    solution = kanpde.solve(corner_problem(most=13), tolerance=1e-8)
    error, estimate = solution.relative_l2["u"], solution.result.estimate
    assert solution.stop_reason is StopReason.UNREACHED
    assert solution.stop_reason.exit_code == 8
    assert error is not None and estimate is not None
    assert 1e-8 < error <= 3 * estimate


def test_given_patches_stay_as_they_are() -> None:
    solution = kanpde.solve(corner_problem(cells=2, degree=4, refine=False))
    assert isinstance(solution.trial, Patchwork)
    assert solution.trial.count == 3
    assert solution.stop_reason is StopReason.FINISHED
    assert solution.result.estimate is not None


def test_given_patches_without_a_tolerance_are_judged_by_one_percent() -> None:
    tree = rectangle_problem(0.7)
    tree["trial"]["patches"]["degree"] = 3
    result = kanpde.solve(tree).result
    assert result.estimate is not None and 1e-6 < result.estimate < 1e-2
    assert result.exit_code == 0


def test_smooth_solutions_are_raised_not_split() -> None:
    exact = "sin(3*x + 0.4)*exp(-y)"
    tree = tree_of(
        {"degree": 4},
        equations=["-laplacian(u) = 8*sin(3*x + 0.4)*exp(-y)"],
        exact={"u": exact},
        conditions=[{"part": SIDES, "equation": f"u = {exact}"}],
    )
    solution = kanpde.solve(tree, tolerance=1e-9)
    assert isinstance(solution.trial, Patchwork)
    assert solution.trial.count == 16
    error = solution.relative_l2["u"]
    assert error is not None and error < 1e-9


def rectangle_problem(right: float) -> dict[str, Any]:
    """u = x⁴ on a rectangle whose sides are no binary fractions."""
    sides = {"part": ["left", "right", "bottom", "top"], "equation": "u = x**4"}
    return {
        "problem": {
            "name": "rectangle",
            "unknowns": ["u"],
            "domain": {"rectangle": {"lower": [-0.7, -0.7], "upper": [right, 0.7]}},
            "equations": ["laplacian(u) = 12*x**2"],
            "conditions": [sides],
        },
        "trial": {"patches": {"refine": False, "degree": 6}},
    }


def test_a_patch_is_a_kan() -> None:
    solution = kanpde.solve(corner_problem(refine=False))
    trial = solution.trial
    assert isinstance(trial, Patchwork)
    number = 5
    piece = trial.piece(number)
    assert isinstance(piece.network, KAN)
    low, high = trial.tiles.lower[number], trial.tiles.upper[number]
    rng = np.random.default_rng(0)
    x = torch.tensor(low + (high - low) * rng.uniform(0.01, 0.99, (40, 2)))
    torch.testing.assert_close(piece(x), trial.evaluate(x), rtol=1e-12, atol=1e-12)
    space = JetSpace.closure([(2, 0), (1, 1), (0, 2)], 2)
    ours = trial.jet(trial.locate(x, space)).data
    theirs = by_autograd(piece, x, space).data.detach()
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-8)


def test_derivatives_reach_to_the_rim_of_a_patch() -> None:
    """A point on the rim fell out of a spline's grid by rounding, and its second derivative was
    that of a straight line: zero.
    """
    rim = torch.linspace(-0.7, 0.7, 201, dtype=torch.float64)
    third = torch.full_like(rim, 1 / 3)  # the boxes of patches do not end in binary fractions
    space = JetSpace.closure([(2, 0)], 2)
    solution = kanpde.solve(rectangle_problem(1 / 3))
    assert isinstance(solution.trial, Patchwork)
    for x in (torch.stack([third, rim], 1), torch.stack([third * 0 - 0.7, rim], 1)):
        second = solution.trial.jet(solution.trial.locate(x, space)).derivative((2, 0))
        torch.testing.assert_close(second[0], 12 * x[:, 0] ** 2, rtol=1e-6, atol=1e-6)


def test_a_run_folder_gives_back_the_same_bits(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    solution = kanpde.solve(corner_problem(refine=False), out=folder)
    loaded = kanpde.load(folder)
    x = np.array([[-0.3, 0.2], [0.4, 0.6], [-0.5, -0.5]])
    assert (loaded(x) == solution(x)).all()
    assert loaded.result.estimate == solution.result.estimate
    assert loaded.history == solution.history


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "two equations": (
        {"equations": ["-laplacian(u) = 0", "-laplacian(u) + u = 0"]},
        "2 equations for one unknown",
    ),
    "four coordinates": (
        {
            "domain": {"box": {"lower": [0] * 4, "upper": [1] * 4}},
            "equations": ["laplacian(u) = 1"],
            "conditions": [{"part": "x1_min", "equation": "u = 0"}],
            "free": ["x1_max", *(f"x{k}_{end}" for k in (2, 3, 4) for end in ("min", "max"))],
        },
        "up to three coordinates, time included, found 4 coordinates",
    ),
    "a disk in time": (
        {
            "domain": {"disk": {"center": [0, 0], "radius": 1}},
            "time": {"interval": [0, 1]},
            "equations": ["dt(u) = laplacian(u)"],
            "conditions": [{"part": ["initial", "circle"], "equation": "u = 0"}],
        },
        "with time boxes, found another domain in 3 coordinates",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_patches_cannot_solve_is_refused(name: str) -> None:
    keys, sentence = REFUSED[name]
    with pytest.raises(ConfigError, match=sentence):
        kanpde.solve(tree_of(**keys))


@pytest.mark.parametrize(
    ("trial", "sentence"),
    [
        ({"patches": {"cells": 0}}, "trial.patches.cells: must be an integer from 1 to 256"),
        ({"patches": {"degre": 4}}, "unknown key, did you mean 'degree'"),
        ({"patches": {}, "width": [20]}, "trial.width: does not go with trial.patches"),
        ({"patches": {"refine": "yes"}}, "trial.patches.refine: must be true or false"),
    ],
)
def test_keys_are_checked(trial: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        kanpde.solve({"problem": problem_tree(), "trial": trial})


@pytest.mark.parametrize(
    ("k", "jumps"),
    [
        ("1 + 50*(1 + abs(x - 0.43)/(x - 0.43))", True),
        ("1 + tanh(1e6*(y - 0.3))", True),
        ("1 + 100*x", False),
        ("2 + sin(20*x)*cos(9*y)", False),
    ],
)
def test_a_jump_of_a_coefficient_is_not_silent(k: str, jumps: bool) -> None:
    tree = tree_of(
        {"refine": False},
        domain={"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        definitions={"k": k},
        equations=["div(k*grad(u)) = 0"],
        conditions=[
            {"part": ["left", "bottom"], "equation": "u = 0"},
            {"part": ["right", "top"], "equation": "u = x*y"},
        ],
    )
    solution = kanpde.solve(tree)
    assert (solution.result.estimate is None) is jumps
    assert (solution.stop_reason is StopReason.UNREACHED) is jumps


def test_a_peak_that_no_point_meets_is_not_silent() -> None:
    peak = "1e4*exp(-((x - 0.371)**2 + (y - 0.613)**2)/1e-5)"
    tree = tree_of(
        {"cells": 2, "degree": 3, "refine": False}, equations=[f"-laplacian(u) = {peak}"]
    )
    solution = kanpde.solve(tree, tolerance=1e-3)
    assert solution.result.estimate is None
    assert solution.stop_reason is StopReason.UNREACHED


def test_zero_is_a_solution_where_nothing_is_given() -> None:
    solution = kanpde.solve(tree_of(), tolerance=1e-6)
    assert solution.stop_reason is StopReason.TOLERANCE
    assert solution.result.estimate == 0.0


def test_float32_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs dtype float64, found float32"):
        kanpde.solve(tree_of(), dtype="float32")


def test_an_eigenvalue_is_not_silent() -> None:
    """-Δu = 2π² u + f has a solution here and others beside it; the levels agree on one of them."""
    problem = {
        "name": "resonance",
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "definitions": {"e": "exp(x) + sin(pi*x)*sin(pi*y)"},
        "equations": ["laplacian(u) + 2*pi**2*u = laplacian(e) + 2*pi**2*e"],
        "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = e"}],
    }
    trial = {"patches": {"degree": 8, "cells": 2}}
    solution = kanpde.solve({"problem": problem, "trial": trial, "tolerance": 1e-4})
    assert solution.result.estimate is None
    assert solution.stop_reason.exit_code == 8
    away = problem["equations"][0].replace("2*pi**2", "19")  # type: ignore[index]
    solution = kanpde.solve(
        {"problem": {**problem, "equations": [away]}, "trial": trial, "tolerance": 1e-4}
    )
    assert solution.stop_reason.exit_code == 0


@pytest.mark.parametrize(("patience", "is_stopped"), [(1.0, False), (0.4, True)])
def test_newtons_method_ends_where_another_way_waits(patience: float, is_stopped: bool) -> None:
    tree = tree_of({}, equations=["laplacian(u) = exp(u)"])
    config = configure(tree | {"seconds": 100.0})
    problem = prepare(config)
    search = _Search(config, Silent(), problem, patience, began=clock() - 20.0)
    assert search.newton is not None
    # a fifth of the seconds is over, more than the square of that patience
    level = search._solved(Cells.of(search.cover, search._first(probed=False)), None)
    assert bool(level.stall) == is_stopped
    assert (search.newton.progress.stop is not None) == is_stopped
