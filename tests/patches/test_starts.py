"""Where nonlinear solves begin: starts of files, the way to a parameter, several solutions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.errors import ConfigError
from kanpde.patches import deflation
from kanpde.patches.deflation import _share
from kanpde.patches.linearisation import Uniform

MIDDLE = np.array([[0.5]])
LOW, HIGH = 0.328952421, 2.895531
"""u(1/2) of both solutions of u'' + 2 exp(u) = 0, by 2 log cosh(θ/4) with θ = √4 cosh(θ/4)."""


def bratu(**keys: Any) -> dict[str, Any]:
    """A file without a trial solution."""
    problem = {
        "name": "bratu",
        "unknowns": "u",
        "domain": {"interval": [0, 1]},
        "parameters": {"k": 2.0},
        "equations": "dxx(u) + k*exp(u) = 0",
        "conditions": [{"part": ["left", "right"], "equation": "u = 0"}],
    }
    return {"problem": problem, "output": {"vtu": False, "plots": False}, **keys}


def middle(**keys: Any) -> float:
    """u(1/2) of a solve."""
    solution = kanpde.solve(bratu(**keys))
    assert solution.result.exit_code == 0
    return float(solution(MIDDLE)[0, 0])


def test_without_a_start_the_lower_solution_is_found_and_a_formula_leads_to_the_upper_one() -> None:
    assert middle() == pytest.approx(LOW, abs=1e-7)
    assert middle(start={"u": {"formula": "12*x*(1 - x)"}}) == pytest.approx(HIGH, abs=1e-4)


def test_a_table_is_a_start() -> None:
    table = "x,u\n0,0\n0.25,2\n0.5,3\n0.75,2\n1,0\n"
    assert middle(start={"u": {"values": table}}) == pytest.approx(HIGH, abs=1e-4)


def test_several_solutions_are_kept_beside_each_other_and_start_others(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    solution = kanpde.solve(bratu(solutions=2), out=folder)
    values = [float(each(MIDDLE)[0, 0]) for each in (solution, *solution.branches)]
    assert values == pytest.approx([LOW, HIGH], abs=1e-4)
    assert solution.result.exit_code == 0
    kept = kanpde.load(folder)
    assert [entry["folder"] for entry in kept.result.as_dict()["solutions"]] == [".", "branches/2"]
    upper = folder / "branches" / "2"
    assert float(kanpde.load(upper)(MIDDLE)[0, 0]) == values[1]
    further = middle(start={"u": {"run": str(upper)}}, continuation={"k": [1.9, 2.0]})
    assert further == pytest.approx(HIGH, abs=1e-4)


def test_fewer_solutions_than_were_asked_for_are_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """u'' = u + u³ - 1 has one alone: its right side grows with u."""
    monkeypatch.setattr(deflation, "_plain_starts", lambda *_: iter([Uniform(1.0)]))
    monkeypatch.setattr(deflation, "MOST_STEPS", 5)
    problem = {**bratu()["problem"], "equations": "dxx(u) = u + u**3 - 1"}
    solution = kanpde.solve(bratu(problem=problem, solutions=2))
    assert solution.result.exit_code == 8
    warnings = solution.result.verdict.warnings
    assert any("2 solutions were asked for, found 1" in each for each in warnings)


def test_one_network_begins_with_a_start() -> None:
    keys = {"trial": {"width": [8], "intervals": [1, 8], "degree": [3, 7]}}
    start = {"u": {"formula": "12*x*(1 - x)"}}
    assert float(kanpde.solve(bratu(**keys))(MIDDLE)[0, 0]) == pytest.approx(LOW, abs=1e-3)
    solution = kanpde.solve(bratu(start=start, **keys))
    assert float(solution(MIDDLE)[0, 0]) == pytest.approx(HIGH, abs=1e-2)


def test_a_formula_without_a_value_at_zero_begins_with_the_conditions() -> None:
    """Of three states of a reactor the cold one is near its walls; 1 leads to another."""
    problem = {
        **bratu()["problem"],
        "equations": "dxx(u) + 30*exp(-1/u) = 0",
        "conditions": [{"part": ["left", "right"], "equation": "u = 0.1"}],
    }
    assert middle(problem=problem) == pytest.approx(0.100172, abs=1e-5)


def test_a_deflated_step_leads_away_from_what_is_known() -> None:
    """On u - 1 = 0 with the solution 1 known every step of Newton's method ends there: backwards."""
    norm = lambda values: float(np.abs(values).max())  # noqa: E731
    values, known = np.array([[1.1]]), np.array([[1.0]])
    assert _share(values, known - values, [known], 1.0, norm) < 0
    far = _share(np.array([[-9.0]]), np.array([[1.0]]), [np.array([[99.0]])], 1.0, norm)
    assert far == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"start": {"v": {"formula": 1}}}, "start.v: unknown key"),
        ({"start": {"u": {}}}, "must hold one of formula, run .* found none"),
        ({"start": {"u": {"formula": 1, "name": "u"}}}, "name: belongs to a table"),
        ({"start": {"u": {"formula": "u + x"}}}, "must be a formula of the coordinates"),
        ({"start": {"u": {"run": "nowhere"}}}, "not a run folder"),
        ({"continuation": {"k": [1, 3]}}, "must end with the value that .* give k, 2, found 3"),
        ({"continuation": {"q": [1]}}, "continuation.q: unknown key"),
        ({"solutions": 0}, "solutions: must be an integer from 1 to 20"),
        ({"solutions": 2, "trial": {"width": [8]}}, "remove trial and schedule"),
    ],
)
def test_what_is_wrong_with_a_start_is_said(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        kanpde.solve(bratu(**keys))


def test_a_march_has_no_other_start() -> None:
    problem = {
        "unknowns": "u",
        "time": {"from": 0, "to": 1},
        "equations": "dt(u) = u",
        "conditions": [{"part": "initial", "equation": "u = 1"}],
    }
    with pytest.raises(ConfigError, match="is marched from its initial values"):
        kanpde.solve({"problem": problem, "solutions": 2})
