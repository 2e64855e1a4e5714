"""Problems in coordinates in which diffusion is as strong in all directions as it can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from patch_helpers import problem_of, tree_of

import kanpde
from kanpde.expressions import linear_parts, text
from kanpde.numerics.jets import JetSpace
from kanpde.numerics.linear_maps import turned
from kanpde.numerics.quadrature import Array
from kanpde.patches.covers import cover_of
from kanpde.problem.skewed import skewed

POLYGON = {"polygon": {"vertices": [[0, 0], [1, -0.2], [1.3, 0.7], [0.1, 1.1]], "name": "p"}}
HOLE = {"polygon": {"vertices": [[0.4, 0.3], [0.8, 0.3], [0.6, 0.5]], "name": "hole"}}
DISK = {"disk": {"center": [0.6, 0.4], "radius": 0.2, "name": "hole"}}
TENSOR = ["a*dx(u) + 3*dy(u)", "3*dx(u) + dy(u)"]
SKEWED: dict[str, Any] = {
    "domain": {"difference": [POLYGON, HOLE]},
    "parameters": {"a": 10},
    "definitions": {"q": f"nx*({TENSOR[0]}) + ny*({TENSOR[1]})", "e": "exp(x - y)"},
    # Σ a_ij ∂_ij e = (10 - 6 + 1) e, and convection along y
    "equations": [f"div([{', '.join(TENSOR)}]) + 2*dy(u) + x*u = 3*e + x*e"],
    "conditions": [
        {"part": ["p1", "p2", "hole1", "hole2", "hole3"], "equation": "u = e"},
        {"part": "p3", "equation": "q + 2*u = (7*nx + 2*ny + 2)*e"},
        {"part": "p4", "equation": "q = (7*nx + 2*ny)*e"},
    ],
}


def test_a_skewed_problem_has_the_solution_of_the_one_stated(tmp_path: Path) -> None:
    quantities = {"flux": "integral(q, hole2)", "long": "integral(1, p3)"}
    solution = kanpde.solve(tree_of(**SKEWED, quantities=quantities), out=tmp_path / "run")
    assert len(solution.trial.tiles.skew) == 2 and solution.result.estimate < 1e-6
    domain = solution.problem.domain
    points, rim = domain.quadrature(200), domain.part_quadrature("hole2", 200)
    x, true = torch.tensor(points.x), exact(points.x)
    assert solution(points.x)[:, 0] == pytest.approx(true, abs=1e-7)
    jet = solution.trial.jet(solution.trial.locate(x, JetSpace.closure([(1, 1)], 2)))
    assert jet.data[-1, 0].numpy() == pytest.approx(-true, abs=1e-5)
    assert rim.normal is not None
    flux = rim.w @ (rim.normal @ [7, 2] * exact(rim.x))
    assert solution.quantities["flux"].value == pytest.approx(flux, abs=1e-5)
    assert solution.quantities["long"].value == pytest.approx(np.hypot(1.2, 0.4), rel=1e-9)
    np.testing.assert_array_equal(kanpde.load(tmp_path / "run")(points.x), solution(points.x))
    number = solution.trial.patches_at(points.x)
    for at in range(0, len(number), 50):
        value = solution.trial.piece(int(number[at])).evaluate(x[at : at + 1])
        assert float(value) == pytest.approx(true[at], abs=1e-7)


def exact(x: Array) -> Array:
    """e of `SKEWED`."""
    return np.asarray(np.exp(x[:, 0] - x[:, 1]))


def test_diffusion_is_alike_in_all_directions_and_areas_stay() -> None:
    conditions = [{"part": ["p1", "p2", "p3", "p4", "hole"], "equation": "u = e"}]
    round_hole = {"domain": {"difference": [POLYGON, DISK]}, "conditions": conditions}
    problem = problem_of(**SKEWED | round_hole)
    other = skewed(problem)
    assert other is not None
    slopes, _ = linear_parts(other.problem.equations[0])
    second = {jet.index: float(text(slope)) for jet, slope in slopes.items() if jet.order == 2}
    # the root of the determinant of the tensor
    assert second == pytest.approx({(2, 0): 1.0, (1, 1): 0.0, (0, 2): 1.0}, abs=1e-12)
    assert other.problem.domain.measure == pytest.approx(problem.domain.measure, rel=1e-12)
    assert other.problem.domain.parts == problem.domain.parts


@pytest.mark.parametrize(
    "changed",
    (
        {"equations": ["laplacian(u) = 0"]},
        {"equations": ["dxx(u) + dxy(u) + dyy(u) = 0"]},
        {"equations": ["dxx(u) - 20*dxy(u) - 20*dyy(u) = 0"]},
        {"equations": ["100*dxx(u) + dyy(u) = 0"]},
        {"equations": ["1e4*dxx(u) + dxy(u) + dyy(u) = 0"]},
        {"equations": ["10*dxx(u) + 3*dxy(u) + dyy(u) + u**2 = 0"]},
        {"equations": ["10*dxx(u) + 3*dxy(u) + (1 + abs(x - 0.5))*dyy(u) = 0"]},
    ),
)
def test_other_problems_stay_as_they_are(changed: dict[str, Any]) -> None:
    assert skewed(problem_of(**{**SKEWED, **changed})) is None


def test_a_mixed_derivative_in_other_coordinates() -> None:
    """∂_1 ∂_2 with ∂_1 = 2 ∂_ξ1 + 3 ∂_ξ2 and ∂_2 = ∂_ξ2."""
    assert turned((1, 1), np.array([[2.0, 0.0], [3.0, 1.0]])) == {(1, 1): 2.0, (0, 2): 3.0}


def test_places_of_cells_are_told_in_the_coordinates_of_the_file() -> None:
    problem = problem_of(**SKEWED)
    other = skewed(problem)
    assert other is not None
    cover = cover_of(other.problem, skew=other.matrix)
    low, high = cover.box(cover.start()[0])
    corners = np.array([low, high, [low[0], high[1]], [high[0], low[1]]])
    stated = cover.stated(corners)
    np.testing.assert_allclose(stated @ other.matrix.T, corners, atol=1e-14)
    np.testing.assert_allclose(cover.stated(high), stated[1])
    np.testing.assert_allclose(cover.stated_sizes(high - low), np.ptp(stated, axis=0))


def test_a_vertical_side_that_looks_into_the_domain_has_its_own_values() -> None:
    """In the coordinates of the cells the other side at the corner is slanted, and cells to the right
    of the vertical one would hold a part of the domain.
    """
    corner = {"polygon": {"vertices": [[0, 0], [1, 0], [1, 1], [-1, 1], [-1, -1], [0, -1]]}}
    edges = [{"part": [f"edge{k}" for k in range(1, 7)], "equation": "u = 0"}]
    problem = {
        "name": "corner",
        "unknowns": ["u"],
        "domain": corner,
        "equations": ["-div([3*dx(u) + 2*dy(u), 2*dx(u) + 2*dy(u)]) = 1"],
        "conditions": edges,
    }
    solution = kanpde.solve({"problem": problem, "tolerance": 1e-3})
    assert len(solution.trial.tiles.skew)
    on_side = np.column_stack([np.zeros(9), -np.linspace(0.05, 0.95, 9)])
    assert np.abs(solution(on_side)).max() < 1e-2 * np.abs(solution(on_side - [0.3, 0])).max()
