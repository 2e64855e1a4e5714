"""A formula as MathML, as it was typed: nothing is expanded or simplified, and names keep their
definitions to themselves.

    dxx(u) + k*laplacian(v)/2 = f**2   becomes   ∂ₓₓu + k Δv / 2 = f²

Text that is no formula is shown as it is, so a page can always be made.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from kanpde.errors import ConfigError
from kanpde.expressions.source import Source, Token

DEEPEST = 60
"""Levels of brackets, powers and signs."""

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ",
    "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ",
    "omega": "ω",
}  # fmt: skip
_DERIVATIVE = re.compile(r"d([xyznt]{1,8})")
_OPERATORS = {"laplacian": "Δ", "grad": "∇", "div": "∇·", "curl": "∇×"}
_SIGNS = {"*": "·", "-": "−", "<=": "≤", ">=": "≥", "==": "="}


def mathml(text: str) -> str:
    """A `<math>` element for a formula or an equation, or `<code>` where it cannot be read."""
    try:
        reader = _Reader(Source("formula", text).tokens())
        body = reader.whole()
    except (ConfigError, _Unread):
        return f"<code>{escape(text)}</code>"
    return f'<math display="block">{body}</math>'


class _Unread(Exception):
    """The text is no formula."""


def name_of(word: str) -> str:
    """An identifier: Greek letters by their names, what stands behind `_` as an index."""
    stem, _, index = word.partition("_")
    shown = f"<mi>{escape(_GREEK.get(stem, stem))}</mi>"
    return f"<msub>{shown}<mi>{escape(index)}</mi></msub>" if index and stem else shown


def _row(*parts: str) -> str:
    return f"<mrow>{''.join(parts)}</mrow>"


def _sign(text: str) -> str:
    return f"<mo>{escape(_SIGNS.get(text, text))}</mo>"


def _bracketed(inner: str, left: str = "(", right: str = ")") -> str:
    return _row(_sign(left), inner, _sign(right))


class _Reader:
    """Recursive descent over the tokens of one formula."""

    def __init__(self, tokens: list[Token]) -> None:
        self._words = [token.text for token in tokens if token.text]
        self._at = 0
        self._depth = 0

    def whole(self) -> str:
        """The whole text."""
        body = self._chain(("=", "==", "<", "<=", ">", ">=", "and", "or"), self._sum)
        if self._at < len(self._words):
            raise _Unread
        return body

    def _next(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _take(self, expected: str = "") -> str:
        word = self._next()
        if not word or (expected and word != expected):
            raise _Unread
        self._at += 1
        return word

    def _chain(self, signs: tuple[str, ...], part: Callable[[], str]) -> str:
        """Parts with signs between them."""
        pieces = [part()]
        while self._next() in signs:
            pieces += [_sign(self._take()), part()]
        return "".join(pieces)

    def _sum(self) -> str:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _Unread
        body = self._chain(("+", "-"), self._product)
        self._depth -= 1
        return body

    def _product(self) -> str:
        """Factors; what is divided by the next factor becomes a fraction with all before it."""
        factors = [self._unary()]
        while self._next() in ("*", "/"):
            if self._take() == "*":
                factors += [_sign("*"), self._unary()]
            else:
                factors = [f"<mfrac>{_row(*factors)}{_row(self._unary())}</mfrac>"]
        return "".join(factors)

    def _unary(self) -> str:
        signs = []
        while self._next() in ("+", "-"):
            signs.append(_sign(self._take()))
        return "".join(signs) + self._power()

    def _power(self) -> str:
        base = self._atom()
        if self._next() != "**":
            return base
        self._take()
        self._depth += 1
        if self._depth > DEEPEST:
            raise _Unread
        exponent = self._unary()
        self._depth -= 1
        return f"<msup>{_row(base)}{_row(exponent)}</msup>"

    def _atom(self) -> str:
        word = self._take()
        if word in ("(", "["):
            closing = ")" if word == "(" else "]"
            inner = _sign(",").join(self._arguments("]")) if word == "[" else self._inside()
            return _bracketed(inner, word, closing)
        if word[0].isdigit() or word[0] == ".":
            return f"<mn>{escape(word)}</mn>"
        if not word.replace("_", "a").isalnum():
            raise _Unread
        if self._next() == "(":
            self._take()
            return self._call(word, self._arguments(")"))
        return name_of(word)

    def _inside(self) -> str:
        inner = self._choice()
        self._take(")")
        return inner

    def _choice(self) -> str:
        return self._chain(("<", "<=", ">", ">=", "and", "or"), self._sum)

    def _arguments(self, closing: str) -> list[str]:
        arguments = [self._choice()]
        while self._next() == ",":
            self._take()
            arguments.append(self._choice())
        self._take(closing)
        return arguments

    def _call(self, word: str, arguments: list[str]) -> str:
        simple = len(arguments) == 1 and arguments[0].count("<m") <= 2
        inner = arguments[0] if simple else _bracketed(_sign(",").join(arguments))
        if word in _OPERATORS:
            return _row(_sign(_OPERATORS[word]), inner)
        if word == "sqrt":
            return f"<msqrt>{arguments[0]}</msqrt>"
        if word == "abs":
            return _bracketed(arguments[0], "|", "|")
        along = _DERIVATIVE.fullmatch(word)
        if along and len(arguments) == 1:
            return _row(f"<msub><mo>∂</mo><mi>{along[1]}</mi></msub>", inner)
        if word == "d" and len(arguments) > 1:
            what = arguments[0] if arguments[0].count("<m") <= 2 else _bracketed(arguments[0])
            return _row(f"<msub><mo>∂</mo>{_row(*arguments[1:])}</msub>", what)
        return _row(name_of(word), _bracketed(_sign(",").join(arguments)))
