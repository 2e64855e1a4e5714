"""What a search over marches ended with as one file, and back to the same bits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.marching.converging import Array, Converged, Run
from kanpde.progress import History, StageResult, StopReason
from kanpde.results.stored_arrays import read_arrays, write_arrays
from kanpde.results.stored_outcome import refusing_damage

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
    text = np.array(json.dumps(outcome))
    write_arrays(folder, NAME, {"outcome": text, **solved.run.arrays})


@refusing_damage(NAME)
def read(folder: Path, restored: Callable[[Mapping[str, Array]], Run]) -> Converged:
    """What a run folder keeps; ConfigError where no solve was finished there."""
    arrays = read_arrays(folder, NAME)
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
