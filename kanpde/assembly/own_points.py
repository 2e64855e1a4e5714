"""Points of the user's own in place of sampled ones.

Points inside have equal weights, Σw = measure. A point on a part is replaced by the nearest place
of that part, its foot, whose chart gives the normal: the parameters of the chart are searched on
grids around the best ones so far, each half as wide as the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import torch

from kanpde.assembly.collocation import Collocation, Points
from kanpde.config.problem.tables import Table
from kanpde.config.solve.points import BOUNDARY, INTERIOR
from kanpde.domains import Domain
from kanpde.domains.base import length_scale
from kanpde.domains.space.cylinder import Cylinder
from kanpde.domains.space.solid import Solid
from kanpde.errors import ConfigError
from kanpde.names import did_you_mean
from kanpde.numerics.quadrature import Array, PointSet

TOUCHES = 1e-6
"""How far from a part a point may lie, as a share of the size of the domain: coordinates that went
through float32 or a table of seven digits.
"""

_MOST_CHART, _AROUND, _HALVINGS = 3, (-1.0, -0.5, 0.0, 0.5, 1.0), 48
_STARTS = {0: 1, 1: 400, 2: 40, 3: 12}
"""First parameters along every axis of a chart, by the number of these."""


def with_own_points(
    sampled: Collocation, given: Mapping[str, Table], domain: Domain, dtype: torch.dtype
) -> Collocation:
    """The collocation with the user's points where there are some.

    Raises:
        ConfigError: a place has no condition or does not exist, or a point lies elsewhere.
    """
    if not given:
        return sampled
    known = (INTERIOR, BOUNDARY, *sampled.parts)
    arrays = {name: _array(table) for name, table in given.items()}
    for name in arrays:
        if name not in known:
            raise ConfigError(
                f"sampler.points: no condition holds on {name!r}{did_you_mean(name, known)}; give"
                f" points for {', '.join(known)}"
            )
    parts = dict(sampled.parts)
    if BOUNDARY in arrays and BOUNDARY not in sampled.parts:
        parts |= _spread(arrays.pop(BOUNDARY), tuple(sampled.parts), domain, dtype)
    interior = sampled.interior
    for name, x in arrays.items():
        if name == INTERIOR and name not in sampled.parts:
            interior = Points.of(_inside(x, domain), dtype)
        else:
            away, feet = _feet(x, name, domain)
            _require(away <= _reach(domain), x, name, f"do not lie on the part {name!r}")
            parts[name] = Points.of(feet, dtype)
    return replace(sampled, interior=interior, parts=parts)


def _array(table: Table) -> Array:
    return np.array([table.column(name) for name in table.columns], dtype=np.float64).T


def _inside(x: Array, domain: Domain) -> PointSet:
    _require(domain.contains(x), x, INTERIOR, "lie outside the domain")
    return PointSet(x, np.full(len(x), domain.measure / len(x)))


def _spread(
    x: Array, names: tuple[str, ...], domain: Domain, dtype: torch.dtype
) -> dict[str, Points]:
    """Points anywhere on the boundary by the part that each lies on; one in a corner is on two."""
    parts, somewhere = {}, np.zeros(len(x), dtype=bool)
    for name in names:
        away, feet = _feet(x, name, domain)
        here = away <= _reach(domain)
        if not here.any():
            raise ConfigError(
                f"sampler.points.{BOUNDARY}: none of the {len(x)} points lies on the part"
                f" {name!r}, where a condition holds; add some, or points for {name!r} itself"
            )
        somewhere |= here
        parts[name] = Points.of(_weighted(feet, here, domain.part_measure(name)), dtype)
    _require(somewhere, x, BOUNDARY, f"lie on none of the parts {', '.join(names)}")
    return parts


def _weighted(feet: PointSet, chosen: np.ndarray, measure: float) -> PointSet:
    normal = None if feet.normal is None else feet.normal[chosen]
    count = int(chosen.sum())
    return PointSet(feet.x[chosen], np.full(count, measure / count), normal)


def _reach(domain: Domain) -> float:
    return TOUCHES * length_scale(domain.lower, domain.upper)


def _require(right: np.ndarray, x: Array, name: str, wrong: str) -> None:
    if not right.all():
        first = ", ".join(f"{value:.6g}" for value in x[~right][0])
        raise ConfigError(
            f"sampler.points.{name}: {int((~right).sum())} of {len(x)} points {wrong}, the first"
            f" at ({first}); leave them out or move them"
        )


def _feet(x: Array, name: str, domain: Domain) -> tuple[Array, PointSet]:
    """The distances (N,) of points from a part, and their feet on it."""
    axes = domain.dimension - 1
    if isinstance(domain, Cylinder) and name in domain.caps:
        across = PointSet(x[:, :-1], np.full(len(x), domain.part_measure(name) / len(x)))
        cap = domain.on_cap(name, across)
        beside = ~domain.space.contains(x[:, :-1])
        return np.where(beside, np.inf, np.abs(x - cap.x).max(axis=1)), cap
    if not _charted(domain, name):
        raise ConfigError(
            f"sampler.points.{name}: points of your own on a face of a combined body"
            " are not offered; give those inside only"
        )
    if axes > _MOST_CHART:
        raise ConfigError(
            f"sampler.points.{name}: points of your own on parts need at most {_MOST_CHART + 1}"
            f" coordinates, found {domain.dimension}; give those inside only"
        )
    u = _nearest_start(x, name, domain, axes)
    away = _distances(u, x, name, domain)
    width = 1.0 / _STARTS[axes]
    for _ in range(_HALVINGS if axes else 0):
        around = u
        for step in product(_AROUND, repeat=axes):
            trial = np.clip(around + width * np.array(step), 0.0, 1.0)
            closer = _distances(trial, x, name, domain)
            better = closer < away
            u, away = np.where(better[:, None], trial, u), np.where(better, closer, away)
        width /= 2
    feet, normal = domain.chart(name, u)
    weights = np.full(len(x), domain.part_measure(name) / len(x))
    return away, PointSet(feet, weights, normal)


def _charted(domain: Domain, name: str) -> bool:
    """Whether a part has one chart."""
    inner = domain
    while isinstance(inner, Cylinder):
        inner = inner.space
        if isinstance(inner, Cylinder) and name in inner.caps:
            return False
    return not isinstance(inner, Solid)


def _nearest_start(x: Array, name: str, domain: Domain, axes: int) -> Array:
    """The parameters (N, d - 1) of the nearest of some even ones."""
    from scipy.spatial import cKDTree

    count = _STARTS[axes]
    along = (np.arange(count) + 0.5) / count
    grid = np.array(list(product(along, repeat=axes))).reshape(count**axes, axes)
    places, _ = domain.chart(name, grid)
    return np.asarray(grid[cKDTree(places).query(x)[1]])


def _distances(u: Array, x: Array, name: str, domain: Domain) -> Array:
    """Of points (N, d) from those at parameters (N, d - 1) of a part, (N,)."""
    places, _ = domain.chart(name, u)
    return np.asarray(np.linalg.norm(places - x, axis=1))
