"""Measured values as data: a CSV table whose header names the coordinates and the measured
quantities.

    x,y,measured
    0.25,0.5,0.1271

A file is named relative to the config file and lies in its folder or below; the same text may stand
under `values`, which is how a run folder keeps it, so that a resumed run sees the numbers it began
with.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.csv_text import CsvTable, decoded, read_table
from kanpde.config.reader import Reader, listed, shown
from kanpde.errors import BudgetError
from kanpde.names import did_you_mean, is_identifier, is_reserved

MOST_BYTES = 300_000
"""Of one table as text, so that the config of a run, which holds it, stays below the limit of a
data file.
"""

MOST_ROWS, MOST_COLUMNS = 20_000, 50


@dataclass(frozen=True)
class Measurements:
    """Numbers (N, C) under the names of C columns, coordinates first in their order."""

    columns: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]

    def column(self, name: str) -> tuple[float, ...]:
        """The N numbers of a column."""
        at = self.columns.index(name)
        return tuple(row[at] for row in self.rows)

    def text(self) -> str:
        """CSV text that reads back to equal numbers."""
        lines = [",".join(self.columns), *(",".join(map(repr, row)) for row in self.rows)]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Columns:
    """What columns may be called: the coordinates, the names `taken` already, and those that a
    config gives to columns of a file, with the node that says which.
    """

    coordinates: Sequence[str]
    taken: Collection[str]
    given: Mapping[str, Reader] = field(default_factory=FrozenMap)


def read_file(node: Reader, columns: Columns) -> Measurements:
    """The table in the CSV file that the node names."""
    content, name = file_content(node, (".csv",)), node.text()
    text = "" if len(content) > MOST_BYTES else decoded(content, node, name[:80])
    return _table(text, len(content), node, name[:80], columns)


def file_content(node: Reader, suffixes: Sequence[str], most: int = MOST_BYTES) -> bytes:
    """The bytes, one more than `most` at most, of the file that the node names, in the folder of
    the config or below.
    """
    name = node.text()
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or path.suffix not in suffixes:
        raise node.wrong(
            f"the name of a {' or '.join(suffixes)} file in the folder of this config or below (no"
            f" absolute path, no ..)"
        )
    # os.path.isfile is False, too, where the system refuses the name (too long, no permission)
    paths = [folder / path for folder in node.folders if os.path.isfile(folder / path)]
    if not paths:
        raise node.error(f"no such file: {name[:80]!r} (looked for beside the config)")
    if not any(paths[0].resolve().is_relative_to(folder.resolve()) for folder in node.folders):
        raise node.error(
            f"{name[:80]!r} leads out of the folder of this config; copy the file there"
        )
    try:
        with paths[0].open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise node.error(f"{name[:80]!r} cannot be read ({error.strerror})") from None


def read_values(node: Reader, columns: Columns) -> Measurements:
    """The table in the CSV text of the node."""
    if not isinstance(node.value, str):
        raise node.wrong(
            "CSV text (a header and one line per point), as in 'x,measured' and '0.5,1.25'"
        )
    return _table(node.value, len(node.value), node, "values", columns)


def _table(text: str, size: int, node: Reader, source: str, columns: Columns) -> Measurements:
    if size > MOST_BYTES:
        raise BudgetError(
            str(
                node.error(
                    f"{source}: is larger than {MOST_BYTES} bytes; leave out points or digits"
                )
            )
        )
    table = read_table(text, node, source).called(columns.given)
    order = _order(table, node, source, columns)
    if len(table.rows) > MOST_ROWS:
        raise node.error(
            f"{source}: must hold from 1 to {MOST_ROWS} rows below the header, found"
            f" {len(table.rows)}"
        )
    rows = [tuple(table.number(row, at) for at in order) for row in range(len(table.rows))]
    return Measurements(tuple(table.names[at] for at in order), tuple(rows))


def _with_unit(name: str, header: Sequence[str]) -> str:
    """How to name a column whose title is the name with a unit, as `kanpde export` writes them."""
    titles = [title for title in header if re.match(rf"{re.escape(name)}\s*[\[(/]", title)]
    return f"; write columns: {{{name}: {titles[0]!r}}}" if titles else ""


def _order(table: CsvTable, node: Reader, source: str, columns: Columns) -> list[int]:
    """The columns, coordinates first; those of text only, and those whose names no formula can
    hold, are left out.
    """
    header, coordinates = table.names, columns.coordinates
    if len(header) > MOST_COLUMNS:
        raise node.error(f"{source}: must have at most {MOST_COLUMNS} columns, found {len(header)}")
    missing = [name for name in coordinates if name not in header]
    if missing:
        raise node.error(
            f"{source}: no column for the coordinate"
            f" {missing[0]!r}{_with_unit(missing[0], header) or did_you_mean(missing[0], header)}"
            f" (columns: {listed(header)}){table.hint}"
        )
    measured = [
        at
        for at, name in enumerate(header)
        if name not in coordinates and is_identifier(name) and not table.holds_text(at)
    ]
    for name in (header[at] for at in measured):
        if is_reserved(name) or name in columns.taken:
            raise node.error(
                f"{source}: the column name {shown(name)} is in use already; rename it, as in"
                f" `columns: {{measured: {name}}}`"
            )
    others = [name for name in header if name not in coordinates]
    if not measured and others:
        raise node.error(
            f"{source}: the column name {shown(others[0])} is no name of letters, digits and _, or"
            f" it holds text; rename it, or say which it is: columns: {{measured: {shown(others[0])}}}"
        )
    if not measured:
        raise node.error(f"{source}: no column beside the coordinates; add the measured quantity")
    return [header.index(name) for name in coordinates] + measured
