"""Which modes are wanted, which belong together, and how far two levels are apart.

    |λ - λ'| / max(|λ|, s),    ‖u - P u‖ / ‖u‖

with the spacing s of the eigenvalues and the projection P on the modes of the other level whose
eigenvalues are as near: modes of a multiple eigenvalue are known as a space only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.eigen.krylov import Complex
from kanpde.eigen.levels import Modes
from kanpde.numerics.quadrature import Array

SAME = 1e-9
"""Eigenvalues that differ by less, relative to their size, are one."""

APART = 4.0
"""Eigenvalues of two levels within so many times their distance belong together."""

ROUNDING = 1e-13
"""What rounding leaves of eigenvalues and modes, at least."""


@dataclass(frozen=True)
class Mode:
    """One wanted mode: its eigenvalue, the numbers of the k modes of a level that make it, and how
    they do: factors (k,) of them, of a real mode those (2k,) of their real and imaginary parts.
    """

    eigenvalue: complex
    members: tuple[int, ...]
    mixture: Complex
    multiplicity: int

    @property
    def is_real(self) -> bool:
        """Whether the mode is real."""
        return self.eigenvalue.imag == 0.0

    def of(self, columns: Complex) -> Complex:
        """The mode (…,) from those of the level (…, K)."""
        of_cluster = columns[..., list(self.members)]
        if self.is_real:
            of_cluster = np.concatenate([of_cluster.real, of_cluster.imag], axis=-1)
        return np.asarray(of_cluster @ self.mixture)


def spacing(values: Complex, near: float, count: int) -> float:
    """How far eigenvalues are apart on the mean."""
    within = np.abs(values[:count] - near)
    return float(within.max() / len(within)) if len(within) else 1.0


def wanted(
    modes: Modes, weights: Array, count: int, near: float, errors: Array | None = None
) -> list[Mode]:
    """The wanted modes by growing real part of their eigenvalue; of a complex pair the one with
    positive imaginary part.

    Args:
        modes: those of a level, the nearest first.
        weights: those (N,) of the sample points.
        count: how many are wanted.
        near: to what.
        errors: the relative errors (K,) of the eigenvalues, where they are known.
    """
    values = modes.eigenvalues
    scales = np.maximum(np.abs(values), spacing(values, near, count))
    slack = scales * np.maximum(SAME, 3 * errors if errors is not None else 0.0)
    real = np.abs(values.imag) <= slack
    chosen: list[Mode] = []
    used: set[int] = set()
    for k, value in enumerate(values):
        if len(chosen) >= count:
            break
        if k in used:
            continue
        if not real[k]:
            used.add(k)
            if value.imag > 0 or not _has_partner(values, k, slack):
                chosen.append(_complex(modes, weights, k))
            continue
        near_by = np.flatnonzero(real & (np.abs(values - value) <= np.maximum(slack, slack[k])))
        cluster = [int(j) for j in near_by if j not in used]
        used |= set(cluster)
        chosen += _real(modes, weights, cluster)
    chosen = chosen[:count]
    return sorted(chosen, key=lambda mode: (mode.eigenvalue.real, mode.eigenvalue.imag))


def _has_partner(values: Complex, k: int, slack: Array) -> bool:
    """Whether the conjugate of an eigenvalue is among the others."""
    return bool((np.abs(values - np.conj(values[k])) <= slack[k]).any())


def _complex(modes: Modes, weights: Array, k: int) -> Mode:
    """One mode, turned so that its largest value is real."""
    column = modes.values[:, :, k]
    largest = column.ravel()[int(np.abs(column).argmax())]
    turn = np.conj(largest) / abs(largest)
    return Mode(complex(modes.eigenvalues[k]), (k,), np.array([turn]), 1)


def _real(modes: Modes, weights: Array, cluster: Sequence[int]) -> list[Mode]:
    """A real orthonormal basis of the space of some modes."""
    number = len(cluster)
    columns = modes.values[:, :, cluster].reshape(-1, number)
    roots = np.sqrt(np.repeat(weights, modes.values.shape[1]))[:, None]
    parts = np.concatenate([columns.real, columns.imag], axis=1) * roots
    _, sizes, right = np.linalg.svd(parts, full_matrices=False)
    basis = right[:number].T / sizes[:number]
    basis_modes = []
    for value, part in zip(np.sort(modes.eigenvalues[cluster].real), basis.T, strict=True):
        field = parts @ part
        sign = np.sign(field[int(np.abs(field).argmax())]) or 1.0
        basis_modes.append(
            Mode(complex(value), tuple(cluster), sign * part.astype(complex), number)
        )
    return basis_modes


@dataclass(frozen=True)
class Distances:
    """How far the modes of a level are from those of another: relative differences (K,) of the
    eigenvalues, infinite where there is no partner.
    """

    eigenvalues: Array
    partners: tuple[int, ...]


def matched(values: Complex, others: Complex, scales: Array) -> Distances:
    """Each eigenvalue with the one of the other level that is its own: the nearest pairs first."""
    differences = np.abs(values[:, None] - others[None, :])
    relative = np.full(len(values), np.inf)
    partners = [-1] * len(values)
    open_rows, open_columns = set(range(len(values))), set(range(len(others)))
    for flat in np.argsort(differences, axis=None, kind="stable").tolist():
        k, j = divmod(flat, len(others))
        if k in open_rows and j in open_columns:
            open_rows.remove(k)
            open_columns.remove(j)
            partners[k] = j
            relative[k] = max(ROUNDING, float(differences[k, j] / scales[k]))
    return Distances(relative, tuple(partners))


def mode_distance(
    field: Complex, eigenvalue: complex, reach: float, other: Modes, weights: Array
) -> float:
    """How far a mode (N, m) of length 1 is from the space of those of another level whose
    eigenvalues are within `reach`.
    """
    members = np.flatnonzero(np.abs(other.eigenvalues - eigenvalue) <= reach)
    roots = np.sqrt(np.repeat(weights, field.shape[1]))
    column = field.ravel() * roots
    columns = other.values[:, :, members].reshape(len(column), -1) * roots[:, None]
    basis, _ = np.linalg.qr(columns)
    rest = column - basis @ (basis.conj().T @ column)
    return max(ROUNDING, float(np.linalg.norm(rest) / np.linalg.norm(column)))
