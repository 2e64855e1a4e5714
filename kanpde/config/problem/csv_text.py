"""Tables of numbers as text, as programs write them: what separates the cells, how decimals are
written, which lines are comments, whether the first line names the columns.

    x;u            # x, u          x,u              index column:   ,x,u
    0,5;1,25       0.5 1.25        "0,5","1,25"                     0,0.5,1.25

- **Separator**: semicolon, tab, comma, bar or blanks, the one that cuts the first lines into the
  same number of cells, most of them numbers; a first line `sep=;` says it.
- **Decimals**: a comma where some cell reads so and no cell has a point.
- **Names**: of the first line, or of the comment right above the numbers, as numpy and COMSOL write
  them; where nothing names the columns they are called column1, column2, …
- **Left out**: blank lines, lines that begin with # or %, columns without a name and content, and a
  first column without a name that counts the rows.

Lines are counted from 1 as an editor does, columns by their names.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kanpde.config.reader import Reader, control_character, listed, shown
from kanpde.names import did_you_mean

COMMENTS = ("#", "%")
SAMPLE = 30
"""Lines from which the separator is told."""
LARGEST = 1e300

_SEPARATORS = (";", "\t", ",", "|", " ")
_SAID = re.compile(r"sep=(.)", re.IGNORECASE)
_POINT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEdD][-+]?[0-9]+)?", re.ASCII)
_COMMA = re.compile(r"[-+]?(?:[0-9]+,[0-9]*|,[0-9]+)(?:[eEdD][-+]?[0-9]+)?", re.ASCII)
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:,[0-9]{3})+", re.ASCII)
_MISSING = frozenset({"", "-", "na", "n/a", "nan", "null", "none", "inf", "-inf", "+inf"})
_SEPARATED = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars", " ": "blanks"}

_Line = tuple[int, str]
_Row = tuple[int, list[str]]


@dataclass(frozen=True)
class CsvTable:
    """Cells under names; `rows` are the number of the line and the cells of each, `comma` says that
    decimals are written with a comma, and `titled` that the file names its columns.
    """

    names: tuple[str, ...]
    rows: tuple[_Row, ...]
    title: str
    node: Reader
    separator: str
    comma: bool
    titled: bool

    def number(self, row: int, at: int) -> float:
        """The number in a row and a column, both counted from 0; ConfigError for anything else."""
        line, cells = self.rows[row]
        cell = cells[at]
        value = as_number(cell, self.comma)
        if value is None or not abs(value) <= LARGEST:
            where = f"{self.title}: row {row + 1} (line {line}), column {self.names[at]!r}"
            raise self.node.error(f"{where}: must be a finite number, found {self._seen(cell)}")
        return value

    def _seen(self, cell: str) -> str:
        if not cell:
            return "an empty cell; leave out the row"
        if self.comma and _POINT.fullmatch(cell):
            return f"{shown(cell)} in a file of decimal commas; write all numbers in one way"
        if not self.comma and _COMMA.fullmatch(cell):
            return (
                f"{shown(cell)}, a decimal comma among points or thousands; write it with a point"
            )
        return shown(cell)

    def holds_text(self, at: int) -> bool:
        """Whether no cell of a column is a number or stands for one that is missing."""
        return not any(
            cells[at].lower() in _MISSING or as_number(cells[at], self.comma) is not None
            for _, cells in self.rows
        )

    def called(self, names: Mapping[str, Reader]) -> CsvTable:
        """The same under other names, each with the node that says which column it is; ConfigError
        for a column that does not exist.
        """
        called = list(self.names)
        for name, node in names.items():
            column = node.text()
            if column not in self.names:
                near = did_you_mean(column, self.names)
                raise node.error(
                    f"{self.title}: no column {column[:60]!r}{near} (columns:"
                    f" {listed(self.names)}){self.hint}"
                )
            called[self.names.index(column)] = name
        return replace(self, names=tuple(called))

    @property
    def hint(self) -> str:
        """What to say beside a name that no column has."""
        return "" if self.titled else "; no line of the file names the columns, add one at the top"


def as_number(cell: str, comma: bool = False) -> float | None:
    """The number that a cell reads as, None where it is none."""
    text = cell.replace("\N{MINUS SIGN}", "-")
    if comma and _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    elif not _POINT.fullmatch(text) or (comma and "." in text):
        return None
    return float(text.replace("d", "e").replace("D", "e"))


def decoded(content: bytes, node: Reader, title: str) -> str:
    """The text of a file: UTF-8 or UTF-16 by its mark, else Western European, whose digits are the
    same; ConfigError where it is no text.
    """
    marked = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            wrong = content[error.start]
            continue
        if not control_character(text.replace("\r", "").replace("\ufeff", "")):
            return text
        wrong = ord(control_character_of(text))
    raise node.error(f"{title}: must be text, found the byte {wrong:#04x}; save it as CSV")


def control_character_of(text: str) -> str:
    """The first control character of a text that has one."""
    return next(c for c in text if c not in "\r\ufeff" and control_character(c))


def read_table(text: str, node: Reader, title: str) -> CsvTable:
    """The table of a text; ConfigError names the file and the line.

    Args:
        text: lines of cells.
        node: where the file is named, for messages.
        title: the name of the file, for messages.

    Returns:
        At least one row; every row has as many cells as there are names.
    """
    if character := control_character(text.replace("\r", "").removeprefix("\ufeff")):
        raise node.error(f"{title}: must be text, found the character {character}")
    lines = list(enumerate(text.removeprefix("\ufeff").splitlines(), start=1))
    comments = [(number, line) for number, line in lines if line.lstrip().startswith(COMMENTS)]
    numbered = dict(comments)
    lines = [(n, line) for n, line in lines if line.strip() and n not in numbered]
    said = _SAID.fullmatch(lines[0][1].strip()) if lines else None
    lines = lines[1:] if said else lines
    if not lines:
        raise node.error(f"{title}: is empty; the first line names the columns")
    separator = said[1] if said else _separator([line for _, line in lines[:SAMPLE]])
    rows = _rows(lines, separator, node, title)
    comma = _has_commas(rows, separator)
    header, titled = _header(rows, comments, separator, comma)
    rows = rows[1:] if header == rows[0][1] and titled else rows
    if not rows:
        raise node.error(f"{title}: holds no row below the header; add points")
    header, rows = _aligned(header, rows)
    _check_widths(header, rows, separator, node, title)
    names, rows = _kept(header, rows)
    for at, name in enumerate(names):
        if name in names[:at]:
            raise node.error(f"{title}: the column {name[:60]!r} stands twice; remove one")
    return CsvTable(names, tuple(rows), title, node, separator, comma, titled)


def _rows(lines: Sequence[_Line], separator: str, node: Reader, title: str) -> list[_Row]:
    rows = []
    for number, line in lines:
        try:
            rows.append((number, _cells(line, separator)))
        except csv.Error as error:
            reason = "a cell is longer than 131072 characters" if "limit" in str(error) else error
            raise node.error(f"{title}: line {number}: {reason}; remove it") from None
    return rows


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        return [cell.strip("\"'") for cell in line.split()]
    (cells,) = csv.reader([line], delimiter=separator, skipinitialspace=True)
    return [cell.strip() for cell in cells]


def _separator(lines: Sequence[str]) -> str:
    """What cuts lines into equally many cells, most of them numbers."""
    scores = []
    for rank, separator in enumerate(_SEPARATORS):
        try:
            cut = [_cells(line, separator) for line in lines]
        except csv.Error:  # said with its line when all lines are cut
            return ","
        below = cut[1:] or cut
        width = len(below[0])
        even = all(len(cells) == width for cells in below) and abs(len(cut[0]) - width) <= 1
        cells = [cell for row in below for cell in row if cell]
        numbers = sum(
            as_number(cell) is not None or as_number(cell, True) is not None for cell in cells
        )
        # cells that a separator leaves whole are numbers only where it is the right one
        share = round(numbers / max(1, len(cells)), 3)
        scores.append((even and width > 1, share, width > 1, -rank, separator))
    return max(scores)[-1] if scores else ","


def _has_commas(rows: Sequence[_Row], separator: str) -> bool:
    """Whether decimals are written with a comma: some cell reads so, and no cell has a point.
    Between commas, `"1,234"` may be a thousand, so that another cell has to tell.
    """
    cells = [cell for _, row in rows for cell in row if "," in cell and _COMMA.fullmatch(cell)]
    if separator == ",":
        cells = [cell for cell in cells if not _THOUSANDS.fullmatch(cell)]
    return bool(cells) and not any(
        "." in cell and _POINT.fullmatch(cell) for _, row in rows for cell in row
    )


def _header(
    rows: Sequence[_Row], comments: Sequence[_Line], separator: str, comma: bool
) -> tuple[list[str], bool]:
    """The names of the columns and whether the file says them: those of the first line unless it
    holds numbers only, else of the comment right above, else column1, ….
    """
    number, first = rows[0]
    if not all(as_number(cell, comma) is not None for cell in first):
        return first, True
    above = [line.lstrip().lstrip("".join(COMMENTS)) for n, line in comments if n < number]
    if above:
        for cut in (separator, ","):
            names = _cells(above[-1].strip(), cut)
            if len(names) == len(first) and all(names):
                return names, True
    return [f"column{k}" for k in range(1, len(first) + 1)], False


def _aligned(header: list[str], rows: list[_Row]) -> tuple[list[str], list[_Row]]:
    """Header and rows of one width where all rows have one cell more: the names of rows in front of
    them, as R writes them, or an empty cell behind the last separator.
    """
    if any(len(cells) != len(header) + 1 for _, cells in rows):
        return header, rows
    if all(not cells[-1] for _, cells in rows):
        return header, [(number, cells[:-1]) for number, cells in rows]
    return header, [(number, cells[1:]) for number, cells in rows]


def _check_widths(
    header: Sequence[str], rows: Sequence[_Row], separator: str, node: Reader, title: str
) -> None:
    for row, (number, cells) in enumerate(rows, start=1):
        if len(cells) != len(header):
            advice = "; where commas are decimal, separate cells by semicolons"
            raise node.error(
                f"{title}: row {row} (line {number}): must hold {len(header)} cells, found"
                f" {len(cells)}, separated by {_SEPARATED.get(separator, separator)}"
                f"{advice if separator == ',' and len(cells) > len(header) else ''}"
            )


def _kept(header: Sequence[str], rows: list[_Row]) -> tuple[tuple[str, ...], list[_Row]]:
    """Without columns that have neither name nor content, and without a first one that counts the
    rows; others without a name are called by their number.
    """
    kept = []
    for at, name in enumerate(header):
        bare = not name or re.fullmatch(r"Unnamed: [0-9]+", name) is not None
        column = [cells[at] for _, cells in rows]
        if not bare or (any(column) and not (at == 0 and _counts(column))):
            kept.append(at)
    if len(kept) == len(header):
        names = header
    else:
        names = [header[at] for at in kept]
        rows = [(number, [cells[at] for at in kept]) for number, cells in rows]
    return tuple(name or f"column{at + 1}" for at, name in zip(kept, names, strict=True)), rows


def _counts(column: Sequence[str]) -> bool:
    """Whether a column is 0, 1, 2, … or 1, 2, 3, …"""
    numbers = range(len(column))
    return list(column) in ([str(k) for k in numbers], [str(k + 1) for k in numbers])
