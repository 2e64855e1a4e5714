"""Sums of one-coordinate matrices inverted on chains by sweeps over the cores.

    (Σ_k I ⊗ … ⊗ A_k ⊗ … ⊗ I) x = b

With orthonormal cores to the left and to the right, what a core X solves is the sum of three small
matrices, L ⊗ I ⊗ I + I ⊗ A_k ⊗ I + I ⊗ I ⊗ R, with L and R the other A_l between the cores there:
diagonalising each makes it a division. Ranks follow from truncation, and from cores of the residual
that are added to those of the solution. Source: Dolgov & Savostyanov, Alternating minimal energy
methods for linear systems in higher dimensions, SIAM J. Sci. Comput. 36 (2014), A2248–A2271.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kanpde.products.chains import (
    MOST_RANK,
    Array,
    Chain,
    RankError,
    look_at_the_clock,
    right_orthogonal,
    rounded,
)
from kanpde.products.spectra import Spectrum, solve

SWEEPS = 40
"""Most half sweeps."""

ENRICHED = 4
"""Ranks of the residual that are added to those of the solution in every core."""


class NotConvergedError(ArithmeticError):
    """Sweeps do not come to an end for these matrices."""


@dataclass
class _Sides:
    """Products of the cores on one side of a bond with themselves, the solution and the source.

    `matrices` (r, r) between cores of the solution; `sources` (r, s) those with the source; for the
    residual `masses` (e, r), `mixed` (e, r) with the matrices, `residual` (e, s) with the source.
    """

    matrices: Array
    sources: Array
    masses: Array
    mixed: Array
    residual: Array


def _outermost() -> _Sides:
    identity, zero = np.ones((1, 1)), np.zeros((1, 1))
    return _Sides(zero, identity, identity, zero, identity)


@dataclass
class _Sweeps:
    """A solution with its centre at the first core; `flip` turns the order of coordinates round."""

    matrices: list[Array]
    source: Chain
    solution: Chain
    remainder: Chain
    tolerance: float
    left: list[_Sides] = field(default_factory=list)
    right: list[_Sides] = field(default_factory=list)
    spectra: dict[int, Spectrum] = field(default_factory=dict)

    def prepare(self) -> None:
        """Products of all cores but the first."""
        self.left, self.right = [_outermost()], [_outermost()]
        self.flip()
        for k in range(len(self.matrices) - 1):
            self._extend(k)
        self.flip()
        self.left = [_outermost()]

    def flip(self) -> None:
        """The same with the last coordinate first."""
        for name in ("source", "solution", "remainder"):
            chain = getattr(self, name)
            setattr(self, name, [core.transpose(2, 1, 0) for core in chain[::-1]])
        self.matrices = self.matrices[::-1]
        self.left, self.right = self.right, self.left

    def sweep(self) -> float:
        """Solve for every core from the first to the last; the largest relative change of one."""
        self.left = self.left[:1]
        worst = 0.0
        last = len(self.matrices) - 1
        for k in range(last + 1):
            look_at_the_clock()
            before, core = self.solution[k], self._solved(k)
            size = float(np.linalg.norm(core))
            if not math.isfinite(size):
                raise NotConvergedError("a core has no solution")
            worst = max(worst, float(np.linalg.norm(core - before)) / (size or 1.0))
            self.solution[k] = core
            if k < last:
                self._step(k)
                self._extend(k)
                self.right.pop()
        return worst

    def _applied(self, k: int, core: Array) -> Array:
        """What the matrices to the left of a core and its own make of it."""
        applied = self.matrices[k] @ core
        return np.asarray(np.tensordot(self.left[k].matrices, core, axes=(1, 0)) + applied)

    def _solved(self, k: int) -> Array:
        left, right = self.left[k], self.right[-1]
        ahead = np.tensordot(left.sources, self.source[k], axes=(1, 0))
        wanted = np.tensordot(ahead, right.sources, axes=(2, 1))
        spectra = (Spectrum.of(left.matrices), self._own(k), Spectrum.of(right.matrices))
        return solve(spectra, wanted)

    def _own(self, k: int) -> Spectrum:
        """Of a coordinate's matrix, once for equal coordinates."""
        matrix = self.matrices[k]
        if id(matrix) not in self.spectra:
            self.spectra[id(matrix)] = Spectrum.of(matrix)
        return self.spectra[id(matrix)]

    def _step(self, k: int) -> None:
        """Truncate a core, add the residual's, make it orthonormal and move the centre on."""
        core = self.solution[k]
        r, n, s = core.shape
        u, values, v = np.linalg.svd(core.reshape(r * n, s), full_matrices=False)
        allowed = self.tolerance * float(np.linalg.norm(values)) / math.sqrt(len(self.matrices))
        tails = np.sqrt(np.cumsum(values[::-1] ** 2))[::-1]
        kept = max(1, int(np.sum(tails > allowed)))
        if kept > MOST_RANK:
            raise RankError(f"rank {kept}")
        u, rest = u[:, :kept], values[:kept, None] * v[:kept]
        short = (u @ rest).reshape(r, n, s)
        added, remainder = self._residuals(k, short)
        wide, upper = np.linalg.qr(np.concatenate([u, added.reshape(r * n, -1)], axis=1))
        self.solution[k] = wide.reshape(r, n, -1)
        carried = upper[:, :kept] @ rest
        self.solution[k + 1] = np.tensordot(carried, self.solution[k + 1], axes=(1, 0))
        e = remainder.shape[0]
        self.remainder[k] = np.linalg.qr(remainder.reshape(e * n, -1))[0].reshape(e, n, -1)

    def _residuals(self, k: int, core: Array) -> tuple[Array, Array]:
        """b - A x between the solution's cores to the left, or the residual's, and the residual's
        to the right.
        """
        left, right = self.left[k], self.right[-1]
        source = np.tensordot(self.source[k], right.residual, axes=(2, 1))
        applied = self._applied(k, core)
        first = np.tensordot(left.sources, source, axes=(1, 0))
        first = first - np.tensordot(applied, right.masses, axes=(2, 1))
        first = first - np.tensordot(core, right.mixed, axes=(2, 1))
        own = self.matrices[k] @ core
        moved = np.tensordot(left.masses, core, axes=(1, 0))
        both = np.tensordot(left.mixed, core, axes=(1, 0))
        both = both + np.tensordot(left.masses, own, axes=(1, 0))
        second = np.tensordot(left.residual, source, axes=(1, 0))
        second = second - np.tensordot(both, right.masses, axes=(2, 1))
        second = second - np.tensordot(moved, right.mixed, axes=(2, 1))
        return first, second

    def _extend(self, k: int) -> None:
        """Products of the cores up to and with number k."""
        side, x, z = self.left[k], self.solution[k], self.remainder[k]
        own = self.matrices[k] @ x
        applied = np.tensordot(side.matrices, x, axes=(1, 0)) + own
        mixed = np.tensordot(side.mixed, x, axes=(1, 0))
        mixed = mixed + np.tensordot(side.masses, own, axes=(1, 0))
        source = self.source[k]
        two = ((0, 1), (0, 1))
        self.left.append(
            _Sides(
                np.tensordot(x, applied, axes=two),
                np.tensordot(x, np.tensordot(side.sources, source, axes=(1, 0)), axes=two),
                np.tensordot(z, np.tensordot(side.masses, x, axes=(1, 0)), axes=two),
                np.tensordot(z, mixed, axes=two),
                np.tensordot(z, np.tensordot(side.residual, source, axes=(1, 0)), axes=two),
            )
        )


