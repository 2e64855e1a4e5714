"""Ordinary differential equations with answers at their ends, for `odes`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from mpmath import mp, mpf
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.special import ellipj, ellipk

Array = NDArray[np.float64]

MU = 0.012277471
MASSES = range(1, 8)


@dataclass(frozen=True)
class Case:
    """u' = f(t, u) with the same equations as texts; `answer` gives the first unknowns at the end."""

    unknowns: tuple[str, ...]
    equations: tuple[str, ...]
    start: tuple[float, ...]
    end: float
    rates: Callable[[float, Array], Sequence[float] | Array]
    answer: Callable[[], Sequence[float]]
    tolerance: float
    second: bool = False


@cache
def lorenz() -> tuple[float, ...]:
    """By Taylor series: u_{k+1} = f_k/(k + 1) from the coefficients f_k of the right sides."""
    mp.dps = 40
    state, step, order = [mpf(1), mpf(1), mpf(1)], mpf(1) / 50, 40
    for _ in range(1000):
        a, b, c = ([value] for value in state)
        for k in range(order):
            ab = mp.fsum(a[j] * b[k - j] for j in range(k + 1))
            ac = mp.fsum(a[j] * c[k - j] for j in range(k + 1))
            rates = 10 * (b[k] - a[k]), 28 * a[k] - ac - b[k], ab - mpf(8) / 3 * c[k]
            for series, rate in zip((a, b, c), rates, strict=True):
                series.append(rate / (k + 1))
        state = [mp.polyval(series[::-1], step) for series in (a, b, c)]
    return tuple(map(float, state))


def pendulum() -> tuple[float, ...]:
    """sin(u/2) = k sn(K - t | k²) from rest at u = 2, with k = sin 1."""
    k = math.sin(1.0)
    sn, _, _, _ = ellipj(ellipk(k * k) - 20.0, k * k)
    return (2 * math.asin(k * sn),)


def _pleiades(t: float, u: Array) -> Array:
    x, y = u[:7], u[7:14]
    dx, dy = x[None] - x[:, None], y[None] - y[:, None]
    cube = (dx**2 + dy**2 + np.eye(7)) ** 1.5
    masses = np.array(MASSES)
    return np.concatenate(
        [u[14:], (masses * dx / cube).sum(axis=1), (masses * dy / cube).sum(axis=1)]
    )


def _attraction(i: int, along: str) -> str:
    terms = (
        f"{j}*({along}{j} - {along}{i})/((x{j} - x{i})**2 + (y{j} - y{i})**2)**1.5"
        for j in MASSES
        if j != i
    )
    return " + ".join(terms)


def _arenstorf(t: float, u: Array) -> list[float]:
    x, y, p, q = u
    one, two = ((x + MU) ** 2 + y**2) ** 1.5, ((x - 1 + MU) ** 2 + y**2) ** 1.5
    ax = x + 2 * q - (1 - MU) * (x + MU) / one - MU * (x - 1 + MU) / two
    return [p, q, ax, y - 2 * p - (1 - MU) * y / one - MU * y / two]


def _hires(t: float, u: Array) -> list[float]:
    a, b, c, d, e, f, g, h = u
    fh = 280 * f * h
    return [
        -1.71 * a + 0.43 * b + 8.32 * c + 0.0007,
        1.71 * a - 8.75 * b,
        -10.03 * c + 0.43 * d + 0.035 * e,
        8.32 * b + 1.71 * c - 1.12 * d,
        -1.745 * e + 0.43 * f + 0.43 * g,
        -fh + 0.69 * d + 1.71 * e - 0.43 * f + 0.69 * g,
        fh - 1.81 * g,
        -fh + 1.81 * g,
    ]


def _robertson_rates(t: float, u: Array) -> list[float]:
    a, b, c = u
    return [-0.04 * a + 1e4 * b * c, 0.04 * a - 1e4 * b * c - 3e7 * b * b, 3e7 * b * b]


@cache
def robertson() -> tuple[float, ...]:
    """By Radau with the smallest tolerance that it takes, in the logarithm of 1 + t: what changes
    there keeps its pace.
    """

    def rates(s: float, u: Array) -> Array:
        return math.exp(s) * np.array(_robertson_rates(0.0, u))

    def jacobian(s: float, u: Array) -> Array:
        _, b, c = u
        first, last = [-0.04, 1e4 * c, 1e4 * b], [0.0, 6e7 * b, 0.0]
        middle = [-x - y for x, y in zip(first, last, strict=True)]
        return math.exp(s) * np.array([first, middle, last])

    span = (0.0, math.log1p(1e6))
    run = solve_ivp(rates, span, (1, 0, 0), "Radau", rtol=1e-13, atol=1e-22, jac=jacobian)
    return tuple(run.y[:, -1])


