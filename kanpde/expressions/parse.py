"""From text to nodes, by recursive descent over tokens; nothing is ever evaluated as Python.

    equation := sum '=' sum          (becomes left − right)

with the rest of the grammar in `descent`.

Definitions are parsed when a formula reaches them, those they use first, each once. Every mistake
is one ConfigError: where, formula, what was found, what to write instead, character.
"""

from __future__ import annotations

from kanpde.errors import ConfigError
from kanpde.expressions.calculus import Meter
from kanpde.expressions.comparisons import Condition
from kanpde.expressions.complex_values import ComplexOperators
from kanpde.expressions.descent import Parser
from kanpde.expressions.operators import Operators
from kanpde.expressions.scope import Scope
from kanpde.expressions.source import Source, Token
from kanpde.expressions.tree import Node
from kanpde.expressions.values import Value

MAX_WORK = 60_000
"""Elementary steps that one formula may take with all its definitions."""

WORK_OF_PAIRS = 15
"""Further steps for every pair of coordinates, so that a quadratic form of all fits."""


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


def _parser(source: Source, tokens: list[Token], scope: Scope) -> Parser:
    """A parser that knows the values of all definitions the tokens need."""
    meter = Meter(MAX_WORK + WORK_OF_PAIRS * scope.dimension**2)
    operators = ComplexOperators(Operators(scope, meter))
    known: dict[str, Value] = {}
    parser = Parser(source, tokens, scope=scope, operators=operators, known=known)
    parser.sides = {name: _parser(source, tokens, side) for name, side in scope.sides.items()}
    for side in parser.sides.values():
        side.indices.bound = parser.indices.bound  # one text, so the same indices in it
    for name, (inner, words) in _needed(parser, meter).items():
        definition = Parser(inner, words, scope=scope, operators=operators, known=known)
        value = definition.choice()
        definition.expect_end()
        known[name] = value
    return parser


def _needed(parser: Parser, meter: Meter) -> dict[str, tuple[Source, list[Token]]]:
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
            inner = Parser(
                source, source.tokens(), scope=parser.scope, operators=parser.operators, known={}
            )
            inner.build(inner.tokens[0], meter.spend, len(inner.tokens))
            texts[name] = (source, inner.tokens)
            path[name] = None
            stack.append((name, True))
            stack.extend((used, False) for used in reversed(inner.definition_names()))
    return ordered
