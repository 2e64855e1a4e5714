"""A solved problem on patches as one file, and back to the same bits.

The file holds the cells, the boxes and degrees of the patches, the outer parameters of their KANs,
and what the solve said of itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.config import Config
from kanpde.patches.patched import Patched
from kanpde.patches.preparation import points_of, prepare
from kanpde.results.numbers import Value
from kanpde.results.stored_arrays import read_arrays, write_arrays
from kanpde.results.stored_outcome import packed, refusing_damage, unpacked
from kanpde.trial.patchwork import Patchwork, Tiles

NAME = "patches.npz"


def write(folder: Path, patched: Patched) -> None:
    """Write checkpoints/patches.npz into a run folder; StorageError where that fails."""
    told = {name: list(value) for name, value in patched.quantities.items()}
    apart = json.dumps(
        {"by_unknown": patched.by_unknown, "notes": patched.notes, "quantities": told}
    )
    texts = {"outcome": np.array(packed(patched)), "apart": np.array(apart)}
    write_arrays(folder, NAME, texts | arrays_of(patched.trial))


@refusing_damage(NAME)
def read(folder: Path, config: Config) -> Patched:
    """The solved problem of a run folder; ConfigError where none was finished there."""
    arrays = read_arrays(folder, NAME)
    outcome = unpacked(str(arrays.pop("outcome")))
    apart = json.loads(str(arrays.pop("apart", "{}")))  # runs of earlier versions have none
    told = apart.pop("quantities", {})
    outcome |= {key: tuple(value) for key, value in apart.items()}
    outcome["quantities"] = {name: Value(*pair) for name, pair in told.items()}
    problem = prepare(config)
    trial = trial_of(arrays)
    return Patched(problem=problem, trial=trial, points=points_of(problem), **outcome)


def arrays_of(trial: Patchwork) -> dict[str, Any]:
    """A trial solution as arrays: where the patches are, and the outer parameters by degree."""
    arrays = {f"tiles_{key}": value for key, value in vars(trial.tiles).items()}
    arrays["network"] = np.array(trial.kind)
    return arrays | {
        f"outer_{degree}": outer.detach().numpy()
        for degree, outer in zip(trial.by_degree, trial.outer, strict=True)
    }


def trial_of(arrays: dict[str, Any]) -> Patchwork:
    """The trial solution of arrays."""
    tiles = Tiles(
        **{
            key.removeprefix("tiles_"): value
            for key, value in arrays.items()
            if key.startswith("tiles_")
        }
    )
    # runs of earlier versions do not say it
    return Patchwork(tiles, _in_order(tiles, arrays), str(arrays.get("network", "kan")))


def _in_order(tiles: Tiles, arrays: dict[str, Any]) -> list[Any]:
    """The outer parameters of every patch in the order of the patches."""
    rows = {degree: iter(arrays[f"outer_{degree}"]) for degree in set(tiles.degrees.tolist())}
    return [next(rows[degree]) for degree in tiles.degrees.tolist()]
