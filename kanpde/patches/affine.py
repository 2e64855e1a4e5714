"""Formulas that are affine in the unknowns and their derivatives, taken apart.

F = Σ slope · ∂^α u_o + constant
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from kanpde.errors import NumericalError
from kanpde.expressions import Node, linear_parts
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.polynomials import Index
from kanpde.numerics.quadrature import Array
from kanpde.patches.scales import Term


@dataclass(frozen=True)
class Affine:
    """F = Σ slope · ∂^α u_o + constant, with slopes as (o, α, node)."""

    slopes: tuple[tuple[int, Index, Node], ...]
    constant: Node
    weight: float = 1.0

    @classmethod
    def of(cls, node: Node, weight: float = 1.0) -> Affine:
        """Take a formula apart; ValueError where it is not affine in the unknowns."""
        slopes, constant = linear_parts(node)
        parts = tuple((jet.unknown, jet.index, slope) for jet, slope in slopes.items())
        return cls(parts, constant, weight)

    def at(self, x: Array, normal: Array | None = None) -> tuple[Array, Array]:
        """Slopes (S, N) and constant (N,) at points (N, d); NumericalError if one is not finite."""
        nodes = [*(slope for _, _, slope in self.slopes), self.constant]
        unit = None if normal is None else torch.tensor(normal)
        values = torch.stack(evaluate(nodes, torch.tensor(x), unit)).numpy()
        wrong = ~np.isfinite(values).all(axis=0)
        if wrong.any():
            raise NumericalError(
                f"a coefficient or source is not finite at {x[wrong][0].tolist()}; change the"
                f" formula so that it has a value there"
            )
        return values[:-1], values[-1]

    def numbered(self, first: int) -> Affine:
        """The same formula with its unknowns numbered from `first` on."""
        if first == 0:
            return self
        slopes = tuple((unknown - first, index, node) for unknown, index, node in self.slopes)
        return replace(self, slopes=slopes)

    def terms(self, slopes: Array) -> list[Term]:
        """The size of every coefficient over points with the given slopes (S, N)."""
        sizes = np.sqrt(np.mean(slopes**2, axis=1)).tolist()
        return [
            Term(unknown, index, size)
            for (unknown, index, _), size in zip(self.slopes, sizes, strict=True)
        ]


def indices_of(formulas: Sequence[Affine]) -> tuple[Index, ...]:
    """The derivatives that formulas need."""
    return tuple(sorted({index for affine in formulas for _, index, _ in affine.slopes}))


def functional(
    affine: Affine, slopes: Array, table: Mapping[Index, Array], n: int, unknowns: int
) -> Array:
    """Σ slope ∂^α of every polynomial of every unknown, (N, m·n)."""
    matrix = np.zeros((slopes.shape[1], unknowns * n))
    for (unknown, index, _), values in zip(affine.slopes, slopes, strict=True):
        matrix[:, unknown * n : (unknown + 1) * n] += values[:, None] * table[index]
    return matrix
