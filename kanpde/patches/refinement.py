"""Which patches are refined after a level, and how: cut in half along some axes, or raised in degree.

Marked are the patches that hold the share BULK of the sum of all squared rows. A marked patch
whose coefficients fall fast towards the end of the expansion gets two degrees more, any other is
split along the axes that the end of the expansion is about.

Source: Doerfler, SIAM J. Numer. Anal. 33 (1996) 1106–1124 (marking); Mavriplis, Comput. Methods
Appl. Mech. Eng. 116 (1994) 77–86 (decay of coefficients).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kanpde.numerics.polynomials import decay, directions
from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import DEEPEST, Cell, Cover
from kanpde.patches.layout import Patch, balanced

BULK = 0.9

FAST = 0.1
"""Two degrees more are worth it where the last two shells are below this share of those before."""

HIGHEST = (16, 16, 20)
"""Degrees are raised to this one, by the number of coordinates."""

ALONG = 0.1
"""A patch is split along the axes with this share of the squared coefficients of the worst one."""

STEP = 2


def refined(
    cover: Cover,
    degrees: Mapping[Cell, int],
    patches: Sequence[Patch],
    coefficients: Sequence[Array],
    squares: Array,
    lacking: Array | None = None,
) -> dict[Cell, int]:
    """The cells of the next level with their degrees.

    Args:
        cover: what is known of the cells.
        degrees: the cells of this level.
        patches: their patches.
        coefficients: those of each patch, (n, m).
        squares: the sum of the squared rows of each patch.
        lacking: what each lacks along every axis (J, d) for conditions at full weight; where this
            is the larger part, a patch is cut along it and not raised.
    """
    if lacking is None:
        lacking = np.zeros((len(squares), cover.dimension))
    squares = squares + lacking.sum(axis=1)
    order = np.argsort(-squares, kind="stable")
    total = np.cumsum(squares[order])
    count = int(np.searchsorted(total, BULK * total[-1])) + 1
    leaves = dict(degrees)
    for number in order[:count]:
        patch = patches[number]
        fast = decay(coefficients[number], patch.degree, patch.dimension) < FAST
        layer = lacking[number].sum() > squares[number] / 2
        if fast and not layer and patch.degree + STEP <= HIGHEST[patch.dimension - 1]:
            leaves.update(dict.fromkeys(patch.cells, patch.degree + STEP))
            continue
        weights = directions(coefficients[number], patch.degree, patch.dimension)
        for cell, axes in _cuts(patch, lacking[number] if layer else weights).items():
            degree = leaves.pop(cell)
            leaves.update(dict.fromkeys(cover.children(cell, axes), degree))
    return balanced(cover, leaves)


def _cuts(patch: Patch, weights: Array) -> dict[Cell, list[int]]:
    """The cells of a patch that are split along the axes of the largest weights (d,): those that
    are largest along one.
    """
    levels = np.array([cell.levels for cell in patch.cells])
    chosen = (weights >= ALONG * weights.max()) & (levels.min(axis=0) < DEEPEST)
    cuts = {}
    for cell, at in zip(patch.cells, levels, strict=True):
        axes = np.flatnonzero(chosen & (at == levels.min(axis=0))).tolist()
        if axes:
            cuts[cell] = axes
    return cuts


def enriched(degrees: Mapping[Cell, int]) -> dict[Cell, int]:
    """The same cells with two degrees more."""
    return {cell: degree + STEP for cell, degree in degrees.items()}
