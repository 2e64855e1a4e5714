"""A solution as a function: exact derivatives of any order by numpy and by torch, whatever it is made
of; unknowns by name; objects of other packages.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.func import hessian, jacrev, vmap

from kanpde import api
from kanpde.errors import ConfigError
from kanpde.results.solution import Solution

WAVE: dict[str, Any] = {
    "problem": {
        "name": "wave",
        "unknowns": ["u", "v"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "equations": ["-laplacian(u) = 8*sin(3*x)*exp(y)", "laplacian(v) = 4"],
        "conditions": [
            {"part": "boundary", "equation": ["u = sin(3*x)*exp(y)", "v = x**2 + y**2"]}
        ],
    },
    "sampler": {"interior": 400, "boundary": 120},
}
WAYS = {
    "one network": {"trial": {"width": [12], "degree": [4, 11], "intervals": [1, 2]}},
    "patches": {"trial": {"patches": {"cells": 2, "degree": 8}}, "tolerance": 1e-6},
}
AT = np.array([[0.5, 0.25], [0.1, 0.9]])


@pytest.fixture(scope="module", params=WAYS)
def solution(request: pytest.FixtureRequest) -> Solution:
    return api.solve({**WAVE, **WAYS[request.param]})


def exact(x: Any, y: Any) -> Any:
    return np.sin(3 * x) * np.exp(y)


def test_unknowns_are_functions_of_the_coordinates(solution: Solution) -> None:
    assert isinstance(solution.u(0.5, 0.25), float)
    x, y = np.linspace(0, 1, 4)[:, None], np.linspace(0, 1, 3)
    assert solution.u(x, y) == pytest.approx(exact(x, y), abs=1e-6)
    assert solution["v"](x, 0.5) == pytest.approx(x**2 + 0.25, abs=1e-6)
    assert solution.u(AT[:, 0], AT[:, 1]) == pytest.approx(solution(AT)[:, 0], abs=0)


def test_gradients_are_those_of_the_solution(solution: Solution) -> None:
    x, y = AT.T
    expected = np.stack([3 * np.cos(3 * x) * np.exp(y), exact(x, y)], axis=1)
    assert solution.grad(AT)[:, 0] == pytest.approx(expected, abs=1e-4)
    assert np.stack(solution.u.grad(x, y), axis=1) == pytest.approx(expected, abs=1e-4)
    assert solution.u.derivative("x", "x")(x, y) == pytest.approx(-9 * exact(x, y), abs=1e-3)


def test_torch_differentiates_to_any_order(solution: Solution) -> None:
    x = torch.tensor(AT, requires_grad=True)
    u = solution(x)[:, 0]
    (first,) = torch.autograd.grad(u.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first[:, 0].sum(), x)
    assert first.detach().numpy() == pytest.approx(solution.grad(AT)[:, 0], abs=1e-12)
    mixed = solution.u.derivative("x", "y")(*AT.T)
    assert second[:, 1].numpy() == pytest.approx(mixed, abs=1e-12)
    a, b = torch.tensor(0.5, requires_grad=True), torch.tensor(0.25)
    solution.u(a, b).backward()
    assert float(a.grad) == pytest.approx(solution.grad(AT)[0, 0, 0], rel=1e-5)


def test_torch_func_maps_and_differentiates(solution: Solution) -> None:
    x = torch.tensor(AT)
    jacobians = vmap(jacrev(solution.function))(x)
    assert jacobians.numpy() == pytest.approx(solution.grad(AT), abs=1e-12)
    second = hessian(lambda p: solution.function(p)[0])(x[0])
    expected = solution.u.derivative("x", "x")(0.5, 0.25)
    assert float(second[0, 0]) == pytest.approx(expected, abs=1e-10)


def test_gradcheck_of_torch_agrees(solution: Solution) -> None:
    x = torch.tensor([[0.4, 0.3]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(solution.function, (x,), atol=1e-5)


def test_wrong_names_counts_and_places_are_told(solution: Solution) -> None:
    with pytest.raises(AttributeError, match="a solution has no 'w'"):
        _ = solution.w
    with pytest.raises(KeyError, match=r"no unknown 'w' \(u, v\)"):
        _ = solution["w"]
    with pytest.raises(ConfigError, match=r"u\(x, y\): needs 2 coordinates, found 1"):
        solution.u(0.5)
    with pytest.raises(ConfigError, match="1 of 1 points lie outside the domain"):
        solution.u(2.0, 0.5)
    assert np.isfinite(solution.u(1.01, 0.5, outside="allow"))
    with pytest.raises(ConfigError, match=r"u: no coordinate 'z'"):
        solution.u.derivative("z")
    with pytest.raises(ConfigError, match=r"needs points of shape \(N, 2\)"):
        solution.function(torch.zeros(3, 3))
    assert copy.copy(solution).u(0.5, 0.25) == solution.u(0.5, 0.25)


def test_notebooks_see_a_verdict_and_pictures(solution: Solution, tmp_path: Path) -> None:
    html = solution._repr_html_()
    assert "the estimated relative L2 error" in html and "<script" not in html
    pictures = solution.plot()
    assert pictures["solution"].startswith(b"\x89PNG")
    assert "<img alt=" in pictures._repr_html_()
    assert tmp_path / "solution.png" in pictures.save(tmp_path)


def test_other_packages_get_their_own_objects(
    solution: Solution, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = solution.to_pyvista(8)
    assert {"u", "v", "residual_1"} <= set(grid.point_data.keys())
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ConfigError, match=r"xarray is not installed .*; pip install xarray"):
        solution.to_xarray()


def test_an_even_grid_has_no_values_outside_the_domain() -> None:
    pytest.importorskip("xarray")
    disk = {"disk": {"center": [0, 0], "radius": 1}}
    problem = {
        "unknowns": ["u"],
        "domain": disk,
        "equations": ["-laplacian(u) = 4"],
        "conditions": [{"part": "circle", "equation": "u = 0"}],
    }
    data = api.solve({"problem": problem}).to_xarray(9)
    assert np.isnan(data.u.sel(x=-1, y=-1))
    assert float(data.u.sel(x=0, y=0)) == pytest.approx(1, abs=1e-6)
