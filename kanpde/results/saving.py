"""A solution as one file, and back."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kanpde.errors import ConfigError
from kanpde.results import report
from kanpde.results.solution import Solution
from kanpde.results.solution_file import SUFFIX, pack, unpack
from kanpde.version import VERSION

__all__ = ["SUFFIX", "save_solution", "saved_solution"]


def save_solution(solution: Solution, path: Path) -> Path:
    """Write a solution to `path`; see `Solution.save`."""
    if path.suffix != SUFFIX:
        raise ConfigError(f"save: '{path.name}' must end in {SUFFIX}")
    if solution.keep is None:
        raise ConfigError(
            f"save: '{solution.problem.name}' was solved slab by slab, whose networks only a run"
            f" folder keeps; solve it with out=FOLDER, then save it"
        )
    about = {
        "version": VERSION,
        "problem": solution.problem.name,
        "unknowns": json.dumps(solution.problem.unknowns),
        "coordinates": json.dumps(solution.problem.coordinates),
        "estimate": json.dumps(solution.result.estimate),
        "stopped": solution.stop_reason.value,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report.write_run(folder, solution)
        solution.keep(folder)
        return pack(folder, path, about)


def saved_solution(path: Path, load: Callable[[Path], Solution]) -> Solution:
    """The solution that `path` holds, read by `load` from the files of a run folder."""
    files = _Files(path)
    return replace(load(files.folder), keep=files.copied)


class _Files:
    """The files of a solution, which last as long as it does: its config may name some of them."""

    def __init__(self, path: Path) -> None:
        self._place = tempfile.TemporaryDirectory()
        self.folder = Path(self._place.name)
        unpack(path, self.folder)

    def copied(self, folder: Path) -> None:
        """Copy what is not written from the solution itself."""
        shutil.copytree(self.folder / "checkpoints", folder / "checkpoints", dirs_exist_ok=True)
