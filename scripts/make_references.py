"""Compute the shipped references: solutions without a closed formula, refined until they stop changing.

    python scripts/make_references.py [name ...]

Writes problems/references/NAME.npz with points `x` (time last), weights `w`, `values` and their own relative L2 `error`: the
change from the second finest to the finest resolution at the stored points. Times are Gauss–Radau nodes of (0, 1], the last is 1.
Steady problems have points in space alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cavity
import numpy as np
from scipy.special import roots_jacobi
from spectral import PI, PROBLEMS, Array, Real, grid, solve

FOLDER = Path(__file__).resolve().parent.parent / "problems" / "references"
NODES = 512
CAVITY = ((5, 8, 6), (6, 11, 8), (7, 14, 9))
"""Degree, levels and intervals of the cavity's splines."""
GOALS = {"allen_cahn": (4096, 1e-12), "kdv": (512, 1e-12), "kuramoto_sivashinsky": (512, 1e-11)}
"""Fourier modes (checked against twice as many) and the change between two resolutions to reach."""

Reference = tuple[Array, Array, Array, float]
"""Nodes and weights in space, values (times, nodes), own error."""


def radau(count: int = 20) -> tuple[Array, Array]:
    """Gauss–Radau rule on (0, 1] with the node 1: exact for polynomials up to degree 2 count − 2."""
    inner, w = roots_jacobi(count - 1, 1, 0)
    return np.append((1 + inner) / 2, 1.0), np.append(w / (1 - inner) / 2, 1 / count**2)


def graded(levels: int = 9, nodes: int = 24) -> tuple[Array, Array]:
    """Gauss–Legendre on panels of [-1, 1] that halve towards 0, where the layer is."""
    right = np.concatenate([[0.0], 2.0 ** np.arange(-levels, 1)])
    ends = np.concatenate([-right[:0:-1], right])
    s, w = np.polynomial.legendre.leggauss(nodes)
    half, middle = np.diff(ends) / 2, (ends[1:] + ends[:-1]) / 2
    return (middle[:, None] + half[:, None] * s).ravel(), (half[:, None] * w).ravel()


def distance(u: Array, v: Array, w: Array) -> float:
    """Relative L2 difference of two sets of values with weights."""
    return float(np.sqrt((w * (u - v) ** 2).sum() / (w * v**2).sum()))


def cole_hopf(x: Array, t: Array, nu: Real, h: float) -> Array:
    """u_t + u u_x = ν u_xx, u(x, 0) = −sin πx, on the whole line (u is odd and periodic, hence 0 at ±1); (len(t), len(x)).

        u = −∫ sin π(x − η) f(x − η) e^{−η²/4νt} dη / ∫ f(x − η) e^{−η²/4νt} dη,    f(y) = exp(−cos(πy) / 2πν)

    (Basdevant et al., Comput. Fluids 14, 1986.) With η = s √(4νt) both integrands are entire and decay like e^{−s²}, so that the
    trapezoid rule in s converges faster than any power of its step h. The largest exponent is taken out of both.
    """
    reach = float(np.sqrt(1 / (np.pi * nu) + 50))  # beyond it the integrand is below e^-50 of its largest value
    s = h * np.arange(-np.ceil(reach / h), np.ceil(reach / h) + 1).astype(Real)
    found = []
    for time in t.astype(Real):
        y = x.astype(Real)[:, None] - s * np.sqrt(4 * nu * time)
        exponent = -np.cos(PI * y) / (2 * PI * nu) - s**2
        weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        found.append(-(weight * np.sin(PI * y)).sum(axis=1) / weight.sum(axis=1))
    return np.array(found)


def burgers(nu: Real, t: Array, wt: Array) -> Reference:
    """Halve the step of the trapezoid rule until nothing changes."""
    x, wx = graded()
    h, change, values = 0.4, np.inf, cole_hopf(x, t, nu, 0.8)
    while change > 1e-16 and h > 0.02:
        finer = cole_hopf(x, t, nu, h)
        change, values = distance(values, finer, wt[:, None] * wx), finer
        print(f"  step {h:<6} change {change:.1e}")
        h /= 2
    return x, wx, values, change


def fourier(name: str, t: Array, wt: Array) -> Reference:
    """Double the number of time steps, extrapolated to step 0, until the goal is met; then twice the modes."""
    equation, (points, goal) = PROBLEMS[name], GOALS[name]
    weights = wt[:, None] * np.full(NODES, equation.length / NODES)
    at = partial(solve, equation, times=t, nodes=NODES)
    steps, change, best = 1000, np.inf, None
    coarse = rough = at(points, steps=steps)
    while change > goal and steps < 100_000:
        steps *= 2
        fine = at(points, steps=steps)
        extrapolated = fine + (fine - coarse) / 15  # the error is of fourth order
        change = np.inf if best is None else distance(best, extrapolated, weights)
        best, coarse = extrapolated, fine
        print(f"  {points} points, {steps} steps: change {change:.1e}", flush=True)
    modes = distance(rough, at(2 * points, steps=1000), weights)
    print(f"  {2 * points} points: change {modes:.1e}")
    return grid(equation.lower, equation.length, NODES), weights[0] / wt[0], best, change + modes


def steady_cavity() -> Reference:
    """Raise the degree and the number of intervals of the cavity's splines; points on panels that shrink towards its corners."""
    (x, wx), (y, wy) = (cavity.gauss(cavity.breakpoints(9, 2, both), 6) for both in (True, False))
    weights, values, change, before = np.outer(wx, wy).ravel(), None, np.inf, None
    for degree, levels, even in CAVITY:
        problem = cavity.Cavity(100.0, degree, levels, even)
        before = problem, problem.solve(before)
        finer = problem.values(before[1], x, y)
        if values is not None:
            change = max(distance(values[:, k], finer[:, k], weights) for k in range(3))
        print(f"  degree {degree}, {levels} levels, {even} intervals: change {change:.1e}", flush=True)
        values = finer
    return np.stack([axis.ravel() for axis in np.meshgrid(x, y, indexing="ij")], axis=1), weights, values, change


MAKERS: dict[str, Callable[[Array, Array], Reference]] = {
    "burgers": partial(burgers, Real("0.01")),
    "burgers_sharp": partial(burgers, Real("0.01") / PI),
    **{name: partial(fourier, name) for name in PROBLEMS},
}
STEADY: dict[str, Callable[[], Reference]] = {"cavity": steady_cavity}


def evolved(name: str) -> Reference:
    """All points, weights and values of a reference in space and time, time last."""
    t, wt = radau()
    x, wx, values, error = MAKERS[name](t, wt)
    points = np.stack([axis.ravel() for axis in np.meshgrid(x, t)], axis=1)
    return points, np.outer(wt, wx).ravel(), values.reshape(-1, 1), error


def main() -> None:
    """Compute and write the named references, or all."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or (*MAKERS, *STEADY):
        print(name, flush=True)
        x, w, values, error = STEADY[name]() if name in STEADY else evolved(name)
        arrays = {"x": x, "w": w, "values": values, "error": np.array(error)}
        arrays = {key: array.astype(np.float64) for key, array in arrays.items()}
        arrays["error"] = np.maximum(arrays["error"], 2.0**-52)  # values are rounded when they are stored
        np.savez_compressed(FOLDER / f"{name}.npz", **arrays)
        size = (FOLDER / f"{name}.npz").stat().st_size
        print(f"  {len(x)} points, own error {arrays['error']:.1e}, {size // 1000} kB", flush=True)


if __name__ == "__main__":
    main()
