"""Piecewise polynomials on a grid of one or two coordinates, and the matrices of forms on them.

Intervals end where formulas jump, and shrink geometrically towards these places: two of them cross at
corners, where gradients are unbounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from kanpde.expressions import Node
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.piecewise import Line, joined_rows
from kanpde.products.affine_terms import Form

Array = NDArray[Any]

MOST_NUMBERS = 20_000_000
"""Numbers of the matrices of all elements of a form that are held at a time."""


AGREE = 1e-9
"""Difference of two values at a corner, beside their size or 1, that is none."""


@dataclass(frozen=True)
class Face:
    """The end 0 or 1 of an axis, where u is a function of space."""

    axis: int
    end: int
    value: Node


@dataclass(frozen=True, eq=False)
class Grid:
    """Products of the functions of one or two lines; `free` are the numbers of those without given
    values, `given` the coefficients of the others and zeros.
    """

    lines: tuple[Line, ...]
    free: Array
    given: Array

    @classmethod
    def of(cls, lines: Sequence[Line], faces: Sequence[Face]) -> Grid:
        """With values given on faces."""
        sizes = [line.count for line in lines]
        mask, given = np.ones(sizes, dtype=bool), np.zeros(sizes)
        for face in faces:
            np.moveaxis(mask, face.axis, 0)[-face.end] = False
            np.moveaxis(given, face.axis, 0)[-face.end] = _along(lines, face)
        return cls(tuple(lines), np.flatnonzero(mask), given.ravel())

    @property
    def count(self) -> int:
        """The number of all functions."""
        return int(np.prod([line.count for line in self.lines]))

    def matrix(self, form: Form) -> tuple[csr_matrix, Array]:
        """∫ c ∂u ∂v between the functions that are free, and what the given values leave to a load."""
        rows, columns, values = [], [], []
        for numbers, local in self._local(form, True):
            count = numbers.shape[1]
            rows.append(np.repeat(numbers, count, axis=1).ravel())
            columns.append(np.tile(numbers, (1, count)).ravel())
            values.append(local.ravel())
        every = (np.concatenate(rows), np.concatenate(columns))
        whole = csr_matrix((np.concatenate(values), every), shape=(self.count, self.count))
        rows_of_free = whole[self.free]
        return rows_of_free[:, self.free], -(rows_of_free @ self.given)

    def load(self, form: Form) -> Array:
        """∫ c v of the functions that are free."""
        result = np.zeros(self.count)
        for numbers, local in self._local(form, False):
            np.add.at(result, numbers.ravel(), local.ravel())
        return result[self.free]

    def rows(self, x: Array) -> tuple[Array, Array]:
        """The numbers of the functions at points (N, d) and their values, both (N, n)."""
        parts = [line.rows(x[:, axis]) for axis, line in enumerate(self.lines)]
        return joined_rows(parts, self.lines)

    def _local(self, form: Form, twice: bool) -> list[tuple[Array, Array]]:
        """Elements where the coefficient is not zero, some at a time: their functions (M, n), and
        integrals of products (M, n, n) or of the functions (M, n).
        """
        lines = self.lines
        tested = [line.nodal(int(axis == form.tested)) for axis, line in enumerate(lines)]
        derived = [line.nodal(int(axis == form.derived)) for axis, line in enumerate(lines)]
        grids = np.meshgrid(*[np.arange(len(line.widths)) for line in lines], indexing="ij")
        elements = np.stack([grid.ravel() for grid in grids], axis=1)
        size = int(np.prod([line.degree + 1 for line in lines])) ** (2 if twice else 1)
        step = max(1, MOST_NUMBERS // size)
        parts = []
        for start in range(0, len(elements), step):
            some = elements[start : start + step]
            weighted = self._coefficient(form.coefficient, some)
            present = weighted.reshape(len(some), -1).any(axis=1)
            some, weighted = some[present], weighted[present]
            if not len(some):
                continue
            along = [tested[a][some[:, a]] for a in range(len(lines))]
            if twice:
                along = [
                    np.einsum("mgi,mgj->mgij", v, derived[a][some[:, a]]).reshape(*v.shape[:2], -1)
                    for a, v in enumerate(along)
                ]
            parts.append((self._numbers(some), self._integrated(weighted, along, twice)))
        return parts

    def _integrated(self, weighted: Array, along: list[Array], twice: bool) -> Array:
        if len(along) == 1:
            local = np.einsum("mg,mgi->mi", weighted, along[0])
            n = self.lines[0].degree + 1
            return np.asarray(local.reshape(-1, n, n) if twice else local)
        first = np.einsum("mgh,mgi->mhi", weighted, along[0], optimize=True)
        local = np.matmul(first.transpose(0, 2, 1), along[1])
        if not twice:
            return np.asarray(local.reshape(len(local), -1))
        n, o = (line.degree + 1 for line in self.lines)
        local = local.reshape(-1, n, n, o, o).transpose(0, 1, 3, 2, 4)
        return np.asarray(local.reshape(-1, n * o, n * o))

    def _numbers(self, elements: Array) -> Array:
        numbers = [line.numbers[elements[:, axis]] for axis, line in enumerate(self.lines)]
        return joined_rows([(part, part) for part in numbers], self.lines)[0]

    def _coefficient(self, node: Node, elements: Array) -> Array:
        """Values times weights at the Gauss points of elements, (M, g) or (M, g, h)."""
        x = [line.points[elements[:, axis]] for axis, line in enumerate(self.lines)]
        w = [line.weights[elements[:, axis]] for axis, line in enumerate(self.lines)]
        if len(x) == 1:
            return _values(node, x[0].ravel()[:, None]).reshape(x[0].shape) * w[0]
        first, second = np.broadcast_arrays(x[0][:, :, None], x[1][:, None])
        values = _values(node, np.stack([first.ravel(), second.ravel()], axis=1))
        return np.asarray(values.reshape(first.shape) * w[0][:, :, None] * w[1][:, None])


def meet(faces: Sequence[Face], lower: Array, upper: Array) -> bool:
    """Whether the values on faces agree at every corner that two of them share: the functions there
    belong to both.
    """
    corners = [np.where(ends, upper, lower) for ends in np.ndindex(*(2,) * len(lower))]
    for ends, corner in zip(np.ndindex(*(2,) * len(lower)), corners, strict=True):
        there = [face.value for face in faces if face.end == ends[face.axis]]
        values = np.array([_values(node, corner[None])[0] for node in there])
        if len(values) and np.ptp(values) > AGREE * max(1.0, np.abs(values).max()):
            return False
    return True


def _along(lines: Sequence[Line], face: Face) -> Array | float:
    """The coefficients of the values on a face by the functions of the other line, their number if there is
    none.
    """
    place = lines[face.axis].places[-face.end]
    if len(lines) == 1:
        return float(_values(face.value, np.array([[place]]))[0])
    other = lines[1 - face.axis]
    points = np.concatenate([other.points.ravel(), other.places])
    x = np.full((len(points), 2), place)
    x[:, 1 - face.axis] = points
    numbers, values = other.rows(points)
    matrix = np.zeros((len(points), other.count))
    np.put_along_axis(matrix, numbers, values, axis=1)
    return np.asarray(np.linalg.lstsq(matrix, _values(face.value, x), rcond=None)[0])


def _values(node: Node, x: Array) -> Array:
    (values,) = evaluate((node,), torch.tensor(np.ascontiguousarray(x)))
    return np.broadcast_to(values.numpy(), (len(x),)).astype(float)
