"""Regression of a dimensionless formula of Feynman's lectures, one of the 27 of the KAN paper's
table (arXiv 2404.19756, §3.2).

`function` is its number in the table below. The paper gives no ranges; these are this project's.
One recipe serves all; `scripts/kan_paper/paper_tables.py` searches a network for each.
"""

from __future__ import annotations

import re
from math import pi
from typing import Any

FORMULAS: tuple[tuple[str, str, dict[str, tuple[float, float]]], ...] = (
    ("I.6.2", "exp(-theta**2/(2*sigma**2))/sqrt(2*pi*sigma**2)", {"theta": (-1, 1), "sigma": (0.5, 2)}),
    ("I.6.2b", "exp(-(theta-theta1)**2/(2*sigma**2))/sqrt(2*pi*sigma**2)",
     {"theta": (-1.5, 1.5), "theta1": (-1.5, 1.5), "sigma": (0.5, 2)}),
    ("I.9.18", "a/((b-1)**2+(c-d)**2+(e-f)**2)",
     {"a": (-1, 1), "b": (-1, -0.5), "c": (0.5, 1), "d": (-1, -0.5), "e": (0.5, 1), "f": (-1, -0.5)}),
    ("I.12.11", "1+a*sin(theta)", {"a": (-1, 1), "theta": (0, 2 * pi)}),
    ("I.13.12", "a*(1/b-1)", {"a": (0, 1), "b": (0.5, 2)}),
    ("I.15.3x", "(1-a)/sqrt(1-b**2)", {"a": (-1, 1), "b": (-0.9, 0.9)}),
    ("I.16.6", "(a+b)/(1+a*b)", {"a": (-0.8, 0.8), "b": (-0.8, 0.8)}),
    ("I.18.4", "(1+a*b)/(1+a)", {"a": (0.5, 2), "b": (-1, 1)}),
    ("I.26.2", "asin(n*sin(theta2))", {"n": (0, 0.99), "theta2": (0, 2 * pi)}),
    ("I.27.6", "1/(1+a*b)", {"a": (0.5, 2), "b": (0.5, 2)}),
    ("I.29.16", "sqrt(1+a**2-2*a*cos(theta1-theta2))", {"a": (-1, 1), "theta1": (0, 2 * pi), "theta2": (0, 2 * pi)}),
    ("I.30.3", "sin(n*theta/2)**2/sin(theta/2)**2", {"n": (0, 4), "theta": (0.4 * pi, 1.6 * pi)}),
    ("I.30.5", "asin(a/n)", {"a": (-0.95, 0.95), "n": (1, 1.5)}),
    ("I.37.4", "1+a+2*sqrt(a)*cos(delta)", {"a": (0.1, 1), "delta": (0, 2 * pi)}),
    ("I.40.1", "n0*exp(-a)", {"n0": (0, 1), "a": (-1, 1)}),
    ("I.44.4", "n*log(a)", {"n": (0, 1), "a": (0.5, 2)}),
    ("I.50.26", "cos(a)+alpha*cos(a)**2", {"a": (0, 2 * pi), "alpha": (-1, 1)}),
    ("II.2.42", "(a-1)*b", {"a": (0, 2), "b": (-1, 1)}),
    ("II.6.15a", "c*sqrt(a**2+b**2)/(4*pi)", {"a": (-1, 1), "b": (-1, 1), "c": (-1, 1)}),
    ("II.11.7", "n0*(1+a*cos(theta))", {"n0": (0, 1), "a": (-1, 1), "theta": (0, 2 * pi)}),
    ("II.11.27", "n*alpha/(1-n*alpha/3)", {"n": (0, 1), "alpha": (0, 2)}),
    ("II.35.18", "n0/(exp(a)+exp(-a))", {"n0": (0, 1), "a": (-1, 1)}),
    ("II.36.38", "a+alpha*b", {"a": (-1, 1), "alpha": (-1, 1), "b": (-1, 1)}),
    ("II.38.3", "a/b", {"a": (0, 1), "b": (0.5, 2)}),
    ("III.9.52", "a*sin((b-c)/2)**2/((b-c)/2)**2", {"a": (0, 1), "b": (0, 4), "c": (4.5, 8)}),
    ("III.10.19", "sqrt(1+a**2+b**2)", {"a": (-1, 1), "b": (-1, 1)}),
    ("III.17.37", "beta*(1+alpha*cos(theta))", {"alpha": (-1, 1), "beta": (0, 1), "theta": (0, 2 * pi)}),
)  # fmt: skip
"""Number in the lectures, formula, ranges of its variables."""


def problem(function: int = 4) -> dict[str, Any]:
    """The problem node; dimensionless. `function` counts from 1."""
    if not 1 <= function <= len(FORMULAS):
        raise TypeError(f"function must be from 1 to {len(FORMULAS)}, found {function}")
    name, formula, ranges = FORMULAS[function - 1]
    lower, upper = ([pair[k] for pair in ranges.values()] for k in (0, 1))
    width = (
        2 * len(ranges) if len(ranges) < 4 else 4
    )  # more units of six coordinates follow the samples only
    return {
        "name": "fit_feynman",
        "description": f"Regression of Feynman's formula {name}: {formula}",
        "domain": {
            "box": {"lower": lower, "upper": upper, "inputs": [_own(name) for name in ranges]}
        },
        "fit": {
            "u": re.sub(
                r"[a-zA-Z_]\w*",
                lambda match: _own(match[0]) if match[0] in ranges else match[0],
                formula,
            )
        },
        "recommended": {
            "trial": {
                "kind": "kan",
                "width": [width],
                "degree": 5,
                "intervals": 3,
                "start": "scaled",
                "margin": 0.3,
            },
            "sampler": {"interior": 2000 if len(ranges) < 4 else 6000, "kind": "sobol"},
            "schedule": [
                {"optimizer": "variable_projection", "steps": 60},
                {"extend_grid": 6},
                {"optimizer": "variable_projection", "steps": 40},
            ],
        },
    }


def _own(name: str) -> str:
    """The variable's name in a problem, where d means a derivative."""
    return "d_" if name == "d" else name
