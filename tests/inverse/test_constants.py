"""Constants from measured values: least squares, what they leave open, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from kanpde import api
from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.unknowns import UnknownParameter
from kanpde.errors import ConfigError, NumericalError
from kanpde.inverse.constants import Numbers
from kanpde.inverse.forward import (
    FAILURES,
    Accuracy,
    InTime,
    OnALine,
    OnPatches,
    at_constants,
    forward_of,
)
from kanpde.inverse.least_squares import Array, differences, fit
from kanpde.inverse.measured import Measured
from kanpde.inverse.search import determine
from kanpde.inverse.uncertainty import moved, sentence, uncertainty
from kanpde.problem.problem import Problem
from kanpde.progress import Silent

TIMES = np.linspace(0.25, 4.0, 16)
BARE = {"output": {"vtu": False, "plots": False}}


def table(head: str, *columns: Array) -> str:
    rows = np.column_stack(columns).tolist()
    return "\n".join([head, *(",".join(map(repr, row)) for row in rows)]) + "\n"


def decay(values: Array, rate: str = "k", noise: float | None = None, **constants: Any) -> Any:
    """u' = -k u from u = 1, with values measured at TIMES."""
    given = {} if noise is None else {"noise": noise}
    measured = {"values": table("t,m", TIMES, np.asarray(values)), "equation": "u = m", **given}
    return {
        "problem": {
            "name": "decay",
            "unknowns": ["u"],
            "domain": {"box": {"lower": [0], "upper": [4], "inputs": ["t"]}},
            "unknown_parameters": constants or {"k": 1.0},
            "equations": [f"d(u, t) = -{rate}*u"],
            "conditions": [{"part": "left", "equation": "u = 1"}, measured],
            "free": ["right"],
        },
        **BARE,
    }


def noisy(rate: float, size: float, seed: int = 1) -> Array:
    rng = np.random.default_rng(seed)
    return np.asarray(np.exp(-rate * TIMES) + size * rng.normal(size=len(TIMES)))


# Least squares
# --------------------------------------------------------------------------------------------------


def model(measured: Array) -> Any:
    """Rows of A exp(-k t), by s = (log A, log k)."""
    return lambda s: np.exp(s[0] - np.exp(s[1]) * TIMES) - measured


def even(s: Array) -> Array:
    return np.full(len(s), 1e-6)


def test_least_squares_find_numbers_that_are_decades_away() -> None:
    point = fit(model(5 * np.exp(-0.5 * TIMES)), np.zeros(2) - 3, even, np.ones_like, 60)
    assert point is not None and point.total < 1e-18
    assert np.exp(point.s) == pytest.approx([5.0, 0.5], rel=1e-8)


def test_rows_that_are_enough_are_not_improved() -> None:
    rows = model(5 * np.exp(-0.5 * TIMES))
    start = np.log([4.9, 0.5])
    point = fit(rows, start, even, np.ones_like, 60, enough=1.0)
    assert point is not None and np.array_equal(point.s, start)


def test_where_there_are_no_rows_nothing_is_fitted() -> None:
    assert fit(lambda s: None, np.zeros(1), even, np.ones_like, 5) is None
    half = lambda s: None if s[0] > 0 else np.array([s[0]])  # noqa: E731
    slope = differences(half, np.zeros(1), np.zeros(1), np.array([1e-3]))
    assert slope == pytest.approx(np.ones((1, 1)))  # by a step to the side that has some


def test_a_number_moves_by_three_of_its_units_at_most_in_a_step() -> None:
    seen: list[float] = []

    def rows(s: Array) -> Array:
        seen.append(float(s[0]))
        return np.array([1e3 - s[0]])

    fit(rows, np.ones(1), even, np.ones_like, 2)
    assert max(abs(a - b) for a, b in pairwise(seen)) == pytest.approx(3.0)


