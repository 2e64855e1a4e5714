"""A node of a file together with the place where it stands, and what may be asked of it.

Every question either answers with a checked value or raises `ConfigError` with one line:
`my.yaml: trial.widht: unknown key, did you mean 'width'? (known keys: ...)`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from kanpde.config.other_words import answer
from kanpde.errors import ConfigError
from kanpde.names import did_you_mean

LONGEST_TEXT = 4000
"""Most characters of a text."""

DEEPEST = 40
"""Most keys in a path."""

LARGEST = 1e300
"""Largest magnitude of a number whose question names no bound."""

NUMBER = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", re.ASCII
)
"""A decimal number in YAML 1.2 (`5`, `.5`, `1e-9`), without the leading zeros that YAML 1.1 reads
as octal.
"""

INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
"""A decimal integer in YAML 1.2, without leading zeros."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")


def control_character(text: str) -> str | None:
    """The first control character of `text` other than tab and newline, escaped, or None."""
    match = _CONTROL.search(text)
    return ascii(match.group())[1:-1] if match else None


def shown(value: Any) -> str:
    """`value` as a message quotes it: one printable line of at most about 60 characters."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, Sequence):
        return f"a list of {len(value)}"
    if isinstance(value, Integral):
        return str(int(value)) if abs(int(value)) < 10**30 else "an integer of more than 30 digits"
    if isinstance(value, Real):
        return repr(float(value))
    return f"a Python {type(value).__name__}"


def listed(names: Collection[str]) -> str:
    """`names` joined by commas, at most 30 of them."""
    first = list(names)[:30]
    return ", ".join(first) + (", ..." if len(names) > 30 else "")


def dotted(path: tuple[str | int, ...]) -> str:
    """`("conditions", 2, "part")` as `conditions[2].part`; a key that is not a plain word is
    quoted.
    """
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + (
                key if re.fullmatch(r"[\w-]{1,40}", key) else shown(key)
            )
    return text


@dataclass(frozen=True)
class Reader:
    """The value found at `path` of the file `source`; files that it names are looked for in
    `folders`, first beside the config.
    """

    value: Any
    source: str
    path: tuple[str | int, ...] = ()
    folders: tuple[Path, ...] = (Path(),)

    @property
    def base(self) -> Path:
        """The folder of the config."""
        return self.folders[0]

    def error(self, message: str) -> ConfigError:
        """A `ConfigError` that says where this node stands."""
        source = self.source if self.source.isprintable() else repr(self.source)
        return ConfigError(": ".join(part for part in (source, dotted(self.path), message) if part))

    def wrong(self, wanted: str) -> ConfigError:
        """A `ConfigError` that says what this node must be and what it is."""
        return self.error(f"must be {wanted}, found {shown(self.value)}")

    def child(self, key: str | int, value: Any) -> Reader:
        """The node `value` below this one."""
        if len(self.path) >= DEEPEST:
            raise self.error(f"nested more than {DEEPEST} levels deep; flatten it")
        return Reader(value, self.source, (*self.path, key), self.folders)

    def entries(self) -> dict[str, Reader]:
        """The entries of a mapping with keys of the user's choice, in order."""
        if not isinstance(self.value, Mapping):
            raise self.wrong("a mapping (key: value)")
        for key in self.value:
            if not isinstance(key, str):
                remedy = (
                    "; YAML 1.1 reads on, yes, off and no as true and false: quote it"
                    if key in (0, 1)
                    else ""
                )
                raise self.error(f"a key must be text, found {shown(key)}{remedy}")
        return {key: self.child(key, value) for key, value in self.value.items()}

    def fields(
        self,
        known: Collection[str],
        required: Collection[str] = (),
        hints: Mapping[str, str] | None = None,
    ) -> dict[str, Reader]:
        """The entries of a mapping with `known` keys only; null means not given; `hints` answer
        frequent mistakes.
        """
        entries = self.entries()
        for key, entry in entries.items():
            if key not in known:
                hint = (hints or {}).get(key) or answer(key, known)
                advice = f"; {hint}" if hint else did_you_mean(key, known)
                raise entry.error(f"unknown key{advice} (known keys: {listed(known)})")
        given = {key: entry for key, entry in entries.items() if entry.value is not None}
        for key in required:
            if key not in given:
                raise self.error(f"missing key {key!r} (needed: {listed(required)})")
        return given

    def items(self, wanted: str = "a list", least: int = 0, most: int = 10_000) -> list[Reader]:
        """The elements of a list of `least` to `most` elements."""
        if not isinstance(self.value, list | tuple):
            raise self.wrong(wanted)
        if not least <= len(self.value) <= most:
            bound = least if len(self.value) < least else most
            rule = "exactly" if least == most else "at least" if bound == least else "at most"
            raise self.error(
                f"must hold {rule} {bound} element{'s' if bound != 1 else ''}, found"
                f" {len(self.value)}"
            )
        return [self.child(index, value) for index, value in enumerate(self.value)]

    def items_or_one(
        self, wanted: str = "a value or a list", least: int = 0, most: int = 10_000
    ) -> list[Reader]:
        """The elements of a list, or this node alone when it is a single text or number."""
        return [self] if isinstance(self.value, str | Real) else self.items(wanted, least, most)

    def flag(self) -> bool:
        """True or false, nothing that resembles them."""
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def number(
        self, least: float = -LARGEST, most: float = LARGEST, *, above: float | None = None
    ) -> float:
        """A finite number in [least, most], and greater than `above` when that is given."""
        value = self._finite("a number", "a finite number")
        if above is not None and not above < value <= most:
            limit = "" if most >= LARGEST else f" and at most {most:g}"
            raise self.wrong(f"a number greater than {above:g}{limit}")
        if not least <= value <= most:
            raise self.wrong(f"a number {_bounds(least, most)}")
        return value

    def _finite(self, wanted: str, finite: str) -> float:
        value = self.value
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if not is_number and not (isinstance(value, str) and NUMBER.fullmatch(value.strip())):
            raise self.error(f"must be {wanted}, found {shown(value)}{_unit_hint(value)}")
        try:
            number = float(value)
        except (OverflowError, ValueError):
            number = math.inf
        if not math.isfinite(number):
            raise self.wrong(finite)
        return number

    def integer(self, least: int, most: int) -> int:
        """An integer in [least, most]; 1e3 and 1000.0 are integers too."""
        wanted = f"an integer from {least} to {most}"
        value = self.value
        written = isinstance(value, str) and len(value) <= 30 and INTEGER.fullmatch(value.strip())
        if written or (isinstance(value, Integral) and not isinstance(value, bool)):
            number = int(value)
        else:
            real = self._finite(wanted, wanted)
            if real != math.floor(real) or abs(real) > 2**53:
                raise self.wrong(wanted)
            number = int(real)
        if not least <= number <= most:
            raise self.wrong(wanted)
        return number

    def text(self) -> str:
        """A non-empty text of at most 4000 characters without control characters, stripped."""
        if not isinstance(self.value, str):
            raise self.wrong("a text")
        if len(self.value) > LONGEST_TEXT:
            raise self.error(
                f"must have at most {LONGEST_TEXT} characters, found {len(self.value)}; shorten it"
            )
        character = control_character(self.value)
        if character:
            raise self.error(f"must not hold the control character {character}; remove it")
        if not self.value.strip():
            raise self.error("must not be empty")
        return self.value.strip()

    def formula(self) -> str:
        """A text on one line, or a finite number as text; what it means is checked by the parser of
        formulas.
        """
        if isinstance(self.value, Real) and not isinstance(self.value, bool):
            number = self.number()
            return str(int(self.value)) if isinstance(self.value, Integral) else repr(number)
        if not isinstance(self.value, str):
            raise self.wrong("a formula (text)")
        return " ".join(self.text().split())

    def choice(self, known: Collection[str]) -> str:
        """One of the `known` words."""
        if not isinstance(self.value, str) or self.value not in known:
            advice = did_you_mean(self.value, known) if isinstance(self.value, str) else ""
            raise self.error(f"must be one of {listed(known)}, found {shown(self.value)}{advice}")
        return self.value


def _bounds(least: float, most: float) -> str:
    if least == -most:
        return f"of magnitude at most {most:g}"
    if most >= LARGEST:
        return f"of at least {least:g}"
    return f"from {least:g} to {most:g}"


def _unit_hint(value: Any) -> str:
    """What to do about `20 mm` and `5 %`, which are no numbers."""
    if not isinstance(value, str) or (number := NUMBER.match(value.strip())) is None:
        return ""
    rest = value.strip()[number.end() :].strip()
    if rest == "%":
        return f"; write a share, {float(number[0]) / 100:g}"
    if rest and all(letter.isalpha() or letter in "°µ/*^()0123456789" for letter in rest):
        return "; a number has no unit here: use one system of units, and name it in problem.units"
    return ""
