"""A run folder with what it means as long as it is whole, and whether a change of it is seen."""

from __future__ import annotations

import contextlib
import copy
import functools
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import kanpde
from kanpde import storage
from kanpde.api import checking
from kanpde.api.checking import examined
from kanpde.config import yaml_file
from kanpde.errors import KanpdeError
from scripts.fuzz.folders import FILES

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


def remember() -> None:
    """Read equal texts, equal digests and equal configs only once from here on: most changes leave
    them alone.
    """
    read = functools.lru_cache(maxsize=64)(yaml_file._built)
    bindings_of, config_of = storage.bindings, checking._config
    bound: dict[bytes, dict[str, Any]] = {}
    sound: dict[tuple[bytes, ...], str] = {}

    def remembered_text(text: str, source: str, depth: int = 1) -> Any:
        return copy.deepcopy(read(text, source, depth))

    def remembered_bindings(folder: Path) -> dict[str, Any]:
        content = _content(folder / storage.DIGESTS)
        if content not in bound:
            bound[content] = bindings_of(folder)
        return bound[content]

    def remembered_config(folder: Path) -> str:
        if folder.name in FILES:  # other files count there
            return config_of(folder)
        key = _content(folder / checking.CONFIG), _content(folder / storage.DIGESTS)
        if key not in sound:
            sound[key] = config_of(folder)
        return sound[key]

    yaml_file._built = remembered_text
    storage.bindings = checking.bindings = remembered_bindings
    checking._config = remembered_config


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def values_of(content: bytes) -> Any:
    """The values of a config, None where it is none."""
    try:
        return yaml_file.loads(content.decode(), source="config.yaml")
    except (KanpdeError, UnicodeDecodeError):
        return None
