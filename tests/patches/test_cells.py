"""Cells cover a domain once: areas, lengths of the boundary, and sides that two cells share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from patch_helpers import HOLE, LSHAPE, SQUARE, problem_of

from kanpde.patches.cells import Cell
from kanpde.patches.covers import cover_of
from kanpde.patches.layout import SLIVER, balanced, layout
from kanpde.patches.order import Tree, dissection
from kanpde.patches.rows import boundary, interior

TRIANGLE = {"polygon": {"vertices": [[0.03, 0], [1, 0.11], [0.4, 0.97]]}}
# an edge along a grid line, with a slanted one beyond it in the same cell
STEP = {
    "polygon": {"vertices": [[0, 0], [1, 0], [1, 1], [0.9, 1], [0.9, 0.5], [0.3, 0.5], [0, 0.85]]}
}
DISK = {"disk": {"center": [0.2, -0.1], "radius": 0.7}}
DOMAINS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "square": (SQUARE, ["left", "right", "bottom", "top"]),
    "hole": ({"difference": [SQUARE, HOLE]}, ["left", "right", "bottom", "top", "hole"]),
    "lshape": (LSHAPE, [f"edge{k}" for k in range(1, 7)]),
    "triangle": (TRIANGLE, ["edge1", "edge2", "edge3"]),
    "disk": (DISK, ["circle"]),
    "step": (STEP, [f"edge{k}" for k in range(1, 8)]),
}


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("cells", [2, 3, 5])
def test_areas_and_lengths_add_up(name: str, cells: int) -> None:
    shape, parts = DOMAINS[name]
    problem = problem_of(domain=shape, conditions=[{"part": parts, "equation": "u = 0"}])
    cover = cover_of(problem, cells)
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 12)))
    area = sum(interior(cover, patch).w.sum() for patch in patches)
    # beside an arc a slice has a root at its end, which few nodes integrate to five digits
    digits = 2e-5 if name in ("hole", "disk") else 1e-10
    assert area == pytest.approx(problem.domain.measure, rel=digits)
    lengths = dict.fromkeys(parts, 0.0)
    for patch in patches:
        for part, points in boundary(cover, patch).items():
            lengths[part] += points.w.sum()
    for part, length in lengths.items():
        # five cells put a grid line on the tangent of the hole, where 1e-8 of it may be lost
        assert length == pytest.approx(problem.domain.part_measure(part), rel=1e-7)


def test_points_lie_inside_and_in_the_box_of_their_patch() -> None:
    problem = problem_of(
        domain={"difference": [SQUARE, HOLE]},
        conditions=[{"part": [*DOMAINS["hole"][1]], "equation": "u = 0"}],
    )
    cover = cover_of(problem, 4)
    for patch in layout(cover, balanced(cover, dict.fromkeys(cover.start(), 8))):
        x = interior(cover, patch).x
        assert problem.domain.contains(x).all()
        assert (x >= patch.lower - 1e-12).all() and (x <= patch.upper + 1e-12).all()


WEDGES = [
    [[0.25, 0.25], [0.55, 0.65], [0.35, 0.55]],
    [[0.2, 0.2], [0.512, 0.616], [0.3, 0.5]],
    [[0.6, 0.6], [0.2, 0.5], [0.25, 0.35]],
]


@pytest.mark.parametrize("vertices", WEDGES)
def test_only_small_cells_at_a_tip_are_in_two_parts(vertices: list[list[float]]) -> None:
    """Cuts went on without end: at these places the cells beside the tip look alike at all scales."""
    hole = {"polygon": {"vertices": vertices, "name": "slit"}}
    edges = ["left", "right", "bottom", "top", "slit1", "slit2", "slit3"]
    unit = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
    problem = problem_of(
        domain={"difference": [unit, hole]}, conditions=[{"part": edges, "equation": "u = 0"}]
    )
    cover = cover_of(problem, 4)
    leaves = balanced(cover, dict.fromkeys(cover.start(), 4))
    parts = {cell: part.pieces for cell in leaves if (part := cover.inside(cell))}
    divided = [cell for cell, pieces in parts.items() if pieces > 1]
    assert divided
    for cell in divided:
        _, high = cover.box(cell)
        assert np.abs(high - vertices[0]).max() < 1e-4
    assert len(leaves) < 1000


def test_a_domain_thinner_than_the_first_cells_is_not_one_patch() -> None:
    """All cells were slivers, which joined to a patch as large as the ring."""
    outer, inner = (
        {"disk": {"center": [0, 0], "radius": r, "name": f"ring{100 * r:.0f}"}} for r in (1, 0.95)
    )
    problem = problem_of(
        domain={"difference": [outer, inner]},
        conditions=[{"part": ["ring100", "ring95"], "equation": "u = 0"}],
    )
    cover = cover_of(problem, 4)
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 8)))
    assert len(patches) > 20
    assert max(float(max(patch.upper - patch.lower)) for patch in patches) < 0.5


def test_slivers_join_and_every_face_has_two_patches() -> None:
    problem = problem_of(
        domain={"difference": [SQUARE, HOLE]},
        conditions=[{"part": [*DOMAINS["hole"][1]], "equation": "u = 0"}],
    )
    cover = cover_of(problem, 7)
    leaves = balanced(cover, dict.fromkeys(cover.start(), 8))
    patches = layout(cover, leaves)
    alone = [patch.cells[0] for patch in patches if len(patch.cells) == 1]
    assert all(inside.share >= SLIVER for inside in map(cover.inside, alone) if inside)
    assert len(patches) < len(leaves)
    count: dict[object, int] = {}
    for patch in patches:
        for face, _ in patch.faces:
            count[face.key] = count.get(face.key, 0) + 1
    assert set(count.values()) == {2}


@pytest.mark.parametrize("axes", [(0, 1), (0,), (1,)])
def test_neighbours_differ_by_one_level(axes: tuple[int, ...]) -> None:
    cover = cover_of(problem_of(), 2)
    leaves = dict.fromkeys(cover.start(), 4)
    middle = Cell((0, 0), (0, 0))
    for _ in range(4):
        # the cell whose upper corner is the middle of the square, beside first cells
        degree = leaves.pop(middle)
        children = cover.children(middle, axes)
        leaves.update(dict.fromkeys(children, degree))
        middle = max(children)
    cells = list(balanced(cover, leaves))
    boxes = [cover.box(cell) for cell in cells]
    for cell, (low, high) in zip(cells, boxes, strict=True):
        for other, (below, above) in zip(cells, boxes, strict=True):
            overlap = np.minimum(high, above) - np.maximum(low, below)
            if overlap.min() == 0.0 and overlap.max() > 0.0:
                assert np.abs(np.subtract(cell.levels, other.levels)).max() <= 1


def test_the_tree_of_elimination_knows_no_history() -> None:
    """Halves of halves in another order are the same cells and the same tree, in which every cell
    occurs once.
    """
    cover = cover_of(problem_of(), 3)
    cells = cover.start()
    cells += [part for half in cells.pop(4).halved([0]) for part in half.halved([1])]
    again = cover.start()
    again += [part for half in again.pop(4).halved([1]) for part in half.halved([0])]

    def named(tree: Tree, of: list[Cell]) -> object:
        if isinstance(tree, int):
            return of[tree]
        return tuple(named(half, of) for half in tree)

    def leaves(tree: Tree) -> list[int]:
        return [tree] if isinstance(tree, int) else [k for half in tree for k in leaves(half)]

    tree = dissection(cells, cover.counts)
    assert sorted(leaves(tree)) == list(range(len(cells)))
    assert named(tree, cells) == named(dissection(again, cover.counts), again)
