"""Compare the shipped problem `poisson_holes` with an independent finite-element solution.

    python scripts/check_holes.py            # the defaults of the problem
    python scripts/check_holes.py --fem-only # only the convergence table of the reference

Both are evaluated at Gauss points of the whole domain; differences are relative L2 norms (dimensionless).
The last difference between two refinements bounds the reference's own error.
"""

from __future__ import annotations

import argparse

import numpy as np
from fem_holes import Array, quadrature, relative_l2, solve_plate

LEVELS = ((2, 4), (3, 6), (4, 8), (6, 8))


def converge(points: Array, weights: Array) -> tuple[Array, float]:
    """Values of the finest level at points (N, 2), and its difference to the level before; prints the table."""
    print(f"{'cells':>8} {'degree':>6} {'unknowns':>8} {'change':>9}")
    values, change = np.full(len(points), np.nan), float("nan")
    for cells, degree in LEVELS:
        reference = solve_plate(cells, degree)
        finer = reference(points)
        change, values = relative_l2(values, finer, weights), finer
        print(f"{f'{cells} x {2 * cells}':>8} {degree:>6} {reference.coefficients.size:>8} {change:>9.1e}")
    return values, change


def everywhere(points: Array, weights: Array) -> tuple[Array, Array]:
    """The points (N, 2) and weights (N,) of the half quadrant reflected into the eight parts of the plate."""
    images = [half * np.array([a, b]) for half in (points, points[:, ::-1]) for a in (1, -1) for b in (1, -1)]
    return np.concatenate(images), np.tile(weights, 8)


def main() -> None:
    """Print the table, then the difference of `kanpde` to the reference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fem-only", action="store_true", help="do not solve with kanpde")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    half, weights = quadrature()
    values, change = converge(half, weights)
    print(f"finite elements: own error about {change:.1e}")
    if arguments.fem_only:
        return
    import kanpde

    points, w = everywhere(half, weights)
    solution = kanpde.solve("poisson_holes", seed=arguments.seed)
    difference = relative_l2(np.asarray(solution(points))[:, 0], np.tile(values, 8), w)
    print(f"kanpde: relative L2 difference to the finite elements {difference:.2e}, solved in {solution.seconds:.1f} s")


if __name__ == "__main__":
    main()
