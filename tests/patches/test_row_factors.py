"""By what the rows of equations of several orders are multiplied from cell to cell."""

from __future__ import annotations

import pytest
from patch_helpers import SIDES, first, problem_of

from kanpde.patches.cells import Cell
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


def test_terms_of_lower_order_do_not_hide_the_rows_of_a_patch_where_they_are_singular() -> None:
    """As the slopes of div((1 + u²) grad u) by u do at a corner of 270°, r^{-4/3} at x = y = 0."""

    def beside_others(equation: str) -> float:
        problem = problem_of(equations=[equation])
        cover = cover_of(problem, 2)
        leaves, corner = dict.fromkeys(cover.start(), 2), first(0, 0)
        for _ in range(12):
            del leaves[corner]
            leaves |= dict.fromkeys(cover.children(corner, (0, 1)), 2)
            corner = Cell((corner.levels[0] + 1,) * 2, (0, 0))
        patches = layout(cover, balanced(cover, leaves))
        (at_corner,) = [patch for patch in patches if not patch.lower.any()]
        far = max(patches, key=lambda patch: float(patch.lower.sum()))
        each = rows(System.of(problem), cover, [at_corner, far])
        return float(each[0].scales.factors[0] / each[1].scales.factors[0])

    plain = beside_others("laplacian(u) = 1")
    assert beside_others("laplacian(u) + u/(x**2 + y**2)**(2/3) = 1") > 0.1 * plain
    assert beside_others("laplacian(u) + 400*u = 1") == pytest.approx(plain)
    # where it is as large as the others in a cell it counts
    assert beside_others("laplacian(u) + 2**34*heaviside(1e-3 - x - y)*u = 1") < 0.5 * plain
