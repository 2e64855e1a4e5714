"""Waves of one speed on a line:

    u_tt = c² u_xx,    u and u_t at the start,    α u + β u_x + γ u_t = G  at either end

or periodic ends. Data may have kinks and jumps; α and G may change with time, and what ∂_n u and u_t
have as factors may not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from kanpde.expressions import Derivative, Node, Number, is_zero, jets, linear_parts
from kanpde.marching.lines.statement import Evolution, Rows, evolution, values
from kanpde.problem.feature_places import graded
from kanpde.problem.kinks import kinks
from kanpde.problem.problem import Problem

Array = NDArray[np.float64]

U, SLOPE, RATE = Derivative(0, (0, 0)), Derivative(0, (1, 0)), Derivative(0, (0, 1))
BENT, FASTER = Derivative(0, (2, 0)), Derivative(0, (0, 2))

LOOKED_AT = 65
"""Times at which conditions are looked at."""

ALONE = 1e-9
"""A factor below such a share of the other one is zero."""


@dataclass(frozen=True)
class End:
    """A condition with the factors β of u_x and γ of u_t, and the times of its kinks, jumps and
    narrow features.
    """

    rows: Rows
    beta: float
    gamma: float
    instants: Array

    def factors(self, speed: float) -> tuple[float, float]:
        """Those of the derivatives, along the way, of what comes in and of what leaves."""
        along = self.beta * self.rows.normal
        return along + speed * self.gamma, along - speed * self.gamma

    def at(self, t: Array) -> tuple[Array, Array]:
        """α and G at times (N,)."""
        points = torch.from_numpy(np.stack([np.full(len(t), self.rows.x), t], axis=1))
        zero = {jet: torch.zeros(len(t), dtype=torch.float64) for jet, _ in self.rows.slopes}
        row, slopes = values(self.rows, points, zero)
        return np.asarray(slopes.get(U, np.zeros(len(t)))), -row


@dataclass(frozen=True)
class Waves:
    """What a march needs: the speed, both ends or None where they repeat, and places where initial
    values have kinks or jumps.
    """

    evolution: Evolution
    speed: float
    conditions: tuple[End, End] | None
    places: Array

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self.evolution.problem

    @property
    def ends(self) -> tuple[float, float]:
        """The ends in space."""
        return self.evolution.ends

    @property
    def times(self) -> tuple[float, float]:
        """Start and end."""
        return self.evolution.times

    def start(self, x: Array) -> Array:
        """u and u_t at the start at places (N,), (2, N)."""
        return np.array([self.evolution.start(jet, x) for jet in (U, RATE)])


def waves(problem: Problem) -> Waves | None:
    """The waves of a problem; None for one of another kind."""
    posed = evolution(problem)
    if posed is None or posed.orders != (2,) or posed.spatial != (2,):
        return None
    (equation,) = [rows for rows in posed.rows if rows.at is not None]
    speed = _speed(equation.node)
    if speed is None:
        return None
    lower, upper = problem.domain.lower, problem.domain.upper
    bent = kinks([node for _, node in posed.initial], lower, upper)[0]
    places = np.unique(np.concatenate([bent, graded(problem, 0)]))
    if posed.periodic:
        return Waves(posed, speed, None, places)
    by_side: dict[float, End] = {}
    for rows in posed.rows:
        if rows.at is None:
            bent = kinks([rows.node], lower, upper)[1]
            instants = np.unique(np.concatenate([bent, graded(problem, 1)]))
            end = _end(posed, rows, instants, speed)
            if end is None:
                return None
            by_side[rows.normal] = end
    if len(by_side) < 2:
        return None
    return Waves(posed, speed, (by_side[-1.0], by_side[1.0]), places)


def _speed(node: Node) -> float | None:
    """c; None where the equation holds anything else than u_tt and u_xx with fixed factors."""
    if set(jets(node)) != {BENT, FASTER}:
        return None
    try:
        factors, rest = linear_parts(node)
    except ValueError:
        return None
    bent, faster = factors[BENT], factors[FASTER]
    if not is_zero(rest) or not isinstance(bent, Number) or not isinstance(faster, Number):
        return None
    square = -bent.value / faster.value
    return math.sqrt(square) if square > 0 else None


def _end(posed: Evolution, rows: Rows, instants: Array, speed: float) -> End | None:
    """A condition that says what comes in at an end; None for one that does not."""
    by_jet = dict(rows.slopes)
    if not set(by_jet) <= {U, SLOPE, RATE} or any(jets(slope) for slope in by_jet.values()):
        return None
    t = np.linspace(*posed.times, LOOKED_AT)
    points = torch.from_numpy(np.stack([np.full(LOOKED_AT, rows.x), t], axis=1))
    zero = {jet: torch.zeros(LOOKED_AT, dtype=torch.float64) for jet in by_jet}
    slopes = values(rows, points, zero)[1]
    beta, gamma = (slopes.get(jet, np.zeros(LOOKED_AT)) for jet in (SLOPE, RATE))
    if np.ptp(beta) or np.ptp(gamma):
        return None
    end = End(rows, float(beta[0]), float(gamma[0]), instants)
    comes, leaves = end.factors(speed)
    if abs(comes) > ALONE * abs(leaves):
        return end
    # else it holds what leaves alone, or values, at all times or not
    held = abs(np.sign(slopes.get(U, np.zeros(LOOKED_AT))).sum()) == LOOKED_AT
    return end if held and not leaves else None
