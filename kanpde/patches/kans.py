"""From the coefficients of orthonormal polynomials to those of KANs.

    Φ_p k = L_p c at tensor Gauss points:   k = Φ_p⁺ L_p c

with the functions Φ_p that the outer layer of a KAN combines. They are more than the polynomials
of degree p (ridges are redundant), so the smallest k is taken; the map is one matrix for each
degree.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from kanpde.numerics.quadrature import Array
from kanpde.optimizers.linear_algebra import fit
from kanpde.patches.cells import Quadtree
from kanpde.patches.layout import Patch
from kanpde.patches.polynomials import reference
from kanpde.trial.patchwork import Patchwork, Tiles, ridge_functions

CUT = 1e-13
"""Singular values of the ridges below this share of the largest are redundancy."""


@cache
def ridge_map(degree: int) -> Array:
    """The matrix ((p + 1)², n) from polynomial coefficients to those of a KAN."""
    nodes = degree + 2
    ridges = ridge_functions(degree, nodes)
    polynomials = reference(degree, nodes, ((0, 0),))[0, 0]
    shortest = fit(torch.from_numpy(ridges), torch.from_numpy(polynomials), CUT)
    return np.asarray(shortest.numpy())


def patchwork(tree: Quadtree, patches: Sequence[Patch], coefficients: Sequence[Array]) -> Patchwork:
    """The trial solution of solved patches, from polynomial coefficients (n, m) of each."""
    cells = [(cell, number) for number, patch in enumerate(patches) for cell in patch.cells]
    tiles = Tiles(
        corner=np.array(tree.domain.lower),
        first=tree.first,
        cells=np.array([cell for cell, _ in cells], dtype=np.int64),
        owner=np.array([number for _, number in cells], dtype=np.int64),
        lower=np.array([patch.lower for patch in patches]),
        upper=np.array([patch.upper for patch in patches]),
        degrees=np.array([patch.degree for patch in patches], dtype=np.int64),
    )
    outer = [
        (ridge_map(patch.degree) @ polynomial).T
        for patch, polynomial in zip(patches, coefficients, strict=True)
    ]
    return Patchwork(tiles, outer)
