"""Rows by modes on whole cells in space, and sums of polynomials by products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from patch_helpers import problem_of, solved

from kanpde.numerics.polynomials import combined, derivatives, size
from kanpde.numerics.quadrature import Array
from kanpde.patches import rows as module
from kanpde.patches.covers import cover_of
from kanpde.patches.layout import balanced, layout
from kanpde.patches.refinement import refined
from kanpde.patches.rows import System, rows

BOX = {"box": {"lower": [0, -1, 0], "upper": [1, 1, 0.5]}}
FACES = ["left", "right", "bottom", "top", "back", "front"]


def gram_matrices(**keys: Any) -> list[Array]:
    """Those of matrix and right-hand side of all patches of 2 first cells of degree 4."""
    problem = problem_of(**keys)
    cover = cover_of(problem, 2)
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 4)))
    grams = []
    for of_patch in rows(System.of(problem), cover, patches):
        whole = np.column_stack([of_patch.matrix, of_patch.right])
        grams.append(whole.T @ whole)
    return grams


@pytest.mark.parametrize(
    "keys",
    [
        {
            "domain": BOX,
            "equations": ["-laplacian(u) + 0.3*dx(u) + d(dx(u), z) = exp(x - 2*y)*sin(3*z)"],
            "conditions": [
                {"part": FACES[:3], "equation": "u = exp(y*z) + x"},
                {"part": FACES[3:5], "equation": "dn(u) + 2*u = cos(5*x*y)"},
                {"part": "front", "equation": "dn(u) + (1 + y**2)*u = z"},
            ],
        },
        {
            "domain": BOX,
            "unknowns": ["u", "v"],
            "equations": ["-laplacian(u) + dx(v) = y", "-laplacian(v) + (1 + x)*u = z*x"],
            "conditions": [
                {"part": FACES, "equation": ["u = sin(4*x)", "v + dx(u) = x*y"]},
            ],
        },
        {
            "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 2]}},
            "time": {"interval": [0, 0.5]},
            "equations": ["dt(u) = 0.1*laplacian(u) + exp(-t)*x"],
            "conditions": [
                {"part": "initial", "equation": "u = sin(pi*x)*sin(pi*y)"},
                {"part": FACES[:4], "equation": "u = 0"},
            ],
        },
        {
            "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 2]}},
            "parts": {"warm": "y < 1e-9 and x > 0.4"},
            "equations": ["-laplacian(u) + 2*d(u, x, y) + 3*u = exp(x)*sin(5*y)"],
            "conditions": [
                {"part": ["warm", "left", "right"], "equation": "u = x*exp(y)"},
                {"part": ["bottom", "top"], "equation": "dn(u) + u = 0"},
            ],
        },
    ],
    ids=["scalar", "system", "time", "plane"],
)
def test_rows_by_modes_have_the_squares_of_rows_by_points(
    keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_modes = gram_matrices(**keys)
    monkeypatch.setattr(module, "has_modes", lambda cover, patch: False)
    for ours, theirs in zip(by_modes, gram_matrices(**keys), strict=True):
        root = np.sqrt(np.diag(theirs))
        np.testing.assert_allclose(ours, theirs, atol=1e-12 * np.outer(root, root).max(), rtol=0)
        # the last one is the right-hand side
        np.testing.assert_allclose(ours[-1], theirs[-1], atol=1e-12 * root[-1] * root.max(), rtol=0)
        assert ours[-1, -1] == pytest.approx(theirs[-1, -1], rel=1e-12)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_sums_of_polynomials_by_matrices_are_sums(dimension: int) -> None:
    rng, degree = np.random.default_rng(0), 5
    z, ones = rng.uniform(-1, 1, (7, dimension)), np.ones(dimension)
    coefficients = rng.standard_normal((size(degree, dimension), 2))
    indices = [(0,) * dimension, (2,) + (0,) * (dimension - 1), (1,) * dimension]
    tables = derivatives(z, -ones, ones, degree, indices)
    expected = np.stack([tables[index] @ coefficients for index in indices])
    ours = combined(z, coefficients, degree, indices)
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_waves_in_space_are_raised_before_they_are_cut() -> None:
    exact = "sin(3.6*x + 3.84*y + 2.88*z) + cos(2.16*x - 2.88*y + 4.8*z)"
    problem = problem_of(
        domain={"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}},
        equations=["laplacian(u) + 36*u = 0"],
        exact={"u": exact},
        conditions=[{"part": FACES, "equation": f"u = {exact}"}],
    )
    level = solved(problem, cells=1, degree=8)
    degrees = dict.fromkeys(level.cover.start(), 8)
    finer = refined(level.cover, degrees, level.patches, level.coefficients, level.squares)
    assert list(finer.values()) == [10]
