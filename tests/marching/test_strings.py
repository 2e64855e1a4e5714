"""Waves of one speed on a line, with the jumps and kinks of their data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde.config import validate_problem
from kanpde.marching.strings.statement import waves
from kanpde.numerics.jets import JetSpace
from kanpde.problem.problem import Problem
from kanpde.trial.networks.both_ways import BothWays

RNG = np.random.default_rng(0)
FIXED = [{"part": ["left", "right"], "equation": "u = 0"}]
REST = "dt(u) = 0"


def _tree(
    starts: list[str],
    sides: list[dict[str, Any]],
    equation: str = "dtt(u) = dxx(u)",
    end: float = 2.5,
) -> dict[str, Any]:
    problem = {
        "name": "string",
        "unknowns": ["u"],
        "domain": {"interval": {"lower": 0, "upper": 1}},
        "time": {"interval": [0, end]},
        "equations": [equation],
        "conditions": [{"part": "initial", "equation": starts}, *sides],
    }
    return {"problem": problem, "output": {"vtu": False, "plots": False}}


def _plucked(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """d'Alembert's formula for a hat that is odd about both ends."""

    def odd(z: np.ndarray) -> np.ndarray:
        z = np.mod(z + 1, 2) - 1
        return np.sign(z) * np.minimum(np.abs(z) / 0.3, (1 - np.abs(z)) / 0.7)

    return (odd(x - t) + odd(x + t)) / 2


def _struck(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Speed 2, fixed at the left and free at the right; ∫ u_t is even about 0 and 2."""

    def risen(z: np.ndarray) -> np.ndarray:
        z = np.abs(np.mod(z + 2, 4) - 2)
        return np.clip(z - 0.4, 0, 0.2) + np.clip(z - 1.4, 0, 0.2)

    return (risen(x + 2 * t) - risen(x - 2 * t)) / 4


def _round(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """A hat and a mean that rises go round."""
    hats = [np.abs(np.mod(z, 1) - 0.5) for z in (x - t, x + t)]
    return sum(hats) / 2 + t + np.cos(2 * np.pi * x) * np.sin(2 * np.pi * t) / (2 * np.pi)


def _smooth(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    return np.sin(x - t) + np.cos(2 * (x + t))


def _driven(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    return np.where(t - x > 0.2, 1 + t - x, 0.0)


CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "plucked": (_tree(["u = min(x/0.3, (1 - x)/0.7)", REST], FIXED), _plucked),
    "struck": (
        _tree(
            ["u = 0", "dt(u) = where(0.4 < x < 0.6, 1, 0)"],
            [{"part": "left", "equation": "u = 0"}, {"part": "right", "equation": "dn(u) = 0"}],
            "dtt(u)/4 = dxx(u)",
        ),
        _struck,
    ),
    "round": (
        _tree(["u = abs(x - 0.5)", "dt(u) = 1 + cos(2*pi*x)"], [{"periodic": ["left", "right"]}]),
        _round,
    ),
    "driven at one end, leaves at the other": (
        _tree(
            ["u = 0", REST],
            [
                {"part": "left", "equation": "u = where(t > 0.2, 1 + t, 0)"},
                {"part": "right", "equation": "dt(u) + dn(u) = 0"},
            ],
        ),
        _driven,
    ),
    "springs and a damper": (
        _tree(
            ["u = sin(x) + cos(2*x)", "dt(u) = -cos(x) - 2*sin(2*x)"],
            [
                {
                    "part": "left",
                    "equation": "dn(u) + (1 + t)*u = 2*sin(2*t) - cos(t)"
                    " + (1 + t)*(cos(2*t) - sin(t))",
                },
                {
                    "part": "right",
                    "equation": "dn(u) + 3*u + dt(u)/2 = cos(1 - t)/2 - 3*sin(2*(1 + t))"
                    " + 3*(sin(1 - t) + cos(2*(1 + t)))",
                },
            ],
        ),
        _smooth,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_but_rounding_is_lost_on_the_way(name: str, tmp_path: Path) -> None:
    """On splines a plucked string was off by 1e23."""
    tree, exact = CASES[name]
    solution = kanpde.solve(tree, out=tmp_path / "run")
    points = np.stack([RNG.uniform(0, 1, 2000), RNG.uniform(0, 2.5, 2000)], axis=1)
    found, right = solution(points)[:, 0], exact(*points.T)
    assert isinstance(solution.trial.each[0].network, BothWays)
    assert solution.result.exit_code == 0
    assert np.linalg.norm(found - right) < 1e-12 * np.linalg.norm(right)
    assert np.array_equal(kanpde.load(tmp_path / "run")(points)[:, 0], found)


def test_derivatives_are_those_of_the_solution() -> None:
    tree, _ = CASES["springs and a damper"]
    slab = kanpde.solve(tree).trial.each[0]
    x = torch.tensor([[0.3, 0.2], [0.8, 0.35]], dtype=torch.float64)
    space = JetSpace.closure([(1, 1), (0, 2)], 2)
    jet = slab.jet(slab.locate(x, space))
    z, y = x[:, 0] - x[:, 1], x[:, 0] + x[:, 1]
    assert torch.allclose(jet.derivative((1, 1))[0], z.sin() - 4 * (2 * y).cos(), atol=1e-9)
    assert torch.allclose(jet.derivative((0, 2))[0], -z.sin() - 4 * (2 * y).cos(), atol=1e-9)
    (first,) = torch.autograd.grad(slab(x.requires_grad_()).sum(), x)
    assert torch.allclose(jet.derivative((0, 1))[0], first[:, 1], atol=1e-11)


@pytest.mark.parametrize(
    ("equation", "right", "is_one"),
    [
        ("3*dtt(u) = dxx(u)", "u = 0", True),
        ("dtt(u) = dxx(u) - u", "u = 0", False),
        ("dtt(u) + dt(u) = dxx(u)", "u = 0", False),
        ("dtt(u) = dxx(u) + x", "u = 0", False),
        ("dtt(u) = (1 + x)*dxx(u)", "u = 0", False),
        ("dtt(u) = dxx(u)", "dn(u) + u**2 = 0", False),
        ("dtt(u) = dxx(u)", "t*dn(u) + u = 0", False),
        ("dtt(u) = dxx(u)", "dn(u) - dt(u) = 0", False),
        ("dtt(u) = dxx(u)", "(t - 0.5)*u = 0", False),
    ],
)
def test_the_way_is_for_waves_of_one_speed_and_conditions_on_what_comes_in(
    equation: str, right: str, is_one: bool
) -> None:
    """Not where other terms stand, or where a condition leaves open what comes in."""
    sides = [{"part": "left", "equation": "u = 0"}, {"part": "right", "equation": right}]
    tree = _tree(["u = 0", REST], sides, equation)
    problem = Problem.create(validate_problem(tree["problem"], "test"))
    assert (waves(problem) is not None) is is_one
