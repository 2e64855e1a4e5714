"""How much every patch is expected to add to the L2 error, and what the next level is to reach.

    share_j = η_j² · max(d_j/ℓ, η_j)²,    η_j² = squared rows of patch j / (L^s ∫ |u|²)

with the distance d_j of the patch to the nearest corner, the size L of the domain and the order s;
the second factor is at most 1. ℓ ≤ L is the length below which diffusion is what counts: where
convection or reaction is stronger, what is wrong at a corner is carried into the domain. Measured
(-ε Δu + u_x + u_y = 1, ε = 1e-3): with ℓ = L an error of 2.4e-6 behind an estimate of 4.3e-7.
Squared rows are those of an energy, and an error in L2 is a product of the residual and of what
the dual problem leaves: of a singular function r^α both fall like h^α at its corner, and where
dual solutions are smooth, or vanish, they leave little near the corners. Measured on the L-shape
(-Δu = 1, degree 12, 72 patches): the re-entrant corner has 0.9 of the squared rows and less than
0.04 of the error, the five others 0.1 and the rest.

A level aims at a share of the error of the one before. Patches above their part of it are raised
once, or cut towards a corner as often as its exponent says: from two levels, squared rows at a
corner fall like h^{2α}.

Source: Aubin, Ann. Sc. Norm. Super. Pisa 21 (1967) 599-637; Babuška & Guo, SIAM J. Numer. Anal. 25
(1988) 837-861 (layers and degrees at corners).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kanpde.numerics.quadrature import Array
from kanpde.patches.affine import Affine
from kanpde.patches.cells import Cell, Cover, geometric
from kanpde.patches.levels import Level, Mask

REACHES = (0.02, 0.1, 0.4)
"""Shares of the error that a level aims at, the later ones where the cells become too many."""

SPARE = 0.7
"""Share of the tolerance that the last level aims at."""

EXPONENT = 1.0
"""Exponent of a corner that only one level knows."""

WEAKEST, STRONGEST = 0.15, 3.0
"""Exponents that are believed."""

BULK = 0.9

NEAR = 1.0 + 1e-6

ORDER = 2


@dataclass(frozen=True)
class Aim:
    """The shares (J,) of patches in the squared error, the `goal` that none of them is to exceed,
    and by what factors (J,) they fall with a layer of cells at a corner. Patches that hold the share
    `bulk` of all are refined at least.
    """

    shares: Array
    goal: float
    falls: Array
    bulk: float = BULK

    def times(self, number: int, fall: float, most: int) -> int:
        """How often the share of a patch has to fall by a factor, at least once."""
        ratio = float(self.shares[number]) / self.goal
        if ratio <= 1.0 or fall >= 1.0:
            return 1
        return min(most, max(1, math.ceil(math.log(ratio) / -math.log(max(fall, 1e-12)))))


def is_at_corner(cover: Cover, cell: Cell) -> bool:
    """Whether a corner of the domain is in a cell or on its rim."""
    return cover.depth(cell) <= NEAR * geometric(cover.size(cell))


def diffusive_length(formulas: Iterable[tuple[Affine, Array]], length: float) -> float:
    """ℓ: where terms a ∂^α u with |α| < 2 are as large as the least of k ∂_a²u, and where a domain is
    long for the strongest diffusion, it is shorter for the weakest.

    Args:
        formulas: equations with their slopes (S, N) at points of the domain.
        length: L.
    """
    shortest = length
    for formula, slopes in formulas:
        terms = formula.terms(slopes)
        for unknown in {term.unknown for term in terms}:
            of_unknown = [term for term in terms if term.unknown == unknown]
            second = [t.size for t in of_unknown if sum(t.alpha) == ORDER and max(t.alpha) == ORDER]
            if not second:
                continue
            # an axis without diffusion has none of its length
            least = min(second) if len(second) == len(of_unknown[0].alpha) else 0.0
            shortest = min(shortest, length * math.sqrt(least / max(second)) if least else 0.0)
            for term in of_unknown:
                lower = ORDER - sum(term.alpha)
                if lower > 0 and term.size > 0.0:
                    shortest = min(shortest, float((least / term.size) ** (1 / lower)))
    return shortest


def shares(level: Level, length: float, size: float, at_jumps: Mask | None = None) -> Array:
    """The share (J,) of every patch in the squared relative error.

    Args:
        level: a solved level.
        length: ℓ.
        size: L^s ∫ |u|².
        at_jumps: which patches (J,) hold a jump of given values, whose η does not fall: there the
            second factor is d_j/ℓ.
    """
    depths = np.array([patch.depth for patch in level.patches])
    # what conditions at an outflow lack of full weight counts too
    squares = level.squares + level.missed[:, :-1].sum(axis=1)
    relative = squares / size if size > 0 else squares
    near = (depths / length) ** 2 if length > 0.0 else np.ones(len(depths))
    least = relative if at_jumps is None else np.where(at_jumps, 0.0, relative)
    weights = np.minimum(1.0, np.maximum(near, least))
    return np.asarray(relative * weights)


def falls(cover: Cover, level: Level, before: Level | None) -> Array:
    """By what factor (J,) the share of a patch at a corner falls with one layer more."""
    exponents = np.full(len(level.patches), EXPONENT)
    if before is not None:
        owner = {cell: k for k, patch in enumerate(before.patches) for cell in patch.cells}
        for number, patch in enumerate(level.patches):
            parent = ancestor(patch.cells[0], owner)
            if parent is not None and is_at_corner(cover, patch.cells[0]):
                measured = _exponent(level, number, before, parent)
                exponents[number] = measured or EXPONENT
    exponents = np.clip(exponents, WEAKEST, STRONGEST)
    return np.asarray(0.5 ** np.minimum(2 * exponents + 2, 4 * exponents))


def ancestor(cell: Cell, owner: dict[Cell, int]) -> int | None:
    """The number of the patch of a coarser level that a cell came from."""
    up: Cell | None = cell
    while up is not None:
        if up in owner:
            return owner[up]
        up = up.parent()
    return None


def _exponent(level: Level, number: int, before: Level, parent: int) -> float | None:
    """The exponent of a corner from the squared rows of a patch and of the one it was cut from."""
    patch, coarse = level.patches[number], before.patches[parent]
    ratio = coarse.depth / patch.depth
    squares = float(level.squares[number]), float(before.squares[parent])
    if ratio < 1.5 or patch.degree != coarse.degree or min(squares) <= 0.0:
        return None
    return 0.5 * math.log(squares[1] / squares[0]) / math.log(ratio)


def goal_of(error: float, reach: float, constant: float, tolerance: float) -> float:
    """What the error measured by shares is to be on the next level.

    Args:
        error: what it is.
        reach: the share of it that can be reached.
        constant: how many times it the error is, infinite where nothing is known.
        tolerance: what the error is to be.
    """
    needed = SPARE * tolerance / constant if math.isfinite(constant) and constant > 0 else 0.0
    return min(REACHES[-1] * error, max(reach * error, needed))


def aim_of(
    cover: Cover,
    levels: tuple[Level, Level | None],
    of_patches: Array,
    goal: float,
    bulk: float = BULK,
) -> Aim:
    """What the next level is to reach, from the shares of patches and the goal of all of them."""
    level, before = levels
    return Aim(of_patches, _part(of_patches, goal**2), falls(cover, level, before), bulk)


def _part(of_patches: Array, total: float) -> float:
    """The bound that leaves so much of the sum of all shares, Σ min(share, bound) = `total`."""
    rising = np.sort(of_patches)
    below = np.concatenate([[0.0], np.cumsum(rising)[:-1]])
    above = len(rising) - np.arange(len(rising))
    # where the bound is the k-th share, that many stay as they are
    first = int(np.argmax(below + above * rising >= total))
    return float((total - below[first]) / above[first])
