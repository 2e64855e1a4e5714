"""One unknown that is carried along a line at a constant speed:

    u_t + a u_x = F(x, t, u),    u = u_0 at the start,    u = g(t) where lines x - a t = const come in

or periodic ends. Data may have kinks and jumps, which travel with the lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from kanpde.expressions import Call, Derivative, Node, Number, jets
from kanpde.expressions.tree import postorder
from kanpde.marching.lines.statement import Evolution, Rows, evolution, values
from kanpde.problem.kinks import SWITCHES, kinks
from kanpde.problem.problem import Problem

Array = NDArray[np.float64]

U, RATE, SLOPE = Derivative(0, (0, 0)), Derivative(0, (0, 1)), Derivative(0, (1, 0))

LOOKED_AT = 65
"""Points along an axis at which formulas are looked at."""


@dataclass(frozen=True)
class Transport:
    """What a march needs: the same as an evolution on a line, the speed a, whose sign says where
    lines come in, places where the initial values have kinks or jumps, and times of those of g.
    """

    evolution: Evolution
    equation: Rows
    entry: Rows | None
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

    @property
    def ends(self) -> tuple[float, float]:
        """The ends in space."""
        return self.evolution.ends

    @property
    def times(self) -> tuple[float, float]:
        """Start and end."""
        return self.evolution.times

    @property
    def inflow(self) -> float:
        """The end where lines come in."""
        return self.ends[0] if self.speed > 0 else self.ends[1]

    @cached_property
    def _rate(self) -> float:
        """The coefficient of u_t."""
        ((_, node),) = [pair for pair in self.equation.slopes if pair[0] == RATE]
        assert isinstance(node, Number)
        return node.value

    def start(self, x: Array) -> Array:
        """u_0 at places (N,)."""
        return self.evolution.start(U, x)

    def source(self, x: Array, t: Array, u: Array) -> tuple[Array, Array]:
        """F and ∂F/∂u at places, times and values (N,)."""
        points = torch.from_numpy(np.stack([x, t], axis=1))
        zero = torch.zeros(len(x), dtype=torch.float64)
        known = {jet: zero for jet, _ in self.equation.slopes} | {U: torch.from_numpy(u)}
        row, slopes = values(self.equation, points, known)
        return -row / self._rate, -slopes.get(U, np.zeros(len(x))) / self._rate

    def entering(self, t: Array) -> Array:
        """g at times (N,)."""
        assert self.entry is not None
        points = torch.from_numpy(np.stack([np.full(len(t), self.inflow), t], axis=1))
        row, slopes = values(self.entry, points, {U: torch.zeros(len(t), dtype=torch.float64)})
        return np.asarray(-row / slopes[U])


def transport(problem: Problem) -> Transport | None:
    """The transport of a problem; None for one of another kind."""
    posed = evolution(problem)
    if posed is None or posed.orders != (1,) or posed.spatial != (1,):
        return None
    (equation,) = [rows for rows in posed.rows if rows.at is not None]
    speed = _speed(equation)
    entries = [rows for rows in posed.rows if rows.at is None]
    if speed is None or _switches(equation.node):
        return None
    entry = entries[0] if entries else None
    if entry is not None and not (entry.normal * speed < 0 and _gives_value(entry)):
        return None
    lower, upper = problem.domain.lower, problem.domain.upper
    places = kinks([node for _, node in posed.initial], lower, upper)[0]
    instants = kinks([entry.node], lower, upper)[1] if entry is not None else np.zeros(0)
    known = Transport(posed, equation, entry, speed, places, instants)
    return known if _goes_on_outside(known) else None


def _speed(equation: Rows) -> float | None:
    """a; None where it is zero, not constant, or the equation holds other derivatives."""
    by_jet = dict(equation.slopes)
    if not {RATE, SLOPE} <= set(by_jet) <= {U, RATE, SLOPE}:
        return None
    rate, slope = by_jet[RATE], by_jet[SLOPE]
    if not (isinstance(rate, Number) and isinstance(slope, Number)):
        return None
    return slope.value / rate.value if rate.value and slope.value else None


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
