"""From the coefficients of orthonormal functions to those of networks.

    M k = c,   M = ⟨L_p, Φ_p⟩:   k = M⁺ c

with the functions Φ_p that the outer layer of a KAN combines. They are more than the polynomials
L_p of degree p (ridges are redundant), so the smallest k is taken; the map is one matrix for each
degree. An MLP of random features has the coefficients T c (`numerics.random_features`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from kanpde.domains import Composite
from kanpde.numerics.polynomials import combined
from kanpde.numerics.quadrature import Array
from kanpde.numerics.random_features import transform
from kanpde.optimizers.linear_algebra import back_substituted, factor
from kanpde.patches.cells import Cover
from kanpde.patches.layout import Patch
from kanpde.problem.level_curves import AnyCurve, LevelSet
from kanpde.problem.pieces import Pieces
from kanpde.trial.patch_networks import modes
from kanpde.trial.patchwork import SPACE, Locator, Patchwork, Tiles, grouped

CHUNK = 1024
"""Points that are evaluated at a time."""


@cache
def ridge_map(degree: int, dimension: int) -> Array:
    """The matrix (n (p + 1), N) from N polynomial coefficients to those of a KAN."""
    matrix = torch.tensor(modes(degree, dimension))
    factors = factor(matrix)
    identity = torch.eye(matrix.shape[1], dtype=torch.float64)
    shortest = factors.join(back_substituted(factors.triangle, identity, transpose=True), None)
    return np.asarray(shortest.numpy())


def outer_map(patch: Patch) -> Array:
    """The matrix from the coefficients (n,) of a patch to those of the outer layer of its network."""
    if patch.functions.are_polynomials:
        return ridge_map(patch.degree, patch.dimension)
    return transform(patch.degree, patch.dimension)


def tiles_of(cover: Cover, patches: Sequence[Patch]) -> Tiles:
    """Where the patches are."""
    cells = [(cell, number) for number, patch in enumerate(patches) for cell in patch.cells]
    return Tiles(
        lines=cover.lattice.table,
        cells=np.array([cell.levels + cell.indices for cell, _ in cells], dtype=np.int64),
        owner=np.array([number for _, number in cells], dtype=np.int64),
        lower=np.array([patch.lower for patch in patches]),
        upper=np.array([patch.upper for patch in patches]),
        degrees=np.array([patch.degree for patch in patches], dtype=np.int64),
        region=np.array([patch.region for patch in patches], dtype=np.int64),
        skew=np.empty((0, 0)) if cover.skew is None else cover.skew,
    )


def values_at(
    cover: Cover, patches: Sequence[Patch], coefficients: Sequence[Array], x: Array
) -> Array:
    """The values (N, m) at points x (N, d), from polynomial coefficients (n, m) of each patch; of
    regions those of the region of each point.
    """
    if cover.members:
        assert isinstance(cover.domain, Composite)
        region = cover.domain.number(x)
        values = np.empty((len(x), coefficients[0].shape[1]))
        for number, member in enumerate(cover.members):
            mine, here = (
                [k for k, patch in enumerate(patches) if patch.region == number],
                region == number,
            )
            of_region = [patches[k] for k in mine], [coefficients[k] for k in mine]
            values[here] = values_at(member, *of_region, x[here])
        return values
    tiles, functions = tiles_of(cover, patches), patches[0].functions
    owner = Locator(tiles).patch_of(x)
    degrees = tiles.degrees[owner]
    values = np.empty((len(x), coefficients[0].shape[1]))
    zero, ones = (0,) * x.shape[1], np.ones(x.shape[1])
    if x.shape[1] >= SPACE:
        for number, some in grouped(owner, np.arange(len(x))):
            low, high = tiles.lower[number], tiles.upper[number]
            local, degree = (2 * x[some] - low - high) / (high - low), int(tiles.degrees[number])
            if functions.are_polynomials:
                values[some] = combined(local, coefficients[number], degree, [zero])[0]
            else:
                of_patch = functions.table(local, -ones, ones, degree, (zero,))[zero]
                values[some] = of_patch @ coefficients[number]
        return values
    for degree in set(degrees.tolist()):
        chosen = np.flatnonzero(degrees == degree)
        for start in range(0, len(chosen), CHUNK):
            some = chosen[start : start + CHUNK]
            low, high = tiles.lower[owner[some]], tiles.upper[owner[some]]
            local = (2 * x[some] - low - high) / (high - low)
            table = functions.table(local, -ones, ones, degree, (zero,))[zero]
            of_points = np.stack([coefficients[number] for number in owner[some]])
            values[some] = np.einsum("kn,knm->km", table, of_points)
    return values


def patchwork(
    cover: Cover,
    patches: Sequence[Patch],
    coefficients: Sequence[Array],
    pieces: Pieces | None = None,
) -> Patchwork:
    """The trial solution of solved patches, from polynomial coefficients (n, m) of each; on
    `pieces` of a domain it is one function.
    """
    tiles = tiles_of(cover, patches)
    if pieces is not None:
        tiles = replace(tiles, below=pieces.below, between=pieces.owner, **_cuts(pieces.curves))
    outer = [
        (outer_map(patch) @ polynomial).T
        for patch, polynomial in zip(patches, coefficients, strict=True)
    ]
    return Patchwork(tiles, outer, patches[0].functions.network)


def _cuts(curves: Sequence[AnyCurve]) -> dict[str, NDArray[Any]]:
    """Curves as arrays of `Tiles`."""
    cuts = np.full((len(curves), 4), np.nan)
    outlines: list[Array] = []
    outlined: list[int] = []
    for number, curve in enumerate(curves):
        if isinstance(curve, LevelSet):
            outlines += list(curve.outlines)
            outlined += [number] * len(curve.outlines)
        else:
            cuts[number] = curve.coefficients
    if not outlines:
        return {"cuts": cuts}
    numbers = np.array(outlined, dtype=np.int64)
    return {"cuts": cuts, "outlines": np.array(outlines), "outlined": numbers}