CASES = {
    "Lorenz, 20": Case(
        ("a", "b", "c"),
        ("10*(b - a)", "a*(28 - c) - b", "a*b - 8/3*c"),
        (1.0, 1.0, 1.0),
        20.0,
        lambda t, u: [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]],
        lorenz,
        1e-6,
    ),
    "Robertson, 1e6": Case(
        ("a", "b", "c"),
        ("-0.04*a + 1e4*b*c", "0.04*a - 1e4*b*c - 3e7*b**2", "3e7*b**2"),
        (1.0, 0.0, 0.0),
        1e6,
        _robertson_rates,
        robertson,
        1e-8,
    ),
    "pendulum from rest at 2, 20": Case(
        ("u",),
        ("-sin(u)",),
        (2.0, 0.0),
        20.0,
        lambda t, u: [u[1], -math.sin(u[0])],
        pendulum,
        1e-10,
        True,
    ),
    "Arenstorf, one turn": Case(
        ("x", "y"),
        (
            f"x + 2*dt(y) - {1 - MU!r}*(x + {MU})/((x + {MU})**2 + y**2)**1.5"
            f" - {MU}*(x - {1 - MU!r})/((x - {1 - MU!r})**2 + y**2)**1.5",
            f"y - 2*dt(x) - {1 - MU!r}*y/((x + {MU})**2 + y**2)**1.5"
            f" - {MU}*y/((x - {1 - MU!r})**2 + y**2)**1.5",
        ),
        (0.994, 0.0, 0.0, -2.00158510637908252240537862224),
        17.0652165601579625588917206249,
        _arenstorf,
        lambda: (0.994, 0.0),
        1e-8,
        True,
    ),
    "HIRES, 321.8": Case(
        tuple(f"y{i}" for i in range(1, 9)),
        (
            "-1.71*y1 + 0.43*y2 + 8.32*y3 + 0.0007",
            "1.71*y1 - 8.75*y2",
            "-10.03*y3 + 0.43*y4 + 0.035*y5",
            "8.32*y2 + 1.71*y3 - 1.12*y4",
            "-1.745*y5 + 0.43*y6 + 0.43*y7",
            "-280*y6*y8 + 0.69*y4 + 1.71*y5 - 0.43*y6 + 0.69*y7",
            "280*y6*y8 - 1.81*y7",
            "-280*y6*y8 + 1.81*y7",
        ),
        (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057),
        321.8122,
        _hires,
        lambda: (
            *(0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4),
            *(0.1175651343283149e-2, 0.2386356198831331e-2, 0.6238968252742796e-2),
            *(0.2849998395185769e-2, 0.2850001604814231e-2),
        ),
        1e-10,
    ),
    "Pleiades, 3": Case(
        tuple(f"{along}{i}" for along in "xy" for i in MASSES),
        tuple(_attraction(i, along) for along in "xy" for i in MASSES),
        (
            *(3.0, 3.0, -1.0, -3.0, 2.0, -2.0, 2.0, 3.0, -3.0, 2.0, 0.0, 0.0, -4.0, 4.0),
            *(0.0, 0.0, 0.0, 0.0, 0.0, 1.75, -1.5, 0.0, 0.0, 0.0, -1.25, 1.0, 0.0, 0.0),
        ),
        3.0,
        _pleiades,
        lambda: (
            *(0.3706139143970502, 3.237284092057233, -3.222559032418324, 0.6597091455775310),
            *(0.3425581707156584, 1.562172101400631, -0.7003092922212495, -3.943437585517392),
            *(-3.271380973972550, 5.225081843456543, -2.590612434977470, 1.198213693392275),
            *(-0.2429682344935824, 1.091449240428980),
        ),
        1e-10,
        True,
    ),
    "van der Pol, ε = 1e-6, 2": Case(
        ("u", "v"),
        ("v", "1e6*((1 - u**2)*v - u)"),
        (2.0, 0.0),
        2.0,
        lambda t, u: [u[1], 1e6 * ((1 - u[0] ** 2) * u[1] - u[0])],
        lambda: (1.706167732170483, -0.8928097010247975),
        1e-8,
    ),
}
