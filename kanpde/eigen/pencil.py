"""The rows of an eigenproblem: those of F at a shift σ beside those of its derivative by λ.

    A c + (λ - σ) B c ≈ 0,    A the rows of F_0 + σ F_1,  B those of F_1

Both have the same factors, those of A: B stands in the columns of further unknowns m … 2m - 1, which
no factor is measured by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kanpde.expressions import Node, linear_parts
from kanpde.expressions.simplify import ZERO
from kanpde.numerics.quadrature import Array
from kanpde.patches.affine import Affine
from kanpde.patches.pins import Pins
from kanpde.patches.rows import EQUATION, System
from kanpde.patches.scales import Term
from kanpde.patches.statement import Statement
from kanpde.problem.pencils import at_value, rate, with_value
from kanpde.problem.problem import Problem

SHIFT = 0.37
"""How far σ is from `near`, in units of the eigenvalue of a wave as long as the domain: an
eigenvalue at `near` itself, as 0 between insulated sides, would make A singular.
"""

SAMPLES = 1000
"""Points at which the size of coefficients is measured."""


@dataclass(frozen=True)
class Pencil(Affine):
    """A formula at σ, and as slopes of unknowns m … 2m - 1 its derivative by λ."""

    own: int = 1

    @classmethod
    def at_shift(cls, node: Node, weight: float, shift: float, unknowns: int) -> Pencil:
        """Take a formula apart that is linear in the unknowns and in λ."""
        fixed, _ = linear_parts(at_value(node, shift))
        varying, _ = linear_parts(rate(node))
        slopes = [(jet.unknown, jet.index, slope) for jet, slope in fixed.items()]
        slopes += [(jet.unknown + unknowns, jet.index, slope) for jet, slope in varying.items()]
        return cls(tuple(slopes), ZERO, weight, unknowns)

    def terms(self, slopes: Array) -> list[Term]:
        """The size of every coefficient at σ over points with the given slopes (S, N)."""
        return [term for term in super().terms(slopes) if term.unknown < self.own]


@dataclass(frozen=True)
class Pencils:
    """An eigenproblem at a shift: the linear `plain` problem at σ, and the `statement` of its rows
    with 2m unknowns.
    """

    plain: Problem
    statement: Statement
    shift: float

    @classmethod
    def of(cls, problem: Problem, shift: float) -> Pencils:
        """Of a problem that holds λ."""
        plain, unknowns = with_value(problem, shift), len(problem.unknowns)
        base = System.of(plain)
        on_parts: dict[str, tuple[Affine, ...]] = {}
        for condition in problem.conditions:
            if condition.kind != EQUATION:
                continue
            part = condition.part or ""
            pencil = Pencil.at_shift(condition.node, condition.weight, shift, unknowns)
            on_parts[part] = (*on_parts.get(part, ()), pencil)
        system = replace(
            base,
            unknowns=2 * unknowns,
            equations=tuple(
                Pencil.at_shift(node, 1.0, shift, unknowns) for node in problem.equations
            ),
            conditions=on_parts,
            orders=np.concatenate([base.orders, np.zeros_like(base.orders)]),
        )
        pins = replace(Pins.of(plain), unknowns=2 * unknowns)
        return cls(plain, Statement((system,), (pins,), ()), shift)


def shift_of(problem: Problem, near: float) -> float:
    """σ beside `near`: less by a share of the largest coefficients at λ = 0, over those of λ."""
    fixed = System.of(with_value(problem, 0.0))
    lengths = fixed.lengths
    x = problem.domain.quadrature(SAMPLES).x
    varying = 0.0
    for node in (*problem.equations, *(each.node for each in problem.conditions)):
        slopes, _ = linear_parts(rate(node))
        for jet, slope in slopes.items():
            values = Affine(((jet.unknown, jet.index, slope),), ZERO).at(x, _normals(x))[0]
            size = float(np.sqrt(np.mean(values**2)) / np.prod(lengths ** np.array(jet.index)))
            varying = max(varying, size)
    largest = float(fixed.sizes.max())
    return near - SHIFT * largest / varying if varying > 0 and largest > 0 else near


def _normals(x: Array) -> Array:
    """Some normals, for coefficients that hold them."""
    return np.full_like(x, x.shape[1] ** -0.5)
