"""Exact lifting beyond boxes: D is zero where values are given and nowhere else, and the values
hold whatever the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import DISK, SIDES, SQUARE, config, create, kan, mlp, problem_node
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kanpde import api
from kanpde.ansatz.distance_functions import distance
from kanpde.ansatz.lifting import lift
from kanpde.errors import ConfigError
from kanpde.expressions import Derivative, Node, differentiate
from kanpde.expressions.evaluate import evaluate
from kanpde.problem.problem import Problem
from kanpde.trial.solution import TrialSolution

pytestmark = pytest.mark.usefixtures("one_thread")

SOME = "1 + x*y - x**2 + sin(y)"
FREE = "dn(u) + u = 0"


def disk(name: str, x: float, y: float, radius: float) -> dict[str, Any]:
    return {"disk": {"center": [x, y], "radius": radius, "name": name}}


def polygon(*vertices: tuple[float, float]) -> dict[str, Any]:
    return {"polygon": {"vertices": [list(vertex) for vertex in vertices]}}


def star(count: int, inner: float) -> dict[str, Any]:
    angles = (math.pi * k / count for k in range(2 * count))
    radii = (1.0 if k % 2 else inner for k in range(2 * count))
    return polygon(
        *((r * math.cos(a), r * math.sin(a)) for r, a in zip(radii, angles, strict=True))
    )


def edges(first: int, last: int) -> list[str]:
    return [f"edge{k}" for k in range(first, last + 1)]


def laplace(
    domain: Mapping[str, Any], conditions: list[tuple[list[str], str]], **keys: Any
) -> dict[str, Any]:
    return problem_node(
        domain,
        ["laplacian(u) = 0"],
        [{"part": part, "equation": text} for part, text in conditions],
        **keys,
    )


LSHAPE = polygon((0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1))
SPIRAL = polygon((0, 0), (3, 0), (3, 3), (1, 3), (1, 2), (2, 2), (2, 1), (0, 1))
TWO = {"union": [disk("a", 0, 0, 1), disk("b", 1.2, 0, 0.7)]}
LENS = {"intersection": [disk("a", 0, 0, 1), disk("b", 1.2, 0, 0.7)]}
CUT = {"difference": [SQUARE, {"rectangle": {"lower": [0, -1], "upper": [1, 0], "name": "cut"}}]}
BITE = {"difference": [SQUARE, disk("b", 1.0, 0.1, 0.5)]}

SMOOTH: dict[str, dict[str, Any]] = {
    "disk": laplace(DISK, [(["circle"], f"u = {SOME}")]),
    "ball": laplace({"ball": {"center": [0.3, 0, 0], "radius": 2}}, [(["sphere"], "3*u = x*z")]),
    "annulus": laplace(
        {"difference": [disk("a", 0, 0, 1), disk("b", 0.1, 0, 0.4)]},
        [(["a"], "u = x"), (["b"], "u = 2")],
    ),
    "one hole": laplace(
        {"difference": [SQUARE, disk("h", 0.5, 0.5, 0.2)]}, [(["h"], f"u = {SOME}"), (SIDES, FREE)]
    ),
    "triangle": laplace(polygon((0, 0), (2, 0.3), (0.5, 1)), [(edges(1, 3), f"u = {SOME}")]),
    "clockwise": laplace(
        polygon((0.5, 1), (2, 0.3), (0, 0)), [(edges(1, 2), f"u = {SOME}"), (edges(3, 3), FREE)]
    ),
    "collinear": laplace(
        polygon((0, 0), (1, 0), (2, 0), (2, 1), (0, 1)), [(edges(1, 5), f"u = {SOME}")]
    ),
    "lens": laplace(LENS, [(["a"], f"u = {SOME}"), (["b"], FREE)]),
    "bite": laplace(BITE, [([*SIDES, "b"], f"u = {SOME}")]),
    "in time": problem_node(
        DISK,
        ["dt(u) = laplacian(u)"],
        [{"part": "circle", "equation": "u = t*x"}, {"part": "initial", "equation": "u = 0"}],
        time={"interval": [0, 2]},
    ),
}
ROUGH: dict[str, dict[str, Any]] = {
    "L-shape": laplace(LSHAPE, [(edges(1, 6), f"u = {SOME}")]),
    "part of an L-shape": laplace(LSHAPE, [(edges(2, 6), f"u = {SOME}"), (edges(1, 1), FREE)]),
    "L-shape as a difference": laplace(
        CUT, [([*SIDES, "cut_left", "cut_top"], f"u = {SOME}")], free=["cut_right", "cut_bottom"]
    ),
    "star": laplace(star(5, 0.45), [(edges(1, 10), f"u = {SOME}")]),
    "pocket in a pocket": laplace(SPIRAL, [(edges(1, 8), f"u = {SOME}")]),
    "two disks": laplace(TWO, [(["a", "b"], f"u = {SOME}")]),
    "an arc": laplace(TWO, [(["a"], f"u = {SOME}"), (["b"], FREE)]),
    "half a line": laplace(
        polygon((0, 0), (1, 0), (2, 0), (2, 1), (0, 1)),
        [(["edge1", "edge3", "edge4"], "u = y"), (["edge2", "edge5"], FREE)],
    ),
    "two formulas": laplace(BITE, [(SIDES, f"u = {SOME}"), (["b"], f"u = {SOME} + 3*(x - 1)")]),
}
LIFTED = {**SMOOTH, **ROUGH}


def trial(problem: Problem, seed: int, size: float) -> TrialSolution:
    d, m = problem.domain.dimension, len(problem.unknowns)
    network = kan([d, 3, m], seed=seed) if seed % 2 else mlp([d, 4, m], seed=seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(size)
    lower, upper = torch.tensor(problem.domain.lower), torch.tensor(problem.domain.upper)
    return TrialSolution(network, lower, upper, lift(problem)[0])


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(list(LIFTED)), seed=st.integers(0, 10_000), power=st.integers(-2, 3))
def test_boundary_values_are_exact_for_arbitrary_parameters(
    name: str, seed: int, power: int
) -> None:
    problem = create(LIFTED[name])
    solution_trial, remaining = trial(problem, seed, 10.0**power), lift(problem)[1]
    largest = float(
        solution_trial.evaluate(torch.tensor(problem.domain.quadrature(50).x)).abs().max()
    )
    for condition in problem.conditions:
        if condition in remaining:
            continue
        assert condition.part is not None
        at = problem.domain.part_quadrature(condition.part, 25)
        value = solution_trial(torch.tensor(at.x)).detach()

        def read(jet: Derivative, value: Tensor = value) -> Tensor:
            return value[:, jet.unknown]

        (residual,) = evaluate([condition.node], torch.tensor(at.x), torch.tensor(at.normal), read)
        assert residual.abs().max() < 1e-13 * (10 + largest), (
            condition.part,
            float(residual.abs().max()),
        )


@pytest.mark.parametrize("name", list(LIFTED))
def test_the_factor_vanishes_on_lifted_parts_only(name: str) -> None:
    problem = create(LIFTED[name])
    lifting, remaining = lift(problem)
    (factor,) = lifting.factors
    inside = torch.tensor(problem.domain.interior(1500, "sobol", np.random.default_rng(0)).x)
    assert (evaluate([factor], inside)[0] > 0).all()
    lifted_parts = {c.part for c in problem.conditions if c not in remaining}
    for part in set(problem.domain.parts) - {"final"}:
        (size,) = evaluate([factor], torch.tensor(problem.domain.part_quadrature(part, 20).x))
        assert (size.abs().max() < 1e-14) == (part in lifted_parts), (part, float(size.abs().max()))
        assert part in lifted_parts or size.abs().min() > 1e-6


@pytest.mark.parametrize("name", list(LIFTED))
def test_the_factor_vanishes_to_first_order(name: str) -> None:
    """Its slope along the normal is not zero at a lifted part, else the slope of u would be
    prescribed too.
    """
    problem = create(LIFTED[name])
    lifting, remaining = lift(problem)
    for condition in problem.conditions:
        if condition in remaining or condition.part is None:
            continue
        at = problem.domain.part_quadrature(condition.part, 12)
        assert at.normal is not None
        step = 1e-6 * at.normal
        inner, deeper = (
            evaluate(lifting.factors, torch.tensor(at.x - k * step))[0] for k in (1, 2)
        )
        assert (inner > 0).all() and ((deeper / inner - 2).abs() < 1e-2).all(), condition.part


@pytest.mark.parametrize("name", list(LIFTED))
def test_whether_it_is_smooth_is_said(name: str) -> None:
    """The largest second derivative near the boundary stays, or grows without bound towards some
    point of it.
    """
    problem = create(LIFTED[name])
    lifting, _ = lift(problem)
    assert (lifting.note == "") == (name in SMOOTH)
    domain = problem.domain
    ends = [
        domain.common_points(a, b)
        for a in domain.parts
        for b in domain.parts
        if a < b and "final" not in (a, b)
    ]
    corners = np.concatenate([np.zeros((0, domain.dimension)), *ends])
    if not len(corners) or "in time" in name:
        return
    ring = np.random.default_rng(1).normal(size=(64, domain.dimension))
    ring /= np.linalg.norm(ring, axis=1, keepdims=True)
    sizes = []
    for radius in (1e-2, 1e-4):
        x = (corners[:, None] + radius * ring).reshape(-1, domain.dimension)
        sizes.append(
            _second(lifting.extensions[0], lifting.factors[0], x[domain.contains(x, -1e-9)])
        )
    assert (sizes[1] > 10 * sizes[0]) == (name in ROUGH), sizes


def _second(extension: Node, factor: Node, x: np.ndarray[Any, Any]) -> float:
    """The largest second derivative of g and D at points (N, 2)."""
    nodes = [
        differentiate(differentiate(node, i), j)
        for node in (extension, factor)
        for i in (0, 1)
        for j in (0, 1)
    ]
    return max(float(value.abs().max()) for value in evaluate(nodes, torch.tensor(x)))


def test_one_formula_is_its_own_extension() -> None:
    lifting, _ = lift(create(LIFTED["star"]))
    x = torch.tensor([[0.1, 0.2], [-0.3, 0.1]]).double()
    expected = 1 + x[:, 0] * x[:, 1] - x[:, 0] ** 2 + torch.sin(x[:, 1])
    assert (evaluate(lifting.extensions, x)[0] - expected).abs().max() < 1e-15


def test_the_distance_to_a_circle_is_what_it_is() -> None:
    """On the unit disk 1 - r², up to a factor."""
    domain = create(
        laplace({"disk": {"center": [0, 0], "radius": 1}}, [(["circle"], "u = 0")])
    ).domain
    x = torch.tensor([[0.0, 0.0], [0.6, 0.0], [0.0, -0.8]], dtype=torch.float64)
    (value,) = evaluate([distance(domain, ["circle"]).node], x)
    assert (value / value[0] - value.new_tensor([1.0, 0.64, 0.36])).abs().max() < 1e-14


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "shared edge": (
        laplace(
            {"union": [SQUARE, {"rectangle": {"lower": [1, -1], "upper": [2, 1], "name": "b"}}]},
            [(["left", "bottom", "top", "b_right", "b_bottom", "b_top"], "u = x")],
            free=["right", "b_left"],
        ),
        "trial.lifting: no function is known that vanishes on the boundary of this domain only",
    ),
    "corner": (
        laplace(BITE, [(SIDES, "u = 1"), (["b"], "u = 2")]),
        r"trial.lifting: boundary values disagree where 'right' meets 'b' \(by 1.0e\+00\), so no continuous lifting",
    ),
    "start": (
        problem_node(
            DISK,
            ["dt(u) = laplacian(u)"],
            [{"part": "circle", "equation": "u = t + 1"}, {"part": "initial", "equation": "u = 0"}],
            time={"interval": [0, 2]},
        ),
        r"boundary values disagree where 'circle' meets 'initial' \(by 1.0e\+00\)",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_cannot_be_lifted_is_refused(name: str) -> None:
    node, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message):
        lift(create(node))


def test_a_smooth_lifting_is_more_accurate_than_weighted_rows() -> None:
    """Data that are the exact solution on the circles only, so that the extension is not the
    answer.
    """
    node = laplace(
        {"difference": [disk("a", 0, 0, 1), disk("b", 0, 0, 0.4)]},
        [(["a", "b"], "u = s*(1 + (1 - x**2 - y**2)*(x**2 + y**2 - 0.16))")],
        definitions={"s": "exp(x)*cos(2*y)"},
        exact={"u": "s"},
    )
    node["equations"] = ["laplacian(u) = laplacian(s)"]
    keys = {"width": [24], "degree": [5, 9], "intervals": [2, 6]}
    errors = {}
    for lifting in (False, True):
        solution = api.solve(
            config(
                node, trial={**keys, "lifting": lifting}, sampler={"interior": 900, "boundary": 300}
            )
        )
        errors[lifting] = solution.relative_l2["u"] or 1.0
        assert not lifting or solution.boundary_max < 1e-14
    assert errors[True] < errors[False] / 2 and errors[True] < 1e-6
