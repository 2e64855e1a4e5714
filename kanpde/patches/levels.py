"""One level: cells with their degrees, and the solution of a linear system on them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kanpde.numerics.quadrature import Array, PointSet
from kanpde.patches.cells import Cell, Cover
from kanpde.patches.elimination import Elimination
from kanpde.patches.kans import values_at
from kanpde.patches.layout import Patch, layout
from kanpde.patches.rows import Rows
from kanpde.patches.statement import Statement

Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

ROUNDING = 20 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Cells:
    """The cells of a level with their degrees, and the patches that they make."""

    degrees: Mapping[Cell, int]
    patches: list[Patch]

    @classmethod
    def of(cls, cover: Cover, degrees: Mapping[Cell, int]) -> Cells:
        """Balanced cells."""
        return cls(degrees, layout(cover, degrees))


@dataclass(frozen=True)
class Level:
    """One solved level: cells with their degrees, patches with their coefficients (n, m) and
    squared rows, the values (N, m) at the sample points, and where conditions at an outflow are
    weak what is missed (J, d + 1) and how wide the layers are (see `refinement.Layers`).

    `pivot` and `weakest` are those of `Elimination.solve`, `data` is the sum of the squared right
    sides. `unconverged` is what Newton's method may have left of the relative L2 error, infinite
    where it stalled for the reason `stall`, and `settling` the same by unknown (m,), where they are
    told apart; `steps` are those of it, one where the problem is linear.
    """

    degrees: Mapping[Cell, int]
    patches: list[Patch]
    coefficients: list[Array]
    squares: Array
    pivot: float
    weakest: float
    values: Array
    missed: Array
    widths: Array
    data: float = 0.0
    steps: int = 1
    unconverged: float = 0.0
    settling: Array | None = None
    stall: str = ""

    @property
    def total(self) -> float:
        """The sum of all squared rows."""
        return float(self.squares.sum())

    @property
    def worst(self) -> Patch:
        """The patch with the largest sum of squared rows."""
        return self.patches[int(self.squares.argmax())]


@dataclass(frozen=True)
class Ground:
    """What levels stand on: what is known of the cells, the points at which solutions are compared,
    which of them count for every unknown (N, m), None where all do, and the points (K, d) where
    given values jump.
    """

    cover: Cover
    sample: PointSet
    counted: Array | None = None
    jumps: Array | None = None

    @property
    def weights(self) -> Array:
        """Those of the sample points, (N, 1) or (N, m)."""
        w = self.sample.w[:, None]
        return w if self.counted is None else w * self.counted

    def solved(self, statement: Statement, cells: Cells, elimination: Elimination) -> Level:
        """Solve a linear system; blocks that `elimination` knows are not computed again."""
        flat, squares, condition = statement.solve(self.cover, cells.patches, elimination)
        pivot, weakest = condition
        coefficients = [column.reshape(statement.unknowns, -1).T for column in flat]
        values = values_at(self.cover, cells.patches, coefficients, self.sample.x)
        return Level(
            degrees=cells.degrees,
            patches=cells.patches,
            coefficients=coefficients,
            squares=squares,
            pivot=pivot,
            weakest=weakest,
            values=values,
            missed=elimination.missed(cells.patches, flat),
            widths=elimination.widths(cells.patches),
            data=elimination.data,
        )

    def moved(self, level: Level, coefficients: list[Array]) -> Level:
        """The level with other coefficients."""
        values = values_at(self.cover, level.patches, coefficients, self.sample.x)
        return replace(level, coefficients=coefficients, values=values)

    def sampled(self, level: Level) -> Level:
        """The level with its values at the sample points of this ground."""
        return self.moved(level, level.coefficients)

    def rows(self, statement: Statement, patches: Sequence[Patch]) -> Iterator[tuple[Patch, Rows]]:
        """The rows of every patch, a few patches at a time; without those between regions."""
        for some in statement.chunks(patches, [(number,) for number in range(len(patches))]):
            for number, of_patch in statement.rows(self.cover, patches, some).items():
                yield patches[number], of_patch

    def at_jumps(self, patches: Sequence[Patch]) -> Mask:
        """Which patches (J,) hold a point where given values jump: no rows there ever fall, however
        small the patches are, while what they miss of the solution falls with their size.
        """
        if self.jumps is None:
            return np.zeros(len(patches), dtype=np.bool_)
        slack = 1e-9 * self.cover.length
        lower = np.array([patch.lower for patch in patches])[:, None] - slack
        upper = np.array([patch.upper for patch in patches])[:, None] + slack
        inside = np.all((lower <= self.jumps) & (self.jumps <= upper), axis=2)
        return np.asarray(np.any(inside, axis=1), dtype=np.bool_)

    def squares(self, level: Level) -> float:
        """The sum of the squared rows that fall with the cells, of all where there are none."""
        fall = ~self.at_jumps(level.patches)
        return float(level.squares[fall].sum()) if fall.any() else level.total

    def missing(self, level: Level) -> float:
        """The L2 norm of layers at an outflow that are not resolved, relative to the solution. What
        rows lack where given values jump is no layer.
        """
        size = float(np.sqrt((self.weights * level.values**2).sum()))
        missing = float(np.sqrt(level.missed[~self.at_jumps(level.patches), -1].sum()))
        return missing / size if size > 0 else (math.inf if missing > 0 else 0.0)

    def norm(self, values: Array) -> float:
        """The root mean square over the domain of values (N, m) at the sample points."""
        w = self.sample.w[:, None]
        return float(np.sqrt((w * values**2).sum() / (w.sum() * values.shape[1])))

    def distance(self, values: Array, previous: Array) -> float:
        """The largest relative L2 difference of an unknown."""
        return float(self.distances(values, previous).max())

    def distances(self, values: Array, previous: Array) -> Array:
        """The relative L2 difference of every unknown (m,), rounding of one that is zero beside the
        others.
        """
        w = self.weights
        sizes = np.sqrt((w * values**2).sum(axis=0))
        away = np.sqrt((w * (values - previous) ** 2).sum(axis=0))
        if not np.isfinite(sizes).all():
            return np.full(len(sizes), math.inf)
        counts = sizes > 1e-12 * sizes.max()
        if not counts.any():
            return np.full(len(sizes), 0.0 if not away.any() else math.inf)
        relative = np.full(len(sizes), ROUNDING)
        relative[counts] = np.maximum(ROUNDING, away[counts] / sizes[counts])
        return relative
