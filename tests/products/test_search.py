"""Problems in four and more coordinates at default settings: errors, estimates, files, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde.assembly.collocation import held_out
from kanpde.config import validate
from kanpde.errors import ConfigError
from kanpde.problem.posing import posed
from kanpde.products.chains import until
from kanpde.products.search import DEGREES, points_of
from kanpde.products.solving import Discrete, Solved
from kanpde.progress import StopReason
from kanpde.trial.chain import ProductChain


def tree(equation: str, condition: str, exact: str | None, **keys: Any) -> dict[str, Any]:
    """A problem on [0, 1]^4 with one condition on all faces unless `keys` hold others."""
    count = len(keys.get("domain", {"box": {"lower": [0] * 4}})["box"]["lower"])
    names = [f"x{k + 1}" for k in range(count)]
    parts = [f"{name}_{end}" for name in names for end in ("min", "max")]
    problem = {
        "name": "products",
        "unknowns": ["u"],
        "domain": {"box": {"lower": [0] * count, "upper": [1] * count}},
        "equations": [equation],
        "conditions": [{"part": parts, "equation": condition}],
    }
    if exact is not None:
        problem["exact"] = {"u": exact}
    return {"problem": problem | keys, "output": {"vtu": False, "plots": False}}


WAVE = "sin(x1 + 2*x2 - x3 + x4)"
BUMP = "sin(pi*x1)*sin(pi*x2)*sin(pi*x3)*sin(pi*x4)"
MIXED = "cos(pi*x1)*cos(pi*x2)*sin(pi*x3)*sin(pi*x4)"
MANUFACTURED = {
    "inhomogeneous data": tree(f"-laplacian(u) = 7*{WAVE}", f"u = {WAVE}", WAVE),
    "a reaction": tree(
        "-laplacian(u) + 2*u = 9*sin(x1 + 2*x2 - x3 + x4)",
        "u = sin(x1 + 2*x2 - x3 + x4)",
        WAVE,
    ),
    "a coefficient of two coordinates": tree(
        "-div((2 + x1*x2)*grad(u)) + 3*d(u, x3) = f",
        "u = exp(x1 - x2 + x3 - x4)",
        "exp(x1 - x2 + x3 - x4)",
        definitions={"f": "(3 - x2 + x1 - 4*(2 + x1*x2))*exp(x1 - x2 + x3 - x4)"},
    ),
    "a mixed derivative": tree(
        f"-laplacian(u) - d(u, x1, x2) = 4*pi**2*{BUMP} - pi**2*{MIXED}",
        "u = 0",
        BUMP,
    ),
    "heat in time": tree(
        "dt(u) = laplacian(u)",
        "u = 0",
        f"exp(-4*pi**2*t)*{BUMP}",
        time={"interval": [0, 0.05]},
        conditions=[
            {
                "part": [f"x{k}_{e}" for k in range(1, 5) for e in ("min", "max")],
                "equation": "u = 0",
            },
            {"part": "initial", "equation": f"u = {BUMP}"},
        ],
    ),
}


@pytest.mark.parametrize("name", MANUFACTURED)
def test_the_program_chooses_products_and_errs_less_than_it_says(name: str) -> None:
    solution = kanpde.solve(MANUFACTURED[name])
    error, estimate = solution.relative_l2["u"], solution.result.estimate
    assert isinstance(solution.trial, ProductChain)
    assert solution.stop_reason is StopReason.ACCURATE
    assert error is not None and estimate is not None
    assert estimate <= 1e-6
    assert error <= 3 * estimate


def test_many_coordinates_cost_few_coefficients() -> None:
    d = 12
    product = "*".join(f"sin(pi*x{k})" for k in range(1, d + 1))
    domain = {"box": {"lower": [0] * d, "upper": [1] * d}}
    given = tree(f"-laplacian(u) = {d}*pi**2*{product}", "u = 0", product, domain=domain)
    solution = kanpde.solve(given)
    assert solution.relative_l2["u"] is not None and solution.relative_l2["u"] < 1e-8
    assert isinstance(solution.trial, ProductChain)
    assert max(solution.trial.ranks) == 1


def test_periodic_sides() -> None:
    wave = "sin(2*pi*x1)*sin(pi*x2)*sin(pi*x3)*sin(pi*x4)"
    sides = [f"x{k}_{e}" for k in (2, 3, 4) for e in ("min", "max")]
    conditions = [
        {"periodic": ["x1_min", "x1_max"]},
        {"part": sides, "equation": "u = 0"},
    ]
    given = tree(f"-laplacian(u) = 7*pi**2*{wave}", "u = 0", wave, conditions=conditions)
    error = kanpde.solve(given).relative_l2["u"]
    assert error is not None and error < 1e-8


def test_data_that_contradict_each_other_are_not_called_solved() -> None:
    conditions = [
        {"part": ["x1_min", "x1_max"], "equation": "u = 1"},
        {"part": [f"x{k}_{e}" for k in (2, 3, 4) for e in ("min", "max")], "equation": "u = 0"},
    ]
    given = tree("-laplacian(u) = 1", "u = 0", None, conditions=conditions)
    given["seconds"] = 10
    solution = kanpde.solve(given)
    assert solution.stop_reason not in (StopReason.ACCURATE, StopReason.TOLERANCE)


def test_a_run_folder_gives_the_same_bits(tmp_path: Path) -> None:
    solution = kanpde.solve(MANUFACTURED["heat in time"], out=tmp_path / "run")
    again = kanpde.load(tmp_path / "run")
    x = torch.tensor(np.random.default_rng(0).uniform(0, 0.05, (50, 5)))
    assert torch.equal(solution(x), again(x))
    assert again.result.estimate == solution.result.estimate


def test_a_rank_that_is_too_small_is_not_called_solved() -> None:
    given = MANUFACTURED["inhomogeneous data"] | {"trial": {"nodes": "product", "rank": 1}}
    solution = kanpde.solve(given)
    assert solution.stop_reason is StopReason.UNREACHED


def test_a_degree_that_does_not_end_in_time_leaves_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solve = Discrete.solved

    def slow(discrete: Discrete) -> Solved:
        if discrete.degree == DEGREES[2]:
            with until(0.0):
                return solve(discrete)
        return solve(discrete)

    monkeypatch.setattr(Discrete, "solved", slow)
    keys = {"tolerance": 1e-11, "trial": {"nodes": "product"}}
    given = tree("-laplacian(u) = exp(3*x1)*cos(x2)", "u = 0", None) | keys
    solution = kanpde.solve(given)
    assert solution.stop_reason is StopReason.UNREACHED
    assert [stage.name.split(",")[0] for stage in solution.result.stages] == [
        "degree 6",
        "degree 10",
    ]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"equations": ["-laplacian(u) + u**2 = 1"]}, "one linear equation"),
        ({"equations": ["-laplacian(u) = abs(x1 + x2 - x3 - x4)"]}, "no polynomial of low degree"),
        ({"equations": ["-laplacian(u) - 500*u = 1"]}, "the smallest eigenvalue sum"),
    ],
)
def test_what_is_no_product_is_refused_with_its_reason(keys: dict[str, Any], message: str) -> None:
    given = tree("-laplacian(u) = 1", "u = 0", None)
    given["problem"] |= keys
    given["trial"] = {"nodes": "product"}
    with pytest.raises(ConfigError, match=message):
        kanpde.solve(given)


def test_points_of_a_report_are_held_out_without_another_try() -> None:
    """On the faces of a box in many coordinates all counts end at the same cap: they were the same ones, and a
    report took eight times as many points to find others.
    """
    box = {"box": {"lower": 0, "upper": 1, "dimensions": 20}}
    problem = {
        "name": "many",
        "unknowns": ["u"],
        "domain": box,
        "equations": ["-laplacian(u) = 1"],
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
    }
    posed_problem = posed(validate({"problem": problem}, source="test").problem)
    ours = points_of(posed_problem)
    theirs = held_out(posed_problem.domain, posed_problem.parts, 20_000, torch.float64)
    assert ours.boundary_count == 40 * 4
    assert all(len(theirs.parts[part].x) > 4 for part in posed_problem.parts)
    assert len(theirs.interior.x) != len(ours.interior.x)
