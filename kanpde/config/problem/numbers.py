"""Numbers among the `quantities`: what is left of a solution when it is integrated or looked at.

    drag: "500*integral(nu*dn(u*ny - v*nx)*ny - p*nx, cylinder)"
    dp: "at(p, 0.15, 0.2) - at(p, 0.25, 0.2)"       mean_u: "mean(u)"

An entry is a number where it calls one of `integral`, `mean` and `at`, and holds no unknown and no
coordinate outside of these calls; any other quantity is a field.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from kanpde.config.reader import Reader
from kanpde.names import is_identifier

INTEGRAL, MEAN, AT = "integral", "mean", "at"
_CALL = re.compile(rf"(?<!\w)({INTEGRAL}|{MEAN}|{AT})\s*\(")
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_VARIES = re.compile(r"x\d*|y|z|t|n[xyz]|t[xy]|d[xyzt]{1,4}|dn?|grad|div|laplacian|curl", re.ASCII)
_NOT_BESIDE = ("eigen", "parameter_ranges")
_MOST = 20


class Call(NamedTuple):
    """One call: the word, its formula, and what follows it, a part or coordinates."""

    word: str
    formula: str
    rest: tuple[str, ...]


class Taken(NamedTuple):
    """A formula of numbers that calls stand for."""

    outer: str
    calls: tuple[Call, ...]


def is_number(text: Any, tree: Mapping[str, Any]) -> bool:
    """Whether a quantity of a problem node is a number."""
    if not isinstance(text, str) or not _CALL.search(text):
        return False
    spans = [(match.start(), _end(text, match.end())) for match in _outermost(text)]
    left = text
    for start, end in reversed(spans):
        left = f"{left[:start]} 0 {left[end:]}"
    return not _varies(left, tree)


def without_numbers(node: Reader) -> tuple[Reader, dict[str, str]]:
    """A problem node without those of its `quantities` that are numbers, and these by name;
    ConfigError where a call cannot be read.
    """
    tree = node.value if isinstance(node.value, Mapping) else {}
    entries = tree.get("quantities")
    if not isinstance(entries, Mapping):
        return node, {}
    place = node.child("quantities", entries)
    numbers: dict[str, str] = {}
    for name, text in entries.items():
        if not is_number(text, tree):
            continue
        if not is_identifier(str(name)):
            raise place.error(f"{name!r} cannot name a number; use letters, digits and _")
        for key in _NOT_BESIDE:
            if tree.get(key) is not None:
                raise place.child(name, text).error(
                    f"a number does not go with {key}; leave one of them out"
                )
        taken_apart(text, place.child(name, text))
        numbers[name] = text
    if not numbers:
        return node, {}
    fields = {name: text for name, text in entries.items() if name not in numbers}
    return Reader({**tree, "quantities": fields}, node.source, node.path, node.folders), numbers


def require_free(numbers: Mapping[str, str], taken: Collection[str], node: Reader) -> None:
    """ConfigError where the name of a number is that of something else."""
    place = node.child("quantities", None)
    for name in numbers:
        if name in taken:
            raise place.child(name, None).error(
                f"the name {name!r} is already used for something else; choose another"
            )


def taken_apart(text: str, node: Reader) -> Taken:
    """The formula of a number with value_1, value_2, ... in the places of its calls."""
    calls: list[Call] = []
    while (match := _CALL.search(text)) is not None:
        end = _end(text, match.end())
        inside = text[match.end() : end - 1]
        if end > len(text) or _CALL.search(inside):
            what = "the bracket is not closed" if end > len(text) else "one call within another"
            raise node.error(
                f"{text[:60]!r}: {what}; write {INTEGRAL}, {MEAN} and {AT} beside each other"
            )
        call = Call(match.group(1), *_arguments(inside))
        _check(call, node)
        if call not in calls:
            calls.append(call)
        text = f"{text[: match.start()]}value_{calls.index(call) + 1}{text[end:]}"
    if len(calls) > _MOST:
        raise node.error(f"holds {len(calls)} different calls, at most {_MOST} are allowed")
    return Taken(text, tuple(calls))


def _check(call: Call, node: Reader) -> None:
    word, formula, rest = call
    if not formula or not all(rest):
        raise node.error(f"{word}(...) has an empty argument; write {_example(word)}")
    if word != AT and len(rest) > 1:
        raise node.error(
            f"{word} takes a formula and perhaps one part of the boundary, found"
            f" {len(rest) + 1} arguments; write {_example(word)}"
        )
    if word == AT and not rest:
        raise node.error(f"{AT} takes a formula and a point; write {_example(word)}")


def _example(word: str) -> str:
    return f"{AT}(u, 0.5, 0.2)" if word == AT else f"{word}(u**2) or {word}(dn(u), top)"


def _arguments(inside: str) -> tuple[str, tuple[str, ...]]:
    """The formula of a call, and the arguments after it."""
    depth, commas = 0, [-1]
    for place, letter in enumerate(inside):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            commas.append(place)
    ends = [*commas, len(inside)]
    first, *rest = [inside[low + 1 : high].strip() for low, high in pairwise(ends)]
    return first, tuple(rest)


def _outermost(text: str) -> Iterator[re.Match[str]]:
    """The calls that stand in no other one."""
    place = 0
    while (match := _CALL.search(text, place)) is not None:
        yield match
        place = _end(text, match.end())


def _end(text: str, start: int) -> int:
    """Where a bracket that is opened before `start` is closed, beyond the end if it is not."""
    depth, place = 1, start
    while place < len(text) and depth:
        depth += (text[place] in "([") - (text[place] in ")]")
        place += 1
    return place if not depth else len(text) + 1


def _varies(text: str, tree: Mapping[str, Any]) -> bool:
    """Whether a formula holds something that differs from point to point."""
    fields = set(_unknowns(tree.get("unknowns"))) | set(tree.get("parameter_ranges") or ())
    fields |= set(tree.get("coordinates") or ())
    definitions = tree.get("definitions")
    texts = definitions if isinstance(definitions, Mapping) else {}
    own = {*(tree.get("parameters") or ()), *(tree.get("unknown_parameters") or ()), *texts}
    seen: set[str] = set()
    words = _WORD.findall(text)
    while words:
        word = words.pop()
        if word in seen:
            continue
        seen.add(word)
        if word in fields or (_VARIES.fullmatch(word) and word not in own):
            return True
        if word in texts:
            words += _WORD.findall(texts[word]) if isinstance(texts[word], str) else ["x"]
    return False


def _unknowns(given: Any) -> Iterator[str]:
    for item in given if isinstance(given, list | tuple) else [given]:
        yield from item if isinstance(item, Mapping) else [str(item)]
