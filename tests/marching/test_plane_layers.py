"""Layers behind a start in the plane that does not fit: lengths of slabs and cells that follow them."""

from __future__ import annotations

import inspect
import itertools
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kanpde.api.solving import configure
from kanpde.config import Config
from kanpde.marching.converging import BELIEVED, converge
from kanpde.marching.plane import search, steps
from kanpde.marching.plane.cells import Refiner, coarser
from kanpde.marching.plane.indicators import indicated
from kanpde.marching.plane.lengths import MOST_HALVINGS, Search
from kanpde.marching.plane.search import LADDER, PlaneRun, cover_of, march
from kanpde.marching.plane.statement import Evolution, evolution
from kanpde.numerics.polynomials import exponents, size
from kanpde.patches.layout import layout
from kanpde.problem.problem import Problem
from kanpde.progress import Progress, Silent, StopReason


def _tree(start: str) -> dict[str, Any]:
    """Heat between u = 0 on the left and three insulated sides."""
    return {
        "problem": {
            "name": "layers",
            "unknowns": ["u"],
            "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
            "time": {"interval": [0, 0.2]},
            "equations": ["dt(u) = laplacian(u)"],
            "conditions": [
                {"part": "initial", "equation": f"u = {start}"},
                {"part": "left", "equation": "u = 0"},
                {"part": ["right", "bottom", "top"], "equation": "dn(u) = 0"},
            ],
        }
    }


def _heat(start: str = "1") -> Evolution:
    posed = evolution(Problem.create(configure(_tree(start)).problem))
    assert posed is not None
    return posed


def _exact(x: Any, t: Any) -> Any:
    rates = np.pi * (np.arange(200) + 0.5)
    modes = 2 / rates * np.sin(np.outer(x, rates)) * np.exp(-np.outer(t, rates**2))
    return modes.sum(axis=1)


def test_the_length_follows_from_the_rate_of_a_layer() -> None:
    """Time adds h^(3/4) behind a jump."""
    search = Search(stages=8, may_be_rough=True)
    assert search.is_too_long(3, 64.0)
    assert (search.halvings(3, 64.0), search.is_sure) == (2, False)
    too_much = 64.1 * 2.0 ** (-0.75 * 2)
    assert search.is_too_long(5, too_much)
    assert search.halvings(5, too_much) == 7  # where 4.5 = log2(22.7) falls by 0.75 with each
    assert search.is_sure
    assert not search.is_too_long(11, 2.0)  # cells first


def test_other_slabs_take_solutions_for_smooth() -> None:
    search = Search(stages=8, may_be_rough=False)
    search.halvings(3, 64.0)
    assert not search.is_too_long(5, 3.0)
    assert search.halvings(5, 22.0) == 2
    assert not search.is_sure


def test_slabs_behind_a_layer_are_graded() -> None:
    """Lengths 1, 1, 1, 1, 4, 4, 4, 16, … of the first, few attempts, and an error that is far below the
    local one: the layer is short.
    """
    posed = _heat()
    run = march(posed, cover_of(posed), 3e-3, 0, np.ones(1), lambda: False)
    lengths = np.diff(run.edges)
    assert np.allclose(lengths[:5] / lengths[0], [1, 1, 1, 1, 4])
    assert np.allclose(lengths[1:] / lengths[:-1], np.round(lengths[1:] / lengths[:-1]))
    x = run.problem.domain.interior(1000, "sobol", np.random.default_rng(0)).x
    right = _exact(x[:, 0], x[:, 2])
    assert np.linalg.norm(run.values(x)[:, 0] - right) < 1e-3 * np.linalg.norm(right)


@pytest.mark.parametrize(
    ("start", "longer", "power"),
    [("1", 2, 1.0), ("1", 0, 0.75), ("where(x*y < 0.2, 1, 0)", 2, 0.75)],
)
def test_what_space_may_add_fades(start: str, longer: int, power: float) -> None:
    """In longer slabs behind straight sides as much in every doubling of the time; in the first ones,
    and along a curve, that is too many cells.
    """
    posed = _heat(start)
    cover = cover_of(posed)
    first = dict.fromkeys(cover.start(), 6)
    marched = steps.March(posed, cover, 1e-3, 4, first, np.ones(1), lambda: False)
    marched.level, marched.is_graded = 10, True
    marched.refused.seen(10 + longer, 1.0)
    fades = []
    for place in (1, 8, 512):
        marched.place = place
        fades.append(marched._allowed * place**power)
    assert np.allclose(fades, fades[0])