def test_other_starts_have_the_sign_of_positive_constants_and_either_one_of_others() -> None:
    constants = {
        "k": UnknownParameter(2.0, True),
        "c": UnknownParameter(1.0),
        "z": UnknownParameter(0.0),
    }
    numbers = Numbers.of(constants)
    values = np.array([numbers.values(s) for s in numbers.elsewhere(40)])
    assert (values[:, 0] > 0).all() and (values[:, 1] < 0).any() and (values[:, 1] > 0).any()
    assert np.abs(values).min() < 1e-2 and np.abs(values[:, 0]).max() > 500
    assert numbers.values(numbers.first) == pytest.approx([2.0, 1.0, 0.0])


# Uncertainty
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [True, False])
def test_intervals_hold_the_right_constants_in_95_per_cent_of_repetitions(given: bool) -> None:
    right, rng, hits = np.log([2.0, 0.7]), np.random.default_rng(5), 0
    clean = np.exp(right[0] - np.exp(right[1]) * TIMES)
    for _ in range(400):
        rows = model(clean + 0.02 * rng.normal(size=len(TIMES)))
        point = fit(rows, right, even, np.ones_like, 20)
        assert point is not None
        size = 0.02 if given else np.sqrt(point.total / (len(TIMES) - 2))
        known = uncertainty(point.jacobian / size, np.ones(2), given, np.zeros(len(TIMES)), 1e-9)
        hits += int((np.abs(point.s - right) <= known.reach).sum())
    assert 0.92 <= hits / 800 <= 0.98


def test_a_direction_that_changes_no_row_is_told_with_the_numbers_in_it() -> None:
    column = np.exp(-TIMES)
    jacobian = 10 * np.stack([column, TIMES * column, column], axis=1)
    known = uncertainty(jacobian, np.ones(3), True, np.zeros(len(TIMES)), 1e-6)
    assert known.free == ((0, 2),) and np.isinf(known.reach[[0, 2]]).all()
    assert np.isfinite(known.reach[1])
    assert "only a combination of a and c" in sentence(["a", "c"])


def test_fewer_rows_than_numbers_leave_some_open() -> None:
    known = uncertainty(np.ones((1, 2)), np.ones(2), True, np.zeros(1), 1e-6)
    assert known.free == ((0, 1),)


def test_a_number_that_is_less_sure_than_its_own_size_is_open() -> None:
    known = uncertainty(np.full((4, 1), 0.1), np.ones(1), True, np.zeros(4), 1e-6)
    assert known.free == ((0,),) and "leave k open" in sentence(["k"])


def test_what_solutions_are_wrong_by_widens_intervals() -> None:
    rows, bias = np.ones((4, 1)), np.full(4, 0.5)
    plain = uncertainty(rows, np.ones(1), True, 0 * bias, 1e-6)
    wide = uncertainty(rows, np.ones(1), True, bias, 1e-6)
    assert wide.reach - plain.reach == pytest.approx([0.5])


def test_an_error_that_moves_nothing_by_chance_counts_in_the_worst_direction() -> None:
    rows, bias = np.ones((4, 1)), np.array([1.0, -1.0, 1.0, -1.0])
    assert moved(rows, np.ones(1), bias, 1e-6) == pytest.approx([1 / 3])
    assert moved(rows, np.full(1, 5.0), np.ones(4), 1e-6) == pytest.approx([1.0])


# Measured values
# --------------------------------------------------------------------------------------------------


def measured(values: Array, noise: float | None = None) -> Measured:
    config = api.configure(decay(values, noise=noise))
    return Measured.of(Problem.create(config.problem))


def test_rows_missed_at_random_are_told_from_those_missed_in_one_direction() -> None:
    known = measured(np.exp(-TIMES))
    assert known.is_random(np.random.default_rng(3).normal(size=len(TIMES)))
    assert not known.is_random(np.sin(TIMES))


def test_noise_that_is_not_given_is_what_is_left_after_so_many_constants() -> None:
    rows = np.full(len(TIMES), 0.3)
    assert measured(np.exp(-TIMES)).noise(rows, 4) == pytest.approx([0.3 * np.sqrt(16 / 12)])
    assert measured(np.exp(-TIMES), 0.1).noise(rows, 4) == pytest.approx([1.0])


