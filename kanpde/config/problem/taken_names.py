"""The names that a problem has given already, so that none is given twice."""

from __future__ import annotations

from collections.abc import Collection

from kanpde.config.reader import Reader
from kanpde.names import is_identifier, is_reserved


class Names:
    """The names in use, each with what it names."""

    def __init__(self, coordinate_names: Collection[str]) -> None:
        self._owners = dict.fromkeys(coordinate_names, "a coordinate")

    @property
    def taken(self) -> tuple[str, ...]:
        """All names in use."""
        return tuple(self._owners)

    def take(self, name: str, kind: str, node: Reader) -> None:
        """Register `name` as `kind`, or say why it cannot be."""
        if not is_identifier(name):
            rule = "a name must begin with a letter and hold at most 40 letters, digits and _"
            raise node.error(f"{rule}, found {name[:60]!r}")
        if is_reserved(name):
            raise node.error(
                f"the name {name!r} has a meaning in formulas already; choose another name for"
                f" {kind}"
            )
        if name in self._owners:
            raise node.error(
                f"the name {name!r} is already used for {self._owners[name]}; choose another for"
                f" {kind}"
            )
        self._owners[name] = kind
