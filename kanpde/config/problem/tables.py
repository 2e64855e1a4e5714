"""Tables of numbers to fit: named columns of a CSV or .npz file, of CSV text, or of arrays in
memory.

Unlike measured values of a condition (`measurements`) a table may be large, so its numbers are
packed: row by row as float64, little-endian, 8·N·C bytes. Columns that nobody asks for may hold
anything.
"""

from __future__ import annotations

import random
import struct
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kanpde.config.problem.arrays import dump_columns, read_arrays
from kanpde.config.problem.csv_text import CsvTable, decoded, read_table
from kanpde.config.problem.measurements import MOST_BYTES, file_content
from kanpde.config.problem.searches import Search
from kanpde.config.reader import Reader, listed
from kanpde.errors import BudgetError
from kanpde.names import did_you_mean

MOST_NUMBERS, MOST_FILE_BYTES, MOST_COLUMNS = 8_000_000, 33 << 20, 50
"""Numbers of one table (64 MB in memory), bytes of a CSV file that holds one (of a .npz file twice
as many), columns of it.
"""

STATED = ("unknowns", "equations", "conditions", "free", "exact")
"""Keys of a problem that its fit implies."""


@dataclass(frozen=True)
class Table:
    """Numbers (N, C) under the names of C columns; `file` is the name that a config has for them,
    if they lie in a file.
    """

    columns: tuple[str, ...]
    packed: bytes = field(repr=False)
    file: str | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.packed) // (8 * len(self.columns))

    def column(self, name: str) -> array[float]:
        """The N numbers of a column."""
        return _unpacked(self.packed)[self.columns.index(name) :: len(self.columns)]

    def take(self, rows: Sequence[int]) -> Table:
        """Some rows, in this order, as a table in memory."""
        size = 8 * len(self.columns)
        return Table(self.columns, b"".join(self.packed[size * k : size * (k + 1)] for k in rows))

    def text(self) -> str:
        """CSV text that reads back to equal numbers."""
        numbers, width = _unpacked(self.packed), len(self.columns)
        rows = (
            ",".join(map(repr, numbers[at : at + width])) for at in range(0, len(numbers), width)
        )
        return "\n".join([",".join(self.columns), *rows]) + "\n"

    def archive(self) -> bytes:
        """A .npz file with an array (N,) per column that reads back to equal numbers."""
        return dump_columns({name: _packed(self.column(name)) for name in self.columns})

    def tree(self) -> dict[str, Any]:
        """What a config says: a file by its name, text where that is short, else the table
        itself.
        """
        if self.file is not None:
            return {"data": self.file}
        if len(self.packed) <= MOST_BYTES and len(text := self.text()) <= MOST_BYTES:
            return {"values": text}
        return {"values": self}


@dataclass(frozen=True)
class Fit:
    """What is fitted: the rows of `train`, coordinates first, or where there are none the formulas
    of `exact`.

    `test` are rows for errors only; a `search` looks for the network.
    """

    train: Table | None = None
    test: Table | None = None
    search: Search | None = None

    def tree(self, unknowns: Sequence[str], exact: Mapping[str, str] | None) -> dict[str, Any]:
        """Plain data, but for a table too long for text, that reads back to an equal fit."""
        if self.train is None:
            return dict(exact or {})
        d = len(self.train.columns) - len(unknowns)
        columns = dict(zip(unknowns, self.train.columns[d:], strict=True))
        test = {} if self.test is None else {"test": self.test.tree()}
        search = {} if self.search is None else {"search": self.search.tree()}
        return {
            **self.train.tree(),
            "columns": columns,
            "inputs": list(self.train.columns[:d]),
            **test,
            **search,
        }

    def stored(self) -> Fit:
        """The same with its tables in files of their own beside a config."""
        train, test = self.train, self.test
        return replace(
            self,
            train=train and replace(train, file="fit.npz"),
            test=test and replace(test, file="fit_test.npz"),
        )

    @property
    def files(self) -> dict[str, Table]:
        """The tables that lie in files, by the names of these."""
        return {
            table.file: table
            for table in (self.train, self.test)
            if table is not None and table.file is not None
        }


def split(table: Table, share: float, seed: int) -> tuple[Table, Table]:
    """(train, test): a share of the rows, drawn by the seed and kept in their order, is the
    test.
    """
    chosen = set(random.Random(seed).sample(range(len(table)), round(share * len(table))))
    return table.take([k for k in range(len(table)) if k not in chosen]), table.take(sorted(chosen))


