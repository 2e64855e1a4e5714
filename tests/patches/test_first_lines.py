"""Where the first lines of cells in the plane stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from patch_helpers import problem_of

from kanpde.patches.covers import cover_of
from kanpde.patches.layout import balanced
from kanpde.trial.dyadic import Lattice

SQUARE = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}


def cover(domain: dict[str, Any], parts: list[str]) -> Any:
    problem = {
        "domain": domain,
        "equations": ["-laplacian(u) = 1"],
        "conditions": [{"part": parts, "equation": "u = 0"}],
    }
    return cover_of(problem_of(**problem))


def holed(x: float, y: float, radius: float) -> Any:
    hole = {"disk": {"center": [x, y], "radius": radius, "name": "hole"}}
    return cover({"difference": [SQUARE, hole]}, ["left", "right", "bottom", "top", "hole"])


@pytest.mark.parametrize(
    ("x", "y", "radius"), [(0.5, 0.5, 0.25), (0.3, 0.6, 0.2), (0.25, 0.4, 0.125), (0.7, 0.2, 0.05)]
)
def test_a_round_hole_touches_no_line(x: float, y: float, radius: float) -> None:
    """A cell that a hole all but cuts in two would be split for ever."""
    lattice_cover = holed(x, y, radius)
    leaves = balanced(lattice_cover, dict.fromkeys(lattice_cover.start(), 8))
    assert max(max(cell.levels) for cell in leaves) <= 8


def test_lines_stand_on_long_straight_sides() -> None:
    corners = [[0, 0], [3, 0], [3, 1], [1.2, 1], [1.2, 2], [0, 2]]
    bent = cover({"polygon": {"vertices": corners}}, [f"edge{k}" for k in range(1, 7)])
    along_x, along_y = bent.lattice.lines
    assert 1.2 in along_x and 1.0 in along_y
    assert along_x[0] == 0.0 and along_x[-1] == 3.0 and (np.diff(along_x) > 0.2).all()


def test_a_plain_box_has_even_lines() -> None:
    (along_x, _) = cover(SQUARE, ["left", "right", "bottom", "top"]).lattice.lines
    assert np.allclose(along_x, np.linspace(0, 1, 5))


def test_positions_and_units_belong_together() -> None:
    lattice = Lattice([np.array([0.0, 0.3, 1.0]), np.array([-1.0, 5.0])])
    assert lattice.counts == (2, 1)
    levels, indices = np.array([3, 0, 0, 5]), np.array([8, 1, 2, 7])
    where = lattice.position(0, levels, indices)
    assert where.tolist() == [0.3, 0.3, 1.0, 0.3 * 7 / 32]
    x = np.stack([where, np.zeros(4)], axis=1)
    assert np.allclose(lattice.units(x)[:, 0], indices / 2.0**levels, atol=1e-15)
    again = Lattice.from_table(lattice.table)
    assert all((a == b).all() for a, b in zip(again.lines, lattice.lines, strict=True))


NOTCHED = [[0, 0], [3, 0], [3, 2], [2, 2], [2, 1.2], [1.3, 1], [1, 2], [0, 2]]
LEVEL_WITH_A_SIDE = [[0, 0], [4, 0], [4, 1], [3.5, 1], [3.5, 2], [2, 1], [1, 2], [0, 2]]


@pytest.mark.parametrize("corners", [NOTCHED, LEVEL_WITH_A_SIDE])
def test_the_tip_of_a_notch_touches_no_line(corners: list[list[float]]) -> None:
    """The cell above the line would be in two parts, and so would one of all its halves."""
    notched = cover({"polygon": {"vertices": corners}}, [f"edge{k}" for k in range(1, 9)])
    halves = [half for cell in notched.start() for half in notched.children(cell, (0, 1))]
    leaves = balanced(notched, dict.fromkeys(halves, 8))
    assert max(max(cell.levels) for cell in leaves) <= 8
