"""Coefficients that jump across planes in space: which fluxes are continuous there on a slab, and what
is left out.

    div(k grad u), k = k_± on both sides of x_a = c:    [k ∂_a u] = 0  on the faces of cells in that plane

Traces of faces are those fluxes (see `patches.fluxes`) where the second-order coefficients depend on
neither time nor the unknowns, since factors serve several slabs and steps of Newton's method, and where
the flux holds nothing else.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kanpde.expressions import Coordinate, Derivative
from kanpde.expressions.tree import postorder
from kanpde.marching.plane.statement import TIME, Evolution
from kanpde.patches.fluxes import Fluxes
from kanpde.patches.rows import System
from kanpde.patches.unseen import left_out

SECOND = 2

SAMPLES = 200
"""Places and instants at which the strengths of what is concentrated are looked at."""


def left_out_of(evolution: Evolution) -> str | None:
    """A warning where what jumps have concentrated on surfaces is not held by any row."""
    problem, planes = evolution.problem, _planes(evolution)
    if not planes or _is_held(evolution):
        return left_out(problem)
    name, at = planes[0]
    return (
        f"warning: the error cannot be told, a coefficient jumps at {name} = {at:.6g} in a flux that"
        f" is no steady coefficient times a normal derivative, and which slabs leave out; give a"
        f" smoother coefficient"
    )


def with_fluxes(evolution: Evolution, system: System) -> System:
    """The system of an instant with the fluxes that are continuous in space."""
    fluxes = _fluxes(evolution)
    if fluxes is None:
        return system
    return replace(system, fluxes=fluxes.of_state(system.equations))


def _fluxes(evolution: Evolution) -> Fluxes | None:
    fluxes = evolution.surfaces.fluxes
    if fluxes is None or not _planes(evolution) or not _is_held(evolution):
        return None
    in_space = {name: getattr(fluxes, name)[:TIME] for name in ("planes", "settled", "extent")}
    return replace(fluxes, edges=(), **in_space)


def _planes(evolution: Evolution) -> list[tuple[str, float]]:
    """Where fluxes are continuous and normal derivatives are not: coordinates and places."""
    fluxes = evolution.surfaces.fluxes
    if fluxes is None:
        return []
    named = zip(evolution.problem.coordinates[:TIME], fluxes.planes[:TIME], strict=True)
    return [(name, float(at)) for name, places in named for at in places]


def _is_held(evolution: Evolution) -> bool:
    """Whether rows of faces hold the fluxes: steady coefficients times normal derivatives, and nothing
    beside them, as (k u)_x has beside diffusion.
    """
    fluxes = evolution.surfaces.fluxes
    assert fluxes is not None
    x = evolution.problem.domain.interior(SAMPLES, "sobol", np.random.default_rng(0)).x
    for edge in fluxes.edges:
        if edge.constant is None:
            continue  # told as left out
        strengths, _ = edge.strengths(x)
        along = {index for (_, index), values in strengths.items() if np.abs(values).max() > 0}
        if len(along) > 1 or any(sum(index[:TIME]) != 1 or index[TIME] for index in along):
            return False
    return _is_steady(evolution)


def _is_steady(evolution: Evolution) -> bool:
    """Whether coefficients of second order in space depend on neither time nor the unknowns."""
    slopes = [
        node
        for formula in evolution.equations
        for jet, node in formula.slopes
        if sum(jet.index[:TIME]) == SECOND
    ]
    return not any(
        isinstance(node, Derivative)
        or (isinstance(node, Coordinate) and node.index == evolution.dimension)
        for node in postorder(slopes)
    )