def solved_by_sweeps(
    matrices: Sequence[Array], source: Chain, tolerance: float
) -> tuple[Chain, float]:
    """The solution and its relative change by the last two half sweeps.

    Args:
        matrices: A_k (n_k, n_k), real, whose eigenvalue sums are positive.
        source: b, real.
        tolerance: relative to the Euclidean norm of the solution, dimensionless.

    Raises:
        NotConvergedError: sweeps do not reach ten times the tolerance.
        RankError: more than MOST_RANK products are needed.
        LateError: see `kanpde.products.chains.until`.
    """
    if not any(core.any() for core in source) or len(source) < 2:
        raise NotConvergedError("a source of zeros, or one coordinate")
    start = right_orthogonal(rounded(source, 0.3, most=2))
    generator = np.random.default_rng(0)
    sizes = [min(ENRICHED, m) for m in [len(matrix) for matrix in matrices]]
    ranks = [1, *sizes[1:], 1]
    remainder = [
        generator.standard_normal((ranks[k], len(matrix), ranks[k + 1]))
        for k, matrix in enumerate(matrices)
    ]
    sweeps = _Sweeps(list(matrices), source, start, right_orthogonal(remainder), tolerance)
    sweeps.prepare()
    changes = [1.0]
    for _ in range(SWEEPS):
        changes.append(sweeps.sweep())
        sweeps.flip()
        if max(changes[-2:]) <= tolerance:
            break
        if len(changes) > 12 and changes[-1] > 0.5 * changes[-9]:
            break
    if len(changes) % 2 == 0:
        sweeps.flip()
    change = max(changes[-2:])
    if not change <= max(10 * tolerance, 1e-11):
        raise NotConvergedError(f"sweeps end with a change of {change:.1e}")
    return rounded(sweeps.solution, tolerance), change
