"""Modes of one level as a start on the next: on every patch the polynomial of the patch it came from.

c_k = mean over the box of the patch of (u φ_k)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kanpde.eigen.krylov import Complex
from kanpde.numerics.polynomials import cube, derivatives
from kanpde.numerics.quadrature import Array
from kanpde.patches.layout import Patch
from kanpde.patches.marking import ancestor


def transferred(
    patches: Sequence[Patch], before: Sequence[Patch], modes: Sequence[Complex]
) -> Array | None:
    """Coefficients (N, K) of all patches, one after the other and one unknown after the other, of
    the real parts of modes and of the imaginary ones that are not 0.

    Args:
        patches: the new ones.
        before: those of the modes.
        modes: coefficients (n, m, K) on each of them.

    Returns:
        None where a new patch came from none of those before.
    """
    owner = {cell: number for number, patch in enumerate(before) for cell in patch.cells}
    pieces = []
    for patch in patches:
        number = ancestor(patch.cells[0], owner)
        if number is None:
            return None
        pieces.append(_projected(patch, before[number], modes[number]))
    columns = np.concatenate(pieces)
    imaginary = columns.imag[:, np.abs(columns.imag).max(axis=0) > 0]
    return np.concatenate([columns.real, imaginary], axis=1)


def _projected(patch: Patch, parent: Patch, modes: Complex) -> Complex:
    """Coefficients (m·n, K) on a patch of modes (n, m, K) on another one."""
    count, dimension = max(patch.degree, parent.degree) + 1, patch.dimension
    z, weights = cube(count, dimension)
    x = (patch.lower + patch.upper) / 2 + (patch.upper - patch.lower) / 2 * z
    zero = (0,) * dimension
    table = derivatives(x, patch.lower, patch.upper, patch.degree, (zero,))[zero]
    other = derivatives(x, parent.lower, parent.upper, parent.degree, (zero,))[zero]
    matrix = (table.T * (weights / weights.sum())) @ other
    projected = np.einsum("ij,jmk->mik", matrix, modes)
    return np.asarray(projected.reshape(-1, modes.shape[2]))
