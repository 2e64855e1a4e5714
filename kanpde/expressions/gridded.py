"""Values on a grid as a function of the coordinates.

    cubic, linear:  s(x) = Σ c_ij.. B_i(x_1) B_j(x_2) ...,  s = the values at the grid points

A cubic tensor spline with not-a-knot ends has two continuous derivatives; for a smooth function on
a grid of spacing h, s is exact to O(h⁴) and ∂^α s to O(h^{4-|α|}). Monotone interpolation is in
monotone.py.
Source: de Boor, A Practical Guide to Splines, 2001, ch. XVII.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kanpde.config.problem.gridded_fields import DEGREE, INTERPOLATIONS, Grid
from kanpde.config.problem.nodal_fields import Nodal
from kanpde.errors import ConfigError
from kanpde.expressions.monotone import monotone
from kanpde.expressions.nodal import nodal_values
from kanpde.numerics.quadrature import Array

if TYPE_CHECKING:
    from scipy.interpolate import NdBSpline

OVERSHOOT = 0.01
"""How far a cubic spline may leave the range of its values, as a share of that range."""

MOST_PROBED = 200_000
"""Points between those of a grid that are looked at at once."""

SLACK = 1e-9
"""How far outside the grid a point may be by rounding, in units of the grid's length."""


def values_at(grid: Grid | Nodal, index: tuple[int, ...], x: Tensor) -> Tensor:
    """∂^α s at points, (N,).

    grid: the values that s interpolates. index: α, by the coordinates of the grid. x: points (N, d)
    in the units of the grid, whose first coordinates are those of the grid or mesh. Raises
    ConfigError for a point outside.
    """
    if isinstance(grid, Nodal):
        return nodal_values(grid, index, x)
    points = x[:, : len(grid.axes)].detach().double().cpu().numpy()
    lower = np.array([axis[0] for axis in grid.axes])
    upper = np.array([axis[-1] for axis in grid.axes])
    slack = SLACK * (upper - lower)
    outside = ((points < lower - slack) | (points > upper + slack)).any(1)
    if outside.any():
        raise ConfigError(
            f"problem.definitions.{grid.name}: the point {points[outside][0].tolist()} lies"
            f" outside its grid, which spans {lower.tolist()} to {upper.tolist()}; give values"
            " there"
        )
    values = _WAYS[interpolation_of(grid)](grid, np.clip(points, lower, upper), index)
    return torch.tensor(values, dtype=x.dtype, device=x.device)


@lru_cache(maxsize=64)
def interpolation_of(grid: Grid) -> str:
    """The interpolation of a grid: the one asked for, else cubic where that stays within the range
    of the values, else monotone.
    """
    if grid.interpolation is not None:
        return grid.interpolation
    if min(map(len, grid.axes)) < INTERPOLATIONS["cubic"].fewest:
        return "monotone"
    lower, upper = overshoot(grid)
    low, high = min(grid.values), max(grid.values)
    slack = OVERSHOOT * (high - low)
    return "cubic" if low - slack <= lower and upper <= high + slack else "monotone"


@lru_cache(maxsize=64)
def overshoot(grid: Grid) -> tuple[float, float]:
    """The least and the largest value of the cubic spline of a grid at its points and in between,
    three times in every interval of at most MOST_PROBED in all.
    """
    between = [
        np.interp(np.arange(4 * len(axis) - 3) / 4, np.arange(len(axis)), axis)
        for axis in map(np.array, grid.axes)
    ]
    count = max(1, int(MOST_PROBED / np.prod([len(axis) for axis in between[1:]])))
    spline, extremes = _spline(grid, DEGREE), list[float]()
    for part in np.array_split(between[0], max(1, len(between[0]) // count)):
        points = np.stack(np.meshgrid(part, *between[1:], indexing="ij"), axis=-1)
        values = spline(points.reshape(-1, len(between)))
        extremes += [float(values.min()), float(values.max())]
    return min(extremes), max(extremes)


def remarks(grids: Iterable[Grid | Nodal]) -> list[str]:
    """What is to be said of grids whose interpolation the values decided, or that overshoot."""
    sentences = []
    for grid in grids:
        if not isinstance(grid, Grid) or min(map(len, grid.axes)) < DEGREE + 1:
            continue
        low, high = min(grid.values), max(grid.values)
        lower, upper = overshoot(grid)
        beyond = max(low - lower, upper - high) > OVERSHOOT * (high - low)
        if not beyond or grid.interpolation not in (None, "cubic"):
            continue
        way = "is" if grid.interpolation else "would be"
        instead = "say interpolation: monotone or linear to stay within them"
        if grid.interpolation is None:
            instead = "so it is interpolated as monotone; interpolation: says otherwise"
        sentences.append(
            f"a cubic spline of {grid.name!r} {way} between {lower:.4g} and {upper:.4g} where the"
            f" values are between {low:.4g} and {high:.4g}; {instead}"
        )
    return sentences


def _cubic(grid: Grid, points: Array, index: tuple[int, ...]) -> Array:
    return np.asarray(_spline(grid, DEGREE)(points, nu=index))


def _linear(grid: Grid, points: Array, index: tuple[int, ...]) -> Array:
    return np.asarray(_spline(grid, 1)(points, nu=index))


def _nearest(grid: Grid, points: Array, index: tuple[int, ...]) -> Array:
    places = []
    for numbers, axis in zip(points.T, map(np.array, grid.axes), strict=True):
        right = np.clip(np.searchsorted(axis, numbers), 1, max(1, len(axis) - 1))
        right = np.minimum(right, len(axis) - 1)
        left = np.maximum(right - 1, 0)
        places.append(np.where(numbers - axis[left] <= axis[right] - numbers, left, right))
    values = np.array(grid.values).reshape([len(axis) for axis in grid.axes])
    return np.asarray(values[tuple(places)])


_WAYS: Mapping[str, Callable[[Grid, Array, tuple[int, ...]], Array]] = {
    "cubic": _cubic,
    "linear": _linear,
    "nearest": _nearest,
    "monotone": monotone,
}


@lru_cache(maxsize=32)
def _spline(grid: Grid, degree: int) -> NdBSpline:
    """The spline of a grid: one interpolation along every axis."""
    from scipy.interpolate import NdBSpline, make_interp_spline

    coefficients = np.array(grid.values).reshape([len(axis) for axis in grid.axes])
    knots = []
    for number, axis in enumerate(grid.axes):
        along = make_interp_spline(np.array(axis), coefficients, degree, axis=number)
        knots.append(along.t)
        coefficients = np.moveaxis(along.c, 0, number)
    return NdBSpline(tuple(knots), coefficients, degree)
