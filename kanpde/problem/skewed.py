"""A problem in the plane in coordinates in which diffusion is as strong in all directions as it can be.

    ξ = S x,    S = L⁻¹,   L Lᵀ = mean of a/√det a,      Σ a_ij ∂_i ∂_j u = Σ (S a Sᵀ)_kl ∂_k ∂_l u

At a corner u is singular like a power of the distance in the metric of a⁻¹, and cells along the axes
that are graded to it in any other metric see it long and thin. Measured on a pentagon with the tensor
(10, 3; 3, 1): an estimate of 2.1e-2 and no further on 122 patches, 6.3e-6 in these coordinates.
S is triangular, so that vertical sides stay vertical, and keeps areas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from kanpde.domains import Composite
from kanpde.domains.outline import outline
from kanpde.domains.plane.bends import bends_of
from kanpde.domains.plane.curves import Curve, Segment
from kanpde.domains.plane.planar import Planar
from kanpde.domains.plane.regions import OutlinedRegion
from kanpde.errors import ConfigError, NumericalError
from kanpde.expressions import (
    Coordinate,
    Derivative,
    Node,
    Normal,
    add,
    jets,
    linear_parts,
    multiply,
    number,
    power,
    substitute,
)
from kanpde.expressions.evaluate import evaluate
from kanpde.expressions.tree import Field, postorder
from kanpde.numerics.linear_maps import turned
from kanpde.numerics.quadrature import Array
from kanpde.problem.conditions import (
    BoundaryCondition,
    Condition,
    MeanCondition,
    PointCondition,
)
from kanpde.problem.problem import Problem

PLANE, SECOND = 2, 2

POINTS = 500
"""Points at which diffusion is looked at."""

LEAST, MOST, SMALLER = 4.0, 1e3, 0.5
"""How many times stronger diffusion is along one direction than across at least and at most, and the
share of it that may be left. The domain becomes longer by the root of it, and thinner.
"""

ROUNDING = 1e-12


@dataclass(frozen=True)
class Skewed:
    """The `problem` in coordinates ξ = S x, with the matrix S (2, 2)."""

    problem: Problem
    matrix: Array


def skewed(problem: Problem) -> Skewed | None:
    """The same problem in better coordinates; None where there are none."""
    if not _is_plain(problem):
        return None
    tensors = _diffusion(problem)
    if tensors is None:
        return None
    lower = np.linalg.cholesky(tensors.mean(axis=0))
    lower /= np.sqrt(np.linalg.det(lower))
    if abs(lower[1, 0]) <= ROUNDING * np.abs(lower).max():
        return None  # cells have lengths of their own along the axes
    matrix = np.linalg.inv(lower)
    before, after = _anisotropy(tensors), _anisotropy(matrix @ tensors @ matrix.T)
    if not LEAST <= before <= MOST or after > SMALLER * before:
        return None
    try:
        return Skewed(_in_coordinates(problem, lower, matrix), matrix)
    except ConfigError:  # a curve that is not smooth enough
        return None


def _is_plain(problem: Problem) -> bool:
    """Whether a problem is steady, linear and of second order on one domain in the plane, without
    what depends on its coordinates.
    """
    domain = problem.domain
    if domain.dimension != PLANE or problem.config.time is not None or problem.regions:
        return False
    if isinstance(domain, Composite) or problem.pieces is not None or not problem.is_linear:
        return False
    kinds = BoundaryCondition | PointCondition | MeanCondition
    if not all(isinstance(condition, kinds) for condition in problem.conditions):
        return False
    # the average over a part of the boundary is another one in other coordinates
    if any(isinstance(c, MeanCondition) and c.over is not None for c in problem.conditions):
        return False
    nodes = [*problem.equations, *(condition.node for condition in problem.conditions)]
    if any(isinstance(part, Field) for part in postorder(nodes)):
        return False
    highest = max((jet.order for node in nodes for jet in jets(node)), default=0)
    return highest == SECOND and not any(len(places) for places in problem.kinks)


def _diffusion(problem: Problem) -> Array | None:
    """The tensors (N, 2, 2) of all equations and unknowns at points of the domain, with determinant
    1; None where one is not definite.
    """
    x = torch.tensor(problem.domain.quadrature(POINTS).x)
    every = []
    for node in problem.equations:
        slopes, _ = linear_parts(node)
        second = [jet for jet in slopes if jet.order == SECOND]
        for unknown in sorted({jet.unknown for jet in second}):
            mine = [jet for jet in second if jet.unknown == unknown]
            try:
                values = torch.stack(evaluate([slopes[jet] for jet in mine], x)).numpy()
            except NumericalError:
                return None
            tensors = np.zeros((len(x), PLANE, PLANE))
            for jet, of_points in zip(mine, values, strict=True):
                first, last = _axes(jet.index)
                tensors[:, first, last] += of_points / 2
                tensors[:, last, first] += of_points / 2
            determinant = np.linalg.det(tensors)
            if not (np.isfinite(tensors).all() and (determinant > 0).all()):
                return None
            sign = np.sign(np.trace(tensors, axis1=1, axis2=2))
            every.append(tensors * (sign / np.sqrt(determinant))[:, None, None])
    return np.concatenate(every) if every else None


def _axes(index: Sequence[int]) -> tuple[int, int]:
    """The two axes of a second derivative."""
    along = [axis for axis, times in enumerate(index) for _ in range(times)]
    return along[0], along[1]


def _anisotropy(tensors: Array) -> float:
    """The largest ratio of the eigenvalues of tensors (N, 2, 2)."""
    return float(np.linalg.cond(tensors).max())


def _in_coordinates(problem: Problem, lower: Array, matrix: Array) -> Problem:
    """A problem in the coordinates ξ = S x with S = `matrix` and its inverse, `lower`."""
    nodes = (*problem.equations, *(condition.node for condition in problem.conditions))
    mapping = _mapping(nodes, lower, matrix)
    conditions = [_condition(condition, mapping, matrix) for condition in problem.conditions]
    curves = [piece for curve in outline(problem.domain) for piece in _curve(curve, matrix)]
    return replace(
        problem,
        domain=Planar(OutlinedRegion(tuple(curves)), problem.domain.parts),
        equations=tuple(substitute(node, mapping) for node in problem.equations),
        conditions=tuple(conditions),
        exact=None,
        reference=None,
        true={},
        quantities=(),
        numbers=(),
    )


def _condition(condition: Condition, mapping: dict[Node, Node], matrix: Array) -> Condition:
    moved = replace(condition, node=substitute(condition.node, mapping))
    if isinstance(moved, PointCondition):
        return replace(moved, point=tuple((matrix @ np.array(moved.point)).tolist()))
    return moved


def _curve(curve: Curve, matrix: Array) -> list[Curve]:
    """A curve in other coordinates; ConfigError where it is not smooth enough."""
    if isinstance(curve, Segment):
        return [Segment(matrix @ curve.a, matrix @ curve.b, curve.part)]
    bends = bends_of(lambda t: np.asarray(curve.at(t) @ matrix.T), curve.part)
    if bends is None:
        raise ConfigError("domain: its boundary must be smooth; use other curves")
    return list(bends)


def _mapping(nodes: Sequence[Node], lower: Array, matrix: Array) -> dict[Node, Node]:
    """What takes the place of coordinates, derivatives and normals."""
    mapping: dict[Node, Node] = {}
    # a normal is a gradient: n = Sᵀ n_ξ, of length one
    normals = [_sum(matrix[:, axis], [Normal(k) for k in range(PLANE)]) for axis in range(PLANE)]
    length = power(add(*(multiply(n, n) for n in normals)), number(-0.5))
    for part in postorder(nodes):
        if isinstance(part, Coordinate):
            mapping[part] = _sum(lower[part.index], [Coordinate(k) for k in range(PLANE)])
        elif isinstance(part, Normal):
            mapping[part] = multiply(normals[part.index], length)
        elif isinstance(part, Derivative) and part.order:
            terms = turned(part.index, matrix).items()
            of_jets = [Derivative(part.unknown, index) for index, _ in terms]
            mapping[part] = _sum(np.array([factor for _, factor in terms]), of_jets)
    return mapping


def _sum(factors: Array, nodes: Sequence[Node]) -> Node:
    terms = zip(factors.tolist(), nodes, strict=True)
    return add(*(multiply(number(factor), node) for factor, node in terms if factor))
