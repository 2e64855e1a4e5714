"""A run folder with what it means as long as it is whole, and whether a change of it is seen."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import kanpde
from kanpde.api.checking import examined
from kanpde.config import yaml_file
from kanpde.errors import KanpdeError

Meaning = tuple[Any, bytes, Any]


def meaning(folder: Path) -> Meaning:
    """What a run folder says when it is read: its config, its solution, and its estimate."""
    solution = kanpde.load(folder)
    points = solution.problem.domain.quadrature(12).x
    values = [each(points, outside="allow") for each in (solution, *solution.branches)]
    said = solution.result.estimate
    return solution.config, np.concatenate(values, axis=1).tobytes(), said


@dataclass
class Run:
    """A run folder, its twin, and what it means as long as it is whole."""

    folder: Path
    twin: Path
    means: Meaning
    opened: frozenset[str]
    """The files that loading opens."""

    @classmethod
    def of(cls, folder: Path, twin: Path) -> Run:
        """A whole one; ValueError where the check does not find it so."""
        wrong = [entry for entry in examined(folder) if not entry.sound]
        if wrong:
            raise ValueError(f"{folder.name}: {wrong}")
        with _listening() as paths:
            means = meaning(folder)
        names = {path.relative_to(folder).as_posix() for path in _below(paths, folder)}
        return cls(folder, twin, means, frozenset(names))

    def unseen(self, loads: bool = True) -> str | None:
        """What does not see that the folder was changed, None where everything does."""
        try:
            sound = all(entry.sound for entry in examined(self.folder))
        except KanpdeError:
            sound = False
        if sound:
            return "check"
        return "load" if loads and not self._is_refused() else None

    def _is_refused(self) -> bool:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                return meaning(self.folder) == self.means or bool(told)
            except KanpdeError:
                return True

    def files(self) -> list[Path]:
        """All files but the lock."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return [path for path in paths if path.name != ".lock"]


_HEARD: list[set[str]] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _HEARD:
        _HEARD[-1].add(str(arguments[0]))


@contextlib.contextmanager
def _listening() -> Iterator[set[str]]:
    """The names of files that are opened in the block."""
    if not _HEARD:
        sys.addaudithook(_hear)
    _HEARD.append(set())
    yield _HEARD[-1]


def _below(names: set[str], folder: Path) -> list[Path]:
    paths = [Path(name) for name in names]
    return [path for path in paths if path.is_absolute() and path.is_relative_to(folder)]


def values_of(content: bytes) -> Any:
    """The values of a config, None where it is none."""
    try:
        return yaml_file.loads(content.decode(), source="config.yaml")
    except (KanpdeError, UnicodeDecodeError):
        return None
