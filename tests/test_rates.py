"""Rates without training, and patch tests: what lies in the trial space is reached to rounding.

A least-squares spline of degree p on intervals of length h misses a smooth function by O(h^{p+1})
in L2 and O(h^p) in the H1 seminorm; a solve of a second-order equation has a residual of
O(h^{p-1}).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from core_helpers import CUBE, DISK, ENDS, LINE, PLATE, SIDES, parts, problem_node
from torch import Tensor

from kanpde.assembly.collocation import held_out
from kanpde.assembly.residual import Assembly, terms
from kanpde.config import OptimizerStage, WeightsConfig
from kanpde.expressions.evaluate import evaluate
from kanpde.optimizers import solve
from kanpde.progress import Silent
from kanpde.solver.loop import Solver
from kanpde.trial.bases import SplineGrid

pytestmark = pytest.mark.usefixtures("one_thread")


class Errors(NamedTuple):
    """Largest error per unknown over the largest exact value; residual of the equations and of the
    conditions.
    """

    error: list[float]
    residual_rms: float
    boundary_max: float


def solved(node: dict[str, Any], trial: dict[str, Any], **keys: Any) -> Errors:
    """The errors of one least-squares solve, at a few hundred points that it never saw."""
    built = parts(node, trial=trial, **keys)
    Solver(built.trial, built.assembly, (OptimizerStage("least_squares", 1),), Silent()).run()
    points = held_out(built.problem.domain, built.problem.parts, 400, torch.float64)
    x = torch.cat([points.interior.x, *(part.x for part in points.parts.values())])
    assembly = Assembly(terms(built.problem, points, WeightsConfig()), built.trial)
    rows = assembly.residuals(built.trial)
    weights = points.interior.w / points.interior.w.sum()
    inner = sum(
        float((weights * r.detach() ** 2).sum())
        for r, t in zip(rows, assembly.terms, strict=True)
        if t.interior
    )
    sides = max(
        float(r.detach().abs().max())
        for r, t in zip(rows, assembly.terms, strict=True)
        if not t.interior
    )
    if built.problem.exact is None:
        return Errors([], math.sqrt(inner), sides)
    exact = torch.stack(evaluate(built.problem.exact, x), dim=1)
    with torch.no_grad():
        error = (built.trial(x) - exact).abs().amax(0) / exact.abs().amax(0)
    return Errors(error.tolist(), math.sqrt(inner), sides)


def rates(errors: list[float]) -> list[float]:
    """log₂(e_k / e_{k+1})."""
    return [math.log2(a / b) for a, b in pairwise(errors)]


# Approximation
# --------------------------------------------------------------------------------------------------


def gauss(intervals: int, count: int) -> tuple[Tensor, Tensor]:
    """Composite Gauss rule on [-1, 1], exact for degree 2·count - 1 on every interval."""
    x, w = (torch.tensor(part) for part in np.polynomial.legendre.leggauss(count))
    edges = torch.linspace(-1, 1, intervals + 1, dtype=torch.float64)
    half = edges.diff() / 2
    return (edges[:-1, None] + half[:, None] * (1 + x)).reshape(-1), (half[:, None] * w).reshape(-1)


def fit_errors(degree: int, intervals: int) -> tuple[float, float]:
    """L2 and H1-seminorm error of the least-squares spline of f = sin 3x + e^x."""
    ones = torch.ones(1, dtype=torch.float64)
    grid = SplineGrid.even(-ones, ones, intervals, degree)
    x, w = gauss(intervals, degree + 3)
    target, slope = torch.sin(3 * x) + torch.exp(x), 3 * torch.cos(3 * x) + torch.exp(x)
    rows = grid.collocation(x[None]) * w.sqrt()[:, None]
    stacked = torch.cat([rows, rows.new_zeros(grid.size, grid.size)]).T.contiguous().T
    right = torch.cat([target * w.sqrt(), rows.new_zeros(grid.size)])
    fitted = solve(stacked, right, 0.0)[None, None]
    value, derivative = (grid.evaluate(x[None], fitted, order)[0, 0] for order in (0, 1))
    in_l2, in_h1 = (
        math.sqrt(float((w * gap.square()).sum())) for gap in (value - target, derivative - slope)
    )
    return in_l2, in_h1


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_a_least_squares_spline_converges_with_order_p_plus_1_and_p(degree: int) -> None:
    errors = [fit_errors(degree, intervals) for intervals in (8, 16, 32)]
    in_l2, in_h1 = rates([e[0] for e in errors]), rates([e[1] for e in errors])
    assert errors[-1][0] > 1e-12, "rounding would hide the rate"
    assert abs(in_l2[-1] - (degree + 1)) < 0.25, in_l2
    assert abs(in_h1[-1] - degree) < 0.25, in_h1


@pytest.mark.parametrize("degree", [3, 4, 5, 6])
def test_the_residual_of_one_solve_converges_with_order_p_minus_1(degree: int) -> None:
    ends = [{"part": "left", "equation": "u = 1"}, {"part": "right", "equation": "u = 0"}]
    node = problem_node(LINE, ["dxx(u) + u = 10*cos(3*x)"], ends)
    norms = []
    for intervals in (8, 16, 32):
        trial = {"width": [], "degree": degree, "intervals": intervals}
        norms.append(solved(node, trial, sampler={"interior": 600}).residual_rms)
    assert norms[-1] > 1e-10, "rounding would hide the rate"
    assert rates(norms)[-1] > degree - 1 - 0.25, rates(norms)
    assert rates(norms)[-1] < degree - 1 + 1.5, (
        "faster than theory: look for a residual that is too kind"
    )


def test_the_error_of_one_solve_falls_with_the_intervals_in_the_plane() -> None:
    exact = "sin(2*x + y) + exp(y)"
    node = problem_node(
        PLATE,
        [f"laplacian(u) = laplacian({exact})"],
        [{"part": SIDES, "equation": f"u = {exact}"}],
        exact={"u": exact},
    )
    errors = []
    for intervals in (2, 4, 8):
        trial = {"width": [8], "degree": [3, 5], "intervals": [1, intervals]}
        errors += solved(node, trial, sampler={"interior": 900, "boundary": 160}).error
    assert rates(errors)[-1] > 3 and errors[-1] < 1e-4, errors


# Patch tests
# --------------------------------------------------------------------------------------------------

CUBIC = "1 - 2*x + x**2*y - y**3 + 3*x*y"
FLAT = {"width": [], "degree": 5, "intervals": 3}
RIDGE = {"width": [7], "degree": [3, 5], "intervals": [2, 3]}
PATCHES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "additive on a line": (
        problem_node(
            LINE,
            ["dx((2 + x)*dx(u)) + u = dx((2 + x)*dx(s)) + s"],
            [{"part": "left", "equation": "dn(u) = dn(s)"}, {"part": "right", "equation": "u = s"}],
            definitions={"s": "x**5 - 3*x**2 + 1"},
            exact={"u": "s"},
        ),
        FLAT,
    ),
    "ridge with Robin sides": (
        problem_node(
            PLATE,
            ["-div((1 + x**2)*grad(u)) = -div((1 + x**2)*grad(s))"],
            [
                {"part": "left", "equation": "u = s"},
                {"part": "right", "equation": "dn(u) + 2*u = dn(s) + 2*s"},
                {"part": ["bottom", "top"], "equation": "dn(u) = dn(s)"},
            ],
            definitions={"s": CUBIC},
            exact={"u": "s"},
        ),
        RIDGE,
    ),
    "ridge on a disk": (
        problem_node(
            DISK,
            ["laplacian(u) = laplacian(s)"],
            [{"part": "circle", "equation": "u = s"}],
            definitions={"s": CUBIC},
            exact={"u": "s"},
        ),
        RIDGE,
    ),
    "pure Neumann with a mean": (
        problem_node(
            LINE,
            ["dxx(u) = 6*x"],
            [{"part": ENDS, "equation": "dx(u) = 3"}, {"mean": "u = 2"}],
            exact={"u": "x**3 + 2"},
        ),
        FLAT,
    ),
    "pure Neumann with a point": (
        problem_node(
            PLATE,
            ["laplacian(u) = 2"],
            [
                {"part": SIDES, "equation": "dn(u) = dn(x**2)"},
                {"point": [1, 0], "equation": "u = 5"},
            ],
            exact={"u": "x**2 + 4"},
        ),
        {"width": [], "degree": 4, "intervals": 2},
    ),
    "space-time": (
        problem_node(
            LINE,
            ["dt(u) = dxx(u) - 2 + x"],
            [
                {"part": "initial", "equation": "u = x**2"},
                {"part": ENDS, "equation": "u = x**2 + x*t"},
            ],
            time={"interval": [0, 2]},
            exact={"u": "x**2 + x*t"},
        ),
        RIDGE,
    ),
    "mixed system": (
        problem_node(
            PLATE,
            ["p = dx(u)", "q = dy(u)", "dx(p) + dy(q) = laplacian(s)"],
            [{"part": SIDES, "equation": "u = s"}],
            unknowns=["u", "p", "q"],
            definitions={"s": CUBIC},
            exact={"u": "s", "p": "dx(s)", "q": "dy(s)"},
        ),
        RIDGE,
    ),
    "periodic": (
        problem_node(
            LINE,
            ["dx(u) = 4*x**3 - 2*x"],
            [{"periodic": ENDS}, {"mean": "u = 0"}],
            exact={"u": "x**4 - x**2 + 2/15"},
        ),
        FLAT,
    ),
    "cube": (
        problem_node(
            CUBE,
            ["laplacian(u) = laplacian(s)"],
            [{"part": [*SIDES, "back", "front"], "equation": "u = s"}],
            definitions={"s": "x**2 - y*z + 2*z"},
            exact={"u": "s"},
        ),
        {"width": [12], "degree": [3, 4], "intervals": [1, 2]},
    ),
    "five dimensions": (
        problem_node(
            {"box": {"lower": [0] * 5, "upper": [1] * 5}},
            ["laplacian(u) = 10"],
            [
                {
                    "part": [f"x{k}_{end}" for k in range(1, 6) for end in ("min", "max")],
                    "equation": "u = s",
                }
            ],
            definitions={"s": "x1**2 + x2**2 + x3**2 + x4**2 + x5**2"},
            exact={"u": "s"},
        ),
        {"width": [], "degree": 3, "intervals": 2},
    ),
    "base functions": (
        problem_node(
            LINE,
            ["dxx(u) = dxx(s)"],
            [{"part": ENDS, "equation": "u = s"}],
            definitions={"s": "3*x/(1 + exp(-x)) + x"},
            exact={"u": "s"},
        ),
        {"width": [], "degree": 4, "intervals": 1, "base": "silu"},
    ),
    "mlp constant": (
        problem_node(
            PLATE, ["laplacian(u) = 0"], [{"part": SIDES, "equation": "u = 7"}], exact={"u": "7"}
        ),
        {"kind": "mlp", "width": [5]},
    ),
}


LIFTABLE = ("ridge with Robin sides", "space-time", "mixed system", "cube", "five dimensions")


@pytest.mark.parametrize("name", [*PATCHES, *(f"{name}, lifted" for name in LIFTABLE)])
def test_what_lies_in_the_trial_space_is_reached_to_rounding(name: str) -> None:
    plain = name.removesuffix(", lifted")
    node, trial = PATCHES[plain]
    errors = solved(
        node, {**trial, "lifting": plain != name}, sampler={"interior": 500, "boundary": 200}
    )
    assert max(errors.error) < 1e-10, errors
    assert errors.residual_rms < 1e-8 and errors.boundary_max < 1e-9, errors


def test_a_pinned_mean_costs_no_digits_in_the_plane() -> None:
    """The average is an integral: on collocation weights it would be wrong by their quadrature
    error, here 1e-4.
    """
    node = problem_node(
        PLATE,
        ["laplacian(u) = 12*x**2"],
        [{"part": SIDES, "equation": "dn(u) = dn(x**4)"}, {"mean": "u = 3.2"}],
        exact={"u": "x**4"},
    )
    errors = solved(
        node, {"width": [], "degree": 5, "intervals": 2}, sampler={"interior": 500, "boundary": 200}
    )
    assert max(errors.error) < 1e-10, errors
