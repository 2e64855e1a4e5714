"""A solution as one file of safetensors, and back: the door to safetensors.

The tensors are the arrays of the files that a run folder is read from, as `FILE:ARRAY`; a file that
holds none is its bytes. What is text or a number stands in the head of the file as JSON, beside what
a reader without `kanpde` wants to know: problem, unknowns, coordinates, verdict, version. Nothing in
it can run, and a digest of both is compared before anything is used.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from kanpde.errors import CheckpointError, StorageError
from kanpde.results.run_folder import LOG, SAVED
from kanpde.results.stored_arrays import RUN
from kanpde.storage import DIGESTS, make_folder, write_bytes
from kanpde.trial import state_file

SUFFIX = SAVED
FORMAT = "kanpde solution 1"
_LEFT_OUT = (DIGESTS, LOG, "history.csv", "previous.pt", "best.pt")
_SEPARATOR = ":"

DIGEST = "sha256"
"""The entry of the head with the digest of all others and of the tensors."""

Tensors = dict[str, NDArray[Any]]


def pack(folder: Path, path: Path, about: Mapping[str, str]) -> Path:
    """Write the files of a folder as one file; StorageError where that fails."""
    from safetensors.numpy import save

    tensors: Tensors = {}
    files = {}
    for source in sorted(folder.rglob("*")):
        if source.is_file() and source.name not in _LEFT_OUT:
            name = source.relative_to(folder).as_posix()
            files[name] = _taken_apart(source, name, tensors)
    head = {**about, "format": FORMAT, "files": json.dumps(files)}
    head[DIGEST] = _digest(tensors, head)
    return write_bytes(path, save(tensors, metadata=head))


def unpack(path: Path, folder: Path) -> None:
    """Write the files that `path` was made of into a folder.

    Raises:
        CheckpointError: it is damaged, or nothing that `Solution.save` wrote.
        StorageError: a file cannot be read or written.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise StorageError(f"{path}: there is no such file; give what solution.save wrote")
    try:
        with safe_open(path, framework="numpy") as stored:
            head = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: is no file of safetensors ({error})") from error
    if head.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: holds tensors, but no solution of kanpde; give what solution.save wrote"
        )
    if head.pop(DIGEST, None) != _digest(tensors, head):
        raise CheckpointError(f"{path}: damaged (its digest does not match); save it again")
    for name, parts in json.loads(head["files"]).items():
        target = folder / name
        if not target.resolve().is_relative_to(folder.resolve()):
            raise CheckpointError(f"{path}: names the file '{name}', which is outside; refused")
        make_folder(target.parent)
        _put_together(target, name, parts, tensors)


def _digest(tensors: Tensors, head: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(head.items())).encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


# One file
# --------------------------------------------------------------------------------------------------


def _taken_apart(source: Path, name: str, tensors: Tensors) -> Any:
    """What of a file is no array; its arrays go to `tensors`."""
    if source.suffix == ".npz":
        texts = {}
        with np.load(source, allow_pickle=False) as stored:
            for key in stored.files:
                if key == RUN and stored[key].dtype.kind == "U":
                    continue
                if stored[key].dtype.kind == "U":
                    texts[key] = stored[key].tolist()
                else:
                    tensors[f"{name}{_SEPARATOR}{key}"] = np.array(stored[key], order="C")
        return texts
    if source.suffix == ".pt":
        tree = {k: v for k, v in state_file.read(source).items() if k not in ("run", "part")}
        return _without_tensors(tree, f"{name}{_SEPARATOR}", tensors)
    content = source.read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError:
        tensors[name] = np.frombuffer(content, dtype=np.uint8)
        return None


def _put_together(target: Path, name: str, parts: Any, tensors: Tensors) -> None:
    start = f"{name}{_SEPARATOR}"
    if target.suffix == ".npz":
        arrays: dict[str, Any] = {
            key.removeprefix(start): array
            for key, array in tensors.items()
            if key.startswith(start)
        }
        arrays |= {key: np.array(text) for key, text in parts.items()}
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        write_bytes(target, buffer.getvalue())
    elif target.suffix == ".pt":
        state_file.write(target, _with_tensors(parts, tensors))
    else:
        write_bytes(target, tensors[name].tobytes() if parts is None else parts.encode())


def _without_tensors(value: Any, place: str, tensors: Tensors) -> Any:
    """Plain data of a checkpoint as JSON: mappings as pairs, since their keys may be numbers."""
    if isinstance(value, torch.Tensor):
        tensors[place] = np.array(value.detach().cpu().numpy(), order="C")
        return {"tensor": place}
    if isinstance(value, Mapping):
        pairs = value.items()
        return {"pairs": [[k, _without_tensors(v, f"{place}.{k}", tensors)] for k, v in pairs]}
    if isinstance(value, list | tuple):
        each = [_without_tensors(v, f"{place}.{k}", tensors) for k, v in enumerate(value)]
        return {type(value).__name__: each}
    return value


def _with_tensors(value: Any, tensors: Tensors) -> Any:
    if not isinstance(value, Mapping):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return torch.tensor(tensors[content])
    if kind == "pairs":
        return {key: _with_tensors(entry, tensors) for key, entry in content}
    entries: Iterator[Any] = (_with_tensors(entry, tensors) for entry in content)
    return tuple(entries) if kind == "tuple" else list(entries)
