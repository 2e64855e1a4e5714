"""Solutions that are not what they seem are told apart from those that are."""

from __future__ import annotations

from typing import Any

import torch

from kanpde import api
from kanpde.results.plausibility import doubts
from kanpde.results.solution import Solution

LINE = {"interval": {"lower": 0, "upper": 1}}
SQUARE = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
ENDS, SIDES = ["left", "right"], ["left", "right", "bottom", "top"]


def solved(equation: str, domain: Any = LINE, points: int = 60, **keys: Any) -> Solution:
    """With zero values on all sides, on a small network."""
    parts = ENDS if domain == LINE else SIDES
    plain = {
        "name": "small",
        "unknowns": ["u"],
        "domain": domain,
        "equations": [equation],
        "conditions": [{"part": parts, "equation": "u = 0"}],
    }
    small = {"width": [12], "degree": [3, 9], "intervals": [1, 1]}
    trial = {} if domain == LINE else {"trial": small}
    sampler = {"interior": points, "boundary": 60}
    return api.solve({"problem": plain | keys, **trial, "sampler": sampler})


def kinds(solution: Solution) -> set[str]:
    found = doubts(solution.problem, solution.trial)
    assert all(each.warns for each in found)
    return {each.kind for each in found}


def made_zero(solution: Solution) -> Solution:
    with torch.no_grad():
        for parameter in solution.trial.parameters():
            parameter.zero_()
    return solution


def test_a_good_solution_is_not_doubted() -> None:
    assert kinds(solved("-laplacian(u) = 1 + x", SQUARE, 300)) == set()
    assert kinds(solved("-dxx(u) + u = 0")) == set()


def test_a_residual_is_not_compared_with_a_source_that_is_not_there() -> None:
    solution = solved("-dxx(u) + u = 0")
    with torch.no_grad():
        for parameter in solution.trial.parameters():
            parameter.add_(0.1)
    assert solution.trial.evaluate(torch.tensor([[0.3]])).abs() > 1e-3
    assert kinds(solution) == set()


def test_a_residual_that_does_not_fall_is_no_solution() -> None:
    solution = solved("laplacian(u) + 2*pi**2*u = sin(pi*x)*sin(pi*y)", SQUARE, 300)
    assert "no solution" in kinds(solution)
    (finding,) = doubts(solution.problem, solution.trial)
    assert "there is no solution (resonance)" in finding.sentence
    assert "'equation 1' stays at" in finding.sentence


def test_zero_beside_data_that_are_not() -> None:
    conditions = [{"part": "left", "equation": "u = 0.01"}]
    keys = {"conditions": conditions, "free": ["right"]}
    solution = made_zero(solved("dx(u) = u*(1 - u)", **keys))
    (finding,) = doubts(solution.problem, solution.trial)
    assert "u is zero everywhere, but its conditions ask for values up to 0.01" in finding.sentence


def test_a_constant_of_a_nonlinear_problem_is_told_and_one_of_a_linear_problem_is_not() -> None:
    solution = made_zero(solved("dxx(u) + 20*u*(1 - u) = 0"))
    assert kinds(solution) == {"constant solution"}
    assert kinds(made_zero(solved("-dxx(u) + u = 0"))) == set()


def test_a_source_that_the_points_may_miss_is_not_compared_with_a_residual() -> None:
    peak = "-laplacian(u) = exp(-((x - 0.3)**2 + (y - 0.4)**2)/(2*0.002**2))"
    assert "no solution" not in kinds(solved(peak, domain=SQUARE))
