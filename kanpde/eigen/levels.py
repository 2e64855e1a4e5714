"""One level of an eigenproblem: cells with their degrees, and the modes nearest to a value.

    T c = c/(λ - σ),    T = -A⁺ B on the coefficients of all patches

A mode with its error for the marking is (λ - σ) T c: what least squares leave of the squared rows is
that of the mode.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kanpde.eigen.factors import Factored, Factors
from kanpde.eigen.krylov import Complex, Ritz, Sizes, largest
from kanpde.eigen.pencil import Pencils
from kanpde.eigen.transfer import transferred
from kanpde.numerics.quadrature import Array
from kanpde.patches.kans import values_at
from kanpde.patches.layout import Patch
from kanpde.patches.levels import Cells, Ground, Level

BLOCK = (3, 5, 6)
"""Vectors of a Krylov block, by the number of coordinates: as many as eigenvalues may coincide."""

SPARE = 4
"""Further eigenvalues beside the wanted ones, so that no cluster is cut."""

TRIES, SAME = 4, 1e-9
"""How often more eigenvalues are asked for until the wanted ones are among them, and the share by
which distances may differ by rounding.
"""

TRUSTED = 1e-6
"""Largest residual of a pair, relative to its eigenvalue of T, that is looked at."""

SPACE, MORE = 8, 80
"""The Krylov space ends at so many times the number of eigenvalues, and so many more vectors."""

SEED = 7


@dataclass(frozen=True)
class Modes:
    """Eigenvalues (K,), those nearest to the wanted place first, with coefficients (n, m, K) of
    every patch and values (N, m, K) at the sample points; the modes have length 1 in L2.
    """

    eigenvalues: Complex
    coefficients: list[Complex]
    values: Complex


@dataclass(frozen=True)
class Solved:
    """A solved level: its modes, the sum of the squared rows of each (K,), and the level as the
    refinement sees it.
    """

    modes: Modes
    totals: Array
    level: Level


@dataclass(frozen=True)
class Wanted:
    """How many eigenvalues are asked for, and near what."""

    count: int
    near: float


def solve(
    ground: Ground,
    pencils: Pencils,
    cells: Cells,
    factors: Factors,
    wanted: Wanted,
    before: Solved | None = None,
) -> Solved:
    """The modes on some cells, beginning with those of the level before."""
    patches, unknowns = cells.patches, len(pencils.plain.unknowns)
    factored = factors.of(patches)
    start = None
    if before is not None:
        start = transferred(patches, before.level.patches, before.modes.coefficients)
    values, vectors = _nearest(factored, patches, pencils.shift, wanted, start)
    pieces, shares = _applied(factored, vectors, values - pencils.shift)
    by_unknown = [piece.reshape(unknowns, -1, len(values)).transpose(1, 0, 2) for piece in pieces]
    sampled = _sampled(ground, patches, by_unknown)
    w = ground.sample.w[:, None, None]
    lengths = np.sqrt((w * np.abs(sampled) ** 2).sum(axis=(0, 1)))
    modes = Modes(values, [piece / lengths for piece in by_unknown], sampled / lengths)
    squares = shares / lengths**2
    level = _level(cells, modes, squares, factored, wanted.count)
    return Solved(modes, squares.sum(axis=0), level)


def _nearest(
    factored: Factored, patches: list[Patch], shift: float, wanted: Wanted, start: Array | None
) -> tuple[Complex, Complex]:
    """Eigenvalues with their vectors (N, K), the nearest to the wanted place first.

    All that are nearer to σ than the farthest of those found are known, so that enough are found
    where the disk around the wanted place with the wanted ones lies in that around σ.
    """
    count = wanted.count
    for _ in range(TRIES):
        ritz = _trusted(_ritz(factored, patches, count, start))
        values = shift + 1 / ritz.values
        distances = np.abs(values - wanted.near)
        order = np.argsort(distances, kind="stable")
        if len(values) <= count:
            break
        # of a pair one counts, so that twice as many may be needed
        pairs = int((values.imag != 0).any()) + 1
        needed = distances[order[: pairs * wanted.count]][-1] + abs(shift - wanted.near)
        known = np.abs(values - shift).max()
        if len(values) >= pairs * wanted.count and needed <= known * (1 + SAME):
            break
        count = 2 * count + SPARE
    return values[order], ritz.vectors[:, order]


def _trusted(ritz: Ritz) -> Ritz:
    """The pairs that have settled: others may be anywhere where T is far from normal."""
    kept = ritz.residuals <= TRUSTED
    if not kept.any():
        return ritz
    return Ritz(ritz.values[kept], ritz.vectors[:, kept], ritz.residuals[kept])


def _applied(factored: Factored, vectors: Complex, factors: Complex) -> tuple[list[Complex], Array]:
    """(λ - σ) T c of vectors c (N, K) with λ - σ as `factors` (K,): coefficients (m·n, K) of every
    patch, and the sums of their squared rows (J, K).
    """
    count, ends = len(factors), np.cumsum(factored.sizes)[:-1]
    before = np.split(np.concatenate([vectors.real, vectors.imag], axis=1), ends)
    solved = factored.inverted(before)
    right = [-leaf.rate @ c for leaf, c in zip(factored.leaves, before, strict=True)]
    pieces = [(c[:, :count] + 1j * c[:, count:]) * factors for c in solved.coefficients]
    shares = factored.squares(right, solved)
    squares = (shares[:, :count] + shares[:, count:]) * np.abs(factors) ** 2
    return pieces, squares


def _ritz(factored: Factored, patches: list[Patch], count: int, modes: Array | None) -> Ritz:
    """Eigenpairs of T, the vectors as coefficients of all patches one after the other; `modes` (N, K)
    are expected to be near.
    """
    sizes = factored.sizes
    measures = [float(np.prod(patch.upper - patch.lower)) for patch in patches]
    # polynomials are orthonormal for the mean over the box of a patch
    roots = np.repeat(np.sqrt(measures), sizes)[:, None]
    ends = np.cumsum(sizes)[:-1]

    def operator(block: Array) -> Array:
        parts = np.split(block / roots, ends)
        return np.asarray(np.concatenate(factored.inverted(parts).coefficients) * roots)

    width = BLOCK[patches[0].dimension - 1] if modes is None else 1
    start = np.random.default_rng(SEED).standard_normal((sum(sizes), width))
    start = operator(start[:, : sum(sizes)])
    if modes is not None:
        start = np.concatenate([modes * roots, start], axis=1)
    most = min(SPACE * count + MORE, sum(sizes))
    ritz = largest(operator, start, Sizes(count + SPARE, count + 1, most))
    return replace(ritz, vectors=ritz.vectors / roots)


def _sampled(ground: Ground, patches: list[Patch], pieces: list[Complex]) -> Complex:
    """The values (N, m, K) of modes at the sample points."""
    flat = [piece.reshape(len(piece), -1) for piece in pieces]
    parts = []
    for take in (np.real, np.imag):
        of_part = [np.ascontiguousarray(take(piece)) for piece in flat]
        parts.append(values_at(ground.cover, patches, of_part, ground.sample.x))
    return np.asarray((parts[0] + 1j * parts[1]).reshape(-1, *pieces[0].shape[1:]))


def _level(cells: Cells, modes: Modes, squares: Array, factored: Factored, count: int) -> Level:
    """What the refinement sees: the wanted modes as so many unknowns, real and imaginary parts."""
    coefficients = [_flat(piece[:, :, :count]) for piece in modes.coefficients]
    dimension, number = cells.patches[0].dimension, len(cells.patches)
    return Level(
        degrees=cells.degrees,
        patches=cells.patches,
        coefficients=coefficients,
        squares=squares[:, :count].sum(axis=1),
        pivot=factored.pivot,
        weakest=factored.weakest,
        values=_flat(modes.values[:, :, :count]),
        missed=np.zeros((number, dimension + 1)),
        widths=np.full((number, 2, dimension), np.inf),
    )


def _flat(modes: Complex) -> Array:
    """Modes (n, m, K) as columns (n, 2·m·K)."""
    columns = modes.reshape(len(modes), -1)
    return np.concatenate([columns.real, columns.imag], axis=1)
