"""-Δu = 1 on the unit cube in d coordinates with u = 0 on all faces, by a series and a quadrature.

    u(x) = ∫_0^∞ Π_k φ(x_k, t) dt,    φ(x, t) = Σ_j 4/((2j + 1)π) sin((2j + 1)πx) exp(-((2j + 1)π)² t)

φ is the temperature of an interval that begins with one everywhere.
"""

from __future__ import annotations

import numpy as np

from kanpde.products.univariate import Array


def heat_of_ones(x: Array) -> Array:
    """u at points (N, d) by Gauss' rule in s = log t; φ is 1 near t = 0, where its series is long."""
    s, w = np.polynomial.legendre.leggauss(400)
    s, w = np.log(1e-9) + (s + 1) / 2 * np.log(20 / 1e-9), w / 2 * np.log(20 / 1e-9)
    odd = (2 * np.arange(4000) + 1) * np.pi
    result = np.zeros(len(x))
    waves = np.sin(np.unique(x.ravel())[:, None] * odd)
    places = np.searchsorted(np.unique(x.ravel()), x)
    for time_, weight in zip(np.exp(s), w * np.exp(s), strict=True):
        kept = odd**2 * time_ < 50
        values = waves[:, kept] @ (4 / odd[kept] * np.exp(-(odd[kept] ** 2) * time_))
        result += weight * np.prod(values[places], axis=1)
    return result
