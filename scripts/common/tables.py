"""A table of a docs page that scripts fill row by row: rows and columns that are not made anew
stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

Row = Mapping[str, str]


def read(
    page: Path, columns: Sequence[str], keys: int = 1
) -> dict[tuple[str, ...], dict[str, str]]:
    """The rows of the page's table that begins with the first `keys` of `columns`, by these
    cells.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    start, end = _place(lines, columns[: keys + 1])
    head, _, *body = (_cells(line) for line in lines[start:end])
    return {tuple(cells[:keys]): dict(zip(head, cells, strict=False)) for cells in body}


def write(page: Path, columns: Sequence[str], rows: Sequence[Row], keys: int = 1) -> None:
    """Put rows in place of the table's; the text around it stays."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start, end = _place(lines, columns[: keys + 1])
    written = [_line(columns), "|" + "---|" * len(columns)]
    for row in rows:
        written.append(_line([row.get(column, "") for column in columns]))
    page.write_text("\n".join([*lines[:start], *written, *lines[end:]]) + "\n", encoding="utf-8")


def _place(lines: Sequence[str], first: Sequence[str]) -> tuple[int, int]:
    """Where the lines of the table start and end that begins with the cells `first`."""
    start = next(k for k, line in enumerate(lines) if line.startswith(_line(first)))
    end = start
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    return start, end


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]
