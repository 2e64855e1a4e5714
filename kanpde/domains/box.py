"""The axis-aligned box Ω = Π_k [a_k, b_k] in any number of coordinates; with one coordinate, an
interval.

∫_Ω f dx = |Ω| ∫_[0,1]^d f(a + u (b − a)) du,    faces x_k = a_k (normal −e_k) and x_k = b_k (normal +e_k)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from kanpde.domains.base import Domain, frozen_array, length_scale
from kanpde.domains.mesh import Mesh, extrude, line_mesh
from kanpde.errors import ConfigError
from kanpde.numerics import quadrature as rules
from kanpde.numerics.quadrature import Array, Layout, PointSet


@final
@dataclass(frozen=True, eq=False)
class Box(Domain):
    """The box between `lower` (d,) and `upper` (d,); `parts` name the lower and upper face of each
    axis.

    Raises ConfigError unless every side is positive and resolvable in float64.
    """

    lower: Array
    upper: Array
    parts: tuple[str, ...]
    measure: float = field(init=False)
    box: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lower", frozen_array(self.lower))
        object.__setattr__(self, "upper", frozen_array(self.upper))
        side = self.upper - self.lower
        if not (side > 1e-12 * length_scale(self.lower, self.upper)).all():
            raise ConfigError(
                f"box: upper must exceed lower on every axis, found lower {self.lower.tolist()}"
                f" and upper {self.upper.tolist()}; give every side a length"
            )
        if len(self.parts) != 2 * self.dimension:
            raise ConfigError(
                f"box: {self.dimension} coordinates need {2 * self.dimension} part names, found"
                f" {len(self.parts)}; name the lower and the upper face of each axis"
            )
        measure = float(np.prod(side))
        if not 0.0 < measure < np.inf:
            raise ConfigError(
                f"box: the measure must be representable, found {measure}; rescale the coordinates"
            )
        object.__setattr__(self, "measure", measure)

    def contains(
        self, x: Array, tolerance: float = 1e-12
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of the points `x` (N, d) lies in the closed box, widened by `tolerance` ×
        its size; (N,).
        """
        slack = tolerance * length_scale(self.lower, self.upper)
        return np.asarray(((x >= self.lower - slack) & (x <= self.upper + slack)).all(axis=1))

    def chebyshev(self, count: int, layout: Layout) -> PointSet:
        """Products of Chebyshev nodes, as many on every axis."""
        return self._inside(rules.cube(count, self.dimension, layout))

    def _quadrature(self, count: int) -> PointSet:
        return self._inside(rules.cube_quadrature(count, self.dimension))

    def _inside(self, rule: rules.Rule) -> PointSet:
        u, w = rule
        return PointSet(self.lower + u * (self.upper - self.lower), w * self.measure)

    def chart(self, name: str, u: Array) -> tuple[Array, Array]:
        """The cube scaled to the face."""
        axis, end = divmod(self.parts.index(name), 2)
        others = [k for k in range(self.dimension) if k != axis]
        x = np.empty((len(u), self.dimension))
        x[:, others] = self.lower[others] + u * (self.upper - self.lower)[others]
        x[:, axis] = (self.lower, self.upper)[end][axis]
        normal = np.zeros_like(x)
        normal[:, axis] = (-1.0, 1.0)[end]
        return x, normal

    def part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        """Products of Chebyshev nodes on the face."""
        return self.part_scattered(name, count, layout)

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        return self._charted(name, rules.cube_quadrature(count, self.dimension - 1))

    def _part_measure(self, name: str) -> float:
        return float(np.prod(np.delete(self.upper - self.lower, self.parts.index(name) // 2)))

    def translation(self, a: str, b: str) -> Array | None:
        """The step (d,) along their axis between opposite faces, None for all others."""
        i, j = self.parts.index(a), self.parts.index(b)
        if i == j or i // 2 != j // 2:
            return None
        shift = np.zeros(self.dimension)
        shift[i // 2] = (self.upper - self.lower)[i // 2] * (1.0 if j > i else -1.0)
        return shift

    def _mesh(self, resolution: int) -> Mesh:
        side = self.upper - self.lower
        counts = np.maximum(1, np.ceil(resolution * side / side.max())).astype(int)
        axes = [
            np.linspace(a, b, n + 1) for a, b, n in zip(self.lower, self.upper, counts, strict=True)
        ]
        mesh = line_mesh(axes[0])
        for levels in axes[1:]:
            mesh = extrude(mesh, levels)
        return mesh
