"""Which patches are refined after a level, and how: cut in half along some axes, or raised in degree.

Marked are the patches that hold the share BULK of the sum of all squared rows. A marked patch
whose coefficients fall fast towards the end of the expansion gets two degrees more, any other is
split along the axes that the end of the expansion is about.

Source: Doerfler, SIAM J. Numer. Anal. 33 (1996) 1106–1124 (marking); Mavriplis, Comput. Methods
Appl. Mech. Eng. 116 (1994) 77–86 (decay of coefficients).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kanpde.errors import ConfigError
from kanpde.numerics.polynomials import Indices, decay
from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import DEEPEST, Cell, Cover
from kanpde.patches.layout import Patch, balanced
from kanpde.patches.marking import BULK, Aim, is_at_corner

FAST = 0.1
"""Two degrees more are worth it where the last two shells are below this share of those before."""

RING, MODERATE, GRADED = 4.0, 12, 0.5
"""Cells that are nearer to a corner than so many times their size are graded to it: u is analytic
there as far as the corner, and what falls slowly is the error of the corner itself.
"""

MINOR = 0.01
"""Patches with a smaller share than this of the largest are raised or left: least squares spread
what is not resolved to all neighbours.
"""

EARLY, EARLY_FAST = 10, 0.2
"""In space a cell has more halves and these more faces, so that below this degree, where waves fall
slowly yet, the share may be larger. At edges the shares of higher degrees grow.
"""

ALONE = (0.4, 0.25)
"""The same for a patch in space that is the whole domain, below the degree EARLY and from there on:
its halves are eight, so that higher degrees cost little beside them. Measured, by degree 8, 10, 12, 14:
one and a half waves along an axis fall by 0.39, 0.23, 0.13, 0.09, a Gaussian by 0.20, 0.17, 0.14, 0.12.
"""

ALONG = (0.1, 0.1, 0.3)
"""A patch is split along the axes with this share of the squared coefficients of the worst one, by
the number of coordinates.
"""

STEP = 2
FINEST = DEEPEST - 3
"""Most halvings by a refinement: beside a tip cells are cut further, until they are in one part."""

LAYERS = 8
"""Most layers of cells at a corner from one level to the next. Degrees rise by one step: least squares
spread what a corner lacks to all patches, and most of what they seem to lack is gone when it is cut.
"""

LEAST = 4
"""Lowest degree of layers: what r^α leaves to a cell falls by 2^α from one to the next, so that
degrees may fall with them.
"""

SPACE = 3


@dataclass(frozen=True)
class Layers:
    """What conditions at an outflow lack of full weight, by patch and axis (J, d), and the widths
    (J, 2, d) of the layers at the lower and the upper sides, infinite where there is none.
    """

    lacking: Array
    widths: Array


def refined(
    cover: Cover,
    degrees: Mapping[Cell, int],
    patches: Sequence[Patch],
    coefficients: Sequence[Array],
    squares: Array,
    layers: Layers | None = None,
    goal: Aim | float = BULK,
) -> dict[Cell, int]:
    """The cells of the next level with their degrees.

    Args:
        cover: what is known of the cells.
        degrees: the cells of this level.
        patches: their patches.
        coefficients: those of each patch, (n, m).
        squares: the sum of the squared rows of each patch.
        layers: where most of the squares is what conditions lack of full weight, a patch is graded
            to its side until the cell there is as thin as the layer.
        goal: what is to be reached, or the share of all squares of the patches that are refined
            once, those with the most.
    """
    aim, bulk = (None, goal) if isinstance(goal, float) else (goal, goal.bulk)
    if layers is None:
        none = np.zeros((len(squares), cover.dimension))
        layers = Layers(none, np.full((len(squares), 2, cover.dimension), np.inf))
    squares = squares + layers.lacking.sum(axis=1)
    leaves = dict(degrees)
    for number in _marked(squares if aim is None else aim.shares, aim, bulk):
        patch, lacking = patches[number], layers.lacking[number]
        if lacking.sum() > squares[number] / 2:
            _grade(cover, leaves, patch, (lacking, layers.widths[number]))
            continue
        minor = aim is not None and _is_minor(cover, patch, aim, number)
        kind = aim is not None, minor, len(patches) == 1
        if _is_fast(cover, patch, coefficients[number], kind):
            _raise(leaves, patch)
            continue
        if minor:
            continue
        times = 1
        if aim is not None:
            times = aim.times(number, float(aim.falls[number]), LAYERS)
        weights = patch.functions.weights(coefficients[number], patch.degree, patch.dimension)
        for cell, axes in _cuts(patch, weights).items():
            if cell in leaves:
                _cut_to_corners(cover, leaves, (cell, axes), times)
    try:
        return balanced(cover, leaves)
    except ConfigError:  # no finer cells are in one part
        return dict(degrees)


def cut(
    cover: Cover, leaves: dict[Cell, int], patch: Patch, coefficients: Array, degree: int
) -> None:
    """Cut the cells of a patch along the axes that the end of its expansion is about; the halves
    have a `degree`.
    """
    weights = patch.functions.weights(coefficients, patch.degree, patch.dimension)
    for cell, axes in _cuts(patch, weights).items():
        if cell in leaves:
            halves = _split(cover, leaves, cell, axes)
            leaves.update(dict.fromkeys(halves, degree))


def _raise(leaves: dict[Cell, int], patch: Patch) -> None:
    """Raise the cells of a patch in degree, as far as they can be."""
    degree = min(patch.degree + STEP, patch.functions.highest[patch.dimension - 1])
    # a cell with patches of several regions may be split already
    present = [cell for cell in patch.cells if cell in leaves]
    leaves.update(dict.fromkeys(present, degree))


def _is_fast(
    cover: Cover, patch: Patch, coefficients: Array, kind: tuple[bool, bool, bool]
) -> bool:
    """Whether a patch is to be raised in degree: its coefficients fall fast. The `kind` is whether
    levels aim at something, whether the patch is a minor one, and whether it is alone.
    """
    aimed, minor, alone = kind
    limit = FAST
    if patch.dimension >= SPACE and alone:
        limit = ALONE[patch.degree >= EARLY]
    elif patch.dimension >= SPACE and patch.degree < EARLY:
        limit = EARLY_FAST
    elif aimed and not _is_at_corner(cover, patch):
        ring = patch.depth <= RING * patch.size and patch.degree <= MODERATE
        limit = GRADED if ring or minor else FAST
    fall = decay(coefficients, patch.degree, patch.dimension)
    return fall < limit and patch.degree + STEP <= patch.functions.highest[patch.dimension - 1]


def _is_minor(cover: Cover, patch: Patch, aim: Aim, number: int) -> bool:
    """Whether the share of a patch is small beside the largest, and it is at no corner."""
    share = float(aim.shares[number])
    return share < MINOR * float(aim.shares.max()) and not _is_at_corner(cover, patch)


def _is_at_corner(cover: Cover, patch: Patch) -> bool:
    """Whether a patch has a cell at a corner."""
    return any(is_at_corner(cover, cell) for cell in patch.cells)


def _marked(squares: Array, aim: Aim | None, bulk: float) -> Indices:
    """The numbers of the patches to refine, the largest squares first: all above the goal, or those
    with most of all squares.
    """
    order = np.argsort(-squares, kind="stable")
    total = np.cumsum(squares[order])
    count = int(np.searchsorted(total, bulk * total[-1])) + 1
    if aim is not None:
        count = max(count, int((squares > aim.goal).sum()))
    return np.asarray(order[:count])


def _cut_to_corners(
    cover: Cover, leaves: dict[Cell, int], cut: tuple[Cell, Sequence[int]], times: int
) -> None:
    """Cut a cell in half along some axes, and those parts that are at corners so often in all, every
    second time with a degree less. In space the halves have two degrees less: a patch is cut where
    higher degrees do not help, and what it costs grows like the ninth power of its degree.
    """
    cell, axes = cut
    near = [cell]
    for layer in range(times):
        halves = [half for whole in near for half in _split(cover, leaves, whole, axes)]
        near = [half for half in halves if is_at_corner(cover, half) and max(half.levels) < FINEST]
        if cover.dimension >= SPACE:
            _lower(leaves, halves, STEP)
        elif layer % STEP:
            _lower(leaves, near, 1)


def _lower(leaves: dict[Cell, int], cells: Iterable[Cell], by: int) -> None:
    """Lower the degrees of cells, to LEAST at most."""
    lower = {cell: max(min(LEAST, leaves[cell]), leaves[cell] - by) for cell in cells}
    leaves.update(lower)


def _split(cover: Cover, leaves: dict[Cell, int], cell: Cell, axes: Iterable[int]) -> list[Cell]:
    """Cut a leaf and give its children."""
    degree, children = leaves.pop(cell), cover.children(cell, axes)
    leaves.update(dict.fromkeys(children, degree))
    return children


def _grade(cover: Cover, leaves: dict[Cell, int], patch: Patch, layer: tuple[Array, Array]) -> None:
    """Cut the cells of a patch in half along the axes of a layer, and the halves at its side again
    and again until they are as thin as the layer.
    """
    lacking, widths = layer
    for cell, axes in _cuts(patch, lacking).items():
        at_side = [cell]
        for axis in axes:
            upper = int(widths[1, axis] <= widths[0, axis])
            width = float(widths[upper, axis])
            at_side = [
                thin
                for wide in at_side
                for thin in _graded(cover, leaves, wide, (axis, upper, width))
            ]


def _graded(
    cover: Cover, leaves: dict[Cell, int], cell: Cell, layer: tuple[int, int, float]
) -> list[Cell]:
    """All parts of a cell that is cut along one axis towards its lower or upper side."""
    axis, upper, width = layer
    parts: list[Cell] = []
    while True:
        index = 2 * cell.indices[axis] + upper
        children = _split(cover, leaves, cell, [axis])
        near = [child for child in children if child.indices[axis] == index]
        parts += [child for child in children if child.indices[axis] != index]
        thin = not near or float(cover.size(near[0])[axis]) <= width
        if thin or not math.isfinite(width) or near[0].levels[axis] >= FINEST:
            return parts + near
        cell = near[0]


def _cuts(patch: Patch, weights: Array) -> dict[Cell, list[int]]:
    """The cells of a patch that are split along the axes of the largest weights (d,): those that
    are largest along one.
    """
    levels = np.array([cell.levels for cell in patch.cells])
    chosen = (weights >= ALONG[patch.dimension - 1] * weights.max()) & (levels.min(axis=0) < FINEST)
    cuts = {}
    for cell, at in zip(patch.cells, levels, strict=True):
        axes = np.flatnonzero(chosen & (at == levels.min(axis=0))).tolist()
        if axes:
            cuts[cell] = axes
    return cuts


def enriched(degrees: Mapping[Cell, int]) -> dict[Cell, int]:
    """The same cells with two degrees more."""
    return {cell: degree + STEP for cell, degree in degrees.items()}


def richer(patch: Patch) -> Patch:
    """A patch with two degrees more."""
    faces = tuple((face, degree + STEP) for face, degree in patch.faces)
    return replace(patch, degree=patch.degree + STEP, faces=faces)
