"""One unknown that is carried along a line at a speed that does not change its sign or with time:

    u_t + a(x) u_x = F(x, t, u),    u = u_0 at the start,    u = g(t) where lines come in

or periodic ends. Data may have kinks and jumps, which travel with the lines. In the time of travel
y(x) every speed is ±1 (`travel`); of a constant one y is x itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from kanpde.expressions import Call, Coordinate, Derivative, Node, Number, divide, jets
from kanpde.expressions.evaluate import evaluate
from kanpde.expressions.tree import postorder
from kanpde.marching.lines.statement import Evolution, Rows, evolution, values
from kanpde.marching.transport.travel import Travel
from kanpde.problem.feature_places import graded, inside
from kanpde.problem.kinks import SWITCHES, kinks
from kanpde.problem.problem import Problem

Array = NDArray[np.float64]

U, RATE, SLOPE = Derivative(0, (0, 0)), Derivative(0, (0, 1)), Derivative(0, (1, 0))

LOOKED_AT = 65
"""Points along an axis at which formulas are looked at."""


@dataclass(frozen=True)
class Transport:
    """What a march needs: the same as an evolution on a line, the coordinate y of its labels and the
    speed in it, whose sign says where lines come in, places y where the initial values have kinks,
    jumps or what is narrow, and times of those of g.
    """

    evolution: Evolution
    equation: Rows
    entry: Rows | None
    travel: Travel
    speed: float
    places: Array
    instants: Array

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self.evolution.problem

    @property
    def periodic(self) -> bool:
        """Whether the ends are the same."""
        return self.entry is None

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The ends in space, as places y."""
        lower, upper = self.travel.y(np.array(self.evolution.ends))
        return float(lower), float(upper)

    @property
    def times(self) -> tuple[float, float]:
        """Start and end."""
        return self.evolution.times

    @property
    def inflow(self) -> float:
        """The end y where lines come in."""
        return self.ends[0] if self.speed > 0 else self.ends[1]

    def start(self, y: Array) -> Array:
        """u_0 at places (N,)."""
        return self.evolution.start(U, self.travel.x(y))

    def source(self, y: Array, t: Array, u: Array) -> tuple[Array, Array]:
        """F and ∂F/∂u at places, times and values (N,)."""
        points = torch.from_numpy(np.stack([self.travel.x(y), t], axis=1))
        zero = torch.zeros(len(y), dtype=torch.float64)
        known = {jet: zero for jet, _ in self.equation.slopes} | {U: torch.from_numpy(u)}
        row, slopes = values(self.equation, points, known)
        rate = slopes[RATE]
        return -row / rate, -slopes.get(U, np.zeros(len(y))) / rate

    def entering(self, t: Array) -> Array:
        """g at times (N,)."""
        assert self.entry is not None
        points = torch.from_numpy(np.stack([np.full(len(t), self.entry.x), t], axis=1))
        row, slopes = values(self.entry, points, {U: torch.zeros(len(t), dtype=torch.float64)})
        return np.asarray(-row / slopes[U])


def transport(problem: Problem) -> Transport | None:
    """The transport of a problem; None for one of another kind."""
    posed = evolution(problem)
    if posed is None or posed.orders != (1,) or posed.spatial != (1,):
        return None
    (equation,) = [rows for rows in posed.rows if rows.at is not None]
    entries = [rows for rows in posed.rows if rows.at is None]
    entry = entries[0] if entries else None
    if _switches(equation.node):
        return None
    moves = _travel(posed, equation)
    if moves is None:
        return None
    travel, speed = moves
    if entry is not None and not (entry.normal * speed < 0 and _gives_value(entry)):
        return None
    lower, upper = problem.domain.lower, problem.domain.upper
    if inside(problem):
        return None  # lines cross a narrow source within a small part of a slab
    places = [kinks([node for _, node in posed.initial], lower, upper)[0], graded(problem, 0)]
    instants = [np.zeros(0) if entry is None else kinks([entry.node], lower, upper)[1]]
    instants += [] if entry is None else [graded(problem, 1)]
    bends = travel.y(np.unique(np.concatenate(places))), np.unique(np.concatenate(instants))
    known = Transport(posed, equation, entry, travel, speed, *bends)
    return known if _goes_on_outside(known) else None


def _travel(posed: Evolution, equation: Rows) -> tuple[Travel, float] | None:
    """The times of travel and the speed in them; None where the speed is zero or changes its sign
    somewhere, changes with t or u, or the equation holds other derivatives.
    """
    by_jet = dict(equation.slopes)
    if not {RATE, SLOPE} <= set(by_jet) <= {U, RATE, SLOPE}:
        return None
    ratio = divide(by_jet[SLOPE], by_jet[RATE])
    if isinstance(ratio, Number):
        return (Travel.none(*posed.ends), ratio.value) if ratio.value else None
    leaves = {part for part in postorder([ratio]) if not part.children}
    if not all(leaf == Coordinate(0) or isinstance(leaf, Number) for leaf in leaves):
        return None
    (middle,) = _at([ratio], np.array([sum(posed.ends) / 2]))
    speed = float(np.sign(middle[0]))

    def slowness(x: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(speed / _at([ratio], x)[0])

    beyond = 0.0 if posed.periodic else posed.times[1] - posed.times[0]
    travel = Travel.of(slowness, posed.ends, beyond)
    return None if travel is None else (travel, speed)


def _at(nodes: list[Node], x: Array) -> list[Array]:
    """Functions of x at places, (N,) each."""
    points = torch.from_numpy(np.stack([x, np.zeros_like(x)], axis=1))
    return [np.asarray(value.numpy()) for value in evaluate(nodes, points)]


def _switches(node: Node) -> bool:
    """Whether a formula may jump or have kinks."""
    return any(isinstance(part, Call) and part.name in SWITCHES for part in postorder([node]))


def _gives_value(entry: Rows) -> bool:
    """Whether a condition is linear in u and holds nothing else."""
    return set(jets(entry.node)) == {U} and not any(jets(slope) for _, slope in entry.slopes)


def _goes_on_outside(posed: Transport) -> bool:
    """Whether the source has values beyond the end where lines come in: polynomials of t along
    lines are held there too.
    """
    lower, upper = posed.ends
    reach = min(abs(posed.speed) * (posed.times[1] - posed.times[0]), upper - lower)
    outside = posed.inflow - np.sign(posed.speed) * np.linspace(0, reach, LOOKED_AT)
    inside = np.linspace(lower, upper, LOOKED_AT + 2)[1:-1]
    x = inside if posed.periodic else outside
    at = np.repeat(x, LOOKED_AT)
    t = np.tile(np.linspace(*posed.times, LOOKED_AT), LOOKED_AT)
    u = float(np.nan_to_num(posed.start(inside)).mean())
    return bool(np.isfinite(posed.source(at, t, np.full(len(at), u))).all())
