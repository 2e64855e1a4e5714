"""The elimination in space by normal equations gives what QR gives, and leaves to QR what it cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from patch_helpers import error, problem_of
from patch_helpers import solved as solved_level

from kanpde.numerics.quadrature import Array
from kanpde.patches import faces
from kanpde.patches import leaves as module
from kanpde.patches.cells import Cell
from kanpde.patches.covers import cover_of
from kanpde.patches.elimination import Elimination
from kanpde.patches.layout import balanced, layout
from kanpde.patches.normal import Projected
from kanpde.patches.statement import Statement

BRICK = {"box": {"lower": [0, 0, 0], "upper": [1, 2, 1]}}
HELD, INSULATED = ["left", "bottom", "back"], ["right", "top", "front"]


def solved(conditions: list[dict[str, Any]]) -> tuple[Array, Array, float]:
    """Coefficients, squared rows and the smallest pivot on cells with hanging faces."""
    problem = problem_of(
        domain=BRICK,
        equations=["-laplacian(u) + dx(u) = exp(-x)*sin(3*y) + z"],
        conditions=conditions,
    )
    cover, statement = cover_of(problem, 2), Statement.of(problem)
    leaves = dict.fromkeys(cover.start(), 5)
    first = min(leaves)
    leaves |= dict.fromkeys(first.halved([0, 2]), leaves.pop(first))
    patches = layout(cover, balanced(cover, leaves))
    coefficients, squares, (pivot, _) = statement.solve(cover, patches, Elimination(cover.counts))
    return np.concatenate(coefficients), squares, pivot


MIXED = [{"part": HELD, "equation": "u = 0"}, {"part": INSULATED, "equation": "dn(u) = 0"}]


def test_normal_equations_give_what_qr_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, squares, pivot = solved(MIXED)
    monkeypatch.setattr(module, "_is_plain", lambda *leaf: False)
    theirs, their_squares, their_pivot = solved(MIXED)
    np.testing.assert_allclose(ours, theirs, atol=1e-12 * np.abs(theirs).max(), rtol=0)
    np.testing.assert_allclose(squares, their_squares, rtol=1e-8, atol=1e-20)
    assert pivot == pytest.approx(their_pivot, rel=1e-8)


def test_a_block_of_projections_is_the_block_of_qr(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks: list[Projected] = []
    inner = module.projected

    def kept(*leaf: Any, **of_leaf: Any) -> Projected:
        blocks.append(inner(*leaf, **of_leaf))
        return blocks[-1]

    monkeypatch.setattr(module, "projected", kept)
    solved(MIXED)
    rng = np.random.default_rng(0)
    for block in blocks[:3]:
        rooted = block.rooted
        traces = {key: rng.standard_normal(width) for key, width in block.faces}
        size = np.abs(rooted.gram).max()
        # what no trace can meet is no longer in the last row
        ours, theirs = block.gram[:-1], rooted.gram[:-1]
        np.testing.assert_allclose(ours, theirs, atol=1e-12 * size, rtol=0)
        np.testing.assert_allclose(
            block.gradient(traces), rooted.gradient(traces), atol=1e-12 * size, rtol=0
        )
        assert block.residual(traces) == pytest.approx(rooted.residual(traces))


def test_a_singular_system_is_left_to_qr() -> None:
    problem = problem_of(
        domain=BRICK,
        equations=["-laplacian(u) + 1e-30*u = x - 0.5"],
        conditions=[{"part": [*HELD, *INSULATED], "equation": "dn(u) = 0"}],
    )
    cover, statement = cover_of(problem, 2), Statement.of(problem)
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 4)))
    weakest = statement.solve(cover, patches, Elimination(cover.counts))[2][1]
    assert weakest < 1e-12


def test_what_normal_equations_do_not_resolve_is_left_to_qr(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The smallest singular value of a Neumann problem with little reaction."""
    problem = problem_of(
        domain=BRICK,
        equations=["-laplacian(u) + 1e-7*u = x - 0.5"],
        conditions=[{"part": [*HELD, *INSULATED], "equation": "dn(u) = 0"}],
    )
    cover, statement = cover_of(problem, 2), Statement.of(problem)
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 4)))
    ours = statement.solve(cover, patches, Elimination(cover.counts))[2][1]
    monkeypatch.setattr(module, "_is_plain", lambda *leaf: False)
    theirs = statement.solve(cover, patches, Elimination(cover.counts))[2][1]
    assert ours < 1e-7 and ours == pytest.approx(theirs, rel=1e-4)


def test_traces_of_lower_degree_cost_no_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = "sin(2.3*x + 0.4)*cos(1.7*y*z) + exp(x*y - z)"
    problem = problem_of(
        domain={"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}},
        equations=[f"-laplacian(u) = -laplacian({exact})"],
        exact={"u": exact},
        conditions=[{"part": [*HELD, *INSULATED], "equation": f"u = {exact}"}],
    )
    assert faces.trace_degree(7, 3, 2) == 5
    lower = solved_level(problem, cells=2, degree=7)
    monkeypatch.setattr(faces, "trace_degree", lambda degree, dimension, order: degree)
    full = solved_level(problem, cells=2, degree=7)
    assert error(lower.trial, problem) < 1.3 * error(full.trial, problem)


def test_cells_that_are_long_along_an_edge_are_measured_across_it() -> None:
    problem = problem_of(
        domain=BRICK,
        equations=["-laplacian(u) = 1"],
        conditions=[{"part": [*HELD, *INSULATED], "equation": "u = 0"}],
    )
    cover = cover_of(problem, 1)
    at_edge = Cell((3, 0, 3), (0, 0, 0))
    assert cover.depth(at_edge) == pytest.approx(0.125)
