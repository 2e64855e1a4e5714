"""The formulas of a problem that hold coordinates only, and the sets where they count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from kanpde.domains import Composite, Domain
from kanpde.expressions import (
    Add,
    Call,
    Constant,
    Coordinate,
    Derivative,
    Mul,
    Node,
    Normal,
    Number,
    add,
    multiply,
)
from kanpde.expressions.tree import postorder
from kanpde.numerics.quadrature import Array, PointSet
from kanpde.problem.conditions import BoundaryCondition, Condition
from kanpde.problem.findings import numbers

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]

COARSE, FEW, ON_PART = 256, 32, 2000
"""Points that show the size of a formula in a domain and on a part, and those that stand for a
curved part.
"""

FLAT = 1e-12
"""A part that is thinner than this share of the domain along an axis is a face."""


@dataclass(frozen=True, eq=False)
class Place:
    """A domain, or a part of its boundary, in a box between `lower` and `upper` (d,); a face has
    no extent along its axis.

    Attributes:
        domain: what it belongs to.
        curve: points with normals of a part that is no face, whose boxes are those near them.
    """

    domain: Domain
    lower: Array
    upper: Array
    curve: PointSet | None = None
    sides: Array = field(init=False)
    spacing: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sides", self.upper - self.lower)
        if self.curve is not None:
            nearest = np.asarray(self._tree.query(self.curve.x, k=2)[0])[:, 1]
            object.__setattr__(self, "spacing", 2 * float(nearest.max()))

    @classmethod
    def of_part(cls, domain: Domain, part: str) -> Place:
        """A part: a face where it is one of a box, else a curve or a surface."""
        points = domain.part_quadrature(part, FEW).x
        lower, upper = domain.lower.copy(), domain.upper.copy()
        flat = np.ptp(points, axis=0) <= FLAT * (domain.upper - domain.lower)
        if not flat.any():
            return cls(domain, lower, upper, domain.part_quadrature(part, ON_PART))
        lower[flat], upper[flat] = points[0, flat], points[0, flat]
        return cls(domain, lower, upper)

    def touches(self, lower: Array, upper: Array) -> Mask:
        """Which boxes (N, d) may hold points of the place, (N,)."""
        if self.curve is not None:
            return self._gaps((lower + upper) / 2) <= self._reach(lower, upper) + self.spacing
        if self.domain.box:
            return np.full(len(lower), True)
        reach = self._reach(lower, upper) / float(self.domain.upper.max() - self.domain.lower.min())
        hits = np.full(len(lower), True)
        small = reach < 0.1
        for scale in np.unique(np.ceil(np.log2(reach[small]))):
            same = small & (np.ceil(np.log2(reach)) == scale)
            hits[same] = self._contains_all((lower[same] + upper[same]) / 2, 2.0**scale)
        return hits

    def contains(self, x: Array) -> Mask:
        """Which points (N, d) lie in the place, or near a curve, (N,)."""
        if self.curve is not None:
            return self._gaps(x) <= self.spacing
        return self._contains_all(x, FLAT)

    @cached_property
    def sample(self) -> Array:
        """Points (N, d) all over the place."""
        if self.curve is not None:
            return self.curve.x
        x = self.domain.interior(COARSE, "sobol", np.random.default_rng(5)).x.copy()
        flat = self.sides == 0
        x[:, flat] = self.lower[flat]
        return x[self.contains(x)]

    def along(self, x: Array, slopes: Array) -> Array:
        """Of slopes (N, d) at points (N, d) what lies along the place."""
        if self.curve is None:
            return np.where(self.sides > 0, slopes, 0.0)
        assert self.curve.normal is not None
        normal = self.curve.normal[self._tree.query(x)[1]]
        return np.asarray(slopes - np.sum(slopes * normal, axis=1)[:, None] * normal)

    def _contains_all(self, x: Array, tolerance: float) -> Mask:
        hits: Mask = np.asarray(self.domain.contains(x, tolerance))
        return hits

    def _gaps(self, x: Array) -> Array:
        """The distance of points to the nearest of the curve."""
        return np.asarray(self._tree.query(x)[0])

    @cached_property
    def _tree(self) -> cKDTree:
        from scipy.spatial import cKDTree  # a slow import that few problems need

        assert self.curve is not None
        return cKDTree(self.curve.x)

    def _reach(self, lower: Array, upper: Array) -> Array:
        reach: Array = np.linalg.norm(upper - lower, axis=1) / 2
        return reach


@dataclass(frozen=True)
class Formula:
    """A formula without unknowns in an equation, or in conditions on some parts.

    Attributes:
        node: the formula.
        domain: where it counts, or what has the parts.
        parts: the parts whose conditions hold it, none for an equation.
        where: what holds it, in words.
    """

    node: Node
    domain: Domain
    parts: tuple[str, ...]
    where: str

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The domain, or the parts."""
        if not self.parts:
            return (Place(self.domain, self.domain.lower, self.domain.upper),)
        return tuple(Place.of_part(self.domain, part) for part in self.parts)

    @cached_property
    def size(self) -> float:
        """The largest value at some points of all places."""
        if not self.parts:
            return self.size_inside
        rules = [self.domain.part_quadrature(part, FEW) for part in self.parts]
        x = np.concatenate([rule.x for rule in rules])
        return largest(numbers((self.node,), x)[0])

    @cached_property
    def size_inside(self) -> float:
        """The largest value at some points of the domain."""
        x = self.domain.interior(COARSE, "sobol", np.random.default_rng(5)).x
        return largest(numbers((self.node,), x)[0])


