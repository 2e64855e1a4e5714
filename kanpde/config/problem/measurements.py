"""Measured values as data: a CSV table whose header names the coordinates and the measured
quantities.

    x,y,measured
    0.25,0.5,0.1271

A file is named relative to the config file and lies in its folder or below; the same text may stand
under `values`, which is how a run folder keeps it, so that a resumed run sees the numbers it began
with.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from kanpde.config.reader import NUMBER, Reader, control_character, listed, shown
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


def read_file(node: Reader, coordinates: Sequence[str], taken: Collection[str]) -> Measurements:
    """The table in the CSV file that the node names; `taken` are names that no column but a
    coordinate may have.
    """
    content, name = file_content(node, (".csv",)), node.text()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(content) <= MOST_BYTES:
            raise node.error(
                f"{name[:80]!r} must be UTF-8 text, found the byte {content[error.start]:#04x}"
            ) from None
        text = ""
    return _table(text, len(content), node, name[:80], (coordinates, taken))


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
    paths = [folder / path for folder in node.folders if (folder / path).is_file()]
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


def read_values(node: Reader, coordinates: Sequence[str], taken: Collection[str]) -> Measurements:
    """The table in the CSV text of the node."""
    if not isinstance(node.value, str):
        raise node.wrong(
            "CSV text (a header and one line per point), as in 'x,measured' and '0.5,1.25'"
        )
    return _table(node.value, len(node.value), node, "values", (coordinates, taken))


def _table(
    text: str, size: int, node: Reader, source: str, names: tuple[Sequence[str], Collection[str]]
) -> Measurements:
    if size > MOST_BYTES:
        raise BudgetError(
            str(
                node.error(
                    f"{source}: is larger than {MOST_BYTES} bytes; leave out points or digits"
                )
            )
        )
    if character := control_character(text.replace("\r", "")):
        raise node.error(f"{source}: must be text, found the character {character}")
    lines = [
        (number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()
    ]
    if not lines:
        raise node.error(f"{source}: is empty; the first line names the columns")
    header = [cell.strip() for cell in next(csv.reader([lines[0][1]]))]
    order = _order(header, node, source, *names)
    if not 1 <= len(lines) - 1 <= MOST_ROWS:
        raise node.error(
            f"{source}: must hold from 1 to {MOST_ROWS} rows below the header, found"
            f" {len(lines) - 1}"
        )
    rows = []
    for row, (number, line) in enumerate(lines[1:], start=1):
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        where = f"{source}: row {row} (line {number})"
        if len(cells) != len(header):
            raise node.error(f"{where}: must hold {len(header)} numbers, found {len(cells)}")
        rows.append(
            tuple(_number(cells[at], node, f"{where}, column {header[at]!r}") for at in order)
        )
    return Measurements(tuple(header[at] for at in order), tuple(rows))


def _order(
    header: Sequence[str],
    node: Reader,
    source: str,
    coordinates: Sequence[str],
    taken: Collection[str],
) -> list[int]:
    """The columns, coordinates first."""
    if len(header) > MOST_COLUMNS:
        raise node.error(f"{source}: must have at most {MOST_COLUMNS} columns, found {len(header)}")
    for at, name in enumerate(header):
        if name in header[:at]:
            raise node.error(f"{source}: the column {name[:60]!r} stands twice; remove one")
        if name not in coordinates and (
            not is_identifier(name) or is_reserved(name) or name in taken
        ):
            why = (
                "is in use already"
                if name in taken or is_reserved(name)
                else "is no name of letters, digits and _"
            )
            raise node.error(f"{source}: the column name {shown(name)} {why}; rename it")
    missing = [name for name in coordinates if name not in header]
    if missing:
        raise node.error(
            f"{source}: no column for the coordinate"
            f" {missing[0]!r}{did_you_mean(missing[0], header)}"
            f" (columns: {listed(header)})"
        )
    if len(header) == len(coordinates):
        raise node.error(f"{source}: no column beside the coordinates; add the measured quantity")
    return [header.index(name) for name in coordinates] + [
        at for at, name in enumerate(header) if name not in coordinates
    ]


def _number(cell: str, node: Reader, where: str) -> float:
    number = float(cell) if NUMBER.fullmatch(cell) else None
    if number is None or not abs(number) <= 1e300:
        raise node.error(f"{where}: must be a finite number, found {shown(cell)}")
    return number
