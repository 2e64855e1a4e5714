"""What a search over marches ended with as one file, and back to the same bits."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.errors import ConfigError
from kanpde.marching.converging import Array, Converged, Run
from kanpde.progress import History, StageResult, StopReason
from kanpde.results.stored_outcome import refusing_damage
from kanpde.storage import write_kept

NAME = "slabs.npz"


def write(folder: Path, solved: Converged) -> None:
    """Write checkpoints/slabs.npz into a run folder; StorageError where that fails."""
    outcome = {
        "history": vars(solved.history),
        "stages": [vars(stage) for stage in solved.stages],
        "reason": solved.reason.name,
        "estimate": solved.estimate,
        "warnings": list(solved.warnings),
        "seconds": solved.seconds,
    }
    buffer = io.BytesIO()
    np.savez(buffer, outcome=np.array(json.dumps(outcome)), **solved.run.arrays)  # type: ignore[arg-type]
    write_kept(folder, NAME, buffer.getvalue())


@refusing_damage(NAME)
def read(folder: Path, restored: Callable[[Mapping[str, Array]], Run]) -> Converged:
    """What a run folder keeps; ConfigError where no solve was finished there."""
    path = folder / "checkpoints" / NAME
    if not path.is_file():
        raise ConfigError(f"{path}: is missing, so the run was not finished; resume it")
    with np.load(path, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    outcome: dict[str, Any] = json.loads(str(arrays.pop("outcome")))
    history = {key: tuple(values) for key, values in outcome["history"].items()}
    return Converged(
        run=restored(arrays),
        history=History(**history),
        stages=tuple(StageResult(**stage) for stage in outcome["stages"]),
        reason=StopReason[outcome["reason"]],
        estimate=outcome["estimate"],
        warnings=tuple(outcome.get("warnings", ())),
        seconds=outcome["seconds"],
    )
