"""Functions f of one variable that curves are compared with: y = c f(a x + b) + d.

Each entry has values and slopes on numpy arrays (values on torch tensors too), its sympy
expression, the interval its argument has to stay in, and a complexity that breaks ties between fits
of equal accuracy. `free` names what of (a, b) the other constants cannot absorb: c exp(a x + b) is
c' exp(a x), and c (a x + b)² is c' (x + b')². The list follows the symbolic library of Liu et al.,
KAN: Kolmogorov-Arnold Networks (2024), section 2.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special as special
import torch

Formula = Callable[[Any, Any], Any]
"""(numpy or torch, argument) → values."""


@dataclass(frozen=True)
class Function:
    """One function of the library.

    Attributes:
        name: in files and messages.
        formula, slope: f and f'.
        low, high: the interval that the argument has to stay in.
        complexity: breaks ties between fits of equal accuracy; x has 1.
        free: those of a and b that c and d cannot absorb.
        power: p where f(s x) = s^p f(x) for s > 0.
    """

    name: str
    formula: Formula
    slope: Formula
    low: float = -math.inf
    high: float = math.inf
    complexity: int = 1
    free: str = "ab"
    power: int | float | None = None

    def value(self, x: Any) -> Any:
        """f at x (numpy array or torch tensor, any shape); nan outside the natural domain."""
        return self.formula(torch if isinstance(x, torch.Tensor) else np, x)

    def inside(self, x: np.ndarray) -> np.ndarray:
        """Whether x (..., N) stays strictly within the natural domain, over the last axis."""
        return np.asarray((x.min(-1) > self.low) & (x.max(-1) < self.high))

    def symbol(self, x: Any) -> Any:
        """f as a sympy expression of the expression x."""
        import sympy

        special_forms = {
            "x": lambda z: z,
            "x^2": lambda z: z**2,
            "x^3": lambda z: z**3,
            "x^4": lambda z: z**4,
            "1/x": lambda z: 1 / z,
            "1/x^2": lambda z: z**-2,
            "gaussian": lambda z: sympy.exp(-(z**2)),
            "sigmoid": lambda z: 1 / (1 + sympy.exp(-z)),
            "sech": lambda z: 1 / sympy.cosh(z),
            "arcsin": sympy.asin,
            "arctan": sympy.atan,
            "abs": sympy.Abs,
            "j0": lambda z: sympy.besselj(0, z),
        }
        return (special_forms.get(self.name) or getattr(sympy, self.name))(x)


def _j0(m: Any, x: Any) -> Any:
    return torch.special.bessel_j0(x) if m is torch else special.j0(x)


def _sigmoid(m: Any, x: Any) -> Any:
    return 0.5 * (1 + m.tanh(0.5 * x))


def _sech(m: Any, x: Any) -> Any:
    e = m.exp(-m.abs(x))
    return 2 * e / (1 + e * e)


_HALF_PI = math.pi / 2
_ENTRIES = (
    Function("x", lambda m, x: x, lambda m, x: 1 + 0 * x, complexity=1, free="", power=1),
    Function("x^2", lambda m, x: x**2, lambda m, x: 2 * x, complexity=2, free="b", power=2),
    Function("x^3", lambda m, x: x**3, lambda m, x: 3 * x**2, complexity=3, free="b", power=3),
    Function("x^4", lambda m, x: x**4, lambda m, x: 4 * x**3, complexity=3, free="b", power=4),
    Function(
        "1/x",
        lambda m, x: 1 / x,
        lambda m, x: -(x**-2.0),
        low=0.0,
        complexity=2,
        free="b",
        power=-1,
    ),
    Function(
        "1/x^2",
        lambda m, x: x**-2.0,
        lambda m, x: -2 * x**-3.0,
        low=0.0,
        complexity=3,
        free="b",
        power=-2,
    ),
    Function(
        "sqrt",
        lambda m, x: m.sqrt(x),
        lambda m, x: 0.5 / m.sqrt(x),
        low=0.0,
        complexity=2,
        free="b",
        power=0.5,
    ),
    Function("abs", lambda m, x: m.abs(x), lambda m, x: m.sign(x), complexity=3, free="b", power=1),
    Function("exp", lambda m, x: m.exp(x), lambda m, x: m.exp(x), complexity=2, free="a"),
    Function("log", lambda m, x: m.log(x), lambda m, x: 1 / x, low=0.0, complexity=2, free="b"),
    Function("sin", lambda m, x: m.sin(x), lambda m, x: m.cos(x), complexity=2),
    Function("cos", lambda m, x: m.cos(x), lambda m, x: -m.sin(x), complexity=2),
    Function(
        "tan",
        lambda m, x: m.tan(x),
        lambda m, x: 1 + m.tan(x) ** 2,
        low=-_HALF_PI,
        high=_HALF_PI,
        complexity=3,
    ),
    Function("tanh", lambda m, x: m.tanh(x), lambda m, x: 1 - m.tanh(x) ** 2, complexity=3),
    Function("sech", _sech, lambda m, x: -_sech(m, x) * m.tanh(x), complexity=3),
    Function(
        "arcsin",
        lambda m, x: m.arcsin(x),
        lambda m, x: (1 - x * x) ** -0.5,
        low=-1.0,
        high=1.0,
        complexity=4,
    ),
    Function("arctan", lambda m, x: m.arctan(x), lambda m, x: 1 / (1 + x * x), complexity=3),
    Function(
        "gaussian", lambda m, x: m.exp(-x * x), lambda m, x: -2 * x * m.exp(-x * x), complexity=3
    ),
    Function("sinh", lambda m, x: m.sinh(x), lambda m, x: m.cosh(x), complexity=3),
    Function("cosh", lambda m, x: m.cosh(x), lambda m, x: m.sinh(x), complexity=3),
    Function("sigmoid", _sigmoid, lambda m, x: _sigmoid(m, x) * _sigmoid(m, -x), complexity=4),
    Function("j0", _j0, lambda m, x: -special.j1(x), complexity=4),
)
LIBRARY: dict[str, Function] = {entry.name: entry for entry in _ENTRIES}
