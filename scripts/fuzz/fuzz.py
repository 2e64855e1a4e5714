"""Mutated input at every door: nothing but the package's own errors may come out of it.

A door takes bytes: a formula, a problem file, a table, a checkpoint, a command line. Its seeds are
good inputs and what was found before (`tests/corpus/DOOR`). They are changed at random, by a seed
that is printed, until the time is over. An exception that is not one of `kanpde.errors`, exit code
1, or an answer that takes too long fails the program; the input is kept in a folder. Copied into
the corpus, the test suite tries it for ever.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from kanpde.errors import KanpdeError
from scripts.fuzz.door import Door
from scripts.fuzz.doors import DOORS

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "corpus"
NUMBERS = (b"0", b"-1", b"1e999", b"nan", b"1e-320", b"9" * 40, b".inf", b"0x1f", b"1_0", b"-0.0")


def mutated(seeds: Sequence[bytes], tokens: Sequence[bytes], draw: random.Random) -> bytes:
    """One of the seeds after a few changes."""
    data = bytearray(draw.choice(seeds))
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        at = draw.randrange(len(data) + 1)
        end = min(len(data), at + draw.choice((1, 2, 4, 16, 64)))
        change = draw.randrange(8)
        if change == 0 and at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        elif change == 1:
            del data[at:end]
        elif change == 2:
            data[at:at] = data[at:end] * draw.choice((1, 1, 2, 50))
        elif change == 3:
            data[at:at] = draw.choice(tokens)
        elif change == 4:
            data[at:end] = draw.choice(tokens)
        elif change == 5:
            data[at:end] = draw.choice(NUMBERS)
        elif change == 6:
            other = draw.choice(seeds)
            data[at:] = other[draw.randrange(len(other) + 1) :]
        else:
            del data[at:]
    return bytes(data)


def flaw(door: Door, data: bytes, folder: Path) -> str | None:
    """What is wrong with the answer of a door, None where it is an answer or a refusal."""
    began = time.process_time()
    quiet = io.StringIO()
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(quiet),
            contextlib.redirect_stderr(quiet),
        ):
            warnings.simplefilter("ignore")
            code = door.enter(data, folder)
    except KanpdeError as error:
        code = 0 if "\n" not in str(error) else 1
    except (Exception, SystemExit, RecursionError) as error:
        if isinstance(error, SystemExit) and not error.code:
            return None  # `-h` anywhere on a command line prints the help
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if code == 1:
        return " ".join(quiet.getvalue().split())[-200:] or "exit code 1, or more than one line"
    seconds = time.process_time() - began
    return f"took {seconds:.1f} s" if seconds > door.seconds else None


def seeds_of(name: str, door: Door) -> list[bytes]:
    """The good inputs of a door and what was found at it."""
    return [*door.seeds(), *(path.read_bytes() for path in sorted((CORPUS / name).glob("*")))]


def attack(name: str, seconds: float, draw: random.Random, keep: Path) -> int:
    """Try one door for a time; the number of different flaws, whose inputs are kept."""
    door, known, count = DOORS[name], set[str](), 0
    with tempfile.TemporaryDirectory(prefix="kanpde-fuzz-") as place, contextlib.chdir(place):
        folder = Path(place)
        seeds = seeds_of(name, door)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            data = mutated(seeds, door.tokens, draw)
            count += 1
            wrong = flaw(door, data, folder)
            kind = re.sub(r"\d+|'.*'", "", wrong or "")[:60]
            if wrong is not None and kind not in known:
                known.add(kind)
                keep.mkdir(parents=True, exist_ok=True)
                path = keep / f"{name}-{len(known):03d}"
                path.write_bytes(data)
                print(f"{name}: {wrong} ({path})", flush=True)
    print(f"{name}: {count} inputs, {len(known)} flaws", flush=True)
    return len(known)


def main() -> None:
    """Try every door, or those that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("doors", nargs="*", default=list(DOORS), help=", ".join(DOORS))
    parser.add_argument("--seconds", type=float, default=60.0, help="of all doors together (60)")
    parser.add_argument("--seed", type=int, default=None, help="of the random changes")
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="a folder (runs/fuzz)")
    words = parser.parse_args()
    seed = int.from_bytes(os.urandom(4)) if words.seed is None else words.seed
    print(f"seed {seed}")
    each = words.seconds / len(words.doors)
    keep = words.keep.resolve()
    flaws = sum(attack(name, each, random.Random(f"{seed} {name}"), keep) for name in words.doors)
    sys.exit(1 if flaws else 0)


if __name__ == "__main__":
    main()
