"""A smooth map ξ of an interval onto [-1, 1] that spreads equal knots as a function asks for (r-adaptation).

The density is  w = max_k (|u^(k)| / max |u|)^{1/k}, k = 1 … 3, the inverse of the length over which u changes, mixed with a
constant: a share EVEN of the knots is spread evenly. It is smoothed over SMOOTHING in the new coordinate, so that neighbouring
intervals differ little, and ξ is its integral: every interval gets an equal share (equidistribution).
Source: W. Huang & R. D. Russell, Adaptive Moving Mesh Methods, Springer 2011, ch. 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, CubicSpline, make_lsq_spline
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float64]

EVEN = 0.4
SMOOTHING = 0.1
"""Standard deviation of the smoothing as a share of [-1, 1], per pass."""

PASSES = 4
FINE = 4000
"""Points on which the density is integrated."""


@dataclass(frozen=True)
class Stretch:
    """ξ(x) as a table on a fine grid: positions (M,) in [lower, upper] and values (M,) from -1 to 1, both increasing."""

    x: Array
    xi: Array

    @classmethod
    def none(cls, lower: float, upper: float) -> Stretch:
        """The affine map."""
        return cls(np.linspace(lower, upper, FINE), np.linspace(-1.0, 1.0, FINE))

    @classmethod
    def equidistributing(cls, x: Array, density: Array, periodic: bool) -> Stretch:
        """The map of a density (M,) > 0 given at increasing positions x (M,)."""
        whole = float(CubicSpline(x, density).integrate(x[0], x[-1]))
        given = CubicSpline(x, (1 - EVEN) * density / whole + EVEN / (x[-1] - x[0]))
        mode: Literal["wrap", "reflect"] = "wrap" if periodic else "reflect"
        found = cls.none(float(x[0]), float(x[-1]))
        for _ in range(PASSES):
            even = found.inverse(np.linspace(-1.0, 1.0, FINE))
            share = np.maximum(given(even), 1e-12) * np.gradient(even)
            share = gaussian_filter1d(np.asarray(share, dtype=float), SMOOTHING * FINE, mode=mode, truncate=9.0)
            total = CubicSpline(np.linspace(-1.0, 1.0, FINE), share).antiderivative()(np.linspace(-1.0, 1.0, FINE))
            found = cls(even, 2 * total / total[-1] - 1)
        return found

    def __call__(self, x: Array) -> Array:
        """ξ at positions, (N,)."""
        return np.asarray(CubicSpline(self.x, self.xi)(x))

    def inverse(self, xi: Array) -> Array:
        """x with ξ(x) = xi, (N,)."""
        return np.asarray(CubicSpline(self.xi, self.x)(xi))

    def spline(self, intervals: int, degree: int) -> tuple[Array, Array]:
        """Breakpoints (G + 1,) in [lower, upper], even in ξ, and the coefficients (G + p,) of the spline nearest to ξ.

        The knots go on beyond the ends as `SplineGrid.given` lets them.
        """
        points = self.inverse(np.linspace(-1.0, 1.0, intervals + 1))
        points[0], points[-1] = self.x[0], self.x[-1]
        steps = np.arange(1, degree + 1)
        before = points[0] - (points[1] - points[0]) * steps[::-1]
        after = points[-1] + (points[-1] - points[-2]) * steps
        knots = np.concatenate([before, points, after])
        local = (1 - np.cos(np.pi * (np.arange(degree + 2) + 0.5) / (degree + 2))) / 2
        x = (points[:-1, None] + np.diff(points)[:, None] * local).ravel()
        spline: BSpline = make_lsq_spline(x, self(x), knots, degree, method="qr")
        return points, np.asarray(spline.c)


def density(derivatives: Array, length: float) -> Array:
    """w (M,) from u', u'', u''' of every unknown, (3, m, M), on an interval of a length; see the module's formula."""
    size = np.maximum(np.abs(derivatives[0]).max(axis=1), 1e-300)
    powers = [(np.abs(d) / size[:, None]) ** (1 / k) for k, d in enumerate(derivatives[1:], start=1)]
    return np.asarray(np.maximum(np.max(powers, axis=(0, 1)), 1 / length))
