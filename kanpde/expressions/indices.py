"""Indices of `sum` and `prod`, which run over the coordinates of space.

    sum(i, e) = Σ_i e(i),    prod(j, j != i, e) = Π_{j ≠ i} e(j),    i, j = 1 … d,    x[i] is coordinate i

An index is a whole number inside its sum or product and unknown outside. The text of a body is read
once for every value of the indices that stand in it: a product over j that names no other index
costs d readings in whatever sums it stands.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field

from kanpde.expressions.scope import Scope
from kanpde.expressions.simplify import number
from kanpde.expressions.source import Token
from kanpde.expressions.tree import Coordinate, FormulaError, Node, Number
from kanpde.expressions.values import Value

RELATIONS: dict[str, Callable[[float, float], bool]] = {
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""How two indices are compared."""

COORDINATE = "x"
"""The name that takes an index: x[i] is coordinate i of space, whatever it is called."""

Place = tuple[int, tuple[tuple[str, int], ...]]


@dataclass(frozen=True)
class Text:
    """What stands in brackets: the number of the token that closes them, whether a comma stands
    there outside of inner brackets, and its words.
    """

    end: int
    comma: bool
    names: frozenset[str]


@dataclass
class Indices:
    """The indices that are bound where a parser stands, and the bodies that it has read."""

    scope: Scope
    bound: dict[str, int] = field(default_factory=dict)
    read: dict[Place, tuple[Value, int]] = field(default_factory=dict)
    texts: dict[int, Text] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many values an index has: the coordinates of space."""
        return len(self.scope.spatial)

    def check(self, word: str, token: Token) -> None:
        """FormulaError unless the token can name a new index of `word`."""
        name = token.text
        if token.kind != "name":
            raise FormulaError(
                f"'{word}' begins with the name of an index, as in {word}(i, x[i]), found"
                f" {token.shown}"
            )
        if name in self.bound:
            raise FormulaError(f"'{name}' is an index here already; take another name, such as k")
        if name in self.scope.value_names() or self.scope.is_call(name):
            raise FormulaError(
                f"'{name}' has a meaning already and cannot be an index; take another name, such as"
                f" i"
            )

    def value(self, name: str) -> Number | None:
        """The number that an index stands for, None for any other name."""
        return number(float(self.bound[name])) if name in self.bound else None

    def coordinate(self, value: Value) -> Node:
        """x[value]."""
        d = self.count
        if not isinstance(value, Number) or not value.value.is_integer():
            raise FormulaError(
                f"x[...] takes a whole number or an index, from x[1] to x[{d}], as in"
                f" sum(i, x[i]**2)"
            )
        if not 1 <= value.value <= d:
            raise FormulaError(
                f"x[{value.value:g}] does not exist, the coordinates of space are x[1] to x[{d}];"
                f" restrict the index, as in sum(i, i < {d}, x[i]*x[i + 1])"
            )
        return Coordinate(self.scope.spatial[int(value.value) - 1])

    def holds(self, sign: str, left: Value, right: Value) -> bool:
        """Whether a comparison of whole numbers holds."""
        if not isinstance(left, Number) or not isinstance(right, Number):
            raise FormulaError(
                "the condition of an index compares indices and numbers alone, as in j != i"
            )
        return RELATIONS[sign](left.value, right.value)

    def text(self, tokens: list[Token], start: int) -> Text:
        """What stands from token `start` to the bracket that closes it."""
        if start not in self.texts:
            self.texts[start] = _text(tokens, start)
        return self.texts[start]

    def place(self, tokens: list[Token], start: int) -> Place:
        """What the value of the body that begins with token `start` depends on."""
        names = self.text(tokens, start).names
        known = tuple((name, at) for name, at in sorted(self.bound.items()) if name in names)
        return start, known


def _text(tokens: list[Token], start: int) -> Text:
    depth, comma, place = 0, False, start
    for place in range(start, len(tokens)):
        depth += (tokens[place].text in ("(", "[")) - (tokens[place].text in (")", "]"))
        comma = comma or (tokens[place].text == "," and not depth)
        if depth < 0:
            break
    names = frozenset(token.text for token in tokens[start:place])
    return Text(place, comma, names)
