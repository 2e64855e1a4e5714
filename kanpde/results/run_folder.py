"""A run folder: made exclusively, locked while a process works in it, and with a log of what
happened.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from kanpde.errors import ConfigError, FolderInUseError, StorageError
from kanpde.progress import Progress, StopReason
from kanpde.results.folder_lock import LOCK, held
from kanpde.storage import DIGESTS, bind_start, is_temporary, make_folder, read_json

SAVED = ".safetensors"
"""How the file of a solution ends that is one file."""

LOG = "run.log"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")
_SWEEP = ("multirun.yaml", "multirun.csv", "multirun.json")
_OF_PLUGINS = ("optimization_results.yaml", ".submitit")
_OWN = frozenset({
    LOG, LOCK, DIGESTS, "config.yaml", "result.json", "history.csv", "checkpoints", "figures",
    "compare.json", "compare.csv", "error_vs_seconds.png", "both.vtu", *_SWEEP,
    "jobs", *_OF_PLUGINS,
    "series", "series.pvd", "points.vtu", "reference.vtu", "formula.json", "symbolic.json", "fit.npz", "fit_test.npz",
    "report.html", "branches", "paraview.py",
})  # fmt: skip
_EXPORTED = re.compile(
    r"field\.(vtu|vtk|csv|npz)|mesh(_\w+)?\.(msh|vtu|vtk|inp|meshb?|xdmf|xmf|bdf|nas|fem|med|stl|su2)|search[1-9]|points_\d+\.npz"
)
"""Fields and the problem's meshes under any of their names, and what a search for a tolerance
leaves behind when it is killed.
"""


def create(
    out: str | Path | None, *, name: str, root: str | Path = "runs", overwrite: bool = False
) -> Path:
    """Make a run folder that nobody else has, and claim it by its log file.

    Args:
        out: the folder asked for; None makes root/NAME-YYYYmmdd-HHMMSS, with -2, -3 … while that
        exists.
        name: start of the default name.
        root: parent of default folders.
        overwrite: empty an existing run folder first. Only files that `kanpde` writes are removed.

    Returns:
        The folder.

    Raises:
        ConfigError: the folder's name holds characters outside A-Z a-z 0-9 . _ - or is longer than
        80.
        FolderInUseError: the folder exists with content, is locked, or holds files that `kanpde`
        did not write.
        StorageError: it cannot be made.
    """
    try:
        folder = _fresh(Path(root), name) if out is None else _asked(Path(out), overwrite)
        _claim(folder)
    except (OSError, ValueError) as error:  # a path may hold a zero byte
        raise StorageError(
            f"run folder '{out or root}' cannot be made: {getattr(error, 'strerror', '') or error}"
        ) from error
    return folder


class RunLog:
    """A progress observer that writes one dated line per event to run.log and passes everything
    on.
    """

    def __init__(self, folder: Path, inner: Progress) -> None:
        self._folder = folder
        self._inner = inner
        self._done = 0

    @property
    def stop(self) -> StopReason | None:
        """Why the solve should end early, as asked of the inner observer; None to go on."""
        return self._inner.stop

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        """Log it."""
        self.write(f"stage {index + 1}/{total} {name}: at most {steps} steps")
        self._inner.stage_started(index, total, name, steps)

    def step(self, done: int, objective: float) -> None:
        """Pass it on; steps are in history.csv."""
        self._done = done
        self._inner.step(done, objective)

    def stage_finished(self, index: int, objective: float, reason: StopReason) -> None:
        """Log it."""
        self.write(
            f"stage {index + 1} ended after {self._done} steps: objective {objective:.6e},"
            f" {reason.value}"
        )
        self._inner.stage_finished(index, objective, reason)
        self._done = 0

    def message(self, text: str) -> None:
        """Log it."""
        self.write(text)
        self._inner.message(text)

    def write(self, text: str) -> None:
        """Append one line that only the log sees.

        Raises:
            StorageError: the log cannot be written.
        """
        append_log(self._folder, text)


def append_log(folder: Path, text: str) -> None:
    """Append one dated line to the log of a run folder.

    Raises:
        StorageError: the log cannot be written.
    """
    try:
        with open(folder / LOG, "a", encoding="utf-8", newline="\n", opener=_no_link) as log:
            log.write(f"{_now()} {' '.join(text.split())}\n")
    except OSError as error:
        raise StorageError(
            f"{folder / LOG}: cannot be written: {error.strerror or error}"
        ) from error


def end_log(folder: Path, text: str) -> None:
    """Append the last line to the log of a run folder and bind what stands in it.

    Raises:
        StorageError: the log or digests.json cannot be written.
    """
    append_log(folder, text)
    bind_start(folder, LOG)


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def discard(folder: Path) -> None:
    """Remove a run folder in which nothing was computed: one that holds no more than its log and
    its config.
    """
    content = {
        path.name for path in folder.iterdir() if not re.fullmatch(r"mesh(_\w+)?", path.stem)
    }
    if content <= {LOG, LOCK, DIGESTS, "config.yaml", *_SWEEP, "checkpoints"} and not any(
        (folder / "checkpoints").glob("*")
    ):
        shutil.rmtree(folder, ignore_errors=True)


def check_name(name: str) -> str:
    """`name`, when it may name a run folder.

    Raises:
        ConfigError: it may not.
    """
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise ConfigError(
            f"run name '{name}' must be 1 to 80 of the characters A-Z a-z 0-9 . _ -; choose another"
        )
    return name


def _claim(folder: Path) -> None:
    try:
        with (folder / LOG).open("x", encoding="utf-8", newline="\n") as log:
            log.write(f"{_now()} created {folder.name}\n")
    except FileExistsError as error:
        raise FolderInUseError(
            f"run folder '{folder}' was taken by another process; choose another --out"
        ) from error


def _fresh(root: Path, name: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    stem = check_name(f"{name[:60]}-{datetime.now():%Y%m%d-%H%M%S}")
    for count in range(1, 10_000):
        folder = root / (stem if count == 1 else f"{stem}-{count}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise StorageError(
        f"run folder '{root / stem}' and its numbered siblings all exist; remove some"
    )


def _asked(folder: Path, overwrite: bool) -> Path:
    check_name(folder.resolve().name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
        return folder
    except FileExistsError:
        if not folder.is_dir():
            raise FolderInUseError(
                f"run folder '{folder}' is a file; choose another --out"
            ) from None
    content = {path.name for path in folder.iterdir()}
    if content and not overwrite:
        raise FolderInUseError(
            f"run folder '{folder}' exists; choose another --out or give --overwrite"
        )
    foreign = _foreign(folder)
    if foreign:
        raise FolderInUseError(
            f"run folder '{folder}' holds '{foreign}', not written by kanpde; choose another --out"
        )
    with held(folder):
        for name in content - {LOCK}:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(
                missing_ok=True
            )
    return folder


def _foreign(folder: Path) -> str | None:
    """A file below `folder` that `kanpde` did not write, or None; the numbered folders of a sweep
    are run folders.
    """
    for path in sorted(folder.iterdir()):
        if is_of_runs(path.name) or is_temporary(path):
            continue
        inner = (
            _foreign(path)
            if path.name.isdigit() and path.is_dir() and not path.is_symlink()
            else ""
        )
        if inner is not None:
            return str(Path(path.name) / inner)
    return None


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def is_of_runs(name: str) -> bool:
    """Whether a file or folder of this name is one that `kanpde` writes into a run folder."""
    return name in _OWN or _EXPORTED.fullmatch(name) is not None


def branch_folder(folder: Path, number: int) -> Path:
    """The folder of another solution of the same problem, made where it is missing."""
    return make_folder(folder / "branches" / str(number))


def kept_estimate(folder: Path) -> float | None:
    """The largest estimated relative L2 error of a run folder's result.json, dimensionless; None
    where it holds none.
    """
    path = folder / "result.json"
    estimates = read_json(path).get("estimate") if path.is_file() else None
    values = list(estimates.values()) if isinstance(estimates, Mapping) else [estimates]
    known = [float(value) for value in values if isinstance(value, int | float)]
    return max(known) if known and len(known) == len(values) else None
