"""How large the residual of an equation or a condition is beside the size of its terms.

    r(x) = F(x, u, ∂u, …),    a_{α, o} = ∂F/∂(∂^α u_o)
    s(x) = Σ_{α, o} |a_{α, o}| |∂^α u_o| + |F - Σ_{α, o} a_{α, o} ∂^α u_o|
    relative residual = (∫ r² / ∫ s²)^{1/2}

On the boundary, and for averages, a derivative counts with its root mean square over the domain if
that is larger, or that of another derivative of the same order in space: u = 0 on a side is judged
beside the size of u inside, ∂_n u = 0 where u changes along the side alone beside ∂u there. Nowhere does |∂^α u| count
with less than NOTHING times what u changes by over the domain, or rounding would be judged beside
rounding where a derivative or an unknown is zero. Nor does an unknown u_o that is at most BALANCED
times what its equations would make of it beside the terms of the others count with less than that,

    S_o = min over equations of max ‖a_{β, i} ∂^β u_i‖ / max (‖a_{α, o}‖ / L^|α|),   i ≠ o,

or the error of a velocity that is zero would be judged beside itself. Dimensionless; multiplying an
equation by a number does not change it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce

import torch
from torch import Tensor

from kanpde.assembly.residual import Assembly, Bound
from kanpde.numerics.jets import Jet, MultiIndex

NOTHING = 1e-9
"""Share of the size of the unknowns, over the sides of the domain, that is taken for zero."""

BALANCED = 1e-5
"""Share of what its equations would make of an unknown that is nothing."""

Typical = Mapping[MultiIndex, Tensor]
"""Root mean squares (m,) over the domain of a derivative of every unknown."""


def sizes(
    assembly: Assembly, jets: Sequence[Sequence[Jet]], constants: Tensor, space: int
) -> list[Tensor]:
    """s of every term, (R,) each.

    Args:
        assembly: the terms at their points.
        jets: those of a trial solution at these points, from `assembly.jets`.
        constants: the values (q,) of the unknown constants.
        space: how many coordinates, the first ones, are lengths.
    """
    pairs = list(zip(jets, assembly.bound, strict=True))
    inside = [(sides[0], bound) for sides, bound in pairs if bound.term.interior]
    typical = _typical([jet for jet, _ in inside])
    least = _least(inside, typical, constants) if inside else {}
    steepest = _steepest(typical, space)
    on_boundary = {index: torch.maximum(rms, least[index]) for index, rms in steepest.items()}
    return [
        _size(bound, sides[0], constants, least if bound.term.interior else on_boundary)
        for sides, bound in pairs
    ]


def share(residual: Tensor, size: Tensor, weights: Tensor | None = None) -> float:
    """The relative residual of rows (R,) of these sizes (R,): 0 where 0 = 0, infinite beside terms
    of size zero; all rows count the same unless `weights` (R,) are given.
    """
    w = torch.ones_like(residual) if weights is None else weights
    squares, against = float((w * residual.square()).sum()), float((w * size.square()).sum())
    if squares == 0.0:
        return 0.0
    return math.sqrt(squares / against) if against > 0 else math.inf


def _typical(jets: Sequence[Jet]) -> dict[MultiIndex, Tensor]:
    largest: dict[MultiIndex, Tensor] = {}
    for jet in jets:
        for index in jet.space.indices:
            rms = jet.derivative(index).square().mean(dim=1).sqrt()
            largest[index] = torch.maximum(largest[index], rms) if index in largest else rms
    return largest


def _steepest(typical: Typical, space: int) -> Typical:
    """The largest root mean square of all derivatives that differ in directions of space alone."""
    largest: dict[tuple[int, MultiIndex], Tensor] = {}
    for index, rms in typical.items():
        kind = sum(index[:space]), index[space:]
        largest[kind] = torch.maximum(largest[kind], rms) if kind in largest else rms
    return {index: largest[sum(index[:space]), index[space:]] for index in typical}


def _least(
    inside: Sequence[tuple[Jet, Bound]], typical: Typical, constants: Tensor
) -> dict[MultiIndex, Tensor]:
    """What a derivative counts with at least, (m,)."""
    x = inside[0][1].term.x
    extent = (x.amax(dim=0) - x.amin(dim=0)).clamp_min(1e-300)
    size = typical[(0,) * x.shape[1]]
    balanced = reduce(torch.minimum, [_balanced(*pair, constants, extent) for pair in inside])
    balanced = torch.where(balanced.isfinite() & (size <= BALANCED * balanced), balanced, 0.0)
    least = torch.maximum(NOTHING * size.amax(), balanced)
    return {index: least / _power(extent, index) for index in typical}


def _balanced(jet: Jet, bound: Bound, constants: Tensor, extent: Tensor) -> Tensor:
    """What one equation would make of each unknown (m,), infinite where it couples it to none."""
    slopes = bound.slopes(jet, 0, len(bound.term.x), constants)
    terms = (slopes * jet.data).square().mean(dim=2).sqrt().amax(dim=0)
    lengths = torch.stack([_power(extent, index) for index in jet.space.indices])
    coefficients = (slopes.square().mean(dim=2).sqrt() / lengths[:, None]).amax(dim=0)
    itself = torch.eye(len(terms), dtype=torch.bool, device=terms.device)
    largest = terms.expand(len(terms), -1).masked_fill(itself, 0.0).amax(dim=1)
    is_coupled = (largest > 0) & (coefficients > 0)
    return torch.where(is_coupled, largest / coefficients, math.inf)


def _power(extent: Tensor, index: MultiIndex) -> Tensor:
    return torch.prod(extent ** extent.new_tensor(index))


def _size(bound: Bound, jet: Jet, constants: Tensor, typical: Typical) -> Tensor:
    n, term = len(bound.term.x), bound.term
    slopes = bound.slopes(jet, 0, n, constants)
    rest = bound.formula(jet, 0, n, constants) - (slopes * jet.data).sum((0, 1))
    derivatives = jet.data.abs()
    for position, index in enumerate(jet.space.indices):
        if index in typical:
            derivatives[position] = torch.maximum(derivatives[position], typical[index][:, None])
    size = (slopes.abs() * derivatives).sum((0, 1)) + rest.abs()
    if term.data is not None:
        size = size + term.data.abs()
    return size if term.average is None else (term.average * size).sum()[None]
