"""Evolutions in three coordinates of space: slabs on patches of boxes and bodies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import kanpde
from kanpde.api.choice import chosen_plan
from kanpde.api.in_turn import InTurn
from kanpde.api.march_plan import Evolving
from kanpde.api.product_plan import Products
from kanpde.api.solving import configure
from kanpde.expressions import Derivative
from kanpde.marching.plane import steps
from kanpde.marching.plane.elimination import Factored, leaf_of
from kanpde.marching.plane.radau import shifts
from kanpde.marching.plane.rows import PatchRows
from kanpde.marching.plane.search import cover_of, march
from kanpde.marching.plane.slab import Operator
from kanpde.marching.plane.statement import Evolution, evolution
from kanpde.patches.layout import balanced, layout
from kanpde.patches.solids import SolidCover
from kanpde.problem.problem import Problem
from kanpde.progress import StopReason

CUBE = {"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}}
BALL = {"ball": {"center": [0.5, 0.5, 0.5], "radius": 0.25, "name": "hole"}}
HEAT = "exp(-3*t)*sin(x + 0.3)*sin(y + 0.5)*cos(z)"


def tree_of(
    equation: str = "dt(u) = laplacian(u)", domain: dict[str, Any] = CUBE, **definitions: str
) -> dict[str, Any]:
    problem = {
        "name": "evolves",
        "unknowns": ["u"],
        "domain": domain,
        "time": {"interval": [0, 0.5]},
        "definitions": {"w": HEAT, **definitions},
        "equations": [equation],
        "conditions": [
            {"part": "initial", "equation": "u = w"},
            {"part": "boundary", "equation": "u = w"},
        ],
    }
    return {"problem": problem, "output": {"vtu": False, "plots": False}}


def posed_of(tree: dict[str, Any]) -> Evolution:
    posed = evolution(Problem.create(configure(tree).problem))
    assert posed is not None
    return posed


def operator_of(posed: Evolution, degree: int) -> Operator:
    cover = cover_of(posed)
    cells = balanced(cover, dict.fromkeys(cover.start(), degree))

    def nothing(wanted: Any, x: Any, normal: Any) -> dict[Derivative, Any]:
        return {}

    return Operator.of(posed, shifts(3), (0.0, 0.1), (cover, layout(cover, cells)), nothing)


def wanted(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    waves = np.sin(x[:, 0] + 0.3) * np.sin(x[:, 1] + 0.5) * np.cos(x[:, 2])
    return np.asarray(np.exp(-3 * x[:, 3]) * waves)


def test_a_march_in_a_box_meets_a_closed_form() -> None:
    posed = posed_of(tree_of())
    run = march(posed, cover_of(posed), 1e-2, 0, np.zeros(1), lambda: False)
    assert run.ended is None
    x = np.random.default_rng(0).uniform(0.0, 1.0, (500, 4)) * [1, 1, 1, 0.5]
    assert np.abs(run.values(x)[:, 0] - wanted(x)).max() < 1e-4


@pytest.mark.parametrize("is_first", [False, True])
def test_the_clock_is_looked_at_within_a_slab(is_first: bool) -> None:
    """Where there is no march before, one slab is taken all the same."""
    posed, looks = posed_of(tree_of()), iter([False])
    known = posed, cover_of(posed), 1e-2, 0, np.zeros(1), lambda: next(looks, True)
    with patch.object(steps, "solve", wraps=steps.solve) as solve:
        run = march(*known, is_first=is_first)
    assert (run.slabs, solve.called) == (is_first, is_first)
    assert run.ended is not None and run.ended.startswith("was stopped")


def test_rows_of_modes_are_those_of_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a coefficient that varies too: the same sums of squares from fewer rows."""
    posed = posed_of(tree_of("dt(u) = div((1 + x*z)*grad(u))"))
    (modes,) = operator_of(posed, 5).rows
    monkeypatch.setattr("kanpde.marching.plane.rows.has_modes", lambda *_: False)
    (points,) = operator_of(posed, 5).rows
    left = [np.random.default_rng(0).normal(size=(len(b.factor), 2)) for b in points.blocks]
    assert len(modes.matrices[0]) < 0.6 * len(points.matrices[0])
    for mine, theirs in zip(modes.matrices, points.matrices, strict=True):
        size = np.abs(theirs.T @ theirs).max()
        assert np.abs(mine.T @ mine - theirs.T @ theirs).max() < 1e-12 * size
        right, by_points = mine.T @ modes.right(left), theirs.T @ points.right(left)
        assert np.abs(right - by_points).max() < 1e-11 * np.abs(by_points).max()


def test_a_patch_that_is_determined_needs_no_further_rows() -> None:
    """A patch whose rows leave something free keeps its coefficients small."""
    (rows,) = operator_of(posed_of(tree_of()), 4).rows
    lengths = shifts(3).shifts / 0.1
    assert leaf_of(rows, lengths).first.householder.shape[1] == len(rows.matrices[0])
    free = replace(rows, matrices=tuple(matrix * 0.0 for matrix in rows.matrices))
    free.matrices[0][:, 1:] = rows.matrices[0][:, 1:]
    height, count = rows.matrices[0].shape
    assert leaf_of(free, lengths).first.householder.shape[1] == height + count
    solved = Factored.of([free], lengths, (1, 1, 1)).solve([_right(free)])
    assert np.isfinite(solved[0]).all()


def _right(rows: PatchRows) -> np.ndarray[Any, Any]:
    return np.ones((len(shifts(3).shifts), len(rows.matrices[0])), dtype=complex)


def test_a_body_is_marched_at_once() -> None:
    """Patches in space and time cover boxes only."""
    domain = {"difference": [CUBE, BALL]}
    posed = posed_of(tree_of(domain=domain))
    assert isinstance(cover_of(posed), SolidCover)
    plan = chosen_plan(configure(tree_of(domain=domain)))
    assert isinstance(plan, Evolving)


def test_products_come_first_where_they_suit_the_equation() -> None:
    plan = chosen_plan(configure(tree_of() | {"tolerance": 1e-2}))
    assert isinstance(plan, InTurn) and isinstance(plan.field, Products)
    cubic = "dt(u) = laplacian(u) - u**3 + dt(w) - laplacian(w) + w**3"
    assert isinstance(chosen_plan(configure(tree_of(cubic))), Evolving)


def test_slabs_follow_products_that_do_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both come back from their folders to the same bits."""
    tree = tree_of()
    x = np.random.default_rng(0).uniform(0.0, 1.0, (100, 4)) * [1, 1, 1, 0.5]
    solved = Products.solved

    def lost(*given: Any) -> Any:
        return replace(solved(*given), reason=StopReason.UNREACHED, estimate=None)

    for name, method in (("products", solved), ("slabs", lost)):
        monkeypatch.setattr(Products, "solved", method)
        solution = kanpde.solve(tree, tolerance=3e-2, out=tmp_path / name)
        assert solution.result.exit_code == 0
        assert np.abs(solution(x)[:, 0] - wanted(x)).max() < 3e-2
        assert np.array_equal(kanpde.load(tmp_path / name)(x), solution(x))
    kept = [path.name for path in (tmp_path / "slabs" / "checkpoints").iterdir()]
    assert "slabs.npz" in kept
