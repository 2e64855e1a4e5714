"""A domain made of disjoint regions that meet at interfaces,  Ω = Ω_1 ∪ … ∪ Ω_R.

Every region keeps its own boundary: its part `left` is the part `NAME.left` of the whole, with the
normal outward of that region. An interface is a part of two regions, so it is listed twice, with
opposite normals:

    Σ_r ∫_Ω_r div F dx = Σ_r Σ_parts ∫ F·n ds
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from kanpde.domains.base import Domain, frozen_array, length_scale
from kanpde.domains.mesh import Indices, Mesh
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array, Layout, PointSet

PROBES = 200
"""Points by which regions are found to be disjoint and parts to coincide."""

STEP = 1e-6
"""How far beyond an interface a point must lie to be in the other region, as a share of the
domain's size.
"""

TOLERANCES = (1e-12, 1e-9, 1e-6, 1e-3)
"""A point belongs to the first region that contains it. Points outside all regions are looked for
again with the regions widened by the next of these tolerances, as shares of the domain's size.
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
        regions = self.members
        lower = np.min([region.lower for region in regions], axis=0)
        upper = np.max([region.upper for region in regions], axis=0)
        object.__setattr__(self, "lower", frozen_array(lower))
        object.__setattr__(self, "upper", frozen_array(upper))
        parts = (f"{name}.{part}" for name, region in self._by_name() for part in region.parts)
        object.__setattr__(self, "parts", tuple(parts))
        object.__setattr__(self, "measure", sum(region.measure for region in regions))
        self._require_disjoint()

    def _by_name(self) -> Iterator[tuple[str, Domain]]:
        return zip(self.names, self.members, strict=True)

    def _require_disjoint(self) -> None:
        for name, region in self._by_name():
            x = region.quadrature(PROBES).x
            for other_name, other_region in self._by_name():
                if other_region is region:
                    continue
                shared = other_region.contains(x, -1e-9)
                if np.any(shared):
                    raise ConfigError(
                        f"problem.domain.regions: {name} and {other_name} overlap, for example at"
                        f" {x[shared][0].tolist()}; cut one by a `difference`"
                    )

    def contains(
        self, x: Array, tolerance: float = 1e-12
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of the points `x` (N, d) lies in a closed region, widened by `tolerance` ×
        its size; (N,).
        """
        return np.asarray(
            np.any([region.contains(x, tolerance) for region in self.members], axis=0)
        )

    def number(self, x: Array) -> NDArray[np.int64]:
        """The number of the region of each point (N, d), (N,): on an interface the first of the
        two, outside of all 0.
        """
        numbers = np.full(len(x), -1, dtype=np.int64)
        for tolerance in TOLERANCES:
            for k, region in enumerate(self.members):
                outside = np.flatnonzero(numbers < 0)
                if len(outside):
                    numbers[outside[region.contains(x[outside], tolerance)]] = k
        return np.maximum(numbers, 0, dtype=np.int64)

    def owners(self, part: str) -> tuple[str, ...]:
        """The regions that a part name bounds."""
        return tuple(name for name, region in self._by_name() if part in region.parts)

    def coincide(self, first: str, second: str) -> bool:
        """Whether two parts NAME.PART of different regions are the same set, so that it is an
        interface.
        """
        if not np.isclose(self.part_measure(first), self.part_measure(second), rtol=1e-9):
            return False
        (first_region, _), (second_region, _) = first.split(".", 1), second.split(".", 1)
        return (
            self.beyond(first).get(second_region) == 1.0
            and self.beyond(second).get(first_region) == 1.0
        )

    def beyond(self, name: str) -> dict[str, float]:
        """The regions on the other side of a part NAME.PART, each with the share of the part where
        it is.
        """
        points = self.part_quadrature(name, PROBES)
        assert points.normal is not None
        x = points.x + STEP * length_scale(self.lower, self.upper) * points.normal
        shares = {}
        for region_name, region in self._by_name():
            if region_name == name.split(".")[0]:
                continue
            share = float(np.mean(region.contains(x) & region.contains(points.x, 1e-9)))
            if share > 0:
                shares[region_name] = share
        return shares

    def interior(
        self, count: int, kind: str, rng: np.random.Generator, jitter: float = 1.0
    ) -> PointSet:
        """About `count` points of Ω: half of them evenly over the regions, half by measure; Σw =
        measure.
        """
        return self._join(count, lambda region, number: region.interior(number, kind, rng, jitter))

    def _join(self, count: int, sample: Callable[[Domain, int], PointSet]) -> PointSet:
        """The points of all regions, of which `sample` gives each region's by their number."""
        samples = []
        for region in self.members:
            # half by measure, half the same for all: a small region is resolved like a large one
            share = 0.5 / len(self.members) + 0.5 * region.measure / self.measure
            samples.append(sample(region, max(1, round(count * share))))
        x = np.concatenate([points.x for points in samples])
        return PointSet(x, np.concatenate([points.w for points in samples]))

    def chebyshev(self, count: int, layout: Layout) -> PointSet:
        """The points of all regions, half of them evenly, half by measure."""
        return self._join(count, lambda region, number: region.chebyshev(number, layout))

    def _quadrature(self, count: int) -> PointSet:
        return self._join(count, lambda region, number: region.quadrature(number))

    def _owner(self, name: str) -> tuple[Domain, str]:
        """The region of a part NAME.PART, and what the region calls it."""
        region, part = name.split(".", 1)
        return self.members[self.names.index(region)], part

    def chart(self, name: str, u: Array) -> tuple[Array, Array]:
        """The chart of the region that has the part."""
        region, part = self._owner(name)
        return region.chart(part, u)

    def part_scattered(self, name: str, count: int, layout: Layout) -> PointSet:
        """The points of the region that has the part."""
        region, part = self._owner(name)
        return region.part_scattered(part, count, layout)

    def part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        """The points of the region that has the part."""
        region, part = self._owner(name)
        return region.part_chebyshev(part, count, layout)

    def _part_quadrature(self, name: str, count: int) -> PointSet:
        region, part = self._owner(name)
        return region.part_quadrature(part, count)

    def _part_measure(self, name: str) -> float:
        region, part = self._owner(name)
        return region.part_measure(part)

    def translation(self, a: str, b: str) -> Array | None:
        """None: parts of regions are not matched."""
        return None

    def _mesh(self, resolution: int) -> Mesh:
        """The meshes of all regions side by side: a vertex on an interface appears once in each
        region.
        """
        longest = float(np.max(self.upper - self.lower))
        points, cells, regions, start = [], [], [], 0
        for k, region in enumerate(self.members):
            length = float(np.max(region.upper - region.lower))
            mesh = region.mesh(max(1, round(resolution * length / longest)))
            points.append(mesh.points)
            cells += [(kind, block + start) for kind, block in mesh.cells]
            regions.append(np.full(len(mesh.points), k))
            start += len(mesh.points)
        blocks: dict[str, list[Indices]] = {}
        for kind, block in cells:
            blocks.setdefault(kind, []).append(block)
        merged = tuple((kind, np.concatenate(same)) for kind, same in blocks.items())
        return Mesh(np.concatenate(points), merged, np.concatenate(regions))
