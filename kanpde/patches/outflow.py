"""Conditions that are weak where convection leaves the domain, and what is missed there.

    rows √w V σ (u - given),   σ = min(1, (δ/h)^{3/2}),   layer of width δ = ε/(β·n) in a cell of size h

β is that at the boundary, or on the mean over the patch where that leaves less: a flow that turns
before a wall does not leave through it. With g = u - given the rows lack Σ w V² (1 - σ²) g² of full
weight, and u lacks a layer with the squared L2 norm of about ∫ δ g² ds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.numerics.quadrature import Array
from kanpde.patches.affine import Affine
from kanpde.patches.cells import Points
from kanpde.patches.layout import Patch
from kanpde.patches.scales import Scales

STRAIGHT = 0.999
"""Component of a normal along an axis above which the boundary is a side of cells."""


@dataclass(frozen=True)
class Weak:
    """Rows of conditions whose factor is below 1 at an outflow, with normals (R, d) and the width
    (R,) of the layer there: by what their squares are multiplied for what they lack of full weight
    (`lack`), and for the squared L2 norm of the layer that is missing (`missing`), both (R,).
    """

    matrix: Array
    right: Array
    normal: Array
    width: Array
    lack: Array
    missing: Array

    @classmethod
    def none(cls, columns: int, dimension: int) -> Weak:
        """No rows."""
        empty = np.zeros(0)
        return cls(np.zeros((0, columns)), empty, np.zeros((0, dimension)), empty, empty, empty)

    @classmethod
    def of(cls, rows: tuple[Array, Array], rim: Points, factor: tuple[float, Array, Array]) -> Weak:
        """Those of the rows of a condition at the points of a rim whose `factor` is less than full.

        Args:
            rows: matrix (N, m·n) and right-hand side (N,).
            rim: points with normals.
            factor: the full factor, the share of it at every point, and the width of the layer.
        """
        full, share, width = factor
        assert rim.normal is not None
        less = np.flatnonzero(share < 1)
        share, width = share[less], width[less]
        return cls(
            matrix=rows[0][less],
            right=rows[1][less],
            normal=rim.normal[less],
            width=width,
            lack=share**-2 - 1,
            missing=width / (full * share) ** 2,
        )

    @classmethod
    def joined(cls, several: Sequence[Weak]) -> Weak:
        """All rows of several conditions."""
        return cls(
            *(np.concatenate(column) for column in zip(*map(_columns, several), strict=True))
        )

    def widths(self) -> Array:
        """The width (2, d) of the thinnest layer at the lower and the upper side along every axis,
        infinite where there is none.
        """
        widths = np.full((2, self.normal.shape[1]), np.inf)
        for side, sign in enumerate((-1.0, 1.0)):
            faces = sign * self.normal > STRAIGHT
            for axis in range(self.normal.shape[1]):
                widths[side, axis] = self.width[faces[:, axis]].min(initial=np.inf)
        return widths

    def missed(self, coefficients: Array) -> Array:
        """What the squared rows lack along every axis (d), and the squared norm of missing layers,
        (d + 1,).
        """
        squares = (self.matrix @ coefficients - self.right) ** 2
        along = (self.lack * squares) @ self.normal**2
        return np.append(along, self.missing @ squares)


def _columns(weak: Weak) -> tuple[Array, ...]:
    return weak.matrix, weak.right, weak.normal, weak.width, weak.lack, weak.missing


def condition_factor(
    affine: Affine, slopes: Array, rim: Points, owner: tuple[Patch, Scales]
) -> tuple[float, Array, Array]:
    """What the rows of a condition are multiplied by: V over the size of its coefficients of
    values, with derivatives counted as one over the sides of the cell; the share (N,) of it where
    convection leaves, and the width (N,) of a layer of values there.
    """
    patch, scales = owner
    assert rim.normal is not None
    along = np.mean(rim.normal**2, axis=0)
    largest, squared = 0.0, 0.0
    share, width = np.ones(len(rim.w)), np.zeros(len(rim.w))
    for unknown, index, rms in affine.terms(slopes):
        largest = max(largest, rms / float(np.prod(patch.sizes ** np.array(index))))
        values = [
            scales.value(unknown, axis, float(h), patch.sizes) for axis, h in enumerate(patch.sizes)
        ]
        squared = max(squared, float(along @ np.square(values)))
        if not any(index):
            out, layer = scales.outflow(unknown, rim.normal, patch.sizes)
            share, width = np.minimum(share, out), np.maximum(width, layer)
    full = float(np.sqrt(affine.weight * squared) / (largest or 1.0))
    return full, share, width
