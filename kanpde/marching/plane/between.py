"""Sources, and data on the sides, that are large only between the instants at which a slab meets the equations.

Radau's points of a slab may all miss a pulse in time, and so do those of every shorter slab that is
compared with it: the march then ends with a small estimate and without the pulse (half of u, where
a source of width 0.002 T heated a disk). So sources are looked at more often than they are met.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from kanpde.expressions.evaluate import evaluate
from kanpde.marching.plane.statement import Evolution
from kanpde.numerics.quadrature import Array

INSTANTS, PLACES = 2000, 50
"""Instants of the whole time, and places, at which sources are looked at."""

FEWEST = 8
"""Instants of a slab at the least."""

LARGER, NOTHING = 2.0, 1e-7
"""A source that is so many times larger between the points of a slab is not seen by it, unless that
is so small a share of its largest value at any time.
"""


def hides_sources(
    evolution: Evolution, slab: tuple[float, float], shares: Array, number: int
) -> bool:
    """Whether sources are much larger between the instants of a slab than at them.

    Args:
        evolution: what is marched.
        slab: its ends.
        shares: where in it the equations are met, from 0 to 1.
        number: of the slab; instants of different slabs lie differently between its points.
    """
    start, length = slab[0], slab[1] - slab[0]
    begin, end = evolution.times
    span = end - begin
    if not evolution.sources or length <= span / INSTANTS:
        return False
    count = max(FEWEST, math.ceil(INSTANTS * length / span))
    between = (np.arange(count) + 0.5 + 0.4 * math.sin(1 + number)) / count
    seen, hidden = (_largest(evolution, start + length * at) for at in (shares, between))
    if not (hidden > LARGER * seen).any():
        return False
    ever = _largest(evolution, begin + span * (np.arange(INSTANTS) + 0.5) / INSTANTS)
    return bool(((hidden > LARGER * seen) & (hidden > NOTHING * ever)).any())


def _largest(evolution: Evolution, times: Array) -> Array:
    """The largest size of each source at some instants."""
    x = evolution.space.quadrature(PLACES).x
    points = np.column_stack([np.tile(x, (len(times), 1)), np.repeat(times, len(x))])
    found = evaluate(evolution.sources, torch.from_numpy(points))
    return np.array([float(values.abs().max()) for values in found])
