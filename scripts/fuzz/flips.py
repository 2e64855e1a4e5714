"""Damaged, edited and mixed run folders: none may be read as if it were whole.

Runs of every kind are made, each with a twin whose equation holds another number. Then single bits
of every file are flipped, and files are edited, removed, truncated and taken from the twin. A
change is seen where `kanpde check` names it and where loading refuses it, warns, or gives the same
solution. What is not seen is printed and fails the program.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from scripts.fuzz import folders
from scripts.fuzz.mixed_folders import mixed
from scripts.fuzz.whole_run import Run, values_of


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
    """Flip bits of every file of every kind of run, and mix folders."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    kinds = ("everything", *folders.KINDS)
    parser.add_argument("kinds", nargs="*", default=list(kinds), help=", ".join(kinds))
    parser.add_argument("--flips", type=int, default=20, help="of each file (20)")
    parser.add_argument("--mixed", type=int, default=20, help="folders of each kind (20)")
    parser.add_argument("--files", default="*", help="flip bits of these only, a glob (*)")
    parser.add_argument("--seed", type=int, default=None, help="of the random changes")
    words = parser.parse_args()
    seed = int.from_bytes(os.urandom(4)) if words.seed is None else words.seed
    print(f"seed {seed}")
    unseen: list[str] = []
    with tempfile.TemporaryDirectory(prefix="kanpde-flips-") as name:
        for kind in words.kinds:
            unseen += attacked(kind, Path(name), words, seed)
    print(f"{len(unseen)} unseen")
    sys.exit(1 if unseen else 0)


def attacked(kind: str, place: Path, words: argparse.Namespace, seed: int) -> list[str]:
    """Make a kind of run and change it; what was not seen, one sentence each."""
    flips, count = words.flips, words.mixed
    draw, began, unseen = random.Random(f"{seed} {kind}"), time.process_time(), list[str]()
    make = folders.make_everything if kind == "everything" else folders.kind_maker(kind)
    quiet = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    with quiet, contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        make(place / kind, 1.0)
        make(place / f"{kind}-twin", 1.25)
    run = Run.of(place / kind, place / f"{kind}-twin")
    for path in run.files():
        if not path.relative_to(run.folder).match(words.files):
            continue
        answers = [flip(run, path, draw) for _ in range(flips)]
        wrong = [answer for answer in answers if answer is not None]
        unseen += wrong[:3]
        print(
            f"{kind}/{path.relative_to(run.folder)}: {flips} flips, {len(wrong)} unseen", flush=True
        )
    for _ in range(count):
        what, answer = mixed(run, draw, place / "mixed")
        if answer is not None:
            unseen.append(f"{answer}: {kind}: {what}")
    print(f"{kind}: {count} mixed folders, {time.process_time() - began:.0f} CPU s", flush=True)
    print("".join(f"  NOT SEEN by {sentence}\n" for sentence in unseen), end="", flush=True)
    return unseen


if __name__ == "__main__":
    main()
