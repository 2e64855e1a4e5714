"""Trees of groups that grow together, and what they cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.patches import elimination, fronts
from kanpde.patches.covers import cover_of
from kanpde.patches.fronts import Group, by_qr, ends_of, merged, tree_of
from kanpde.patches.layout import Patch, balanced, layout
from kanpde.patches.marking import is_at_corner
from kanpde.patches.order import Tree, members_of, over_leaves
from kanpde.patches.refinement import richer
from kanpde.problem.posing import posed

ELL = [[0, 0], [1, 0], [1, 1], [-1, 1], [-1, -1], [0, -1]]


def problem(domain: dict[str, Any]) -> dict[str, Any]:
    conditions = [{"part": "boundary", "equation": "u = 0"}]
    given = {"name": "ell", "unknowns": ["u"], "domain": domain}
    return {"problem": {**given, "equations": ["-laplacian(u) = 1"], "conditions": conditions}}


def patches_of(domain: dict[str, Any], layers: int) -> tuple[list[Patch], tuple[int, ...]]:
    """Those of degree 4 with so many layers of cells at every corner."""
    cover = cover_of(posed(kanpde.configure(problem(domain)).problem), 4)
    cells = dict.fromkeys(cover.start(), 4)
    for _ in range(layers):
        for cell in [cell for cell in cells if is_at_corner(cover, cell)]:
            cells.pop(cell)
            cells.update(dict.fromkeys(cover.children(cell, (0, 1)), 4))
    return layout(cover, balanced(cover, cells)), cover.counts


def work_of(tree: Tree, patches: list[Patch]) -> float:
    return merged(tree, [Group(ends_of(patch, 1), True) for patch in patches], by_qr)[1]


def test_layers_around_a_corner_are_merged_from_the_inside() -> None:
    patches, counts = patches_of({"polygon": {"vertices": ELL}}, 12)
    tree = tree_of([(patch,) for patch in patches], counts)
    assert sorted(members_of(tree)) == list(range(len(patches)))
    cut = over_leaves([patch.cells[0] for patch in patches], counts)
    assert work_of(tree, patches) < 0.6 * work_of(cut, patches)


def test_equal_cells_keep_the_tree_that_costs_less() -> None:
    patches, counts = patches_of({"rectangle": {"lower": [0, 0], "upper": [1, 1]}}, 0)
    cut = over_leaves([patch.cells[0] for patch in patches], counts)
    assert tree_of([(patch,) for patch in patches], counts) == cut


def test_a_level_and_its_enrichment_have_one_tree() -> None:
    patches, counts = patches_of({"polygon": {"vertices": ELL}}, 6)
    fronts._tree_of.cache_clear()
    tree = tree_of([(patch,) for patch in patches], counts)
    assert tree_of([(richer(patch),) for patch in patches], counts) is tree
    assert fronts._tree_of.cache_info().misses == 1


def test_a_tree_that_is_too_long_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    patches, counts = patches_of({"polygon": {"vertices": ELL}}, 12)
    monkeypatch.setattr(fronts, "LONGEST", 5)
    fronts._tree_of.cache_clear()
    cut = over_leaves([patch.cells[0] for patch in patches], counts)
    assert tree_of([(patch,) for patch in patches], counts) == cut
    fronts._tree_of.cache_clear()


def test_parts_that_have_no_face_in_common_are_merged_too() -> None:
    patches, counts = patches_of({"polygon": {"vertices": ELL}}, 2)
    corners = [(patches[k],) for k in (0, 1, 2, -3, -2, -1)]
    assert sorted(members_of(tree_of(corners, counts))) == list(range(6))


def test_both_trees_lead_to_the_same_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = problem({"polygon": {"vertices": ELL}})
    tree |= {"trial": {"patches": {"refine": False, "degree": 5}}}
    x = np.array([[-0.5, 0.3], [0.2, 0.1], [-0.1, -0.05]])

    def cut(leaves: Any, counts: Any) -> Tree:
        return over_leaves([leaf[0].cells[0] for leaf in leaves], counts)

    def grown(leaves: Any, counts: Any) -> Tree:
        tree = fronts._grown([ends_of(leaf[0], 1) for leaf in leaves])
        assert tree is not None and tree != cut(leaves, counts)
        return tree

    monkeypatch.setattr(elimination, "tree_of", grown)
    values = kanpde.solve(tree)(x)
    monkeypatch.setattr(elimination, "tree_of", cut)
    np.testing.assert_allclose(kanpde.solve(tree)(x), values, rtol=1e-10)
