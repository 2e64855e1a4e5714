"""Hierarchical polynomials of degree p on the cells of a mesh, and sums over cells and sides of
them.

The shape functions (integrated Legendre polynomials; Szabó & Babuška, Finite Element Analysis,
1991) are those of scikit-fem. A function of odd degree along a side changes sign with the side's
direction; here it runs from the smaller to the larger vertex. Inner functions are eliminated cell
by cell (static condensation), so that only those on sides are coupled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import skfem
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csc_matrix

from kanpde.errors import NumericalError
from kanpde.references.fem.cells import Cells, Side

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SIDE_ENDS = ((0, 1), (1, 2), (3, 2), (0, 3))
"""Vertices of the sides of a quadrilateral, in the direction of its coordinate."""

CHUNK = 2_000_000
"""Numbers per array of values that is held at once."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some cells at their quadrature points.

    Attributes:
        cells: their numbers (E,).
        x: points (d, E, Q).
        w: weights (E, Q).
        tests: values and slopes of the shape functions (1 + d, E, B, Q).
        normal: outward unit normals (d, E, Q), on sides alone.
    """

    cells: Indices
    x: Array
    w: Array
    tests: Array
    normal: Array | None = None


@dataclass(frozen=True, eq=False)
class Space:
    """Continuous functions of degree p on cells; N coefficients, B shape functions per cell."""

    cells: Cells
    degree: int

    def element(self) -> Any:
        """A new element of scikit-fem.

        Never reused: once evaluated, `ElementLinePp` takes points of equal shape for the same ones.
        """
        kind = skfem.ElementLinePp if self.cells.dimension == 1 else skfem.ElementQuadP
        return kind(self.degree)

    @cached_property
    def dofs(self) -> Indices:
        """Numbers (B, E) of the coefficients of every cell."""
        numbers = skfem.assembly.Dofs(self.cells.mesh, self.element()).element_dofs
        return np.asarray(numbers, dtype=np.int64)

    @property
    def size(self) -> int:
        """N."""
        return int(self.dofs.max()) + 1

    @property
    def outer(self) -> int:
        """The number of shape functions of a cell that are not inner ones; they stand first."""
        return 2 if self.cells.dimension == 1 else 4 * self.degree

    @cached_property
    def signs(self) -> Array:
        """±1 (B, E): what turns the shape functions of a cell into those of its sides."""
        signs = np.ones(self.dofs.shape)
        if self.cells.dimension == 2:
            t = self.cells.mesh.t
            for side, (a, b) in enumerate(SIDE_ENDS):
                odd = 4 + side * (self.degree - 1) + np.arange(1, self.degree - 1, 2)
                signs[odd] = np.where(t[a] > t[b], -1.0, 1.0)
        return signs

    def shapes(self, xi: Array) -> Array:
        """Values and slopes by ξ (1 + d, B, Q) of the shape functions of a cell at ξ (d, Q), before
        signs.
        """
        element = self.element()
        functions = []
        for k in range(len(self.dofs)):
            value, slope = element.lbasis(xi, k)
            functions.append(np.concatenate([value[None], np.reshape(slope, xi.shape)]))
        return np.stack(functions, axis=1)

    def interior(self, points: int | None = None) -> Iterator[Chunk]:
        """All cells at Gauss points, some at a time."""
        node, weight = _gauss(points or self.degree + 3)
        if self.cells.dimension == 1:
            xi, w = node[None], weight
        else:
            xi = np.stack([axis.ravel() for axis in np.meshgrid(node, node)])
            w = np.outer(weight, weight).ravel()
        shapes = self.shapes(xi)
        count = self.dofs.shape[1]
        step = max(1, CHUNK // shapes[0].size)
        for start in range(0, count, step):
            cells = np.arange(start, min(start + step, count))
            x, slope = self.cells.place(xi, cells)
            yield Chunk(cells, x, w * np.abs(_det(slope)), self._tests(shapes, slope, cells))

    def boundary(self, sides: Sequence[Side]) -> Iterator[Chunk]:
        """Some sides at Gauss points, by their local number."""
        for local in sorted({side.local for side in sides}):
            cells = np.array([side.cell for side in sides if side.local == local])
            xi, w, out = self._side_rule(local)
            x, slope = self.cells.place(xi, cells)
            normal = np.einsum("jieq,j->ieq", _inverse(slope), out)
            normal /= np.sqrt((normal**2).sum(axis=0))
            stretch = np.ones(x.shape[1:])
            if self.cells.dimension == 2:
                stretch = np.sqrt((slope[:, 0 if local == 0 else 1] ** 2).sum(axis=0))
            tests = self._tests(self.shapes(xi), slope, cells)
            yield Chunk(cells, x, w * stretch, tests, normal=normal)

    def _side_rule(self, local: int) -> tuple[Array, Array, Array]:
        """Points ξ (d, Q) and weights (Q,) on a side of the reference cell, its outward normal."""
        if self.cells.dimension == 1:
            return np.array([[float(local)]]), np.ones(1), np.array([[-1.0], [1.0]])[local]
        node, w = _gauss(self.degree + 3)
        if local == 0:
            return np.stack([node, np.zeros_like(node)]), w, np.array([0.0, -1.0])
        return np.stack([np.zeros_like(node), node]), w, np.array([-1.0, 0.0])

    def _tests(self, shapes: Array, slope: Array, cells: Indices) -> Array:
        """Values and slopes by x (1 + d, E, B, Q)."""
        inverse = _inverse(slope)
        signs = self.signs[:, cells].T[..., None]
        tests = np.empty((len(shapes), len(cells), *shapes.shape[1:]))
        tests[0] = signs * shapes[0]
        axes = range(len(inverse))
        for i in axes:
            slopes = sum(inverse[j, i][:, None] * shapes[1 + j] for j in axes)
            tests[1 + i] = slopes * signs
        return tests

    def side_numbers(self, sides: Sequence[Side]) -> Indices:
        """The coefficients of functions that do not vanish on some sides, increasing."""
        if not sides:
            return np.zeros(0, dtype=np.int64)
        return np.unique(np.concatenate([self._on_side(side) for side in sides]))

    def _on_side(self, side: Side) -> Indices:
        """The coefficients of a side: both ends, then by degree."""
        if self.cells.dimension == 1:
            return self.dofs[[side.local], side.cell]
        first = 4 + side.local * (self.degree - 1)
        return self.dofs[
            [*SIDE_ENDS[side.local], *range(first, first + self.degree - 1)], side.cell
        ]

    def shared(self, part: str, opposite: str, shift: Array) -> dict[int, tuple[int, float]]:
        """For every coefficient on `opposite` that of `part`, which `shift` (d,) maps onto it, and
        their ratio ±1.
        """
        twins = {self._middle(side): side for side in self.cells.sides if side.part == opposite}
        shared: dict[int, tuple[int, float]] = {}
        for side in (side for side in self.cells.sides if side.part == part):
            twin = twins.get(self._middle(side, shift))
            if twin is None:
                raise NumericalError(
                    f"reference: the meshes of the periodic parts '{part}' and '{opposite}' do not"
                    f" match"
                )
            here, there = self._on_side(side), self._on_side(twin)
            ratio = np.ones(len(here))
            if len(here) > 1:
                # Both sides run along their coordinate, but functions of odd degree from the
                # smaller to the larger vertex.
                turned = (here[0] < here[1]) != (there[0] < there[1])
                ratio[3::2] = -1.0 if turned else 1.0
            for a, b, r in zip(here, there, ratio, strict=True):
                shared[int(b)] = (int(a), float(r))
        return shared

    def _middle(self, side: Side, shift: Array | float = 0.0) -> tuple[int, ...]:
        """A key of the middle of a side, moved by `shift`."""
        numbers = self._on_side(side)[: self.cells.dimension]
        middle = self.cells.mesh.p[:, numbers].mean(axis=1) + shift
        return tuple(np.round(middle / np.ptp(self.cells.mesh.p) * 1e8).astype(int).tolist())

    def matrix(self, blocks: Array) -> csc_matrix:
        """The sparse matrix (N, N) of blocks (E, n, n) that belong to the first n functions of
        every cell.
        """
        numbers = self.dofs[: blocks.shape[1]].T
        rows = np.broadcast_to(numbers[:, :, None], blocks.shape).ravel()
        columns = np.broadcast_to(numbers[:, None, :], blocks.shape).ravel()
        return csc_matrix(
            coo_matrix((blocks.ravel(), (rows, columns)), shape=(self.size, self.size))
        )

    def vector(self, parts: Array) -> Array:
        """The sum (N,) of parts (E, n) of the cells."""
        numbers = self.dofs[: parts.shape[1]].T
        return np.asarray(
            np.bincount(numbers.ravel(), parts.ravel(), minlength=self.size), dtype=np.float64
        )

    def values(self, u: Array, chunk: Chunk) -> Array:
        """u and its slopes (1 + d, E, Q) on a chunk, for coefficients u (N,)."""
        return np.asarray(
            np.einsum("aebq,be->aeq", chunk.tests, u[self.dofs[:, chunk.cells]], optimize=True)
        )

    def sample(self, u: Array, cells: Indices, xi: Array) -> Array:
        """The values (N,) of the function with coefficients u at ξ (d, N) in cells (N,)."""
        shapes = self.shapes(xi)[0]
        return np.asarray((shapes * self.signs[:, cells] * u[self.dofs[:, cells]]).sum(axis=0))


def _gauss(count: int) -> tuple[Array, Array]:
    """Gauss points (Q,) in [0, 1] and their weights (Q,)."""
    node, weight = np.polynomial.legendre.leggauss(count)
    return (node + 1) / 2, weight / 2


def _det(slope: Array) -> Array:
    """The determinant (E, Q) of dx/dξ."""
    if len(slope) == 1:
        return np.asarray(slope[0, 0])
    return np.asarray(slope[0, 0] * slope[1, 1] - slope[0, 1] * slope[1, 0])


def _inverse(slope: Array) -> Array:
    """The inverse (d, d, E, Q) of dx/dξ."""
    if len(slope) == 1:
        return 1 / slope
    return np.stack(
        [np.stack([slope[1, 1], -slope[0, 1]]), np.stack([-slope[1, 0], slope[0, 0]])]
    ) / _det(slope)
