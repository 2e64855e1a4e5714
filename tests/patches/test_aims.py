"""What the next level is to reach: shares of patches, layers at corners, and where there are none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from patch_helpers import EDGES, LSHAPE, SIDES, first, problem_of

from kanpde.errors import ConfigError
from kanpde.patches.aims import Aims
from kanpde.patches.cells import Cell, Cover
from kanpde.patches.covers import cover_of
from kanpde.patches.faces import _computed, _known
from kanpde.patches.layout import balanced
from kanpde.patches.levels import Cells, Ground, Level
from kanpde.patches.marking import Aim, aim_of, falls, goal_of, is_at_corner, shares
from kanpde.patches.refinement import refined
from kanpde.patches.statement import Statement
from kanpde.patches.unbounded import Unbounded
from kanpde.problem.problem import Problem


def corner_problem() -> Problem:
    """u = r^{2/3} sin(2θ/3) on the L-shape."""
    angle = "(atan2(-x - y, y - x) + 3*pi/4)"
    exact = f"(x**2 + y**2)**(1/3)*sin(2/3*{angle})"
    return problem_of(domain=LSHAPE, conditions=[{"part": EDGES, "equation": f"u = {exact}"}])


def level_of(cover: Cover, degree: int, squares: Any = None) -> Level:
    """The first cells with made-up squared rows and coefficients of 1/(1 + n)."""
    return leveled(cover, dict.fromkeys(cover.start(), degree), squares)


def leveled(cover: Cover, degrees: dict[Cell, int], squares: Any = None) -> Level:
    cells = Cells.of(cover, balanced(cover, degrees))
    count = len(cells.patches)
    coefficients = []
    for patch in cells.patches:
        n = (patch.degree + 1) * (patch.degree + 2) // 2
        coefficients.append(np.ones((n, 1)))
    return Level(
        degrees=cells.degrees,
        patches=cells.patches,
        coefficients=coefficients,
        squares=np.ones(count) if squares is None else squares(cells.patches),
        pivot=1.0,
        weakest=1.0,
        values=np.ones((1, 1)),
        missed=np.zeros((count, 3)),
        widths=np.full((count, 2, 2), np.inf),
    )


def test_shares_are_products_of_the_residual_and_of_what_the_dual_problem_leaves() -> None:
    cover = cover_of(corner_problem(), 4)
    level = level_of(cover, 4, lambda patches: np.array([1e-8] * len(patches)))
    depths = np.array([patch.depth for patch in level.patches])
    np.testing.assert_allclose(shares(level, 2.0, 1.0), 1e-8 * (depths / 2) ** 2)
    # where the residual is larger than the distance to the corner it is squared
    np.testing.assert_allclose(shares(level, 2.0, 1e-7), 0.1 * np.maximum(0.1, (depths / 2) ** 2))
    # where convection is strong, corners count like everything else
    np.testing.assert_allclose(shares(level, 0.0, 1.0), 1e-8)


def test_what_conditions_of_less_weight_lack_counts_in_the_shares() -> None:
    """Along every axis; the last column is the squared norm of missing layers."""
    cover = cover_of(corner_problem(), 4)
    level = level_of(cover, 4, lambda patches: np.array([1e-8] * len(patches)))
    missed = np.outer(np.arange(1.0, 1 + len(level.patches)), [1e-8, 2e-8, 100.0])
    lacking = replace(level, missed=missed)
    expected = 1e-8 * (1 + 3 * np.arange(1.0, 1 + len(level.patches)))
    np.testing.assert_allclose(shares(lacking, 0.0, 1.0), expected)


def test_the_exponent_of_a_corner_follows_from_two_levels() -> None:
    cover = cover_of(corner_problem(), 4)
    alpha = 2 / 3

    def squares(patches: Any) -> Any:
        return np.array([patch.depth ** (2 * alpha) for patch in patches])

    coarse = level_of(cover, 4, squares)
    cells = dict(coarse.degrees)
    for cell in [cell for cell in cells if is_at_corner(cover, cell)]:
        cells.pop(cell)
        cells.update(dict.fromkeys(cover.children(cell, (0, 1)), 4))
    fine = leveled(cover, cells, squares)
    at_corner = [is_at_corner(cover, patch.cells[0]) for patch in fine.patches]
    measured = falls(cover, fine, coarse)[at_corner]
    np.testing.assert_allclose(measured, 0.5 ** (4 * alpha))
    # one level alone tells nothing: r is assumed
    np.testing.assert_allclose(falls(cover, fine, None), 0.5**4)


def test_corners_get_as_many_layers_as_their_share_needs() -> None:
    cover = cover_of(corner_problem(), 4)
    level = level_of(cover, 4)
    at_corner = np.array([is_at_corner(cover, patch.cells[0]) for patch in level.patches])
    of_patches = np.where(at_corner, 1.0, 1e-9)
    aim = Aim(of_patches, 1e-6, np.full(len(of_patches), 0.5**2))
    cells = refined(
        cover, level.degrees, level.patches, level.coefficients, level.squares, goal=aim
    )
    # 1e-6 is less than 4^-9 and more than 4^-10: ten layers are needed, eight are allowed
    at = [cell for cell in cells if is_at_corner(cover, cell)]
    assert {max(cell.levels) for cell in at} == {8}
    aim = Aim(of_patches, 2e-2, np.full(len(of_patches), 0.5**2))
    cells = refined(
        cover, level.degrees, level.patches, level.coefficients, level.squares, goal=aim
    )
    assert {max(cell.levels) for cell in cells if is_at_corner(cover, cell)} == {3}


def test_degrees_fall_with_the_layers_of_a_corner() -> None:
    cover = cover_of(corner_problem(), 4)
    level = level_of(cover, 8)
    at_corner = np.array([is_at_corner(cover, patch.cells[0]) for patch in level.patches])
    of_patches = np.where(at_corner, 1.0, 1e-9)
    aim = Aim(of_patches, 1e-6, np.full(len(of_patches), 0.5**2))
    cells = refined(
        cover, level.degrees, level.patches, level.coefficients, level.squares, goal=aim
    )
    at = [cell for cell in cells if is_at_corner(cover, cell)]
    assert {cells[cell] for cell in at} == {4}
    between = {max(cell.levels): degree for cell, degree in cells.items() if min(cell.levels) >= 3}
    assert [between[layer] for layer in range(3, 9)] == [7, 7, 6, 6, 5, 4]


def test_degrees_rise_by_one_step_however_much_is_lacking() -> None:
    cover = cover_of(corner_problem(), 4)
    level = level_of(cover, 8)
    fast = [column * 0.0 for column in level.coefficients]
    for column in fast:
        column[0] = 1.0
    away = np.array([not is_at_corner(cover, patch.cells[0]) for patch in level.patches])
    aim = Aim(np.where(away, 1.0, 1e-9), 1e-6, np.ones(len(away)))
    cells = refined(cover, level.degrees, level.patches, fast, level.squares, goal=aim)
    raised = [cells[patch.cells[0]] for patch, far in zip(level.patches, away, strict=True) if far]
    assert raised and set(raised) == {10}


def test_the_bound_of_shares_leaves_what_is_aimed_at() -> None:
    cover = cover_of(corner_problem(), 4)
    level = level_of(cover, 4)
    of_patches = np.array([10.0**-k for k in range(len(level.patches))])
    aim = aim_of(cover, (level, None), of_patches, 0.1)
    assert np.minimum(of_patches, aim.goal).sum() == pytest.approx(0.1**2)


def test_a_level_aims_at_what_is_needed_and_no_more() -> None:
    assert goal_of(1.0, 0.02, np.inf, 1e-6) == 0.02
    assert goal_of(1.0, 0.02, 2.0, 0.1) == pytest.approx(0.7 * 0.05)
    assert goal_of(1.0, 0.02, 1e-9, 1e-6) == 0.4


def aims_of(equation: str, **keys: Any) -> Aims:
    conditions = keys.pop("conditions", [{"part": SIDES, "equation": "u = 0"}])
    problem = problem_of(equations=[equation], conditions=conditions, **keys)
    cover = cover_of(problem, 2)
    ground = Ground(cover, problem.domain.quadrature(100))
    return Aims.of(problem, ground, 1e-6, Statement.of(problem))


def test_strong_convection_or_reaction_shortens_the_length_of_diffusion() -> None:
    assert aims_of("-laplacian(u) = 1").length == pytest.approx(1.0)
    assert aims_of("-1e-3*laplacian(u) + dx(u) + dy(u) = 1").length == pytest.approx(1e-3)
    assert aims_of("-laplacian(u) + 1e4*u = 1").length == pytest.approx(1e-2)
    assert aims_of("-dx(dx(u)) - 1e-4*dy(dy(u)) = 1").length == pytest.approx(1e-2)
    # heat with y for time: nothing diffuses along it
    assert aims_of("dy(u) - dx(dx(u)) = 1").length == 0.0
    assert not aims_of("dx(u) + dy(u) = 1").are_set


def test_whole_faces_are_scaled_from_one_table() -> None:
    problem = problem_of(equations=["-laplacian(u) = 1"])
    cover = cover_of(problem, 2)
    degrees = {first(0, 0): 5, first(1, 1): 4, first(1, 0): 6}
    for half in first(0, 1).halved((0, 1)):
        degrees[half] = 3
    for patch in Cells.of(cover, balanced(cover, degrees)).patches:
        for face, degree in patch.faces:
            box, both = (patch.lower, patch.upper), (patch.degree, degree, degree)
            direct = _computed(face, box, both, 2, patch.functions)
            scaled = _known(patch, face, (degree, degree), 2)
            for name in ("normal", "turns", "mode_turns"):
                pairs = zip(getattr(direct, name), getattr(scaled, name), strict=True)
                for expected, given in pairs:
                    np.testing.assert_allclose(given, expected, atol=1e-11 * np.abs(expected).max())


def test_a_level_that_newtons_method_solves_several_times_is_twice_as_large() -> None:
    ground = Ground(cover_of(corner_problem(), 8), corner_problem().domain.quadrature(100))

    def one_is_worst(patches: Any) -> Any:
        return np.where(np.arange(len(patches)) == 0, 1.0, 1e-2 * 0.9 ** np.arange(len(patches)))

    level = level_of(ground.cover, 8, one_is_worst)
    sizes = {}
    for repeated in (False, True):
        cells = Aims(ground, 1e-6, 1.0, repeated, change=np.inf).refined(level, None)
        sizes[repeated] = sum((degree + 1) * (degree + 2) for degree in cells.values())
    before = sum((degree + 1) * (degree + 2) for degree in level.degrees.values())
    assert sizes[False] < 1.5 * before
    assert sizes[True] >= 2 * before


def test_cells_are_left_where_no_finer_ones_are_in_one_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise ConfigError("a gap")

    cover = cover_of(corner_problem(), 4)
    level = level_of(cover, 4)
    known = cover, level.degrees, level.patches, level.coefficients, level.squares
    assert refined(*known) != level.degrees
    monkeypatch.setattr("kanpde.patches.refinement.balanced", refuse)
    assert refined(*known) == level.degrees


def test_corners_that_hold_the_error_are_aimed_at_though_a_layer_does_little() -> None:
    """A layer at a weak corner leaves more than half of the error."""
    ground = Ground(cover_of(corner_problem(), 4), corner_problem().domain.quadrature(100))
    aims = Aims(ground, 1e-6, 1.0, repeated=False, change=0.05)

    def with_shares(at_corners: float, elsewhere: float) -> Level:
        def squares(patches: Any) -> Any:
            near = [is_at_corner(ground.cover, patch.cells[0]) for patch in patches]
            return np.where(near, at_corners, elsewhere)

        return level_of(ground.cover, 4, squares)

    before = with_shares(1.0, 1e-3)
    assert not aims.is_unsettled(with_shares(0.6, 1e-3), before)
    # what is not resolved elsewhere is not known so well
    assert aims.is_unsettled(with_shares(0.6, 0.6), before)
    # a solution that is not seen yet
    aims.change = 1.0
    assert aims.is_unsettled(with_shares(0.6, 1e-3), before)


def test_where_given_values_jump_squared_rows_count_with_the_size_of_the_patch() -> None:
    """They never fall there, so that they would hold nine tenths of all for ever."""
    conditions = [
        {"part": ["left", "bottom"], "equation": "u = 0"},
        {"part": ["right", "top"], "equation": "u = 1"},
    ]
    plain = aims_of("-laplacian(u) = 0", conditions=conditions)
    problem = problem_of(conditions=conditions)
    jumps = Unbounded.of(problem, Statement.of(problem)).jumps
    aims = replace(plain, ground=replace(plain.ground, jumps=jumps))
    level = level_of(aims.ground.cover, 4)
    at_jumps = aims.ground.at_jumps(level.patches)
    assert 0 < at_jumps.sum() < len(level.patches)
    sizes = np.array([patch.size for patch in level.patches]) / aims.ground.cover.length
    np.testing.assert_allclose(aims._squares(level), np.where(at_jumps, sizes**2, 1.0))


def test_levels_of_fourth_order_double_their_coefficients() -> None:
    """Nothing says what they reach; nine tenths of the squares are one patch of a hundred."""
    conditions = [{"part": SIDES, "equation": ["u = 0", "laplacian(u) = 0"]}]
    aims = aims_of("laplacian(laplacian(u)) = 1", conditions=conditions)

    def squares(patches: Any) -> Any:
        return np.array([1.0] + [5e-3] * (len(patches) - 1))

    level = level_of(aims.ground.cover, 4, squares)
    assert len(aims.refined(level, None)) >= 2 * len(level.patches)


def test_in_space_halves_have_two_degrees_less() -> None:
    box = {"box": {"lower": [0, 0, 0], "upper": [2, 1, 1]}}
    conditions = [{"part": "boundary", "equation": "u = 0"}]
    cover = cover_of(problem_of(domain=box, conditions=conditions), 1)
    cells = Cells.of(cover, balanced(cover, dict.fromkeys(cover.start(), 8)))
    flat = [np.ones((patch.count, 1)) for patch in cells.patches]
    ones = np.ones(len(cells.patches))
    halves = refined(cover, cells.degrees, cells.patches, flat, ones)
    assert len(halves) > len(cells.patches)
    assert set(halves.values()) == {6}
