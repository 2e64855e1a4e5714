"""Lines, circles and other curves across which formulas jump, and the pieces that they cut a domain into."""

from __future__ import annotations

import math

import numpy as np
import pytest
from core_helpers import SQUARE

from kanpde.api.solving import configure
from kanpde.expressions import linear_parts
from kanpde.problem.findings import numbers
from kanpde.problem.kinks import SWITCHES
from kanpde.problem.level_curves import LevelCurve, LevelSet, level_curves
from kanpde.problem.pieces import Jumps, Pieces
from kanpde.problem.problem import Problem


def problem(equation: str, domain: object = SQUARE) -> Problem:
    """One on the square [-1, 1]² without anything else of interest."""
    tree = {
        "name": "jumps",
        "unknowns": ["u"],
        "domain": domain,
        "equations": [equation],
        "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}],
    }
    return Problem.create(configure({"problem": tree}).problem)


def pieces(coefficient: str) -> Pieces | None:
    posed = problem(f"div({coefficient}*grad(u)) = -1")
    return Pieces.of(posed.domain, Jumps(posed.equations), posed.kinks)


def areas(coefficient: str) -> list[float]:
    cut = pieces(coefficient)
    assert cut is not None
    return sorted(member.measure for member in cut.domain.members)


def curves_of(text: str) -> list[LevelCurve] | None:
    (equation,) = problem(f"-laplacian(u) = {text}").equations
    _, source = linear_parts(equation)
    x = np.random.default_rng(0).uniform(-1, 1, (4000, 2))
    return level_curves(lambda at: numbers((source,), at)[0], x, (-np.ones(2), np.ones(2)))


CIRCLES = {
    "square": "(x - 0.1)**2 + (y + 0.2)**2 - 0.09",
    "root": "0.3 - sqrt((x - 0.1)**2 + (y + 0.2)**2)",
    "exponential": "exp(-(x - 0.1)**2 - (y + 0.2)**2) - exp(-0.09)",
}


@pytest.mark.parametrize("form", CIRCLES)
def test_a_circle_is_found_however_it_is_written(form: str) -> None:
    (curve,) = curves_of(CIRCLES[form]) or [None]
    assert curve is not None
    assert curve.radius == pytest.approx(0.3, abs=1e-12)
    assert curve.center == pytest.approx([0.1, -0.2], abs=1e-12)
    at = curve.center + 0.3 * np.array([[math.cos(1.0), math.sin(1.0)]])
    beyond = curve.center + 1.001 * (at - curve.center)
    assert curve.at(beyond)[0] == pytest.approx(3e-4, rel=1e-2)


def test_several_lines_of_one_formula() -> None:
    curves = curves_of("sin(4*(x + y))")
    assert curves is not None
    offsets = sorted(abs(curve.coefficients[0]) * math.sqrt(2) for curve in curves)
    assert offsets == pytest.approx([0, *[math.pi / 4] * 2, *[math.pi / 2] * 2], abs=1e-10)


@pytest.mark.parametrize("text", ["y - x**2", "x**2 + 2*y**2 - 0.3"])
def test_other_smooth_curves_are_outlined(text: str) -> None:
    (curve,) = curves_of(text) or [None]
    assert isinstance(curve, LevelSet)
    x, y = curve.middles.T
    met = y - x**2 if text.startswith("y") else x**2 + 2 * y**2 - 0.3
    assert np.abs(met).max() < 1e-12


def test_curves_with_corners_are_none() -> None:
    assert curves_of("x**4 + y**2 - 0.3 + sqrt((x - y)**2)") is None


def test_pieces_of_a_disk_and_a_line() -> None:
    disk = math.pi * 0.09
    assert areas("where(x**2 + y**2 < 0.09, 10, 1)") == pytest.approx([disk, 4 - disk])
    assert areas("where(x + y < 0, 10, 1)") == pytest.approx([2, 2])


def test_pieces_of_other_curves() -> None:
    area = math.pi * 0.6 * 0.3
    assert areas("where(x**2/0.36 + y**2/0.09 < 1, 10, 1)") == pytest.approx([area, 4 - area])
    assert areas("where(y < x**2, 10, 1)") == pytest.approx([4 / 3, 8 / 3])
    # two curves that cross each other
    both = areas("(where(x**2/0.36 + y**2/0.09 < 1, 3, 1) + where(y < x**2, 0, 1))")
    assert len(both) == 4
    assert sum(both) == pytest.approx(4)


def test_what_lies_beside_each_other_without_a_jump_is_one_piece() -> None:
    assert areas("where(abs(x) + abs(y) < 0.4, 5, 1)") == pytest.approx([0.32, 3.68])
    assert areas("where(x + y < 0.2 and x > 0.1, 4, 1)") == pytest.approx([0.585, 3.415])
    # squares of one kind that meet in a point alone are pieces of their own
    assert areas("where((x + y)*(x - y) > 0, 4, 1)") == pytest.approx([1, 1, 1, 1])


def test_formulas_of_pieces_hold_no_tests() -> None:
    cut = pieces("where(x**2 + y**2 < 0.09, 10 + abs(x - y), 1)")
    assert cut is not None
    assert len(cut.equations) == 3
    for (equation,) in cut.equations:
        assert not any(word in repr(equation) for word in SWITCHES)


def test_planes_across_axes_and_other_curves_are_left_alone() -> None:
    assert pieces("where(x < 0.3, 10, 1)") is None
    assert pieces("where((x**2 + y**2)**2 < x**2 - y**2, 10, 1)") is None
    assert pieces("(2 + x)") is None
