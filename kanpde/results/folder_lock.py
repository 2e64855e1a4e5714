"""The lock of a run folder, and what is looked at under it: links that lead out of the folder, and
what a killed process left behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kanpde.errors import FolderInUseError, StorageError
from kanpde.storage import is_abandoned

LOCK = ".lock"

PATIENCE = 0.2
"""Seconds to wait for a lock: longer than another process takes to remove its file and let go."""

_FOLDERS = ("checkpoints", "figures", "series")
"""Folders of a run that files are written into."""


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold the lock of a run folder without links, in which no temporary file of a dead process is
    left; the system frees the lock when the process ends, however it ends.

    Raises:
        FolderInUseError: another process holds it.
        StorageError: the folder is missing, not writable, or something in it is a link.
    """
    refuse_links(folder)
    with held(folder):
        tidy(folder)
        yield folder


def refuse_links(folder: Path) -> None:
    """StorageError where something in a run folder is a symbolic link: what is written through it
    would lie elsewhere. The folder itself may be one.
    """
    for path in _entries(folder):
        if path.is_symlink():
            raise StorageError(
                f"run folder '{folder}': '{path.relative_to(folder)}' is a symbolic link, and"
                f" nothing is written through links; remove it"
            )


def tidy(folder: Path) -> None:
    """Remove the temporary files of processes that are no more."""
    for path in _entries(folder):
        if is_abandoned(path):
            with suppress(OSError):
                path.unlink()


def _entries(folder: Path) -> Iterator[Path]:
    """What lies in a run folder and in the folders of its parts."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        yield path
        if path.name in _FOLDERS and path.is_dir() and not path.is_symlink():
            yield from sorted(path.rglob("*"))


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock file of a folder, whatever lies there. It is removed while it is held, so that
    nobody waits for a file that is gone. Raises as `locked` does.
    """
    from filelock import FileLock, Timeout  # takes longer to load than a small problem to solve

    if not folder.is_dir():  # the lock would make it
        raise StorageError(f"run folder '{folder}' cannot be locked: there is no such folder")
    lock = FileLock(folder / LOCK, timeout=PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise FolderInUseError(
            f"run folder '{folder}' is in use by another process; wait for it"
        ) from None
    except OSError as error:
        raise StorageError(
            f"run folder '{folder}' cannot be locked: {error.strerror or error}"
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            (folder / LOCK).unlink(missing_ok=True)
        lock.release()
