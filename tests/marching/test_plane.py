"""Evolutions in the plane: slabs of Radau stages on patches, all stages at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.api.evolving import by_equations
from kanpde.api.solving import configure
from kanpde.expressions import Derivative
from kanpde.marching.plane.cells import coarser
from kanpde.marching.plane.radau import shifts
from kanpde.marching.plane.search import PlaneRun, cover_of, march
from kanpde.marching.plane.slab import Given, Operator, _change, projected, solve
from kanpde.marching.plane.statement import Evolution, evolution
from kanpde.patches.layout import balanced, layout
from kanpde.problem.problem import Problem

DISK = {"disk": {"center": [0, 0], "radius": 1, "name": "rim"}}
SQUARE = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
SIDES = ["left", "right", "bottom", "top"]
HEAT = "exp(-2*t)*sin(x + 0.3)*sin(y + 0.5)"


def _tree(
    domain: Mapping[str, Any], equation: str, conditions: list[dict[str, Any]], **keys: Any
) -> dict[str, Any]:
    problem = {
        "name": "evolves",
        "unknowns": ["u"],
        "domain": domain,
        "time": {"interval": [0, 1]},
        "equations": [equation],
        "conditions": conditions,
    }
    return {"problem": problem | keys, "output": {"vtu": False, "plots": False}}


def _heat(domain: Mapping[str, Any], sides: list[str]) -> dict[str, Any]:
    return _tree(
        domain,
        "dt(u) = laplacian(u)",
        [
            {"part": "initial", "equation": f"u = {HEAT.replace('exp(-2*t)*', '')}"},
            {"part": sides, "equation": f"u = {HEAT}"},
        ],
        exact={"u": HEAT},
    )


def _evolution(tree: dict[str, Any]) -> Evolution:
    posed = evolution(Problem.create(configure(tree).problem))
    assert posed is not None
    return posed


def _operator(posed: Evolution, h: float) -> Operator:
    cover = cover_of(posed)
    cells = balanced(cover, dict.fromkeys(cover.start(), 8))
    return Operator.of(posed, shifts(6), (0.0, h), (cover, layout(cover, cells)), _nothing)


def _nothing(wanted: Any, x: Any, normal: Any) -> dict[Derivative, Any]:
    return {}


@pytest.mark.parametrize("stages", [3, 4, 8])
def test_shifts_separate_the_stages(stages: int) -> None:
    """u' = -5 u + 1: separate complex problems give the stages of the whole one."""
    radau, h = shifts(stages), 0.4
    whole = np.linalg.solve(
        radau.inverse / h + 5 * np.eye(stages), radau.inverse.sum(axis=1) / h * 2.0 + 1.0
    )
    right = radau.into @ (radau.inverse.sum(axis=1) / h * 2.0 + 1.0)
    apart = np.real(radau.back @ (right / (radau.shifts / h + 5)))
    assert np.allclose(apart, whole, rtol=1e-10)
    exact = 0.2 + 1.8 * np.exp(-5 * h * radau.nodes)
    assert abs(whole[-1] - exact[-1]) < 10.0 ** (2 - stages)


def test_a_slab_meets_a_closed_form() -> None:
    """One slab on 16 cells of degree 8, and the same factors for a second one from a later time."""
    posed = _evolution(_heat(SQUARE, SIDES))
    operator = _operator(posed, 0.1)
    exact = Given(posed)
    x = operator.inside
    for _ in range(2):
        first = [
            projected(rows, exact.at(rows.inside.x, [Derivative(0, (0, 0, 0))], None)[0][:, None])
            for rows in operator.rows
        ]
        solved = solve(operator, 0.0, exact, first, 1e-10)
        ends = [
            rows.table[0, 0] @ end[:, 0]
            for rows, end in zip(operator.rows, solved.ends(), strict=True)
        ]
        away = np.concatenate(ends) - np.exp(-0.2) * np.sin(x[:, 0] + 0.3) * np.sin(x[:, 1] + 0.5)
        assert np.abs(away).max() < 1e-9


def test_what_a_refinement_leaves_alone_is_used_again() -> None:
    """Factors with those of coarser cells at hand are the same to the bit, on cut cells too."""
    posed = _evolution(_heat(DISK, ["rim"]))
    cover, h = cover_of(posed), 0.1
    coarse = balanced(cover, dict.fromkeys(cover.start(), 6))
    cell = sorted(coarse)[0]
    finer = balanced(cover, {**coarse, cell: 8})
    before, fresh = (
        Operator.of(posed, shifts(4), (0.0, h), (cover, layout(cover, cells)), _nothing)
        for cells in (coarse, finer)
    )
    again = Operator.of(posed, shifts(4), (0.0, h), (cover, layout(cover, finer)), _nothing, before)
    old, new = ({id(of) for of in each.factored.leaves} for each in (before, again))
    assert 0 < len(old & new) < len(new)
    old, new = ({id(of) for of, _, _ in each.factored.groups} for each in (before, again))
    assert 0 < len(old & new) < len(new)
    rng = np.random.default_rng(0)
    rights = [rng.normal(size=(2, len(rows.matrices[0]))) * (1 + 1j) for rows in fresh.rows]
    for one, other in zip(fresh.factored.solve(rights), again.factored.solve(rights), strict=True):
        assert np.array_equal(one, other)


def test_domains_with_holes_are_marched_and_boxes_are_patches_in_space_and_time() -> None:
    """The choice follows from the domain."""
    holed = {"difference": [SQUARE, {"disk": {"center": [0.5, 0.5], "radius": 0.2, "name": "h"}}]}
    chosen = by_equations(configure(_heat(holed, [*SIDES, "h"])))
    assert chosen is not None
    assert chosen.engine.__name__ == "kanpde.marching.plane.search"  # type: ignore[attr-defined]
    assert by_equations(configure(_heat(SQUARE, SIDES))) is None


