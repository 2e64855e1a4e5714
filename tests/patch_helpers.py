"""Small problems and one level of patches for the tests of patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from kanpde.api.solving import configure
from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import Cell, Cover
from kanpde.patches.covers import cover_of
from kanpde.patches.elimination import Elimination
from kanpde.patches.kans import patchwork
from kanpde.patches.layout import Patch, balanced, layout
from kanpde.patches.rows import System, rows
from kanpde.problem.problem import Problem
from kanpde.trial.patchwork import Patchwork

SQUARE = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
HOLE = {"disk": {"center": [0.37, 0.41], "radius": 0.21, "name": "hole"}}
LSHAPE = {"polygon": {"vertices": [[0, 0], [1, 0], [1, 1], [-1, 1], [-1, -1], [0, -1]]}}
EDGES = [f"edge{k}" for k in range(1, 7)]
SIDES = ["left", "right", "bottom", "top"]


def problem_tree(**keys: Any) -> dict[str, Any]:
    """-Δu = 0 on the square with u = 0, but for the keys given."""
    plain = {
        "name": "small",
        "unknowns": ["u"],
        "domain": SQUARE,
        "equations": ["-laplacian(u) = 0"],
        "conditions": [{"part": SIDES, "equation": "u = 0"}],
    }
    return plain | keys


def tree_of(trial: Mapping[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """A whole config on patches; files and figures are left out."""
    return {
        "problem": problem_tree(**keys),
        "trial": {"patches": dict(trial or {})},
        "output": {"vtu": False, "plots": False},
    }


@dataclass(frozen=True)
class Solved:
    """One level: everything that leads to a trial solution."""

    problem: Problem
    cover: Cover
    system: System
    patches: list[Patch]
    coefficients: list[Array]
    squares: Array
    trial: Patchwork


def problem_of(**keys: Any) -> Problem:
    """The problem of `problem_tree`."""
    return Problem.create(configure({"problem": problem_tree(**keys)}).problem)


def first(*indices: int) -> Cell:
    """A first cell."""
    return Cell((0,) * len(indices), indices)


def solved(
    problem: Problem,
    cells: int,
    degree: int,
    split: Sequence[Cell] = (),
    axes: Sequence[int] = (0, 1),
) -> Solved:
    """Solve on first cells of which some are split once along some axes."""
    cover = cover_of(problem, cells)
    leaves = dict.fromkeys(cover.start(), degree)
    for cell in split:
        leaves.pop(cell)
        leaves.update(dict.fromkeys(cover.children(cell, axes), degree))
    patches = layout(cover, balanced(cover, leaves))
    system, elimination = System.of(problem), Elimination(cover.counts)
    for patch, patch_rows in zip(patches, rows(system, cover, patches), strict=True):
        elimination.add(patch, patch_rows)
    flat, squares, _ = elimination.solve(patches)
    coefficients = [column.reshape(system.unknowns, -1).T for column in flat]
    trial = patchwork(cover, patches, coefficients)
    return Solved(problem, cover, system, patches, coefficients, squares, trial)


def error(trial: Patchwork, problem: Problem) -> float:
    """The relative L2 error against `exact`."""
    points = problem.domain.quadrature(2000)
    x, w = torch.tensor(points.x), points.w[:, None]
    exact = problem.exact_at(x, None)
    assert exact is not None
    away = (trial.evaluate(x) - exact).numpy()
    return float(np.sqrt((w * away**2).sum() / (w * exact.numpy() ** 2).sum()))
