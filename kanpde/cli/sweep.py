"""--multirun: one run per job of a sweep, in the folders 0, 1, … of one new folder, and
multirun.csv beside them.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kanpde.cli import doors, terminal
from kanpde.cli.errors import guarded
from kanpde.config import Config
from kanpde.errors import ConfigError
from kanpde.results import run_folder
from kanpde.results.report import dump_csv
from kanpde.storage import write_text

Run = Callable[[Config, Path | None, argparse.Namespace], int]
"""Does one run: config, run folder (None for a default one), arguments; returns an exit code."""

_SIGNALLED = (130, 143)


def run_sweep(arguments: argparse.Namespace, run: Run) -> int:
    """Run all jobs of a sweep, with whatever launcher Hydra is told to use.

    A job that fails says why in one line and the others go on; a signal ends the sweep.

    Returns:
        The exit code of the first job that failed, else 0.
    """
    base = run_folder.create(
        arguments.out, name="multirun", overwrite=arguments.overwrite
    ).resolve()
    write_text(base / "multirun.csv", dump_csv(("job", "exit_code", "overrides"), ()))
    try:
        doors.run_hydra(arguments, _Job(base, run, arguments), sweep=base)
    except ConfigError:
        run_folder.discard(base)
        raise
    with (base / "multirun.csv").open(encoding="utf-8", newline="") as table:
        rows = sorted(list(csv.reader(table))[1:], key=lambda row: int(row[0]))
    if not arguments.quiet and not arguments.json:
        terminal.show_table(
            [(str(base / row[0]), row[1], row[2]) for row in rows],
            ("run", "exit code", "overrides"),
        )
    if not arguments.json:
        terminal.show_text(f"files: {base}")
    return next((int(row[1]) for row in rows if row[1] != "0"), 0)


class _Job:
    """What a launcher calls once per job, perhaps in another process."""

    def __init__(self, base: Path, run: Run, arguments: argparse.Namespace) -> None:
        self._base = base
        self._run = run
        self._arguments = arguments

    def __call__(self, composed: Any) -> int:
        from hydra.core.hydra_config import HydraConfig

        job = HydraConfig.get()
        number = str(job.job.num)
        code = guarded(
            lambda: self._run(doors.hydra_config(composed), self._base / number, self._arguments)
        )
        row = (number, code, " ".join(job.overrides.task))
        with (self._base / "multirun.csv").open("a", encoding="utf-8", newline="") as table:
            csv.writer(table, lineterminator="\n").writerow(row)
        if code in _SIGNALLED:
            raise SystemExit(code)
        return code
