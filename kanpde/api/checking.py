"""Whether the files of a run folder belong together and are as the run wrote them."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kanpde.config import validate, yaml_file
from kanpde.errors import CheckpointError, ConfigError, KanpdeError
from kanpde.results import run_folder
from kanpde.results.stored_arrays import read_arrays
from kanpde.results.stored_outcome import refusing_damage
from kanpde.solver import checkpoint
from kanpde.storage import (
    DIGESTS,
    altered,
    bindings,
    is_temporary,
    require_unaltered,
    require_values,
    run_of,
)

CONFIG = "config.yaml"

READ = re.compile(r"result\.json|(fit|fit_test|points_\d+)\.npz")
"""Files beside the config and the checkpoints that a run folder is read with."""

_STATE = re.compile(r"checkpoints/(.*/)?(last|previous|best)\.pt")
"""Where a damaged one has another beside it, it is read instead (`kanpde.solver.checkpoint`)."""

_UNBOUND = re.compile(r"(.*/)?(digests\.json|\.lock)|run\.log|branches/.*|checkpoints/.*")


def require_run(folder: Path) -> None:
    """Refuse what is no run folder.

    Raises:
        ConfigError: it is missing, a file, or holds no config.
    """
    if (folder / CONFIG).is_file():
        return
    found = "it has no config.yaml" if folder.is_dir() else "it is a file"
    found = found if folder.exists() else "it does not exist"
    if folder.is_file() and folder.suffix == run_folder.SAVED:
        raise ConfigError(
            f"{folder}: a saved solution and no run folder; kanpde export writes its field, and"
            f" kanpde.load reads it"
        )
    raise ConfigError(f"{folder}: not a run folder ({found}); give the folder that a solve printed")


def require_whole(folder: Path) -> None:
    """CheckpointError where a file that a solution is read from is missing or not as it was
    written, or a folder within is of another run.
    """
    bound = bindings(folder)
    for name in bound.get("files", {}):
        if _STATE.fullmatch(name):
            if not any((folder / name).with_stem(stem).is_file() for stem in ("last", "previous")):
                raise CheckpointError(f"{folder / name}: is missing; put it back, or solve again")
        elif READ.fullmatch(name) or name.startswith("checkpoints/"):
            require_unaltered(folder, name)
    parts = bound.get("parts", {})
    ended = "digest" in bound and "result.json" in bound["files"]
    if ended and {path.name for path in (folder / "branches").glob("*")} - _numbers(parts):
        raise CheckpointError(
            f"{folder / 'branches'}: holds solutions that are not of this run; remove it"
        )
    for place, run in parts.items():
        if run_of(folder / place) != run:
            raise CheckpointError(
                f"{folder / place}: belongs to another run; put the old folder back, or solve again"
            )


def _numbers(parts: Iterable[str]) -> set[str]:
    return {Path(place).name for place in parts}


@dataclass(frozen=True)
class Examined:
    """A file of a run folder, what was found about it in one sentence, and whether it is sound."""

    file: str
    finding: str
    sound: bool = True


def examined(folder: Path) -> tuple[Examined, ...]:
    """What is found of every file of a run folder that is read again.

    Args:
        folder: of a solve.

    Returns:
        One entry per file: the config, what is bound to it, and the checkpoints.

    Raises:
        ConfigError: it is no run folder.
    """
    require_run(folder)
    entries = [_digests(folder), _asked(CONFIG, lambda: _config(folder))]
    bound = bindings(folder) if entries[0].sound else {}
    files = bound.get("files", {})
    for name in files:
        if name != CONFIG:
            entries.append(_file(folder, name))
    if entries[0].sound:
        entries += _checkpoints(folder, files)
    if bound:
        entries += _unknown(folder, files)
        entries += _parts(folder, bound.get("parts", {}))
    entries += [
        Examined(str(path.relative_to(folder)), "a link, which no run makes; remove it", False)
        for path in sorted(folder.rglob("*"))
        if path.is_symlink()
    ]
    return tuple(entries)


def _digests(folder: Path) -> Examined:
    def told() -> str:
        if bindings(folder):
            return f"run {run_of(folder)}"
        return "missing, as in runs of earlier versions: files are compared with nothing"

    return _asked(DIGESTS, told)


def _config(folder: Path) -> str:
    tree = yaml_file.load(folder / CONFIG)
    require_values(folder, CONFIG, tree)
    validate(tree, source=CONFIG, base=folder)
    return "as written" if bindings(folder) else "valid"


def _file(folder: Path, name: str) -> Examined:
    if not (folder / name).is_file():
        return Examined(name, "missing", False)
    if altered(folder, name):
        return Examined(name, "changed after the run wrote it", False)
    return Examined(name, "as written")


def _checkpoints(folder: Path, files: Container[str]) -> Iterator[Examined]:
    """What is found of checkpoints in themselves, where no digest in `files` says more."""
    run = run_of(folder)
    for path in sorted((folder / "checkpoints").rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name in files:
            continue
        if path.suffix == ".pt":
            yield _asked(name, lambda path=path: _checkpoint(folder, path, run))  # type: ignore[misc]
        elif path.suffix == ".npz":
            yield _asked(name, lambda name=path.name: _arrays(folder, name))  # type: ignore[misc]


def _checkpoint(folder: Path, path: Path, run: str) -> str:
    part = path.parent.relative_to(folder / "checkpoints").as_posix()
    checkpoint.require_run(checkpoint.read(path), run, path, "" if part == "." else part)
    return "as written" if run else "whole"


def _arrays(folder: Path, name: str) -> str:
    refusing_damage(name)(read_arrays)(folder, name)
    return "whole"


def _unknown(folder: Path, files: Container[str]) -> Iterator[Examined]:
    """Files by the names of a run that this one did not write, or was killed while it did."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        known = name in files or _UNBOUND.fullmatch(name) or is_temporary(path)
        if path.is_file() and not known and run_folder.is_of_runs(name.partition("/")[0]):
            yield Examined(name, "not written by this run, or not to its end; make it anew", False)


def _parts(folder: Path, parts: Mapping[str, str]) -> Iterator[Examined]:
    """What is found of the folders of further solutions."""
    for place in sorted(path.parent for path in (folder / "branches").glob("*/config.yaml")):
        name = place.relative_to(folder).as_posix()
        if parts.get(name) != run_of(place):
            yield Examined(name, "belongs to another run; put the old folder back", False)
        for entry in examined(place):
            yield replace(entry, file=f"{name}/{entry.file}")
    for name in parts:
        if not (folder / name / CONFIG).is_file():
            yield Examined(name, "missing", False)


def _asked(name: str, ask: Callable[[], str]) -> Examined:
    try:
        return Examined(name, ask())
    except KanpdeError as error:
        return Examined(name, " ".join(str(error).split()), False)
