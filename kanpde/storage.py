"""Files that are either whole or absent: written beside their place, synced, then renamed onto it;
and files of a folder that belong together.

digests.json of a folder holds the sha256 of its files and, for a config, a digest of every value,
so that a change is noticed and told by its keys. It is written before a file, with the digest of
the old content beside that of the new one: a kill in between leaves neither a stranger. `run` is
what checkpoints are known by; it follows from the config that the folder began with. A file that
grows has `N:` and the digest of its first N bytes; `parts` are folders within, by their `run`;
`digest` is that of all the rest.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from kanpde.errors import CheckpointError, StorageError

DIGESTS = "digests.json"

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


# Files that belong together
# --------------------------------------------------------------------------------------------------


def write_bound(path: Path, content: bytes, values: Mapping[str, Any] | None = None) -> Path:
    """Write `content` to `path`, atomically, and its digest beside it, if the folder keeps any.

    Args:
        path: a file of a folder with digests.json, or of a new folder, which gets one.
        content: bytes.
        values: of a config, as plain data; the first ones say what the run is known by.

    Raises:
        StorageError: a file cannot be written.
    """
    bound = bindings(path.parent)
    fresh = not bound and not any((path.parent / "checkpoints").glob("*"))
    if bound or (fresh and values is not None):
        kept = _with(bound, path.name, content)
        if values is not None:
            kept = {"run": _name_of(values), **kept}
            kept["values"] = [leaf_digests(values), *kept.get("values", [])[:1]]
        _write_digests(path.parent, kept)
    return write_bytes(path, content)


def write_kept(folder: Path, name: str, content: bytes) -> Path:
    """Write a file of the checkpoints of a run folder, atomically, and its digest.

    Raises:
        StorageError: it cannot be written.
    """
    make_folder(folder / "checkpoints")
    if bound := bindings(folder):
        _write_digests(folder, _with(bound, f"checkpoints/{name}", content))
    return write_bytes(folder / "checkpoints" / name, content)


@contextmanager
def binding(folder: Path, *places: str) -> Iterator[None]:
    """Bind the files that the block leaves at `places`: files of a folder, or folders in it.

    Their digests are forgotten first, so that a kill in the block leaves files that are compared
    with nothing; after an error those that are as they were are bound again. A folder without
    digests.json stays without it.

    Raises:
        StorageError: a file cannot be read or written.
    """
    before = bindings(folder).get("files", {})
    forget(folder, *places)
    try:
        yield
    except Exception:
        _bind_unchanged(folder, before)
        raise
    if bound := bindings(folder):
        files = dict(bound["files"])
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if _is_at(name, places) and path.is_file() and not is_temporary(path):
                files[name] = [_digest_of(path)]
        _write_digests(folder, {**bound, "files": files})


def _bind_unchanged(folder: Path, before: Mapping[str, Any]) -> None:
    """Bind the forgotten files of `before` that still are what was bound."""
    if bound := bindings(folder):
        kept = bound["files"]
        files = {
            name: digests
            for name, digests in before.items()
            if name in kept
            or ((folder / name).is_file() and digests == [_digest_of(folder / name)])
        }
        _write_digests(folder, {**bound, "files": {**files, **kept}})


def forget(folder: Path, *places: str) -> None:
    """Compare the files at `places` with nothing, because they are about to be written.

    Raises:
        StorageError: digests.json cannot be written.
    """
    bound = bindings(folder)
    files = bound.get("files", {})
    kept = {name: digests for name, digests in files.items() if not _is_at(name, places)}
    if len(kept) < len(files):
        _write_digests(folder, {**bound, "files": kept})


def bind_start(folder: Path, name: str) -> None:
    """Bind what a file of a folder begins with, which more may be appended to.

    Raises:
        StorageError: a file cannot be read or written.
    """
    if (bound := bindings(folder)) and (folder / name).is_file():
        size = (folder / name).stat().st_size
        start = f"{size}:{_digest_of(folder / name, size)}"
        _write_digests(folder, {**bound, "files": {**bound["files"], name: [start]}})


def bind_part(folder: Path, place: str) -> None:
    """Bind a folder within another one that has digests of its own, by what its run is known by.

    Raises:
        StorageError: digests.json cannot be written.
    """
    if bound := bindings(folder):
        parts = {**bound.get("parts", {}), place: run_of(folder / place)}
        _write_digests(folder, {**bound, "parts": parts})


def _is_at(name: str, places: Sequence[str]) -> bool:
    return any(PurePosixPath(name).is_relative_to(place) for place in places)


def _digest_of(path: Path, size: int | None = None) -> str:
    """The digest of a file, or of its first `size` bytes."""
    try:
        with path.open("rb") as file:
            if size is not None:
                return hashlib.sha256(file.read(size)).hexdigest()
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror or error}") from error


def _with(bound: Mapping[str, Any], name: str, content: bytes) -> dict[str, Any]:
    """What digests.json says, with the digest of a file that is about to be written."""
    files = dict(bound.get("files", {}))
    files[name] = [hashlib.sha256(content).hexdigest(), *files.get(name, [])[:1]]
    return {**bound, "files": files}


def _write_digests(folder: Path, bound: Mapping[str, Any]) -> None:
    kept = {key: value for key, value in bound.items() if key != "digest"}
    write_json(folder / DIGESTS, {**kept, "digest": _digest_of_values(kept)})


def bindings(folder: Path) -> dict[str, Any]:
    """What digests.json of a folder says, nothing where there is none (an earlier version wrote no
    such file); CheckpointError where it is damaged.
    """
    path = folder / DIGESTS
    if not path.is_file():
        return {}
    try:
        bound = read_json(path)
        sound = isinstance(bound["run"], str) and all(
            isinstance(digests, list) for digests in bound["files"].values()
        )
        known = {key: value for key, value in bound.items() if key != "digest"}
        sound = sound and known.keys() <= {"run", "files", "values", "parts"}
        if "digest" in bound:  # the first of these files had none
            sound = sound and bound["digest"] == _digest_of_values(known)
    except (StorageError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path}: damaged ({error}); solve again") from error
    if not sound:
        raise CheckpointError(f"{path}: damaged; solve again")
    return bound


def _digest_of_values(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def run_of(folder: Path) -> str:
    """What the run of a folder, or of the one around it, is known by; empty for one without."""
    bound = bindings(folder) or bindings(folder.parent)
    return str(bound.get("run", ""))


def altered(folder: Path, name: str) -> bool:
    """Whether a file is not as it was written, as far as that is known."""
    known, path = bindings(folder).get("files", {}).get(name), folder / name
    if known is None or not path.is_file():
        return False
    if known and (match := re.fullmatch(r"(\d{1,15}):\w+", str(known[0]))):
        return f"{match[1]}:{_digest_of(path, int(match[1]))}" not in known
    return _digest_of(path) not in known


def require_unaltered(folder: Path, name: str) -> None:
    """CheckpointError where a file is not as it was written."""
    if altered(folder, name):
        raise CheckpointError(
            f"{folder / name}: is not as this run wrote it; put the old file back, or solve again"
        )


def read_unaltered(folder: Path, name: str) -> dict[str, Any]:
    """The JSON object of a file; StorageError where there is none, CheckpointError where it is not
    as it was written.
    """
    require_unaltered(folder, name)
    return read_json(folder / name)


def require_values(folder: Path, name: str, values: Mapping[str, Any]) -> None:
    """CheckpointError with the keys where a config holds other values than it was written with."""
    written = bindings(folder).get("values", [])
    present = leaf_digests(values)
    if not written or present in written:
        return
    keys = sorted(key for key in {*present, *written[0]} if present.get(key) != written[0].get(key))
    more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
    raise CheckpointError(
        f"{folder / name}: is not what this run was solved with, other values of"
        f" {', '.join(keys[:5])}{more}; put the old file back, or solve it as a new run"
    )


def leaf_digests(tree: Any, path: str = "") -> dict[str, str]:
    """A short digest of every text, number and empty node of plain data, by its path."""
    inner: list[tuple[str, Any]] = []
    if isinstance(tree, Mapping):
        inner = [(f"{path}.{key}" if path else str(key), value) for key, value in tree.items()]
    elif isinstance(tree, list | tuple):
        inner = [(f"{path}[{k}]", value) for k, value in enumerate(tree)]
    if not inner:
        return {path: hashlib.sha256(repr(tree).encode()).hexdigest()[:8]}
    return {
        name: digest for key, value in inner for name, digest in leaf_digests(value, key).items()
    }


def _name_of(values: Mapping[str, Any]) -> str:
    listed = json.dumps(leaf_digests(values), sort_keys=True)
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


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