def test_halves_join_only_where_no_other_cell_reaches(tmp_path: Path) -> None:
    """Two cells that both reach into the empty corner of an L would overlap there: every part of the
    domain is in one cell.
    """
    corners = [[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]]
    tree = _heat({"polygon": corners}, [f"edge{k}" for k in range(1, 7)])
    cover = cover_of(_evolution(tree))
    fine = balanced(
        cover, {half: 8 for cell in cover.start() for half in cover.children(cell, [0, 1])}
    )
    coarse = coarser(cover, fine, lambda x: np.sin(x[:, :1]), 1e-6)
    assert len(coarse) < len(fine)
    areas = [cover.inside(cell).share * np.prod(cover.size(cell)) for cell in coarse]  # type: ignore[union-attr]
    assert abs(sum(areas) - 3.0) < 1e-9
    patches = layout(cover, coarse)
    assert len(patches) <= len(coarse)


def test_heat_in_a_disk_by_default_and_back_from_its_folder(tmp_path: Path) -> None:
    """The estimate holds, and a run folder gives the same bits."""
    solution = kanpde.solve(_heat(DISK, ["rim"]), tolerance=1e-4, out=tmp_path / "run")
    error, estimate = solution.relative_l2["u"], solution.result.estimate
    assert error is not None and estimate is not None
    assert error <= 3 * estimate <= 3e-4
    assert solution.result.exit_code == 0
    x = np.array([[0.1, 0.2, 0.3], [-0.5, 0.6, 1.0], [0.0, 0.0, 0.0]])
    again = kanpde.load(tmp_path / "run")
    assert np.array_equal(solution(x), again(x))
    assert again.result.estimate == estimate


def test_a_nonlinear_equation_with_a_robin_condition() -> None:
    """Newton's method with one factorization a slab, against a manufactured solution."""
    exact = "exp(-t)*sin(x + 0.3)*cos(y)"
    tree = _tree(
        DISK,
        "dt(u) + u*dx(u) = 0.3*laplacian(u) + u - u**3 + w*dx(w) - 1.4*w + w**3",
        [
            {"part": "initial", "equation": "u = sin(x + 0.3)*cos(y)"},
            {"part": "rim", "equation": "dn(u) + u = dn(w) + w"},
        ],
        definitions={"w": exact},
        exact={"u": exact},
    )
    solution = kanpde.solve(tree, tolerance=1e-3)
    error, estimate = solution.relative_l2["u"], solution.result.estimate
    assert error is not None and estimate is not None
    assert error <= 3 * estimate <= 3e-3


def test_a_wave_on_a_drum() -> None:
    """Second order in time: two values at the start."""
    tree = _tree(
        DISK,
        "dtt(u) = laplacian(u)",
        [
            {
                "part": "initial",
                "equation": ["u = sin(2*x + y)", "dt(u) = -sqrt(5)*cos(2*x + y)"],
            },
            {"part": "rim", "equation": "u = sin(2*x + y - sqrt(5)*t)"},
        ],
        exact={"u": "sin(2*x + y - sqrt(5)*t)"},
    )
    solution = kanpde.solve(tree, tolerance=1e-3)
    error, estimate = solution.relative_l2["u"], solution.result.estimate
    assert error is not None and estimate is not None
    assert error <= 3 * estimate <= 3e-3


def test_a_march_without_time_says_how_far_it_came() -> None:
    """The time is over before anything agrees: no estimate, exit code 8."""
    solution = kanpde.solve(_heat(DISK, ["rim"]), tolerance=1e-6, seconds=1e-3)
    assert solution.result.exit_code == 8
    assert solution.result.estimate is None


def test_values_that_are_lost_are_no_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an iteration ends in values that are no numbers, nothing is small: a slab is shortened,
    and marches that cannot be compared have no estimate.
    """
    lost, kept = [np.full((2, 3, 1), np.nan)], [np.ones((2, 3, 1))]
    assert _change(lost, kept) == np.inf
    assert _change(kept, kept) == 0.0
    monkeypatch.setattr(PlaneRun, "difference", lambda *_: float("nan"))
    solution = kanpde.solve(_heat(DISK, ["rim"]), tolerance=1e-2)
    assert solution.result.estimate is None
    assert solution.result.exit_code == 8


def test_a_wave_does_not_grow_from_slab_to_slab_in_fine_marches() -> None:
    """With as many stages as for diffusion the error grew twenty times with every slab."""
    ring = {
        "difference": [
            {"disk": {"center": [0, 0], "radius": 0.9, "name": "outer"}},
            {"disk": {"center": [0, 0], "radius": 0.25, "name": "inner"}},
        ]
    }
    wave = "sin(pi*x)*cos(pi*y)*cos(2*t)"
    tree = _tree(
        ring,
        f"dtt(u) - laplacian(u) = (2*pi**2 - 4)*{wave}",
        [
            {"part": "initial", "equation": ["u = sin(pi*x)*cos(pi*y)", "dt(u) = 0"]},
            {"part": ["outer", "inner"], "equation": f"u = {wave}"},
        ],
        time={"interval": [0, 0.2]},
    )
    posed = _evolution(tree)
    run = march(posed, cover_of(posed), 1e-6, 4, np.array([0.5]), lambda: False)
    x = posed.problem.domain.interior(500, "sobol", np.random.default_rng(0)).x
    exact = np.sin(np.pi * x[:, 0]) * np.cos(np.pi * x[:, 1]) * np.cos(2 * x[:, 2])
    assert np.linalg.norm(run.values(x)[:, 0] - exact) < 1e-7 * np.linalg.norm(exact)
