"""Damaged, edited and mixed run folders: none may be read as if it were whole.

Runs of every kind are made, each with a twin whose equation holds another number. Then single bits
of every file are flipped, and files are edited, removed, truncated and taken from the twin. A
change is seen where `kanpde check` names it and where loading refuses it, warns, or gives the same
solution. What is not seen is printed and fails the program.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import re
import sys
import tempfile
import time
from fnmatch import fnmatch
from pathlib import Path

from scripts.fuzz import folders
from scripts.fuzz.mixed_folders import mixed
from scripts.fuzz.whole_run import Run, remember, values_of


def flip(run: Run, path: Path, draw: random.Random) -> str | None:
    """One bit of a file; what does not see it. A config of the same values is no change."""
    content = path.read_bytes()
    if not content:
        return None
    at, bit = draw.randrange(len(content)), draw.randrange(8)
    changed = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
    path.write_bytes(changed)
    try:
        if path.name == "config.yaml" and values_of(changed) == values_of(content):
            return None
        name = path.relative_to(run.folder).as_posix()
        unseen = run.unseen(loads=name in run.opened)
    finally:
        path.write_bytes(content)
    return unseen and f"{unseen}: bit {bit} of byte {at} of {run.folder.name}/{name}"


def main() -> None:
    """Flip bits of every kind of file, and mix folders of every kind of run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    kinds = ("everything", *folders.KINDS)
    parser.add_argument("kinds", nargs="*", default=list(kinds), help=", ".join(kinds))
    parser.add_argument("--flips", type=int, default=50, help="of each kind of file (50)")
    parser.add_argument("--mixed", type=int, default=100, help="folders (100)")
    parser.add_argument("--files", default="*", help="flip bits of these kinds only, a glob (*)")
    parser.add_argument("--seed", type=int, default=None, help="of the random changes")
    words = parser.parse_args()
    seed = int.from_bytes(os.urandom(4)) if words.seed is None else words.seed
    draw = random.Random(seed)
    remember()
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kanpde-flips-") as name:
        place = Path(name)
        runs = [made(kind, place) for kind in words.kinds]
        print(f"{len(runs)} runs, {time.process_time():.0f} CPU s", flush=True)
        unseen: list[str] = []
        for kind, places in files_by_kind(runs, words.files):
            unseen += flipped(kind, places, words.flips, draw)
        unseen += changed(runs, words.mixed, draw, place / "mixed")
    print("".join(f"  NOT SEEN by {sentence}\n" for sentence in unseen), end="")
    print(f"{len(unseen)} unseen, {time.process_time():.0f} CPU s")
    sys.exit(1 if unseen else 0)


def made(kind: str, place: Path) -> Run:
    """A run of a kind, with its twin."""
    make = folders.make_everything if kind == "everything" else folders.kind_maker(kind)
    quiet = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    with quiet, contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        make(place / kind, 1.0)
        make(place / f"{kind}-twin", 1.25)
    return Run.of(place / kind, place / f"{kind}-twin")


def files_by_kind(runs: list[Run], pattern: str) -> list[tuple[str, list[tuple[Run, Path]]]]:
    """Files of the same name but for digits are of a kind, whatever run they are of."""
    of_each: dict[str, list[tuple[Run, Path]]] = {}
    for run in runs:
        for path in run.files():
            of_each.setdefault(re.sub(r"\d+", "", path.name), []).append((run, path))
    return [pair for pair in sorted(of_each.items()) if fnmatch(pair[0], pattern)]


def flipped(
    kind: str, places: list[tuple[Run, Path]], count: int, draw: random.Random
) -> list[str]:
    """Flip bits of a kind of file, in turn where there are several; what did not see it."""
    turns = itertools.islice(itertools.cycle(places), count)
    answers = [flip(run, path, draw) for run, path in turns]
    unseen = [answer for answer in answers if answer is not None]
    print(f"{kind}: {count} flips in {len(places)} files, {len(unseen)} unseen", flush=True)
    return unseen[:3]


def changed(runs: list[Run], count: int, draw: random.Random, place: Path) -> list[str]:
    """Edit and mix folders, in turn; what did not see it."""
    unseen = []
    for run in itertools.islice(itertools.cycle(runs), count):
        what, answer = mixed(run, draw, place)
        if answer is not None:
            unseen.append(f"{answer}: {run.folder.name}: {what}")
    print(f"{count} mixed folders, {len(unseen)} unseen", flush=True)
    return unseen


if __name__ == "__main__":
    main()
