"""Values on a grid as a function of the coordinates: the tensor spline of degree 3 that
interpolates them.

    s(x) = Σ c_ij.. B_i(x_1) B_j(x_2) ...,  s = the values at the grid points, not-a-knot ends

It has two continuous derivatives; for a smooth function on a grid of spacing h, s is exact to O(h⁴)
and ∂^α s to O(h^{4-|α|}).
Source: de Boor, A Practical Guide to Splines, 2001, ch. XVII.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kanpde.config.problem.gridded_fields import DEGREE, Grid
from kanpde.config.problem.nodal_fields import Nodal
from kanpde.errors import ConfigError
from kanpde.expressions.nodal import nodal_values

if TYPE_CHECKING:
    from scipy.interpolate import NdBSpline

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
    values = _spline(grid)(np.clip(points, lower, upper), nu=index)
    return torch.tensor(values, dtype=x.dtype, device=x.device)


@lru_cache(maxsize=32)
def _spline(grid: Grid) -> NdBSpline:
    """The spline of a grid: one interpolation along every axis."""
    from scipy.interpolate import NdBSpline, make_interp_spline

    coefficients = np.array(grid.values).reshape([len(axis) for axis in grid.axes])
    knots = []
    for number, axis in enumerate(grid.axes):
        along = make_interp_spline(np.array(axis), coefficients, DEGREE, axis=number)
        knots.append(along.t)
        coefficients = np.moveaxis(along.c, 0, number)
    return NdBSpline(tuple(knots), coefficients, DEGREE)
