"""Files that are either whole or absent: written beside their place, synced, then renamed onto
it.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kanpde.errors import StorageError

_TEMPORARY = re.compile(r"\..*-(\d+)-[0-9a-f]{8}(\.\w+)?", re.DOTALL)
"""Names of `replacing`, with the number of the process."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; when the block ends well it becomes `path` in
    one step.

    The temporary name keeps the suffix of `path`. A reader sees the old file or the new one, never
    a part of it, also after a kill or a power failure.

    Raises:
        StorageError: the folder is missing, not writable, or full.
    """
    try:
        temporary = path.with_name(f".{path.stem}-{os.getpid()}-{os.urandom(4).hex()}{path.suffix}")
        try:
            yield temporary
            _sync(temporary, os.O_RDWR)
            os.replace(temporary, path)
            if os.name == "posix":  # elsewhere a folder cannot be opened
                _sync(path.parent, os.O_RDONLY)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from error


def is_temporary(path: Path) -> bool:
    """Whether `replacing` made this name; after a kill or a power failure such files stay."""
    return _TEMPORARY.fullmatch(path.name) is not None and not path.is_dir()


def is_abandoned(path: Path) -> bool:
    """Whether this is the temporary file of a process that is no more."""
    match = _TEMPORARY.fullmatch(path.name)
    return match is not None and is_temporary(path) and not _is_running(int(match[1]))


def _is_running(number: int) -> bool:
    """Whether a process of this number runs here; where the system cannot tell, only this one."""
    if number == os.getpid():
        return True
    if os.name != "posix":  # elsewhere os.kill ends the process
        return False
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # the process of another user
        return True
    return True


def move(path: Path, target: Path) -> None:
    """Give a file another name in its folder, in one step.

    Raises:
        StorageError: it cannot be done.
    """
    try:
        os.replace(path, target)
    except OSError as error:
        raise StorageError(f"{target}: cannot be written: {error.strerror or error}") from error


def make_folder(folder: Path) -> Path:
    """Make a folder and those above it, where they are missing.

    Raises:
        StorageError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be made: {error.strerror or error}") from error
    return folder


def write_text(path: Path, text: str) -> Path:
    """Write `text` as UTF-8 to `path`, atomically.

    Raises:
        StorageError: the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    """Write `content` to `path`, atomically.

    Raises:
        StorageError: the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def write_json(path: Path, data: Mapping[str, Any]) -> Path:
    """Write `data` as strict JSON to `path`, atomically; numbers that are not finite become null.

    Raises:
        StorageError: the file cannot be written.
    """
    return write_text(path, dump_json(data) + "\n")


def dump_json(data: Mapping[str, Any]) -> str:
    """`data` as strict, indented JSON; numbers that are not finite become null."""
    return json.dumps(_strict(data), indent=2, allow_nan=False, ensure_ascii=False)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises:
        StorageError: the file is missing, not readable, or holds no JSON object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path}: is not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise StorageError(f"{path}: must hold a JSON object, found {type(data).__name__}")
    return data


def _strict(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_strict(item) for item in value]
    return value


def _sync(path: Path, access: int) -> None:
    handle = os.open(path, access)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
