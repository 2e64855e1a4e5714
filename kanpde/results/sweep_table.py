"""The jobs of a sweep: a record of each, and the table of all.

    jobs/N.json     job N, written when it begins and again when it ends
    multirun.json   the command, whether all jobs have ended, and the records
    multirun.csv    a row per job

A record is bound to the config of its job by a digest. So a sweep that was killed knows what is
left of it, and a job that is asked for twice is solved once.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kanpde.config import Config
from kanpde.config.problem.attached_files import portable
from kanpde.errors import NumericalError, StorageError, ToleranceError
from kanpde.results.comparison import KINDS, LABELS
from kanpde.results.report import dump_csv, plain_tree
from kanpde.storage import leaf_digests, make_folder, read_json, write_json, write_text

JOBS, TABLE, RECORDS = "jobs", "multirun.csv", "multirun.json"

DECIDED = (0, NumericalError.exit_code, ToleranceError.exit_code)
"""Exit codes of jobs that would end the same way again."""


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes:
        number: its place in the sweep, and the name of its run folder.
        overrides: what it was given, by key.
        digest: of its config; empty where there is none.
        exit_code: None while it has not ended.
        message: why it failed, in one line.
        seconds: wall-clock seconds of the solve, of a job without one those until it failed.
        figures: what came out, by column of the table.
        folder: its run folder, or that of the job with the same config; empty where there is none.
    """

    number: int
    overrides: Mapping[str, str]
    digest: str = ""
    exit_code: int | None = None
    message: str = ""
    seconds: float | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""

    @property
    def is_decided(self) -> bool:
        """Whether it ended and would end the same way again."""
        return self.exit_code in DECIDED

    @property
    def error(self) -> float | None:
        """The largest relative L2 error of the unknowns, None where it is not known."""
        return self._number("relative_l2")

    @property
    def estimate(self) -> float | None:
        """The largest estimate of it, None where there is none."""
        return self._number("estimate")

    def write(self, base: Path) -> None:
        """Keep the record; StorageError where it cannot be written."""
        write_json(make_folder(base / JOBS) / f"{self.number}.json", asdict(self))

    def _number(self, name: str) -> float | None:
        value = self.figures.get(name)
        return float(value) if isinstance(value, int | float) else None


def jobs_of(base: Path) -> list[Job]:
    """The records of a sweep in the order of the jobs; what is no record is left out."""
    found = []
    for path in (base / JOBS).glob("*.json"):
        try:
            content = read_json(path)
        except StorageError:
            continue
        if _is_record(content):
            found.append(Job(**content))
    return sorted(found, key=lambda job: job.number)


_KINDS: Mapping[str, Any] = {
    "number": int,
    "overrides": Mapping,
    "digest": str,
    "exit_code": int | None,
    "message": str,
    "seconds": int | float | None,
    "figures": Mapping,
    "folder": str,
}


def _is_record(content: Mapping[str, Any]) -> bool:
    """Whether a file holds what `Job.write` writes."""
    return content.keys() == _KINDS.keys() and all(
        isinstance(content[name], kind) for name, kind in _KINDS.items()
    )


def digest_of(config: Config, verb: str) -> str:
    """What a job is known by: its verb, every value of its config, and the files it names."""
    problem, files = portable(config.problem)
    content = {
        "verb": verb,
        "values": leaf_digests(plain_tree(config)),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "tables": [hashlib.sha256(table.archive()).hexdigest() for table in _tables(problem)],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _tables(problem: Any) -> list[Any]:
    fit = problem.fit and problem.fit.stored()
    return list(fit.files.values()) if fit else []


def figures_of(folder: Path) -> dict[str, Any]:
    """What a run folder says came out, by column: of a solve its errors, of a comparison those of
    KAN and MLP; nothing where it holds neither.
    """
    result, comparison = folder / "result.json", folder / "compare.json"
    if result.is_file():
        return _of_solve(read_json(result))
    if comparison.is_file():
        return _of_comparison(read_json(comparison))
    return {}


def _of_solve(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "relative_l2": _largest(result.get("relative_l2")),
        "estimate": _largest(result.get("estimate")),
        "residual_rms": result.get("residual_rms"),
        "parameters": result.get("trial", {}).get("parameters"),
        "seconds": result.get("seconds"),
        "stopped": result.get("stop_reason"),
        "verdict": " ".join([*result.get("verdict", ()), *result.get("warnings", ())]),
    }


def _of_comparison(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """The medians of KAN and MLP in each mode; `relative_l2` is the KAN's in the last one."""
    row: dict[str, Any] = {"relative_l2": None, "estimate": None}
    measured = comparison["measure"] == "relative_l2"
    for summary in comparison["summary"]:
        mode, kind = summary["mode"], summary["kind"]
        for what in ("median", "median_seconds"):
            row[f"{kind} {what.replace('_', ' ')}, {LABELS.get(mode, mode)}"] = summary[what]
        if measured and kind == KINDS[0]:
            row["relative_l2"] = summary["median"]
    row["seconds"] = sum(solve["seconds"] for solve in comparison["solves"])
    row["winner"] = ", ".join(verdict["winner"] for verdict in comparison["verdicts"])
    return row


def _largest(values: Any) -> float | None:
    """The largest number per unknown; None where one is not known."""
    listed = list(values.values()) if isinstance(values, Mapping) else [values]
    if not listed or any(not isinstance(value, int | float) for value in listed):
        return None
    return max(float(value) for value in listed)


def begun(base: Path, command: Mapping[str, Any]) -> None:
    """Write a table that has no jobs yet."""
    _write(base, command, (), complete=False)


def write_table(base: Path, command: Mapping[str, Any], complete: bool) -> list[Job]:
    """Write the table of all jobs so far; the jobs."""
    jobs = jobs_of(base)
    _write(base, command, jobs, complete)
    return jobs


def command_of(base: Path) -> tuple[Any, bool]:
    """The command of a sweep, and whether all its jobs have ended; None where it is no sweep."""
    try:
        content = read_json(base / RECORDS)
    except StorageError:
        return None, False
    return content.get("command"), bool(content.get("complete"))


def _write(base: Path, command: Mapping[str, Any], jobs: Sequence[Job], complete: bool) -> None:
    content = {"command": command, "complete": complete, "jobs": [asdict(job) for job in jobs]}
    write_json(base / RECORDS, content)
    write_text(base / TABLE, dump_csv(*_rows(jobs)))


def _rows(jobs: Sequence[Job]) -> tuple[list[str], list[list[object]]]:
    """Header and rows: what came out, then every key that was given."""
    keys = list(dict.fromkeys(key for job in jobs for key in job.overrides))
    names = ["relative_l2", "estimate"]
    names += [name for job in jobs for name in job.figures if name != "seconds"]
    names = list(dict.fromkeys(names))
    header = ["job", "exit_code", "seconds", *names, "folder", "message", *keys]
    rows = [
        [job.number, _cell(job.exit_code), _cell(job.seconds)]
        + [_cell(job.figures.get(name)) for name in names]
        + [job.folder, job.message]
        + [job.overrides.get(key, "") for key in keys]
        for job in jobs
    ]
    return header, rows


def _cell(value: Any) -> object:
    """Empty where nothing is known."""
    missing = value is None or (isinstance(value, float) and not math.isfinite(value))
    return "" if missing else value
