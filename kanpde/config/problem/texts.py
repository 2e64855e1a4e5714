"""Formulas of a problem node as texts: where they stand, and the arguments of a call in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

PLACES = ("equations", "definitions", "quantities", "vectors")


def texts(tree: Mapping[str, Any]) -> Iterator[str]:
    """All texts of the equations, conditions, definitions and quantities."""
    places = [tree.get(key) for key in (*PLACES, "conditions")]
    while places:
        value = places.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            places.extend(value.values())
        elif isinstance(value, list | tuple):
            places.extend(value)


def replaced(value: Any, put: Callable[[str], str]) -> Any:
    """Plain data with another text in place of each."""
    if isinstance(value, Mapping):
        return {key: replaced(entry, put) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [replaced(entry, put) for entry in value]
    return put(value) if isinstance(value, str) else value


def mapping(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """What stands under a key where it is a mapping, else nothing."""
    value = tree.get(key)
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> list[Any]:
    """The entries of a list, or what stands alone as the only one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def arguments(text: str, start: int) -> tuple[list[str], int]:
    """The arguments of a call that begin at `start`, and where it ends; none where its bracket is
    not closed.
    """
    depth, at, commas = 1, start, []
    while at < len(text) and depth:
        depth += (text[at] in "([") - (text[at] in ")]")
        if text[at] == "," and depth == 1:
            commas.append(at)
        at += 1
    if depth:
        return [], at
    ends = [start - 1, *commas, at - 1]
    return [text[low + 1 : high].strip() for low, high in pairwise(ends)], at
