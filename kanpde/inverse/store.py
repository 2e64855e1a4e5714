"""What was determined of constants and fields as files, and back to the same bits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from kanpde.inverse.field_search import Fields
from kanpde.inverse.fields import State
from kanpde.inverse.search import Determined
from kanpde.inverse.uncertainty import Uncertainty
from kanpde.progress import History, StageResult
from kanpde.results.stored_arrays import read_arrays, write_arrays
from kanpde.results.stored_outcome import refusing_damage

NAME, FIELDS = "constants.npz", "fields.npz"


def write(folder: Path, known: Determined) -> None:
    """Write checkpoints/constants.npz into a run folder; StorageError where that fails."""
    words = {
        "warnings": list(known.warnings),
        "free": [list(numbers) for numbers in known.uncertainty.free],
        "misfit": known.misfit,
        "share": known.share,
        "rows": known.rows,
        "seconds": known.seconds,
    }
    arrays = {
        "words": np.array(json.dumps(words)),
        "values": known.values,
        "s": known.s,
        "noise": known.noise,
        "errors": known.uncertainty.errors,
        "reach": known.uncertainty.reach,
        "covariance": known.uncertainty.covariance,
    }
    write_arrays(folder, NAME, arrays)


@refusing_damage(NAME)
def read(folder: Path) -> Determined:
    """What a run folder keeps; ConfigError where no solve was finished there."""
    arrays = read_arrays(folder, NAME)
    words = json.loads(str(arrays["words"]))
    free = tuple(tuple(numbers) for numbers in words["free"])
    known = Uncertainty(arrays["errors"], arrays["reach"], free, arrays["covariance"])
    return Determined(
        values=arrays["values"],
        s=arrays["s"],
        uncertainty=known,
        noise=arrays["noise"],
        misfit=words["misfit"],
        share=words["share"],
        rows=words["rows"],
        warnings=tuple(words["warnings"]),
        seconds=words["seconds"],
    )


def write_fields(folder: Path, known: Fields) -> None:
    """Write checkpoints/fields.npz into a run folder; StorageError where that fails."""
    words = {
        "intervals": known.intervals,
        "count": known.count,
        "misfit": known.misfit,
        "rows": known.rows,
        "warnings": list(known.warnings),
        "history": vars(known.history),
        "stages": [vars(stage) for stage in known.stages],
        "seconds": known.seconds,
    }
    arrays = {
        "words": np.array(json.dumps(words)),
        "coefficients": known.state.coefficients,
        "s": known.state.s,
        "spread": known.spread,
        "error": known.error,
        "errors": known.errors_of_constants,
        "noise": known.noise,
    }
    write_arrays(folder, FIELDS, arrays)


@refusing_damage(FIELDS)
def read_fields(folder: Path) -> Fields:
    """What a run folder keeps; ConfigError where no solve was finished there."""
    arrays = read_arrays(folder, FIELDS)
    words = json.loads(str(arrays["words"]))
    history = {key: tuple(values) for key, values in words["history"].items()}
    return Fields(
        intervals=words["intervals"],
        count=words["count"],
        state=State(arrays["coefficients"], arrays["s"]),
        spread=arrays["spread"],
        error=arrays["error"],
        errors_of_constants=arrays["errors"],
        noise=arrays["noise"],
        misfit=words["misfit"],
        rows=words["rows"],
        warnings=tuple(words["warnings"]),
        history=History(**history),
        stages=tuple(StageResult(**stage) for stage in words["stages"]),
        seconds=words["seconds"],
    )
