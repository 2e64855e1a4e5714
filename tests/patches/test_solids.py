"""Bodies in space: volumes and areas of cut cells, exactness, grading, and what is chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from patch_helpers import LSHAPE, problem_of, tree_of

import kanpde
from kanpde.api.choice import chosen_plan
from kanpde.api.patch_plan import Patches
from kanpde.api.solving import configure
from kanpde.numerics.quadrature import Array
from kanpde.patches.covers import cover_of
from kanpde.patches.elimination import Elimination
from kanpde.patches.kans import patchwork
from kanpde.patches.layout import Patch, balanced, layout
from kanpde.patches.rows import boundary, interior
from kanpde.patches.solids import SolidCover
from kanpde.patches.statement import Statement
from kanpde.problem.problem import Problem

BOX = {"box": {"lower": [-1, -1, -1], "upper": [1, 1, 1]}}
FACES = ["left", "right", "bottom", "top", "back", "front"]
HOLE = {"box": {"lower": [0, 0, 0], "upper": [1, 1, 1], "name": "notch"}}
CORNER = [f"notch_{side}" for side in ("left", "bottom", "back")]
SOLIDS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "prism": (
        {"extrusion": {"base": LSHAPE, "lower": 0, "upper": 1}},
        [*(f"edge{k}" for k in range(1, 7)), "floor", "ceiling"],
    ),
    "corner": ({"difference": [BOX, HOLE]}, [*FACES, *CORNER]),
    "cavity": (
        {"difference": [BOX, {"ball": {"center": [0, 0.1, 0], "radius": 0.4}}]},
        [*FACES, "sphere"],
    ),
    "ball": ({"ball": {"center": [0.1, 0, 0], "radius": 1.0}}, ["sphere"]),
    "cylinder": (
        {
            "extrusion": {
                "base": {"disk": {"center": [0, 0], "radius": 0.5}},
                "lower": 0,
                "upper": 1,
            }
        },
        ["circle", "floor", "ceiling"],
    ),
}
EXACT = "x**2 - 2*x*y*z + z**2 + y"


def on_solid(name: str) -> Problem:
    """-Δu = -4 on a body with the values of a polynomial on its surface."""
    domain, parts = SOLIDS[name]
    plain = {
        "domain": domain,
        "equations": ["-laplacian(u) = -4"],
        "exact": {"u": EXACT},
        "conditions": [{"part": parts, "equation": f"u = {EXACT}"}],
    }
    if name == "corner":
        plain["free"] = [f"notch_{side}" for side in ("right", "top", "front")]
    return problem_of(**plain)


def first_patches(problem: Problem, degree: int) -> tuple[SolidCover, list[Patch]]:
    cover = cover_of(problem, 2)
    assert isinstance(cover, SolidCover)
    return cover, layout(cover, balanced(cover, dict.fromkeys(cover.start(), degree)))


def patch_corners(patch: Patch) -> Array:
    """Where the upright edges of a patch are, (4, 2)."""
    ends = np.array([patch.lower, patch.upper])
    return np.array([[ends[i, 0], ends[j, 1]] for i in (0, 1) for j in (0, 1)])


@pytest.mark.parametrize("name", SOLIDS)
def test_parts_of_cells_add_up_to_the_body_and_its_surface(name: str) -> None:
    problem = on_solid(name)
    cover, patches = first_patches(problem, 6)
    volume = sum(interior(cover, patch).w.sum() for patch in patches)
    flat = name in ("prism", "corner")
    assert volume == pytest.approx(problem.domain.measure, rel=1e-12 if flat else 1e-2)
    areas = dict.fromkeys(problem.domain.parts, 0.0)
    for patch in patches:
        for part, points in boundary(cover, patch).items():
            areas[part] += points.w.sum()
            assert points.normal is not None
            outside = points.x + 1e-4 * points.normal
            assert not problem.domain.contains(outside, 0.0).any()
            assert problem.domain.contains(points.x - 1e-4 * points.normal, 0.0).all()
    expected = {part: problem.domain.part_measure(part) for part in areas}
    assert areas == pytest.approx(expected, rel=1e-12 if flat else 4e-2)


@pytest.mark.parametrize("name", SOLIDS)
def test_polynomials_are_exact_on_bodies(name: str) -> None:
    problem = on_solid(name)
    cover, patches = first_patches(problem, 4)
    flat, _, _ = Statement.of(problem).solve(cover, patches, Elimination(cover.counts))
    trial = patchwork(cover, patches, [column.reshape(1, -1).T for column in flat])
    x = problem.domain.quadrature(500).x
    expected = x[:, 0] ** 2 - 2 * np.prod(x, axis=1) + x[:, 2] ** 2 + x[:, 1]
    np.testing.assert_allclose(trial.evaluate(torch.tensor(x))[:, 0], expected, atol=1e-10)


def test_no_cell_over_bodies_of_boxes_is_cut() -> None:
    cover, patches = first_patches(on_solid("corner"), 2)
    parts = [cover.inside(cell) for patch in patches for cell in patch.cells]
    assert all(part is not None and part.whole for part in parts)


def test_cells_are_graded_to_a_re_entrant_edge_but_not_along_it() -> None:
    _, patches = first_patches(on_solid("prism"), 2)
    at_edge = [patch for patch in patches if np.abs(patch_corners(patch)).max(axis=1).min() == 0.0]
    assert len(at_edge) == 3
    for patch in at_edge:
        assert patch.sizes[2] == 32 * patch.sizes[0] == 32 * patch.sizes[1]


def test_slivers_join_a_neighbour() -> None:
    ball = {"ball": {"center": [0, 0, 0], "radius": 1.0}}
    slab = {"box": {"lower": [-1, -1, -1.2], "upper": [1, 1, 0.04], "name": "cut"}}
    problem = problem_of(
        domain={"intersection": [ball, slab]},
        equations=["-laplacian(u) = -4"],
        conditions=[{"part": ["sphere", "cut_front"], "equation": "u = 0"}],
        free=[f"cut_{side}" for side in ("left", "right", "bottom", "top", "back")],
    )
    cover, patches = first_patches(problem, 6)
    volume = sum(interior(cover, patch).w.sum() for patch in patches)
    assert volume == pytest.approx(problem.domain.measure, rel=1e-2)
    for patch in patches:
        shares = [cover.inside(cell).share for cell in patch.cells]  # type: ignore[union-attr]
        assert max(shares) > 0.1


@pytest.mark.slow
def test_bodies_are_solved_on_patches_by_default() -> None:
    domain, parts = SOLIDS["cavity"]
    tree = tree_of(
        domain=domain,
        equations=["-laplacian(u) = -4"],
        exact={"u": EXACT},
        conditions=[{"part": parts, "equation": f"u = {EXACT}"}],
    )
    del tree["trial"]
    assert isinstance(chosen_plan(configure(tree)), Patches)
    solution = kanpde.solve(tree, tolerance=1e-6)
    error, estimate = solution.relative_l2["u"], solution.result.estimate
    assert error is not None and estimate is not None
    assert error <= estimate <= 1e-6
