"""Values at the vertices of a mesh as a function of the coordinates, linear on every triangle or
tetrahedron.

    s(x) = Σ_i λ_i(x) s_i,    ∇s = Σ_i s_i ∇λ_i  on a cell with vertices i

A point on a facet takes the derivative of one of its cells. Source: Ciarlet, The Finite Element
Method for Elliptic Problems, 1978, §2.2.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from kanpde.config.problem.nodal_fields import Nodal
from kanpde.errors import ConfigError
from kanpde.numerics.point_location import Array, Indices, Locator

SLACK = 1e-9
"""How far outside the mesh a point may be by rounding, in units of its size."""


def nodal_values(field: Nodal, index: tuple[int, ...], x: Tensor) -> Tensor:
    """∂^α s at points, (N,), for |α| ≤ 1.

    field: the values at the vertices. index: α, by the coordinates of the mesh. x: points (N, d) in
    the units of the mesh, whose first coordinates are its own. Raises ConfigError for a point
    outside.
    """
    points, cells, values, locator = _mesh(field)
    at = x[:, : points.shape[1]].detach().double().cpu().numpy()
    cell, shares, slopes = locator.shares(at, SLACK * float(np.ptp(points, axis=0).max()))
    if (cell < 0).any():
        raise ConfigError(
            f"problem.definitions.{field.name}: the point {at[cell < 0][0].tolist()} lies outside"
            f" the mesh {field.file!r}; its cells must cover the domain"
        )
    weights = slopes[:, :, index.index(1)] if any(index) else shares
    interpolated = (values[cells[cell]] * weights).sum(axis=1)
    return torch.tensor(interpolated, dtype=x.dtype, device=x.device)


@lru_cache(maxsize=16)
def _mesh(field: Nodal) -> tuple[Array, Indices, Array, Locator]:
    """Points (V, d), cells (C, d + 1), values (V,), and what finds cells."""
    with np.load(io.BytesIO(field.content.arrays), allow_pickle=False) as arrays:
        points, cells = arrays["points"], arrays["cells"]
        values = arrays["fields"][field.content.fields.index(field.column)]
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise ConfigError(
            f"problem.definitions.{field.name}: {field.column!r} in {field.file!r} is not finite"
            f" at the vertex {points[wrong[0]].tolist()}; give a number there"
        )
    return points, cells, values, Locator(points, cells)
