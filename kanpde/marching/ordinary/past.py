"""Unknowns that stand for others at earlier places, in a march that knows its past.

    w = u(t - τ):    from start + τ on  w - Σ_pieces u(t - τ) = 0  is w's equation

A solution has a jump in its (k + 1)-th derivative at start + Σ n_i τ_i with Σ n_i = k at the
latest, so slabs end there until that no longer counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.errors import ConfigError
from kanpde.expressions import jets
from kanpde.marching.stops import MOST, Stops
from kanpde.problem.problem import Problem

LEVELS = 14
"""From so many delays on a solution is as smooth as the polynomials of a slab."""

SAME = 1e-12
"""Instants that differ by less than this share of an interval are one."""


@dataclass(frozen=True)
class Lag:
    """Unknown number `name` is unknown number `of` a distance `by` before, which its equation of
    that number says.
    """

    equation: int
    name: int
    of: int
    by: float


def lags(problem: Problem) -> tuple[Lag, ...]:
    """The delays of a problem; ConfigError where its equations do not go with them."""
    found = []
    for word, delay in problem.config.delays.items():
        name, of = problem.unknowns.index(word), problem.unknowns.index(delay.of)
        held = [jets(node) for node in problem.equations]
        own = [e for e, each in enumerate(held) if {jet.unknown for jet in each} == {name}]
        if len(own) != 1:
            raise ConfigError(
                f"problem.delays.{word}: needs one equation that says what {word} is until the delay"
                f" is over, found {len(own)}"
            )
        if any(jet.unknown == name and any(jet.index) for each in held for jet in each):
            raise ConfigError(
                f"problem.delays.{word}: an unknown at an earlier place has no derivative here; bring"
                f" the equation into a form without it"
            )
        found.append(Lag(own[0], name, of, delay.by))
    return tuple(found)


def with_delays(stops: Stops, delays: Sequence[Lag]) -> Stops:
    """The instants at which a solution with delays is not smooth."""
    level = np.array([stops.start, *stops.instants])
    instants = level[1:]
    for _ in range(LEVELS if delays else 0):
        later = np.unique([t + lag.by for t in level for lag in delays])
        later = later[(later > stops.start) & (later < stops.end)]
        least = SAME * (stops.end - stops.start)
        level = later[np.diff(later, prepend=-np.inf) > least]
        new = [t for t in level if not len(instants) or np.abs(instants - t).min() > least]
        if not len(level) or len(instants) + len(new) > MOST:
            break
        instants = np.sort(np.append(instants, new))
    return Stops(instants, stops.start, stops.end)
