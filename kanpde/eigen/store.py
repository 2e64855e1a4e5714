"""A solved eigenproblem as one file, and back to the same bits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from kanpde.config import Config
from kanpde.eigen.modes import Eigenvalue, problem_of
from kanpde.eigen.search import Spectrum
from kanpde.eigen.statement import prepare
from kanpde.patches import store as patch_store
from kanpde.patches.search import points_of
from kanpde.results.stored_outcome import packed, refusing_damage, unpacked

NAME = "modes.npz"


def write(folder: Path, spectrum: Spectrum) -> None:
    """Write checkpoints/modes.npz into a run folder; StorageError where that fails."""
    values = json.dumps([value.as_dict() for value in spectrum.eigenvalues])
    texts = {"outcome": np.array(packed(spectrum)), "eigenvalues": np.array(values)}
    patch_store.write_arrays(folder, NAME, patch_store.arrays_of(spectrum.trial) | texts)


@refusing_damage(NAME)
def read(folder: Path, config: Config) -> Spectrum:
    """The solved eigenproblem of a run folder; ConfigError where none was finished there."""
    arrays = patch_store.read_arrays(folder, NAME)
    outcome = unpacked(str(arrays.pop("outcome")))
    entries = json.loads(str(arrays.pop("eigenvalues")))
    values = tuple(Eigenvalue.from_dict(entry) for entry in entries)
    problem = problem_of(prepare(config)[0], values)
    return Spectrum(
        problem=problem,
        trial=patch_store.trial_of(arrays),
        points=points_of(problem),
        eigenvalues=values,
        **outcome,
    )