@dataclass(frozen=True)
class Sheet:
    """What was found under the names of columns, before anybody asked for some of them: numbers, or
    the cells of a CSV text.
    """

    names: tuple[str, ...]
    node: Reader
    title: str
    table: Table | None = None
    text: CsvTable | None = None

    def at(self, name: str, node: Reader, role: str) -> int:
        """The place of a column; ConfigError at `node` names the nearest."""
        if name not in self.names:
            near = did_you_mean(name, self.names)
            hint = "" if self.text is None else self.text.hint
            raise node.error(
                f"{self.title}: no column {name[:60]!r} for {role}{near} (columns:"
                f" {listed(self.names)}){hint}"
            )
        return self.names.index(name)

    def called(self, names: Mapping[str, Reader]) -> Sheet:
        """The same with some columns under other names, each with the node that says which."""
        called = list(self.names)
        for name, node in names.items():
            called[self.at(node.text(), node, f"the coordinate {name!r}")] = name
        for at, name in enumerate(called):
            if name in called[:at]:
                raise self.node.error(f"{self.title}: two columns are called {name!r}; rename one")
        table = self.table and replace(self.table, columns=tuple(called))
        return replace(self, names=tuple(called), table=table)

    def columns(self, places: Sequence[int]) -> Table:
        """The numbers of these columns, in this order; ConfigError for a cell that holds none."""
        names = tuple(self.names[at] for at in places)
        if self.table is not None:
            return Table(names, _woven([self.table.column(name) for name in names]))
        assert self.text is not None
        text = self.text
        rows = range(len(text.rows))
        return Table(
            names, _packed(array("d", (text.number(k, at) for k in rows for at in places)))
        )


def read_sheet(node: Reader) -> Sheet:
    """The columns of the node: a Table in memory, CSV text under `values`, or else the name of a
    .csv or .npz file.
    """
    if isinstance(node.value, Table):
        return Sheet(node.value.columns, node, "values", node.value)
    if node.path and node.path[-1] == "values":
        if not isinstance(node.value, str):
            raise node.wrong(
                "CSV text (a header and one line per point), as in 'x,measured' and '0.5,1.25'"
            )
        return _sheet(node.value, node, "values")
    name = node.text()
    most = (2 if name.endswith(".npz") else 1) * MOST_FILE_BYTES
    content = file_content(node, (".csv", ".npz"), most)
    if len(content) > most:
        raise BudgetError(
            str(
                node.error(
                    f"{name[:80]}: is larger than {most >> 20} MiB; leave out points or digits"
                )
            )
        )
    if name.endswith(".npz"):
        return _arrays(content, node, name[:80])
    return _sheet(decoded(content, node, name[:80]), node, name[:80])


def _sheet(text: str, node: Reader, title: str) -> Sheet:
    table = read_table(text, node, title)
    _check_size(len(table.rows), len(table.names), node, title)
    return Sheet(table.names, node, title, text=table)


def _arrays(content: bytes, node: Reader, title: str) -> Sheet:
    """The columns of a .npz file: one array (N,) under the name of each."""
    columns = read_arrays(content, node, 9 * MOST_NUMBERS)
    sizes = {numbers.shape for numbers in columns.values()}
    if len(sizes) != 1 or len(shape := sizes.pop()) != 1:
        shapes = listed([f"{name} {numbers.shape}" for name, numbers in columns.items()])
        raise node.error(
            f"{title}: must hold one array of shape (N,) per column, found {shapes or 'none'}"
        )
    _check_size(shape[0], len(columns), node, title)
    packed = _woven([array("d", numbers.values) for numbers in columns.values()])
    return Sheet(tuple(columns), node, title, Table(tuple(columns), packed))


def _check_size(rows: int, columns: int, node: Reader, title: str) -> None:
    if columns > MOST_COLUMNS:
        raise node.error(f"{title}: must have at most {MOST_COLUMNS} columns, found {columns}")
    if rows < 1:
        raise node.error(f"{title}: holds no row below the header; add points")
    if rows * columns > MOST_NUMBERS:
        size = f"{rows} rows of {columns} columns are more than {MOST_NUMBERS} numbers"
        raise BudgetError(str(node.error(f"{title}: {size}; leave out some")))


def _packed(numbers: array[float]) -> bytes:
    return (
        struct.pack(f"<{len(numbers)}d", *numbers) if sys.byteorder == "big" else numbers.tobytes()
    )


def _unpacked(packed: bytes) -> array[float]:
    if sys.byteorder == "big":
        return array("d", struct.unpack(f"<{len(packed) // 8}d", packed))
    numbers = array("d")
    numbers.frombytes(packed)
    return numbers


def _woven(columns: Sequence[array[float]]) -> bytes:
    numbers = array("d", bytes(8 * len(columns) * len(columns[0])))
    for k, column in enumerate(columns):
        numbers[k :: len(columns)] = column
    return _packed(numbers)
