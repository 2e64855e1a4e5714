"""The disk |x − c| ≤ R in two coordinates.

    ∫_Ω f dx = ½ R² ∫_0^1 ∫_0^2π f(c + R √s (cos φ, sin φ)) dφ ds        (s = r²/R²)

Gauss–Legendre with n nodes in s times 4n equally spaced angles integrates polynomials up to degree
4n − 1 exactly: after integration over φ a polynomial holds only even powers of r.

Source: Peirce, Journal of SIAM 5 (1957) 66–73.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from kanpde.domains.base import Domain, frozen_array
from kanpde.domains.mesh import Mesh, simplex_mesh
from kanpde.errors import ConfigError
from kanpde.numerics import quadrature as rules
from kanpde.numerics.quadrature import Array, Layout, PointSet

GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
FEWEST_ANGLES = 6
"""Points on the smallest ring of a Chebyshev layout."""


@final
@dataclass(frozen=True, eq=False)
class Disk(Domain):
    """The disk of `radius` around `center` (2,) with the boundary part `part_name`.

    Raises ConfigError unless the radius is positive and resolvable at the centre in float64.
    """

    center: Array
    radius: float
    part_name: str = "circle"
    lower: Array = field(init=False)
    upper: Array = field(init=False)
    parts: tuple[str, ...] = field(init=False)
    measure: float = field(init=False)
    box: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", frozen_array(self.center))
        require_radius("disk", self.center, 2, self.radius)
        object.__setattr__(self, "lower", frozen_array(self.center - self.radius))
        object.__setattr__(self, "upper", frozen_array(self.center + self.radius))
        object.__setattr__(self, "parts", (self.part_name,))
        object.__setattr__(self, "measure", float(np.pi * self.radius**2))

    def contains(
        self, x: Array, tolerance: float = 1e-12
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of the points `x` (N, 2) lies in the closed disk, widened by `tolerance` ×
        its size; (N,).
        """
        return in_ball(x, self.center, self.radius, tolerance)

    def chebyshev(self, count: int, layout: Layout) -> PointSet:
        """Rings at Chebyshev nodes of a diameter, dense near the circle, with equally spaced points
        on each ring.
        """
        radii, areas = chebyshev_radii(max(1, round(np.sqrt(count / np.pi))), 2, layout.shift())
        angles, weights, rings = [], [], []
        per_ring = np.maximum(FEWEST_ANGLES, np.round(count * radii / radii.sum())).astype(int)
        for k, (radius, area, n) in enumerate(zip(radii, areas, per_ring, strict=True)):
            phi, w = rules.periodic(n, k * GOLDEN + layout.turn())
            angles.append(2 * np.pi * phi)
            weights.append(w * area * self.measure)
            rings.append(np.full(n, radius))
        return PointSet(
            self._at(np.concatenate(rings), np.concatenate(angles)), np.concatenate(weights)
        )

    def _quadrature(self, count: int) -> PointSet:
        n = max(1, round(np.sqrt(count / 4)))
        u, w = rules.tensor([rules.gauss(n), rules.periodic(4 * n)])
        return PointSet(self._at(np.sqrt(u[:, 0]), 2 * np.pi * u[:, 1]), w * self.measure)

    def _at(self, radius: Array, angle: Array) -> Array:
        """Points (N, 2) at relative radii (N,) and angles (N,)."""
        offset: Array = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return self.center + self.radius * offset

    def chart(self, name: str, u: Array) -> tuple[Array, Array]:
        """The angle 2πu."""
        angle = 2 * np.pi * u[:, 0]
        normal = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return self.center + self.radius * normal, normal

    def part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        """Equally spaced points: a circle has no ends to be dense at."""
        u, w = rules.periodic(count, layout.turn())
        return self._charted(name, (u[:, None], w))

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        u, w = rules.periodic(count)
        return self._charted(name, (u[:, None], w))

    def _part_measure(self, name: str) -> float:
        return float(2 * np.pi * self.radius)

    def translation(self, a: str, b: str) -> Array | None:
        """None: the only part is the circle."""
        return None

    def _mesh(self, resolution: int) -> Mesh:
        """Rings of 6k points around the centre, joined by a Delaunay triangulation."""
        from scipy.spatial import Delaunay

        rings = max(2, -(-resolution // 2))
        numbers = np.arange(1, rings + 1)
        radii = np.repeat(numbers / rings, 6 * numbers)
        angles = np.concatenate([2 * np.pi * np.arange(6 * k) / (6 * k) for k in numbers])
        points = np.concatenate([self.center[None, :], self._at(radii, angles)])
        # centred, because Delaunay's own tolerances are absolute
        cells = Delaunay(points - self.center).simplices.astype(np.int64)
        return simplex_mesh(points, cells, thinnest=1e-10)


def chebyshev_radii(count: int, dimension: int, shift: float) -> rules.Rule:
    """The positive half of 2n Chebyshev nodes of a diameter: relative radii (n,) and the shares of
    the shells (n,).
    """
    step = np.pi / (2 * count)
    radii = np.cos((np.arange(count) + 0.5 + shift) * step)
    edges = np.cos((np.arange(count + 1) + shift) * step)
    edges[0], edges[-1] = 1.0, 0.0
    return radii, edges[:-1] ** dimension - edges[1:] ** dimension


def in_ball(
    x: Array, center: Array, radius: float, tolerance: float
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether each of the points (N, d) lies in the closed ball, widened by `tolerance` × its size;
    (N,).
    """
    slack = tolerance * max(2 * radius, float(np.max(np.abs(center))) + radius)
    return np.asarray(np.linalg.norm(x - center, axis=1) <= radius + slack)


def require_radius(shape: str, center: Array, dimension: int, radius: float) -> None:
    """Raise ConfigError unless a disk or a ball has a centre (d,) and a positive radius that
    float64 can resolve.
    """
    if center.shape != (dimension,):
        raise ConfigError(
            f"{shape}: center must hold {dimension} numbers, found {center.tolist()}; give"
            f" {dimension}"
        )
    if not 1e-12 * float(np.max(np.abs(center))) < radius < 1e100:
        raise ConfigError(
            f"{shape}: the radius must be positive and resolvable at the center, found {radius};"
            " give a larger radius"
        )
