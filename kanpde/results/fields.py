"""What a trial solution says at points: unknowns, their errors and gradients, quantities, vectors,
residuals.

A quantity is a formula q(x, u, ∂u, …); its value at a point is that of the formula on the jet of
u(x; θ) there. The gradient of an unknown is that by the coordinates of space.

Where u is singular, at a clamped corner say, derivatives may have no value; files bridge such
vertices (`bridged`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kanpde.assembly.residual import reader
from kanpde.domains import Mesh
from kanpde.expressions import Derivative, Node, jets
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.jets import JetSpace, unit
from kanpde.problem.formulas import Quantity
from kanpde.problem.problem import Problem
from kanpde.trial.patchwork import Patchwork
from kanpde.trial.piecewise import AnyTrial

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

WIDTH = 3
"""Components of a vector in a file; missing ones are zero."""


def sample(
    problem: Problem,
    trial: AnyTrial,
    points: Array,
    gradients: bool = False,
    regions: Indices | None = None,
) -> dict[str, Array]:
    """Every field worth looking at, at points (N, d): arrays (N,), and (N, 3) for vectors.

    Where the domain has regions every point takes the functions of its own: number `regions` (N,),
    else the one it lies in.

    u and, where `exact` is known, u_exact and u_error = u - u_exact; then quantities, vectors,
    u_gradient if asked for, and the residual of the equations, NaN where a coefficient or a source
    has no value. Units are those of the formulas.
    """
    x = torch.tensor(points).to(trial.scale.dtype)
    region = problem.region_of(x) if regions is None else torch.tensor(regions)
    values = problem.choose(trial.evaluate(x), region).double().numpy()
    fields: dict[str, Array] = {name: values[:, o] for o, name in enumerate(problem.unknowns)}
    exact = problem.exact_at(torch.tensor(points), region)
    if exact is not None:
        for name, field in zip(problem.unknowns, exact.T, strict=True):
            fields[f"{name}_exact"] = field.numpy()
            fields[f"{name}_error"] = fields[name] - fields[f"{name}_exact"]
    quantities = (*problem.quantities, *(_gradients(problem) if gradients else ()))
    for quantity in quantities:
        components = formula_values(quantity.nodes, trial, x, (region, len(problem.regions)))
        fields[quantity.name] = _padded(components) if quantity.vector else components[0]
    count = problem.per_region
    for k, (equation, place) in enumerate(
        zip(problem.equations, problem.places(region), strict=True)
    ):
        name = "residual" if count == 1 else f"residual_{k % count + 1}"
        if len(x[place]):
            (residual,) = formula_values((equation,), trial, x[place])
            at = place if isinstance(place, slice) else place.numpy()
            known = np.where(np.isfinite(residual), residual, np.nan)
            fields.setdefault(name, np.zeros(len(x)))[at] = known
    return fields


def bridged(problem: Problem, fields: Mapping[str, Array], mesh: Mesh) -> dict[str, Array]:
    """The fields (V,) or (V, k) of a mesh, where single vertices without a value have the mean of
    their neighbours'.

    That concerns what is derived (quantities, vectors, gradients, residuals) at vertices whose
    neighbours, the other vertices of each of their cells, all have values: a NaN there hides cells
    in a viewer and spoils the range of colours in some. The unknowns, `exact` and the error between
    them stay as they are, and so do larger gaps.
    """
    continuous = {f"{name}{tail}" for name in problem.unknowns for tail in ("", "_exact", "_error")}
    return {
        name: values if name in continuous else _bridged(values, mesh)
        for name, values in fields.items()
    }


def with_regions(fields: Mapping[str, Array], mesh: Mesh) -> dict[str, Array]:
    """The fields of a mesh, and the number of the region of every vertex where there are some:
    `region`, or `region_number` where a field has that name.
    """
    if mesh.regions is None:
        return dict(fields)
    name = "region_number" if "region" in fields else "region"
    return {**fields, name: mesh.regions.astype(float)}


def patches_of(trial: AnyTrial, mesh: Mesh) -> dict[str, list[Indices]]:
    """The number of the patch and its degree for every cell (C,) of each block of a mesh, by the
    middle of the cell; nothing where the trial solution has no patches.
    """
    if not isinstance(trial, Patchwork):
        return {}
    patches = []
    for _, cells in mesh.cells:
        regions = None if mesh.regions is None else mesh.regions[cells[:, 0]]
        patches.append(trial.patches_at(mesh.points[cells].mean(axis=1), regions))
    return {"patch": patches, "degree": [trial.tiles.degrees[numbers] for numbers in patches]}


def _bridged(values: Array, mesh: Mesh) -> Array:
    unknown = np.asarray(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
    if not unknown.any():
        return values
    total, count = np.zeros_like(values), np.zeros(len(values))
    for _, cells in mesh.cells:
        gaps = unknown[cells]
        count[cells[gaps & (gaps.sum(axis=1) > 1)[:, None]]] = -np.inf
        single = cells[gaps.sum(axis=1) == 1]
        is_gap = unknown[single]
        others = values[single[~is_gap]].reshape(len(single), cells.shape[1] - 1, *values.shape[1:])
        np.add.at(total, single[is_gap], others.sum(axis=1))
        np.add.at(count, single[is_gap], cells.shape[1] - 1)
    place = np.flatnonzero(count > 0)
    filled = values.copy()
    filled[place] = (total[place].T / count[place]).T
    return filled


def _gradients(problem: Problem) -> list[Quantity]:
    """The gradient of every unknown by the coordinates of space."""
    d = len(problem.coordinates)
    space = d if problem.config.time is None else d - 1
    return [
        Quantity(
            f"{name}_gradient",
            tuple(
                Derivative(number, unit(axis, d))
                for number in range(o, len(problem.outputs), len(problem.unknowns))
                for axis in range(space)
            ),
            vector=True,
        )
        for o, name in enumerate(problem.unknowns)
    ]


def formula_values(
    nodes: Sequence[Node],
    trial: AnyTrial,
    x: Tensor,
    regions: tuple[Tensor | None, int] = (None, 0),
    normal: Tensor | None = None,
) -> list[Array]:
    """The values (N,) of formulas on the jet of a trial solution at points x (N, d), on a part of
    the boundary with normals (N, d); of regions (N,) so many those of each.
    """
    region, count = regions
    if region is not None:
        each = len(nodes) // count
        totals = [np.zeros(len(x)) for _ in range(each)]
        for r in range(count):
            place = torch.nonzero(region == r)[:, 0]
            for total, component in zip(
                totals,
                formula_values(
                    nodes[r * each : (r + 1) * each],
                    trial,
                    x[place],
                    normal=None if normal is None else normal[place],
                ),
                strict=True,
            ):
                total[place.numpy()] = component
        return totals
    if not len(x):
        return [np.zeros(0) for _ in nodes]
    present = {jet.index for node in nodes for jet in jets(node)}
    space = JetSpace.closure([(0,) * x.shape[1], *sorted(present)], x.shape[1])
    with torch.no_grad():
        jet = trial.jet(trial.locate(x, space))
        values = evaluate(nodes, x, normal, jet=reader(jet, trial.constants.values))
    return [value.double().numpy() for value in values]


def _padded(components: Sequence[Array]) -> Array:
    columns = np.zeros((len(components[0]), max(WIDTH, len(components))))
    columns[:, : len(components)] = np.stack(components, axis=1)
    return columns
