"""What a patch says of the traces on one of its faces.

    V_o h^k (∂_n^k u_o - τ_k),   k = 0, 1, …   by orthonormal polynomials on the face

with the factor V_o of `scales` and the extent h along the normal of the thinner of the two cells.
In space modes of a degree near that of the patches have no trace and no row (`trace_degree`).
An unknown has as many traces as the order q of its highest derivative along the normal. The means
of derivatives of order q/2 and more count L/h times: those of ∂_n^k u - τ_k, and of ∂_s ∂_n^k u -
∂_s τ_k along the face. For the second order they are ∂_n u and ∂_s u: see `rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from kanpde.numerics.local_functions import LocalFunctions
from kanpde.numerics.polynomials import (
    Index,
    Indices,
    cube,
    derivatives,
    exponents,
    reference,
)
from kanpde.numerics.quadrature import Array
from kanpde.patches.fluxes import Fluxes
from kanpde.patches.layout import Face, Patch
from kanpde.patches.rows import Rows

SPACE, SECOND = 3, 2

LOWER, LOWEST = 2, 4
"""In space traces have so many degrees less than the patches, but at least this one: what patches
leave free on their faces, their equation of second order determines. Measured on eight cells of a
cube with degree 9: an error of 1.05e-8 with traces of degree 9, 1.08e-8 with 7; on 30 cells graded
to an edge of an L with degree 8: 2.2e-3, 2.6e-3 with 6 and 7.8e-3 with 5. Two degrees less are four
tenths of the traces, and a tenth of the work.
"""

DEPENDENT = 1e-6
"""Polynomials on a cut face of which less is left beside those before them are left out."""

SAME = 1e-9
"""Positions in a patch that differ by less are one."""

PLACES = 512
"""Places of faces whose tables are kept."""


@cache
def _modes(degree: int, nodes: int, dimension: int) -> dict[Index, Array]:
    """Values and slopes of the polynomials of a face at its Gauss points."""
    return reference(degree, nodes, ((0,) * dimension, *_unit(dimension)))


def _unit(dimension: int) -> tuple[Index, ...]:
    """The multi-indices of the first derivatives."""
    return tuple(tuple(int(k == axis) for k in range(dimension)) for axis in range(dimension))


@dataclass(frozen=True)
class _Known:
    """By order k of the normal derivative: its components (T_k, n) along the modes of the trace, and
    the means over the face of its tangential derivatives, of the polynomials (d - 1, n) and of the
    modes (d - 1, T_k); `columns` is n.
    """

    columns: int
    normal: list[Array]
    turns: list[Array]
    mode_turns: list[Array]


@dataclass(frozen=True)
class _Modes:
    """Polynomials that are orthonormal for the integral over a face, at its points `z` (N, d - 1) in
    [-1, 1] with `weights` (N,): values (N, T), slopes (d - 1, N, T) and the degree (T,) of each.
    """

    z: Array
    weights: Array
    values: Array
    slopes: list[Array]
    degrees: Indices

    def count(self, degree: int) -> int:
        """How many are of at most a degree; on a point there is one of any."""
        return int((self.degrees <= degree).sum()) if self.z.shape[1] else 1


def _modes_of(face: Face, degree: int, nodes: int) -> _Modes:
    """The modes of a face."""
    across = len(face.low)
    shells = exponents(degree, across).sum(axis=1)
    half, zero = (face.high - face.low) / 2, (0,) * across
    if face.cut is None:
        z, w = cube(nodes, across)
        table = _modes(degree, nodes, across)
        root = np.sqrt(face.measure)
        slopes = [table[unit] / (h * root) for unit, h in zip(_unit(across), half, strict=True)]
        return _Modes(z, w * float(np.prod(half)), table[zero] / root, slopes, shells)
    x, weights = face.cut.rule(nodes)
    z = (x - (face.low + face.high) / 2) / half
    ones = np.ones(across)
    table = derivatives(z, -ones, ones, degree, (zero, *_unit(across)))
    # one by one from the constant on, without those that others make up for on the cut part
    scaled = table[zero] * np.sqrt(weights)[:, None]
    upper = np.linalg.qr(scaled, mode="r")
    kept = np.abs(np.diag(upper)) > DEPENDENT * np.linalg.norm(scaled, axis=0)[: len(upper)]
    kept = np.flatnonzero(kept)
    upper = np.linalg.qr(scaled[:, kept], mode="r")
    upper *= np.sign(np.diag(upper))[:, None]
    values, *slopes = (np.linalg.solve(upper.T, table[i][:, kept].T).T for i in table)
    slopes = [slope / h for slope, h in zip(slopes, half, strict=True)]
    return _Modes(z, weights, values, slopes, shells[kept])


def trace_degree(degree: int, dimension: int, order: int) -> int:
    """The degree of the traces between patches of a degree.

    Args:
        degree: the higher one of the two patches.
        dimension: d.
        order: the highest order of an unknown along the normal.
    """
    if dimension < SPACE or order < SECOND:
        return degree
    return max(degree - LOWER, min(degree, LOWEST))


def _known(patch: Patch, face: Face, degrees: tuple[int, int], most: int) -> _Known:
    """What is known on a face of normal derivatives of order below `most`; `degrees` are those of
    the patches, the higher one, and of the traces. Faces in the plane are scaled from those of
    the box [-1, 1]^2.
    """
    # as many nodes on both sides, so that a cut face has the same modes there
    every = patch.degree, max(patch.degree, degrees[0]), degrees[1]
    functions = patch.functions
    # in space tables are large and few faces are alike
    if face.cut is not None or patch.dimension >= SPACE:
        return _computed(face, (patch.lower, patch.upper), every, most, functions)
    known = _on_reference(_place(patch, face), every, most, functions)
    scale = 2.0 / (patch.upper - patch.lower)
    along, across = scale[face.along], float(scale[face.axis])
    root = np.sqrt(1.0 / float(np.prod(along)))
    return _Known(
        columns=known.columns,
        normal=[root * across**k * normal for k, normal in enumerate(known.normal)],
        turns=[root * across**k * along[:, None] * turns for k, turns in enumerate(known.turns)],
        mode_turns=[along[:, None] * turns for turns in known.mode_turns],
    )


class _Place(NamedTuple):
    """Where a face is in the box [-1, 1]^d of its patch."""

    axis: int
    at: float
    low: tuple[float, ...]
    high: tuple[float, ...]


def _place(patch: Patch, face: Face) -> _Place:
    """The place of a face in its patch. Quarters are told exactly: cells that are tiny beside their
    distance from the origin differ by rounding.
    """
    lower, upper, axis = patch.lower.tolist(), patch.upper.tolist(), face.axis
    # numbers, not arrays: this is asked for every face
    low, high = face.low.tolist(), face.high.tolist()
    along = [k for k in range(len(lower)) if k != axis]

    def exact(value: float, k: int) -> float:
        position = (value - (lower[k] + upper[k]) / 2) / ((upper[k] - lower[k]) / 2)
        quarter = round(4 * position) / 4
        return float(quarter if abs(position - quarter) < SAME else position)

    return _Place(
        axis,
        exact(face.at, axis),
        tuple(map(exact, low, along)),
        tuple(map(exact, high, along)),
    )


@lru_cache(maxsize=PLACES)
def _on_reference(
    place: _Place, degrees: tuple[int, int, int], most: int, functions: LocalFunctions
) -> _Known:
    """What is known on a face of the box [-1, 1]^d."""
    low, high = np.array(place.low), np.array(place.high)
    face = Face(key=(), axis=place.axis, at=place.at, low=low, high=high, size=2.0)
    ones = np.ones(len(low) + 1)
    return _computed(face, (-ones, ones), degrees, most, functions)


def _computed(
    face: Face,
    box: tuple[Array, Array],
    degrees: tuple[int, int, int],
    most: int,
    functions: LocalFunctions,
) -> _Known:
    """What is known on a face of a patch with a box; `degrees` are those of the patch, the highest
    beside the face, and of the traces.
    """
    dimension, along = len(box[0]), face.along
    patch_degree, highest, degree = degrees
    modes = _modes_of(face, degree, highest + 2)
    weights, root = modes.weights, np.sqrt(face.measure)
    units = np.array(_unit(dimension), dtype=np.int64)
    index = [tuple((k * units[face.axis]).tolist()) for k in range(most)]
    turned = [
        [tuple((k * units[face.axis] + units[axis]).tolist()) for axis in along]
        for k in range(most - 1)
    ]
    every = {*index, *(other for others in turned for other in others)}
    table = functions.table(face.points(modes.z), *box, patch_degree, sorted(every))
    projected = modes.values.T * weights
    mode_turns = np.array([weights @ slopes / root for slopes in modes.slopes])
    mode_turns = mode_turns.reshape(dimension - 1, len(projected))
    counts = [modes.count(degree - k) for k in range(most)]
    columns = functions.count(patch_degree, dimension)
    turns = []
    for others in turned:
        means = [weights @ table[other] / root for other in others]
        turns.append(np.array(means).reshape(dimension - 1, columns))
    return _Known(
        columns=columns,
        normal=[projected[:count] @ table[i] for count, i in zip(counts, index, strict=True)],
        turns=turns,
        mode_turns=[mode_turns[:, :count] for count in counts],
    )


def face_rows(patch: Patch, face: Face, degree: int, rows: Rows) -> tuple[Array, Array]:
    """The rows of the traces of one face: matrix c ≈ taken τ.

    For one unknown after the other the traces are values by degree 0 to that of the traces, then
    normal derivatives to one degree less, and so on. Further rows are the means of tangential
    derivatives. `degree` is the higher one of the two patches.

    Returns:
        matrix (R, m·n) and taken (R, T).
    """
    orders = rows.orders[:, face.axis].tolist()
    most = max(orders, default=0)
    lower = trace_degree(degree, patch.dimension, most)
    known = _known(patch, face, (degree, lower), most)
    shapes = [_shape(known, times) for times in orders]
    matrix = np.zeros((sum(height for height, _ in shapes), known.columns * len(orders)))
    taken = np.zeros((len(matrix), sum(width for _, width in shapes)))
    row = column = 0
    for unknown, (times, (height, width)) in enumerate(zip(orders, shapes, strict=True)):
        scale = rows.scales.value(unknown, face.axis, face.size, patch.sizes)
        mine, first = slice(row, row + height), unknown * known.columns
        blocks = matrix[mine, first : first + known.columns], taken[mine, column : column + width]
        _fill(blocks, known, times, (scale, face.size, rows.mean))
        row, column = row + height, column + width
    if rows.fluxes is not None and rows.fluxes.are_on(face):
        _take_fluxes((matrix, taken), (patch, face), (degree, lower), (rows.fluxes, known))
    return matrix, taken


def _take_fluxes(
    pair: tuple[Array, Array],
    place: tuple[Patch, Face],
    degrees: tuple[int, int],
    given: tuple[Fluxes, _Known],
) -> None:
    """Put fluxes in the place of normal derivatives: a ∂_n u / ā - τ unit/ā, with the mean ā of the
    coefficient of ∂_n²u; the factors of the rows remain.
    """
    matrix, taken = pair
    patch, face = place
    fluxes, known = given
    modes = _modes_of(face, degrees[1], max(patch.degree, degrees[0]) + 2)
    x = face.points(modes.z)
    terms = fluxes.terms(patch, face, x)
    indices = sorted({index for of_equation in terms for _, index in of_equation})
    table = patch.table(x, indices)
    projected = (modes.values.T * modes.weights)[: len(known.normal[1])]
    normal_index, n = tuple(int(k == face.axis) for k in range(patch.dimension)), known.columns
    values, slopes = len(known.normal[0]), len(known.normal[1])
    below = len(known.turns[0])
    for unknown, of_equation in enumerate(terms):
        row = unknown * (values + slopes + below) + values
        column = unknown * (values + slopes) + values
        weights = taken[range(row, row + slopes), range(column, column + slopes)].copy()
        mean = float(of_equation[unknown, normal_index].mean())
        matrix[row : row + slopes] = 0.0
        for (other, index), factors in of_equation.items():
            block = projected @ (factors[:, None] * table[index])
            matrix[row : row + slopes, other * n : (other + 1) * n] += (
                weights[:, None] / mean * block
            )
        ratio = float(fluxes.units[unknown]) / mean
        taken[range(row, row + slopes), range(column, column + slopes)] = weights * ratio


def _shape(known: _Known, times: int) -> tuple[int, int]:
    """The rows and the traces of an unknown with so many traces."""
    width = sum(len(normal) for normal in known.normal[:times])
    return width + sum(len(known.turns[k]) for k in _turning(times)), width


def _turning(times: int) -> range:
    """The orders of derivatives along the normal whose tangential ones have means as fluxes do."""
    return range(max(0, (times - 1) // 2), max(0, times - 1))


def _fill(
    blocks: tuple[Array, Array], known: _Known, times: int, factors: tuple[float, float, float]
) -> None:
    """The rows of an unknown with so many traces, into `blocks` of zeros (R, n) and (R, T);
    `factors` are V, h and L/h.
    """
    (matrix, taken), (scale, extent, mean) = blocks, factors
    ends = [0]
    for k, normal in enumerate(known.normal[:times]):
        begin, end = ends[-1], ends[-1] + len(normal)
        np.multiply(normal, scale * extent**k, out=matrix[begin:end])
        taken[range(begin, end), range(begin, end)] = scale * extent**k
        if k and 2 * k >= times and len(normal):
            matrix[begin] *= mean
            taken[begin, begin] *= mean
        ends.append(end)
    row = ends[-1]
    for k in _turning(times):
        weight, below = scale * extent ** (k + 1) * mean, row + len(known.turns[k])
        np.multiply(known.turns[k], weight, out=matrix[row:below])
        taken[row:below, ends[k] : ends[k + 1]] = weight * known.mode_turns[k]
        row = below