# Solves
# --------------------------------------------------------------------------------------------------


def test_a_rate_is_found_from_afar_with_an_interval_that_holds_it(tmp_path: Path) -> None:
    tree = decay(noisy(0.5, 0.01), k={"start": 40.0, "positive": True})
    solution = api.solve(tree, out=tmp_path / "run")
    known = solution.parameters["k"]
    assert known.interval_95 is not None and known.interval_95[0] < 0.5 < known.interval_95[1]
    assert known.interval_95[1] - known.interval_95[0] < 0.1
    assert solution.result.exit_code == 0 and solution.result.data["misfit_rms"] < 1.1
    again = api.load(tmp_path / "run")
    assert again.parameters["k"] == known
    at = np.array([[0.5], [3.0]])
    assert np.array_equal(again(at), solution(at))
    assert solution(at)[:, 0] == pytest.approx(np.exp(-0.5 * at[:, 0]), abs=0.02)


def test_constants_of_patches_are_read_back_from_a_run_folder(tmp_path: Path) -> None:
    """-k u'' = 2: the last solve is on patches, which know no unknown constants."""
    sides = {"part": ["left", "right"], "equation": "u = 0"}
    data = {"values": "x,m\n0.5,0.125\n0.25,0.09375\n", "equation": "u = m"}
    problem = {
        "name": "string",
        "unknowns": ["u"],
        "domain": {"interval": [0, 1]},
        "unknown_parameters": {"k": 1.0},
        "equations": ["-k*dxx(u) = 2"],
        "conditions": [sides, data],
    }
    solution = api.solve({"problem": problem}, out=tmp_path / "run")
    again = api.load(tmp_path / "run")
    assert again.parameters["k"] == solution.parameters["k"]
    at = np.array([[0.3], [0.5]])
    assert np.array_equal(again(at), solution(at))


def test_values_without_noise_give_the_digits_of_the_march() -> None:
    solution = api.solve(decay(noisy(0.5, 0.0)))
    assert solution.parameters["k"].value == pytest.approx(0.5, rel=1e-9)


def test_constants_of_values_without_noise_settle() -> None:
    """Steps of rounding are no smaller than errors of rounding, and mean nothing."""
    ends = {"part": "boundary", "equation": "u = x*(1 - x)"}
    x = np.linspace(0.1, 0.9, 9)
    text = "\n".join(f"{a!r},{a * (1 - a)!r}" for a in x.tolist())
    problem = {
        "unknowns": ["u"],
        "domain": {"interval": [0, 1]},
        "unknown_parameters": {"k": {"start": 1.0, "positive": True}},
        "equations": ["-k*dxx(u) = 5"],
        "conditions": [ends, {"values": f"x,measured\n{text}\n", "equation": "u = measured"}],
    }
    solution = api.solve({"problem": problem})
    assert solution.parameters["k"].value == pytest.approx(2.5, rel=1e-8)
    assert solution.result.verdict.warnings == ()


def test_a_product_of_two_constants_is_told_to_be_all_that_is_known() -> None:
    positive = {"start": 1.0, "positive": True}
    solution = api.solve(decay(noisy(0.5, 0.01), rate="a*b", a=positive, b=positive))
    values = {name: known.value for name, known in solution.parameters.items()}
    assert values["a"] * values["b"] == pytest.approx(0.5, rel=0.05)
    assert solution.parameters["a"].interval_95 is None
    assert solution.result.exit_code == 8
    assert any("only a combination of a and b" in text for text in solution.result.verdict.warnings)


def test_equations_that_do_not_describe_the_values_are_told() -> None:
    solution = api.solve(decay(np.asarray(1 / (1 + 0.5 * TIMES**2))))
    assert solution.result.exit_code == 8
    assert any("not by chance" in text for text in solution.result.verdict.warnings)


