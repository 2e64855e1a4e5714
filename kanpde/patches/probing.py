"""First cells that see every feature of the coefficients and sources of the equations.

    max f - min f at probes in a cell > 2 (max f - min f at its points)   →  the cell is split

A peak or a dip between the points of a cell is invisible to the solve, and so is a jump: its
derivative is nothing at every point. Cells are split until their points see what the probes see,
along the axes along which the formula varies around the place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.domains import Domain
from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import DEEPEST, Cell, Cover
from kanpde.patches.kans import tiles_of
from kanpde.patches.layout import Patch, balanced, layout
from kanpde.patches.rows import System, interior
from kanpde.patches.steepness import jump
from kanpde.trial.patchwork import Locator

PROBES, SLENDER = 1 << 16, 0.2
MORE, SMALLEST = 2.0, 1e-3
"""How many times larger the range of a formula may be at probes than at points of a cell, beside
this share of its largest value.
"""

ACROSS, ALONG = 1001, 0.1
"""Points along a line through a feature, and the share of the largest range along an axis that a
line must have for the cell to be split along its axis.
"""

MOST_CELLS = 600
"""Features that need more first cells are not resolved: they are told of after the solve."""


Look = Callable[[list[Patch]], Array]
"""Probes (N, d) for patches."""


@dataclass(frozen=True)
class _Feature:
    """A place (d,) that the points of a patch do not see, and the axes along which it varies."""

    patch: Patch
    axes: tuple[int, ...]


def probes_of(domain: Domain) -> Array:
    """PROBES points (N, d) inside a domain: quasi-random ones, but where it fills so little of its
    bounding box that most of them would be thrown away (a flat ellipse took minutes).
    """
    fills = domain.measure / float(np.prod(domain.upper - domain.lower))
    kind = "sobol" if fills > SLENDER else "gauss"
    return domain.interior(PROBES, kind, np.random.default_rng(0)).x


def resolved(
    cover: Cover,
    systems: Sequence[System],
    first: Mapping[Cell, int],
    look: Look | None = None,
) -> dict[Cell, int]:
    """First cells split until they see all features; those given where that takes too many.

    Args:
        cover: what is known of the cells.
        systems: that of each region, or of all.
        first: the cells with their degrees.
        look: chooses the probes anew for every cells, of one region, and nothing else is looked at.
    """
    leaves = balanced(cover, first)
    probed = []
    for member, system in zip(cover.members or (cover,), systems, strict=True):
        probes = probes_of(member.domain) if look is None else np.zeros((0, cover.dimension))
        probed.append((member, system, (probes, _formulas(system, probes))))
    while True:
        patches = layout(cover, leaves)
        if look is not None:
            probes = look(patches)
            probed = [(*probed[0][:2], (probes, _formulas(probed[0][1], probes)))]
        features: list[_Feature] = []
        for region, (member, system, at_probes) in enumerate(probed):
            mine = [patch for patch in patches if patch.region == region]
            features += _hidden(member, system, mine, at_probes)
            features += _jumps(member, system, mine) if look is None else ()
        if not features:
            return leaves
        finer = dict(leaves)
        for feature in features:
            for cell in feature.patch.cells:
                axes = [axis for axis in feature.axes if cell.levels[axis] < DEEPEST]
                if cell in finer and axes:
                    degree = finer.pop(cell)
                    finer.update(dict.fromkeys(cover.children(cell, axes), degree))
        if len(finer) == len(leaves) or len(finer) > MOST_CELLS:
            return balanced(cover, first)
        leaves = balanced(cover, finer)


def _formulas(system: System, x: Array) -> Array:
    """All coefficients and sources (F, N) at points (N, d)."""
    rows = []
    for equation in system.equations:
        slopes, constant = equation.at(x)
        rows += [*slopes, constant]
    return np.array(rows)


def _hidden(
    cover: Cover, system: System, patches: list[Patch], probed: tuple[Array, Array]
) -> Iterable[_Feature]:
    """Peaks and dips between the points of a patch."""
    probes, at_probes = probed
    if not len(probes):
        return
    owner = Locator(tiles_of(cover, patches)).patch_of(probes)
    points = [interior(cover, patch).x for patch in patches]
    starts = np.concatenate([[0], np.cumsum([len(x) for x in points])[:-1]])
    at_points = _formulas(system, np.concatenate(points))
    seen_low = np.minimum.reduceat(at_points, starts, axis=1)
    seen_high = np.maximum.reduceat(at_points, starts, axis=1)
    largest = np.abs(at_probes).max(axis=1)
    ordered = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[ordered], np.arange(1, len(patches)))
    for number, mine in enumerate(np.split(ordered, ends)):
        if not len(mine):
            continue
        values, low, high = at_probes[:, mine], seen_low[:, number], seen_high[:, number]
        beyond = np.maximum(values - high[:, None], low[:, None] - values)
        allowed = (MORE - 1) * (high - low) + SMALLEST * largest
        excess = beyond.max(axis=1) - allowed
        if excess.max() > 0:
            formula = int(excess.argmax())
            place = probes[mine[int(beyond[formula].argmax())]]
            patch = patches[number]
            yield _Feature(patch, _axes(cover, system, (patch, place, formula)))


def _axes(cover: Cover, system: System, feature: tuple[Patch, Array, int]) -> tuple[int, ...]:
    """The axes of a patch along which a formula varies around a place."""
    patch, place, formula = feature
    ranges = np.zeros(cover.dimension)
    for axis in range(cover.dimension):
        line = np.tile(place, (ACROSS, 1))
        # not its ends: there a source that can be integrated may be infinite
        inside = (np.arange(ACROSS) + 0.5) / ACROSS
        line[:, axis] = patch.lower[axis] + (patch.upper[axis] - patch.lower[axis]) * inside
        line = line[cover.domain.contains(line, 0.0)]
        if len(line):
            ranges[axis] = np.ptp(_formulas(system, line)[formula])
    return tuple(np.flatnonzero(ranges >= ALONG * ranges.max()).tolist())


def _jumps(cover: Cover, system: System, patches: list[Patch]) -> Iterable[_Feature]:
    """The patches in which a coefficient of second order rises within a small part."""
    locator = Locator(tiles_of(cover, patches))
    for equation in system.equations:
        settled = system.fluxes.settled if system.fluxes is not None else ()
        steep = jump(equation, cover.domain, patches, settled)
        if steep is not None:
            patch = patches[int(locator.patch_of(np.array([steep.place]))[0])]
            yield _Feature(patch, (steep.axis,))