def largest(values: Array) -> float:
    """The largest finite |value|, 0 where there is none."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if len(finite) else 0.0


def formulas(
    domain: Domain,
    equations: Sequence[Node],
    names: Sequence[str],
    conditions: Sequence[Condition],
) -> list[Formula]:
    """Sources and coefficients of the equations, of which `names` are the names, and the data of
    the conditions on parts.
    """
    listed: list[Formula] = []
    members = domain.members if isinstance(domain, Composite) else (domain,)
    per_region = max(1, len(equations) // len(members))
    for number, (node, name) in enumerate(zip(equations, names, strict=True)):
        for part in _free(node, domain.dimension):
            listed.append(Formula(part, members[number // per_region], (), f"'{name}'"))
    on_parts: dict[Node, list[str]] = {}
    for condition in conditions:
        if isinstance(condition, BoundaryCondition) and domain.dimension > 1:
            for node in _free(condition.node, domain.dimension):
                on_parts.setdefault(node, []).append(condition.part)
    for node, parts in on_parts.items():
        shown = ", ".join(f"'{part}'" for part in dict.fromkeys(parts))
        where = f"the condition on {shown}"
        listed.append(Formula(node, domain, tuple(dict.fromkeys(parts)), where))
    return listed


def counted(part: Node) -> tuple[Node, ...]:
    """The children whose values count: of a test that chooses nothing but the sign does."""
    tested = isinstance(part, Call) and part.name in ("where", "sign")
    return tuple(part.children[1:] if tested else part.children)


def _free(node: Node, dimension: int) -> list[Node]:
    """The largest parts of a formula that hold coordinates and neither unknowns nor columns of
    data; of sums and products all such terms together.
    """
    bound: set[Node] = set()
    for part in postorder((node,)):
        column = isinstance(part, Coordinate) and part.index >= dimension
        unknown = isinstance(part, Derivative | Constant | Normal) or column
        if unknown or not bound.isdisjoint(part.children):
            bound.add(part)
    parts: list[Node] = []
    for part in postorder((node,)):
        free = [child for child in counted(part) if child not in bound]
        if part not in bound or not free:
            continue
        joined = {Add: add, Mul: multiply}.get(type(part))
        parts += [joined(*free)] if joined is not None else free
    seen = dict.fromkeys(part for part in parts if not isinstance(part, Number | Coordinate))
    return list(seen)
