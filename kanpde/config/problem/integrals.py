"""Integrals in formulas: each is an unknown number with a condition that says what it is.

-laplacian(u) = integral(u**2)      ->  -laplacian(u) = integral_1,
                                        {integral: "u**2 = integral_1"}
{equation: "integral(dn(u), hole) = 2"}  ->  {integral: "dn(u) = 2", part: hole}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kanpde.config.problem.texts import PLACES, arguments, mapping, texts
from kanpde.config.reader import Reader

INTEGRAL = "integral"
_CALL = re.compile(rf"(?<!\w){INTEGRAL}\s*\(")
_ALONE = ("part", "interface", "periodic", "mean", INTEGRAL, "point", "data", "values")
"""One of these says where a condition holds; a statement on integrals has none."""

_OWN = ("parameters", "unknown_parameters", "definitions", "parameter_ranges")
_NOT_BESIDE = ("time", "eigen", "parameter_ranges", "energy", "fit")


def with_integrals_as_numbers(node: Reader) -> Reader:
    """The problem node without integrals in its formulas; ConfigError where one cannot be read."""
    if not isinstance(node.value, Mapping) or not any(map(_CALL.search, texts(node.value))):
        return node
    tree = {key: value for key, value in node.value.items() if value is not None}
    taken = {str(name) for key in _OWN for name in mapping(tree, key)}
    if INTEGRAL in taken:
        return node
    for key in _NOT_BESIDE:
        if key in tree:
            raise node.child(key, None).error(
                "does not go with integrals, which are numbers; write the problem without one of"
                " the two"
            )
    numbers = _Numbers(taken)
    for key in PLACES:
        if key in tree:
            tree[key] = numbers.put(tree[key], node.child(key, None))
    conditions = tree.get("conditions")
    if isinstance(conditions, list | tuple):
        place = node.child("conditions", None)
        tree["conditions"] = [
            numbers.condition(item, place.child(k, None)) for k, item in enumerate(conditions)
        ] + list(numbers.conditions())
    if numbers.known:
        starts = {name: {"start": 0.0} for name in numbers.known.values()}
        tree["unknown_parameters"] = {**mapping(tree, "unknown_parameters"), **starts}
    return Reader(tree, node.source, node.path, node.folders)


@dataclass
class _Numbers:
    """The names of integrals (integrand, part), beside names that are `taken`."""

    taken: set[str]
    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def put(self, value: Any, node: Reader) -> Any:
        """A formula, or a list or mapping of such, with names for integrals."""
        if isinstance(value, Mapping):
            return {k: self.put(entry, node.child(k, entry)) for k, entry in value.items()}
        if isinstance(value, list | tuple):
            return [self.put(entry, node.child(k, entry)) for k, entry in enumerate(value)]
        if not isinstance(value, str):
            return value
        while (match := _CALL.search(value)) is not None:
            integral, end = _arguments(value, match.end(), node)
            name = self._name(integral)
            value = f"{value[: match.start()]}{name}{value[end:]}"
        return value

    def condition(self, value: Any, node: Reader) -> Any:
        """A condition; one on an integral alone says what this is."""
        if not isinstance(value, Mapping):
            return value
        text = value.get("equation")
        if set(value) & set(_ALONE) or not isinstance(text, str) or not _CALL.search(text):
            return {
                k: self.put(v, node.child(k, v)) if k == "equation" else v for k, v in value.items()
            }
        (integrand, part), right = _alone(text, node)
        kept = {key: entry for key, entry in value.items() if key != "equation"}
        over = {"part": part} if part else {}
        return {INTEGRAL: f"{integrand} = {self.put(right, node)}", **over, **kept}

    def conditions(self) -> Iterator[dict[str, str]]:
        """What says which number every integral is."""
        for (integrand, part), name in self.known.items():
            over = {"part": part} if part else {}
            yield {INTEGRAL: f"{integrand} = {name}", **over}

    def _name(self, integral: tuple[str, str]) -> str:
        if integral not in self.known:
            number = len(self.known) + 1
            while f"{INTEGRAL}_{number}" in self.taken:
                number += 1
            self.known[integral] = f"{INTEGRAL}_{number}"
            self.taken.add(self.known[integral])
        return self.known[integral]


def _alone(text: str, node: Reader) -> tuple[tuple[str, str], str]:
    """The integral on one side of an equation, and the other side."""
    sides = text.split("=")
    for left, right in (sides, sides[::-1]) if len(sides) == 2 else ():
        match = _CALL.match(left.strip())
        if match is None:
            continue
        integral, end = _arguments(left.strip(), match.end(), node)
        if end == len(left.strip()):
            return integral, right.strip()
    raise node.error(
        f"without a part a condition says what one integral is, as in {INTEGRAL}(dn(u), hole) = 2,"
        f" found {text[:60]!r}; give it a part, or name the integral by an unknown parameter"
    )


def _arguments(text: str, start: int, node: Reader) -> tuple[tuple[str, str], int]:
    """The integrand and the part of a call whose arguments begin at `start`, and where it ends."""
    pieces, at = arguments(text, start)
    if not pieces:
        raise node.error(f"{text[:60]!r}: the bracket of {INTEGRAL}( is not closed")
    if len(pieces) > 2 or not all(pieces):
        raise node.error(
            f"{text[:60]!r}: {INTEGRAL} takes an integrand and perhaps a part of the boundary, as in"
            f" {INTEGRAL}(u**2) and {INTEGRAL}(dn(u), hole), found {len(pieces)} arguments"
        )
    if _CALL.search(pieces[0]):
        raise node.error(
            f"{text[:60]!r}: an integral of an integral; give the inner one a name by a definition"
        )
    return (pieces[0], pieces[1] if len(pieces) == 2 else ""), at
