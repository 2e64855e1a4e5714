"""A start, values at points, as polynomials on patches: the projection in L2 on every patch, on
cells that are refined where the start is not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from kanpde.numerics.quadrature import Array
from kanpde.optimizers.linear_algebra import fit
from kanpde.patches.cells import Cell
from kanpde.patches.kans import tiles_of, values_at
from kanpde.patches.layout import Patch, layout
from kanpde.patches.levels import Ground
from kanpde.patches.refinement import refined
from kanpde.patches.rows import interior
from kanpde.problem.starts import Start
from kanpde.trial.patchwork import Locator

SEEN, ROUNDS, MOST_CELLS = 1e-2, 12, 600
"""The relative L2 distance of a start from its projection that is small enough, and how many
refinements and cells that may take.
"""

CUTOFF = 1e-8
"""Of the singular values of a projection: a cut cell leaves polynomials of its box undetermined."""


def projected(ground: Ground, patches: Sequence[Patch], start: Start) -> list[Array]:
    """The coefficients (n, m) of every patch."""
    points = [interior(ground.cover, patch) for patch in patches]
    values = start(np.concatenate([each.x for each in points]))
    ends = np.cumsum([len(each.x) for each in points])[:-1]
    coefficients = []
    for patch, at, of_patch in zip(patches, points, np.split(values, ends), strict=True):
        zero = (0,) * patch.dimension
        table = patch.table(at.x, [zero])[zero]
        weights = np.sqrt(at.w)[:, None]
        matrix, right = torch.tensor(weights * table), torch.tensor(weights * of_patch)
        coefficients.append(np.asarray(fit(matrix, right, CUTOFF).numpy()))
    return coefficients


def seen(ground: Ground, degrees: Mapping[Cell, int], start: Start) -> dict[Cell, int]:
    """Cells with their degrees, refined until a projection on them is like the start."""
    cells, sample = dict(degrees), ground.sample
    wanted = start(sample.x)
    for _ in range(ROUNDS):
        patches = layout(ground.cover, cells)
        coefficients = projected(ground, patches, start)
        values = values_at(ground.cover, patches, coefficients, sample.x)
        missed = sample.w * np.square(values - wanted).sum(axis=1)
        size = float((sample.w[:, None] * wanted**2).sum())
        if missed.sum() <= SEEN**2 * size:
            break
        owner = Locator(tiles_of(ground.cover, patches)).patch_of(sample.x)
        squares = np.bincount(owner, missed, len(patches)).astype(np.float64)
        finer = refined(ground.cover, cells, patches, coefficients, squares)
        if len(finer) > MOST_CELLS or finer == cells:
            break
        cells = finer
    return cells
