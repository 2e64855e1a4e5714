"""Coefficients from files: `definitions: {k: {field: conductivity.csv, name: k}}`, values on a full
tensor grid of space.

    x,y,k
    0,0,1.0
    0.1,0,1.2

One line per grid point, in any order; the axes need not be even. The same text may stand under
`values` in place of `field`, which is how a run folder keeps it. A .npz file holds an increasing
array per coordinate under its name, and arrays of values with one index per coordinate, in their
order. `interpolation` says how values become a function of the coordinates:

- cubic: a spline, exact to O(h^4) for a spacing h, two derivatives; it overshoots at jumps
- monotone: cubic between neighbours, never beyond them, one derivative
- linear: one derivative, with jumps at the grid points
- nearest: the value of the nearest point, no derivative

Without it values are taken as a cubic spline where that stays within their range, else as monotone,
which a note of the result says. Mesh files are another kind (nodal.py).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise, product
from typing import Any

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.arrays import read_arrays
from kanpde.config.problem.measurements import (
    MOST_BYTES,
    MOST_ROWS,
    Columns,
    Measurements,
    file_content,
    read_file,
    read_values,
)
from kanpde.config.problem.nodal_fields import SUFFIXES, Nodal, read_nodal
from kanpde.config.reader import Reader, listed
from kanpde.errors import BudgetError
from kanpde.names import did_you_mean

DEGREE = 3
"""Of the cubic spline; all derivatives below it are continuous."""


@dataclass(frozen=True)
class Interpolation:
    """How values on a grid become a function: the words for it, how many derivatives it has along
    an axis, and how many points it needs there.
    """

    words: str
    derivatives: int
    fewest: int


INTERPOLATIONS: Mapping[str, Interpolation] = {
    "cubic": Interpolation("a cubic spline through the values of a file", 2, 4),
    "monotone": Interpolation("a monotone interpolation of the values of a file", 1, 2),
    "linear": Interpolation("a linear interpolation of the values of a file", 1, 2),
    "nearest": Interpolation("the nearest of the values of a file", 0, 1),
}
CHOSEN = Interpolation(INTERPOLATIONS["cubic"].words, 2, 2)
"""Where the values decide between cubic and monotone."""


@dataclass(frozen=True)
class Grid:
    """Values by the definition's `name` at all points of the product of increasing `axes`; the last
    axis runs fastest. `interpolation` is None where the values decide.
    """

    name: str = field(compare=False)
    axes: tuple[tuple[float, ...], ...]
    values: tuple[float, ...]
    interpolation: str | None = None

    @property
    def way(self) -> Interpolation:
        """What its interpolation has and needs."""
        return CHOSEN if self.interpolation is None else INTERPOLATIONS[self.interpolation]

    @property
    def kind(self) -> str:
        """The words for it in messages."""
        return self.way.words

    def has(self, index: tuple[int, ...]) -> bool:
        """Whether the derivative ∂^index exists."""
        return max(index) <= self.way.derivatives

    @cached_property
    def digest(self) -> bytes:
        """Of axes and values."""
        numbers = (
            [float(len(axis)) for axis in self.axes]
            + [x for axis in self.axes for x in axis]
            + [*self.values]
        )
        packed = struct.pack(f"<{len(numbers)}d", *numbers)
        return blake2b(packed + (self.interpolation or "").encode(), digest_size=16).digest()

    def tree(self, coordinates: Sequence[str]) -> dict[str, Any]:
        """Plain data that reads back to an equal grid."""
        rows = tuple(
            (*at, value) for at, value in zip(product(*self.axes), self.values, strict=True)
        )
        way = {} if self.interpolation is None else {"interpolation": self.interpolation}
        text = Measurements((*coordinates[: len(self.axes)], "value"), rows).text()
        return {"values": text, **way}


def split_grids(
    entries: Mapping[str, Reader], space: Sequence[str], others: Sequence[str]
) -> tuple[dict[str, Reader], FrozenMap[Grid | Nodal]]:
    """The definitions that are formulas, and those that are values on a grid of the coordinates of
    space.

    `others` are coordinates that no column may have.
    """
    gridded = {
        name: entry
        for name, entry in entries.items()
        if isinstance(entry.value, Mapping) and {"field", "values"} & entry.value.keys()
    }
    grids = {name: read_grid(name, entry, space, others) for name, entry in gridded.items()}
    return {name: entry for name, entry in entries.items() if name not in gridded}, FrozenMap(grids)


def read_grid(
    name: str, node: Reader, space: Sequence[str], others: Sequence[str] = ()
) -> Grid | Nodal:
    """Values by a file or a text on a grid of the coordinates `space`."""
    fields = node.fields(("field", "values", "name", "interpolation", "sha256"))
    if len(fields.keys() & {"field", "values"}) != 1:
        raise node.error("must hold one of field (the name of a file) and values (its text)")
    if str(fields.get("field", node).value).endswith(SUFFIXES):
        if "interpolation" in fields:
            raise fields["interpolation"].error(
                "belongs to a grid; values of a mesh file are linear on its cells; remove it"
            )
        return read_nodal(name, node, fields, space)
    if "sha256" in fields:
        raise fields["sha256"].error("belongs to a mesh file; remove it")
    if str(fields.get("field", node).value).endswith(".npz"):
        return _unpacked(name, fields, space)
    read, entry = (
        (read_file, fields["field"]) if "field" in fields else (read_values, fields["values"])
    )
    table = read(entry, Columns(space, others))
    column = _column(fields, table.columns[len(space) :], node)
    return _checked(_grid(name, table, column, entry, space), entry, space, fields)


def _column(fields: Mapping[str, Reader], columns: Sequence[str], node: Reader) -> str:
    """The one asked for, or the only one."""
    if "name" not in fields:
        if len(columns) != 1:
            raise node.error(
                f"name: needed, since the file has the columns"
                f" {listed(columns) or 'of coordinates only'}"
            )
        return columns[0]
    if (column := fields["name"].text()) not in columns:
        raise fields["name"].error(
            f"no column {column[:60]!r}{did_you_mean(column, columns)} (columns: {listed(columns)})"
        )
    return column


def _unpacked(name: str, fields: Mapping[str, Reader], space: Sequence[str]) -> Grid:
    """The grid of a .npz file."""
    node = fields["field"]
    content = file_content(node, (".npz",))
    small = (
        f"must be at most {MOST_ROWS} values and {MOST_BYTES} bytes, also as text; take a coarser"
        " grid"
    )
    if len(content) > MOST_BYTES:
        raise BudgetError(str(node.error(small)))
    arrays = read_arrays(content, node)
    for axis in space:
        numbers = arrays.get(axis)
        if (
            numbers is None
            or len(numbers.shape) != 1
            or any(b <= a for a, b in pairwise(numbers.values))
        ):
            raise node.error(f"needs an increasing array {axis!r} (arrays: {listed(arrays)})")
    axes = tuple(arrays[axis].values for axis in space)
    values = arrays[_column(fields, [key for key in arrays if key not in space], node)]
    if values.shape != tuple(map(len, axes)):
        raise node.error(
            f"values must have the shape {tuple(map(len, axes))} of the axes, found {values.shape}"
        )
    grid = _checked(Grid(name, axes, values.values), node, space, fields)
    if len(grid.values) > MOST_ROWS or len(grid.tree(space)["values"]) > MOST_BYTES:
        raise BudgetError(str(node.error(small)))
    return grid


def _grid(name: str, table: Measurements, column: str, node: Reader, space: Sequence[str]) -> Grid:
    """The table as a grid; every combination of the numbers in its columns stands there once."""
    axes = tuple(tuple(sorted(set(table.column(axis)))) for axis in space)
    known = {
        row[: len(space)]: value
        for row, value in zip(table.rows, table.column(column), strict=True)
    }
    if len(known) < len(table.rows) or math.prod(map(len, axes)) != len(table.rows):
        sizes = " x ".join(str(len(axis)) for axis in axes)
        raise node.error(
            f"must be a full grid: its coordinates span {sizes} points, found {len(table.rows)}"
            f" rows, {len(known)} of them"
            " different; give every combination once"
        )
    return Grid(name, axes, tuple(known[at] for at in product(*axes)))


def _checked(grid: Grid, node: Reader, space: Sequence[str], fields: Mapping[str, Reader]) -> Grid:
    """The grid with the interpolation of its node, which has points enough."""
    if "interpolation" in fields:
        grid = replace(grid, interpolation=fields["interpolation"].choice(INTERPOLATIONS))
    for axis, numbers in zip(space, grid.axes, strict=True):
        if len(numbers) < grid.way.fewest:
            raise node.error(
                f"needs at least {grid.way.fewest} points along {axis}, found {len(numbers)}; give"
                f" more, or another interpolation"
            )
    return grid
