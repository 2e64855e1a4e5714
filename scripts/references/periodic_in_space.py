"""Compute the shipped references: solutions without a closed formula, refined until they stop
changing.

    python -m scripts periodic_in_space [--stamp] [name ...]

Writes problems/references/NAME.npz with points `x` (time last), weights `w`, `values` and their own
relative L2 `error`: the change from the second finest to the finest resolution at the stored
points. Times are Gauss–Radau nodes of (0, 1], the last is 1. With the values stands the digest of
the problem of that name; --stamp renews it alone, after a change of the problem's wording that does
not change its meaning. `kanpde reference` and the other programs of this folder make the others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.special import roots_jacobi

from scripts.common import store_reference as stored
from scripts.references.fourier_steps import PI, PROBLEMS, Array, Real, grid, solve

NODES = 512
GOALS = {"allen_cahn": (4096, 1e-12), "kdv": (512, 1e-12), "kuramoto_sivashinsky": (512, 1e-11)}
"""Fourier modes (checked against twice as many) and the change between two resolutions to reach."""

Reference = tuple[Array, Array, Array, float]
"""Nodes and weights in space, values (times, nodes), own error."""


def radau(count: int = 20) -> tuple[Array, Array]:
    """Gauss–Radau rule on (0, 1] with the node 1: exact for polynomials up to degree 2 count −
    2.
    """
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
    """u_t + u u_x = ν u_xx, u(x, 0) = −sin πx, on the whole line (u is odd and periodic, hence 0 at
    ±1); (len(t), len(x)).

        u = −∫ sin π(x − η) f(x − η) e^{−η²/4νt} dη / ∫ f(x − η) e^{−η²/4νt} dη,    f(y) = exp(−cos(πy) / 2πν)

    (Basdevant et al., Comput. Fluids 14, 1986.) With η = s √(4νt) both integrands are entire and
    decay like e^{−s²}, so that the trapezoid rule in s converges faster than any power of its step
    h. The largest exponent is taken out of both.
    """
    # beyond it the integrand is below e^-50 of its largest value
    reach = float(np.sqrt(1 / (np.pi * nu) + 50))
    s = h * np.arange(-np.ceil(reach / h), np.ceil(reach / h) + 1).astype(Real)
    values = []
    for time in t.astype(Real):
        y = x.astype(Real)[:, None] - s * np.sqrt(4 * nu * time)
        exponent = -np.cos(PI * y) / (2 * PI * nu) - s**2
        weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        values.append(-(weight * np.sin(PI * y)).sum(axis=1) / weight.sum(axis=1))
    return np.array(values)


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
    """Double the number of time steps, extrapolated to step 0, until the goal is met; then twice
    the modes.
    """
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


MAKERS: dict[str, Callable[[Array, Array], Reference]] = {
    "burgers": partial(burgers, Real("0.01")),
    "burgers_sharp": partial(burgers, Real("0.01") / PI),
    **{name: partial(fourier, name) for name in PROBLEMS},
}


def evolved(name: str) -> Reference:
    """All points, weights and values of a reference in space and time, time last."""
    t, wt = radau()
    x, wx, values, error = MAKERS[name](t, wt)
    points = np.stack([axis.ravel() for axis in np.meshgrid(x, t)], axis=1)
    return points, np.outer(wt, wx).ravel(), values.reshape(-1, 1), error


def main() -> None:
    """Compute and write the named references, or all."""
    names = [word for word in sys.argv[1:] if word != "--stamp"] or [*MAKERS]
    for name in names:
        if "--stamp" in sys.argv:
            stored.stamp(name)
        else:
            print(name, flush=True)
            stored.store(name, *evolved(name))
