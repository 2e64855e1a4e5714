"""By what the rows of a patch are multiplied, from the sizes of the terms of its equations.

    equation e     f_e = d^{s/2} / √(g_e G_e) · (L/h)^{c_e}
    value          V = f_e √h_n (k_n/h_n² + b_n/h_n + c),     the largest of all equations
    derivative     V h_n^k                                    of order k along the normal

g_e is the size of the largest leading term of equation e on the patch, G_e over the domain, with
derivatives counted as 1/L of their axis. Terms of lower order count as far as is usual in the
domain, in g_e more where they are as large as the others in a cell: at a corner the slopes by u of
div((1 + u²) grad u) grow like |grad u|², and rows that are divided by them say nothing there
(measured, 270° between a value and a Robin condition: an error of 2.7e-5 that does not fall behind an
estimate of 1.2e-6). s is the highest order of an unknown, at least two, and c_e
the number of derivatives that an equation is measured with (see `offsets`). h_n is the extent of the
cell along the normal, k_n, b_n and c are the sizes of the coefficients of ∂_n²u, ∂_n u and u, with
those of higher order if there are any: V is the residual that a jump of u makes which is spread over
the cell. Derivatives along the side alone count in c, over the length L of the domain: a layer at a
wall that convection runs along is as thin as √(ε L/b), and without them the least residual is that
of u without it (measured: -ε Δu + u_x = 1, ε = 1e-5: objective 6e-10 on 76 patches, an estimate of 2e-7
and 0.84 of the condition on the wall missed). d is the distance to the nearest corner of the domain
(at least h).

Derivatives of order s are not square integrable at a corner, their product with d^{s/2} is: without
it the error grows when cells are graded.

Where convection leaves through the boundary, β·n > 0, conditions are weak as long as the layer there
is not resolved: V is multiplied by (ε/(β·n h))^{3/2}, at most 1, with the diffusion ε and the drift
β of the equation. With the full weight the least residual is that of u near zero everywhere
(measured: -ε Δu + u_x + u_y = 1, ε = 1e-3: 97 % wrong on any coarse cells).

Source of d: Kondrat'ev, Trans. Moscow Math. Soc. 16 (1967) 227-313; of c_e: Agmon, Douglis &
Nirenberg, Comm. Pure Appl. Math. 17 (1964) 35-92.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kanpde.numerics.polynomials import Index
from kanpde.numerics.quadrature import Array

WEAKER = 1.5
"""Power of the width of a layer over that of the cell by which conditions at an outflow are weak."""

MOST_POINTS = 0.9
"""Share of the points of a domain that most are."""


class Term(NamedTuple):
    """The root mean square of the coefficient of ∂^α u_o."""

    unknown: int
    alpha: Index
    size: float


def magnitude(terms: Iterable[Term], lengths: Array) -> float:
    """The size of the largest term, with derivatives counted as one over `lengths` (d,)."""
    return max((term.size / float(np.prod(lengths**term.alpha)) for term in terms), default=0.0)


def usual_sizes(
    known: tuple[Sequence[tuple[int, Index]], Array], terms: Sequence[Term], lengths: Array
) -> tuple[float, float]:
    """G: the size of the largest of `terms` over a domain, and what the largest that is not of the
    highest order is up to at most points, which is all that counts of it. The slopes (S, N) are
    `known` there, with the unknown and the multi-index of each.
    """
    jets, slopes = known
    highest = _highest(terms)
    lower = {(term.unknown, term.alpha) for term in terms if sum(term.alpha) < highest}
    at_points = np.zeros(slopes.shape[1])
    for (unknown, index), values in zip(jets, slopes, strict=True):
        if (unknown, index) in lower:
            at_points = np.maximum(at_points, np.abs(values) / float(np.prod(lengths**index)))
    usual = float(np.quantile(at_points, MOST_POINTS))
    return strength(terms, lengths, math.inf, usual), usual


def strength(terms: Sequence[Term], lengths: Array, ratio: float, most: float) -> float:
    """g: the size of the largest term. Those that are not of the highest order count so far as they
    matter in a cell that is `ratio` times smaller than the domain, but `most` at least.
    """
    highest = _highest(terms)
    full = [term for term in terms if sum(term.alpha) == highest]
    lower = [term for term in terms if sum(term.alpha) < highest]
    here = [magnitude([term], lengths) / ratio ** (highest - sum(term.alpha)) for term in lower]
    return max(magnitude(full, lengths), min(magnitude(lower, lengths), max(most, *here, 0.0)))


def _highest(terms: Sequence[Term]) -> int:
    """The highest order of terms that are not zero."""
    return max((sum(term.alpha) for term in terms if term.size > 0.0), default=0)


@dataclass(frozen=True)
class Scales:
    """The factors f (E,) of the equations of a patch, with the terms of each; what the rows of
    values are multiplied by follows from them. `drift` and `diffusion` (m, d) are β and ε of every
    unknown on the mean.
    """

    factors: Array
    terms: Sequence[Sequence[Term]]
    drift: Array
    diffusion: Array
    lengths: Array
    at_rim: Array | None = None

    def outflow(self, unknown: int, normal: Array, sizes: Array) -> tuple[Array, Array]:
        """The factor (N,) of the conditions of an unknown where its drift leaves the domain, and the
        width (N,) of its layer, 0 where there is none; normals (N, d) point outwards.
        """
        out = np.maximum(normal @ self.drift[unknown], 0.0)
        if self.at_rim is not None:
            out = np.minimum(out, np.maximum((normal * self.at_rim[unknown]).sum(axis=1), 0.0))
        spread = normal**2 @ self.diffusion[unknown]
        extent = normal**2 @ sizes
        with np.errstate(divide="ignore", invalid="ignore"):
            width = np.where((out > 0) & (spread > 0), spread / out, 0.0)
        share = np.where(width > 0, width / extent, 1.0)
        return np.minimum(1.0, share**WEAKER), width

    def value(self, unknown: int, axis: int, size: float, sizes: Array) -> float:
        """V of an unknown for a normal along `axis`.

        Args:
            unknown: its number.
            axis: the axis of the normal.
            size: h_n, extent along the normal.
            sizes: the sides (d,) of the cell; a mixed derivative along a shorter one counts as one
                along the normal.
        """
        # numbers, not arrays: this is asked for every unknown on every face
        longer = [max(side, size) for side in sizes.tolist()]
        lengths, largest = self.lengths.tolist(), 0.0
        for factor, terms in zip(self.factors.tolist(), self.terms, strict=True):
            total = 0.0
            for term in terms:
                if term.unknown != unknown:
                    continue
                # a jump varies along the side at least once over the domain
                across = longer if term.alpha[axis] else lengths
                powers = [side**times for side, times in zip(across, term.alpha, strict=True)]
                if term.alpha[axis]:
                    powers[axis] = size ** term.alpha[axis]
                total += term.size / math.prod(powers)
            largest = max(largest, factor * total)
        # an equation without coefficients on a patch still couples it to the next
        return (largest or float(self.factors.max())) * math.sqrt(size)
