"""Coefficients that jump in formulas: fluxes are continuous, or the run says what it leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from patch_helpers import SIDES, problem_tree
from scipy.optimize import brentq

import kanpde
from kanpde.api.solving import configure
from kanpde.patches.fluxes import Surfaces
from kanpde.problem.problem import Problem

LINE = {"interval": [0, 1]}
ENDS = [{"part": ["left", "right"], "equation": "u = 0"}]


def solved(**keys: Any) -> kanpde.Solution:
    tree = {"problem": problem_tree(**keys), "output": {"vtu": False, "plots": False}}
    return kanpde.solve(tree)


def surfaces(**keys: Any) -> Surfaces:
    return Surfaces.of(Problem.create(configure({"problem": problem_tree(**keys)}).problem))


def through_layers(k: list[float], x: np.ndarray) -> np.ndarray:
    """-(k u')' = 1 with u = 0 at both ends, k constant on [0, 0.3], [0.3, 0.6] and [0.6, 1]."""
    ends = np.array([0.0, 0.3, 0.6, 1.0])
    first, second = np.diff(ends) / k, np.diff(ends**2) / 2 / k
    flux = second.sum() / first.sum()
    u = np.zeros_like(x)
    for low, high, factor in zip(ends[:-1], ends[1:], k, strict=True):
        to = np.clip(x, low, high)
        u += (flux * (to - low) - (to**2 - low**2) / 2) / factor
    return u


FORMS = {
    "where": "d(where(x < 0.3, 1, where(x < 0.6, 0.01, 5))*dx(u), x) = -1",
    "heaviside": "d((1 - 0.99*heaviside(x - 0.3) + 4.99*heaviside(x - 0.6))*dx(u), x) = -1",
    "inverse": "d(dx(u)/where(x < 0.3, 1, where(x < 0.6, 10, 0.2**0.5))**2, x) = -1",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_flux_is_continuous_through_layers(form: str) -> None:
    solution = solved(domain=LINE, equations=[FORMS[form]], conditions=ENDS)
    x = np.linspace(0.01, 0.99, 50)
    expected = through_layers([1, 0.01, 5], x)
    assert solution(x[:, None])[:, 0] == pytest.approx(expected, abs=1e-9 * expected.max())
    assert solution.result.estimate is not None


def test_a_flux_is_continuous_through_materials_whose_conduction_grows_with_the_solution() -> None:
    """-(k(u) u')' = 0 with K = ∫ k du a straight line in each material, found by a root."""

    def gap(u: float) -> float:
        second = 20 * (1 + 7 / 4 + 1 / 2 - u - 7 * u**2 / 4 - u**3 / 2)
        return (u + u**2 / 4) / 0.37 - second / 0.63

    between = brentq(gap, 0, 1, xtol=1e-15)
    k = "where(x < 0.37, 1, 20*(1 + 3*u))*(1 + 0.5*u)"
    sides = [{"part": "left", "equation": "u = 0"}, {"part": "right", "equation": "u = 1"}]
    solution = solved(domain=LINE, equations=[f"dx({k}*dx(u)) = 0"], conditions=sides)
    assert solution(np.array([[0.37]]))[0, 0] == pytest.approx(between, abs=1e-8)
    assert solution.result.exit_code == 0


@pytest.mark.parametrize(
    "equation",
    [
        "dx(where(x < 0.4, 1, 5)*dx(u)**3) = u",
        "dx(where(x < 0.4, 1, 5)*dx(u)) + dx(where(x < 0.4, 1, 2)*u**2) = 1",
        "where(x < 0.4, 1, 5)*dxx(u) + dx(where(x < 0.4, 1, 2)*dx(u)) = u**2",
    ],
)
def test_a_flux_that_is_not_the_diffusion_times_the_derivative_is_left_out(equation: str) -> None:
    of_problem = surfaces(domain=LINE, equations=[equation], conditions=ENDS)
    assert of_problem.missed


def test_without_a_divergence_the_derivative_is_continuous() -> None:
    """k u'' = -1 on both sides: u' is continuous whatever k is."""
    equation = "where(x < 0.3, 1, 10)*dxx(u) = where(x < 0.3, -1, -10)"
    solution = solved(domain=LINE, equations=[equation], conditions=ENDS)
    x = np.linspace(0.01, 0.99, 50)
    assert solution(x[:, None])[:, 0] == pytest.approx(x * (1 - x) / 2, abs=1e-12)


def test_a_full_tensor_that_jumps_in_the_plane() -> None:
    """The flux across y = 0.4 holds derivatives along it, on the upper side."""
    # u = y a(x) + b(x) below and above, with [k (u_x + 2 u_y)] = 0: a constant is enough
    u = "where(y < 0.4, x + 3.5*(y - 0.4), x + 0.5*(y - 0.4))"
    keys = {
        "equations": ["div(where(y < 0.4, 1, 4)*[3*dx(u) + dy(u), dx(u) + 2*dy(u)]) = 0"],
        "conditions": [{"part": SIDES, "equation": f"u = {u}"}],
    }
    solution = solved(**keys)
    x = np.random.default_rng(0).uniform(size=(50, 2))
    slope = np.where(x[:, 1] < 0.4, 3.5, 0.5)
    assert solution(x)[:, 0] == pytest.approx(x[:, 0] + slope * (x[:, 1] - 0.4), abs=1e-10)


LEFT_OUT = {
    "source": (LINE, "-dxx(u) = dx(heaviside(x - 0.5))"),
    "cusp": (None, "-laplacian(u) + div([where((x-0.5)**2 + 3*(y-0.4)**3 < 0, 1, 3)*u, u]) = 1"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_is_concentrated_and_left_out_is_told_of(case: str) -> None:
    domain, equation = LEFT_OUT[case]
    keys = {} if domain is None else {"domain": domain}
    parts = SIDES if domain is None else ["left", "right"]
    conditions = [{"part": parts, "equation": "u = 0"}]
    known = surfaces(equations=[equation], conditions=conditions, **keys)
    assert len(known.missed) == 1
    tree = {
        "problem": problem_tree(equations=[equation], conditions=conditions, **keys),
        "trial": {"patches": {"refine": False, "degree": 4}},
        "output": {"vtu": False, "plots": False},
    }
    solution = kanpde.solve(tree)
    assert solution.result.estimate is None
    assert "a derivative of a jump in equation 1 is concentrated near" in str(
        solution.result.verdict
    )


def test_sources_and_convection_that_jump_leave_nothing_out() -> None:
    equation = "-laplacian(u) + where(x < 0.5, 1, 3)*dx(u) = where(x + y < 0.7, 1, 0)"
    conditions = [{"part": SIDES, "equation": "u = 0"}]
    assert not surfaces(equations=[equation], conditions=conditions).missed
