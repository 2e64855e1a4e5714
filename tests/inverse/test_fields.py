"""Unknown fields from measured values: as smooth as cross-validation says, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kanpde import api
from kanpde.domains import build_domain
from kanpde.inverse.field_search import is_field_problem
from kanpde.inverse.fields import unknown_fields
from kanpde.inverse.tensor import Tensor
from kanpde.numerics.jets import JetSpace
from kanpde.problem.problem import Problem

POINTS = np.linspace(0.02, 0.98, 49)
BARE = {"output": {"vtu": False, "plots": False}}


def rate(noise: float, **keys: Any) -> Any:
    """-u'' + k(x) u = f with u = sin(πx) and k = 2 + cos(2πx): k from u."""
    x = POINTS
    values = np.sin(np.pi * x) + noise * np.random.default_rng(2).normal(size=len(x))
    text = "x,m\n" + "".join(
        f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), values.tolist(), strict=True)
    )
    return {
        "problem": {
            "name": "rate",
            "unknowns": ["u", "k"],
            "domain": {"interval": {"lower": 0, "upper": 1}},
            "equations": ["-dxx(u) + k*u = (pi**2 + 2 + cos(2*pi*x))*sin(pi*x)"],
            "conditions": [
                {"part": ["left", "right"], "equation": "u = 0"},
                {"values": text, "equation": "u = m"},
            ],
            **keys,
        },
        **BARE,
    }


def exact(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(2 + np.cos(2 * np.pi * x))


def test_a_field_without_equations_is_found_from_values_of_another(tmp_path: Path) -> None:
    solution = api.solve(rate(0.0), out=tmp_path / "run")
    at = np.linspace(0.1, 0.9, 33)[:, None]
    values = solution(at)
    assert values[:, 1] == pytest.approx(exact(at[:, 0]), rel=1e-4)
    assert solution.result.exit_code == 0
    assert np.array_equal(api.load(tmp_path / "run")(at), values)


def test_noise_leaves_a_field_open_by_as_much_as_is_told() -> None:
    solution = api.solve(rate(1e-3))
    at = np.linspace(0.02, 0.98, 97)[:, None]
    error = solution(at)[:, 1] - exact(at[:, 0])
    share = np.linalg.norm(error) / np.linalg.norm(exact(at[:, 0]))
    told = solution.result.verdict.estimate["k"]
    assert told is not None and share / 3 < told < 30 * share


def test_the_unknowns_of_least_order_are_those_without_equations() -> None:
    problem = Problem.create(api.configure(rate(0.0)).problem)
    assert unknown_fields(problem) == (1,) and is_field_problem(problem)


def test_wishes_of_a_file_decide_smoothness_themselves() -> None:
    tree = rate(0.0)
    wish = {"equation": "dxx(k) = 0", "weight": 1e-8}
    tree["problem"]["equations"].append(wish)
    assert not is_field_problem(Problem.create(api.configure(tree).problem))


@pytest.mark.parametrize("index", [(0, 0), (1, 0), (0, 2), (1, 1)])
def test_the_kan_of_a_space_is_its_functions(index: tuple[int, int]) -> None:
    tree = {"rectangle": {"lower": [0, -1], "upper": [2, 1]}}
    problem = {
        "unknowns": ["u"],
        "domain": tree,
        "equations": ["laplacian(u) = 0"],
        "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}],
    }
    config = api.configure({"problem": problem, **BARE})
    space = Tensor.of(build_domain(config.problem.domain, None), 3, 4)
    coefficients = np.random.default_rng(0).normal(size=(2, space.size))
    x, w = space.points()
    assert w.sum() == pytest.approx(1.0)
    trial, points = space.trial(coefficients), torch.from_numpy(x)
    jet = trial.jet(trial.locate(points, JetSpace.closure([index], 2)))
    assert jet.derivative(index).numpy() == pytest.approx(
        coefficients @ space.table(x, index).T, rel=1e-9, abs=1e-9
    )
