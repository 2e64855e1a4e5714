"""What the elimination of the coefficients of one patch leaves on its traces, or of several that are
tied to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kanpde.numerics.quadrature import Array
from kanpde.optimizers.linear_algebra import factor, on_triangle, upper
from kanpde.optimizers.linear_algebra.householder import is_short
from kanpde.patches.blocks import SUM, Block, FaceKey, Widths, numbers
from kanpde.patches.faces import face_rows
from kanpde.patches.layout import Patch
from kanpde.patches.normal import projected
from kanpde.patches.parities import parts, turned
from kanpde.patches.rows import REGULAR, SPACE, Rows


def triangle(matrix: Array, triangular: int = 0) -> Array:
    """R of the QR of a matrix, an upper trapezoid; the matrix is overwritten, and best stored by
    columns. Its last `triangular` rows, one for each column or none, are a triangle, whose zeros save
    half of the time: 140 rows on 183 columns take 0.8 ms in place of 2.0, 240 on 307 3.2 of 8.4.
    """
    given = torch.from_numpy(matrix)
    if not triangular:
        return np.asarray(upper(given).numpy())
    if is_short(*matrix.shape):
        rows, below = matrix[-triangular:], matrix[:-triangular]
        return on_triangle(np.array(rows, order="F"), np.array(below, order="F")).triangle
    return np.asarray(factor(given, triangular).triangle.numpy())


@dataclass(frozen=True)
class Ties:
    """Further rows `matrix` (R, Σ m·n) c ≈ 0 in the coefficients of all patches of a leaf."""

    matrix: Array
    right: Array


def eliminated(patches: Sequence[Patch], rows: Sequence[Rows], ties: Ties | None = None) -> Block:
    """The block of one leaf, a patch or several with `ties` between them: their coefficients are
    gone.
    """
    first, n = _stacked(rows, ties)
    number = next(numbers)
    pieces: list[tuple[FaceKey, int, Array, Array, Array]] = []
    start = 0
    for patch, of_patch in zip(patches, rows, strict=True):
        for face, degree in patch.faces:
            matrix, taken = face_rows(patch, face, degree, of_patch)
            pieces.append(((*face.key, degree), start, matrix, taken, np.zeros(len(matrix))))
        start += of_patch.matrix.shape[1]
    pieces += [
        ((SUM, which, number), 0, row[None], np.full((1, 1), factor_of_sum), np.array([given]))
        for which, (row, given, factor_of_sum) in enumerate(_added(rows))
    ]
    pieces = [piece for piece in pieces if len(piece[2])]  # a piece without derivatives has no rows
    rest = float(first[n, n] ** 2) if len(first) > n else 0.0
    data = sum(float(of_patch.right @ of_patch.right) for of_patch in rows)
    inner, outer = _faces_of(pieces)
    if _is_plain(patches, rows, outer):
        faces = [(key, matrix, taken) for key, _, matrix, taken, _ in pieces]
        return projected(first, faces, rest=rest, data=data)
    if not pieces:
        return Block(number, (), np.zeros((0, 0)), np.zeros(0), (), first[:n], rest, data)
    column: dict[FaceKey, int] = {}
    width = 0
    for key, traces in (*inner, *outer):
        column[key] = width
        width += traces
    if not pieces:
        return Block(number, (), np.zeros((0, 0)), np.zeros(0), (), first[:n], rest, data)
    below = sum(len(matrix) for _, _, matrix, _, _ in pieces)
    on_coefficients, on_traces = _columns(below, n), _columns(below, width + 1)
    at = 0
    for key, start, matrix, taken, right in pieces:
        to = at + len(matrix)
        on_coefficients[at:to, start : start + matrix.shape[1]] = matrix
        on_traces[at:to, column[key] : column[key] + taken.shape[1]] = -taken
        on_traces[at:to, -1] = right
        at = to
    beside = _columns(n, width + 1)
    beside[:, -1] = first[:n, n]
    pentagon = on_triangle(np.array(first[:n, :n], order="F"), on_coefficients)
    top, left = pentagon.turned(beside, on_traces)
    r, k = triangle(left), sum(traces for _, traces in inner)
    rest += float(r[width, -1] ** 2) if len(r) > width else 0.0
    head = np.zeros((n + k, n + width + 1))
    head[:n, :n], head[:n, n:], head[n:, n:] = pentagon.triangle, top, r[:k]
    return Block(number, outer, r[k:width, k:-1], r[k:width, -1], inner, head, rest, data)


def _columns(rows: int, columns: int) -> Array:
    """Zeros that are stored by columns."""
    return np.zeros((rows, columns), order="F")


def _added(rows: Sequence[Rows]) -> list[tuple[Array, float, float]]:
    """What the patches of a leaf add to every sum together: the row (n,) of all coefficients, its
    right side, and its factor, the least of all patches.
    """
    known = [(of_patch, of_patch.sums) for of_patch in rows]
    factors = [sums.factors for _, sums in known if sums is not None]
    if not factors:
        return []
    least = np.min(factors, axis=0)
    matrix, right = [], np.zeros(len(least))
    for of_patch, sums in known:
        if sums is None:
            matrix.append(np.zeros((len(least), of_patch.matrix.shape[1])))
            continue
        share = least / sums.factors
        matrix.append(sums.matrix * share[:, None])
        right += sums.right * share
    return list(zip(np.concatenate(matrix, axis=1), right.tolist(), least.tolist(), strict=True))


def _is_plain(patches: Sequence[Patch], rows: Sequence[Rows], outer: Widths) -> bool:
    """Whether a leaf is one patch in space with faces and nothing else."""
    alone = len(patches) == 1 and patches[0].dimension >= SPACE
    return alone and bool(outer) and rows[0].sums is None


def _faces_of(
    pieces: Sequence[tuple[FaceKey, int, Array, Array, Array]],
) -> tuple[Widths, Widths]:
    """The faces that two patches of one leaf share, and all others, with the number of traces."""
    widths: dict[FaceKey, int] = {}
    times: dict[FaceKey, int] = {}
    for key, _, _, taken, _ in pieces:
        widths[key] = taken.shape[1]
        times[key] = times.get(key, 0) + (key[0] != SUM)
    inner = tuple((key, width) for key, width in widths.items() if times[key] == 2)
    outer = tuple((key, width) for key, width in widths.items() if times[key] != 2)
    return inner, outer


def _stacked(rows: Sequence[Rows], ties: Ties | None) -> tuple[Array, int]:
    """The triangle of the rows of a leaf with their right side, and the number of coefficients."""
    widths = [of_patch.matrix.shape[1] for of_patch in rows]
    height, n = sum(len(of_patch.matrix) for of_patch in rows), sum(widths)
    if len(rows) == 1 and ties is None and rows[0].orders.shape[1] >= SPACE:
        apart = _apart(rows[0], n)
        if apart is not None:
            return apart, n
    tied = 0 if ties is None else len(ties.matrix)
    # the last row of zeros makes the regularisation a triangle, which costs less
    stacked = np.zeros((height + tied + n + 1, n + 1), order="F")
    top = start = 0
    for of_patch, width in zip(rows, widths, strict=True):
        to, end = top + len(of_patch.matrix), start + width
        stacked[top:to, start:end], stacked[top:to, n] = of_patch.matrix, of_patch.right
        diagonal = range(height + tied + start, height + tied + end), range(start, end)
        stacked[diagonal] = _small(of_patch.matrix)
        top, start = to, end
    if ties is not None:
        stacked[height : height + tied, :n], stacked[height : height + tied, n] = (
            ties.matrix,
            ties.right,
        )
    return triangle(stacked, n + 1), n


def _apart(rows: Rows, n: int) -> Array | None:
    """The triangle of the rows of a patch from those of the systems that they fall into: columns in
    their old order make an upper triangle of all. None where they do not fall apart.
    """
    above = turned(rows.matrix, rows.right)
    small, first, rest = _small(rows.matrix), np.zeros((n + 1, n + 1)), 0.0
    used = np.zeros(len(above), dtype=np.bool_)
    for mine, columns in parts(above[:, :n]):
        count, k = len(mine), len(columns)
        if k == n:
            return None
        system = np.zeros((count + k + 1, k + 1), order="F")
        system[:count, :k], system[:count, k] = above[np.ix_(mine, columns)], above[mine, n]
        system[range(count, count + k), range(k)] = small[columns]
        upper = triangle(system, k + 1)
        first[np.ix_(columns, columns)], first[columns, n] = upper[:k, :k], upper[:k, k]
        rest += float(upper[k, k] ** 2)
        used[mine] = True
    first[n, n] = np.sqrt(rest + float(np.sum(above[~used, n] ** 2)))
    return first


def _small(matrix: Array) -> Array:
    """Diagonal rows (n,) for columns that may be determined to rounding only, on a cut cell."""
    norms = np.linalg.norm(matrix, axis=0)
    return np.asarray(REGULAR * np.maximum(norms, 1e-9 * norms.max()))
