"""Modes in four and more coordinates: values, modes, estimates, files, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.errors import ConfigError
from kanpde.trial.chain import ProductChain


def tree(equation: str, count: int, sides: tuple[float, float], **eigen: Any) -> dict[str, Any]:
    """Modes on a box in four coordinates that are zero on all faces."""
    problem = {
        "name": "modes",
        "unknowns": ["u"],
        "domain": {"box": {"lower": sides[0], "upper": sides[1], "dimensions": 4}},
        "equations": [equation],
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
        "eigen": {"count": count} | eigen,
    }
    return {"problem": problem, "output": {"vtu": False, "plots": False}}


CUBE = tree("-laplacian(u) = lambda*u", 5, (0, 1))
COUPLED = "x1**2 + 2*x2**2 + 2*x3**2 + 3*x4**2 + x1*x3 - x2*x4"


def test_a_multiple_eigenvalue_is_found_with_all_its_modes(tmp_path: Path) -> None:
    solution = kanpde.solve(CUBE, out=tmp_path / "run")
    expected = np.pi**2 * np.array([4, 7, 7, 7, 7])
    errors = np.abs(np.array(solution.eigenvalues) - expected) / expected
    entries = solution.result.eigenvalues
    assert errors.max() < 1e-10
    assert [entry["multiplicity"] for entry in entries] == [1, 4, 4, 4, 4]
    assert all(entry["mode_estimate"] < 1e-6 for entry in entries)
    # the first mode is 4 Π sin πx_k, of length 1 and positive
    x = np.random.default_rng(0).uniform(0, 1, (50, 4))
    values = solution(x)
    assert np.abs(values[:, 0] - 4 * np.prod(np.sin(np.pi * x), axis=1)).max() < 1e-6
    again = kanpde.load(tmp_path / "run")
    assert isinstance(again.trial, ProductChain)
    assert (again(x) == values).all()
    assert again.eigenvalues == solution.eigenvalues


def test_coupled_oscillators_have_the_sum_of_their_frequencies() -> None:
    form = np.diag([1.0, 2.0, 2.0, 3.0])
    form[0, 2] = form[2, 0] = 0.5
    form[1, 3] = form[3, 1] = -0.5
    expected = np.sqrt(np.linalg.eigvalsh(form)).sum()
    given = tree(f"-laplacian(u) + ({COUPLED})*u = lambda*u", 1, (-6, 6))
    solution = kanpde.solve(given, tolerance=1e-4)
    assert solution.eigenvalues[0].real == pytest.approx(expected, rel=1e-8)
    assert solution.result.exit_code == 0


def test_a_factor_of_lambda_and_free_faces_are_accounted_for() -> None:
    given = tree("-laplacian(u) + u = 2*lambda*u", 1, (0, 1))
    given["problem"]["conditions"] = [
        {"part": ["x1_min", "x1_max"], "equation": "dn(u) = 0"},
        {"part": ["x2_min", "x2_max", "x3_min", "x3_max"], "equation": "u = 0"},
        {"periodic": ["x4_min", "x4_max"]},
    ]
    solution = kanpde.solve(given)
    assert solution.eigenvalues[0].real == pytest.approx((2 * np.pi**2 + 1) / 2, rel=1e-10)


REFUSED = {
    "an operator that is not symmetric": (
        tree("-laplacian(u) + d(u, x1) = lambda*u", 1, (0, 1)),
        "symmetric operator",
    ),
    "a factor that varies": (
        tree("-laplacian(u) = lambda*(1 + x1**2)*u", 1, (0, 1)),
        "lambda times a number",
    ),
    "an eigenvalue in the middle": (
        tree("-laplacian(u) = lambda*u", 1, (0, 1), near=60),
        "the lowest is 39.4784, below 60",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_chains_cannot_find_is_refused_with_a_sentence(name: str) -> None:
    given, sentence = REFUSED[name]
    with pytest.raises(ConfigError, match=sentence):
        kanpde.solve(given)
