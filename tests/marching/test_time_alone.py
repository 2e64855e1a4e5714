"""Problems of time alone: `time` without a `domain`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.errors import ConfigError

END = np.array([[2.0]])


def problem(**keys: Any) -> dict[str, Any]:
    """q'' + q = 0 to t = 2 from rest at 1."""
    plain = {
        "name": "oscillator",
        "unknowns": ["q"],
        "time": {"from": 0, "to": 2},
        "equations": ["dtt(q) + q = 0"],
        "conditions": [{"part": "initial", "equation": ["q = 1", "dt(q) = 0"]}],
    }
    return {"problem": plain | keys}


def test_an_initial_value_problem_is_marched_and_written_as_a_table(tmp_path: Path) -> None:
    solution = kanpde.solve(problem(), out=tmp_path / "run")
    assert solution.trial.slab_ends
    assert float(solution(END)[0, 0]) == pytest.approx(math.cos(2.0), abs=1e-9)
    header, *rows = (tmp_path / "run" / "field.csv").read_text().splitlines()
    assert header.split(",")[:2] == ["t", "q"]
    t, q = map(float, rows[len(rows) // 2].split(",")[:2])
    assert q == pytest.approx(math.cos(t), abs=1e-9)
    assert (tmp_path / "run" / "figures" / "solution.png").is_file()
    again = kanpde.load(tmp_path / "run")
    assert np.array_equal(again(END), solution(END))


def test_conditions_at_both_ends_are_a_boundary_value_problem() -> None:
    """A pendulum from -1 to 1: odd around the middle."""
    tree = problem(
        equations=["dtt(q) + sin(q) = 0"],
        conditions=[
            {"part": "initial", "equation": "q = -1"},
            {"part": "final", "equation": "q = 1"},
        ],
    )
    solution = kanpde.solve({**tree, "output": {"vtu": False, "plots": False}})
    assert solution.result.exit_code == 0
    assert float(solution(np.array([[1.0]]))[0, 0]) == pytest.approx(0.0, abs=1e-7)


def test_an_algebraic_equation_beside_a_differential_one() -> None:
    """p' = -z, z = p: an index of 1."""
    tree = problem(
        unknowns=["p", "z"],
        equations=["dt(p) = -z", "z = p"],
        conditions=[{"part": "initial", "equation": "p = 1"}],
    )
    solution = kanpde.solve(tree)
    assert solution(END)[0] == pytest.approx([math.exp(-2.0)] * 2, abs=1e-9)


def test_a_problem_stated_in_python_needs_no_domain() -> None:
    stated = kanpde.Problem(
        unknowns="q",
        time={"from": 0, "to": 2},
        equations=lambda q: q.t + q,
        conditions={"initial": "q = 1"},
    )
    assert float(kanpde.solve(stated)(END)[0, 0]) == pytest.approx(math.exp(-2.0), abs=1e-9)


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ({"from": 0}, "missing key 'to'"),
        ({"from": 0, "to": 1, "interval": [0, 1]}, "either from and to, or interval"),
        ({"from": 2, "to": 1}, "lower must be less than upper"),
    ],
)
def test_what_is_wrong_with_an_interval_of_time_is_said(time: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        kanpde.solve(problem(time=time))


def test_neither_a_domain_nor_time_is_a_missing_domain() -> None:
    with pytest.raises(ConfigError, match="missing key 'domain'"):
        kanpde.solve(problem(time=None))
