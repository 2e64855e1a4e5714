"""Pulses in time between the instants at which slabs meet their equations."""

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
from kanpde.marching.pulses import Pulses
from kanpde.problem.problem import Problem

START = {"part": "initial", "equation": "u = 0"}


def problem(equation: str, *conditions: dict[str, Any], line: bool = True) -> Problem:
    tree = {
        "name": "pulses",
        "unknowns": ["u"],
        "time": {"interval": [0, 1]},
        "equations": [equation],
        "conditions": list(conditions),
        **({"domain": {"interval": [0, 1]}} if line else {}),
    }
    return Problem.create(validate_problem(tree, "test"))


def pulse(width: float, at: float = 0.3137) -> str:
    """A pulse of time whose integral is one."""
    return f"exp(-((t - {at})/{width})**2)/({width}*sqrt(pi))"


def on_a_line(posed: Problem, x: list[float]) -> np.ndarray[Any, Any]:
    """u at the end."""
    line = evolution(posed)
    assert line is not None
    marched = march_on_a_line(line, 1e-2, lambda: False)
    assert marched.ended is None
    points = torch.tensor([[place, 1.0] for place in x], dtype=torch.float64)
    return np.asarray(as_run(line, marched).trial.evaluate(points).numpy()[:, 0])


def test_a_pulse_of_a_source_on_a_line_is_not_missed() -> None:
    ends = {"part": ["left", "right"], "equation": "dn(u) = 0"}
    posed = problem(f"dt(u) = dxx(u) + {pulse(1e-4)}", START, ends)
    assert on_a_line(posed, [0.2, 0.9]) == pytest.approx([1.0, 1.0], abs=1e-2)


def test_a_pulse_of_data_at_an_end_is_not_missed() -> None:
    sides = {"part": "left", "equation": f"dn(u) = {pulse(1e-3)}"}
    posed = problem("dt(u) = dxx(u)", START, sides, {"part": "right", "equation": "dn(u) = 0"})
    assert on_a_line(posed, [0.5]) == pytest.approx([1.0], abs=1e-2)


@pytest.mark.parametrize("width", [1e-4, 2e-6])
def test_a_pulse_of_a_coefficient_is_not_missed(width: float) -> None:
    start = {"part": "initial", "equation": "u = 1"}
    posed = statement(problem(f"dt(u) = -u*{pulse(width)}", start, line=False))
    marched = march(posed, 1e-6, lambda: False)
    assert marched.ended is None
    ends = Series.of(marched.pieces, posed.orders)(np.array([1.0]))[0]
    assert ends == pytest.approx([np.exp(-1)], abs=1e-5)


def pulses(source: str) -> Pulses:
    ends = {"part": ["left", "right"], "equation": "u = 0"}
    line = evolution(problem(f"dt(u) = dxx(u) + {source}", START, ends))
    assert line is not None
    return line.pulses


def test_what_slabs_follow_or_never_can_is_not_looked_at() -> None:
    assert not pulses("sin(pi*x)*u + t").formulas
    assert not pulses("where(x < t, 1, 0)").formulas
    assert pulses("where(t < 0.5, 1, 0)*u").formulas


def test_a_slab_hides_what_its_polynomial_does_not_follow() -> None:
    nodes = np.array([0.0, 0.5, 1.0])

    def parabola(at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.stack([(1 - at) * (1 - 2 * at), 4 * at * (1 - at), at * (2 * at - 1)], axis=1)

    wave = pulses("sin(6*t)")
    assert wave.hidden(0.0, 0.5, nodes, parabola, 0)
    assert not wave.hidden(0.0, 0.02, nodes, parabola, 0)
    narrow = pulses(pulse(2e-6))
    assert narrow.hidden(0.31368, 5e-5, nodes, parabola, 0)
    assert not narrow.hidden(0.4, 5e-5, nodes, parabola, 0)
