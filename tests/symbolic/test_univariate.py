"""Curves against the library: every function is found again, to rounding, with its constants."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
import torch

from kanpde.errors import ConfigError
from kanpde.symbolic.search.library import LIBRARY
from kanpde.symbolic.search.univariate import Match, match

X = np.linspace(0.0, 1.0, 200)
INSIDE = {
    "arcsin": (1.8, -0.9),
    "tan": (2.0, -1.0),
    "sqrt": (-1.0, 1.5),
    "log": (1.0, 0.1),
    "1/x": (1.0, 0.3),
}


def curve(name: str) -> np.ndarray:
    a, b = INSIDE.get(name, (4.0, 0.3))
    return np.asarray(3 * LIBRARY[name].value(a * X + b) - 1)


@pytest.mark.parametrize("name", list(LIBRARY))
def test_a_function_of_the_library_is_found_to_rounding(name: str) -> None:
    y = curve(name)
    (fitted,) = match(X, y, [name])
    assert fitted.rmse < 1e-12 * np.std(y)
    assert np.allclose(fitted.value(X), y, rtol=0, atol=1e-11 * np.abs(y).max())


@pytest.mark.slow
def test_the_best_is_the_simplest_that_fits() -> None:
    assert [match(X, curve(name))[0].name for name in ("exp", "gaussian", "log", "x")] == [
        "exp",
        "gaussian",
        "log",
        "x",
    ]


def test_a_fast_wave_is_found() -> None:
    best = match(X, np.sin(30 * math.pi * X + 0.3))[0]
    assert (best.name, best.a, best.b) == (
        "sin",
        pytest.approx(30 * math.pi, rel=1e-12),
        pytest.approx(0.3, abs=1e-11),
    )


@pytest.mark.parametrize("name", list(LIBRARY))
def test_slope_and_sympy_agree_with_the_values(name: str) -> None:
    function, h = LIBRARY[name], 1e-6
    a, b = INSIDE.get(name, (4.0, 0.3))
    at = a * X[1:-1] + b
    difference = (function.value(at + h) - function.value(at - h)) / (2 * h)
    assert np.allclose(function.slope(np, at), difference, rtol=1e-6, atol=1e-6)
    assert float(function.symbol(sympy.Float(at[7], 17)).evalf()) == pytest.approx(
        function.value(at)[7], rel=1e-12
    )
    assert np.allclose(function.value(torch.tensor(at)).numpy(), function.value(at), rtol=1e-12)


def test_a_constant_and_noise() -> None:
    assert match(X, np.full_like(X, 2.5))[0] == Match(
        "x", a=1.0, b=0.0, c=0.0, d=2.5, rmse=0.0, r2=1.0
    )
    noise = np.random.default_rng(1).standard_normal(200)
    assert match(X, noise)[0].r2 < 0.5


@pytest.mark.parametrize(
    ("x", "y", "names", "message"),
    [
        (X[:4], X[:4], None, "needs at least 8 points"),
        (X, X * np.nan, None, "needs finite values over an interval"),
        (X, X, ["sine"], "function 'sine' is not in the library, did you mean 'sin'"),
    ],
)
def test_bad_curves_are_refused(
    x: np.ndarray, y: np.ndarray, names: list[str] | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        match(x, y, names)
