"""Characteristic directions of a linear equation in two coordinates: real a ≠ 0 with

    Σ_{|α| = q} c_α a^α = 0,     c_α the constant coefficients of the part of highest order q.

A function of a·x alone, with any profile, then satisfies that part: waves u_tt = c² u_xx run along
x ± c t.
Source: Courant & Hilbert, Methods of Mathematical Physics II, 1962, ch. III.
"""

from __future__ import annotations

import numpy as np
import torch

from kanpde.expressions import is_linear, jets, linear_parts
from kanpde.expressions.evaluate import evaluate
from kanpde.problem.problem import Problem

Direction = tuple[float, ...]

REAL = 1e-6
"""A root with an imaginary part below this share of its size counts as real: rounding splits a
double root into a complex pair. Directions nearer to each other than this are the same.
"""


def characteristics(problem: Problem) -> tuple[Direction, ...]:
    """Unit directions in the problem's own coordinates; none where the equation is not of this
    kind.
    """
    if len(problem.equations) != 1 or problem.domain.dimension != 2:
        return ()
    (node,) = problem.equations
    if not is_linear(node):
        return ()
    factors, _ = linear_parts(node)
    order = max((sum(jet.index) for jet in jets(node)), default=0)
    symbol = np.zeros(order + 1)
    x = torch.tensor(problem.domain.quadrature(50).x)
    for jet, factor in factors.items():
        if sum(jet.index) == order:
            values = evaluate([factor], x)[0]
            if float(values.max() - values.min()) > 1e-12 * float(values.abs().max()):
                return ()
            symbol[jet.index[1]] = float(values[0])
    return _roots(symbol, problem.domain.upper - problem.domain.lower)


def _roots(
    symbol: np.ndarray[tuple[int], np.dtype[np.float64]], size: np.ndarray
) -> tuple[Direction, ...]:
    """Directions (a, b) with Σ_k symbol_k a^{q-k} b^k = 0, each once; the box of this size sets the
    scale of a and b.
    """
    scaled = symbol * (size[0] / size[1]) ** np.arange(len(symbol))
    largest = abs(scaled).max(initial=0.0)
    if len(symbol) < 2 or largest == 0:
        return ()
    scaled[abs(scaled) < 1e-14 * largest] = 0.0
    roots = [(0.0, 1.0)] if scaled[-1] == 0 else []
    for root in np.roots(scaled[::-1]):
        if abs(root.imag) <= REAL * abs(root):
            roots.append((1.0, float(root.real)))
    unit: list[Direction] = []
    for a, b in roots:
        direction = np.array([a / size[0], b / size[1]])
        direction /= np.linalg.norm(direction)
        if all(abs(direction[0] * c[1] - direction[1] * c[0]) > REAL for c in unit):
            unit.append((float(direction[0]), float(direction[1])))
    return tuple(unit)
