"""The text of a formula, its tokens, and the one-line message that points into it.

number: 12  0.5  .5  2.  1e-9  1E3 · name: a letter, then letters, digits, _
symbols: + - * / ** ( ) [ ] , = < <= > >= !=
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from kanpde.errors import ConfigError
from kanpde.names import LONGEST_NAME

MAX_CHARACTERS = 4000
"""Longest formula."""

SHOWN = 60
"""Characters of a formula that a message shows."""

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<symbol>\*\*|==|!=|<=|>=|[-+*/()\[\],=<>])"
    r"|(?P<space>[ \t\r\n]+)"
)
_HINTS = {
    "^": "use '**' for powers",
    ";": "one formula per entry",
    "{": "use parentheses",
    "}": "use parentheses",
    "&": "use 'and'",
    "|": "use 'or' between conditions, abs(x) for a size",
    "!": "compare by < or >; n! is gamma(n + 1)",
    ".": "a function goes by its name alone: exp(x)",
    "'": "a derivative is dx(u), dxx(u), d(u, x)",
    "_": "a name begins with a letter",
    "%": "there is neither a remainder nor a percent: write 0.05 for 5 %",
    "\\": "write laplacian(u), dx(u), pi and so on in place of LaTeX",
}
_UNICODE_HINTS = {
    0x2212: "-", 0xD7: "*", 0xB7: "*", 0x22C5: "*", 0xB2: "**2", 0xB3: "**3", 0x3C0: "pi",
    0x2202: "dx(u), dt(u) and so on", 0x221E: "the ends of a domain, which are finite",
    0x221A: "sqrt(...)", 0x394: "laplacian(...)", 0x2206: "laplacian(...)", 0x2207: "grad(...)",
}  # fmt: skip


@dataclass(frozen=True)
class Token:
    """One word of a formula; `kind` is number, name, symbol or end, `position` counts characters
    from 0.
    """

    kind: str
    text: str
    position: int

    @property
    def shown(self) -> str:
        """The token as a message names it."""
        return "the end" if self.kind == "end" else f"'{self.text[:LONGEST_NAME]}'"


@dataclass(frozen=True)
class Source:
    """A formula as typed and where it stands (`where`, for example problem.equations[0])."""

    where: str
    text: str

    def excerpt(self, position: int) -> str:
        """At most 60 characters around the position, printable and on one line."""
        text, start, end = self.text, 0, len(self.text)
        if end > SHOWN:
            start = max(0, min(position - SHOWN // 2, end - SHOWN))
            end = start + SHOWN
            before = "..." if start else ""
            after = "..." if end < len(text) else ""
            text = before + text[start + len(before) : end - len(after)] + after
        return "".join(map(_printable, text))

    def error(self, message: str, position: int = 0) -> ConfigError:
        """The error to raise: where, formula, message, character (from 1)."""
        return ConfigError(
            f"{self.where}: '{self.excerpt(position)}': {message} (character {position + 1})"
        )

    def tokens(self) -> list[Token]:
        """The tokens, an `end` token last; ConfigError for a character, length or number that is
        not allowed.
        """
        if len(self.text) > MAX_CHARACTERS:
            raise self.error(
                f"the formula has {len(self.text)} characters, the limit is {MAX_CHARACTERS}"
            )
        if not self.text.strip():
            raise self.error("the formula is empty")
        tokens: list[Token] = []
        position = 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self.error(_stranger(self.text[position]), position)
            kind, text = str(match.lastgroup), match.group()
            if kind == "name" and len(text) > LONGEST_NAME:
                raise self.error(
                    f"a name has {len(text)} characters, the limit is {LONGEST_NAME}", position
                )
            if kind != "space":
                tokens.append(Token(kind, text, position))
            position = match.end()
        return [*tokens, Token("end", "", len(self.text))]


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character in "\t\r\n" else "?"


_CURLED = "\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
_OF_UNITS = "\u00b0\u00b5\u2103\u2126\u03a9"
_GREEK = re.compile(r"GREEK (?:SMALL|CAPITAL) LETTER (\w+)")
_QUOTES = "put the formula between plain quotes, \"...\" or '...'"


def _stranger(character: str) -> str:
    code = ord(character)
    if code > 126 or code < 32:
        remedy = _QUOTES if character in _CURLED else "formulas are plain ASCII"
        if letter := _GREEK.fullmatch(unicodedata.name(character, "")):
            remedy = f"write {letter[1].lower()}"
        if character in _OF_UNITS:
            remedy = "a formula has no units: write the number alone, and its unit in problem.units"
        if code in _UNICODE_HINTS:
            remedy = f"write {_UNICODE_HINTS[code]}"
        return f"the character U+{code:04X} is not allowed, {remedy}"
    remedy = f", {_HINTS[character]}" if character in _HINTS else ""
    return f"unexpected character '{character}'{remedy}"
