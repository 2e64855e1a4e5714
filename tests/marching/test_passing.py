"""What solutions pass through between the points of a march: terms that are narrow in the unknowns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from kanpde.config import validate_problem
from kanpde.marching.lines.search import as_run
from kanpde.marching.lines.statement import evolution
from kanpde.marching.lines.steps import march as march_on_a_line
from kanpde.marching.ordinary.pieces import Series
from kanpde.marching.ordinary.statement import statement
from kanpde.marching.ordinary.steps import march
from kanpde.problem.problem import Problem

PLACE = 0.61371


def trigger(width: float) -> str:
    """A pulse of u whose integral is one."""
    return f"exp(-((u - {PLACE})/{width})**2)/({width}*sqrt(pi))"


def problem(equations: list[str], starts: list[str], **keys: Any) -> Problem:
    initial = {"part": "initial", "equation": starts}
    tree = {
        "name": "passing",
        "unknowns": ["u", "v"],
        "time": {"interval": [0, 1]},
        "equations": equations,
        "conditions": [initial, *keys.pop("conditions", ())],
    }
    return Problem.create(validate_problem(tree | keys, "test"))


def marched(posed: Problem, error: float = 1e-6) -> Series:
    initial = statement(posed)
    return Series.of(march(initial, error, lambda: False).pieces, initial.orders)


def test_a_pulse_in_the_unknown_is_not_missed_in_time() -> None:
    posed = problem(["dt(u) = 1", f"dt(v) = {trigger(1e-5)}"], ["u = 0", "v = 0"])
    ends = marched(posed)(np.array([PLACE, 1.0]))[:, 1]
    assert ends == pytest.approx([0.5, 1.0], abs=1e-6)


def test_a_window_between_two_switches_is_not_missed() -> None:
    window = "1000*heaviside(u - 0.61371)*heaviside(0.61471 - u)"
    posed = problem(["dt(u) = 1", f"dt(v) = {window}"], ["u = 0", "v = 1"])
    assert marched(posed)(np.ones(1))[0, 1] == pytest.approx(2.0, abs=1e-5)


def on_a_line(posed: Problem, x: float, error: float) -> float:
    """v at the end."""
    line = evolution(posed)
    assert line is not None
    run = as_run(line, march_on_a_line(line, error, lambda: False))
    assert run.ended is None
    return float(run.trial.evaluate(torch.tensor([[x, line.times[1]]], dtype=torch.float64))[0, 1])


def test_a_pulse_in_the_unknown_is_not_missed_in_time_on_a_line() -> None:
    ends = [{"part": ["left", "right"], "equation": ["dx(u) = 0", "dx(v) = 0"]}]
    posed = problem(
        ["dt(u) = dxx(u) + 1", f"dt(v) = dxx(v) + {trigger(1e-3)}"],
        ["u = 0", "v = 1"],
        domain={"interval": [0, 1]},
        conditions=ends,
    )
    assert on_a_line(posed, 0.3, 1e-4) == pytest.approx(2.0, abs=1e-3)


def test_a_condition_that_acts_at_one_value_is_not_missed() -> None:
    ends = [
        {"part": "left", "equation": ["dx(u) = 0", f"-dx(v) = {trigger(1e-3)}"]},
        {"part": "right", "equation": ["dx(u) = 0", "dx(v) = 0"]},
    ]
    posed = problem(
        ["dt(u) = dxx(u) + 1", "dt(v) = dxx(v)"],
        ["u = 0", "v = 1"],
        domain={"interval": [0, 1]},
        conditions=ends,
    )
    n = np.arange(1, 4)  # what came in at the end for a moment has spread since
    spread = 2 * np.exp(-((n * np.pi) ** 2) * (1 - PLACE)) @ np.cos(n * np.pi * 0.3)
    assert on_a_line(posed, 0.3, 1e-4) == pytest.approx(2.0 + spread, abs=1e-3)


def test_a_pulse_in_the_unknown_is_not_missed_in_space_on_a_line() -> None:
    ends = [
        {"part": "left", "equation": ["u = 0", "v = 0"]},
        {"part": "right", "equation": ["u = 1", "v = 0"]},
    ]
    posed = problem(
        ["dt(u) = dxx(u)", f"dt(v) = dxx(v) + {trigger(1e-3)}"],
        ["u = x", "v = 0"],
        domain={"interval": [0, 1]},
        time={"interval": [0, 2]},
        conditions=ends,
    )
    steady = PLACE * (1 - 0.8)  # Green's function
    assert on_a_line(posed, 0.8, 1e-5) == pytest.approx(steady, abs=1e-3)