@pytest.mark.parametrize(("start", "is_jumped"), [("1", True), ("sin(pi*x/2)", False)])
def test_only_starts_that_do_not_fit_are_jumped_to(
    monkeypatch: pytest.MonkeyPatch, start: str, is_jumped: bool
) -> None:
    """What time adds falls by 1.2 with every halving."""
    lengths: list[float] = []

    def slowly(solved: Any, sizes: Any, error: float) -> Any:
        seen = indicated(solved, sizes, error)
        lengths.append(solved.h)
        in_time = 300.0 * error * (solved.h / 0.025) ** 0.26
        return replace(seen, in_time=in_time, in_space=np.zeros_like(seen.in_space))

    monkeypatch.setattr(steps, "indicated", slowly)
    posed, few = _heat(start), 3
    march(posed, cover_of(posed), 1e-2, 0, np.ones(1), lambda: len(lengths) >= few)
    halvings = [np.log2(a / b) for a, b in itertools.pairwise(lengths[:few])]
    assert bool(halvings[1] > MOST_HALVINGS) is is_jumped


def test_what_a_layer_spreads_to_other_cells_waits() -> None:
    """All are far above what they may add, and those beside the worst have a hundredth of it or less."""
    cover = cover_of(_heat())
    leaves = dict.fromkeys(cover.start(), 6)
    patches = layout(cover, leaves)
    squares = np.full(len(patches), 10.0)
    squares[5] = 1e4
    columns = [np.ones((size(6, 2), 1)) for _ in patches]
    finer = Refiner(cover).finer(leaves, patches, columns, (squares, 1e-3), has_layer=True)
    worst = patches[5].cells[0]
    assert worst not in finer
    assert len(set(leaves) - set(finer)) == 1


def test_a_layer_that_no_cell_sees_cuts_cells() -> None:
    """Coefficients fall fast, so that a degree would be raised."""
    cover = cover_of(_heat())
    leaves = dict.fromkeys(cover.start(), 6)
    patches = layout(cover, leaves)
    squares = np.zeros(len(patches))
    squares[5] = 1.0
    falling = 10.0 ** -exponents(6, 2).sum(axis=1)[:, None].astype(float)
    columns = [falling for _ in patches]
    for allowed, is_cut in ((1e-3, True), (0.1, False)):
        finer = Refiner(cover).finer(leaves, patches, columns, (squares, allowed), has_layer=True)
        assert (len(finer) > len(leaves)) is is_cut
        assert (max(finer.values()) > 6) is not is_cut


def test_halves_of_low_degree_become_a_cell_of_a_higher_one() -> None:
    """x⁴ is in the last shells of degree 4, which count, and not in those of degree 6."""
    cover = cover_of(_heat())
    leaves = {half: 4 for cell in cover.start() for half in cover.children(cell, [0])}
    joined = coarser(cover, leaves, lambda x: x[:, :1] ** 4, 1e-9)
    assert len(joined) == len(leaves) // 2
    assert set(joined.values()) == {6}


@pytest.mark.parametrize(("start", "believed"), [("1", 1.0), ("sin(pi*x/2)", BELIEVED)])
def test_all_of_a_difference_is_the_estimate_where_the_start_does_not_fit(
    monkeypatch: pytest.MonkeyPatch, start: str, believed: float
) -> None:
    """Errors of a layer do not fall evenly from march to march, and a finer one takes longer."""

    def same(config: Config, progress: Progress, *rest: Any, **named: Any) -> Any:
        bound = inspect.signature(converge).bind(config, progress, *rest, **named)
        bound.apply_defaults()
        run = bound.arguments["march"](1e-5, 0, lambda: False, None)
        common.append(run.left)
        seen.append((bound.arguments["believed"], bound.arguments["ladder"].growth))
        return SimpleNamespace(reason=StopReason.TOLERANCE)

    def nothing(posed: Evolution, *rest: Any) -> PlaneRun:
        return PlaneRun(posed, (), np.ones(1), None)

    seen: list[tuple[float, float]] = []
    common: list[float] = []
    monkeypatch.setattr(search, "converge", same)
    monkeypatch.setattr(search, "march", nothing)
    search.search(configure(_tree(start)), Silent(), _heat(start))
    assert seen[0][0] == believed
    assert (common[0] > 1e-6) is (believed == 1.0)
    assert (seen[0][1] > LADDER.growth) is (believed == 1.0)
