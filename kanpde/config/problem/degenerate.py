"""A kernel K(x, s) on a square as a sum of products, without numpy.

    K(x, s) = Σ_ij K(x, s_j) M_ji K(x_i, s),   M = (K(x_i, s_j))^-1      (few_products)
    K(x, s) ≈ Σ_j l_j(x) K(x_j, s),   l_j the polynomial that is 1 at x_j      (interpolating)

The first by crosses at the largest rest (adaptive cross approximation, Bebendorf 2000), where the
products are far from dependent: M is then no larger than 1/APART.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence

from kanpde.config.problem.formula_trees import TreeError

Kernel = Callable[[float, float], float]
Ends = tuple[float, float]
Matrix = list[list[float]]

SAMPLES = 40
CROSSES, APART, EXACT = 4, 1e-4, 1e-12
"""Products that are taken from the kernel itself, the least share that one adds, and how near they
come to it.
"""

POINTS = (2, 3, 4, 6, 8, 10, 12, 14, 16)
"""Points of polynomials that are tried, one after the other."""

CLOSE = 1e-9
"""How near these come to the kernel, as a share of its largest value."""


def few_products(
    kernel: Kernel, ends: Ends
) -> tuple[list[float], list[float], list[list[float]]] | None:
    """x_i, s_j and M by rows i of the products K(x_i, s), where few say all of the kernel."""
    points = _spread(ends, SAMPLES, 0.37)
    rest = [[kernel(x, s) for s in points] for x in points]
    size = _largest(rest)
    if not math.isfinite(size):
        raise TreeError("the kernel is not finite")
    rows: list[int] = []
    columns: list[int] = []
    for _ in range(CROSSES):
        row = max(range(SAMPLES), key=lambda i: max(map(abs, rest[i])))
        column = max(range(SAMPLES), key=lambda j: abs(rest[row][j]))
        pivot = rest[row][column]
        if abs(pivot) < APART * size or not pivot:
            break
        rows.append(row)
        columns.append(column)
        taken, across = rest[row], [each[column] / pivot for each in rest]
        rest = [
            [value - share * other for value, other in zip(line, taken, strict=True)]
            for line, share in zip(rest, across, strict=True)
        ]
    if not rows or _largest(rest) > EXACT * size:
        return None
    x, s = [points[i] for i in rows], [points[j] for j in columns]
    inverse = _inverse([[kernel(a, b) for b in s] for a in x])
    return x, s, [list(column) for column in zip(*inverse, strict=True)]


def interpolating(kernel: Kernel, ends: Ends) -> list[float] | None:
    """x_j of polynomials that are near the kernel; None where too many were needed."""
    points = _spread(ends, SAMPLES, 0.37)
    exact = [[kernel(x, s) for s in points] for x in points]
    size = _largest(exact)
    for count in POINTS:
        # any points near Chebyshev's do; short numbers are short formulas
        unit = [round(math.cos(math.pi * (k + 0.5) / count), 4) for k in range(count)]
        nodes = [(ends[0] + ends[1]) / 2 + (ends[1] - ends[0]) / 2 * z for z in unit]
        at_nodes = [[kernel(x, s) for s in points] for x in nodes]
        worst = 0.0
        for x, line in zip(points, exact, strict=True):
            weights = [_cardinal(nodes, k, x) for k in range(count)]
            for value, column in zip(line, zip(*at_nodes, strict=True), strict=True):
                worst = max(worst, abs(sum(map(operator.mul, weights, column)) - value))
        if worst <= CLOSE * size:
            return nodes
    return None


def _spread(ends: Ends, count: int, shift: float) -> list[float]:
    """Points that are dense at both ends."""
    middle, half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
    return [middle + half * math.cos(math.pi * (k + shift) / count) for k in range(count)]


def _largest(matrix: Matrix) -> float:
    """The largest absolute value, infinite where one is none."""
    values = [abs(value) for line in matrix for value in line]
    return max(values) if all(map(math.isfinite, values)) else math.inf


def _cardinal(nodes: Sequence[float], number: int, x: float) -> float:
    node = nodes[number]
    others = (other for k, other in enumerate(nodes) if k != number)
    return math.prod((x - other) / (node - other) for other in others)


def _inverse(matrix: Matrix) -> Matrix:
    """By Gauss and Jordan; crosses come with their largest pivots first."""
    n = len(matrix)
    lines = [[*line, *(float(i == k) for k in range(n))] for i, line in enumerate(matrix)]
    for k in range(n):
        best = max(range(k, n), key=lambda i: abs(lines[i][k]))
        lines[k], lines[best] = lines[best], lines[k]
        lines[k] = [value / lines[k][k] for value in lines[k]]
        for i in range(n):
            if i != k:
                share = lines[i][k]
                lines[i] = [a - share * b for a, b in zip(lines[i], lines[k], strict=True)]
    return [line[n:] for line in lines]
