"""Which coefficients of second order jump, and which have a pole at the rim."""

from __future__ import annotations

import pytest
from patch_helpers import SIDES, problem_of

from kanpde.patches.affine import Affine
from kanpde.patches.covers import cover_of
from kanpde.patches.layout import balanced, layout
from kanpde.patches.steepness import Jump, jump


def steep(coefficient: str) -> Jump | None:
    posed = problem_of(
        equations=[f"-dxx(u) - ({coefficient})*dyy(u) = 1"],
        conditions=[{"part": SIDES, "equation": "u = 0"}],
    )
    cover = cover_of(posed, 4)
    patches = layout(cover, dict.fromkeys(cover.start(), 4))
    return jump(Affine.of(posed.equations[0]), posed.domain, patches)


@pytest.mark.parametrize(
    "coefficient", ["1/x**2", "1/sin(pi*x)**2", "1/(1 - x)", "x**-0.5", "1/(x*(1 - y))", "1 + x*y"]
)
def test_a_pole_at_the_rim_is_no_jump(coefficient: str) -> None:
    assert steep(coefficient) is None


@pytest.mark.parametrize(
    ("coefficient", "at"),
    [
        ("where(x < 0.37, 1, 3)", 0.37),
        ("60 - 50*tanh((x - 0.0095)/5e-4)", 0.01),
        ("2 + where(x < 0.01, 50, 1)", 0.01),
        ("1/x**2 + where(x < 0.37, 1e9, 3e9)", 0.37),
    ],
)
def test_jumps_and_narrow_rises_are_seen(coefficient: str, at: float) -> None:
    found = steep(coefficient)
    assert found is not None
    assert found.axis == 0
    assert found.place[0] == pytest.approx(at, abs=0.02)


def test_a_line_with_few_points_inside_tells_no_jump() -> None:
    """Two of them make one step, which is all that changes along the line."""
    posed = problem_of(
        domain={"polygon": {"vertices": [[0, 0], [1, 0.7], [1, 1]]}},
        equations=["-dxx(u) - exp(3*x)*dyy(u) = 1"],
        conditions=[{"part": "boundary", "equation": "u = 0"}],
    )
    cover = cover_of(posed, 1)
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 4)))
    assert jump(Affine.of(posed.equations[0]), posed.domain, patches) is None
