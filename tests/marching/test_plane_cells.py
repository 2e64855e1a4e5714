"""Slabs in the plane: which cells are cut, and which lengths are not tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kanpde.api.solving import configure
from kanpde.marching.plane import steps
from kanpde.marching.plane.cells import Refiner
from kanpde.marching.plane.indicators import indicated
from kanpde.marching.plane.lengths import HOLDS, Refused
from kanpde.marching.plane.search import cover_of, march
from kanpde.marching.plane.statement import Evolution, evolution
from kanpde.numerics.polynomials import exponents
from kanpde.patches.layout import layout
from kanpde.problem.problem import Problem


def _heat(equation: str = "dt(u) = laplacian(u)") -> Evolution:
    tree = {
        "problem": {
            "name": "evolves",
            "unknowns": ["u"],
            "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
            "time": {"interval": [0, 1]},
            "equations": [equation],
            "conditions": [
                {"part": "initial", "equation": "u = x*(1 - x)*y*(1 - y)"},
                {"part": ["left", "right", "bottom", "top"], "equation": "u = 0"},
            ],
        }
    }
    posed = evolution(Problem.create(configure(tree).problem))
    assert posed is not None
    return posed


def _falling(degree: int) -> NDArray[np.float64]:
    """Coefficients that fall fast."""
    return 10.0 ** -exponents(degree, 2).sum(axis=1)[:, None].astype(float)


@pytest.mark.parametrize(("left", "is_cut"), [(0.01, False), (0.9, True)])
def test_a_cell_that_higher_degrees_do_not_help_is_cut(left: float, is_cut: bool) -> None:
    """Coefficients fall fast, so that a degree is raised; where the squares stay, the cell is cut
    and its halves have the degree before.
    """
    cover = cover_of(_heat())
    leaves = dict.fromkeys(cover.start(), 6)
    cells, refiner = len(leaves), Refiner(cover)
    for square in (1.0, left):
        patches = layout(cover, leaves)
        squares = np.zeros(len(patches))
        squares[5] = square
        columns = [_falling(patch.degree) for patch in patches]
        leaves = refiner.finer(leaves, patches, columns, (squares, 1e-3))
    assert (len(leaves) > cells, max(leaves.values())) == ((True, 6) if is_cut else (False, 10))


Attempts = list[tuple[float, int]]


def _marched(monkeypatch: pytest.MonkeyPatch, says: Callable[[Attempts], Any]) -> Attempts:
    """The lengths and coefficients of all attempts of a march, where `says` gives what time and
    space add to the last one.
    """
    attempts: Attempts = []

    def told(solved: Any, sizes: Any, error: float) -> Any:
        seen = indicated(solved, sizes, error)
        attempts.append((solved.h, sum(len(of[0]) for of in solved.states)))
        in_time, in_space = says(attempts)
        return replace(
            seen, in_time=in_time * error, in_space=np.full(len(solved.states), in_space)
        )

    monkeypatch.setattr(steps, "indicated", told)
    posed = _heat()
    march(posed, cover_of(posed), 1e-2, 0, np.ones(1), lambda: False)
    return attempts


def test_a_length_that_was_too_long_is_not_tried_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An eighth of the time adds too much, a sixteenth little: it is tried once, not every time."""
    attempts = _marched(monkeypatch, lambda attempts: (9.0 if attempts[-1][0] > 0.1 else 0.2, 0.0))
    assert [h for h, _ in attempts].count(0.125) == 1
    assert len(attempts) == 17


def test_what_is_known_of_a_length_fades() -> None:
    refused = Refused(3, 9.0)
    refused.seen(4, 0.1)
    assert [refused.again(4, 0.1) for _ in range(HOLDS + 1)] == [True] * HOLDS + [False]
    assert not Refused(3, 9.0, 4, 0.1).again(4, 0.01)


def test_cells_are_refined_where_a_shorter_slab_does_not_help(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Time adds as much to a shorter slab: the third attempt has its length and more cells."""

    def says(attempts: Attempts) -> tuple[float, float]:
        return (100.0, 10.0) if len(attempts) < 3 else (0.1, 0.0)

    (first, _), (second, coarse), (third, fine), *_ = _marched(monkeypatch, says)
    assert first > second == third
    assert fine > coarse


@pytest.mark.parametrize(("equation", "is_slow"), [("u**3", False), ("20*t*u", True)])
def test_factors_of_an_earlier_slab_serve_where_few_steps_do(
    monkeypatch: pytest.MonkeyPatch, equation: str, is_slow: bool
) -> None:
    """They are made once, or again where a coefficient has changed much, but not for every slab."""
    instants: list[float] = []
    of = steps.Operator.of

    def counted(evolution: Any, radau: Any, instant: tuple[float, float], *rest: Any) -> Any:
        instants.append(instant[0])
        return of(evolution, radau, instant, *rest)

    monkeypatch.setattr(steps.Operator, "of", counted)
    posed = _heat(f"dt(u) = laplacian(u) - {equation}")
    run = march(posed, cover_of(posed), 1e-2, 0, np.ones(1), lambda: False)
    assert 1 < len(instants) < run.slabs if is_slow else len(instants) == 1 < run.slabs
