"""Names of the coordinates of space: the usual ones, or those that a box gives."""

from __future__ import annotations

from kanpde.config.reader import Reader
from kanpde.names import is_identifier, is_reserved


def usual(count: int) -> tuple[str, ...]:
    """x | x, y | x, y, z | x1, ..., xd for d > 3."""
    return ("x", "y", "z")[:count] if count <= 3 else tuple(f"x{i}" for i in range(1, count + 1))


def read_inputs(node: Reader, count: int) -> tuple[str, ...]:
    """One name for each coordinate; the usual ones, given, are as good as none."""
    names = tuple(item.text() for item in node.items_or_one("a list of names", count, count))
    for at, name in enumerate(names):
        if not is_identifier(name) or is_reserved(name) or name in names[:at]:
            why = (
                "stands twice"
                if name in names[:at]
                else "cannot name a coordinate (letters, digits and _, not reserved)"
            )
            raise node.error(f"{name[:60]!r} {why}; rename it")
    return () if names == usual(count) else names
