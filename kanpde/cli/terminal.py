"""What a user sees: tables on stdout, progress and errors on stderr, and how Ctrl-C reaches a
solve.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from kanpde.cli.progress_lines import Lines
from kanpde.cli.signals import interruptible
from kanpde.progress import StopReason
from kanpde.results.comparison_table import comparison_header, comparison_rows
from kanpde.results.report import Row, number, result_rows, stage_rows
from kanpde.storage import dump_json

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from kanpde.results.comparison import Comparison

_WIDTH = 140
"""Columns of a table that goes into a file or a pipe."""


class ProgressBar:
    """A progress observer that draws one bar per stage on stderr, and writes `lines` where there are
    any; on anything but a terminal there are no bars.
    """

    def __init__(self, bars: Progress | None = None, lines: Lines | None = None) -> None:
        self._stop: StopReason | None = None
        self._breakable = True
        self._task: TaskID | None = None
        self._bars = bars
        self._lines = lines

    @classmethod
    def asked_for(cls, arguments: argparse.Namespace) -> ProgressBar:
        """What the options --quiet, --json and --verbose ask for."""
        verbose = getattr(arguments, "verbose", False)
        if arguments.quiet or (arguments.json and not verbose):
            return cls()
        bars = None if arguments.json else _bars()
        if bars is None:
            return cls(lines=Lines(verbose=verbose, as_json=arguments.json))
        return cls(bars, Lines(_above(bars), verbose=True) if verbose else None)

    def started(self, problem: str, folder: Path) -> None:
        """Say what is solved, and where it is kept."""
        if self._lines is not None:
            self._lines.started(problem, str(folder))

    @property
    def stop(self) -> StopReason | None:
        """Why the solve should end early, or None to go on."""
        return self._stop

    @property
    def breakable(self) -> bool:
        """Whether a stage is at work or none has begun, so that no result is lost."""
        return self._breakable

    def request_stop(self, reason: StopReason) -> None:
        """Ask the solve to save its state and end."""
        self._stop = reason
        self.message("stopping after this step and saving; press Ctrl-C again to stop at once")

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        """Begin a bar."""
        self._breakable = True
        self._drop()
        if self._lines is not None:
            self._lines.stage_started(name, steps)
        if self._bars is not None:
            title = f"{index + 1}/{total} {name}"
            self._task = self._bars.add_task(title, total=steps, objective="")

    def step(self, done: int, objective: float) -> None:
        """Move the bar."""
        if self._bars is not None and self._task is not None:
            self._bars.update(
                self._task, completed=done, objective=f"objective {number(objective)}"
            )

    def stage_finished(self, index: int, objective: float, reason: StopReason) -> None:
        """Drop the bar."""
        self._breakable = False
        self._drop()
        if self._lines is not None:
            self._lines.stage_finished(objective, reason)

    def message(self, text: str) -> None:
        """Print a line, above the bar where there is one."""
        if self._lines is not None:
            self._lines.message(text)
        elif self._bars is not None:
            _above(self._bars)(text)

    def __enter__(self) -> ProgressBar:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def _drop(self) -> None:
        if self._bars is not None and self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None


def _above(bars: Progress) -> Callable[[str], None]:
    """What prints a line above the bars."""

    def write(line: str) -> None:
        bars.console.print(line, markup=False, highlight=False)

    return write


def _bars() -> Progress | None:
    """The bars of rich on stderr; None where that is no terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        return None
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[objective]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


@contextmanager
def watching(arguments: argparse.Namespace) -> Iterator[ProgressBar]:
    """A progress bar, or lines, through which SIGINT and SIGTERM reach the solve; nothing is shown
    with --quiet and --json.
    """
    with ProgressBar.asked_for(arguments) as bar, interruptible(bar):
        yield bar


def show_result(result: Mapping[str, Any], folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Print the table of a solve, or its result.json; the last line of a table says where the files
    are.
    """
    if as_json:
        _write(dump_json(result))
        return
    if not quiet:
        stages = stage_rows(result)
        if len(stages) > 1:
            _table(stages, ("stage", "name", "steps", "objective", "seconds"))
        _table(result_rows(result), ("", ""))
    _write(f"files: {folder}")


def show_comparison(comparison: Comparison, folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Print the table and the verdicts of a comparison, or its compare.json."""
    if as_json:
        _write(dump_json(comparison.as_dict()))
        return
    if not quiet:
        if comparison.entries:
            _table(comparison_rows(comparison), comparison_header(comparison))
        else:
            _write(
                "it was stopped before a KAN and an MLP were solved, so there is nothing to compare"
            )
        for verdict in comparison.verdicts():
            _write(verdict.sentence())
    _write(f"files: {folder}")


def show_table(rows: Sequence[Row], header: Row) -> None:
    """Print a table."""
    _table(rows, header)


def show_text(text: str) -> None:
    """Print text as it is."""
    _write(text.rstrip("\n"))


def show_error(message: str) -> None:
    """Print one line on stderr, whatever the message holds."""
    line = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    sys.stderr.write(f"kanpde: {line}\n")


def show_warning(message: Warning | str, *place: object, **further: object) -> None:
    """Print the text of a warning as one line on stderr, without its place in the source."""
    show_error(f"warning: {message}")


def _table(rows: Sequence[Row], header: Row) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        box=None, pad_edge=False, header_style="bold", show_edge=False, show_header=any(header)
    )
    for title in header:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table, highlight=False)


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
