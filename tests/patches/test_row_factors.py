"""By what the rows of equations of several orders are multiplied from cell to cell."""

from __future__ import annotations

import pytest
from patch_helpers import SIDES, problem_of

from kanpde.patches.covers import cover_of
from kanpde.patches.layout import balanced, layout
from kanpde.patches.rows import System, rows

STOKES = {
    "unknowns": ["u", "v", "p"],
    "equations": ["-laplacian(u) + dx(p) = 1", "-laplacian(v) + dy(p) = 0", "dx(u) + dy(v) = 0"],
    "conditions": [{"part": SIDES, "equation": ["u = 0", "v = 0"]}, {"mean": "p = 0"}],
}


def test_an_equation_of_a_derivative_less_counts_as_one_that_is_differentiated() -> None:
    """div(u, v) = 0 beside the equations of second order: (L/h) times more on a cell of size h."""

    def share(cells: int) -> float:
        problem = problem_of(**STOKES)
        cover = cover_of(problem, cells)
        patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 4)))
        first, _, third = rows(System.of(problem), cover, patches[:1])[0].scales.factors
        return float(third / first)

    assert share(4) / share(2) == pytest.approx(2.0)
