"""Equations that evolve in the plane or in space: what holds inside, on the sides and at the start.

    F_e(x, y, …, t, u, ∂u, …) = 0,  e = 1 … m,    B = 0  on sides,    ∂_t^k u_i = f_ik(x, y, …)  at the start,  k < q_i

with q_i the highest derivative of unknown i by t. The domain in space is any one in the plane, a box
or a body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from kanpde.domains import Domain, SpaceTime
from kanpde.expressions import (
    Coordinate,
    Derivative,
    Node,
    differentiate,
    divide,
    jets,
    linear_parts,
    negate,
    partial,
)
from kanpde.expressions.evaluate import Unknown, evaluate
from kanpde.expressions.tree import postorder
from kanpde.marching.ordinary.statement import is_plain
from kanpde.marching.pulses import Pulses
from kanpde.marching.stops import Stops
from kanpde.patches.fluxes import Surfaces
from kanpde.problem.conditions import BoundaryCondition, Condition, PeriodicCondition
from kanpde.problem.kinks import holds_switch
from kanpde.problem.problem import Problem

Array = NDArray[np.float64]

SPACES, TIME = (2, 3), -1
"""How many coordinates of space there may be; that of time is the last one."""

FITS, SEEN = 1e-6, 200
"""A condition fits the initial values when they are away from it by no more than this share at so
many points.
"""

PLACES = 16
"""Places at which formulas are looked at for pulses in time."""

MOST_ORDER = 2
"""Highest derivative in space."""

INITIAL, FINAL = "initial", "final"


@dataclass(frozen=True)
class Formula:
    """F with its derivatives by the jets in it, and the weight of its rows."""

    node: Node
    slopes: tuple[tuple[Derivative, Node], ...]
    weight: float = 1.0

    @classmethod
    def of(cls, node: Node, weight: float = 1.0) -> Formula:
        """A formula with its derivatives."""
        present = sorted(jets(node), key=lambda jet: (jet.unknown, jet.index))
        return cls(node, tuple((jet, partial(node, jet)) for jet in present), weight)

    @property
    def jets(self) -> tuple[Derivative, ...]:
        """The jets in it."""
        return tuple(jet for jet, _ in self.slopes)

    @cached_property
    def is_steady(self) -> bool:
        """Whether its slopes depend on neither time nor the unknowns."""
        nodes = postorder([slope for _, slope in self.slopes])
        time = {len(jet.index) - 1 for jet in self.jets}
        moving = any(isinstance(node, Coordinate) and node.index in time for node in nodes)
        return not moving and not any(isinstance(node, Derivative) for node in nodes)


@dataclass(frozen=True)
class Evolution:
    """What a march needs; `orders` (m,) are those by t, `conditions` hold on the parts of the space,
    and `initial` are the formulas of the start with the jet that each gives.
    """

    problem: Problem
    orders: tuple[int, ...]
    equations: tuple[Formula, ...]
    conditions: Mapping[str, tuple[Formula, ...]]
    initial: Mapping[Derivative, Node]

    @property
    def unknowns(self) -> int:
        """m."""
        return len(self.problem.unknowns)

    @property
    def space(self) -> Domain:
        """The domain in space."""
        domain = self.problem.domain
        assert isinstance(domain, SpaceTime)
        return domain.space

    @property
    def dimension(self) -> int:
        """Coordinates of space."""
        return self.space.dimension

    @property
    def times(self) -> tuple[float, float]:
        """Start and end."""
        domain = self.problem.domain
        assert isinstance(domain, SpaceTime)
        return domain.start, domain.end

    @property
    def formulas(self) -> tuple[Formula, ...]:
        """All of them."""
        on_parts = [formula for several in self.conditions.values() for formula in several]
        return (*self.equations, *on_parts)

    @cached_property
    def is_steady(self) -> bool:
        """Whether one linear system serves all slabs of one length."""
        return all(formula.is_steady for formula in self.formulas)

    @cached_property
    def pulses(self) -> Pulses:
        """What equations and conditions know of themselves, at places of the space."""
        x = self.space.interior(PLACES, "sobol", np.random.default_rng(0)).x
        at_start = np.column_stack([x, np.full(len(x), self.times[0])])
        parts = [(formula.node, at_start) for formula in self.formulas]
        return Pulses.of(self.problem, parts, self.dimension, self.times)

    @cached_property
    def surfaces(self) -> Surfaces:
        """What jumps of the equations across surfaces mean."""
        return Surfaces.of(self.problem)

    @cached_property
    def stops(self) -> Stops:
        """Instants at which formulas jump or have kinks."""
        nodes = [formula.node for formula in self.formulas]
        rest = np.append(self.space.lower, self.times[0])
        return Stops.of(nodes, self.dimension, self.times, rest)

    @cached_property
    def fits(self) -> bool:
        """Whether initial values are smooth, as far as formulas tell, and meet the conditions."""
        return not self.unfit and not self.jumps

    @cached_property
    def jumps(self) -> bool:
        """Whether initial values jump or have kinks."""
        return any(map(holds_switch, self.initial.values()))

    @property
    def follows_layers(self) -> bool:
        """Whether few cells follow the layers of a start that does not fit: they are along straight sides."""
        return self.space.box and self.dimension == min(SPACES) and not self.jumps

    @property
    def unfit(self) -> tuple[str, ...]:
        """The parts with a condition that initial values do not meet."""
        return tuple(part for part, away in self._misfits.items() if away > FITS)

    @property
    def misfit(self) -> float:
        """How far initial values are from the conditions, as a share of the unknowns."""
        return max(self._misfits.values(), default=0.0)

    @cached_property
    def _misfits(self) -> Mapping[str, float]:
        return {part: self._away(part) for part in self.conditions}

    def _away(self, part: str) -> float:
        """How far initial values are from the conditions on a part, as a share of the unknowns or of
        what the conditions would give inside; 0 for conditions that hold rates.
        """
        points, largest, sizes = self.space.part_quadrature(part, SEEN), 0.0, self._begins
        inside, at_rim = self.space.quadrature(SEEN).x, len(points.x)
        x = np.concatenate([points.x, inside])
        normal = np.resize(np.asarray(points.normal), x.shape)
        length = float((self.space.upper - self.space.lower).max())
        for formula in self.conditions[part]:
            if any(jet.index[TIME] >= max(1, self.orders[jet.unknown]) for jet in formula.jets):
                continue
            known = {jet: self.start(jet, x) for jet in formula.jets}
            nodes = [formula.node, *(node for _, node in formula.slopes)]
            row, *slopes = values(nodes, x, self.times[0], normal, known)
            whole = sum(
                np.abs(slope) / length ** sum(jet.index[:TIME])
                for jet, slope in zip(formula.jets, slopes, strict=True)
            )
            size = max((sizes[jet.unknown] for jet in formula.jets), default=0.0)
            away = np.abs(row) / np.where(whole > 0, whole, np.inf)
            scale = max(size, float(np.nanmax(away)))
            if scale > 0:
                largest = max(largest, float(np.nanmax(away[:at_rim])) / scale)
        return largest

    @cached_property
    def _begins(self) -> Array:
        """The largest initial values (m,)."""
        x, zero = self.space.quadrature(SEEN).x, (0,) * (self.dimension + 1)
        starts = [self.start(Derivative(i, zero), x) for i in range(self.unknowns)]
        return np.array([np.abs(start).max() for start in starts])

    def start(self, jet: Derivative, x: Array) -> Array:
        """A jet of the initial values at places (N, d), by their formulas; zero for an unknown that
        has none.
        """
        point = np.column_stack([x, np.full(len(x), self.times[0])])
        of_time = Derivative(jet.unknown, (*(0,) * self.dimension, jet.index[TIME]))
        node = self.initial.get(of_time)
        if node is None:
            return np.zeros(len(x))
        for axis in range(self.dimension):
            for _ in range(jet.index[axis]):
                node = differentiate(node, axis)
        return np.asarray(evaluate([node], torch.from_numpy(point))[0].numpy())


def evolution(problem: Problem) -> Evolution | None:
    """The evolution of a problem; None for one of another kind."""
    domain = problem.domain
    if not is_plain(problem) or not isinstance(domain, SpaceTime):
        return None
    if domain.space.dimension not in SPACES or len(problem.equations) != len(problem.unknowns):
        return None
    if any(condition.data is not None for condition in problem.conditions):
        return None
    sides = [c for c in problem.conditions if _is_side(c)]
    starts = [c for c in problem.conditions if c.part == INITIAL]
    pairs = [c for c in problem.conditions if isinstance(c, PeriodicCondition)]
    if len(sides) + len(starts) + len(pairs) != len(problem.conditions):
        return None
    orders, spatial = _highest(problem)
    initial = _initial(starts, orders)
    if initial is None or max(orders) == 0 or not 0 < max(spatial) <= MOST_ORDER:
        return None
    on_parts: dict[str, tuple[Formula, ...]] = {}
    for condition in sides:
        formula = Formula.of(condition.node, condition.weight)
        on_parts[condition.part or ""] = (*on_parts.get(condition.part or "", ()), formula)
    equations = tuple(Formula.of(node) for node in problem.equations)
    return Evolution(problem, orders, equations, on_parts, initial)


def _is_side(condition: Condition) -> bool:
    at_an_end = condition.part in (INITIAL, FINAL)
    return isinstance(condition, BoundaryCondition) and not at_an_end and condition.weight != 0.0


def _highest(problem: Problem) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The highest derivative of each unknown by t and in space in the equations, (m,) each."""
    by_time, in_space = [0] * len(problem.unknowns), [0] * len(problem.unknowns)
    for node in problem.equations:
        for jet in jets(node):
            number, index = jet.unknown, jet.index
            by_time[number] = max(by_time[number], index[TIME])
            in_space[number] = max(in_space[number], sum(index[:TIME]))
    return tuple(by_time), tuple(in_space)


