"""Numbers that means and integrals say, by solves at numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.config.validate import validate_problem
from kanpde.errors import NumericalError
from kanpde.inverse.means import Means, found, is_affine
from kanpde.problem.conditions import MeanCondition
from kanpde.problem.problem import Problem

OUTPUT = {"vtu": False, "plots": False}


def tree(**keys: Any) -> dict[str, Any]:
    """Kirchhoff's string of stiffness 1 + ∫u'², which is 1 + π²/2 for sin πx."""
    plain: dict[str, Any] = {
        "name": "string",
        "unknowns": ["u"],
        "domain": {"interval": [0, 1]},
        "equations": ["-(1 + integral(dx(u)**2))*dxx(u) = (1 + pi**2/2)*pi**2*sin(pi*x)"],
        "conditions": [{"part": ["left", "right"], "equation": "u = 0"}],
        "exact": {"u": "sin(pi*x)"},
    }
    return plain | keys


def problem(**keys: Any) -> Problem:
    return Problem.create(validate_problem(tree(**keys), "my.yaml"))


AFFINE = {
    "equations": ["-dxx(u) + 3*integral(u) = pi**2*sin(pi*x) + 6/pi"],
}


def test_an_integral_in_an_equation(tmp_path: Path) -> None:
    run = tmp_path / "run"
    solution = kanpde.solve({"problem": tree(**AFFINE), "output": OUTPUT}, out=run)
    assert max(solution.relative_l2.values()) < 1e-9
    assert solution.result.estimate is not None
    assert abs(solution.trial.constants.values[0].item() - 2 / np.pi) < 1e-9
    again = kanpde.load(run)
    x = np.linspace(0, 1, 7)[:, None]
    assert np.array_equal(again(x), solution(x))
    assert again.trial.constants.values.tolist() == solution.trial.constants.values.tolist()


def test_a_square_of_an_integral_is_met_by_steps_of_newton() -> None:
    keys = {"tolerance": 1e-4, "output": OUTPUT}
    solution = kanpde.solve({"problem": tree(), **keys})
    assert max(solution.relative_l2.values()) < 1e-4


def test_what_is_affine_in_the_unknowns_and_the_numbers_together() -> None:
    assert is_affine(problem(**AFFINE))
    assert not is_affine(problem())
    squared = {"equations": ["-dxx(u) = integral(u)**2"], "exact": None}
    assert not is_affine(problem(**squared))
    nonlinear = {"equations": ["-dxx(u) + u**3 = integral(u)"], "exact": None}
    assert not is_affine(problem(**nonlinear))


def test_means_that_hold_a_number_determine_it_before_others() -> None:
    pinned = problem(
        unknown_parameters={"k": 0},
        equations=["-dxx(u) = k"],
        conditions=[
            {"part": "left", "equation": "dn(u) = 0"},
            {"part": "right", "equation": "dn(u) = 0"},
            {"mean": "u = 1"},
            {"mean": "u**2 + k = 1"},
        ],
        exact=None,
    )
    assert [each.equation for each in pinned.config.determining] == ["u**2 + k = 1"]


def test_numbers_that_nothing_says(monkeypatch: pytest.MonkeyPatch) -> None:
    posed = problem(**AFFINE)
    means = Means(posed, tuple(c for c in posed.conditions if isinstance(c, MeanCondition)))
    monkeypatch.setattr(Means, "of", lambda self, trial, values: np.zeros(len(values)))
    monkeypatch.setattr(Means, "samples", lambda self, trial: np.ones(3))
    solve: Any = lambda values: None  # noqa: E731
    with pytest.raises(NumericalError, match="do not say what integral_1 is"):
        found(means, solve, np.zeros(1), 1e-6)
