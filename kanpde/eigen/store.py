"""A solved eigenproblem as one file, and back to the same bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.config import Config
from kanpde.eigen import chains
from kanpde.eigen.modes import Eigenvalue, problem_of
from kanpde.eigen.search import Spectrum
from kanpde.eigen.statement import prepare
from kanpde.patches import store as patch_store
from kanpde.patches.preparation import points_of
from kanpde.problem.problem import Problem
from kanpde.results.stored_arrays import read_arrays, write_arrays
from kanpde.results.stored_outcome import packed, refusing_damage, unpacked
from kanpde.trial.chain import ProductChain
from kanpde.trial.patchwork import Patchwork

NAME = "modes.npz"


def write(folder: Path, spectrum: Spectrum) -> None:
    """Write checkpoints/modes.npz into a run folder; StorageError where that fails."""
    values = json.dumps([value.as_dict() for value in spectrum.eigenvalues])
    texts = {"outcome": np.array(packed(spectrum)), "eigenvalues": np.array(values)}
    trial = spectrum.trial
    if isinstance(trial, ProductChain):
        arrays = {f"core_{k}": core.detach().numpy() for k, core in enumerate(trial.cores)}
    else:
        arrays = patch_store.arrays_of(trial)
    write_arrays(folder, NAME, arrays | texts)


@refusing_damage(NAME)
def read(folder: Path, config: Config) -> Spectrum:
    """The solved eigenproblem of a run folder; ConfigError where none was finished there."""
    arrays = read_arrays(folder, NAME)
    outcome = unpacked(str(arrays.pop("outcome")))
    entries = json.loads(str(arrays.pop("eigenvalues")))
    values = tuple(Eigenvalue.from_dict(entry) for entry in entries)
    posed = chains.prepare(config).problem if chains.suits(config) else prepare(config)[0]
    problem = problem_of(posed, values)
    return Spectrum(
        problem=problem,
        trial=_trial(arrays, problem),
        points=points_of(problem),
        eigenvalues=values,
        **outcome,
    )


def _trial(arrays: dict[str, Any], problem: Problem) -> Patchwork | ProductChain:
    """The trial solution of arrays."""
    if "core_0" not in arrays:
        return patch_store.trial_of(arrays)
    cores = [arrays[f"core_{k}"] for k in range(problem.domain.dimension)]
    return ProductChain(problem.domain.lower.tolist(), problem.domain.upper.tolist(), cores)
