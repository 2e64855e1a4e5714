"""Edited and mixed run folders."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from scripts.fuzz.whole_run import Run, values_of


def take(run: Run, draw: random.Random) -> str:
    """One file of the twin."""
    path = draw.choice(run.files())
    shutil.copy(run.twin / path.relative_to(run.folder), path)
    return f"take {path.name}"


def take_states(run: Run, draw: random.Random) -> str:
    """All checkpoints of the twin, and its result with them or not."""
    shutil.rmtree(run.folder / "checkpoints")
    shutil.copytree(run.twin / "checkpoints", run.folder / "checkpoints")
    if draw.random() < 0.5:
        shutil.copy(run.twin / "result.json", run.folder / "result.json")
    return "take checkpoints"


def take_config(run: Run, draw: random.Random) -> str:
    """The config of the twin, with its digests or without any."""
    shutil.copy(run.twin / "config.yaml", run.folder / "config.yaml")
    if draw.random() < 0.5:
        shutil.copy(run.twin / "digests.json", run.folder / "digests.json")
    else:
        (run.folder / "digests.json").unlink()
    return "take config"


def edit(run: Run, draw: random.Random) -> str:
    """Another digit in a text file, with its digests or without them."""
    texts = [path for path in run.files() if path.suffix in (".yaml", ".json", ".csv", ".log")]
    path = draw.choice([path for path in texts if re.search(rb"\d", path.read_bytes())])
    content = path.read_bytes()
    at = draw.choice([match.start() for match in re.finditer(rb"\d", content)])
    digit = str((int(content[at : at + 1]) + draw.randrange(1, 10)) % 10).encode()
    path.write_bytes(content[:at] + digit + content[at + 1 :])
    if path.name == "config.yaml" and draw.random() < 0.5:
        (run.folder / "digests.json").unlink()
    return f"edit byte {at} of {path.name}"


def remove(run: Run, draw: random.Random) -> str:
    """One file less, or one that ends early."""
    path = draw.choice([path for path in run.files() if path.stat().st_size])
    if draw.random() < 0.5:
        path.unlink()
        return f"remove {path.name}"
    path.write_bytes(path.read_bytes()[: draw.randrange(path.stat().st_size)])
    return f"truncate {path.name}"


def exchange(run: Run, draw: random.Random) -> str:
    """The contents of two files of the same kind within the run."""
    states = [path for path in run.files() if path.suffix in (".pt", ".npz", ".json", ".png")]
    first = draw.choice(states)
    second = draw.choice([path for path in states if path.suffix == first.suffix])
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])
    return f"exchange {first.parent.name}/{first.name} and {second.parent.name}/{second.name}"


CHANGES: tuple[Callable[[Run, random.Random], str], ...] = (
    *(take, take_states, take_config, edit, remove, exchange),
)


def mixed(run: Run, draw: random.Random, place: Path) -> tuple[str, str | None]:
    """One changed copy of a run: what was done, and what does not see it."""
    copy = place / run.folder.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run.folder, copy)
    other = Run(copy, run.twin, run.means, run.opened)
    what = draw.choice(CHANGES)(other, draw)
    if _bytes(copy) == _bytes(run.folder):
        return f"{what}: nothing", None
    config = copy / "config.yaml"
    same = config.is_file() and values_of(config.read_bytes()) == run.means[0].as_tree()
    if same and not _different(copy, run.folder, {"config.yaml"}):
        return f"{what}: the same values", None
    return what, other.unseen()


def _bytes(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _different(first: Path, second: Path, but: set[str]) -> bool:
    here, there = _bytes(first), _bytes(second)
    return any(here.get(name) != there.get(name) for name in {*here, *there} - but)
