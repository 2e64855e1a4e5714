"""A solved problem on patches as one file, and back to the same bits.

The file holds the cells, the boxes and degrees of the patches, the outer parameters of their KANs,
and what the solve said of itself.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.config import Config
from kanpde.errors import ConfigError
from kanpde.patches.search import Patched, points_of, prepare
from kanpde.results.stored_outcome import packed, refusing_damage, unpacked
from kanpde.storage import write_kept
from kanpde.trial.patchwork import Patchwork, Tiles

NAME = "patches.npz"


def write(folder: Path, patched: Patched) -> None:
    """Write checkpoints/patches.npz into a run folder; StorageError where that fails."""
    trial = patched.trial
    arrays = {f"tiles_{key}": value for key, value in vars(trial.tiles).items()}
    arrays |= {
        f"outer_{degree}": outer.detach().numpy()
        for degree, outer in zip(trial.by_degree, trial.outer, strict=True)
    }
    buffer = io.BytesIO()
    np.savez(buffer, outcome=np.array(packed(patched)), **arrays)
    write_kept(folder, NAME, buffer.getvalue())


@refusing_damage(NAME)
def read(folder: Path, config: Config) -> Patched:
    """The solved problem of a run folder; ConfigError where none was finished there."""
    path = folder / "checkpoints" / NAME
    if not path.is_file():
        raise ConfigError(f"{path}: is missing, so the run was not finished; resume it")
    with np.load(path, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    outcome = unpacked(str(arrays.pop("outcome")))
    tiles = Tiles(
        **{
            key.removeprefix("tiles_"): value
            for key, value in arrays.items()
            if key.startswith("tiles_")
        }
    )
    trial = Patchwork(tiles, _in_order(tiles, arrays))
    problem = prepare(config)
    return Patched(problem=problem, trial=trial, points=points_of(problem), **outcome)


def _in_order(tiles: Tiles, arrays: dict[str, Any]) -> list[Any]:
    """The outer parameters of every patch in the order of the patches."""
    rows = {degree: iter(arrays[f"outer_{degree}"]) for degree in set(tiles.degrees.tolist())}
    return [next(rows[degree]) for degree in tiles.degrees.tolist()]
