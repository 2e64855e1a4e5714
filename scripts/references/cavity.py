"""Compute the reference of `cavity`: the splines of cavity_splines.py, of higher and higher degree, on more
and more intervals.

python -m scripts cavity
"""

from __future__ import annotations

import numpy as np

from scripts.common import store_reference as stored
from scripts.references.cavity_splines import Array, Cavity, breakpoints, gauss

RESOLUTIONS = ((5, 8, 6), (6, 11, 8), (7, 14, 9))
"""Degree, levels and intervals."""


def reference() -> tuple[Array, Array, Array, float]:
    """Points on panels that shrink towards the corners, weights, values (N, 3), and the change of
    the last refinement.
    """
    (x, wx), (y, wy) = (gauss(breakpoints(9, 2, both_ends), 6) for both_ends in (True, False))
    weights, values, change, before = np.outer(wx, wy).ravel(), None, np.inf, None
    for degree, levels, even in RESOLUTIONS:
        problem = Cavity(100.0, degree, levels, even)
        before = problem, problem.solve(before)
        finer = problem.values(before[1], x, y)
        if values is not None:
            changes = [distance(values[:, k], finer[:, k], weights) for k in range(3)]
            change = max(changes)
            print("  change of u {:.1e}, v {:.1e}, p {:.1e}".format(*changes), flush=True)
        print(f"  degree {degree}, {levels} levels, {even} intervals", flush=True)
        values = finer
    return (
        np.stack([axis.ravel() for axis in np.meshgrid(x, y, indexing="ij")], axis=1),
        weights,
        values,
        change,
    )


def distance(u: Array, v: Array, w: Array) -> float:
    """Relative L2 difference of two sets of values with weights."""
    return float(np.sqrt((w * (u - v) ** 2).sum() / (w * v**2).sum()))


def main() -> None:
    """Compute and store the reference."""
    stored.store("cavity", *reference())
