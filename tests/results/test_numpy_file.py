"""A chain of products as a file for numpy alone, and its Sobol indices in closed form."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kanpde
from kanpde.errors import ConfigError
from kanpde.numerics.piecewise import functions
from kanpde.trial.numpy_chain import Sensitivity, piecewise
from kanpde.trial.surrogate import Surrogate

AXES = {"interval": [0, 1]}


def solved(equation: str, *, domain: object = None) -> kanpde.Solution:
    problem = {
        "name": "ranges",
        "unknowns": ["u"],
        "domain": domain or AXES,
        "parameter_ranges": {"a": [1, 4], "b": [1, 10]},
        "equations": [equation],
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
    }
    output = {"vtu": False, "plots": False}
    return kanpde.solve({"problem": problem, "output": output}, tolerance=1e-6)


@pytest.fixture(scope="module")
def family() -> kanpde.Solution:
    """u = x (1 - x)/2 (1/a up to 1/2 …): two materials."""
    return solved("-d(where(x < 0.5, a, b)*d(u, x), x) = 1")


@pytest.fixture(scope="module")
def chain() -> kanpde.Solution:
    """u = (b/a) x (1 - x)/2."""
    return solved("-a*d(u, x, x) = b")


def points(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform([0, 1, 1], [1, 4, 10], (count, 3))


@pytest.mark.parametrize("kind", ["family", "chain"])
def test_a_file_without_kanpde_gives_the_values(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    solution: kanpde.Solution = request.getfixturevalue(kind)
    assert isinstance(solution.trial, Surrogate) == (kind == "family")
    path = solution.export(tmp_path / "surrogate.py")
    u = runpy.run_path(str(path))["u"]
    x = points(700)
    np.testing.assert_allclose(u(x), solution(x), rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match="the 3 columns x, a, b"):
        u(x[:, :2])
    with pytest.raises(ValueError, match="outside the box"):
        u([[0.5, 0.0, 2.0]])


def test_the_file_imports_numpy_alone(chain: kanpde.Solution, tmp_path: Path) -> None:
    path = chain.export(tmp_path / "surrogate.py")
    code = (
        "import sys; sys.modules['kanpde'] = sys.modules['torch'] = sys.modules['scipy'] = None;"
        f"sys.path.insert(0, {str(tmp_path)!r}); from {path.stem} import u;"
        "print(u([[0.5, 2.0, 4.0]])[0, 0])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(shown.stdout) == pytest.approx(0.25, rel=1e-6)


def _by_quadrature(solution: kanpde.Solution, x: float) -> Sensitivity:
    z, w = np.polynomial.legendre.leggauss(40)
    a, b = np.meshgrid(2.5 + 1.5 * z, 5.5 + 4.5 * z, indexing="ij")
    at = np.column_stack([np.full(a.size, x), a.ravel(), b.ravel()])
    values, w = solution(at)[:, 0].reshape(a.shape), w / 2
    mean = w @ values @ w
    variance = w @ (values - mean) ** 2 @ w
    alone = np.array([w @ (values @ w - mean) ** 2, (w @ values - mean) ** 2 @ w]) / variance
    return Sensitivity(mean, variance, alone, 1 - alone[::-1])


@pytest.mark.parametrize("kind", ["family", "chain"])
def test_sobol_indices_are_those_of_a_quadrature(kind: str, request: pytest.FixtureRequest) -> None:
    solution: kanpde.Solution = request.getfixturevalue(kind)
    places = np.array([[0.2], [0.7]])
    found = solution.sensitivity(places)
    for k, (x,) in enumerate(places):
        wanted = _by_quadrature(solution, x)
        for name in ("mean", "variance", "first", "total"):
            np.testing.assert_allclose(getattr(found, name)[k], getattr(wanted, name), rtol=1e-9)


def test_the_indices_of_a_quotient_are_known(chain: kanpde.Solution) -> None:
    """Of b/a: Var(b)/E(b)² and Var(1/a)/E(1/a)² alone, and their product for both."""
    of_a = (1 / 4) / (np.log(4) / 3) ** 2 - 1
    of_b = (81 / 12) / 5.5**2
    both = of_a + of_b + of_a * of_b
    found = chain.sensitivity([[0.3]])
    np.testing.assert_allclose(found.first[0], np.array([of_a, of_b]) / both, rtol=1e-5)


def test_what_has_no_ranges_or_no_products_is_refused(chain: kanpde.Solution) -> None:
    with pytest.raises(ConfigError, match=r"points of shape \(N, 1\) for \['x'\]"):
        chain.sensitivity([[0.1, 2.0]])
    interval = {
        "name": "line",
        "unknowns": ["u"],
        "domain": AXES,
        "equations": ["-dxx(u) = 1"],
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
    }
    plain = kanpde.solve({"problem": interval, "output": {"vtu": False, "plots": False}})
    with pytest.raises(ConfigError, match="only chains of products"):
        plain.sensitivity([[0.1]])


@pytest.mark.parametrize("degree", [1, 2, 5])
def test_cells_are_those_of_the_package(degree: int) -> None:
    z = np.linspace(-1, 1, 7)
    np.testing.assert_allclose(piecewise(z, degree), functions(z, degree), atol=1e-14)
