"""Planes across which formulas of equations that are not linear jump, as nonlinear conduction in two
materials:

    [Σ_l a_kl(x, u) ∂_n u_l] = 0    on x_axis = c

a_kl is the derivative of equation k by ∂_n²u_l. That these are the fluxes is seen from what the
equations have concentrated on the plane (`problem.concentrated`): D_k = Σ_l [a_kl] ∂_n u_l whatever
the unknowns and their derivatives are. It is tried with numbers in their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from kanpde.expressions import Derivative, Node, Number, jets, partial, substitute
from kanpde.expressions.simplify import ZERO
from kanpde.numerics.quadrature import Array
from kanpde.patches.affine import Affine
from kanpde.problem.concentrated import Edge

DRAWS = 3
VALUES, SLOPES = (0.3, 1.7), (-1.0, 1.0)
"""Between these are the numbers for unknowns, where roots and logarithms have values, and for their
derivatives.
"""

Numbers = Mapping[Node, Node]


def draws(equations: Sequence[Node], edges: Sequence[Edge]) -> list[Numbers]:
    """Numbers for all jets of some formulas, several times."""
    formulas = [*equations, *(edge.strength for edge in edges if edge.strength is not None)]
    every = sorted(
        {jet for node in formulas for jet in jets(node)}, key=lambda jet: (jet.unknown, jet.index)
    )
    rng = np.random.default_rng(0)
    return [
        {jet: Number(float(rng.uniform(*(SLOPES if jet.order else VALUES)))) for jet in every}
        for _ in range(DRAWS)
    ]


@cache
def _second(node: Node) -> tuple[tuple[int, tuple[int, ...], Node], ...]:
    """The derivatives of a formula by second derivatives of the unknowns."""
    highest = [jet for jet in jets(node) if jet.order == 2]
    return tuple((jet.unknown, jet.index, partial(node, jet)) for jet in highest)


def frozen(node: Node, values: Numbers) -> Affine:
    """The terms of second order of an equation, with numbers for the jets in their coefficients."""
    slopes = tuple(
        (unknown, index, substitute(slope, dict(values))) for unknown, index, slope in _second(node)
    )
    return Affine(slopes, ZERO)


def concentrated(edge: Edge, values: Numbers, x: Array) -> Array:
    """What an equation has concentrated at points (N, d) of a plane, with numbers for the jets;
    NaN where that is not known.
    """
    if edge.strength is None:
        return np.full(len(x), np.nan)
    known = replace(edge, slopes={}, constant=substitute(edge.strength, dict(values)))
    return known.strengths(x)[1]


def through(
    jumps: Mapping[tuple[int, tuple[int, ...]], Array], values: Numbers, count: int
) -> Array:
    """Σ_l [a_kl] ∂_n u_l at `count` points, with numbers for the derivatives."""
    total = np.zeros(count)
    for (unknown, index), jump in jumps.items():
        slope = values.get(Derivative(unknown, index))
        total = total + jump * (slope.value if isinstance(slope, Number) else 0.0)
    return total
