"""How much memory a solve may take: 90 % of what the machine, its container or KANPDE_MEMORY allows,
less the program itself. What other processes take is not looked at, so that the same file is
refused or not on every day.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kanpde.errors import ConfigError

VARIABLE = "KANPDE_MEMORY"

SHARE = 0.9

PROGRAM = 420 << 20
"""Bytes that the program takes when all of it is loaded and nothing is solved: 378 MiB of torch,
scipy and the rest, and threads.
"""

WORKING = 45 << 20
"""Bytes that any solve takes beside what follows from its sizes: caches, points of the report."""

_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgt]?)(?:i?b)?", re.IGNORECASE)
_GROUPS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
"""Limits of a container: of the second version of control groups, and of the first."""


def limit() -> int:
    """Bytes that the machine, its container or KANPDE_MEMORY allow; ConfigError where that is no
    size.
    """
    return min([*_limits(), *([_asked()] if os.environ.get(VARIABLE) else [])])


def allowed() -> int:
    """Bytes that a solve may take beside the program itself."""
    return max(0, int(SHARE * limit()) - PROGRAM)


def shortage(needed: float) -> str | None:
    """What is there in place of `needed` bytes, None where they fit."""
    if needed <= allowed():
        return None
    source = VARIABLE if os.environ.get(VARIABLE) else "of memory"
    return (
        f"about {gib(needed)} GiB, more than the {gib(allowed())} GiB that {SHARE:.0%} of"
        f" {gib(limit())} GiB ({source}) leave beside the program"
    )


def gib(size: float) -> str:
    """A number of bytes in GiB."""
    return f"{size / 2**30:.3g}"


def _asked() -> int:
    text = os.environ[VARIABLE].strip()
    match = _SIZE.fullmatch(text)
    if match is None or float(match[1]) <= 0:
        raise ConfigError(
            f"{VARIABLE}: must be a size such as 8GiB, 500MB or a number of bytes, found"
            f" {text[:40]!r}"
        )
    return int(float(match[1]) * 2 ** _UNITS[match[2].lower()])


def _limits() -> Iterator[int]:
    """Physical memory, and what a container is limited to."""
    yield _physical()
    for path in _GROUPS:
        with suppress(OSError, ValueError):  # there is none, or it says "max"
            yield int(Path(path).read_text(encoding="utf-8"))


def _physical() -> int:
    """Bytes of the machine; what is assumed where the system does not say."""
    with suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 16 << 30
