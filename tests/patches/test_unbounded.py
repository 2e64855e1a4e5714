"""Where given values jump: unknowns without a bound, estimates by unknown, and which cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patch_helpers import SIDES, problem_of, tree_of

import kanpde
from kanpde.patches.covers import cover_of
from kanpde.patches.elimination import Elimination
from kanpde.patches.estimates import compared
from kanpde.patches.levels import Cells, Ground, Level
from kanpde.patches.marking import shares
from kanpde.patches.negligible import Away
from kanpde.patches.statement import Statement
from kanpde.patches.unbounded import NEAR, Unbounded

LID: dict[str, Any] = {
    "unknowns": ["u", "v", "p"],
    "equations": ["dx(p) = laplacian(u)", "dy(p) = laplacian(v)", "dx(u) + dy(v) = 0"],
    "conditions": [
        {"part": "top", "equation": ["u = 1", "v = 0"]},
        {"part": ["left", "right", "bottom"], "equation": ["u = 0", "v = 0"]},
        {"point": [0.5, 0], "equation": "p = 0"},
    ],
}
HEATED: dict[str, Any] = {
    "conditions": [
        {"part": "top", "equation": "u = 1"},
        {"part": ["left", "right", "bottom"], "equation": "u = 0"},
    ]
}
FLUXES: dict[str, Any] = {
    "unknowns": ["u", "q", "s"],
    "equations": ["q = dx(u)", "s = dy(u)", "dx(q) + dy(s) = 0"],
    **HEATED,
}


def unbounded_of(keys: dict[str, Any]) -> Unbounded:
    problem = problem_of(**keys)
    return Unbounded.of(problem, Statement.of(problem))


def test_the_pressure_has_no_bound_at_the_corners_of_a_sliding_lid() -> None:
    found = unbounded_of(LID)
    assert sorted(found.places) == [2]
    assert sorted(found.places[2].tolist()) == [[0.0, 1.0], [1.0, 1.0]]
    (note,) = found.notes(("u", "v", "p"))
    assert note.startswith("p is unbounded at (0, 1), (1, 1), where given values of u jump")
    assert f"a distance of {NEAR:.3g}" in note


def test_fluxes_have_no_bound_where_values_jump_and_values_have() -> None:
    assert sorted(unbounded_of(FLUXES).places) == [1, 2]
    heated = unbounded_of(HEATED)
    assert not heated.places and heated.jumps is not None and len(heated.jumps) == 2


def test_points_beside_a_jump_count_for_what_is_bounded() -> None:
    x = np.array([[0.001, 0.999], [0.5, 0.5], [1 - 2 * NEAR, 1.0]])
    counted = unbounded_of(LID).counted(x, 3)
    assert counted is not None
    assert counted.tolist() == [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    still = [{"part": SIDES, "equation": ["u = x", "v = -y"]}, LID["conditions"][-1]]
    assert unbounded_of(LID | {"conditions": still}).counted(x, 3) is None


def heated_level(degree: int = 6, jumps: Any = ((0.0, 1.0), (1.0, 1.0))) -> tuple[Ground, Level]:
    problem = problem_of(**HEATED)
    cover = cover_of(problem, 4)
    ground = Ground(cover, problem.domain.quadrature(500), None, np.array(jumps))
    cells = Cells.of(cover, dict.fromkeys(cover.start(), degree))
    return ground, ground.solved(Statement.of(problem), cells, Elimination(cover.counts))


def gap_of(ground: Ground, rich: Level, poor: Level) -> Away:
    """The difference of two levels."""
    return Away(ground.distances(rich.values, poor.values), np.zeros(rich.values.shape[1]))


def test_rows_at_a_jump_say_nothing_of_how_the_others_fall() -> None:
    ground, poor = heated_level()
    _, rich = heated_level(8)
    at_jumps = ground.at_jumps(poor.patches)
    assert at_jumps.sum() == 2
    assert ground.squares(rich) / ground.squares(poor) < 0.8 * rich.total / poor.total
    gap, plain = gap_of(ground, rich, poor), Ground(ground.cover, ground.sample)
    told = compared(ground, rich, poor, 0.0, gap).estimate
    unaware = compared(plain, rich, poor, 0.0, gap).estimate
    assert told < 0.7 * unaware


def test_the_share_of_a_patch_at_a_jump_is_that_of_its_size() -> None:
    ground, level = heated_level()
    at_jumps = ground.at_jumps(level.patches)
    plain, told = (shares(level, 10.0, 1e-6, at) for at in (None, at_jumps))
    np.testing.assert_array_equal(plain[~at_jumps], told[~at_jumps])
    depths = np.array([patch.depth for patch in level.patches])[at_jumps]
    np.testing.assert_allclose(told[at_jumps], level.squares[at_jumps] * 1e6 * (depths / 10) ** 2)
    assert (told[at_jumps] < plain[at_jumps]).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lid") / "run"
    kanpde.solve(tree_of({"cells": 2, "degree": 5, "refine": False}, **LID), out=path)
    return path


def test_estimates_are_those_of_each_unknown_and_are_kept(folder: Path) -> None:
    result = kanpde.load(folder).result
    each = result.verdict.estimate
    values = list(each.values())
    assert list(each) == ["u", "v", "p"]
    assert None not in values
    assert len(set(values)) == 3
    assert any("p is unbounded at" in sentence for sentence in result.verdict.sentences)
    assert any("(u " in sentence and ", p " in sentence for sentence in result.verdict.sentences)
