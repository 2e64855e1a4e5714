"""Equations of third and fourth order, and systems whose equations are of different order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from patch_helpers import EDGES, LSHAPE, SIDES, error, first, problem_of, solved, tree_of

import kanpde
from kanpde.errors import ConfigError
from kanpde.patches.estimates import extrapolated
from kanpde.patches.free_corners import free_corners
from kanpde.patches.offsets import indices

LINE = {"interval": {"lower": 0, "upper": 1}}
THIRD = {
    "domain": LINE,
    "equations": ["dxxx(u) + dx(u) = 24*x + 4*x**3"],
    "exact": {"u": "x**4"},
    "conditions": [
        {"part": "left", "equation": "u = 0"},
        {"part": "left", "equation": "dx(u) = 0"},
        {"part": "right", "equation": "dxx(u) = 12"},
    ],
}
BEAM = {
    "domain": LINE,
    "equations": ["dxxxx(u) = 1"],
    "exact": {"u": "x**2*(6 - 4*x + x**2)/24"},
    "conditions": [
        {"part": "left", "equation": "u = 0"},
        {"part": "left", "equation": "dx(u) = 0"},
        {"part": "right", "equation": "dxx(u) = 0"},
        {"part": "right", "equation": "dxxx(u) = 0"},
    ],
}
BENT = "x**4 - 2*x**2*y**2 + x**3*y + y**3 + 1"
PLATE = {
    "equations": ["laplacian(laplacian(u)) = 8"],
    "exact": {"u": BENT},
    "conditions": [
        {"part": SIDES, "equation": f"u = {BENT}"},
        {"part": "left", "equation": "dn(u) = -(4*x**3 - 4*x*y**2 + 3*x**2*y)"},
        {"part": "bottom", "equation": "dn(u) = -(-4*x**2*y + x**3 + 3*y**2)"},
        {"part": ["right", "top"], "equation": "laplacian(u) = 8*x**2 - 4*y**2 + 6*x*y + 6*y"},
    ],
}
# without the condition on the corner (1, 1) any multiple of x y could be added
SUPPORTED = {
    "equations": ["laplacian(laplacian(u)) = 0"],
    "exact": {"u": "x**3*y - x*y**3"},
    "conditions": [
        {"part": ["left", "bottom"], "equation": "u = 0"},
        {"part": ["left", "bottom"], "equation": "laplacian(u) = 0"},
        {"part": "right", "equation": "dxx(u) + 0.3*dyy(u) = 4.2*y"},
        {"part": "right", "equation": "dxxx(u) + 1.7*dxyy(u) = -4.2*y"},
        {"part": "top", "equation": "dyy(u) + 0.3*dxx(u) = -4.2*x"},
        {"part": "top", "equation": "dyyy(u) + 1.7*dxxy(u) = 4.2*x"},
    ],
}
STOKES = {
    "unknowns": ["u", "v", "p"],
    "equations": [
        "-0.01*laplacian(u) + dx(p) = -0.02 + y",
        "-0.01*laplacian(v) + dy(p) = x",
        "dx(u) + dy(v) = 0",
    ],
    "exact": {"u": "y**2 + x", "v": "-y", "p": "x*y + 1"},
    "conditions": [
        {"part": ["left", "bottom", "top"], "equation": "u = y**2 + x"},
        {"part": SIDES, "equation": "v = -y"},
        {"part": "right", "equation": "p - 0.01*dx(u) = y + 0.99"},
    ],
}


@pytest.mark.parametrize(
    ("orders", "equations", "unknowns"),
    [
        ([[4]], (0,), (4,)),
        ([[2, None, 1], [None, 2, 1], [1, 1, None]], (0, 0, 1), (2, 2, 1)),
        ([[1, 0], [2, 1]], (1, 0), (2, 1)),
        ([[2, 0], [0, 2]], (0, 0), (2, 2)),
        # no matching: both equations are about the first unknown
        ([[2, None], [1, None]], (0, 1), (2, 0)),
    ],
)
def test_indices_of_systems(
    orders: list[list[int | None]], equations: tuple[int, ...], unknowns: tuple[int, ...]
) -> None:
    assert indices(orders) == (equations, unknowns)


@pytest.mark.parametrize("tree", [THIRD, BEAM], ids=["third", "beam"])
def test_polynomials_are_exact_on_lines(tree: dict[str, Any]) -> None:
    problem = problem_of(**tree)
    level = solved(problem, cells=3, degree=5, split=[first(1)], axes=[0])
    assert len(level.patches) == 4
    assert error(level.trial, problem) < 1e-11


@pytest.mark.parametrize("tree", [PLATE, SUPPORTED, STOKES], ids=["plate", "supported", "stokes"])
@pytest.mark.parametrize("axes", [(0,), (0, 1)])
def test_polynomials_are_exact_with_hanging_faces(
    tree: dict[str, Any], axes: tuple[int, ...]
) -> None:
    problem = problem_of(**tree)
    level = solved(problem, cells=2, degree=5, split=[first(0, 1)], axes=axes)
    assert len(level.patches) > 4
    assert error(level.trial, problem) < 1e-9


def test_a_clamped_plate_with_uniform_load() -> None:
    """Timoshenko & Woinowsky-Krieger, section 44: 0.00126 in the middle; the digits are those of
    hp finite elements.
    """
    conditions = [{"part": SIDES, "equation": f"{what} = 0"} for what in ("u", "dn(u)")]
    tree = tree_of(equations=["laplacian(laplacian(u)) = 1"], conditions=conditions)
    solution = kanpde.solve({**tree, "tolerance": 1e-4})
    assert solution.result.estimate is not None
    assert solution.result.estimate <= 1e-4
    assert solution(np.array([[0.5, 0.5]])).item() == pytest.approx(0.00126531908, rel=3e-4)


def test_free_corners_are_those_between_edges_without_values_and_slopes() -> None:
    corners = free_corners(problem_of(**SUPPORTED))
    places = sorted(corner.at.tolist() for corner in corners)
    assert places == [[1.0, 1.0]]
    np.testing.assert_allclose([abs(corner.twist) for corner in corners], [[0, 1, 0]])


FREE = [f"{moment}*dxx(u) + dyy(u) = 0" for moment in (1, 2)]
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "an unknown without derivatives": (
        {
            "unknowns": ["u", "v"],
            "equations": ["-laplacian(u) + v = 0", "v - u = 1"],
        },
        {},
        "derivatives of every unknown, found none of v",
    ),
    "a condition of too high an order": (
        {
            "conditions": [
                {"part": SIDES[:3], "equation": "u = 0"},
                {"part": "top", "equation": "laplacian(u) = 0"},
            ]
        },
        {},
        "order 1 at most, below that of the equations, found order 2",
    ),
    "a degree below the order": (
        {**PLATE},
        {"degree": 3},
        "must be at least the order of the equations, 4, found 3",
    ),
    "a free re-entrant corner": (
        {
            "domain": LSHAPE,
            "equations": ["laplacian(laplacian(u)) = 1"],
            "conditions": [
                {"part": EDGES[1:5], "equation": "u = 0"},
                {"part": EDGES[1:5], "equation": "dn(u) = 0"},
                *({"part": [EDGES[0], EDGES[5]], "equation": equation} for equation in FREE),
            ],
        },
        {},
        r"found two free edges at \(0, 0\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    tree, trial, sentence = REFUSED[name]
    with pytest.raises(ConfigError, match=sentence):
        kanpde.solve(tree_of(trial, **tree))


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ([np.inf, 0.1], 0.0),
        ([0.1, 0.01], 0.0),
        ([0.1, 0.08], 0.32),
        # one lucky change does not hide two slow levels
        ([0.3, 0.3, 0.108], 0.162),
        # of errors that do not fall a tenth at most is believed to
        ([0.1, 0.2], 1.8),
    ],
)
def test_what_slow_changes_leave(changes: list[float], left: float) -> None:
    assert extrapolated(changes) == pytest.approx(left)
