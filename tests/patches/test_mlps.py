"""Patches of MLPs with random features go through the same code as patches of KANs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import kanpde
from kanpde.numerics import random_features
from kanpde.numerics.local_functions import ACTIVATIONS, POLYNOMIALS
from kanpde.patches.covers import cover_of
from kanpde.patches.layout import balanced, layout
from kanpde.patches.rows import System, rows
from kanpde.trial.networks import MLP
from tests.patch_helpers import problem_of

SMOOTH = {
    "equations": ["-laplacian(u) + u = 14*sin(3*x + 2*y)"],
    "conditions": [{"part": "boundary", "equation": "u = sin(3*x + 2*y)"}],
}


@pytest.mark.parametrize(("degree", "dimension"), [(4, 1), (8, 2), (12, 2), (6, 3)])
def test_functions_are_orthonormal_and_those_of_a_degree_are_among_those_of_the_next(
    degree: int, dimension: int
) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (4000, dimension))
    ones, zero = np.ones(dimension), (0,) * dimension
    poor, rich = (ACTIVATIONS.table(x, -ones, ones, p, [zero])[zero] for p in (degree, degree + 2))
    assert poor.shape[1] == ACTIVATIONS.count(degree, dimension)
    assert np.abs(poor.T @ poor / len(x) - np.eye(poor.shape[1])).max() < 0.6
    left = poor - rich @ np.linalg.lstsq(rich, poor, rcond=None)[0]
    # the last functions are amplified rounding: they stand for 1e-13 of the first
    count = poor.shape[1] // 2
    assert np.abs(left[:, :count]).max() < 1e-6


def test_derivatives_are_those_of_the_values() -> None:
    x, h = np.array([[0.3, 0.7], [0.9, 0.2]]), 1e-5
    low, high = np.array([0.2, 0.1]), np.array([1.0, 0.9])
    tables = [
        random_features.derivatives(x + step, low, high, 6, [(0, 0), (1, 0), (1, 1)])
        for step in (np.zeros(2), np.array([h, 0.0]), np.array([-h, 0.0]))
    ]
    slope = (tables[1][0, 0] - tables[2][0, 0]) / (2 * h)
    size = np.abs(slope).max(axis=0)
    assert np.all(np.abs(slope - tables[0][1, 0]) < 1e-4 * size.max())


def test_rows_of_a_patch_are_the_residuals_of_its_network() -> None:
    problem = problem_of(**SMOOTH)
    cover = cover_of(problem, 2, "mlp")
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 5)))
    assert {patch.functions for patch in patches} == {ACTIVATIONS}
    of_patch = rows(System.of(problem), cover, patches[:1])[0]
    assert of_patch.matrix.shape[1] == ACTIVATIONS.count(5, 2)
    assert layout(cover_of(problem, 2), dict.fromkeys(cover.start(), 5))[0].functions is POLYNOMIALS


def test_a_solve_on_patches_of_mlps_reaches_the_tolerance_and_is_loaded_again(
    tmp_path: Path,
) -> None:
    node = {
        "name": "waves",
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        **SMOOTH,
        "exact": {"u": "sin(3*x + 2*y)"},
    }
    tree = {"problem": node, "output": {"vtu": False, "plots": False}}
    patches = {"network": "mlp", "cells": 2}
    solution = kanpde.solve(tree, trial={"patches": patches}, out=tmp_path / "run")
    assert solution.relative_l2["u"] < 1e-6
    estimate = solution.result.estimate
    assert estimate is not None and solution.relative_l2["u"] < 10 * estimate
    assert solution.result.trial["kind"] == "mlp"
    piece = solution.trial.piece(0)
    assert isinstance(piece.network, MLP)
    x = np.random.default_rng(1).random((50, 2))
    here = np.flatnonzero(solution.trial.patch_of(x) == 0)
    of_piece = piece.evaluate(torch.tensor(x[here])).numpy()
    assert np.allclose(of_piece, solution(x)[here].reshape(of_piece.shape), atol=1e-10)
    assert np.array_equal(kanpde.load(tmp_path / "run")(x), solution(x))
