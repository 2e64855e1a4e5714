"""A solved initial value problem as one file, and back to the same bits."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.config import Config
from kanpde.errors import ConfigError
from kanpde.marching.ordinary.pieces import Series
from kanpde.marching.ordinary.search import Marched, points_of, prepare, until_end
from kanpde.progress import History, StageResult, StopReason
from kanpde.storage import make_folder, write_bytes

NAME = "slabs.npz"


def write(folder: Path, solved: Marched) -> None:
    """Write checkpoints/slabs.npz into a run folder; StorageError where that fails."""
    outcome = {
        "history": vars(solved.history),
        "stages": [vars(stage) for stage in solved.stages],
        "reason": solved.reason.name,
        "estimate": solved.estimate,
        "seconds": solved.seconds,
    }
    buffer = io.BytesIO()
    np.savez(buffer, outcome=np.array(json.dumps(outcome)), **vars(solved.series))
    write_bytes(make_folder(folder / "checkpoints") / NAME, buffer.getvalue())


def read(folder: Path, config: Config) -> Marched:
    """The solved problem of a run folder; ConfigError where none was finished there."""
    path = folder / "checkpoints" / NAME
    if not path.is_file():
        raise ConfigError(f"{path}: is missing, so the run was not finished; resume it")
    with np.load(path, allow_pickle=False) as stored:
        series = Series(stored["edges"], stored["coefficients"])
        outcome: dict[str, Any] = json.loads(str(stored["outcome"]))
    problem = until_end(prepare(config).problem, series)
    history = {key: tuple(values) for key, values in outcome["history"].items()}
    return Marched(
        problem=problem,
        series=series,
        points=points_of(problem),
        history=History(**history),
        stages=tuple(StageResult(**stage) for stage in outcome["stages"]),
        reason=StopReason[outcome["reason"]],
        estimate=outcome["estimate"],
        seconds=outcome["seconds"],
    )
