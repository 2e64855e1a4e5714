"""A linear problem on a box as an operator, a source, and conditions of one coordinate each.

What products can solve: one unknown, one linear equation, on every pair of opposite faces either a
condition with constant coefficients each, or a periodic one; at the initial time the value.
"""

from __future__ import annotations

from dataclasses import dataclass

from kanpde.domains.box import Box
from kanpde.domains.space.cylinder import Ranged, SpaceTime
from kanpde.errors import ConfigError
from kanpde.expressions import (
    Coordinate,
    Derivative,
    Node,
    Normal,
    Number,
    linear_parts,
    negate,
    substitute,
)
from kanpde.problem.conditions import BoundaryCondition, Condition, PeriodicCondition
from kanpde.problem.problem import Problem
from kanpde.products.separable import depends_on
from kanpde.products.univariate import Functional

LEAST = 4
"""Coordinates from which on products are tried: patches solve problems in fewer."""

REMEDY = "remove trial.nodes"


@dataclass(frozen=True)
class Face:
    """A condition at one end of a coordinate: the functional, and the data it is to give."""

    axis: int
    functional: Functional
    data: Node


@dataclass(frozen=True)
class Statement:
    """Σ coefficients[α] ∂^α u = source, and the conditions of the faces."""

    problem: Problem
    coefficients: dict[tuple[int, ...], Node]
    source: Node
    faces: tuple[Face, ...]

    @property
    def dimension(self) -> int:
        """The number of coordinates, time included."""
        return len(self.problem.coordinates)

    def functionals(self, axis: int) -> tuple[Functional, ...]:
        """Those of one coordinate, in the order of its faces."""
        return tuple(face.functional for face in self.faces if face.axis == axis)

    @classmethod
    def of(cls, problem: Problem) -> Statement:
        """The statement of a problem; UnsuitedError for what products cannot solve."""
        _require(problem)
        try:
            slopes, rest = linear_parts(problem.equations[0])
        except ValueError as error:
            raise UnsuitedError(f"one linear equation, but {error}") from error
        coefficients = {jet.index: slope for jet, slope in slopes.items()}
        faces: list[Face] = []
        for condition in problem.conditions:
            faces += _faces(problem, condition)
        statement = cls(problem, coefficients, negate(rest), tuple(faces))
        _require_counts(statement)
        return statement


class UnsuitedError(ConfigError):
    """A problem that products cannot solve; `wanted` is what they need."""

    def __init__(self, wanted: str):
        super().__init__(f"trial.nodes: product needs {wanted}; {REMEDY}")
        self.wanted = wanted


def _require(problem: Problem) -> None:
    config = problem.config
    rules = (
        (isinstance(_space(problem), Box), "a box"),
        (len(problem.coordinates) >= 2, "at least two coordinates"),
        (len(problem.outputs) == 1 and len(problem.equations) == 1, "one unknown and one equation"),
        (config.fit is None and problem.energy is None, "an equation"),
        (not problem.constants, "no unknown parameters"),
    )
    for met, wanted in rules:
        if not met:
            raise UnsuitedError(wanted)


def _space(problem: Problem) -> object:
    """Ω without time and without parameters that run over ranges."""
    domain = problem.domain
    while isinstance(domain, SpaceTime | Ranged):
        domain = domain.space
    return domain


def _axis_of(problem: Problem, part: str) -> int:
    """The coordinate at whose end a part is; those of ranges have no parts."""
    number = problem.domain.parts.index(part) // 2
    in_space = problem.domain.dimension - len(problem.config.ranges)
    in_space -= problem.config.time is not None
    return number if number < in_space else problem.domain.dimension - 1


def _faces(problem: Problem, condition: Condition) -> list[Face]:
    """What a condition says of the ends of a coordinate."""
    names = problem.domain.parts
    if isinstance(condition, PeriodicCondition):
        axis = _axis_of(problem, condition.part)
        return [_periodic(problem, condition, axis)]
    if not isinstance(condition, BoundaryCondition) or condition.part not in names:
        raise UnsuitedError(f"conditions on faces, found one that is {condition.kind}")
    axis, end = _axis_of(problem, condition.part), names.index(condition.part) % 2
    outward: dict[Node, Node] = {
        Normal(k): Number(float(k == axis) * (2 * end - 1)) for k in range(len(problem.coordinates))
    }
    place = Number((problem.domain.lower, problem.domain.upper)[end][axis])
    try:
        slopes, rest = linear_parts(
            substitute(condition.node, {**outward, Coordinate(axis): place})
        )
    except ValueError as error:
        raise UnsuitedError(f"linear conditions, but {error}") from error
    return [Face(axis, _functional(slopes, axis, end, condition), negate(rest))]


def _periodic(problem: Problem, condition: PeriodicCondition, axis: int) -> Face:
    slopes, rest = linear_parts(condition.node)
    functional = _functional(slopes, axis, 1, condition)
    return Face(axis, Functional(functional.factors, 1, periodic=True), negate(rest))


def _functional(
    slopes: dict[Derivative, Node], axis: int, end: int, condition: Condition
) -> Functional:
    """Σ factors[k] ∂_axis^k u at one end, with numbers as factors."""
    factors = [0.0] * 5
    for jet, slope in slopes.items():
        others = sum(jet.index) - jet.index[axis]
        if others or not isinstance(slope, Number) or jet.index[axis] >= len(factors):
            raise UnsuitedError(
                f"conditions with constant coefficients along the normal, found '{condition.name}'"
            )
        factors[jet.index[axis]] = slope.value
    return Functional(tuple(factors), end)


def _require_counts(statement: Statement) -> None:
    """As many conditions of every coordinate as its highest derivative."""
    for axis, name in enumerate(statement.problem.coordinates):
        order = max((index[axis] for index in statement.coefficients), default=0)
        count = len(statement.functionals(axis))
        if count != order or order > 2:
            raise UnsuitedError(
                f"as many conditions on the faces of {name} as its highest derivative, at most"
                f" two, found {count} and {order}"
            )


def own_coordinate(index: tuple[int, ...], coefficient: Node) -> int | None:
    """The coordinate k of a term a(x_k) ∂_k^m; None for a term that mixes coordinates, and the
    first coordinate for a constant times u.
    """
    axes = {k for k, m in enumerate(index) if m} | depends_on(coefficient)
    if len(axes) > 1:
        return None
    return min(axes, default=0)
