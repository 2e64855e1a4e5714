"""Coefficients from files: `definitions: {k: {field: conductivity.csv, name: k}}`, values on a full tensor grid of space.

    x,y,k
    0,0,1.0
    0.1,0,1.2

One line per grid point, in any order; the axes need not be even. The same text may stand under `values` in place of `field`,
which is how a run folder keeps it. Values become a function of the coordinates by a cubic spline, exact to O(h^4) for a
spacing h.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from itertools import product
from typing import Any

from kanpde.config.frozen import FrozenMap
from kanpde.config.measurements import Measurements, read_file, read_values
from kanpde.config.reader import Reader, listed
from kanpde.names import did_you_mean

FEWEST = 4
"""Points along an axis that a cubic spline needs."""


@dataclass(frozen=True)
class Grid:
    """Values by the definition's `name` at all points of the product of increasing `axes`; the last axis runs fastest."""

    name: str = field(compare=False)
    axes: tuple[tuple[float, ...], ...]
    values: tuple[float, ...]

    @cached_property
    def digest(self) -> bytes:
        """Of axes and values."""
        numbers = [float(len(axis)) for axis in self.axes] + [x for axis in self.axes for x in axis] + [*self.values]
        return blake2b(struct.pack(f"<{len(numbers)}d", *numbers), digest_size=16).digest()

    def tree(self, coordinates: Sequence[str]) -> dict[str, Any]:
        """Plain data that reads back to an equal grid."""
        rows = tuple((*at, value) for at, value in zip(product(*self.axes), self.values, strict=True))
        return {"values": Measurements((*coordinates[: len(self.axes)], "value"), rows).text()}


def split_grids(
    entries: Mapping[str, Reader], space: Sequence[str], others: Sequence[str]
) -> tuple[dict[str, Reader], FrozenMap[Grid]]:
    """The definitions that are formulas, and those that are values on a grid of the coordinates of space.

    `others` are coordinates that no column may have.
    """
    found = {
        name: entry
        for name, entry in entries.items()
        if isinstance(entry.value, Mapping) and {"field", "values"} & entry.value.keys()
    }
    grids = {name: _read(name, entry, space, others) for name, entry in found.items()}
    return {name: entry for name, entry in entries.items() if name not in found}, FrozenMap(grids)


def _read(name: str, node: Reader, space: Sequence[str], others: Sequence[str]) -> Grid:
    fields = node.fields(("field", "values", "name"))
    if len(fields.keys() & {"field", "values"}) != 1:
        raise node.error("must hold one of field (the name of a file) and values (its text)")
    read, entry = (read_file, fields["field"]) if "field" in fields else (read_values, fields["values"])
    table = read(entry, space, others)
    columns = table.columns[len(space) :]
    column = fields["name"].text() if "name" in fields else columns[0]
    if "name" not in fields and len(columns) > 1:
        raise node.error(f"name: needed, since the file has the columns {listed(columns)}")
    if column not in columns:
        raise fields["name"].error(
            f"no column {column[:60]!r}{did_you_mean(column, columns)} (columns: {listed(columns)})"
        )
    return _grid(name, table, column, entry, space)


def _grid(name: str, table: Measurements, column: str, node: Reader, space: Sequence[str]) -> Grid:
    """The table as a grid; every combination of the numbers in its columns stands there once."""
    axes = tuple(tuple(sorted(set(table.column(axis)))) for axis in space)
    known = {row[: len(space)]: value for row, value in zip(table.rows, table.column(column), strict=True)}
    if len(known) < len(table.rows) or math.prod(map(len, axes)) != len(table.rows):
        sizes = " x ".join(str(len(axis)) for axis in axes)
        raise node.error(
            f"must be a full grid: its coordinates span {sizes} points, found {len(table.rows)} rows, {len(known)} of them"
            " different; give every combination once"
        )
    for axis, numbers in zip(space, axes, strict=True):
        if len(numbers) < FEWEST:
            raise node.error(f"needs at least {FEWEST} points along {axis}, found {len(numbers)}; a cubic spline does")
    return Grid(name, axes, tuple(known[at] for at in product(*axes)))
