"""What the program chooses for a file with neither trial nor schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kanpde
from kanpde.api.choice import chosen_plan
from kanpde.api.patch_plan import Patches
from kanpde.api.plans import OneNetwork, Search
from kanpde.config import validate
from kanpde.progress import StopReason

SQUARE: dict[str, Any] = {
    "name": "own",
    "unknowns": ["u"],
    "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
    "equations": ["-laplacian(u) = 1 + x"],
    "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}],
}
SPLINE: dict[str, Any] = {
    "name": "line",
    "unknowns": ["u"],
    "domain": {"hypercube": {"dimension": 4, "lower": 0, "upper": 1}},
    "equations": ["-laplacian(u) = 8"],
    "conditions": [{"part": "boundary", "equation": "u = 0"}],
}


def config(problem: dict[str, Any], **keys: Any) -> kanpde.Config:
    return validate({"problem": problem, **keys}, source="test")


def test_a_plane_problem_is_solved_on_patches_to_the_default_tolerance() -> None:
    solution = kanpde.solve({"problem": SQUARE})
    assert solution.stop_reason is StopReason.ACCURATE and solution.result.exit_code == 0
    assert solution.result.tolerance == 1e-6 and solution.result.estimate <= 1e-6
    assert "by default" in solution.result.verdict.sentences[0]


@pytest.mark.parametrize(
    "keys",
    (
        {"trial": {"width": [20]}},
        {"schedule": [{"optimizer": "least_squares"}]},
        {"sampler": {"interior": 300}},
    ),
)
def test_what_a_file_fixes_is_kept(keys: dict[str, Any]) -> None:
    assert not config(SQUARE, **keys).chooses
    assert config(SQUARE).chooses and config(SQUARE, tolerance=1e-8).chooses


def test_a_chosen_config_survives_a_file(tmp_path: Path) -> None:
    chosen = config(SQUARE, tolerance=1e-4)
    assert validate(chosen.as_tree(), source="again") == chosen


def test_the_way_follows_from_the_problem() -> None:
    assert isinstance(chosen_plan(config(SQUARE)), Patches)
    single = config(SQUARE, dtype="float32")
    assert isinstance(chosen_plan(single), Search) and chosen_plan(single).config.tolerance == 1e-3
    energy = {key: value for key, value in SQUARE.items() if key != "equations"}
    energy["energy"] = "(dx(u)**2 + dy(u)**2)/2 - u"
    assert isinstance(chosen_plan(config(energy)), OneNetwork)


def test_a_chosen_run_loads_with_its_verdict(tmp_path: Path) -> None:
    solution = kanpde.solve({"problem": SQUARE, "tolerance": 1e-3}, out=tmp_path / "run")
    loaded = kanpde.load(tmp_path / "run")
    assert loaded.result.estimate == solution.result.estimate
    assert loaded.stop_reason is solution.stop_reason is StopReason.TOLERANCE
