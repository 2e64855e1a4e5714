"""Rows of a patch in space that fall apart into systems with columns of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from patch_helpers import problem_of

from kanpde.numerics.quadrature import Array
from kanpde.patches import leaves
from kanpde.patches.covers import cover_of
from kanpde.patches.layout import balanced, layout
from kanpde.patches.leaves import eliminated
from kanpde.patches.parities import parts, turned
from kanpde.patches.rows import Rows, System, rows

CUBE = {"box": {"lower": [0, 0, 0], "upper": [1, 2, 0.5]}}
FACES = ["left", "right", "bottom", "top", "back", "front"]
STRAINS = [
    "-3*dxx(u) - dyy(u) - dzz(u) - 2*d(dx(v), y) - 2*d(dx(w), z) = exp(x)",
    "-dxx(v) - 3*dyy(v) - dzz(v) - 2*d(dx(u), y) - 2*d(dy(w), z) = y*z",
    "-dxx(w) - dyy(w) - 3*dzz(w) - 2*d(dx(u), z) - 2*d(dy(v), z) = 0",
]
BODY: dict[str, Any] = {
    "domain": CUBE,
    "unknowns": ["u", "v", "w"],
    "equations": STRAINS,
    "conditions": [{"part": FACES, "equation": ["u = x*y", "v = sin(z)", "w = exp(x)"]}],
}
PLAIN: dict[str, Any] = {
    "domain": CUBE,
    "equations": ["-laplacian(u) - 2*u = exp(x*y - z)"],
    "conditions": [
        {"part": FACES[:2], "equation": "dn(u) + u = sin(x + y)"},
        {"part": FACES[2:], "equation": "u = cos(x)*z"},
    ],
}
CARRIED = PLAIN | {"equations": ["-laplacian(u) + dx(u) + 0.1*d(dy(u), z) = 1"]}


def rows_of(keys: dict[str, Any], degree: int = 4, cells: int = 1) -> tuple[Any, Any]:
    problem = problem_of(**keys)
    cover = cover_of(problem, cells)
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), degree)))
    return patches, rows(System.of(problem), cover, patches)


def sides(of_patch: Rows) -> Array:
    return turned(of_patch.matrix, of_patch.right)


@pytest.mark.parametrize(("keys", "count"), [(BODY, 8), (PLAIN, 8), (CARRIED, 2)])
def test_rows_fall_into_as_many_systems_as_there_are_parities(
    keys: dict[str, Any], count: int
) -> None:
    """Convection along x and a mixed derivative leave even and odd in y and z together."""
    _, (of_patch,) = rows_of(keys)
    found = list(parts(sides(of_patch)[:, :-1]))
    assert len(found) == count
    columns = np.sort(np.concatenate([mine for _, mine in found]))
    assert np.array_equal(columns, np.arange(of_patch.matrix.shape[1]))


def test_sums_and_differences_keep_the_sum_of_squares() -> None:
    _, (of_patch,) = rows_of(PLAIN)
    before = np.column_stack([of_patch.matrix, of_patch.right])
    after = sides(of_patch)
    assert not np.array_equal(before, after)
    assert np.abs(before.T @ before - after.T @ after).max() < 1e-12 * np.abs(before).max() ** 2


@pytest.mark.parametrize(("keys", "cells"), [(BODY, 1), (PLAIN, 1), (CARRIED, 1), (PLAIN, 2)])
def test_apart_they_give_what_all_of_them_give(
    keys: dict[str, Any], cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Coefficients and the squares that are left; on several patches the Gram matrix of traces."""
    patches, of_patches = rows_of(keys, cells=cells)
    patch, of_patch = patches[0], of_patches[0]
    apart = eliminated([patch], [of_patch])
    monkeypatch.setattr(leaves, "_apart", lambda *_: None)
    whole = eliminated([patch], [of_patch])
    if cells > 1:
        assert np.abs(apart.gram - whole.gram).max() < 1e-10 * np.abs(whole.gram).max()
        return
    first, second = apart.eliminated({}), whole.eliminated({})
    assert np.abs(first - second).max() < 1e-9 * np.abs(second).max()
    assert apart.rest == pytest.approx(whole.rest, rel=1e-9)


def test_rows_without_columns_are_left_of_the_solution() -> None:
    """What no polynomial meets counts in the squares of the patch."""
    patches, (of_patch,) = rows_of(PLAIN)
    more = replace(
        of_patch,
        matrix=np.concatenate([of_patch.matrix, np.zeros((1, of_patch.matrix.shape[1]))]),
        right=np.append(of_patch.right, 7.0),
    )
    before, after = (eliminated(patches, [each]).rest for each in (of_patch, more))
    assert after - before == pytest.approx(49.0)
