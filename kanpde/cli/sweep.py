"""--multirun: one run per job of a sweep, in the folders 0, 1, … of one folder with a table of all.

| when a sweep is asked for again | |
|---|---|
| by the same command | what has ended is kept, a job that was stopped is resumed, the others are solved |
| by another one, into the same --out | refused |

Without --out the same command goes on in the newest folder below runs/ that it has not finished.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kanpde.cli import doors, terminal
from kanpde.cli.errors import guarded
from kanpde.config import Config
from kanpde.errors import CheckpointError, ConfigError, FolderInUseError
from kanpde.progress import StopReason
from kanpde.results import folder_lock, run_folder, sweep_table
from kanpde.results.report import number
from kanpde.results.sweep_table import Job
from kanpde.storage import dump_json, read_json

Run = Callable[[Config, Path | None, argparse.Namespace], int]
"""Does one run: config, run folder (None for a default one), arguments; returns an exit code."""

Resume = Callable[[Path, argparse.Namespace], int]
"""Goes on with an interrupted run folder."""

NAME = "multirun"
_SIGNALLED = (StopReason.INTERRUPTED.exit_code, StopReason.TERMINATED.exit_code)
_WORDS = ("what", "config_dir", "seed", "seeds", "objective")
"""What two commands must have in common to ask for the same sweep."""


def run_sweep(
    arguments: argparse.Namespace, verb: str, run: Run, resume: Resume | None = None
) -> int:
    """Run all jobs of a sweep, with whatever launcher and sweeper Hydra is told to use.

    A job that fails says why in one line and the others go on; a signal ends the sweep.

    Returns:
        The exit code of the first job that failed, else 0.
    """
    command = {"verb": verb} | {name: getattr(arguments, name, None) for name in _WORDS}
    with _folder(arguments, command) as base:
        task = _Task(base, command, run, resume, arguments)
        complete = False
        try:
            doors.run_hydra(arguments, task, sweep=base)
            complete = True
        except ConfigError:
            if not sweep_table.jobs_of(base):
                run_folder.discard(base)
            raise
        finally:
            if base.is_dir():
                jobs = sweep_table.write_table(base, command, complete)
                _show(base, jobs, arguments)
    return next((job.exit_code for job in jobs if job.exit_code), 0)


@contextlib.contextmanager
def _folder(arguments: argparse.Namespace, command: dict[str, Any]) -> Iterator[Path]:
    """The folder of a sweep, under its lock: a new one, or the one that it is to go on in."""
    base = _begun(arguments, command)
    if base is None:
        base = run_folder.create(arguments.out, name=NAME, overwrite=arguments.overwrite)
        sweep_table.begun(base, command)
    else:
        kept = sum(job.is_decided for job in sweep_table.jobs_of(base))
        if not arguments.quiet:
            terminal.show_error(f"going on with {base}, where {kept} jobs have ended")
    with folder_lock.held(base):
        yield base.resolve()


def _begun(arguments: argparse.Namespace, command: dict[str, Any]) -> Path | None:
    """The folder in which this command was begun, None where it begins now.

    Raises:
        FolderInUseError: --out holds another sweep.
    """
    if arguments.overwrite:
        return None
    if arguments.out is None:
        before = sorted(Path("runs").glob(f"{NAME}-*"), reverse=True)
        return next((base for base in before if _is_left(base, command)), None)
    base = Path(arguments.out)
    known, _ = sweep_table.command_of(base)
    if known is not None and known != command:
        words = known.get("what") if isinstance(known, dict) else None
        said = " ".join(words) if isinstance(words, list) else "another command"
        raise FolderInUseError(
            f"run folder '{base}' holds the sweep of '{said}'; choose another --out, or give"
            f" --overwrite"
        )
    return None if known is None else base


def _is_left(base: Path, command: dict[str, Any]) -> bool:
    """Whether a folder holds this sweep, unfinished, and nobody works in it."""
    if sweep_table.command_of(base) != (command, False):
        return False
    try:
        with folder_lock.held(base):
            return True
    except FolderInUseError:
        return False


@dataclass(frozen=True)
class _Task:
    """What a launcher calls once per job, perhaps in another process."""

    base: Path
    command: dict[str, Any]
    run: Run
    resume: Resume | None
    arguments: argparse.Namespace

    def __call__(self, composed: Any) -> float:
        """Do one job and leave its record; the objective, for sweepers that look for a small one."""
        number_of_job, overrides = doors.job(self.arguments)
        job, began, said = Job(number_of_job, overrides), time.perf_counter(), io.StringIO()

        def tell(line: str) -> None:
            said.write(line)
            terminal.show_error(f"job {job.number}: {line}")

        def action() -> int:
            nonlocal job
            config = doors.job_config(composed, self.arguments)
            job = replace(job, digest=sweep_table.digest_of(config, self.command["verb"]))
            before = self._before(job)
            if before is not None:
                job = replace(before, number=job.number, overrides=job.overrides)
                assert job.exit_code is not None
                return job.exit_code
            job = replace(job, folder=str(self._place(job)))
            stopped = self._is_stopped(job)
            job.write(self.base)
            code = self._solved(config, job, stopped)
            figures = sweep_table.figures_of(self._place(job))
            job = replace(job, figures=figures, seconds=figures.get("seconds"))
            return code

        code = guarded(action, tell)
        if job.exit_code is None:
            seconds = time.perf_counter() - began if job.seconds is None else job.seconds
            folder = job.folder if self._place(job).is_dir() else ""
            message = said.getvalue() or (job.figures.get("verdict", "") if code else "")
            job = replace(job, exit_code=code, message=message, seconds=seconds, folder=folder)
        job.write(self.base)
        sweep_table.write_table(self.base, self.command, complete=False)
        if code in _SIGNALLED:
            raise SystemExit(code)
        if not (self.arguments.quiet or self.arguments.json):
            terminal.show_text(_line(job))
        return objective(job, self.arguments.objective)

    def _place(self, job: Job) -> Path:
        return self.base / str(job.number)

    def _before(self, job: Job) -> Job | None:
        """A job of the same config that has ended, the one of the same number first."""
        alike = [
            other
            for other in sweep_table.jobs_of(self.base)
            if other.digest == job.digest and other.is_decided and Path(other.folder).is_dir()
        ]
        return next((other for other in alike if other.number == job.number), None) or next(
            iter(alike), None
        )

    def _is_stopped(self, job: Job) -> bool:
        """Whether its folder holds what was solved of the same config before."""
        records = sweep_table.jobs_of(self.base)
        return any(
            other.number == job.number and other.digest == job.digest for other in records
        ) and any((self._place(job) / "checkpoints").glob("*"))

    def _solved(self, config: Config, job: Job, stopped: bool) -> int:
        """Solve it, or go on with it; what it would print is in its folder."""
        quiet = argparse.Namespace(**vars(self.arguments) | {"overwrite": True})
        quiet.quiet = not self.arguments.verbose
        with contextlib.redirect_stdout(io.StringIO()):
            if stopped and self.resume is not None:
                with contextlib.suppress(CheckpointError):
                    return self.resume(self._place(job), quiet)
            return self.run(config, self._place(job), quiet)


def objective(job: Job, which: str | None) -> float:
    """What a sweeper lowers: the error where it is known and nothing else is asked for, else the
    estimate; infinite for a job that failed.
    """
    values = {"error": job.error, "estimate": job.estimate, "seconds": job.seconds}
    value = values[which] if which is not None else job.error
    if value is None and which is None:
        value = job.estimate
    failed = not job.is_decided or value is None or math.isnan(value)
    return math.inf if failed or value is None else value


def _line(job: Job) -> str:
    words = " ".join(f"{key}={value}" for key, value in job.overrides.items())
    if job.error is not None:
        outcome = f"relative L2 error {number(job.error)}"
    elif job.estimate is not None:
        outcome = f"estimated error {number(job.estimate)}"
    else:
        outcome = "no error known"
    if job.exit_code:
        outcome += f", exit code {job.exit_code}"
    return f"job {job.number}: {words}: {outcome}, {job.seconds or 0.0:.1f} s"


def _show(base: Path, jobs: list[Job], arguments: argparse.Namespace) -> None:
    """The table, and in words how many jobs failed."""
    if arguments.json:
        terminal.show_text(dump_json(read_json(base / sweep_table.RECORDS)))
        return
    if not arguments.quiet:
        rows = [
            (
                str(job.number),
                " ".join(f"{key}={value}" for key, value in job.overrides.items()),
                number(job.error),
                number(job.estimate),
                "" if job.seconds is None else f"{job.seconds:.1f}",
                "" if job.exit_code is None else str(job.exit_code),
            )
            for job in jobs
        ]
        header = ("job", "overrides", "relative L2", "estimate", "seconds", "exit code")
        terminal.show_table(rows, header)
        failed = [job.number for job in jobs if job.exit_code]
        if failed:
            listed = ", ".join(str(job) for job in failed[:5]) + (", …" if len(failed) > 5 else "")
            terminal.show_text(f"{len(failed)} of {len(jobs)} jobs did not end well: {listed}")
    terminal.show_text(f"files: {base}")
