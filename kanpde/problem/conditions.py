"""Conditions: what holds on boundary parts, at points, on average, or between periodic parts.

BoundaryCondition   F(x, n, u, ∂u, …) = 0 on a named part: Dirichlet, Neumann, Robin, initial
PeriodicCondition   ∂_i^k u(a) - ∂_i^k u(b) = 0 for k below the equations' order in the coordinate i
                    that the translation b - a runs along
MeanCondition       the average of F over the domain or a part is 0 (pins what Neumann data leave
                    free); an integral is an average times the measure
InterfaceCondition  F = 0 between two regions, F in the functions of both and the normal outward of
                    the first
PointCondition      F = 0 at one point, or at one point of space at all times (pins a pressure,
                    which is known up to a function of t)
NaturalCondition    what the minimiser of an energy satisfies where nothing is given: it follows
                    from the energy, so it is reported and not imposed
MeasuredCondition   F = 0 at measured points, where F may hold the columns measured there; divided
                    by the noise where that is given
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from kanpde.config import Measurements
from kanpde.config.problem.tables import Table
from kanpde.domains import Domain
from kanpde.expressions import Node
from kanpde.numerics.quadrature import Array, PointSet, chebyshev


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One formula F = 0; its subclass says where it holds.

    Every field can be asked of every condition, and is None where it does not apply.

    Attributes:
        name: which condition of the problem it is.
        node: F.
        weight: factor of the mean square of F, dimensionless.
        label: what it goes by in reports and weights: the name in the file, else part or kind.
        part: the boundary part, of a pair the first.
        opposite: the second part of a pair.
        shift: (d,), the translation of a periodic pair from the first part to the second.
        point: (d,), or (d - 1,) without the time if it holds at all times.
        data: measured values, one row for every point.
        noise: whether F is divided by a standard deviation, so that its values are dimensionless.
    """

    name: str
    node: Node
    weight: float = 1.0
    label: str = ""
    part: str | None = None
    opposite: str | None = None
    shift: tuple[float, ...] | None = None
    point: tuple[float, ...] | None = None
    data: Measurements | Table | None = None
    noise: bool = False

    kind: ClassVar[str]
    """The word for it in messages; to tell conditions apart, ask for their class."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The boundary parts it speaks of: none, one, or the two of a pair."""
        return tuple(part for part in (self.part, self.opposite) if part is not None)


# `field()` without a default makes a field required that the base class leaves empty.


@dataclass(frozen=True, kw_only=True)
class BoundaryCondition(Condition):
    """F = 0 on a part of the boundary of space or time."""

    kind = "equation"
    part: str = field()


@dataclass(frozen=True, kw_only=True)
class PeriodicCondition(Condition):
    """F takes the same values on two parts."""

    kind = "periodic"
    part: str = field()
    opposite: str = field()
    shift: tuple[float, ...] = field()


@dataclass(frozen=True, kw_only=True)
class InterfaceCondition(Condition):
    """F = 0 where two regions meet; `part` and `opposite` are its two sides, NAME.PART each."""

    kind = "interface"
    part: str = field()
    opposite: str = field()


@dataclass(frozen=True, kw_only=True)
class MeanCondition(Condition):
    """The average of F over the domain, or `over` a part of its boundary, is 0."""

    kind = "mean"
    over: str | None = None

    def rule(self, domain: Domain, count: int) -> PointSet:
        """A quadrature of about so many points where the average is taken."""
        if self.over is None:
            return domain.quadrature(count)
        return domain.part_quadrature(self.over, count)


@dataclass(frozen=True, kw_only=True)
class PointCondition(Condition):
    """F = 0 at a point, or at a point of space at all times."""

    kind = "point"
    point: tuple[float, ...] = field()

    def at(self, domain: Domain, instants: int) -> Array:
        """The points (N, d) where it holds: one, or one for each of so many Chebyshev instants."""
        return points_at(self.point, domain, instants)


@dataclass(frozen=True, kw_only=True)
class NaturalCondition(Condition):
    """What the minimiser of an energy satisfies on a part."""

    kind = "natural"
    part: str = field()


@dataclass(frozen=True, kw_only=True)
class MeasuredCondition(Condition):
    """F = 0 at the points of measured values."""

    kind = "data"
    data: Measurements | Table = field()


def points_at(point: Sequence[float], domain: Domain, instants: int) -> Array:
    """The point (1, d) itself or, of a point of space (d - 1,), at Chebyshev instants (N, d)."""
    place = np.array([point])
    if place.shape[1] == domain.dimension:
        return place
    t = domain.lower[-1] + (domain.upper[-1] - domain.lower[-1]) * chebyshev(instants)[0]
    return np.column_stack([np.repeat(place, instants, axis=0), t])


def matrix(data: Measurements | Table) -> Array:
    """The numbers (N, C) of measured values, coordinates first."""
    if isinstance(data, Table):
        return np.frombuffer(data.packed, dtype="<f8").reshape(len(data), -1).astype(np.float64)
    return np.array(data.rows)


def periodic_parts(conditions: Sequence[Condition]) -> set[str]:
    """The boundary parts that belong to a periodic pair."""
    paired: set[str] = set()
    for condition in conditions:
        if isinstance(condition, PeriodicCondition):
            paired |= set(condition.parts)
    return paired
