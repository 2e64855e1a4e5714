"""A solved problem on a chain of products as one file, and back to the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kanpde.problem.problem import Problem
from kanpde.products.search import Multiplied, points_of
from kanpde.results.stored_arrays import read_arrays, write_arrays
from kanpde.results.stored_outcome import packed, refusing_damage, unpacked
from kanpde.trial.chain import ProductChain

NAME = "chain.npz"


def write(folder: Path, solved: Multiplied) -> None:
    """Write checkpoints/chain.npz into a run folder; StorageError where that fails."""
    cores = {f"core_{k}": core.detach().numpy() for k, core in enumerate(solved.trial.cores)}
    write_arrays(folder, NAME, {"outcome": np.array(packed(solved)), **cores})


@refusing_damage(NAME)
def read(folder: Path, problem: Problem) -> Multiplied:
    """The solved problem of a run folder; ConfigError where none was finished there."""
    stored = read_arrays(folder, NAME)
    outcome = unpacked(str(stored["outcome"]))
    cores = [stored[f"core_{k}"] for k in range(problem.domain.dimension)]
    lower, upper = problem.domain.lower.tolist(), problem.domain.upper.tolist()
    trial = ProductChain(lower, upper, cores)
    return Multiplied(problem=problem, trial=trial, points=points_of(problem), **outcome)
