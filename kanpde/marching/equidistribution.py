"""A smooth map ξ of an interval onto [-1, 1] that spreads equal knots as a function asks for
(r-adaptation).

The length over which u changes is  ℓ = min_k (max |u| / |u^(k)|)^{1/k}, k = 1 … 5; it may grow by
GRADATION per length only, as the distance to a singularity beside a layer does. The density is 1/ℓ
mixed with a constant: a share EVEN of the knots is spread evenly. It is smoothed over SMOOTHING in
the new coordinate (over INTERVALS of them at least), and ξ is its integral. Source: W. Huang & R.
D. Russell, Adaptive Moving Mesh Methods, Springer 2011, ch. 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.interpolate import BSpline

Array = NDArray[np.float64]

EVEN = 0.4
GRADATION = 0.5
SMOOTHING = 0.04
"""Standard deviation of the smoothing as a share of [-1, 1], per pass."""

INTERVALS = 5
"""The same in intervals, at least."""

PASSES = 10
FINE = 4000
"""Points on which the density is integrated."""


@dataclass(frozen=True)
class Stretch:
    """ξ(x) as a table on a fine grid: positions (M,) in [lower, upper] and values (M,) from -1 to
    1, both increasing.
    """

    x: Array
    xi: Array
    periodic: bool = False

    @classmethod
    def none(cls, lower: float, upper: float, periodic: bool = False) -> Stretch:
        """The affine map."""
        return cls(np.linspace(lower, upper, FINE), np.linspace(-1.0, 1.0, FINE), periodic)

    @classmethod
    def equidistributing(cls, x: Array, density: Array, periodic: bool, intervals: int) -> Stretch:
        """The map of a density (M,) > 0 given at increasing positions x (M,), smooth on `intervals`
        even intervals of ξ.
        """
        from scipy.interpolate import CubicSpline

        deviation = FINE * max(SMOOTHING, INTERVALS / intervals)
        whole = float(CubicSpline(x, density).integrate(x[0], x[-1]))
        given = CubicSpline(x, (1 - EVEN) * density / whole + EVEN / (x[-1] - x[0]))
        levels = np.linspace(-1.0, 1.0, FINE)
        stretch = cls.none(float(x[0]), float(x[-1]), periodic)
        for _ in range(PASSES):
            even = np.clip(stretch.inverse(levels), x[0], x[-1])
            share = np.maximum(given(even), 1e-12) * stretch._backward(levels, 1)
            smooth = CubicSpline(
                levels,
                _smoothed(share, deviation, periodic),
                bc_type="periodic" if periodic else "clamped",
            )
            total = smooth.antiderivative()(levels)
            stretch = cls(even, 2 * total / total[-1] - 1, periodic)
        return stretch

    def __call__(self, x: Array) -> Array:
        """ξ at positions, (N,)."""
        from scipy.interpolate import CubicSpline

        slope = 2 / (self.x[-1] - self.x[0])
        rest = CubicSpline(self.x, self._ends(self.xi - slope * self.x), bc_type=self._kind)
        return np.asarray(rest(x) + slope * x)

    def inverse(self, xi: Array) -> Array:
        """x with ξ(x) = xi, (N,)."""
        return self._backward(xi, 0)

    def _backward(self, xi: Array, order: int) -> Array:
        """The inverse map or its derivative."""
        from scipy.interpolate import CubicSpline

        slope = (self.x[-1] - self.x[0]) / 2
        rest = CubicSpline(self.xi, self._ends(self.x - slope * self.xi), bc_type=self._kind)
        return np.asarray(rest(xi, order) + (slope if order else slope * xi))

    @property
    def _kind(self) -> Literal["periodic", "not-a-knot"]:
        return "periodic" if self.periodic else "not-a-knot"

    def _ends(self, values: Array) -> Array:
        """The same values, the last one made equal to the first to the last bit where they
        repeat.
        """
        return np.append(values[:-1], values[0]) if self.periodic else values

    def spline(self, intervals: int, degree: int) -> tuple[Array, Array]:
        """Knots (G + 2p + 1,), those in [lower, upper] even in ξ, and the coefficients (G + p,) of
        the spline nearest to ξ.

        If periodic, ξ(x) - x repeats with all its derivatives.
        """
        from scipy.interpolate import make_lsq_spline

        points = self.inverse(np.linspace(-1.0, 1.0, intervals + 1))
        points[0], points[-1] = self.x[0], self.x[-1]
        length = points[-1] - points[0]
        if self.periodic:
            knots = np.concatenate(
                [points[-degree - 1 : -1] - length, points, points[1 : degree + 1] + length]
            )
            x = points[:-1] if degree % 2 else (points[1:] + points[:-1]) / 2
            return knots, _periodic_fit(x, self(x) - 2 * x / length, knots, degree, length)
        steps = np.arange(1, degree + 1)
        before = points[0] - (points[1] - points[0]) * steps[::-1]
        after = points[-1] + (points[-1] - points[-2]) * steps
        knots = np.concatenate([before, points, after])
        local = (1 - np.cos(np.pi * (np.arange(degree + 2) + 0.5) / (degree + 2))) / 2
        x = (points[:-1, None] + np.diff(points)[:, None] * local).ravel()
        spline: BSpline = make_lsq_spline(x, self(x), knots, degree, method="qr")
        return knots, np.asarray(spline.c)


def _smoothed(share: Array, deviation: float, periodic: bool) -> Array:
    """Values (M,) at even positions, both ends included, after a Gaussian of a standard deviation
    in positions.

    They go on periodically or mirrored at their ends, so a Gaussian is a factor exp(-(deviation
    θ)²/2) of the wave that turns by θ per position.
    """
    from scipy.fft import dct, idct

    waves = np.arange(len(share)) / (len(share) - 1)
    if periodic:
        last = np.fft.rfft(share[:-1])
        inside = np.fft.irfft(last * _damping(2 * waves[: len(last)], deviation), len(share) - 1)
        return np.append(inside, inside[0])
    return np.asarray(idct(dct(share, 1) * _damping(waves, deviation), 1))


def _damping(waves: Array, deviation: float) -> Array:
    return np.asarray(np.exp(-0.5 * (deviation * np.pi * waves) ** 2))


def _periodic_fit(x: Array, values: Array, knots: Array, degree: int, length: float) -> Array:
    """Coefficients (G + p,) of the spline that takes `values` at x (G,) after adding the line 2 x /
    length.
    """
    from scipy.interpolate import BSpline

    count = len(x)
    full = BSpline.design_matrix(x, knots, degree).toarray()
    wrapped = full[:, :count].copy()
    wrapped[:, :degree] += full[:, count:]
    coefficients = np.linalg.solve(wrapped, values)
    lines = np.lib.stride_tricks.sliding_window_view(knots[1:-1], degree).mean(axis=1)
    return np.asarray(np.concatenate([coefficients, coefficients[:degree]]) + 2 * lines / length)


def density(x: Array, derivatives: Array, length: float, periodic: bool) -> Array:
    """w (M,) at positions x (M,) from u and five derivatives by x of every unknown, (6, m, M), on
    an interval of a length.

    A length below the distance of two positions is noise: the derivatives of a state that is nearly
    zero.
    """
    size = np.maximum(np.abs(derivatives[0]).max(axis=1), 1e-300)
    powers = [
        (np.abs(d) / size[:, None]) ** (1 / k) for k, d in enumerate(derivatives[1:], start=1)
    ]
    scale = np.maximum(1 / np.maximum(np.max(powers, axis=(0, 1)), 1 / length), np.gradient(x))
    for turn in range(2 if periodic else 1):
        scale = _graded(x, scale)
        scale = _graded(-x[::-1], scale[::-1])[::-1].copy()
        if periodic and turn == 0:
            scale[[0, -1]] = scale[[0, -1]].min()
    return np.asarray(1 / scale)


def _graded(x: Array, scale: Array) -> Array:
    """The largest function not above `scale` that grows by no more than GRADATION per length to the
    right.
    """
    return np.asarray(np.minimum.accumulate(scale - GRADATION * x) + GRADATION * x)
