"""Names of the coordinates of space: the usual ones, or those that a box gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kanpde.config.reader import Reader
from kanpde.names import is_identifier, is_reserved

DEEPEST = 20
"""Shapes of shapes that are looked into."""


def usual(count: int) -> tuple[str, ...]:
    """x | x, y | x, y, z | x1, ..., xd for d > 3."""
    return ("x", "y", "z")[:count] if count <= 3 else tuple(f"x{i}" for i in range(1, count + 1))


def space_of(tree: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The coordinates of the domain of a problem that was not read yet; None of a mesh, or where
    nothing tells.
    """
    domain = tree.get("domain")
    for _ in range(DEEPEST):
        if not isinstance(domain, Mapping) or len(domain) != 1:
            return None
        ((kind, shape),) = domain.items()
        if kind in ("regions", "union", "difference", "intersection"):
            members = shape.values() if isinstance(shape, Mapping) else shape
            domain = next(iter(members), None) if isinstance(members, Iterable) else None
            continue
        given = shape if isinstance(shape, Mapping) else {}
        if isinstance(given.get("inputs"), list | tuple):
            return tuple(map(str, given["inputs"]))
        lower = given.get("lower")
        corner = len(lower) if isinstance(lower, list | tuple) else given.get("dimensions")
        counts = {
            "interval": 1, "rectangle": 2, "disk": 2, "ellipse": 2, "polygon": 2, "ball": 3, "extrusion": 3,
            "box": corner if isinstance(corner, int) else None,
        }  # fmt: skip
        count = counts.get(str(kind))
        return None if count is None else usual(count)
    return None


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
