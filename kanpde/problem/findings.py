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
