"""A domain made of disjoint regions that meet at interfaces,  Ω = Ω_1 ∪ … ∪ Ω_R.

Every region keeps its own boundary: its part `left` is the part `NAME.left` of the whole, with the
normal outward of that region. An interface is a part of two regions, so it stands there twice, with
opposite normals:

    Σ_r ∫_Ω_r div F dx = Σ_r Σ_parts ∫ F·n ds
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from kanpde.domains.base import Domain, frozen_array, length_scale
from kanpde.domains.mesh import Mesh
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array, Layout, PointSet

PROBES = 200
"""Points by which regions are found to be disjoint and parts to coincide."""

STEP = 1e-6
"""How far beyond an interface it is looked for the other region, in units of the domain's size."""

TOLERANCES = (1e-12, 1e-9, 1e-6, 1e-3)
"""A point belongs to the first region that holds it, widened by the first of these (of the domain's
size) that leads to one.
"""


@final
@dataclass(frozen=True, eq=False)
class Composite(Domain):
    """The regions `members` by their `names`; raises ConfigError where two of them overlap."""

    names: tuple[str, ...]
    members: tuple[Domain, ...]
    lower: Array = field(init=False)
    upper: Array = field(init=False)
    parts: tuple[str, ...] = field(init=False)
    measure: float = field(init=False)
    box: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "lower", frozen_array(np.min([own.lower for own in self.members], axis=0))
        )
        object.__setattr__(
            self, "upper", frozen_array(np.max([own.upper for own in self.members], axis=0))
        )
        named = zip(self.names, self.members, strict=True)
        object.__setattr__(
            self, "parts", tuple(f"{name}.{part}" for name, own in named for part in own.parts)
        )
        object.__setattr__(self, "measure", sum(own.measure for own in self.members))
        for name, own in zip(self.names, self.members, strict=True):
            x = own.quadrature(PROBES).x
            for other, theirs in zip(self.names, self.members, strict=True):
                shared = theirs is not own and theirs.contains(x, -1e-9)
                if np.any(shared):
                    raise ConfigError(
                        f"problem.domain.regions: {name} and {other} overlap, for example at"
                        f" {x[shared][0].tolist()}; cut one"
                        " by a `difference`"
                    )

    def contains(
        self, x: Array, tolerance: float = 1e-12
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of the points `x` (N, d) lies in a closed region, widened by `tolerance` ×
        its size; (N,).
        """
        return np.asarray(np.any([own.contains(x, tolerance) for own in self.members], axis=0))

    def number(self, x: Array) -> NDArray[np.int64]:
        """The number of the region of each point (N, d), (N,): on an interface the first of the
        two, outside of all 0.
        """
        found = np.full(len(x), -1, dtype=np.int64)
        for tolerance in TOLERANCES:
            for k, own in enumerate(self.members):
                left = np.flatnonzero(found < 0)
                if len(left):
                    found[left[own.contains(x[left], tolerance)]] = k
        return np.maximum(found, 0, dtype=np.int64)

    def owners(self, part: str) -> tuple[str, ...]:
        """The regions that a part name bounds."""
        return tuple(
            name for name, own in zip(self.names, self.members, strict=True) if part in own.parts
        )

    def coincide(self, first: str, second: str) -> bool:
        """Whether two parts NAME.PART of different regions are the same set, so that it is an
        interface.
        """
        equal = np.isclose(self.part_measure(first), self.part_measure(second), rtol=1e-9)
        beyond = (
            self.beyond(a).get(b.split(".")[0], 0.0) for a, b in ((first, second), (second, first))
        )
        return bool(equal) and all(share == 1.0 for share in beyond)

    def beyond(self, name: str) -> dict[str, float]:
        """The regions on the other side of a part NAME.PART, each with the share of the part where
        it is.
        """
        points = self.part_quadrature(name, PROBES)
        assert points.normal is not None
        x = points.x + STEP * length_scale(self.lower, self.upper) * points.normal
        others = [
            (n, own)
            for n, own in zip(self.names, self.members, strict=True)
            if n != name.split(".")[0]
        ]
        shares = {
            n: float(np.mean(own.contains(x) & own.contains(points.x, 1e-9))) for n, own in others
        }
        return {n: share for n, share in shares.items() if share > 0}

    def interior(
        self, count: int, kind: str, rng: np.random.Generator, jitter: float = 1.0
    ) -> PointSet:
        """About `count` points of Ω: half of them evenly over the regions, half by measure; Σw =
        measure.
        """
        return self._join(count, lambda own, n: own.interior(n, kind, rng, jitter))

    def _join(self, count: int, sample: Callable[[Domain, int], PointSet]) -> PointSet:
        shares = [
            0.5 / len(self.members) + 0.5 * own.measure / self.measure for own in self.members
        ]
        found = [
            sample(own, max(1, round(count * share)))
            for own, share in zip(self.members, shares, strict=True)
        ]
        return PointSet(
            np.concatenate([one.x for one in found]), np.concatenate([one.w for one in found])
        )

    def _chebyshev(self, count: int, layout: Layout) -> PointSet:
        return self._join(count, lambda own, n: own._chebyshev(n, layout))

    def _quadrature(self, count: int) -> PointSet:
        return self._join(count, lambda own, n: own.quadrature(n))

    def _owner(self, name: str) -> tuple[Domain, str]:
        region, part = name.split(".", 1)
        return self.members[self.names.index(region)], part

    def _chart(self, name: str, u: Array) -> tuple[Array, Array]:
        own, part = self._owner(name)
        return own._chart(part, u)

    def _part_scattered(self, name: str, count: int, layout: Layout) -> PointSet:
        own, part = self._owner(name)
        return own._part_scattered(part, count, layout)

    def _part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        own, part = self._owner(name)
        return own._part_chebyshev(part, count, layout)

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        own, part = self._owner(name)
        return own._part_quadrature(part, count)

    def _part_measure(self, name: str) -> float:
        own, part = self._owner(name)
        return own._part_measure(part)

    def _periodic_shift(self, a: str, b: str) -> Array | None:
        return None

    def _mesh(self, resolution: int) -> Mesh:
        """The meshes of all regions side by side: vertices on an interface stand there once for
        each region.
        """
        longest = float(np.max(self.upper - self.lower))
        points, cells, regions, start = [], [], [], 0
        for k, own in enumerate(self.members):
            mesh = own.mesh(
                max(1, round(resolution * float(np.max(own.upper - own.lower)) / longest))
            )
            points.append(mesh.points)
            cells += [(kind, block + start) for kind, block in mesh.cells]
            regions.append(np.full(len(mesh.points), k))
            start += len(mesh.points)
        kinds = dict.fromkeys(kind for kind, _ in cells)
        merged = tuple(
            (kind, np.concatenate([block for k, block in cells if k == kind])) for kind in kinds
        )
        return Mesh(np.concatenate(points), merged, np.concatenate(regions))
