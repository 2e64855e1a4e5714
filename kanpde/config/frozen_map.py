"""Read-only nested data: what a config holds where its keys are the user's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

V = TypeVar("V")


class FrozenMap(Mapping[str, V]):
    """A mapping that cannot change; unlike `MappingProxyType` it can be hashed, copied and
    pickled.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, V] | None = None) -> None:
        self._items = dict(items or {})

    def __getitem__(self, key: str) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"


def freeze(tree: Any) -> Any:
    """The same nested data with mappings as `FrozenMap` and lists as tuples."""
    if isinstance(tree, Mapping):
        return FrozenMap({key: freeze(value) for key, value in tree.items()})
    if isinstance(tree, list | tuple):
        return tuple(freeze(value) for value in tree)
    return tree


def thaw(tree: Any) -> Any:
    """The same nested data as plain dicts and lists, fit to be written as YAML or JSON."""
    if isinstance(tree, Mapping):
        return {key: thaw(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [thaw(value) for value in tree]
    return tree
