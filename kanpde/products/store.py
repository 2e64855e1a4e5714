"""A solved problem on a chain of products as one file, and back to the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kanpde.numerics.piecewise import Line
from kanpde.problem.problem import Problem
from kanpde.products.search import Multiplied, points_of
from kanpde.results.stored_arrays import read_arrays, write_arrays
from kanpde.results.stored_outcome import packed, refusing_damage, unpacked
from kanpde.trial.chain import ProductChain
from kanpde.trial.surrogate import Surrogate

NAME = "chain.npz"


def write(folder: Path, solved: Multiplied) -> None:
    """Write checkpoints/chain.npz into a run folder; StorageError where that fails."""
    cores = {f"core_{k}": core.detach().numpy() for k, core in enumerate(solved.trial.cores)}
    space = _of_space(solved.trial) if isinstance(solved.trial, Surrogate) else {}
    write_arrays(folder, NAME, {"outcome": np.array(packed(solved)), **cores, **space})


def _of_space(trial: Surrogate) -> dict[str, Any]:
    lines = {f"places_{k}": line.places for k, line in enumerate(trial.lines)}
    degrees = np.array([line.degree for line in trial.lines])
    return {**lines, "degrees": degrees, "functions": trial.functions.detach().numpy()}


@refusing_damage(NAME)
def read(folder: Path, problem: Problem) -> Multiplied:
    """The solved problem of a run folder; ConfigError where none was finished there."""
    stored = read_arrays(folder, NAME)
    outcome = unpacked(str(stored["outcome"]))
    lower, upper = problem.domain.lower.tolist(), problem.domain.upper.tolist()
    degrees = stored.get("degrees", np.zeros(0, dtype=int))
    layers = problem.domain.dimension - len(degrees)
    cores = [stored[f"core_{k}"] for k in range(layers)]
    trial = ProductChain(lower, upper, cores)
    if len(degrees):
        lines = [Line(stored[f"places_{k}"], int(p)) for k, p in enumerate(degrees)]
        trial = Surrogate(lower, upper, lines, stored["functions"], cores)
    return Multiplied(problem=problem, trial=trial, points=points_of(problem), **outcome)