def _initial(conditions: list[Condition], orders: tuple[int, ...]) -> dict[Derivative, Node] | None:
    """Initial values by formulas of space, one for each jet ∂_t^k u_i with k < q_i; None where they
    are given in another way.
    """
    given: dict[Derivative, Node] = {}
    dimension = 0
    for condition in conditions:
        present = jets(condition.node)
        if len(present) != 1:
            return None
        (jet,) = present
        dimension = len(jet.index) - 1
        try:
            factors, rest = linear_parts(condition.node)
        except ValueError:
            return None
        if any(jet.index[:TIME]) or jet.index[TIME] >= max(1, orders[jet.unknown]) or jet in given:
            return None
        given[jet] = divide(negate(rest), factors[jet])
    zero = (0,) * dimension
    needed = {Derivative(i, (*zero, k)) for i, order in enumerate(orders) for k in range(order)}
    return given if needed <= set(given) else None


def values(
    nodes: list[Node], x: Array, t: float, normal: Array | None, known: Mapping[Derivative, Array]
) -> Array:
    """Formulas (F, N) at places x (N, d) and a time, on the boundary with normals (N, d), for the
    given values (N,) of their jets.
    """
    points = torch.from_numpy(np.column_stack([x, np.full(len(x), t)]))
    unit = None if normal is None else torch.from_numpy(np.pad(normal, ((0, 0), (0, 1))))
    jet: dict[Unknown, torch.Tensor] = {
        key: torch.from_numpy(np.ascontiguousarray(column)) for key, column in known.items()
    }
    return torch.stack(evaluate(nodes, points, unit, jet)).numpy()


def shortened(problem: Problem, end: float) -> Problem:
    """The problem until a time: nothing is known of u after it."""
    domain = problem.domain
    assert isinstance(domain, SpaceTime)
    if end == domain.end:
        return problem
    return replace(problem, domain=SpaceTime(domain.space, domain.start, end))
