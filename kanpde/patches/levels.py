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
    where it stalled for the reason `stall`; `steps` are those of it, one where the problem is linear.
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
    """What levels stand on: what is known of the cells, and the points at which solutions are
    compared.
    """

    cover: Cover
    sample: PointSet

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

    def missing(self, level: Level) -> float:
        """The L2 norm of layers at an outflow that are not resolved, relative to the solution."""
        size = float(np.sqrt((self.sample.w[:, None] * level.values**2).sum()))
        missing = float(np.sqrt(level.missed[:, -1].sum()))
        return missing / size if size > 0 else (math.inf if missing > 0 else 0.0)

    def norm(self, values: Array) -> float:
        """The root mean square over the domain of values (N, m) at the sample points."""
        w = self.sample.w[:, None]
        return float(np.sqrt((w * values**2).sum() / (w.sum() * values.shape[1])))

    def distance(self, values: Array, previous: Array) -> float:
        """The largest relative L2 difference of an unknown that is not zero beside the others."""
        w = self.sample.w[:, None]
        sizes = np.sqrt((w * values**2).sum(axis=0))
        away = np.sqrt((w * (values - previous) ** 2).sum(axis=0))
        if not np.isfinite(sizes).all():
            return math.inf
        counts = sizes > 1e-12 * sizes.max()
        if not counts.any():
            return 0.0 if not away.any() else math.inf
        return max(ROUNDING, float((away[counts] / sizes[counts]).max()))
