"""What a patch says of the traces on one of its faces.

    V_o (u_o - τ_o),   V_o h (∂_n u_o - τ'_o)   by orthonormal polynomials on the face

with the factor V_o of `scales` and the extent h along the normal of the thinner of the two cells.
An unknown has as many traces as the order of its highest derivative along the normal. The means of
∂_n u - τ' and of ∂_s u - ∂_s τ count L/h times: see `rows`.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from kanpde.numerics.polynomials import Index, cube, derivatives, reference, size
from kanpde.numerics.quadrature import Array
from kanpde.patches.layout import Face, Patch
from kanpde.patches.rows import Rows


@cache
def _modes(degree: int, nodes: int, dimension: int) -> dict[Index, Array]:
    """Values and slopes of the polynomials of a face at its Gauss points."""
    return reference(degree, nodes, ((0,) * dimension, *_unit(dimension)))


def _unit(dimension: int) -> tuple[Index, ...]:
    """The multi-indices of the first derivatives."""
    return tuple(tuple(int(k == axis) for k in range(dimension)) for axis in range(dimension))


def face_rows(patch: Patch, face: Face, degree: int, rows: Rows) -> tuple[Array, Array]:
    """The rows of the traces of one face: matrix c ≈ taken τ.

    For one unknown after the other the traces are values by degree 0 … `degree`, then normal
    derivatives to one degree less. Where there are the latter, further rows are the means of the
    tangential derivatives.

    Returns:
        matrix (R, m·n) and taken (R, T).
    """
    dimension, count = patch.dimension, size(patch.degree, patch.dimension)
    nodes = max(patch.degree, degree) + 2
    z, w = cube(nodes, dimension - 1)
    zero, units = (0,) * dimension, _unit(dimension)
    table = derivatives(face.points(z), patch.lower, patch.upper, patch.degree, (zero, *units))
    half = (face.high - face.low) / 2
    weights = w * float(np.prod(half))
    on_face = _modes(degree, nodes, dimension - 1)
    root = np.sqrt(face.measure)
    # orthonormal for the integral over the face
    modes = on_face[zero[1:]] / root
    projected = modes.T * weights
    fluxes = size(degree - 1, dimension - 1) if dimension > 1 else 1
    value, flux = projected @ table[zero], projected[:fluxes] @ table[units[face.axis]]
    turns = np.zeros((dimension - 1, count))
    mode_turns = np.zeros((dimension - 1, len(value)))
    for k, axis in enumerate(face.along):
        turns[k] = weights @ table[units[axis]] / root
        mode_turns[k] = weights @ on_face[_unit(dimension - 1)[k]] / (half[k] * root * root)
    matrices, takens = [], []
    for unknown, times in enumerate(rows.orders[:, face.axis].tolist()):
        scale = rows.scales.value(unknown, face.axis, face.size, patch.sizes)
        of_values, of_fluxes = np.full(len(value), scale), np.full(fluxes, scale * face.size)
        of_fluxes[0] *= rows.mean
        mean = scale * face.size * rows.mean
        square = np.zeros((len(value) + fluxes,) * 2)
        np.fill_diagonal(square, np.concatenate([of_values, of_fluxes]))
        matrix = np.concatenate(
            [of_values[:, None] * value, of_fluxes[:, None] * flux, mean * turns]
        )
        below = np.pad(mean * mode_turns, ((0, 0), (0, fluxes)))
        taken = np.concatenate([square, below])
        kept = (0, len(value), len(taken))[times]
        traces = (0, len(value), len(value) + fluxes)[times]
        matrices.append(matrix[:kept])
        takens.append(taken[:kept, :traces])
    return _diagonal(matrices), _diagonal(takens)


def _diagonal(blocks: list[Array]) -> Array:
    """A matrix of blocks along its diagonal."""
    shape = np.sum([block.shape for block in blocks], axis=0)
    matrix = np.zeros(shape)
    row = column = 0
    for block in blocks:
        height, width = block.shape
        matrix[row : row + height, column : column + width] = block
        row, column = row + height, column + width
    return matrix
