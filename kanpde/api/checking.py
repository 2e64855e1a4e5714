"""Whether the files of a run folder belong together and are as the run wrote them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kanpde.config import validate, yaml_file
from kanpde.errors import ConfigError, KanpdeError
from kanpde.solver import checkpoint
from kanpde.storage import DIGESTS, altered, bindings, require_values, run_of

CONFIG = "config.yaml"


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
    if not (folder / CONFIG).is_file():
        raise ConfigError(
            f"{folder}: not a run folder (it has no config.yaml); give the folder that a solve"
            f" printed"
        )
    entries = [_digests(folder), _asked(CONFIG, lambda: _config(folder))]
    bound = bindings(folder) if entries[0].sound else {}
    for name in bound.get("files", {}):
        if name != CONFIG:
            entries.append(_file(folder, name))
    if entries[0].sound:
        entries += _checkpoints(folder)
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


def _checkpoints(folder: Path) -> Iterator[Examined]:
    run = run_of(folder)
    for path in sorted((folder / "checkpoints").rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".pt":
            yield _asked(name, lambda path=path: _checkpoint(path, run))  # type: ignore[misc]


def _checkpoint(path: Path, run: str) -> str:
    checkpoint.require_run(checkpoint.read(path), run, path)
    return "as written" if run else "whole"


def _asked(name: str, ask: Callable[[], str]) -> Examined:
    try:
        return Examined(name, ask())
    except KanpdeError as error:
        return Examined(name, " ".join(str(error).split()), False)
