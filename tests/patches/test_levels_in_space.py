"""How levels in space follow each other: degrees before cells, and no solve that is not needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from patch_helpers import problem_of, tree_of

from kanpde.api.solving import configure
from kanpde.numerics.polynomials import exponents
from kanpde.patches.aims import Aims
from kanpde.patches.cells import Cell
from kanpde.patches.covers import cover_of
from kanpde.patches.elimination import Elimination
from kanpde.patches.levels import Cells, Ground, Level
from kanpde.patches.preparation import prepare
from kanpde.patches.refinement import enriched, refined
from kanpde.patches.search import _Search
from kanpde.patches.statement import Statement
from kanpde.progress import Silent

CUBE = {"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}}
FACES = ["left", "right", "bottom", "top", "back", "front"]
SMOOTH: dict[str, Any] = {
    "domain": CUBE,
    "equations": ["-laplacian(u) = exp(x + y - z)"],
    "conditions": [{"part": FACES, "equation": "u = exp(y*z)"}],
}


@pytest.mark.parametrize(
    ("degree", "fall", "raised"), [(8, 0.3, True), (8, 0.6, False), (12, 0.2, True)]
)
def test_one_patch_is_raised_where_several_are_cut(degree: int, fall: float, raised: bool) -> None:
    cover = cover_of(problem_of(**SMOOTH))
    shells = exponents(degree, 3).sum(axis=1)
    coefficients = np.sqrt(fall) ** shells[:, None].astype(float)
    (whole,) = cover.start()
    for first in ([whole], cover.children(whole, [0])):
        degrees = dict.fromkeys(first, degree)
        patches, count = Cells.of(cover, degrees).patches, len(first)
        finer = refined(cover, degrees, patches, [coefficients] * count, np.ones(count))
        assert (len(finer) == count) == (raised and count == 1)


def solved(cells: int, degree: int) -> tuple[Ground, Level]:
    problem = problem_of(**SMOOTH)
    cover = cover_of(problem, cells)
    ground = Ground(cover, problem.domain.quadrature(200))
    of_level = Cells.of(cover, dict.fromkeys(cover.start(), degree))
    return ground, ground.solved(Statement.of(problem), of_level, Elimination(cover.counts))


def test_a_raised_level_promises_what_its_rows_say() -> None:
    """Errors fall with the roots of the squared rows; other cells promise no more than the change."""
    ground, level = solved(1, 4)
    aims = Aims(ground, 1e-6, None, False)
    aims.told(level, 1e-3)
    again = replace(level, degrees=enriched(level.degrees), squares=1e-6 * level.squares)
    assert aims.promised(again, 1e-3) == pytest.approx(3e-6)
    cut = replace(
        again, degrees=dict.fromkeys(ground.cover.children(Cell((0,) * 3, (0,) * 3), [0]), 6)
    )
    assert aims.promised(cut, 1e-3) == 1e-3
    slow = replace(again, squares=level.squares)
    assert aims.promised(slow, 1e-3) == 1e-3


@pytest.mark.parametrize(
    ("missing", "after", "cut"), [(0.01, None, False), (0.5, None, True), (0.01, 0.012, True)]
)
def test_what_falls_with_the_degree_is_no_layer(
    missing: float, after: float | None, cut: bool
) -> None:
    """`missing` is what a level lacks at an outflow, `after` that of the level before."""
    ground, level = solved(1, 8)
    size = float((ground.weights * level.values**2).sum())
    widths = np.full((1, 2, 3), np.inf)
    widths[0, 1, 0] = 0.1

    def lacking(share: float) -> Level:
        missed = np.array([[1.0, 0.0, 0.0, share**2 * size]])
        return replace(level, missed=missed, widths=widths)

    before = None if after is None else lacking(after)
    finer = Aims(ground, 1e-6, None, False).refined(lacking(missing), before)
    assert (len(finer) > 1) == cut


def test_a_raised_level_needs_no_time_for_an_enrichment() -> None:
    """It is the enrichment of the level before; one on other cells needs one."""
    config = configure(tree_of(**SMOOTH) | {"seconds": 100, "tolerance": 1e-12})
    search = _Search(config, Silent(), prepare(config))
    level = search._solved(Cells.of(search.cover, search._first(False)), None)
    asked: list[bool] = []
    expected = search._expected

    def heard(patches: Any, rich: bool, stalled: bool) -> float:
        asked.append(rich)
        return expected(patches, rich, stalled)

    search._expected = heard  # type: ignore[method-assign]
    further, _ = search._further(level, None)
    assert further is not None and further.degrees == enriched(level.degrees)
    assert asked == [False]
    cut = dict.fromkeys(search.cover.children(Cell((0,) * 3, (0,) * 3), [0]), 4)
    search.aims.refined = lambda *_: cut  # type: ignore[method-assign]
    assert search._further(level, None)[0] is not None
    assert asked == [False, False, True]
