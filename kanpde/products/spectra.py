"""Matrices in the form in which sums of them are inverted: A = S T S⁻¹.

T is diagonal with orthonormal S for symmetric matrices, diagonal for others whose eigenvectors are
independent enough, and else the triangle of Schur with a unitary S. A derivative by time on
polynomials of degree 36 has eigenvectors of condition 1e16: going through them loses all digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kanpde.products.chains import Array

SYMMETRIC = 1e-10
"""Matrices whose antisymmetric part is smaller, relative to them, count as symmetric."""

INDEPENDENT = 1e4
"""Largest condition of eigenvectors that are used: what they lose is given back by one repetition."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A = S (diag(values) + triangle) S⁻¹; `triangle` is strictly upper, or None."""

    matrix: Array
    values: Array
    vectors: Array
    inverse: Array
    triangle: Array | None = None

    @classmethod
    def of(cls, matrix: Array) -> Spectrum:
        """The form of a square real matrix."""
        if _is_symmetric(matrix):
            values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
            return cls(matrix, values, vectors, vectors.T)
        try:
            values, vectors = np.linalg.eig(matrix)
            inverse = np.linalg.inv(vectors)
            if np.linalg.norm(vectors, 2) * np.linalg.norm(inverse, 2) <= INDEPENDENT:
                return cls(matrix, values, vectors, inverse)
        except np.linalg.LinAlgError:
            pass
        from scipy.linalg import schur  # a slow import that symmetric problems do not need

        upper, unitary = schur(matrix, output="complex")
        return cls(matrix, np.diag(upper), unitary, unitary.conj().T, np.triu(upper, 1))

    @cached_property
    def is_normal(self) -> bool:
        """Whether S is orthonormal and T diagonal."""
        return self.inverse.base is self.vectors

    def decay(self, time: float) -> Array:
        """exp(-time A)."""
        if self.triangle is not None:
            from scipy.linalg import expm  # as above

            return np.asarray(expm(-time * self.matrix))
        return np.asarray((self.vectors * np.exp(-time * self.values)) @ self.inverse)


def _is_symmetric(matrix: Array) -> bool:
    return float(np.abs(matrix - matrix.T).max()) <= SYMMETRIC * float(np.abs(matrix).max())


def solve(spectra: Sequence[Spectrum], wanted: Array) -> Array:
    """X (a, b, c), real, with A X + B X + C X = wanted along its three indices."""
    first, second, third = spectra
    sums = first.values[:, None, None] + second.values[:, None] + third.values
    triangles = [(k, s.triangle) for k, s in enumerate(spectra) if s.triangle is not None]
    vectors, inverses = [s.vectors for s in spectra], [s.inverse for s in spectra]

    def divided(right: Array) -> Array:
        with np.errstate(all="ignore"):
            inner = _substituted(triangles, sums, along(inverses, right))
            return np.real(along(vectors, inner))

    result = divided(wanted)
    # vectors that are not orthonormal lose digits, which one repetition gives back
    if not all(spectrum.is_normal for spectrum in spectra):
        image = along((first.matrix, None, None), result)
        image = image + along((None, second.matrix, None), result)
        image = image + along((None, None, third.matrix), result)
        result = result + divided(wanted - image)
    return result


def _substituted(triangles: Sequence[tuple[int, Array]], sums: Array, right: Array) -> Array:
    """X with sums X + (every triangle along its index) X = right, from the last index back."""
    if not triangles:
        return np.asarray(right / sums)
    (axis, triangle), *others = triangles
    sums, right = np.moveaxis(sums, axis, 0), np.moveaxis(right, axis, 0)
    # one index fewer is left for the others; they stand behind this one
    inner = [(k - 1, other) for k, other in others]
    result = np.zeros(right.shape, dtype=complex)
    for m in reversed(range(len(right))):
        known = np.tensordot(triangle[m, m + 1 :], result[m + 1 :], axes=(0, 0))
        result[m] = _substituted(inner, sums[m], right[m] - known)
    return np.moveaxis(result, 0, axis)


def along(matrices: Sequence[Array | None], core: Array) -> Array:
    """A matrix, or none, applied along every one of three indices."""
    for _ in range(3):
        matrix, matrices = matrices[0], [*matrices[1:], matrices[0]]
        core = core.transpose(1, 2, 0)
        if matrix is not None:
            core = np.asarray(core @ matrix.T)
    return core
