"""A state of a solve as a file: plain tensors, numbers, texts, lists and dicts, behind a digest that is
checked before anything is read.

File: one ASCII line `kanpde checkpoint 1 <sha256 of the rest>`, then a tensor archive.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from kanpde.errors import CheckpointError, StorageError
from kanpde.storage import replacing

MAGIC = b"kanpde checkpoint 1 "


def write(path: Path, data: Mapping[str, Any]) -> None:
    """Write atomically; CheckpointError if a parameter is not finite, StorageError if the disk
    refuses.
    """
    tensors = [*data["network"].get("tensors", ()), data["network"].get("functions")]
    if not all(bool(t.isfinite().all()) for t in tensors if t is not None):
        raise CheckpointError(
            f"{path.name}: non-finite parameters are never saved; the earlier checkpoint was kept"
        )
    buffer = io.BytesIO()
    torch.save(dict(data), buffer)
    payload = buffer.getvalue()
    with replacing(path) as temporary:
        temporary.write_bytes(
            MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload
        )


def read(path: Path) -> dict[str, Any]:
    """Read and verify; CheckpointError for a damaged or foreign file, StorageError if it cannot be
    read.
    """
    content = payload(path)
    try:
        data = torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise CheckpointError(f"{path}: cannot be decoded: {type(error).__name__}") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path}: must hold a mapping, found {type(data).__name__}")
    return data


def payload(path: Path) -> bytes:
    """What the digest of a checkpoint stands for; CheckpointError where it is another."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror or error}") from error
    head, _, rest = raw.partition(b"\n")
    if not head.startswith(MAGIC):
        raise CheckpointError(
            f"{path}: not a kanpde checkpoint of format 1; use a run folder made by this version"
        )
    if hashlib.sha256(rest).hexdigest().encode() != head[len(MAGIC) :]:
        raise CheckpointError(f"{path}: damaged (its digest does not match); solve again")
    return rest
