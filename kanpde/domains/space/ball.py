"""The ball |x − c| ≤ R in three coordinates.

    ∫_Ω f dx = ½ R³ ∫_0^1 ∫_{−1}^{1} ∫_0^2π f(c + R √s e(ζ, φ)) √s dφ dζ ds,   e = (√(1−ζ²) cos φ, √(1−ζ²) sin φ, ζ)

Gauss–Jacobi with weight √s and n nodes, times Gauss–Legendre with 2n nodes in ζ, times 4n equally
spaced angles φ integrates polynomials up to degree 4n − 1 exactly. By Archimedes (ζ, φ) keeps areas
of the sphere. Evenly spread points of a sphere follow the Fibonacci spiral ζ_i = 1 − (2i + 1)/N,
φ_i = 2π i (√5 − 1)/2.

Source: Stroud, Approximate Calculation of Multiple Integrals (1971);
González, Math. Geosciences 42 (2010) 49–64.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import final

import numpy as np

from kanpde.domains.base import Domain, frozen_array
from kanpde.domains.mesh import Mesh, simplex_mesh
from kanpde.domains.plane.disk import GOLDEN, chebyshev_radii, in_ball, require_radius
from kanpde.numerics import quadrature as rules
from kanpde.numerics.quadrature import Array, Layout, PointSet

FEWEST_ON_SHELL = 6
"""Points on the smallest sphere of a Chebyshev layout."""

MOST_RADII = 64
"""Radial rules that are kept."""


@final
@dataclass(frozen=True, eq=False)
class Ball(Domain):
    """The ball of `radius` around `center` (3,) with the boundary part `part_name`.

    Raises ConfigError unless the radius is positive and resolvable at the centre in float64.
    """

    center: Array
    radius: float
    part_name: str = "sphere"
    lower: Array = field(init=False)
    upper: Array = field(init=False)
    parts: tuple[str, ...] = field(init=False)
    measure: float = field(init=False)
    box: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", frozen_array(self.center))
        require_radius("ball", self.center, 3, self.radius)
        object.__setattr__(self, "lower", frozen_array(self.center - self.radius))
        object.__setattr__(self, "upper", frozen_array(self.center + self.radius))
        object.__setattr__(self, "parts", (self.part_name,))
        object.__setattr__(self, "measure", float(4 / 3 * np.pi * self.radius**3))

    def contains(
        self, x: Array, tolerance: float = 1e-12
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of the points `x` (N, 3) lies in the closed ball, widened by `tolerance` ×
        its size; (N,).
        """
        return in_ball(x, self.center, self.radius, tolerance)

    def chebyshev(self, count: int, layout: Layout) -> PointSet:
        """Spheres at Chebyshev nodes of a diameter, dense near the boundary, with a Fibonacci
        spiral on each.
        """
        shells = max(1, round((3 * count / (4 * np.pi)) ** (1 / 3)))
        radii, volumes = chebyshev_radii(shells, 3, layout.shift())
        in_proportion = np.round(count * radii**2 / np.sum(radii**2))
        per_shell = np.maximum(FEWEST_ON_SHELL, in_proportion).astype(int)
        x = [
            self.center + self.radius * radius * _sphere(*_fibonacci(n, layout))
            for radius, n in zip(radii, per_shell, strict=True)
        ]
        return PointSet(np.concatenate(x), np.repeat(self.measure * volumes / per_shell, per_shell))

    def _quadrature(self, count: int) -> PointSet:
        n = max(1, round((count / 8) ** (1 / 3)))
        u, w = rules.tensor([_radial_gauss(n), rules.gauss(2 * n), rules.periodic(4 * n)])
        e = _sphere(2 * u[:, 1] - 1, 2 * np.pi * u[:, 2])
        return PointSet(self.center + self.radius * np.sqrt(u[:, :1]) * e, w * self.measure)

    def chart(self, name: str, u: Array) -> tuple[Array, Array]:
        """The height 2u_0 − 1 and the angle 2πu_1, which keep areas."""
        normal = _sphere(2 * u[:, 0] - 1, 2 * np.pi * u[:, 1])
        return self.center + self.radius * normal, normal

    def part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        """A Fibonacci spiral: a sphere has no edge to be dense at."""
        normal = _sphere(*_fibonacci(count, layout))
        return PointSet(
            self.center + self.radius * normal,
            np.full(count, self._part_measure(name) / count),
            normal,
        )

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        n = max(1, round(np.sqrt(count / 2)))
        return self._charted(name, rules.tensor([rules.gauss(n), rules.periodic(2 * n)]))

    def _part_measure(self, name: str) -> float:
        return float(4 * np.pi * self.radius**2)

    def translation(self, a: str, b: str) -> Array | None:
        """None: the only part is the sphere."""
        return None

    def _mesh(self, resolution: int) -> Mesh:
        """Fibonacci spirals on equally spaced spheres around the centre, joined by a Delaunay
        triangulation.
        """
        from scipy.spatial import Delaunay

        shells = max(2, -(-resolution // 2))
        unmoved = Layout("chebyshev", np.random.default_rng(0), 0.0)
        e = [k / shells * _sphere(*_fibonacci(12 * k * k, unmoved)) for k in range(1, shells + 1)]
        points = np.concatenate([np.zeros((1, 3)), *e])
        # of the unit ball, because Delaunay's own tolerances are absolute
        cells = Delaunay(points).simplices.astype(np.int64)
        return simplex_mesh(self.center + self.radius * points, cells, thinnest=1e-10)


def _sphere(height: Array, angle: Array) -> Array:
    """Unit vectors (N, 3) at heights ζ (N,) in [−1, 1] and angles φ (N,)."""
    across = np.sqrt((1.0 - height) * (1.0 + height))
    return np.stack([across * np.cos(angle), across * np.sin(angle), height], axis=1)


def _fibonacci(count: int, layout: Layout) -> tuple[Array, Array]:
    """Heights and angles (N,) of a Fibonacci spiral, turned and moved along itself by the
    layout.
    """
    i = np.arange(count)
    height = 1.0 - (2 * i + 1 + layout.turn()) / count
    return height, 2 * np.pi * (i * GOLDEN + layout.turn())


@lru_cache(maxsize=MOST_RADII)
def _radial_gauss(count: int) -> rules.Rule:
    """Gauss–Jacobi on [0, 1] with the weight √s scaled to Σw = 1: nodes (n,) and weights (n,)."""
    from scipy.special import roots_jacobi

    nodes, weights = roots_jacobi(count, 0.0, 0.5)
    return frozen_array((nodes + 1.0) / 2.0), frozen_array(weights / weights.sum())
