"""Initial value problems: what is one, what its march gives, and what it says of its error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.config import validate_problem
from kanpde.errors import ConfigError
from kanpde.marching.ordinary.collocation import Piece, rule
from kanpde.marching.ordinary.pieces import Series, trial
from kanpde.marching.ordinary.statement import is_ordinary, statement
from kanpde.problem.problem import Problem
from kanpde.progress import StopReason


def posed(
    equations: list[str],
    conditions: list[dict[str, Any]],
    unknowns: str = "u",
    upper: float = 1.0,
    **more: Any,
) -> dict[str, Any]:
    return {
        "problem": {
            "name": "posed",
            "unknowns": list(unknowns),
            "domain": {"box": {"lower": [0], "upper": [upper], "inputs": ["t"]}},
            "equations": equations,
            "conditions": conditions,
            **more,
        },
        "output": {"vtu": False, "plots": False},
    }


def problem_of(tree: dict[str, Any]) -> Problem:
    return Problem.create(validate_problem(tree["problem"], "test"))


def initial(*equations: str, part: str = "left") -> list[dict[str, Any]]:
    return [{"part": part, "equation": list(equations)}]


def test_the_rule_integrates_polynomials_and_has_radau_points() -> None:
    table = rule(5)
    assert table.nodes[-1] == 1.0
    for degree in range(5):
        values = table.nodes**degree
        for folds in range(min(3, 6 - degree)):
            exact = table.nodes ** (degree + folds)
            for step in range(1, folds + 1):
                exact = exact / (degree + step)
            assert np.allclose(table.at_nodes[folds] @ values, exact, atol=1e-14)
    # order 2s - 1 of the quadrature that ends a slab
    weights = table.at_nodes[1][-1]
    for degree in range(9):
        assert math.isclose(weights @ table.nodes**degree, 1 / (degree + 1), rel_tol=1e-13)


@pytest.mark.parametrize("slope", [0.0, -2.0])
def test_the_kans_are_the_polynomials_of_the_march(slope: float) -> None:
    rng = np.random.default_rng(1)
    orders = (2, 1, 0)
    state = (np.array([0.3, slope]), np.array([1.5]), np.array([]))
    piece = Piece(0.5, 0.25, state, rng.normal(size=(3, 6)))
    at = np.linspace(0.0, 1.0, 21)
    wanted = piece.values(at, orders).T
    series = Series.of([piece], orders)
    assert np.allclose(series(0.5 + 0.25 * at), wanted, atol=1e-13)
    import torch

    solution = trial(series)
    assert np.allclose(
        solution.evaluate(torch.tensor(0.5 + 0.25 * at)[:, None]).numpy(), wanted, atol=1e-13
    )
    back = Piece(0.5, -0.25, state, piece.top)
    assert np.allclose(
        Series.of([back], orders)(0.5 - 0.25 * at), back.values(at, orders).T, atol=1e-13
    )


@pytest.mark.parametrize(
    ("tree", "is_one"),
    [
        (posed(["d(u, t) = -u"], initial("u = 1"), free=["right"]), True),
        (posed(["d(u, t) = -u"], initial("u = 1", part="right"), free=["left"]), True),
        (posed(["d(u, t, t) = -u"], initial("u = 1", "d(u, t) = 0"), free=["right"]), True),
        (
            posed(
                ["d(u, t, t) = -u"],
                [{"part": "left", "equation": "u = 1"}, {"part": "right", "equation": "u = 1"}],
            ),
            False,
        ),
    ],
)
def test_conditions_at_one_end_make_an_initial_value_problem(
    tree: dict[str, Any], is_one: bool
) -> None:
    assert is_ordinary(problem_of(tree)) is is_one


def test_nonlinear_and_mixed_conditions_give_the_initial_values() -> None:
    tree = posed(
        ["d(u, t, t) = -u", "d(v, t) = u"],
        initial("u + d(u, t) = 3", "u - d(u, t) = 1", "exp(v) = u"),
        unknowns="uv",
        free=["right"],
    )
    values = statement(problem_of(tree)).initial
    assert np.allclose(values[0], [2.0, 1.0])
    assert np.allclose(values[1], [math.log(2.0)])


def test_a_condition_that_stands_twice_is_refused() -> None:
    tree = posed(
        ["d(u, t, t) = -u"], initial("u + d(u, t) = 3", "2*u + 2*d(u, t) = 6"), free=["right"]
    )
    with pytest.raises(ConfigError, match="do not determine the values there"):
        statement(problem_of(tree))


@pytest.mark.parametrize(
    ("equations", "conditions", "unknowns", "upper", "exact"),
    [
        (["d(u, t) = u*(1 - u)"], ["u = 1e-4"], "u", 30, lambda t: 1 / (1 + 9999 * np.exp(-t))),
        (["d(u, t, t) = -25*u"], ["u = 1", "d(u, t) = 0"], "u", 4, lambda t: np.cos(5 * t)),
        # stiff: ten thousand times faster than what it follows
        (["d(u, t) = -1e4*(u - cos(t)) - sin(t)"], ["u = 1"], "u", 10, np.cos),
        (["d(u, t)**2 = 4*u", "d(v, t) = 2*t"], ["u = 1", "v = 0"], "uv", 1, None),
        # algebraic: v is what the second equation says
        (["d(u, t) = v", "0 = u + v"], ["u = 2"], "uv", 2, lambda t: 2 * np.exp(-t)),
        # a jump on the right-hand side, at no special place
        (
            ["d(u, t) = 1 + (t - 0.37)/abs(t - 0.37)"],
            ["u = 0"],
            "u",
            1,
            lambda t: 2 * np.maximum(0, t - 0.37),
        ),
        # a peak between the points of any slab
        (
            ["d(u, t) = exp(-((t - 0.6180339)/1e-3)**2)/1e-3"],
            ["u = 0"],
            "u",
            1,
            lambda t: (
                np.sqrt(np.pi) / 2 * (1 + np.array([math.erf(v) for v in (t - 0.6180339) * 1e3]))
            ),
        ),
    ],
)
def test_the_error_is_within_three_estimates(
    equations: list[str], conditions: list[str], unknowns: str, upper: float, exact: Any
) -> None:
    tree = posed(equations, initial(*conditions), unknowns, upper, free=["right"])
    solution = kanpde.solve(tree)
    if exact is None:
        return
    t = np.linspace(0, upper, 1001)
    away = np.linalg.norm(solution(t[:, None])[:, 0] - exact(t)) / np.linalg.norm(exact(t))
    assert solution.stop_reason is StopReason.ACCURATE
    assert solution.result.estimate is not None
    assert away <= 3 * solution.result.estimate + 1e-15
    assert solution.result.estimate <= 1e-6


def test_conditions_at_the_right_end_are_marched_from() -> None:
    tree = posed(["d(u, t) = 2*t*u"], initial("u = exp(1)", part="right"), free=["left"])
    solution = kanpde.solve(tree)
    t = np.linspace(0, 1, 101)
    assert np.allclose(solution(t[:, None])[:, 0], np.exp(t**2), atol=1e-8)


def test_growth_beyond_all_digits_is_told() -> None:
    """exp(-10 t) beside exp(10 t): rounding at the start is larger than u at the end."""
    tree = posed(["d(u, t, t) = 100*u"], initial("u = 1", "d(u, t) = -10"), upper=8, free=["right"])
    solution = kanpde.solve(tree)
    assert solution.stop_reason is StopReason.UNREACHED
    assert solution.result.estimate is not None
    assert solution.result.estimate > 1e-2


def test_a_solution_that_blows_up_ends_there() -> None:
    tree = posed(["d(u, t) = u**2"], initial("u = 1"), upper=2, free=["right"])
    solution = kanpde.solve(tree)
    assert solution.stop_reason is StopReason.UNREACHED
    assert solution.result.estimate is None
    assert 0.99 < float(solution.problem.domain.upper[0]) <= 1.0


def test_a_run_is_saved_loaded_and_resumed_to_the_same_bits(tmp_path: Any) -> None:
    tree = posed(["d(u, t) = -u*t"], initial("u = 1"), upper=3, free=["right"])
    solution = kanpde.solve(tree, out=tmp_path / "run")
    t = np.linspace(0, 3, 50)[:, None]
    loaded = kanpde.load(tmp_path / "run")
    assert np.array_equal(loaded(t), solution(t))
    assert loaded.result.estimate == solution.result.estimate
    assert np.array_equal(kanpde.resume(tmp_path / "run")(t), solution(t))
    solution.export(tmp_path / "u.csv")


def test_a_given_trial_is_taken() -> None:
    tree = posed(["d(u, t) = -u"], initial("u = 1"), free=["right"])
    solution = kanpde.solve(tree, trial={"width": [], "degree": [5], "intervals": [8]})
    assert not solution.trial.slab_ends


def test_where_a_march_ended_stands_in_the_verdict() -> None:
    """u' = u² with u(0) = 1 has no value from t = 1 on."""
    problem = {
        "name": "explodes",
        "unknowns": ["u"],
        "domain": {"interval": {"lower": 0, "upper": 2}},
        "equations": ["dx(u) = u**2"],
        "conditions": [{"part": "left", "equation": "u = 1"}],
        "free": ["right"],
    }
    solution = kanpde.solve({"problem": problem, "seconds": 20})
    assert solution.result.exit_code == 8
    assert any("its field ends at x =" in warning for warning in solution.result.verdict.warnings)
