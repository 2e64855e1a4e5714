"""Conditions on means, at points and between opposite sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patch_helpers import SIDES, SQUARE, error, problem_of, solved, tree_of

import kanpde
from kanpde.patches.compatibility import is_contradictory
from kanpde.patches.covers import cover_of
from kanpde.patches.layout import balanced, layout, neighbours
from kanpde.progress import StopReason

LINE = {"interval": {"lower": 0, "upper": 1}}
WAVES = "cos(pi*x)*cos(2*pi*y)"
INSULATED = {"part": SIDES, "equation": "dn(u) = 0"}
AROUND = {"periodic": ["left", "right"]}
WHOLE_WAVES = "cos(2*pi*x)*sin(4*pi*y)"


def solve(tolerance: float = 1e-6, cells: int | None = None, **keys: Any) -> kanpde.Solution:
    return kanpde.solve(tree_of({"cells": cells} if cells else None, **keys), tolerance=tolerance)


def is_right(solution: kanpde.Solution) -> bool:
    estimate = solution.result.estimate
    errors = [error for error in solution.relative_l2.values() if error is not None]
    reached = solution.stop_reason is StopReason.TOLERANCE and estimate is not None
    return reached and bool(errors) and max(errors) <= estimate


@pytest.mark.parametrize(
    "pin",
    [
        {"mean": "u = 2"},
        {"point": [0.5, 0.5], "equation": "u = 2"},
        {"integral": "u*(y + cos(2*pi*y)) = 1.5", "part": "left"},
    ],
    ids=["mean", "point on a corner of four cells", "integral over a side"],
)
def test_a_pin_fixes_the_constant_that_neumann_data_leave(pin: dict[str, Any]) -> None:
    solution = solve(
        equations=[f"-laplacian(u) = 5*pi**2*{WAVES}"],
        exact={"u": f"{WAVES} + 2"},
        conditions=[INSULATED, pin],
    )
    assert is_right(solution)


def test_the_mean_of_a_pressure_is_given() -> None:
    velocity = ("sin(pi*x)*cos(pi*y)", "-cos(pi*x)*sin(pi*y)")
    solution = solve(
        unknowns=["u", "v", "p"],
        exact={"u": velocity[0], "v": velocity[1], "p": "x*y - 1/4"},
        equations=[
            f"-laplacian(u) + dx(p) = 2*pi**2*{velocity[0]} + y",
            f"-laplacian(v) + dy(p) = 2*pi**2*({velocity[1]}) + x",
            "dx(u) + dy(v) = 0",
        ],
        conditions=[
            {"part": SIDES, "equation": [f"u = {velocity[0]}", f"v = {velocity[1]}"]},
            {"mean": "p = 0"},
        ],
    )
    assert is_right(solution)


def test_a_point_of_space_is_given_at_all_times() -> None:
    solution = solve(
        domain=LINE,
        time={"interval": [0, 0.5]},
        equations=["dt(u) = 0.1*dxx(u)"],
        exact={"u": "exp(-0.1*pi**2*t)*cos(pi*x)"},
        conditions=[
            {"part": "initial", "equation": "u = cos(pi*x)"},
            {"part": "left", "equation": "dn(u) = 0"},
            {"point": [1.0], "equation": "u = -exp(-0.1*pi**2*t)"},
        ],
        free=["right"],
    )
    assert is_right(solution)


def test_a_source_that_no_flux_carries_away_is_not_compatible() -> None:
    solution = solve(
        domain=LINE,
        equations=["-dxx(u) = 1"],
        conditions=[{"part": ["left", "right"], "equation": "dn(u) = 0"}, {"mean": "u = 0"}],
    )
    assert solution.result.exit_code == 8
    assert solution.result.estimate is None
    assert any("compatible" in warning for warning in solution.result.verdict.warnings)


def test_insulated_ends_with_a_mean_are_not_too_many() -> None:
    solution = solve(
        domain=LINE,
        equations=["-dxx(u) = pi**2*cos(pi*x)"],
        exact={"u": "cos(pi*x)"},
        conditions=[{"part": ["left", "right"], "equation": "dn(u) = 0"}, {"mean": "u = 0"}],
    )
    assert is_right(solution) and solution.result.exit_code == 0


def test_the_mean_of_a_pressure_is_given_where_equations_are_not_linear() -> None:
    flow = ("x**2*y", "-x*y**2")
    force = ("-0.2*y + 1 + x**3*y**2", "0.2*x + x**2*y**3")
    solution = solve(
        unknowns=["u", "v", "p"],
        exact={"u": flow[0], "v": flow[1], "p": "x - 1/2"},
        equations=[
            f"-0.1*laplacian(u) + u*dx(u) + v*dy(u) + dx(p) = {force[0]}",
            f"-0.1*laplacian(v) + u*dx(v) + v*dy(v) + dy(p) = {force[1]}",
            "dx(u) + dy(v) = 0",
        ],
        conditions=[
            {"part": SIDES, "equation": [f"u = {flow[0]}", f"v = {flow[1]}"]},
            {"mean": "p = 0"},
        ],
    )
    assert is_right(solution)


def test_rows_at_rounding_and_rows_that_fall_contradict_nothing() -> None:
    assert not is_contradictory(1e-20, 1e-20, 1.0)
    assert not is_contradictory(1e-2, 5e-3, 1.0)
    assert is_contradictory(1e-2, 1e-2, 1.0)


@pytest.mark.parametrize("cells", [1, 4])
def test_opposite_sides_are_one(cells: int) -> None:
    solution = solve(
        cells=cells,
        equations=[f"-laplacian(u) = 20*pi**2*{WHOLE_WAVES}"],
        exact={"u": WHOLE_WAVES},
        conditions=[AROUND, {"periodic": ["bottom", "top"]}, {"mean": "u = 0"}],
    )
    assert is_right(solution)


def test_a_wave_leaves_on_one_side_and_enters_on_the_other() -> None:
    solution = solve(
        domain=LINE,
        time={"interval": [0, 1.5]},
        equations=["dt(u) + dx(u) = 0"],
        exact={"u": "sin(2*pi*(x - t))"},
        conditions=[AROUND, {"part": "initial", "equation": "u = sin(2*pi*x)"}],
    )
    assert is_right(solution)


def test_a_source_at_a_periodic_side_may_lie_anywhere() -> None:
    """A shift of the data along a periodic axis shifts the solution."""
    sides = {"part": ["bottom", "top"], "equation": "u = 0"}
    bumps = [f"-laplacian(u) = exp(3*cos(2*pi*(x - {at})))" for at in ("0.98", "0.48")]
    near, middle = (solve(1e-5, equations=[bump], conditions=[AROUND, sides]) for bump in bumps)
    rng = np.random.default_rng(0)
    x = rng.uniform(0.0, 1.0, (50, 2))
    moved = np.stack([(x[:, 0] + 0.5) % 1.0, x[:, 1]], axis=1)
    values, expected = np.asarray(near(moved)), np.asarray(middle(x))
    np.testing.assert_allclose(values, expected, atol=3e-5 * np.abs(expected).max())


def test_cells_across_a_periodic_side_differ_by_one_level() -> None:
    problem = problem_of(
        domain=SQUARE, conditions=[AROUND, {"part": ["bottom", "top"], "equation": "u = 0"}]
    )
    cover = cover_of(problem, 3)
    leaves = dict.fromkeys(cover.start(), 4)
    for _ in range(3):
        cell = max(leaves, key=lambda cell: (cell.levels, -cell.indices[0], cell.indices[1]))
        leaves.pop(cell)
        leaves.update(dict.fromkeys(cover.children(cell, (0, 1)), 4))
    cells = list(balanced(cover, leaves))
    across = [pair for pair in neighbours(cells, cover.periods) if cells[pair[2]].indices[0] == 0]
    assert across
    for _, end, start in across:
        assert np.abs(np.subtract(cells[end].levels, cells[start].levels)).max() <= 1
    faces = [face for patch in layout(cover, balanced(cover, leaves)) for face, _ in patch.faces]
    ends = [face.at for face in faces if face.axis == 0]
    assert ends.count(0.0) == ends.count(1.0) > 0


def test_periodic_sides_of_a_mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # the left side is cut into two edges, the right one is whole
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.4], [0, 0.3]], dtype=float)
    meshio = pytest.importorskip("meshio")
    sides = np.array([1, 2, 3, 4, 4])
    mesh = meshio.Mesh(
        corners,
        [("triangle", [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 5, 4], [5, 0, 4]]),
         ("line", [[0, 1], [1, 2], [2, 3], [3, 5], [5, 0]])],
        cell_data={"gmsh:physical": [np.ones(5, int), sides],
                   "gmsh:geometrical": [np.ones(5, int), sides]},
        field_data={"bottom": np.array([1, 1]), "right": np.array([2, 1]),
                    "top": np.array([3, 1]), "left": np.array([4, 1])},
    )  # fmt: skip
    meshio.write("square.msh", mesh, file_format="gmsh22", binary=False)
    problem = problem_of(
        domain={"mesh": "square.msh"},
        equations=["-laplacian(u) = 5*pi**2*sin(2*pi*x + 1)*sin(pi*y)"],
        exact={"u": "sin(2*pi*x + 1)*sin(pi*y)"},
        conditions=[AROUND, {"part": ["bottom", "top"], "equation": "u = 0"}],
    )
    assert error(solved(problem, cells=4, degree=8).trial, problem) < 1e-6
