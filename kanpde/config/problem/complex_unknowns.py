"""Complex unknowns: a problem of u is one of its real part `u_re` and its imaginary part `u_im`.

    unknowns: [{u: complex}]     ->  unknowns: [u_re, u_im], and u is the definition u_re + I*u_im
    "laplacian(u) + k**2*u = f"  ->  re(L) = re(R), im(L) = im(R)

What holds a complex name outside of re, im, abs and arg is complex: equations, conditions, `exact`,
quantities and vectors become two. The modulus and the phase of every complex unknown are two
quantities more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from kanpde.config.problem.texts import listed
from kanpde.config.reader import Reader
from kanpde.names import COMPLEX, IMAGINARY_UNIT, MANUFACTURED

COMPLEX_KIND = "complex"
KINDS = ("real", COMPLEX_KIND)
"""What an unknown may be."""

ENDS = ("re", "im")
"""What is called NAME_re and NAME_im."""

_TO_REAL = re.compile(r"(?<!\w)(?:re|im|abs|arg)\s*\(")
_WORD = re.compile(r"(?<![\w.])[A-Za-z]\w*")
_OWN = (*COMPLEX, IMAGINARY_UNIT)
_NOT_BESIDE = ("eigen", "fit", "reference")


def in_real_parts(node: Reader) -> Reader:
    """The problem node with real unknowns alone; ConfigError where it cannot be told."""
    given = node.value.get("unknowns") if isinstance(node.value, Mapping) else None
    items = [given] if isinstance(given, Mapping) else given
    if not isinstance(items, list | tuple) or not any(isinstance(i, Mapping) for i in items):
        return node
    names, unknowns = _declared(node.child("unknowns", items))
    tree = {key: value for key, value in node.value.items() if value is not None}
    for key in _NOT_BESIDE:
        if key in tree:
            raise node.child(key, None).error(
                "does not go with complex unknowns; write real and imaginary parts as two unknowns"
            )
    _check_names(node, tree, names)
    split = _Split.of(tree, names)
    tree["unknowns"] = unknowns
    definitions = tree.get("definitions")
    tree["definitions"] = {
        **{name: _text_of(name) for name in names},
        **(dict(split.definitions(definitions)) if isinstance(definitions, Mapping) else {}),
    }
    for key, rewritten in (("equations", split.equations), ("conditions", split.conditions)):
        if isinstance(tree.get(key), list | tuple | str | Mapping):
            tree[key] = rewritten(tree[key])
    for key, halves in (
        ("exact", lambda name, _: name in names),
        ("quantities", lambda _, value: split.is_complex(value)),
        ("vectors", lambda _, value: any(map(split.is_complex, listed(value)))),
    ):
        if isinstance(tree.get(key), Mapping):
            tree[key] = dict(_in_halves(tree[key], halves))
    shown = {f"{name}_{word}": f"{word}({name})" for name in names for word in ("abs", "arg")}
    if isinstance(tree.setdefault("quantities", {}), Mapping):
        tree["quantities"] = shown | tree["quantities"]
    return Reader(tree, node.source, node.path, node.folders)


def _declared(node: Reader) -> tuple[tuple[str, ...], list[Any]]:
    """The complex unknowns, and all unknowns with their parts in their places."""
    names: list[str] = []
    unknowns: list[Any] = []
    for item in node.items():
        if not isinstance(item.value, Mapping):
            unknowns.append(item.value)
            continue
        for name, kind in item.entries().items():
            kind.choice(KINDS)
            if kind.value == COMPLEX_KIND:
                names.append(name)
            unknowns += [f"{name}_{end}" for end in ENDS] if kind.value == COMPLEX_KIND else [name]
    return tuple(names), unknowns


def _check_names(node: Reader, tree: Mapping[str, Any], names: Collection[str]) -> None:
    """The words of complex values and the parts of unknowns are no names of something else."""
    parts = {f"{name}_{end}": name for name in names for end in (*ENDS, "abs", "arg")}
    for key in ("parameters", "unknown_parameters", "parameter_ranges", "definitions"):
        entries = tree.get(key)
        for name in entries if isinstance(entries, Mapping) else ():
            place = node.child(key, entries).child(name, None)
            if name in _OWN:
                raise place.error(
                    f"the name {name!r} has a meaning beside complex unknowns; choose another"
                )
            if name in parts:
                raise place.error(
                    f"{name!r} is what a part of the complex unknown {parts[name]!r} is called;"
                    " choose another name"
                )


def _text_of(name: str) -> str:
    return f"{name}_{ENDS[0]} + {IMAGINARY_UNIT}*{name}_{ENDS[1]}"


class _Split:
    """Which names are complex, and the two real halves of what holds one."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = frozenset(names)

    @classmethod
    def of(cls, tree: Mapping[str, Any], unknowns: Collection[str]) -> _Split:
        """With the definitions and parameters that are complex."""
        texts: dict[str, list[Any]] = {}
        for key in ("parameters", "definitions"):
            entries = tree.get(key)
            for name, value in entries.items() if isinstance(entries, Mapping) else ():
                by_region = isinstance(value, Mapping)
                texts[name] = list(value.values()) if by_region else [value]
        split = cls({*unknowns, IMAGINARY_UNIT})
        while True:  # until no further definition holds a complex one
            more = {n for n, of_it in texts.items() if any(map(split.is_complex, of_it))}
            more |= split._sources(tree, texts)
            if more <= split.names:
                return split
            split = cls(split.names | more)

    def _sources(self, tree: Mapping[str, Any], texts: Mapping[str, list[Any]]) -> set[str]:
        """The manufactured sources that stand in complex equations."""
        held: set[str] = set()
        for text in _strings(tree.get("equations")):
            if self.is_complex(text):
                held |= set(_WORD.findall(text))
        return {name for name in held if MANUFACTURED in texts.get(name, ())}

    def is_complex(self, text: Any) -> bool:
        """Whether a formula holds a complex name outside of what makes it real."""
        if not isinstance(text, str):
            return False
        return not self.names.isdisjoint(_WORD.findall(_without_real(text)))

    def definitions(self, entries: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Manufactured sources by their parts, all others as they are."""
        for name, value in entries.items():
            if value == MANUFACTURED and name in self.names:
                yield name, _text_of(name)
                yield from ((f"{name}_{end}", MANUFACTURED) for end in ENDS)
            else:
                yield name, value

    def equations(self, given: Any) -> list[Any]:
        """The list of equations with each complex one twice."""
        tree: list[Any] = []
        for item in given if isinstance(given, list | tuple) else [given]:
            text = item.get("equation") if isinstance(item, Mapping) else item
            for end, half in self._halves(text):
                if not isinstance(item, Mapping):
                    tree.append(half)
                    continue
                entry = {**item, "equation": half}
                if end and isinstance(item.get("name"), str):
                    entry["name"] = f"{item['name']}_{end}"
                tree.append(entry)
        return tree

    def conditions(self, given: Any) -> Any:
        """The list of conditions with each complex equation twice, a complex mean as two."""
        if not isinstance(given, list | tuple):
            return given
        tree: list[Any] = []
        for item in given:
            if not isinstance(item, Mapping):
                tree.append(item)
            elif isinstance(item.get("mean"), str):
                tree += [{**item, "mean": half} for _, half in self._halves(item["mean"])]
            elif isinstance(item.get("equation"), str | list | tuple):
                texts = listed(item["equation"])
                halves = [half for text in texts for _, half in self._halves(text)]
                tree.append({**item, "equation": halves})
            else:
                tree.append(item)
        return tree

    def _halves(self, text: Any) -> list[tuple[str, Any]]:
        """The real and the imaginary part of an equation, or the equation as it is."""
        sides = text.split("=") if isinstance(text, str) else []
        if len(sides) != 2 or not all(map(str.strip, sides)) or not self.is_complex(text):
            return [("", text)]
        left, right = map(str.strip, sides)
        return [(end, f"{end}({left}) = {end}({right})") for end in ENDS]


def _strings(tree: Any) -> Iterator[str]:
    """The formulas of the equations."""
    for item in listed(tree):
        text = item.get("equation") if isinstance(item, Mapping) else item
        if isinstance(text, str):
            yield text


def _in_halves(
    entries: Mapping[str, Any], halved: Callable[[str, Any], bool]
) -> Iterator[tuple[str, Any]]:
    """Formulas by name, those that are complex as NAME_re and NAME_im."""
    for name, value in entries.items():
        if not halved(name, value):
            yield name, value
            continue
        for end in ENDS:
            yield f"{name}_{end}", _of_part(value, end)


def _of_part(value: Any, end: str) -> Any:
    """The real or the imaginary part of a formula, of several, or of one by region."""
    if isinstance(value, Mapping):
        return {key: _of_part(entry, end) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_of_part(entry, end) for entry in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{end}({value})" if isinstance(value, str) or is_number else value


def _without_real(text: str) -> str:
    """The text without calls of re, im, abs and arg."""
    while (match := _TO_REAL.search(text)) is not None:
        depth, end = 1, match.end()
        while end < len(text) and depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        text = f"{text[: match.start()]} 0 {text[end:]}"
    return text
