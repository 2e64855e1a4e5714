"""What is noticed about a problem or its solution, and formulas that are affine in the unknowns
as numbers.

    F(x, u, ∂u, …) = Σ_α a_α(x) ∂^α u + b(x)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from kanpde.expressions import Derivative, Node, linear_parts
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.quadrature import Array

PARALLEL = 1e-9
"""Rows are multiples of each other to this share."""


@dataclass(frozen=True)
class Finding:
    """Something a user should know, in one sentence.

    Attributes:
        kind: one or two words that say what it is.
        sentence: what was found, where, and what to do.
        warns: whether the result is not to be trusted because of it, so that a run ends with 8.
    """

    kind: str
    sentence: str
    warns: bool = True


@dataclass(frozen=True)
class Affine:
    """Σ_α a_α ∂^α u + b at N points: a_α (N,) by jet, and b (N,)."""

    slopes: Mapping[Derivative, Array]
    rest: Array

    @property
    def order(self) -> int:
        """The highest |α|."""
        return max((jet.order for jet in self.slopes), default=0)

    def row(self, jets: tuple[Derivative, ...]) -> Array:
        """The coefficients (N, J) of some jets."""
        zero = np.zeros_like(self.rest)
        return np.stack([self.slopes.get(jet, zero) for jet in jets], axis=1)


def affine(node: Node, x: Array, normal: Array | None = None) -> Affine | None:
    """The coefficients of a formula at points (N, d) with normals (N, d); None where it is not
    affine in the unknowns, or holds unknown constants.
    """
    try:
        slopes, rest = linear_parts(node)
    except ValueError:
        return None
    values = numbers((*slopes.values(), rest), x, normal)
    return Affine(dict(zip(slopes, values[:-1], strict=True)), values[-1])


def numbers(nodes: tuple[Node, ...], x: Array, normal: Array | None = None) -> list[Array]:
    """The values (N,) of formulas without unknowns at points (N, d) with normals (N, d)."""
    directions = None if normal is None else torch.tensor(normal)
    with np.errstate(all="ignore"):
        tensors = evaluate(nodes, torch.tensor(x), directions)
    return [np.asarray(tensor.numpy(), dtype=np.float64) for tensor in tensors]


def multiple_of(first: Affine, second: Affine) -> Array | None:
    """λ (N,) with the coefficients of the second = λ times those of the first at all points."""
    both = tuple(first.slopes)
    a, b = first.row(both), second.row(both)
    sizes = np.sum(a * a, axis=1)
    if not np.isfinite(a).all() or not np.isfinite(b).all() or not (sizes > 0).all():
        return None
    multiple = np.sum(a * b, axis=1) / sizes
    away = np.linalg.norm(b - multiple[:, None] * a, axis=1)
    if (away > PARALLEL * np.linalg.norm(b, axis=1)).any() or not multiple.any():
        return None
    return np.asarray(multiple)
