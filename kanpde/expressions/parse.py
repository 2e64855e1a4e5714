"""From text to nodes, by recursive descent over tokens; nothing is ever evaluated as Python.

    equation := sum '=' sum          (becomes left − right)
    sum      := product (('+' | '-') product)*
    product  := unary (('*' | '/') unary)*
    unary    := ('+' | '-')* power
    power    := atom ('**' unary)?   (so -x**2 is -(x**2), and 2**3**2 is 2**(3**2))
    atom     := number | name | name '(' choice (',' choice)* ')' | '(' choice ')' | '[' sum (',' sum)* ']'
    choice   := both ('or' both)*
    both     := compared ('and' compared)*
    compared := sum (('<' | '<=' | '>' | '>=') sum)*

A comparison is the first argument of `where` and nothing else.
Definitions are parsed when a formula reaches them, those they use first, each once. Every mistake
is one ConfigError: where, formula, what was found, what to write instead, character.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

from kanpde.errors import ConfigError
from kanpde.expressions.calculus import Meter
from kanpde.expressions.comparisons import Both, Condition, Either
from kanpde.expressions.operators import COMPARISON_ALONE, Operators, Value, Vector
from kanpde.expressions.scope import JUMP, Scope
from kanpde.expressions.simplify import MINUS_ONE, number
from kanpde.expressions.source import Source, Token
from kanpde.expressions.tree import (
    Constant,
    Coordinate,
    Derivative,
    Field,
    FormulaError,
    Node,
    Number,
)

MAX_DEPTH = 60
"""Levels of brackets and powers, so that the recursion of the parser ends."""

COMPARISONS = ("<", "<=", ">", ">=")

MAX_WORK = 60_000
"""Elementary steps that one formula may take with all its definitions."""

Result = TypeVar("Result")


def parse_equation(text: str, scope: Scope) -> Node:
    """left − right of a scalar equation with exactly one '='; ConfigError otherwise."""
    source = Source(scope.where, text)
    tokens = source.tokens()
    signs = [token for token in tokens if token.text in ("=", "==")]
    if len(signs) != 1:
        place = signs[1].position if signs else 0
        raise source.error(
            f"an equation needs exactly one '=', found {len(signs) or 'none'}", place
        )
    parser = _parser(source, tokens, scope)
    left = parser.sum()
    parser.expect("=")
    right = parser.sum()
    (sign,) = signs
    return parser.finish(parser.build(sign, parser.operators.difference, left, right))


def parse_expression(text: str, scope: Scope) -> Node:
    """The node of a scalar formula without '='; ConfigError when it is not one."""
    source = Source(scope.where, text)
    tokens = source.tokens()
    for token in tokens:
        if token.text == "=":
            raise source.error(
                "'=' is not allowed here, a formula without '=' is expected", token.position
            )
    parser = _parser(source, tokens, scope)
    return parser.finish(parser.sum())


def parse_condition(text: str, scope: Scope) -> Node:
    """1 where a comparison such as `x < 0.5 and y > 0` holds, else 0; ConfigError when it is
    none.
    """
    source = Source(scope.where, text)
    parser = _parser(source, source.tokens(), scope)
    value = parser.choice()
    parser.expect_end()
    if not isinstance(value, Condition):
        raise source.error("a comparison is expected, such as x < 0.5 and y > 0")
    return value.mark()


def check_definition(name: str, scope: Scope) -> None:
    """ConfigError when the definition `name` is no formula, scalar or vector."""
    source = Source(scope.where, name)
    _parser(source, source.tokens(), scope).choice()


def _parser(source: Source, tokens: list[Token], scope: Scope) -> _Parser:
    """A parser that knows the values of all definitions the tokens need."""
    meter = Meter(MAX_WORK)
    operators = Operators(scope, meter)
    known: dict[str, Value] = {}
    parser = _Parser(source, tokens, scope=scope, operators=operators, known=known)
    parser.sides = {name: _parser(source, tokens, side) for name, side in scope.sides.items()}
    for name, (inner, words) in _needed(parser, meter).items():
        definition = _Parser(inner, words, scope=scope, operators=operators, known=known)
        value = definition.choice()
        definition.expect_end()
        known[name] = value
    return parser


def _needed(parser: _Parser, meter: Meter) -> dict[str, tuple[Source, list[Token]]]:
    """The definitions that the parser's tokens reach, those used by others first; ConfigError for a
    cycle.
    """
    texts: dict[str, tuple[Source, list[Token]]] = {}
    ordered: dict[str, tuple[Source, list[Token]]] = {}
    path: dict[str, None] = {}
    # Depth first without recursion: a name is pushed a second time, as finished, below the names
    # that its own text uses. `path` are the names that are open, so one met again closes a cycle.
    stack = [(name, False) for name in reversed(parser.definition_names())]
    while stack:
        name, finished = stack.pop()
        if finished:
            del path[name]
            ordered[name] = texts[name]
        elif name in path:
            names = list(path)
            cycle = " -> ".join([*names[names.index(name) :], name])
            raise ConfigError(f"{parser.scope.where}: definitions: {cycle} is a cycle")
        elif name not in ordered:
            source = Source(
                f"{parser.scope.where}: definition '{name}'", parser.scope.definitions[name]
            )
            inner = _Parser(
                source, source.tokens(), scope=parser.scope, operators=parser.operators, known={}
            )
            inner.build(inner.tokens[0], meter.spend, len(inner.tokens))
            texts[name] = (source, inner.tokens)
            path[name] = None
            stack.append((name, True))
            stack.extend((used, False) for used in reversed(inner.definition_names()))
    return ordered


class _Parser:
    """Recursive descent over the tokens of one formula; depth is limited, so the recursion is."""

    def __init__(
        self,
        source: Source,
        tokens: list[Token],
        scope: Scope,
        operators: Operators,
        known: Mapping[str, Value],
    ) -> None:
        self.source = source
        self.tokens = tokens
        self.scope = scope
        self.operators = operators
        self.sides: Mapping[str, _Parser] = {}
        # The values of the definitions, which fill up while the parser waits: shared, not copied.
        self._known = known
        self._next = 0
        self._depth = 0

    def definition_names(self) -> list[str]:
        """The definitions named in the tokens, each once."""
        names = [token.text for token in self.tokens if token.text in self.scope.definitions]
        return list(dict.fromkeys(names))

    def build(self, token: Token, function: Callable[..., Result], *args: object) -> Result:
        """function(*args), with its FormulaError placed at the token."""
        try:
            return function(*args)
        except FormulaError as error:
            raise self.source.error(str(error), token.position) from None

    def finish(self, value: Value) -> Node:
        """The scalar at the end of the formula."""
        self.expect_end()
        if isinstance(value, Condition):
            raise self.source.error(COMPARISON_ALONE)
        if isinstance(value, Vector):
            count = len(value.components)
            raise self.source.error(f"a scalar is expected, found a vector with {count} components")
        return value

    def expect(self, symbol: str) -> None:
        """Step over the symbol, or say what stands there instead."""
        if self._token.text != symbol:
            raise self._unexpected(f"expected '{symbol}'")
        self._next += 1

    def expect_end(self) -> None:
        """Say what stands after a complete formula."""
        if self._token.kind != "end":
            raise self._unexpected("expected an operator or the end")

    def sum(self) -> Value:
        """product (('+' | '-') product)*"""
        first = self._token
        terms = [self._product()]
        while self._token.text in ("+", "-"):
            sign = self._take()
            term = self._product()
            terms.append(self._negative(sign, term) if sign.text == "-" else term)
        return terms[0] if len(terms) == 1 else self.build(first, self.operators.sum, terms)

    def choice(self) -> Value:
        """both ('or' both)*"""
        return self._joined("or", self._both, Either)

    def _both(self) -> Value:
        return self._joined("and", self._compared, Both)

    def _joined(
        self, word: str, rule: Callable[[], Value], join: Callable[[tuple[Condition, ...]], Value]
    ) -> Value:
        """Conditions with a word between them, or one value of any kind."""
        first = rule()
        if self._token.text != word:
            return first
        parts = [self._condition(first)]
        while self._token.text == word:
            self._next += 1
            parts.append(self._condition(rule()))
        return join(tuple(parts))

    def _condition(self, value: Value) -> Condition:
        if isinstance(value, Condition):
            return value
        raise self.source.error(
            "'and' and 'or' stand between comparisons, as in x > 0 and y < 1", self._token.position
        )

    def _compared(self) -> Value:
        left = self.sum()
        parts: list[Condition] = []
        while self._token.text in COMPARISONS:
            sign = self._take()
            right = self.sum()
            parts.append(self.build(sign, self.operators.compared, sign.text, left, right))
            left = right
        if not parts:
            return left
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    @property
    def _token(self) -> Token:
        return self.tokens[self._next]

    def _take(self) -> Token:
        token = self._token
        self._next += 1
        return token

    def _unexpected(self, rule: str) -> ConfigError:
        token = self._token
        before = self.tokens[self._next - 1] if self._next else None
        remedy = ""
        ends = before is not None and (before.kind in ("number", "name") or before.text == ")")
        if ends and (token.kind in ("number", "name") or token.text == "("):
            remedy = "; write '*' for a product"
        if before is not None and before.kind == "number" and token.text == ",":
            remedy = "; a decimal number has a point, as in 0.2"
        if token.text == "==":
            remedy = "; write '='"
        if token.text in COMPARISONS:
            remedy = "; a comparison stands in where(condition, value, other)"
        return self.source.error(f"{rule}, found {token.shown}{remedy}", token.position)

    def _negative(self, sign: Token, value: Value) -> Value:
        return self.build(sign, self.operators.product, (MINUS_ONE, value))

    def _product(self) -> Value:
        first = self._token
        factors = [self._unary()]
        while self._token.text in ("*", "/"):
            sign = self._take()
            factor = self._unary()
            if sign.text == "*":
                factors.append(factor)
                continue
            match factors, factor:
                case [Number() as top], Number():  # 1/3 rounded once, not as 1·(1/3)
                    factors = [self.build(sign, self.operators.quotient, top, factor)]
                case _:
                    factors.append(self.build(sign, self.operators.inverse, factor))
        if len(factors) == 1:
            return factors[0]
        return self.build(first, self.operators.product, factors)

    def _unary(self) -> Value:
        negative = None
        while self._token.text in ("+", "-"):
            sign = self._take()
            if sign.text == "-":
                negative = None if negative else sign
        value = self._power()
        return self._negative(negative, value) if negative else value

    def _power(self) -> Value:
        base = self._atom()
        if self._token.text != "**":
            return base
        sign = self._take()
        exponent = self._nested(self._unary)
        return self.build(sign, self.operators.power, base, exponent)

    def _nested(self, rule: Callable[[], Result]) -> Result:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.source.error(
                f"the formula is nested deeper than {MAX_DEPTH} levels", self._token.position
            )
        result = rule()
        self._depth -= 1
        return result

    def _atom(self) -> Value:
        token = self._token
        if token.kind == "number":
            return self.build(self._take(), number, float(token.text))
        if token.kind == "name":
            self._next += 1
            return self._call(token) if self._token.text == "(" else self._name(token)
        if token.text == "(":
            self._next += 1
            value = self._nested(self.choice)
            self.expect(")")
            return value
        if token.text == "[":
            return self._bracket()
        raise self._unexpected("expected an expression")

    def _list(self, closing: str) -> list[Value]:
        """The comma-separated values after an opening bracket, and the closing one."""
        self._next += 1
        values: list[Value] = []
        if self._token.text != closing:
            values.append(self._nested(self.choice))
            while self._token.text == ",":
                self._next += 1
                values.append(self._nested(self.choice))
        self.expect(closing)
        return values

    def _bracket(self) -> Value:
        token = self._token
        values = self._list("]")
        components = tuple(value for value in values if isinstance(value, Node))
        if not values or len(components) < len(values):
            raise self.source.error("a vector [a, b] needs scalar components", token.position)
        return Vector(components)

    def _call(self, name: Token) -> Value:
        if not self.scope.is_call(name.text):
            raise self.source.error(self.scope.unknown_call(name.text), name.position)
        if name.text in self.scope.side_names():
            return self._on_sides(name)
        return self.build(name, self.operators.apply, name.text, self._list(")"))

    def _on_sides(self, name: Token) -> Value:
        """REGION '(' sum ')' is the sum read there; 'jump' '(' sum ')' that of the first region
        minus that of the second.
        """
        self.expect("(")
        # The parser of each side reads the same tokens from here, with its own names.
        start, values = self._next, []
        sides = list(self.sides.values()) if name.text == JUMP else [self.sides[name.text]]
        for side in sides:
            side._next, side._depth = start, self._depth
            values.append(side._nested(side.sum))
            self._next = side._next
        self.expect(")")
        if name.text == JUMP:
            return self.build(name, self.operators.difference, *values)
        (value,) = values
        return value

    def _name(self, token: Token) -> Value:
        name, scope = token.text, self.scope
        if name in scope.coordinates:
            return Coordinate(scope.coordinates.index(name))
        if name in scope.unknowns:
            return Derivative(scope.first + scope.unknowns.index(name), (0,) * scope.dimension)
        if name in scope.parameters:
            return number(scope.parameters[name])
        if name in scope.constants:
            return Constant(scope.constants.index(name))
        if name in scope.columns:
            return Coordinate(scope.dimension + scope.columns.index(name))
        if name in scope.grids:
            return Field(scope.grids[name], (0,) * len(scope.spatial))
        if name in scope.definitions:
            return self._known[name]
        if name == "pi":
            return Number(math.pi)
        if scope.is_normal(name):
            return self.build(token, self.operators.normal, name)
        raise self.source.error(scope.unknown_value(name), token.position)