def test_a_few_noisy_values_are_told_to_need_their_noise() -> None:
    """Of six values the signs of neighbours say nothing of the equations."""
    noise = 0.01 * np.random.default_rng(100).standard_normal(6)
    text = table("t,m", TIMES[:6], np.exp(-0.5 * TIMES[:6]) + noise)
    tree = decay(noisy(0.5, 0.01))
    tree["problem"]["conditions"][1]["values"] = text
    warnings = api.solve(tree).result.verdict.warnings
    assert any("6 are too few to tell" in text and "`noise`" in text for text in warnings)
    tree["problem"]["conditions"][1]["noise"] = 0.01
    assert api.solve(tree).result.exit_code == 0


@pytest.mark.slow
def test_values_missed_by_more_than_their_given_noise_are_told() -> None:
    solution = api.solve(decay(noisy(0.5, 0.05), noise=0.01))
    assert any("times their noise" in text for text in solution.result.verdict.warnings)


def test_constants_without_any_solution_of_the_equations_are_refused() -> None:
    tree = decay(noisy(0.5, 0.01), rate="(sqrt(t - 5) + k)")
    with pytest.raises(NumericalError, match="have no solution at the starts of k"):
        api.solve(tree)


@pytest.mark.parametrize(
    ("keys", "way"),
    [
        (
            {"domain": {"interval": {"lower": 0, "upper": 1}}, "equations": ["-k*dxx(u) = 1"]},
            OnPatches,
        ),
        (
            {
                "domain": {"interval": {"lower": 0, "upper": 1}},
                "time": {"interval": [0, 1]},
                "equations": ["dt(u) = k*dxx(u)"],
            },
            OnALine,
        ),
    ],
)
def test_what_solves_the_equations_at_constants(keys: dict[str, Any], way: type) -> None:
    timed = "time" in keys
    head, row = ("x,t,m", "0.5,0.5,1") if timed else ("x,m", "0.5,1")
    conditions = [
        {"part": ["left", "right"], "equation": "u = 0"},
        {"values": f"{head}\n{row}\n", "equation": "u = m"},
    ]
    conditions += [{"part": "initial", "equation": "u = sin(pi*x)"}] if timed else []
    tree = {"unknowns": ["u"], "unknown_parameters": {"k": 1.0}, "conditions": conditions, **keys}
    config = api.configure({"problem": tree, **BARE})
    assert isinstance(forward_of(config), way)


def test_the_problem_at_constants_has_neither_unknown_constants_nor_measured_values() -> None:
    config = at_constants(api.configure(decay(noisy(0.5, 0.0))), [0.25])
    assert config.problem.parameters["k"] == 0.25 and not config.problem.unknown_parameters
    assert len(config.problem.conditions) == 1
    assert isinstance(forward_of(api.configure(decay(noisy(0.5, 0.0)))), InTime)
    assert ConfigError in FAILURES


class _Shifted(InTime):
    """Solves with a rate that is wrong by less and less."""

    wrong: ClassVar = {Accuracy.ROUGH: 1e-3, Accuracy.FINE: 1e-5, Accuracy.FINER: 1e-7}

    def solve(self, config: Any, accuracy: Accuracy, stopped: Any) -> Any:
        rate = config.problem.parameters["k"] + self.wrong[accuracy]
        problem = replace(config.problem, parameters=FrozenMap({"k": rate}))
        return super().solve(replace(config, problem=problem), Accuracy.FINE, stopped)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_intervals_hold_what_solutions_are_wrong_by(noise: float) -> None:
    """The constant of a finer solution, and what that moved it by, where noise does not hide it."""
    config = api.configure(decay(noisy(0.5, noise)))
    known = determine(config, Silent(), Problem.create(config.problem), _Shifted())
    away, reach = abs(known.s[0] - 0.5), known.uncertainty.reach[0]
    assert away <= reach
    if noise == 0.0:
        assert away < 2e-7 and 5e-6 < reach < 3e-5
    else:
        assert reach < 2.5 * known.uncertainty.errors[0]
