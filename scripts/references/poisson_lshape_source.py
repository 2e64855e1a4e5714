"""-Δu = 1 on the L-shape, u = 0 on its boundary: by the method of particular solutions.

    u = -r²/4 + Σ_k a_k r^{2k/3} sin(2kθ/3) + Re Σ_k (b_k z^k + c_k z^{2k} log z) + Re Σ_corners d_c
(z - c)² log(z - c)

    python -m scripts poisson_lshape_source

writes problems/references/poisson_lshape_source.npz. All is fitted on the boundary. The first sum
is what harmonic functions do at the re-entrant corner, 0 ≤ θ ≤ 3π/2, the last one what the source
does at the five right angles; the sums between them meet the smooth values that the others leave on
the corner's edges.
Source: Fox, Henrici & Moler, SIAM J. Numer. Anal. 4 (1967); Betcke & Trefethen, SIAM Rev. 47
(2005).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.common import store_reference as stored

Array = NDArray[np.float64]


INWARD = {1 + 0j: -1 + 1j, 1 + 1j: -1 - 1j, -1 + 1j: 1 - 1j, -1 - 1j: 1 + 1j, -1j: -1 + 1j}
"""The right angles, each with the direction of its bisector."""
CORNERS = (0j, *INWARD)
REACH = 2**0.5
"""The farthest point from the re-entrant corner: powers of r / REACH keep the columns near one."""
BISECTOR = np.exp(0.75j * np.pi)


def harmonic(z: NDArray[np.complex128], count: int) -> Array:
    """The harmonic functions of the fit at points (N,), (N, P); every logarithm is cut outside of
    the L-shape.
    """
    log = np.log(np.where(z == 0, 1, z) / BISECTOR) + 0.75j * np.pi
    scaled = log - np.log(REACH)
    corner = [np.exp(2 * k / 3 * scaled).imag * (z != 0) for k in range(1, count + 1)]
    smooth = [(z / REACH) ** k for k in range(count // 3)]
    smooth += [(z / REACH) ** (2 * k) * scaled for k in range(1, count // 6)]
    for c, inward in INWARD.items():
        local = np.where(z == c, 1, (z - c) / inward)
        smooth.append(local**2 * np.log(local) * (z != c))
    parts = [part for function in smooth for part in (function.real, function.imag)]
    return np.stack([*corner, *parts], axis=1)


def sides(count: int) -> NDArray[np.complex128]:
    """Chebyshev points on all sides, (6 · count,)."""
    s = (1 - np.cos(np.pi * (np.arange(count) + 0.5) / count)) / 2
    return np.concatenate(
        [a + s * (b - a) for a, b in zip(CORNERS, (*CORNERS[1:], CORNERS[0]), strict=True)]
    )


def fit(count: int) -> tuple[Array, float]:
    """Coefficients and the largest value left on the boundary, which bounds the error of u inside
    (maximum principle).
    """
    z = sides(6 * count)
    matrix = harmonic(z, count)
    size = np.linalg.norm(matrix, axis=0)
    size[size == 0] = 1
    c, *_ = np.linalg.lstsq(matrix / size, abs(z) ** 2 / 4, rcond=1e-15)
    check = sides(11 * count)
    return c / size, float(abs(harmonic(check, count) @ (c / size) - abs(check) ** 2 / 4).max())


def nodes(count: int = 24) -> tuple[Array, Array]:
    """Gauss–Legendre nodes (N, 2) and weights (N,) on the three unit squares."""
    s, w = np.polynomial.legendre.leggauss(count)
    square = np.stack([axis.ravel() for axis in np.meshgrid((1 + s) / 2, (1 + s) / 2)], axis=1)
    corners = np.array([[-1.0, -1.0], [-1.0, 0.0], [0.0, 0.0]])
    x = np.concatenate([square + corner for corner in corners])
    return x, np.tile(np.outer(w, w).ravel() / 4, 3)


def reference(count: int) -> tuple[Array, Array, Array, float]:
    """Nodes, weights, values (N,) and a bound of their relative L2 error."""
    x, w = nodes()
    z = x[:, 0] + 1j * x[:, 1]
    c, boundary_error = fit(count)
    values = harmonic(z, count) @ c - abs(z) ** 2 / 4
    return x, w, values, boundary_error * float(np.sqrt(w.sum() / (w * values**2).sum()))


def main() -> None:
    """Print what is left on the boundary for more and more functions, and write the finest."""
    for count in (12, 24, 36, 48, 60, 72):
        x, w, values, error = reference(count)
        print(f"{count:>3} corner functions: relative L2 error below {error:.1e}", flush=True)
    stored.store("poisson_lshape_source", x=x, w=w, values=values[:, None], error=error)
