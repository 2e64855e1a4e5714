"""Integrals, means and values at points of a solution, with what they may be wrong by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from patch_helpers import HOLE, SQUARE, problem_of, problem_tree, tree_of

import kanpde
from kanpde.errors import ConfigError
from kanpde.patches.covers import cover_of
from kanpde.patches.integration import of_cells
from kanpde.problem.problem import Problem
from kanpde.results.comparison import Entry
from kanpde.results.numbers import Value, numbers, plain_rules
from kanpde.results.report import result_rows

PRODUCT: dict[str, Any] = {
    "equations": ["laplacian(u) = 0"],
    "conditions": [{"part": "boundary", "equation": "u = x*y"}],
    "parameters": {"k": 3, "a": 0.25},
    "definitions": {"q": "-k*dn(u)", "half": "k/6"},
    "quantities": {
        "flux": "integral(q, right)",
        "middle": "mean(u) - integral(u)/integral(1)",
        "share": "half*at(u, a, 2*a)/mean(u, top)",
        "speed": "sqrt(dx(u)**2 + dy(u)**2)",
    },
}
TRUE = {"flux": -1.5, "middle": 0.0, "share": 0.125}


def test_numbers_of_a_polynomial_are_exact_and_kept(tmp_path: Path) -> None:
    solution = kanpde.solve(tree_of(**PRODUCT), out=tmp_path / "run")
    found = {name: each.value for name, each in solution.quantities.items()}
    assert found == pytest.approx(TRUE, abs=1e-12)
    for each in solution.quantities.values():
        assert each.estimate is not None and each.estimate < 1e-9
    fields = solution.fields(np.array([[0.5, 0.5]]))
    assert "speed" in fields and "flux" not in fields
    written = json.loads((tmp_path / "run" / "result.json").read_text())
    assert written["quantities"]["flux"] == solution.quantities["flux"].as_dict()
    assert dict(result_rows(written))["flux"].startswith("-1.5")
    again = kanpde.load(tmp_path / "run")
    assert again.quantities == solution.quantities
    assert again.problem.config.numbers == solution.problem.config.numbers


def test_the_estimate_of_a_number_is_that_of_levels_and_of_rules() -> None:
    """u = exp(x) cos y, whose flux through the hole is 0 and whose mean over it is u in the middle."""
    stated = problem_tree(
        domain={"difference": [SQUARE, HOLE]},
        equations=["laplacian(u) = 0"],
        conditions=[{"part": "boundary", "equation": "u = exp(x)*cos(y)"}],
        quantities={
            "flux": "integral(dn(u), hole)",
            "mean_u": "mean(u, hole)",
            "area": "integral(1)",
        },
    )
    solution = kanpde.solve({"problem": stated, "trial": {"patches": {}}, "tolerance": 1e-5})
    true = {"flux": 0.0, "mean_u": np.exp(0.37) * np.cos(0.41), "area": 1 - np.pi * 0.21**2}
    for name, value in true.items():
        known = solution.quantities[name]
        assert known.estimate is not None
        assert abs(known.value - value) <= 3 * known.estimate + 1e-12
    assert abs(solution.quantities["area"].value - true["area"]) < 1e-9


def test_a_network_has_numbers_without_an_estimate() -> None:
    tree = tree_of(**PRODUCT) | {
        "trial": {"width": [12]},
        "schedule": [{"optimizer": "least_squares"}],
    }
    solution = kanpde.solve(tree)
    assert solution.quantities["flux"].value == pytest.approx(-1.5, abs=1e-5)
    assert solution.quantities["flux"].estimate is None
    assert solution.quantities["flux"] == Value(solution.quantities["flux"].value)


def test_numbers_of_regions_are_taken_on_their_sides() -> None:
    low, high = ([0, 0], [1, 0.5]), ([0, 0.5], [1, 1])
    layers = {
        region: {"rectangle": {"lower": ends[0], "upper": ends[1], "name": name}}
        for region, name, ends in (("low", "a", low), ("high", "b", high))
    }
    stated = problem_tree(
        domain={"regions": layers},
        definitions={"k": {"low": "1", "high": "2"}},
        equations=["div(k*grad(u)) = 0"],
        conditions=[
            {"part": "a_bottom", "equation": "u = 0"},
            {"part": "b_top", "equation": "u = 3"},
            {"part": ["a_left", "a_right", "b_left", "b_right"], "equation": "dn(u) = 0"},
            {"interface": ["a_top", "b_bottom"], "equation": ["jump(u) = 0", "jump(k*dn(u)) = 0"]},
        ],
        quantities={
            "heat": "integral(k*dn(u), b_top)",
            "through": "integral(k*dn(u), low.a_top)",
            "content": "integral(u)",
        },
    )
    solution = kanpde.solve({"problem": stated, "trial": {"patches": {}}})
    found = {name: each.value for name, each in solution.quantities.items()}
    # u = 4y below and 1 + 2y above: the flux is 4
    assert found == pytest.approx({"heat": 4.0, "through": 4.0, "content": 0.5 + 1.25}, abs=1e-9)


def test_cut_cells_are_integrated_beside_vertical_tangents() -> None:
    cut = {"difference": [SQUARE, HOLE]}
    cover = cover_of(problem_of(domain=cut, conditions=[{"part": "boundary", "equation": "u = 0"}]))
    area = sum(cover.integrated(cell, 16)[1].sum() for cell in cover.start())
    assert area == pytest.approx(1 - np.pi * 0.21**2, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "integral(u, wall)",
            r"quantities\.q: no part of the boundary is called 'wall'; it has left",
        ),
        (
            "at(u, 0.5)",
            r"quantities\.q: at\(\.\.\.\) takes a formula and x, y, found 1 coordinates",
        ),
        ("at(u, 2, 0.5)", r"quantities\.q: the point \[2.0, 0.5\] is not in the domain"),
        ("integral(mean(u))", r"quantities\.q: .*one call within another"),
        ("integral(u, top, left)", r"quantities\.q: integral takes a formula and perhaps one part"),
        ("integral(", r"quantities\.q: .*the bracket is not closed"),
        ("mean(w)", r"quantities\.q.*unknown name 'w'"),
        ("at(u)", r"quantities\.q: at takes a formula and a point"),
    ],
)
def test_numbers_that_cannot_be_taken_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        problem_of(quantities={"q": text})


def test_a_number_has_a_name_of_its_own() -> None:
    with pytest.raises(ConfigError, match=r"quantities\.u: the name 'u' is already used"):
        problem_of(quantities={"u": "mean(u)"})


def test_rules_of_cells_and_of_the_domain_agree() -> None:
    solution = kanpde.solve(tree_of({"refine": False}, **PRODUCT))
    problem: Problem = solution.problem
    plain = numbers(problem, solution.trial, plain_rules(problem))
    assert plain == pytest.approx(TRUE, abs=1e-10)
    points, _ = of_cells(problem, solution.trial, "right")
    assert points.w.sum() == pytest.approx(1.0)
    assert torch.tensor(points.x)[:, 0].min() == 1.0


def test_numbers_stand_in_a_comparison_and_need_not_be_finite() -> None:
    tree = tree_of({"refine": False}, **PRODUCT | {"quantities": {"bad": "log(-integral(1))"}})
    solution = kanpde.solve(tree)
    written = solution.result.as_dict()
    assert written["quantities"] == {"bad": {"value": None, "estimate": None}}
    assert dict(result_rows(written))["bad"] == "not finite"
    assert Entry("best", written).as_dict()["quantities"] == written["quantities"]
