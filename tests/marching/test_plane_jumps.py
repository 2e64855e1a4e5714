"""Coefficients that jump in space, on slabs: fluxes are continuous across planes, and what is left out
elsewhere is told.

    u_t = div(k grad u) + (x - c)/k,   k = k_± on both sides of x = c:   u = t (x - c)/k
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pytest

from kanpde.api.solving import configure
from kanpde.marching.converging import Converged, Run
from kanpde.marching.plane import search as plane_search
from kanpde.marching.plane.jumps import left_out_of
from kanpde.marching.plane.search import cover_of, march, prepare
from kanpde.marching.plane.statement import Evolution
from kanpde.patches.layout import balanced, layout
from kanpde.progress import Silent, StopReason, history_of

DISK = {"disk": {"center": [0, 0], "radius": 1, "name": "rim"}}
ACROSS = "where(x < 0.3, 1, 0.1)"


def _tree(k: str, equation: str, value: str = "t*(x - 0.3)/k") -> dict[str, Any]:
    problem: Mapping[str, Any] = {
        "name": "materials",
        "unknowns": ["u"],
        "domain": DISK,
        "time": {"interval": [0, 0.5]},
        "definitions": {"k": k},
        "equations": [equation],
        "conditions": [
            {"part": "initial", "equation": "u = 0"},
            {"part": "rim", "equation": f"u = {value}"},
        ],
    }
    return {"problem": problem, "output": {"vtu": False, "plots": False}}


def _evolution(k: str, equation: str) -> Evolution:
    return prepare(configure(_tree(k, equation)))


@pytest.mark.parametrize("term", ["", " - u*(u - t*(x - 0.3)/k)"])
def test_the_flux_is_continuous_across_a_plane(term: str) -> None:
    posed = _evolution(ACROSS, f"dt(u) = div(k*grad(u)) + (x - 0.3)/k{term}")
    run = march(posed, cover_of(posed), 1e-2, 0, np.ones(1), lambda: False, 1e-3)
    points = posed.problem.domain.interior(500, "sobol", np.random.default_rng(0)).x
    k = np.where(points[:, 0] < 0.3, 1.0, 0.1)
    exact = points[:, 2] * (points[:, 0] - 0.3) / k
    # without the flux an error of 0.5
    assert np.abs(run.values(points)[:, 0] - exact).max() < 1e-4
    assert left_out_of(posed) is None


def test_cells_end_where_a_formula_jumps() -> None:
    cover = cover_of(_evolution(ACROSS, "dt(u) = div(k*grad(u))"))
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 6)))
    assert all(patch.upper[0] <= 0.3 + 1e-9 or patch.lower[0] >= 0.3 - 1e-9 for patch in patches)


@pytest.mark.parametrize(
    ("k", "equation", "words"),
    [
        ("where(x**2 + y**2 < 0.25, 1, 0.1)", "dt(u) = div(k*grad(u)) + 1", "leaves out"),
        ("1 + t*where(x < 0.3, 1, 0)", "dt(u) = div(k*grad(u)) + 1", "jumps at x = 0.3 in a flux"),
        ("where(x < 0.3, 1, 1 + u)", "dt(u) = div(k*grad(u)) + 1", "jumps at x = 0.3 in a flux"),
        (ACROSS, "dt(u) + dx(k*u) = laplacian(u) + 1", "jumps at x = 0.3 in a flux"),
        ("where(x < 0.3, 1, 0.1)", "dt(u) = k*laplacian(u) + 1", None),
        ("where(x**2 + y**2 < 0.25, 1, 0.1)", "dt(u) = laplacian(u) + k", None),
        ("where(t < 0.2, 1, 0.1)", "dt(u) = div(k*grad(u)) + 1", None),
    ],
)
def test_what_no_row_holds_is_told(k: str, equation: str, words: str | None) -> None:
    told = left_out_of(_evolution(k, equation))
    assert told is None if words is None else told is not None and words in told


@pytest.mark.parametrize(
    ("k", "is_told"), [("where(x**2 + y**2 < 0.25, 1, 0.1)", True), ("2", False)]
)
def test_a_march_that_leaves_a_flux_out_has_no_estimate(
    monkeypatch: pytest.MonkeyPatch, k: str, is_told: bool
) -> None:
    config = configure(_tree(k, "dt(u) = div(k*grad(u)) + 1", "0"))
    run, history = cast("Run", None), history_of((), ())
    met = Converged(run, history, (), StopReason.TOLERANCE, 1e-9, 1.0)
    monkeypatch.setattr(plane_search, "converge", lambda *_: met)
    converged = plane_search.search(config, Silent(), prepare(config))
    assert (converged.estimate is None) == is_told
    assert (converged.reason is StopReason.UNREACHED) == is_told
    assert any("leaves out" in words for words in converged.warnings) == is_told
