"""Arrays of a run as one file of its checkpoints, known by the run that wrote them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.errors import CheckpointError, ConfigError
from kanpde.storage import run_of, write_kept

RUN = "run"
"""The array that holds what the run is known by."""


def write_arrays(folder: Path, name: str, arrays: Mapping[str, Any]) -> None:
    """Write checkpoints/NAME into a run folder; StorageError where that fails."""
    buffer = io.BytesIO()
    content: dict[str, Any] = {**arrays, RUN: np.array(run_of(folder))}
    np.savez(buffer, **content)
    write_kept(folder, name, buffer.getvalue())


def read_arrays(folder: Path, name: str) -> dict[str, Any]:
    """The arrays of checkpoints/NAME; ConfigError where it is missing, CheckpointError where it is
    of another run than its folder. Files of earlier versions do not say of which run they are.
    """
    path = folder / "checkpoints" / name
    if not path.is_file():
        raise ConfigError(f"{path}: is missing, so the run was not finished; resume it")
    with np.load(path, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    if (run := str(arrays.pop(RUN, ""))) and run != run_of(folder):
        raise CheckpointError(
            f"{path}: belongs to another run than config.yaml and digests.json beside it; put the"
            f" files of this run back, or solve it again"
        )
    return arrays
