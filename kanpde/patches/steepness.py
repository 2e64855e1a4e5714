"""Where a coefficient of second order jumps, or rises within a small part of one patch.

    max_i |a(x_{i+1}) - a(x_i)| > 1/2 Σ_i |a(x_{i+1}) - a(x_i)|   on a line across a patch

The derivative of a jump is nothing at every point: div(k*grad(u)) loses the balance of fluxes there
and the rows of all patches can be met by a wrong solution. A pole at the rim of the domain, as that
of 1/sin(x)**2 in coordinates of a sphere, is no jump: there a goes on growing as far as the rim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kanpde.domains import Domain
from kanpde.numerics.quadrature import Array
from kanpde.patches.affine import Affine
from kanpde.patches.layout import Patch

STEPS = 40
OVERHANG = 0.13
"""Lines go on beyond a patch by this share of it: a jump may lie on its side."""

ACROSS = (0.117, 0.493, 0.871)
"""Where lines cross a patch; not at places that a grid of cells shares."""

SAME = 1e-6
"""Places nearer to each other than this share of a patch are one."""

HALVINGS = 40
"""Bisections to the rim."""

NEARER, GROWN = (0.1, 0.01, 0.001), 1.5
"""Shares of the distance to the rim, and how many times a grows from each to the next at a pole."""

ENOUGH = 10
"""Steps inside that a line has at least, or one step is most of it: beside a vertex of a hole few are."""

HALF, SMALLEST = 0.5, 1e-3
"""Share of the change along a line, and of the largest coefficient, that one step must hold."""


class Jump(NamedTuple):
    """A point (d,) near a jump, and the axis along which it was seen."""

    place: tuple[float, ...]
    axis: int


def jump(
    affine: Affine, domain: Domain, patches: Sequence[Patch], settled: Sequence[Array] = ()
) -> Jump | None:
    """The largest jump of a coefficient of second order, None where there is none.

    Args:
        affine: an equation.
        domain: where it holds.
        patches: what must resolve its coefficients.
        settled: along every axis places at which patches end and jumps are known of.
    """
    second = [k for k, (_, index, _) in enumerate(affine.slopes) if sum(index) == 2]
    if not second:
        return None
    lines = np.concatenate([_lines(patch) for patch in patches])
    flat = lines.reshape(-1, domain.dimension)
    inside = domain.contains(flat, 0.0)
    at_points = np.full((len(second), len(inside)), np.nan)
    at_points[:, inside] = affine.at(flat[inside])[0][second]
    values = at_points.reshape(len(second), *lines.shape[:2])
    steps = np.nan_to_num(np.abs(np.diff(values, axis=2)))
    largest = np.nanmax(np.abs(values), axis=(1, 2), keepdims=True)
    known = np.isfinite(values[:, :, 1:] + values[:, :, :-1]).sum(axis=2, keepdims=True)
    holds = (steps > HALF * steps.sum(axis=2, keepdims=True)) & (known >= ENOUGH)
    if settled:
        holds = holds & np.logical_not(_crosses(lines, patches, settled))
    size = np.where(holds & (steps > SMALLEST * largest), steps, 0.0)
    if size.any():
        size = np.where(_poles(affine, domain, (lines, second), size), 0.0, size)
    if not size.any():
        return None
    _, line, step = np.unravel_index(int(size.argmax()), size.shape)
    place = lines[line, step : step + 2].mean(axis=0)
    axis = int(np.ptp(lines[line], axis=0).argmax())
    return Jump(tuple(place.tolist()), axis)


def _poles(
    affine: Affine, domain: Domain, known: tuple[Array, Sequence[int]], size: Array
) -> NDArray[np.bool_]:
    """Which steps (S, lines, STEPS) with a `size` are next to the rim and those of a pole there."""
    lines, second = known
    beside = domain.contains(lines.reshape(-1, domain.dimension), 0.0).reshape(lines.shape[:2])
    poles: NDArray[np.bool_] = np.zeros(size.shape, dtype=bool)
    which, line, step = np.nonzero(size)
    for end, beyond in ((step, step - 1), (step + 1, step + 2)):
        there = (beyond >= 0) & (beyond <= STEPS)
        there &= ~beside[line, np.clip(beyond, 0, STEPS)]
        if not there.any():
            continue
        inside = lines[line[there], end[there]]
        low, high = inside, lines[line[there], beyond[there]]
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            within = domain.contains(middle, 0.0)[:, None]
            low, high = np.where(within, middle, low), np.where(within, high, middle)
        places = [low + share * (inside - low) for share in (1.0, *NEARER)]
        at_places = np.abs([affine.at(place)[0][second] for place in places])
        values = at_places[:, which[there], np.arange(int(there.sum()))]
        grows = (values[1:] >= GROWN * values[:-1]).all(axis=0)
        poles[which[there], line[there], step[there]] |= grows
    return poles


def _lines(patch: Patch) -> Array:
    """Points (lines, STEPS + 1, d) along lines across a patch in all directions."""
    along = np.linspace(-OVERHANG, 1.0 + OVERHANG, STEPS + 1)
    lines = []
    for axis in range(patch.dimension):
        for share in ACROSS[: 1 if patch.dimension == 1 else None]:
            line = np.full((len(along), patch.dimension), share)
            line[:, axis] = along
            lines.append(line)
    return np.asarray(patch.lower + np.array(lines) * (patch.upper - patch.lower))


def _crosses(lines: Array, patches: Sequence[Patch], settled: Sequence[Array]) -> Array:
    """Whether each step (lines, STEPS) crosses one of the settled places beside its patch."""
    per_patch = len(lines) // len(patches)
    crossed = np.zeros((len(lines), STEPS), dtype=bool)
    for number, patch in enumerate(patches):
        mine = slice(number * per_patch, (number + 1) * per_patch)
        for axis, places in enumerate(settled):
            low, high = patch.lower[axis], patch.upper[axis]
            near = SAME * (high - low)
            for at in places[(places <= low + near) | (places >= high - near)]:
                x = lines[mine, :, axis]
                crossed[mine] |= (x[:, :-1] - at - near) * (x[:, 1:] - at + near) <= 0
    return crossed
