"""Formulas that jump across lines and circles at a slant: what holds between the pieces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patch_helpers import SIDES, problem_tree

import kanpde
from kanpde.numerics.quadrature import Array

X = np.random.default_rng(3).uniform(size=(300, 2))

FEW: dict[str, Any] = {"refine": False, "cells": 3, "degree": 4}


def solved(trial: dict[str, Any] | None = None, out: Path | None = None, **keys: Any) -> Any:
    tree = {
        "problem": problem_tree(**keys),
        "trial": {"patches": trial or FEW},
        "output": {"vtu": False, "plots": False},
    }
    return kanpde.solve(tree, out=out) if out else kanpde.solve(tree)


def given(text: str) -> list[dict[str, Any]]:
    return [{"part": SIDES, "equation": f"u = {text}"}]


Exact = Callable[[Array, Array], Array]
EXACT: dict[str, tuple[str, str, Exact]] = {
    "isotropic": (
        "div(where(x + y < 1, 1, 10)*grad(u)) = 0",
        "(x + y - 1)/where(x + y < 1, 1, 10) + x - y",
        lambda x, y: (x + y - 1) / np.where(x + y < 1, 1, 10) + x - y,
    ),
    "tensor": (
        "div(where(x + 2*y < 1.3, 1, 4)*[3*dx(u) + dy(u), dx(u) + 2*dy(u)]) = 0",
        "where(x + 2*y < 1.3, x + 2*y - 1.3, 0) + y",
        lambda x, y: np.minimum(x + 2 * y - 1.3, 0) + y,
    ),
    "antisymmetric": (  # it cancels inside, and stands on the line alone
        "d(dx(u) + where(x - y < 0.1, 0, 3)*dy(u), x) + d(dy(u) - where(x - y < 0.1, 0, 3)*dx(u), y)"
        " = 0",
        "where(x - y < 0.1, 1, -2)*(x - y - 0.1) + x + y",
        lambda x, y: np.where(x - y < 0.1, 1, -2) * (x - y - 0.1) + x + y,
    ),
    "no divergence": (
        "where(x - y < 0.1, 1, 5)*laplacian(u) = where(x - y < 0.1, 4, 20)",
        "x**2 + y**2",
        lambda x, y: x**2 + y**2,
    ),
    "source": (
        "laplacian(u) = where(x + y > 0.9, 4, 0)",
        "where(x + y > 0.9, (x + y - 0.9)**2, 0)",
        lambda x, y: np.maximum(x + y - 0.9, 0) ** 2,
    ),
    "convection of what jumps": (  # [∂_n u] = [b·n] u on the line, with u = 1 there
        "laplacian(u) - div(where(x + y < 1, 0, 1)*[u, u]) + where(x + y < 1, 0, 1)*(2*u - 2*(x + y))"
        " = where(x + y < 1, 0, -2)",
        "where(x + y < 1, 1, x + y)",
        lambda x, y: np.maximum(1, x + y),
    ),
    "derivative of a jump": (
        "laplacian(u) = div(where(x + y < 1, 0, 1)*[1, 3])",
        "where(x + y < 1, 0, 2)*(x + y - 1)",
        lambda x, y: 2 * np.maximum(x + y - 1, 0),
    ),
}


@pytest.mark.parametrize("case", EXACT)
def test_what_is_continuous_across_a_line(case: str) -> None:
    equation, text, exact = EXACT[case]
    solution = solved(equations=[equation], conditions=given(text))
    assert solution(X)[:, 0] == pytest.approx(exact(*X.T), abs=1e-10)


def test_a_disk_in_a_field_and_the_same_field_from_its_file(tmp_path: Path) -> None:
    """u = 2 x/(1 + k) in the disk and x (1 - (k - 1) R²/((k + 1) r²)) around it."""
    share = 9 / 11 * 0.04
    around = f"(x - 0.45)*(1 - {share!r}/((x - 0.45)**2 + (y - 0.53)**2))"
    solution = solved(
        {"refine": False, "degree": 10},
        tmp_path / "run",
        equations=["div(where(sqrt((x - 0.45)**2 + (y - 0.53)**2) < 0.2, 10, 1)*grad(u)) = 0"],
        conditions=given(around),
    )
    away = X - [0.45, 0.53]
    squared = np.sum(away**2, axis=1)
    expected = np.where(squared < 0.04, 2 / 11 * away[:, 0], away[:, 0] * (1 - share / squared))
    assert solution(X)[:, 0] == pytest.approx(expected, abs=1e-4)
    assert solution(X).shape == (len(X), 1)
    assert (kanpde.load(tmp_path / "run")(X) == solution(X)).all()


@pytest.mark.slow
def test_an_ellipse_and_the_same_field_from_its_file(tmp_path: Path) -> None:
    g, k = (
        "((x - 0.5)**2/0.1 + (y - 0.45)**2/0.02 - 1)",
        "where((x - 0.5)**2/0.1 < 1 - (y - 0.45)**2/0.02, 7, 1)",
    )
    run = solved(
        out=tmp_path / "run",
        equations=[f"div({k}*grad(u)) = laplacian({g}*(1 + x))"],
        conditions=given(f"{g}*(1 + x)/{k}"),
    )
    x, y = X.T
    level = (x - 0.5) ** 2 / 0.1 + (y - 0.45) ** 2 / 0.02 - 1
    assert run(X)[:, 0] == pytest.approx(level * (1 + x) / np.where(level < 0, 7, 1), abs=1e-9)
    assert (kanpde.load(tmp_path / "run")(X) == run(X)).all()


def test_a_mean_is_one_over_all_pieces() -> None:
    """Fluxes are given, and the mean of u = s/k + t is that of both pieces together."""
    k = "where(x + y < 1, 1, 10)"
    flux = f"{k}*dn(u) = (1 + {k})*nx + (1 - {k})*ny"
    conditions = [{"part": SIDES, "equation": flux}, {"mean": "u = 0"}]
    solution = solved(equations=[f"div({k}*grad(u)) = 0"], conditions=conditions)
    u = EXACT["isotropic"][2](*X.T)
    # ∫ s/k = -1/6 + 1/60 with s = x + y - 1, whose integrals over both halves are ∓1/6
    assert solution(X)[:, 0] == pytest.approx(u + 0.15, abs=1e-9)


def test_a_plate_of_two_stiffnesses() -> None:
    """A uniform stress across the line: displacements along x + y with slopes like 1/E."""
    e = "where(x + y < 1, 1, 4)"
    u = f"(x + y - 1)/{e}"
    equations = [
        f"d({e}*(3*dx(u) + dy(v)), x) + d({e}*(dy(u) + dx(v)), y) = 0",
        f"d({e}*(dy(u) + dx(v)), x) + d({e}*(3*dy(v) + dx(u)), y) = 0",
    ]
    conditions = [{"part": SIDES, "equation": [f"u = {u}", f"v = {u}"]}]
    solution = solved(equations=equations, conditions=conditions, unknowns=["u", "v"])
    expected = (X.sum(axis=1) - 1) / np.where(X.sum(axis=1) < 1, 1, 4)
    assert solution(X) == pytest.approx(np.stack([expected] * 2, axis=1), abs=1e-10)


def test_a_pressure_jumps_where_a_viscosity_does() -> None:
    """u = (y, x) strains along the normal of the line, where the stress 2 μ - p is continuous."""
    m = "where(x + y < 1, 1, 5)"
    equations = [
        f"-d(2*{m}*dx(u), x) - d({m}*(dy(u) + dx(v)), y) + dx(p) = 0",
        f"-d({m}*(dy(u) + dx(v)), x) - d(2*{m}*dy(v), y) + dy(p) = 0",
        "dx(u) + dy(v) = 0",
    ]
    conditions = [{"part": SIDES, "equation": ["u = y", "v = x"]}, {"mean": "p = 0"}]
    solution = solved(equations=equations, conditions=conditions, unknowns=["u", "v", "p"])
    pressure = np.where(X.sum(axis=1) < 1, -4, 4)
    expected = np.stack([X[:, 1], X[:, 0], pressure], axis=1)
    assert solution(X) == pytest.approx(expected, abs=1e-9)
