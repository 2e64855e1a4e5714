"""Regression of a special function of two variables: one of the fifteen of the KAN paper's table
(arXiv 2404.19756, §3.1).

`function` is its number in the table below, `rows` are to be fitted to, at Sobol points with
arcsine density (denser at the ends of every range), `test` rows at other, uniform points are for
errors only. The paper gives no ranges; these are this project's. One recipe serves all;
`scripts/kan_paper/paper_tables.py` searches a network for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special
from scipy.stats import qmc

Pair = tuple[float, float]

FUNCTIONS: dict[str, tuple[Callable[[Any, Any], Any], Pair, Pair]] = {
    "jacobian_elliptic_sn": (lambda x, y: special.ellipj(x, y)[0], (-3, 3), (0, 0.95)),
    "elliptic_incomplete_first": (special.ellipkinc, (0, 1.5), (0, 0.95)),
    "elliptic_incomplete_second": (special.ellipeinc, (0, 1.5), (0, 0.95)),
    "bessel_first": (special.jv, (0, 2), (0.1, 10)),
    "bessel_second": (special.yv, (0, 2), (1, 10)),
    "bessel_modified_second": (special.kv, (0, 2), (0.5, 5)),
    "bessel_modified_first": (special.iv, (0, 2), (0.1, 5)),
    "legendre_m0": (lambda x, y: special.lpmv(0, x, y), (0, 4), (-0.95, 0.95)),
    "legendre_m1": (lambda x, y: special.lpmv(1, x, y), (0, 4), (-0.95, 0.95)),
    "legendre_m2": (lambda x, y: special.lpmv(2, x, y), (0, 4), (-0.95, 0.95)),
    "spherical_harmonic_m0_n1": (lambda x, y: special.sph_harm_y(1, 0, y, x).real, (0, 2 * np.pi), (0, np.pi)),
    "spherical_harmonic_m1_n1": (lambda x, y: special.sph_harm_y(1, 1, y, x).real, (0, 2 * np.pi), (0, np.pi)),
    "spherical_harmonic_m0_n2": (lambda x, y: special.sph_harm_y(2, 0, y, x).real, (0, 2 * np.pi), (0, np.pi)),
    "spherical_harmonic_m1_n2": (lambda x, y: special.sph_harm_y(2, 1, y, x).real, (0, 2 * np.pi), (0, np.pi)),
    "spherical_harmonic_m2_n2": (lambda x, y: special.sph_harm_y(2, 2, y, x).real, (0, 2 * np.pi), (0, np.pi)),
}  # fmt: skip
"""A function f(x, y) with the ranges of x and y."""


def problem(function: int = 12, rows: int = 2000, test: int = 4000) -> dict[str, Any]:
    """The problem node; dimensionless. `function` counts from 1."""
    if not 1 <= function <= len(FUNCTIONS):
        raise TypeError(f"function must be from 1 to {len(FUNCTIONS)}, found {function}")
    name, (formula, *ranges) = list(FUNCTIONS.items())[function - 1]
    lower, upper = np.array(ranges).T
    cube = qmc.Sobol(2, rng=0).random_base2(max(1, rows - 1).bit_length())[:rows]
    train = lower + (upper - lower) * np.sin(np.pi * cube / 2) ** 2
    test_points = np.random.default_rng(1).uniform(lower, upper, (test, 2))
    return {
        "name": "fit_special",
        "description": f"Regression of a special function of two variables: {name}",
        "domain": {"rectangle": {"lower": lower.tolist(), "upper": upper.tolist()}},
        "fit": {
            "values": _text(train, formula(*train.T)),
            "columns": {"u": "value"},
            "test": {"values": _text(test_points, formula(*test_points.T))},
        },
        "recommended": {
            "trial": {
                "kind": "kan",
                "width": [4],
                "degree": 5,
                "intervals": 5,
                "start": "scaled",
                "margin": 0.3,
            },
            "schedule": [
                {"optimizer": "variable_projection", "steps": 60},
                {"extend_grid": 10},
                {"optimizer": "variable_projection", "steps": 60},
            ],
        },
    }


def _text(x: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> str:
    """A CSV table of points (N, 2) and values (N,)."""
    rows = [
        ",".join(map(repr, (*map(float, point), float(value))))
        for point, value in zip(x, values, strict=True)
    ]
    return "\n".join(["x,y,value", *rows]) + "\n"
