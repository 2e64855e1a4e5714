"""A comparison on a file without a trial: what the program chooses beside patches of MLPs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kanpde
from kanpde.api.rivals import as_many, matching_cells
from kanpde.errors import ConfigError
from kanpde.results.comparison import Comparison, Entry
from kanpde.results.comparison_table import comparison_header, comparison_rows

LINE = {
    "name": "line",
    "unknowns": ["u"],
    "domain": {"interval": {"lower": 0, "upper": 1}},
    "equations": ["-dxx(u) + u = 0"],
    "conditions": [
        {"part": "left", "equation": "u = 1"},
        {"part": "right", "equation": "u = exp(1)"},
    ],
    "exact": {"u": "exp(x)"},
}
TREE = {"problem": LINE, "output": {"vtu": False, "plots": False}}
TWO = {"modes": ["equal_parameters", "equal_time"]}


def test_both_sides_are_searched_for_and_estimated_in_the_same_way(tmp_path: Path) -> None:
    compared = kanpde.compare(TREE, compare=TWO, out=tmp_path / "run")
    assert [entry.mode for entry in compared.entries[::2]] == TWO["modes"]
    assert [entry.kind for entry in compared.entries] == ["kan", "mlp"] * 2
    for entry in compared.entries:
        error, estimate = (entry.worst_of(key) for key in ("relative_l2", "estimate"))
        assert error is not None and estimate is not None and error < 10 * estimate
    kan, mlp = compared.entries[:2]
    assert abs(mlp.parameters - kan.parameters) <= 0.1 * kan.parameters
    assert "tolerance 1e-06" in comparison_header(compared)
    assert comparison_rows(compared)[0][1].startswith("KAN, ")
    assert len(compared.verdicts()) == 2


def test_a_tolerance_and_patches_are_compared_and_other_trials_as_before() -> None:
    modes = {"modes": ["equal_parameters"]}
    given = kanpde.compare(TREE, trial={"patches": {"cells": 2}}, tolerance=1e-4, compare=modes)
    assert given.tolerance == 1e-4
    with pytest.raises(ConfigError, match="tolerance: not in a comparison"):
        kanpde.compare(TREE, trial={"width": [4]}, tolerance=1e-4)


def test_an_mlp_on_the_cells_of_a_kan_has_as_many_outer_parameters() -> None:
    trial = kanpde.solve(TREE, trial={"patches": {}}).trial
    degrees = matching_cells(trial)
    ends = [degree + 2 for degree in degrees.values()]
    assert abs(sum(p + 1 for p in ends) - trial.parameter_count) <= len(ends)
    assert as_many(121, 2) == 14  # C(16, 2) = 120


def test_without_an_exact_solution_estimates_decide_and_one_that_cannot_be_told_loses() -> None:
    result = {
        "trial": {"kind": "kan", "shape": [1, 4, 1], "parameters": 9, "patches": 2},
        "seconds": 1.0,
        "seed": 0,
        "relative_l2": {"u": None},
        "estimate": {"u": 1e-7},
    }
    lost = {**result, "trial": {**result["trial"], "kind": "mlp"}, "estimate": {"u": None}}
    pair = tuple(Entry("best", each) for each in (result, lost))
    compared = Comparison("line", pair, 1e-6)
    assert compared.measure == "estimate"
    (verdict,) = compared.verdicts()
    assert (
        verdict.sentence() == "each at its best: the KAN wins, the error of the MLP cannot be told"
    )
    neither = Comparison(
        "line", tuple(Entry("best", {**e.result, "estimate": {"u": None}}) for e in pair), 1e-6
    )
    assert "neither" in neither.verdicts()[0].sentence()
    assert np.isinf(neither.value(neither.entries[0]))


@pytest.mark.parametrize(("parameters", "told"), [(9, False), (900, True)])
def test_parameters_that_could_not_be_made_equal_are_told(parameters: int, told: bool) -> None:
    kan = {
        "trial": {"kind": "kan", "shape": [1, 4, 1], "parameters": parameters},
        "seconds": 1.0,
        "seed": 0,
        "relative_l2": {"u": 1e-9},
    }
    mlp = {**kan, "trial": {**kan["trial"], "kind": "mlp", "parameters": 8}}
    pair = tuple(Entry("equal_parameters", each) for each in (kan, mlp))
    (verdict,) = Comparison("line", pair, 1e-6).verdicts()
    assert ("(KAN 900, MLP 8: as near as each could come)" in verdict.sentence()) == told
