"""Fourier solutions of u_t = L u + D N(u) on a periodic interval, by the time steps of
`kanpde.references.fourier`.

L is diagonal in Fourier space; N acts at grid points and the result is multiplied by a symbol D (ik
for ∂_x). All in extended precision (80 bits where the machine has it), so that rounding does not
grow into the stored digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import fft

from kanpde.references.fourier import advance

Array = np.ndarray[Any, Any]
Real, Complex = np.longdouble, np.clongdouble
PI = Real("3.14159265358979323846264338327950288")


@dataclass(frozen=True)
class Equation:
    """u_t = L(ik) u + D(ik) N(u) on lower ≤ x < lower + length, with Fourier coefficients of the
    initial value.
    """

    lower: float
    length: Real
    linear: Callable[[Array], Array]
    symbol: Callable[[Array], Array]
    nonlinear: Callable[[Array], Array]
    initial: Callable[[int], Array]


def grid(lower: float, length: Real, points: int) -> Array:
    """Equally spaced points of a period, the left end included; (points,)."""
    return Real(lower) + length * np.arange(points, dtype=Real) / points


def sampled(
    lower: float, length: Real, function: Callable[[Array], Array]
) -> Callable[[int], Array]:
    """Fourier coefficients of a function from its values at the grid points."""
    return lambda points: fft.rfft(function(grid(lower, length, points)))


def solve(equation: Equation, points: int, steps: int, times: Array, nodes: int) -> Array:
    """Values (len(times), nodes) at equally spaced nodes; `steps` in a unit of time, a 200th of
    them at least between two.

    Before the first time the intervals double from 2^-20 of it on: initial values may be rough.
    """
    ik = 2j * PI / equation.length * np.arange(points // 2 + 1, dtype=Real)
    linear, symbol = equation.linear(ik).astype(Complex), equation.symbol(ik).astype(Complex)
    symbol[-1] = symbol[-1].real  # the highest mode has no sine
    linear[-1] = linear[-1].real

    def nonlinear(v: Array, t: float) -> Array:
        return symbol * fft.rfft(equation.nonlinear(fft.irfft(v, points)))

    v, values = equation.initial(points).astype(Complex), []
    for dt, last in _intervals(times.astype(Real)):
        count = max(steps // 200, int(np.ceil(dt * steps)))
        v = advance(v, linear, nonlinear, Real(0), dt / count, count)
        if last:
            size = max(points, nodes)
            values.append(fft.irfft(v, size)[:: size // nodes] * (size / points))
    return np.array(values)


def _intervals(times: Array) -> Iterator[tuple[Real, bool]]:
    """Lengths of the intervals, and whether one of the `times` is its end."""
    early = times[0] * Real(2) ** np.arange(-20, 1)
    yield early[0], False
    yield from ((dt, i == len(early) - 2) for i, dt in enumerate(np.diff(early)))
    yield from ((dt, True) for dt in np.diff(times))


def _kink(points: int) -> Array:
    """Exact Fourier coefficients of x² cos πx on [-1, 1]: its slope jumps at the seam, so sampling
    would alias.
    """
    j = np.arange(points // 2 + 2, dtype=Real)
    moment = 2 * (-1) ** j / (PI * np.maximum(j, 1)) ** 2
    moment[0] = Real(1) / 3  # ∫_0^1 x² cos(jπx) dx
    k = np.arange(points // 2 + 1)
    return points * (-1.0) ** k * (moment[k + 1] + moment[abs(k - 1)]) / 2


TWO = Real(2)
PROBLEMS = {
    "allen_cahn": Equation(
        lower=-1.0,
        length=TWO,
        linear=lambda d: Real("1e-4") * d**2 + 5,
        symbol=lambda d: np.ones_like(d),
        nonlinear=lambda u: -5 * u**3,
        initial=_kink,
    ),
    "kdv": Equation(
        lower=-1.0,
        length=TWO,
        linear=lambda d: -(Real("0.022") ** 2) * d**3,
        symbol=lambda d: -d / 2,
        nonlinear=np.square,
        initial=sampled(-1.0, TWO, lambda x: np.cos(PI * x)),
    ),
    "kuramoto_sivashinsky": Equation(
        lower=0.0,
        length=2 * PI,
        linear=lambda d: -Real(100) / 16**2 * d**2 - Real(100) / 16**4 * d**4,
        symbol=lambda d: -Real(100) / 32 * d,
        nonlinear=np.square,
        initial=sampled(0.0, 2 * PI, lambda x: np.cos(x) * (1 + np.sin(x))),
    ),
}
