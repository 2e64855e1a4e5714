"""Which patches are refined after a level, and how: halved, or raised in degree.

Marked are the patches that hold the share BULK of the sum of all squared rows. A marked patch
whose coefficients fall fast towards the end of the expansion gets two degrees more, any other is
split.

Source: Doerfler, SIAM J. Numer. Anal. 33 (1996) 1106–1124 (marking); Mavriplis, Comput. Methods
Appl. Mech. Eng. 116 (1994) 77–86 (decay of coefficients).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import DEEPEST, Cell, Quadtree
from kanpde.patches.layout import Patch, balanced
from kanpde.patches.polynomials import decay

BULK = 0.9

FAST = 0.1
"""Two degrees more are worth it where the last two shells are below this share of those before."""

HIGHEST = 16
"""Degrees are raised to this one."""

STEP = 2


def refined(
    tree: Quadtree,
    degrees: Mapping[Cell, int],
    patches: Sequence[Patch],
    coefficients: Sequence[Array],
    squares: Array,
) -> dict[Cell, int]:
    """The cells of the next level with their degrees.

    Args:
        tree: what is known of the cells.
        degrees: the cells of this level.
        patches: their patches.
        coefficients: those of each patch, (n, m).
        squares: the sum of the squared rows of each patch.
    """
    order = np.argsort(-squares, kind="stable")
    total = np.cumsum(squares[order])
    count = int(np.searchsorted(total, BULK * total[-1])) + 1
    leaves = dict(degrees)
    for number in order[:count]:
        patch = patches[number]
        fast = decay(coefficients[number], patch.degree) < FAST
        if fast and patch.degree + STEP <= HIGHEST:
            leaves.update(dict.fromkeys(patch.cells, patch.degree + STEP))
            continue
        coarsest = min(cell[0] for cell in patch.cells)
        for cell in patch.cells:
            if cell[0] == coarsest < DEEPEST:
                degree = leaves.pop(cell)
                leaves.update(dict.fromkeys(tree.children(cell), degree))
    return balanced(tree, leaves)


def enriched(degrees: Mapping[Cell, int]) -> dict[Cell, int]:
    """The same cells with two degrees more."""
    return {cell: degree + STEP for cell, degree in degrees.items()}
